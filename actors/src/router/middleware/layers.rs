//! The layers of one registration, from the outside in.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Call, End, Middleware, Verdict};
use crate::router::HandlerError;
use crate::supervisor::contain::{contain, text_of};

/// The layers of one registration, from the outside in; never empty.
#[derive(Clone)]
pub(crate) struct Layers(Arc<[Arc<dyn Middleware>]>);

impl Layers {
    /// Returns `None` if there are none.
    pub(crate) fn new(all: impl IntoIterator<Item = Arc<dyn Middleware>>) -> Option<Self> {
        let all: Arc<[_]> = all.into_iter().collect();
        (!all.is_empty()).then_some(Self(all))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Asks one layer.
    pub(crate) fn before(&self, layer: usize, call: &Call<'_>) -> Verdict {
        let Some(layer) = self.0.get(layer) else {
            return Verdict::Pass;
        };
        contain(|| layer.before(call)).unwrap_or_else(|panic| panicked(&panic))
    }

    /// Tells those that let the attempt pass, from the inside out.
    pub(crate) fn after(&self, passed: usize, call: &Call<'_>, end: &End<'_>, elapsed: Duration) {
        for layer in self.0.iter().take(passed).rev() {
            if let Err(panic) = contain(|| layer.after(call, end, elapsed)) {
                tracing::error!(handler = call.handler(), panic, "a middleware panicked");
            }
        }
    }
}

/// Contains the panics of a verdict that needs time.
pub(crate) fn contained(verdict: BoxFuture<'static, Verdict>) -> BoxFuture<'static, Verdict> {
    let said = AssertUnwindSafe(verdict).catch_unwind();
    said.map(|said| said.unwrap_or_else(|panic| panicked(&text_of(panic))))
        .boxed()
}

fn panicked(message: &str) -> Verdict {
    Verdict::Fail(HandlerError::transient(format!(
        "a middleware panicked: {message}"
    )))
}
