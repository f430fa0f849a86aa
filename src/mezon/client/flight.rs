//! One call for all who want the same.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};

/// Calls that are under way, by what they ask for. A call ends with the last one who waits for it.
pub(super) struct Flights<T: Clone>(Mutex<BTreeMap<i64, WeakShared<BoxFuture<'static, T>>>>);

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> fmt::Debug for Flights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flights")
    }
}

impl<T: Clone + Send + 'static> Flights<T> {
    /// Joins the call that asks for `id`, or begins it.
    pub(super) fn join(
        &self,
        id: i64,
        begin: impl Future<Output = T> + Send + 'static,
    ) -> Shared<BoxFuture<'static, T>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way =
            |flight: &WeakShared<_>| flight.upgrade().filter(|one| one.peek().is_none());
        if let Some(flight) = flights.get(&id).and_then(under_way) {
            return flight;
        }
        flights.retain(|_, flight| under_way(flight).is_some());
        let flight = begin.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(id, weak);
        }
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;

    use super::*;

    #[actix_rt::test]
    async fn those_who_ask_together_get_one_answer_and_the_next_another() {
        let (flights, calls) = (Flights::default(), Arc::new(AtomicU32::new(0)));
        let ask = || {
            let calls = Arc::clone(&calls);
            flights.join(7, async move {
                tokio::task::yield_now().await;
                calls.fetch_add(1, Ordering::Relaxed)
            })
        };
        assert_eq!(join_all((0..10).map(|_| ask())).await, [0; 10]);
        assert_eq!(ask().await, 1);
        drop(ask());
        assert_eq!(ask().await, 2, "what nobody waits for is not made");
    }
}
