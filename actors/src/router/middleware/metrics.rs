//! How long handlers take.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;

use super::{Call, End, Middleware};
use crate::telemetry::{Histogram, HistogramSnapshot};

/// Measures how long each handler takes, as a histogram per handler and type of event. Clones share the figures.
///
/// Attempts that failed count too; those that were skipped or put off do not. There are as many histograms as registrations.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    all: Arc<RwLock<BTreeMap<String, ByEvent>>>,
}

/// The histograms of one handler.
type ByEvent = BTreeMap<&'static str, Arc<Histogram>>;

/// How long one handler takes for one type of event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HandlerLatency {
    /// The name of the registration.
    pub handler: String,
    /// The type of the events.
    pub event: &'static str,
    /// The times.
    #[serde(flatten)]
    pub times: HistogramSnapshot,
}

impl Metrics {
    /// Returns the figures of all handlers that have handled something.
    #[must_use]
    pub fn snapshot(&self) -> Vec<HandlerLatency> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(handler, events): (&String, &ByEvent)| {
            let handler = handler.clone();
            let events = events.iter();
            let latencies = events.map(move |(event, times)| HandlerLatency {
                handler: handler.clone(),
                event,
                times: times.snapshot(),
            });
            latencies.collect::<Vec<_>>()
        };
        all.iter().flat_map(of).collect()
    }

    fn histogram(&self, call: &Call<'_>) -> Arc<Histogram> {
        let found = {
            let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
            let events = all.get(call.handler());
            events.and_then(|events| events.get(call.event())).cloned()
        };
        found.unwrap_or_else(|| {
            let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
            let events = all.entry(call.handler().to_owned()).or_default();
            Arc::clone(events.entry(call.event()).or_default())
        })
    }
}

impl Middleware for Metrics {
    fn after(&self, call: &Call<'_>, end: &End<'_>, elapsed: Duration) {
        if matches!(end, End::Handled | End::Failed(_)) {
            self.histogram(call).observe(elapsed);
        }
    }
}
