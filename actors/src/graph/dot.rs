//! The graph in the language of Graphviz.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::snapshot::{EdgeKind, Graph, GraphNode, thousands};
use super::text::{figures, unclean};
use super::width::one_line;
use crate::supervisor::{NodeKind, NodeState};

impl Graph {
    /// Writes the graph in the DOT language: supervisors are clusters, types of events are ellipses. Crowds of channels are summed up.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let graph = self.summed_up();
        let names = graph.plain_names();
        let mut text = String::from(HEAD);
        for root in graph.nodes.iter().filter(|node| node.parent.is_none()) {
            write_node(&mut text, &graph, &names, root, 1);
        }
        for event in &graph.events {
            let (name, label) = (&names[event.id.as_str()], quoted(&event.name));
            let _ = writeln!(text, "    {name} [label={label}, {EVENT}];");
        }
        if graph.has_outside() {
            text.push_str("    outside [label=\"the program\"];\n");
        }
        for edge in &graph.edges {
            let (Some(from), Some(to)) =
                (names.get(edge.from.as_str()), names.get(edge.to.as_str()))
            else {
                continue;
            };
            let style = match (edge.kind, edge.count) {
                (EdgeKind::Feeds, _) => format!(" [style=dashed, label={}]", quoted(&edge.label)),
                (_, Some(count)) if count > 0 => {
                    format!(" [label={}]", quoted(&thousands(count)))
                }
                _ => String::new(),
            };
            let _ = writeln!(text, "    {from} -> {to}{style};");
        }
        text.push_str("}\n");
        text
    }
}

fn write_node(
    text: &mut String,
    graph: &Graph,
    names: &BTreeMap<&str, String>,
    node: &GraphNode,
    depth: usize,
) {
    let indent = "    ".repeat(depth);
    let (name, label) = (&names[node.id.as_str()], label(node));
    let children: Vec<_> = graph
        .nodes
        .iter()
        .filter(|child| child.parent.as_deref() == Some(&node.id))
        .collect();
    let color = match node.state {
        NodeState::Running => "#4c9a5b",
        NodeState::Idle => "#9a9a9a",
        NodeState::Restarting => "#c98a1b",
        NodeState::Stopping | NodeState::Stopped => "#b25a5a",
    };
    if node.kind != NodeKind::Supervisor || children.is_empty() {
        let _ = writeln!(text, "{indent}{name} [label={label}, color=\"{color}\"];");
        return;
    }
    let _ = writeln!(text, "{indent}subgraph cluster_{name} {{");
    let _ = writeln!(text, "{indent}    label={label}; color=\"{color}\";");
    // Edges end at nodes and not at clusters: this is where those of the supervisor itself end.
    if graph
        .edges
        .iter()
        .any(|edge| edge.from == node.id || edge.to == node.id)
    {
        let _ = writeln!(
            text,
            "{indent}    {name} [label={}, color=\"{color}\"];",
            quoted(&node.title())
        );
    }
    for child in children {
        write_node(text, graph, names, child, depth + 1);
    }
    let _ = writeln!(text, "{indent}}}");
}

fn label(node: &GraphNode) -> String {
    let mut lines = vec![node.title()];
    lines.extend(figures(node));
    lines.extend(unclean(node).map(|exit| format!("last exit: {exit}")));
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    format!("\"{}\"", lines.join("\\n"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// In a quoted text only these two mean something.
fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('"', "\\\"")
}

const HEAD: &str = "\
digraph bot {
    rankdir=LR;
    node [shape=box, style=rounded, fontname=\"sans-serif\"];
    edge [fontname=\"sans-serif\"];
";
const EVENT: &str = "shape=ellipse, style=filled, fillcolor=\"#dbe9ff\", color=\"#4a78b8\"";
