//! The graph as text for a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::snapshot::{EdgeKind, Graph, GraphNode, OUTSIDE_ID, thousands};
use super::width::{cells, one_line};
use crate::supervisor::Exit;

impl Graph {
    /// Draws the tree, and below it who publishes what to whom. Crowds of channels are summed up.
    #[must_use]
    pub fn to_text(&self) -> String {
        let graph = self.summed_up();
        let mut text = graph.tree();
        let flows = graph.flow_lines();
        if !flows.is_empty() {
            text.push_str("\n\n");
            text.push_str(&flows.join("\n"));
        }
        text
    }

    /// Draws the tree alone.
    pub(crate) fn to_tree_text(&self) -> String {
        self.summed_up().tree()
    }

    fn tree(&self) -> String {
        let mut children: BTreeMap<Option<&str>, Vec<&GraphNode>> = BTreeMap::new();
        for node in &self.nodes {
            children
                .entry(node.parent.as_deref())
                .or_default()
                .push(node);
        }
        let mut rows = Vec::new();
        for root in children.get(&None).into_iter().flatten() {
            draw(&mut rows, &children, root, "", "");
        }
        let width = rows.iter().map(|(label, _)| cells(label)).max();
        let width = width.unwrap_or_default();
        let lines = rows.iter().map(|(label, node)| {
            let gap = " ".repeat(width - cells(label));
            format!("{label}{gap}  {}", words(node))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Says for each type of events, and for the channels, who feeds it and whom it feeds.
    fn flow_lines(&self) -> Vec<String> {
        let short = self.short_names();
        let name = |id: &str| short.get(id).cloned().unwrap_or_else(|| one_line(id));
        let list = |ends: Vec<(&str, Option<u64>)>| {
            let ends = ends.into_iter().map(|(id, count)| match count {
                Some(count) => format!("{} {}", name(id), thousands(count)),
                None => name(id),
            });
            ends.collect::<Vec<_>>().join(", ")
        };
        let mut rows = Vec::new();
        for event in &self.events {
            let from = self.edges.iter().filter(|edge| edge.to == event.id);
            let to = self.edges.iter().filter(|edge| edge.from == event.id);
            let from = list(from.map(|edge| (edge.from.as_str(), edge.count)).collect());
            let to = list(to.map(|edge| (edge.to.as_str(), edge.count)).collect());
            rows.push((one_line(&event.name), format!("{from} → {to}")));
        }
        let said: BTreeSet<&str> = self
            .edges
            .iter()
            .filter(|edge| edge.kind == EdgeKind::Says)
            .map(|edge| edge.to.as_str())
            .collect();
        for channels in said {
            let from = self.edges.iter().filter(|edge| edge.to == channels);
            let from = list(from.map(|edge| (edge.from.as_str(), edge.count)).collect());
            rows.push(("replies".to_owned(), format!("{from} → {}", name(channels))));
        }
        let width = rows.iter().map(|(label, _)| cells(label)).max();
        let width = width.unwrap_or_default();
        rows.iter()
            .map(|(label, flow)| {
                let gap = " ".repeat(width - cells(label));
                format!("{label}{gap}  {}", flow.trim())
            })
            .collect()
    }

    /// Returns for each node the shortest name that no other has.
    fn short_names(&self) -> BTreeMap<&str, String> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for node in &self.nodes {
            *times.entry(&node.name).or_default() += 1;
        }
        let names = self.nodes.iter().map(|node| {
            let name = match times.get(node.name.as_str()) {
                Some(1) => &node.name,
                _ => &node.id,
            };
            (node.id.as_str(), one_line(name))
        });
        names
            .chain([(OUTSIDE_ID, "the program".to_owned())])
            .collect()
    }
}

fn draw<'a>(
    rows: &mut Vec<(String, &'a GraphNode)>,
    children: &BTreeMap<Option<&str>, Vec<&'a GraphNode>>,
    node: &'a GraphNode,
    indent: &str,
    branch: &str,
) {
    let title = one_line(&node.title());
    rows.push((format!("{indent}{branch}{title}"), node));
    let below = match branch {
        "" => String::new(),
        "└─ " => format!("{indent}   "),
        _ => format!("{indent}│  "),
    };
    let below_it = children.get(&Some(node.id.as_str()));
    let below_it = below_it.map_or(&[][..], Vec::as_slice);
    for (place, child) in below_it.iter().enumerate() {
        let last = place + 1 == below_it.len();
        let branch = if last { "└─ " } else { "├─ " };
        draw(rows, children, child, &below, branch);
    }
}

/// Says in words how a node is: its state, and every figure that is not 0.
fn words(node: &GraphNode) -> String {
    let mut text = node.state.name().to_owned();
    for part in figures(node) {
        let _ = write!(text, "  {part}");
    }
    if let Some(exit) = unclean(node) {
        let _ = write!(text, "  last exit: {exit}");
    }
    text
}

/// Returns every figure of a node that is not 0, in words.
pub(super) fn figures(node: &GraphNode) -> Vec<String> {
    let figures = node.figures;
    let oldest = figures
        .oldest_ms
        .map(|millis| format!(" (oldest {})", age(millis)));
    let mut all: Vec<String> = [
        (u64::from(node.restarts), "restarts"),
        (figures.handled, "handled"),
        (figures.failed, "failed"),
    ]
    .into_iter()
    .filter(|(value, _)| *value > 0)
    .map(|(value, name)| format!("{name} {}", thousands(value)))
    .collect();
    if figures.depth > 0 {
        let depth = thousands(figures.depth as u64);
        all.push(format!("waiting {depth}{}", oldest.unwrap_or_default()));
    }
    let lost = [
        (figures.filtered, "filtered"),
        (figures.dropped, "dropped"),
        (figures.left, "left"),
    ];
    let lost = lost.into_iter().filter(|(value, _)| *value > 0);
    all.extend(lost.map(|(value, name)| format!("{name} {}", thousands(value))));
    all
}

/// Returns why a node ended, if it did not end as it should.
pub(super) fn unclean(node: &GraphNode) -> Option<String> {
    let exit = node.last_exit.as_ref();
    let exit = exit.filter(|exit: &&Exit| !exit.is_clean())?;
    Some(one_line(&exit.to_string()))
}

/// Writes an age as a person would say it.
pub(super) fn age(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min", millis / 60_000),
        _ => format!("{} h", millis / 3_600_000),
    }
}
