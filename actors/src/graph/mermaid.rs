//! The graph in the language of Mermaid.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::snapshot::{EdgeKind, Graph, GraphNode, OUTSIDE_ID, thousands};
use super::text::{figures, unclean};
use super::width::one_line;
use crate::supervisor::{NodeKind, NodeState};

impl Graph {
    /// Writes the graph as a Mermaid flowchart: supervisors are frames, types of events are round. Crowds of channels are summed up.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let graph = self.summed_up();
        let mut writer = Writer {
            text: "flowchart LR\n".to_owned(),
            names: graph.plain_names(),
            graph: &graph,
        };
        for root in graph.nodes.iter().filter(|node| node.parent.is_none()) {
            writer.node(root, 1);
        }
        writer.events();
        writer.edges();
        writer.text.push_str(STYLES);
        writer.text
    }

    /// Gives each id a name of letters and digits, whatever is in it.
    pub(super) fn plain_names(&self) -> BTreeMap<&str, String> {
        let nodes = self.nodes.iter().map(|node| node.id.as_str());
        let events = self.events.iter().map(|event| event.id.as_str());
        let numbered = |kind: &'static str| move |(place, id)| (id, format!("{kind}{place}"));
        nodes
            .enumerate()
            .map(numbered("n"))
            .chain(events.enumerate().map(numbered("e")))
            .chain([(OUTSIDE_ID, "outside".to_owned())])
            .collect()
    }

    /// Says whether the program itself publishes something.
    pub(super) fn has_outside(&self) -> bool {
        self.edges.iter().any(|edge| edge.from == OUTSIDE_ID)
    }
}

struct Writer<'a> {
    text: String,
    names: BTreeMap<&'a str, String>,
    graph: &'a Graph,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{}{line}", "    ".repeat(depth));
    }

    fn node(&mut self, node: &GraphNode, depth: usize) {
        let name = self.names[node.id.as_str()].clone();
        if node.kind != NodeKind::Supervisor {
            let class = class(node);
            self.line(depth, &format!("{name}[\"{}\"]:::{class}", label(node)));
            return;
        }
        let children: Vec<_> = self
            .graph
            .nodes
            .iter()
            .filter(|child| child.parent.as_deref() == Some(&node.id))
            .collect();
        if children.is_empty() {
            let class = class(node);
            self.line(depth, &format!("{name}[\"{}\"]:::{class}", label(node)));
            return;
        }
        self.line(depth, &format!("subgraph {name}[\"{}\"]", label(node)));
        for child in children {
            self.node(child, depth + 1);
        }
        self.line(depth, "end");
    }

    fn events(&mut self) {
        for event in &self.graph.events {
            let name = self.names[event.id.as_str()].clone();
            let label = quoted(&event.name);
            self.line(1, &format!("{name}([\"{label}\"]):::event"));
        }
        if self.graph.has_outside() {
            self.line(1, "outside[\"the program\"]");
        }
    }

    fn edges(&mut self) {
        for edge in &self.graph.edges {
            let (Some(from), Some(to)) = (
                self.names.get(edge.from.as_str()),
                self.names.get(edge.to.as_str()),
            ) else {
                continue;
            };
            let (arrow, label) = match (edge.kind, edge.count) {
                (EdgeKind::Feeds, _) => ("-.->", quoted(&edge.label)),
                (_, Some(count)) if count > 0 => ("-->", thousands(count)),
                _ => ("-->", String::new()),
            };
            let line = match label.as_str() {
                "" => format!("{from} {arrow} {to}"),
                label => format!("{from} {arrow}|\"{label}\"| {to}"),
            };
            self.line(1, &line);
        }
    }
}

fn label(node: &GraphNode) -> String {
    let mut lines = vec![quoted(&node.title())];
    lines.extend(figures(node).iter().map(|figure| quoted(figure)));
    lines.extend(unclean(node).map(|exit| quoted(&format!("last exit: {exit}"))));
    lines.join("<br/>")
}

fn class(node: &GraphNode) -> &'static str {
    match node.state {
        NodeState::Running => "running",
        NodeState::Idle => "idle",
        NodeState::Restarting => "restarting",
        NodeState::Stopping | NodeState::Stopped => "stopped",
    }
}

/// Writes text so that Mermaid shows it as it is: everything but letters, digits and a few marks as its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in one_line(text).chars() {
        match c {
            // At the beginning of a line they would make a list.
            '-' if quoted.is_empty() => quoted.push_str("#45;"),
            '.' if quoted.bytes().all(|byte| byte.is_ascii_digit()) => quoted.push_str("#46;"),
            ' ' | '.' | ',' | '-' | '_' | '/' | ':' | '(' | ')' | '×' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            c => {
                let _ = write!(quoted, "#{};", u32::from(c));
            }
        }
    }
    quoted
}

const STYLES: &str = "    \
    classDef event fill:#dbe9ff,stroke:#4a78b8,color:#12263f
    classDef running fill:#e3f4e6,stroke:#4c9a5b,color:#12301a
    classDef idle fill:#f1f1f1,stroke:#9a9a9a,color:#333333
    classDef restarting fill:#fff1d6,stroke:#c98a1b,color:#3d2a05
    classDef stopped fill:#f6e0e0,stroke:#b25a5a,color:#3d1212
";
