//! Everything that is measured of a bot, as the text that Prometheus reads: every name in one place.

use super::Counters;
use super::prometheus::{Exposition, Kind};
use crate::connection::Phase;
use crate::supervisor::TreeSnapshot;

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the metrics of a bot in the text format of Prometheus, version 0.0.4.
#[must_use]
pub fn render(tree: &TreeSnapshot, counters: &Counters, dead_letters: u64) -> String {
    let mut text = Exposition::default();
    counted(&mut text, counters);
    text.single(
        "greenroom_dead_letters_total",
        Kind::Counter,
        "Events that could not be handled.",
        dead_letters,
    );
    connections(&mut text, counters);
    text.single(
        "greenroom_restarts_total",
        Kind::Counter,
        "Restarts in the whole tree.",
        tree.total_restarts(),
    );
    text.finish()
}

fn counted(text: &mut Exposition, counters: &Counters) {
    for (name, help, value) in counters.described() {
        // Others are gauges, which are reported by connection.
        if name.ends_with("_total") {
            text.single(name, Kind::Counter, help, value);
        }
    }
}

fn connections(text: &mut Exposition, counters: &Counters) {
    let all = counters.connections.report();
    text.family(
        "greenroom_connection_live",
        Kind::Gauge,
        "Whether a connection is live, 1 or 0.",
    );
    for one in &all {
        let live = u8::from(one.state == Phase::Live);
        text.series(
            "greenroom_connection_live",
            &[("platform", one.platform), ("bot", &one.bot)],
            live,
        );
    }
}
