//! Asks that are made once only, however often somebody asks. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

use super::client::Outcome;
use super::limits::MAX_REMEMBERED;

/// The outcome of an ask, once there is one.
pub(super) type Awaited = watch::Receiver<Option<Outcome>>;

/// The asks that were made for a key.
#[derive(Debug, Default)]
pub(super) struct Book {
    asks: BTreeMap<Arc<str>, Awaited>,
    order: VecDeque<Arc<str>>,
}

impl Book {
    /// Returns the ask that was made for `key`, unless it surely was not carried out.
    pub(super) fn find(&self, key: &str) -> Option<Awaited> {
        let ask = self.asks.get(key)?;
        let is_void = match &*ask.borrow() {
            Some(Err(error)) => !error.may_have_run(),
            _ => false,
        };
        (!is_void).then(|| ask.clone())
    }

    /// Remembers an ask, and forgets the oldest ones that are over if there are too many.
    pub(super) fn enter(&mut self, key: &Arc<str>, ask: Awaited) {
        if self.asks.insert(Arc::clone(key), ask).is_none() {
            self.order.push_back(Arc::clone(key));
        }
        // Each is looked at once at most: those that are under way stay, whoever else has to go for them.
        for _ in 0..self.order.len() {
            if self.order.len() <= MAX_REMEMBERED {
                return;
            }
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            let is_open = |ask: &Awaited| ask.borrow().is_none() && ask.has_changed().is_ok();
            if self.asks.get(&oldest).is_some_and(is_open) {
                self.order.push_back(oldest);
            } else {
                self.asks.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payman::error::{ErrorKind, PaymanError};

    #[test]
    fn what_may_have_been_carried_out_is_remembered() {
        let mut book = Book::default();
        let mut made = |key: &str, outcome: Option<Outcome>| {
            let (tell, ask) = watch::channel(outcome);
            book.enter(&key.into(), ask);
            drop(tell);
            book.find(key).is_some()
        };
        let error = |run: bool| Some(Err(PaymanError::new(ErrorKind::Transport, "").running(run)));
        assert!(made("under way, or lost", None));
        assert!(made("may have run", error(true)));
        assert!(!made("not carried out", error(false)));
        assert!(book.find("never made").is_none());
    }

    #[test]
    fn the_book_is_bounded_and_keeps_what_is_under_way() {
        let mut book = Book::default();
        let (tell, under_way) = watch::channel(None);
        book.enter(&"under way".into(), under_way);
        for number in 0..2 * MAX_REMEMBERED {
            book.enter(&number.to_string().into(), watch::channel(None).1);
        }
        assert_eq!(book.asks.len(), MAX_REMEMBERED);
        assert_eq!(book.asks.len(), book.order.len());
        assert!(book.find("under way").is_some() && book.find("0").is_none());
        drop(tell);
    }
}
