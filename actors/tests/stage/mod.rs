//! What the tests of supervision share: paused time, and a log.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;

/// Runs a test under paused time on one arbiter; panics on purpose stay out of the output.
pub(crate) fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    hush();
    System::new().block_on(async {
        tokio::time::pause();
        test().await;
    });
}

/// Runs a test from moment zero of paused time, so that it takes the same course each time.
pub(crate) fn simulated<R>(test: impl Future<Output = R>) -> R {
    hush();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

/// Keeps panics on purpose out of the output.
pub(crate) fn hush() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str();
        if text.is_some_and(|text| !text.starts_with("on purpose")) {
            eprintln!("{panic}");
        }
    }));
}

/// Lets this much time pass.
pub(crate) async fn later(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// What has happened, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
