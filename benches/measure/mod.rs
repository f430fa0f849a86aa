//! What the benches share.
#![allow(dead_code, reason = "each bench uses its part")]

use std::time::Duration;

use greenroom_actors::clock::Instant;

/// Returns nanoseconds since `start` for each of `count`.
pub(crate) fn nanos(start: Instant, count: u32) -> f64 {
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns resident bytes of this process; zero where there is no `/proc`.
pub(crate) fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or_default()
        * 4_096
}

/// Lets the runtime do what is left to do.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
