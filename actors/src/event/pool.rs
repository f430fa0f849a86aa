//! Events that nobody has any more, to be used again: one stock for each thread and type.
//!
//! An event of the platforms is a struct of many texts. Allocating and freeing those costs more than reading them, so the memory goes
//! round: from the last clone that is dropped to the next event of the type.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::sync::Arc;

use super::event::Inner;

/// How a value is used again.
pub(super) struct Reuse<T> {
    /// Empties the payload.
    pub(super) clear: fn(&mut T),
    /// Takes it back; a function, since only whoever made the event knows that its type can be told from others.
    pub(super) put_back: fn(Arc<Inner<T>>),
}

impl<T> Clone for Reuse<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reuse<T> {}

/// The stocks of a thread. They are few, so looking through them is quicker than any map.
type Stocks = Vec<(TypeId, Box<dyn Any>)>;

type Stock<T> = Vec<Arc<Inner<T>>>;

thread_local! {
    static STOCKS: RefCell<Stocks> = const { RefCell::new(Vec::new()) };
}

/// Takes an event that nobody has.
pub(super) fn take<T: 'static>() -> Option<Arc<Inner<T>>> {
    with_stock(|stock| stock.pop()).flatten()
}

/// Takes an event back that nobody has any more.
pub(super) fn put_back<T: Send + Sync + 'static>(mut inner: Arc<Inner<T>>) {
    // Whatever it refers to ends now.
    let Some(unshared) = Arc::get_mut(&mut inner) else {
        return;
    };
    unshared.clear();
    let mut inner = Some(inner);
    with_stock(|stock| {
        if stock.len() < LIMIT {
            stock.extend(inner.take());
        }
    });
}

/// Returns nothing while the thread ends.
fn with_stock<T: 'static, R>(work: impl FnOnce(&mut Stock<T>) -> R) -> Option<R> {
    let id = TypeId::of::<T>();
    STOCKS
        .try_with(|stocks| {
            let mut stocks = stocks.try_borrow_mut().ok()?;
            let found = stocks.iter().position(|(of, _)| *of == id);
            let place = found.unwrap_or_else(|| {
                stocks.push((id, Box::new(Stock::<T>::new())));
                stocks.len() - 1
            });
            let (_, stock) = stocks.get_mut(place)?;
            stock.downcast_mut().map(work)
        })
        .ok()
        .flatten()
}

/// How many events of one type a thread keeps for later.
const LIMIT: usize = 1_024;
