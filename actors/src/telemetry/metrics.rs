//! Everything that is measured of a bot, as the text that Prometheus reads: every name in one place.
//!
//! | metric | labels | what it says |
//! |---|---|---|
//! | `greenroom_*_total` of [`Counters`] | | what the connections and the cache have done |
//! | `greenroom_dead_letters_total` | `reason` | events that could not be handled |
//! | `greenroom_connection_live` | `platform`, `bot` | 1 while the connection is live |
//! | `greenroom_connection_reconnects_total` | `platform`, `bot` | how often it came back |
//! | `greenroom_heartbeat_rtt_seconds` | `platform`, `bot` | how long the last answer took |
//! | `greenroom_nodes` | `node`, `kind`, `state` | how many actors of a node are in a state |
//! | `greenroom_mailbox_depth`, `greenroom_mailbox_oldest_seconds` | `node`, `kind` | what waits, and for how long |
//! | `greenroom_node_*_total` | `node`, `kind` | restarts; messages handled, failed, filtered, dropped, left |
//! | `greenroom_handler_events_total` | `handler`, `event`, `outcome` | what became of the events of a registration |
//! | `greenroom_handling_seconds` | `handler`, `event` | how long attempts took: a histogram |
//! | `greenroom_uptime_seconds`, `process_*` | | the process; where `/proc` is there |
//!
//! A node is named by its path. Channels, and siblings of one kind beyond 64, are one series: what is said in a thousand conversations
//! does not make a thousand series.

use std::collections::BTreeMap;

use super::prometheus::{Exposition, Kind};
use super::{Counters, process};
use crate::connection::Phase;
use crate::graph::{Graph, GraphNode};
use crate::router::Router;
use crate::supervisor::{NodeFigures, NodeKind, NodeState, TreeSnapshot};

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the metrics of a bot in the text format of Prometheus, version 0.0.4.
#[must_use]
pub fn render(tree: &TreeSnapshot, router: &Router, counters: &Counters) -> String {
    let mut text = Exposition::default();
    counted(&mut text, counters);
    dead_letters(&mut text, router);
    connections(&mut text, counters);
    nodes(&mut text, &router.graph(tree));
    handlers(&mut text, router);
    running(&mut text, counters);
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

fn dead_letters(text: &mut Exposition, router: &Router) {
    let name = "greenroom_dead_letters_total";
    text.family(name, Kind::Counter, "Events that could not be handled.");
    for (reason, number) in router.dead_letters().by_reason() {
        text.series(name, &[("reason", reason)], number);
    }
}

fn connections(text: &mut Exposition, counters: &Counters) {
    let all = counters.connections.report();
    let name = "greenroom_connection_live";
    text.family(name, Kind::Gauge, "Whether a connection is live, 1 or 0.");
    for one in &all {
        let live = u8::from(one.state == Phase::Live);
        text.series(name, &[("platform", one.platform), ("bot", &one.bot)], live);
    }
    let name = "greenroom_connection_reconnects_total";
    text.family(
        name,
        Kind::Counter,
        "How often a connection was live again after it was lost.",
    );
    for one in &all {
        let labels = [("platform", one.platform), ("bot", &one.bot)];
        text.series(name, &labels, one.reconnects);
    }
    let name = "greenroom_heartbeat_rtt_seconds";
    text.family(
        name,
        Kind::Gauge,
        "How long the answer to the last heartbeat took.",
    );
    for one in &all {
        if let Some(micros) = one.heartbeat_rtt_us {
            let labels = [("platform", one.platform), ("bot", &one.bot)];
            text.series(name, &labels, micros as f64 / 1e6);
        }
    }
}

/// A node, or a crowd of them.
#[derive(Default)]
struct Sum {
    figures: NodeFigures,
    restarts: u64,
    states: BTreeMap<&'static str, u64>,
}

fn nodes(text: &mut Exposition, graph: &Graph) {
    let mut crowds: BTreeMap<(Option<&str>, NodeKind), usize> = BTreeMap::new();
    for node in &graph.nodes {
        *crowds
            .entry((node.parent.as_deref(), node.kind))
            .or_default() += 1;
    }
    let mut sums: BTreeMap<(String, NodeKind), Sum> = BTreeMap::new();
    for node in &graph.nodes {
        let siblings = crowds.get(&(node.parent.as_deref(), node.kind));
        let label = label(node, siblings.copied().unwrap_or_default());
        let sum = sums.entry((label, node.kind)).or_default();
        sum.figures = sum.figures.plus(node.figures);
        sum.restarts += u64::from(node.restarts);
        *sum.states.entry(node.state.name()).or_default() += 1;
    }
    let name = "greenroom_nodes";
    text.family(
        name,
        Kind::Gauge,
        "How many actors of a node are in a state.",
    );
    for ((node, kind), sum) in &sums {
        for state in NodeState::ALL {
            let number = sum.states.get(state.name()).copied().unwrap_or_default();
            let labels = [
                ("node", node.as_str()),
                ("kind", kind.name()),
                ("state", state.name()),
            ];
            text.series(name, &labels, number);
        }
    }
    let mut family = |name: &str, kind, help: &str, read: &dyn Fn(&Sum) -> f64| {
        text.family(name, kind, help);
        for ((node, of), sum) in &sums {
            let labels = [("node", node.as_str()), ("kind", of.name())];
            text.series(name, &labels, read(sum));
        }
    };
    family(
        "greenroom_mailbox_depth",
        Kind::Gauge,
        "Messages that wait.",
        &|sum| sum.figures.depth as f64,
    );
    family(
        "greenroom_mailbox_oldest_seconds",
        Kind::Gauge,
        "How long the oldest message has waited; 0 if none waits.",
        &|sum| sum.figures.oldest_ms.unwrap_or_default() as f64 / 1e3,
    );
    let counters: [(&str, &str, &dyn Fn(&Sum) -> u64); 6] = [
        ("restarts", "Restarts.", &|sum| sum.restarts),
        ("handled", "Events that were handled.", &|sum| {
            sum.figures.handled
        }),
        (
            "failed",
            "Attempts to handle an event that failed.",
            &|sum| sum.figures.failed,
        ),
        (
            "filtered",
            "Events that a filter or a middleware kept away.",
            &|sum| sum.figures.filtered,
        ),
        (
            "dropped",
            "Messages dropped or given back by an overflow policy.",
            &|sum| sum.figures.dropped,
        ),
        (
            "left",
            "Messages that were left when the actor ended for good.",
            &|sum| sum.figures.left,
        ),
    ];
    for (what, help, read) in counters {
        let name = format!("greenroom_node_{what}_total");
        family(&name, Kind::Counter, help, &|sum| read(sum) as f64);
    }
}

/// Names a node by its path, or a crowd by its kind.
fn label(node: &GraphNode, siblings: usize) -> String {
    let crowd = node.kind == NodeKind::Channel || siblings > CROWD;
    match (&node.parent, crowd) {
        (Some(parent), true) => format!("{parent}/{}s", node.kind.name()),
        _ => node.id.clone(),
    }
}

fn handlers(text: &mut Exposition, router: &Router) {
    let mut all = router.handlers();
    all.sort_by(|a, b| (&a.handler, a.event).cmp(&(&b.handler, b.event)));
    // Two types of one name in one handler are one series.
    let mut sums: BTreeMap<(&str, &str), [u64; 6]> = BTreeMap::new();
    for one in &all {
        let sum = sums.entry((&one.handler, one.event)).or_default();
        let more = [
            one.handled,
            one.failed,
            one.filtered,
            one.dead,
            one.left,
            one.abandoned,
        ];
        for (sum, more) in sum.iter_mut().zip(more) {
            *sum += more;
        }
    }
    let name = "greenroom_handler_events_total";
    text.family(
        name,
        Kind::Counter,
        "What became of the events of a handler; failed counts attempts.",
    );
    for ((handler, event), sum) in &sums {
        for (outcome, number) in OUTCOMES.iter().zip(sum) {
            let labels = [
                ("handler", *handler),
                ("event", *event),
                ("outcome", outcome),
            ];
            text.series(name, &labels, number);
        }
    }
    let name = "greenroom_handling_seconds";
    text.family(name, Kind::Histogram, "How long attempts to handle took.");
    for ((handler, event), times) in router.handling_times() {
        let labels = [("handler", handler.as_str()), ("event", event)];
        text.histogram(name, &labels, &times);
    }
}

fn running(text: &mut Exposition, counters: &Counters) {
    text.single(
        "greenroom_uptime_seconds",
        Kind::Gauge,
        "How long the bot has existed.",
        counters.age().as_secs_f64(),
    );
    if let Some(bytes) = process::resident_bytes() {
        text.single(
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Resident memory size in bytes.",
            bytes,
        );
    }
    if let Some(seconds) = process::cpu_seconds() {
        text.single(
            "process_cpu_seconds_total",
            Kind::Counter,
            "Total user and system CPU time spent in seconds.",
            seconds,
        );
    }
}

const OUTCOMES: [&str; 6] = ["handled", "failed", "filtered", "dead", "left", "abandoned"];
/// So many siblings of one kind have a series each.
const CROWD: usize = 64;
