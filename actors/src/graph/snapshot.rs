//! The graph of a bot as plain data, put together from the tree and from who published what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::identity::OUTSIDE;
use crate::router::Flow;
use crate::supervisor::{Exit, NodeFigures, NodeKind, NodeState, TreeSnapshot};

/// A bot at one moment: its supervision tree, and how events travel through it.
///
/// As JSON:
///
/// ```json
/// {"version":1,"bot":"canteen",
///  "nodes":[{"id":"canteen/handlers/poll","name":"poll","parent":"canteen/handlers","kind":"handler","state":"running",
///            "restarts":0,"last_exit":null,"depth":0,"oldest_ms":null,"handled":3,"failed":0,"filtered":0,"dropped":0,"left":0}],
///  "events":[{"id":"event:Vote","name":"Vote"}],
///  "edges":[{"from":"event:Vote","to":"canteen/handlers/poll","kind":"delivers","label":"","count":3}]}
/// ```
///
/// The id of a node is its path, with `~1` for a slash and `~0` for a tilde in a name. Parents stand before their children, in start
/// order. Fields may be added; what is there keeps its name and meaning while `version` stays the same.
///
/// Other forms: [`to_text`](Self::to_text), [`to_mermaid`](Self::to_mermaid), [`to_dot`](Self::to_dot), [`to_svg`](Self::to_svg). The
/// same graph always gives the same text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Graph {
    /// The version of this shape, 1.
    pub version: u32,
    /// The name of the bot: that of the root.
    pub bot: String,
    /// The nodes of the tree, parents first.
    pub nodes: Vec<GraphNode>,
    /// The types of events that somebody handles or has published, by name.
    pub events: Vec<EventNode>,
    /// Who gives what to whom.
    pub edges: Vec<GraphEdge>,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GraphNode {
    /// Its path from the root, unique.
    pub id: String,
    /// Its name, unique among its siblings.
    pub name: String,
    /// The id of its supervisor; `None` for the root.
    pub parent: Option<String>,
    /// What it is.
    pub kind: NodeKind,
    /// What it is doing.
    pub state: NodeState,
    /// How often it was started again.
    pub restarts: u32,
    /// Why its last incarnation ended.
    pub last_exit: Option<Exit>,
    /// Its queues and counts.
    #[serde(flatten)]
    pub figures: NodeFigures,
    /// How many nodes of one kind stand behind this one, which a picture sums up; 1 in the graph itself.
    #[serde(skip)]
    pub stands_for: usize,
    #[serde(skip)]
    number: u64,
}

/// A type of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventNode {
    /// `event:` and the name; with a number behind it if two types have the same name.
    pub id: String,
    /// The name of the type.
    pub name: String,
}

/// What goes from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GraphEdge {
    /// The id of a node or of a type of events, or `outside` for what the program publishes by itself.
    pub from: String,
    /// The id of a node or of a type of events.
    pub to: String,
    /// What kind of edge it is.
    pub kind: EdgeKind,
    /// A word about it, for [`EdgeKind::Feeds`]; else empty.
    pub label: String,
    /// How often it was used; `None` where that is not counted.
    pub count: Option<u64>,
}

/// What kind of edge it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EdgeKind {
    /// A type of events is delivered to a handler.
    Delivers,
    /// A node passes on what it gets.
    Feeds,
    /// A node publishes or emits events of a type.
    Publishes,
    /// A handler says something in channels.
    Says,
}

/// The id of what is not in the tree.
pub(super) const OUTSIDE_ID: &str = "outside";

impl Graph {
    /// Puts the graph together.
    pub(crate) fn new(tree: &TreeSnapshot, flows: &[Flow]) -> Self {
        let mut nodes = Vec::new();
        enter(&mut nodes, tree, None, &mut BTreeSet::new());
        let ids: BTreeMap<u64, String> = nodes
            .iter()
            .map(|node| (node.number, node.id.clone()))
            .chain([(OUTSIDE, OUTSIDE_ID.to_owned())])
            .collect();
        let mut graph = Self {
            version: 1,
            bot: tree.name.clone(),
            nodes,
            events: Vec::new(),
            edges: Vec::new(),
        };
        graph.enter_flows(flows, &ids);
        tree.walk(&mut |node| graph.enter_calls(node, &ids));
        graph
    }

    fn enter_flows(&mut self, flows: &[Flow], ids: &BTreeMap<u64, String>) {
        let mut flows: Vec<_> = flows.iter().filter(|flow| flow.is_of_interest()).collect();
        flows.sort_by_key(|flow| flow.event);
        let mut taken = BTreeSet::new();
        for flow in flows {
            let event = unique(format!("event:{}", flow.event), &mut taken);
            let edge = |from: &str, to: &str, kind, count| GraphEdge {
                from: from.to_owned(),
                to: to.to_owned(),
                kind,
                label: String::new(),
                count: Some(count),
            };
            // A handler that ended for good, or that no tree has taken in yet, is not there.
            for (node, count) in &flow.sources {
                if let Some(from) = ids.get(node) {
                    let published = edge(from, &event, EdgeKind::Publishes, *count);
                    self.edges.push(published);
                }
            }
            for (node, count) in &flow.handlers {
                if let Some(to) = ids.get(node) {
                    self.edges
                        .push(edge(&event, to, EdgeKind::Delivers, *count));
                }
            }
            self.events.push(EventNode {
                id: event,
                name: flow.event.to_owned(),
            });
        }
    }

    fn enter_calls(&mut self, node: &TreeSnapshot, ids: &BTreeMap<u64, String>) {
        let Some(own) = ids.get(&node.node.number()) else {
            return;
        };
        for (caller, count) in node.node.calls().read() {
            if let Some(from) = ids.get(&caller) {
                self.edges.push(GraphEdge {
                    from: from.clone(),
                    to: own.clone(),
                    kind: EdgeKind::Says,
                    label: String::new(),
                    count: Some(count),
                });
            }
        }
        for (fed, what) in node.node.fed() {
            if let Some(to) = ids.get(&fed) {
                self.edges.push(GraphEdge {
                    from: own.clone(),
                    to: to.clone(),
                    kind: EdgeKind::Feeds,
                    label: what.to_owned(),
                    count: None,
                });
            }
        }
    }

    /// Returns the graph as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain data with texts as keys always serializes.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Sums up children of one kind, channels by the thousand, so that a picture can be read.
    #[must_use]
    pub(super) fn summed_up(&self) -> Self {
        let mut crowds: BTreeMap<(&str, NodeKind), usize> = BTreeMap::new();
        for node in &self.nodes {
            if let (true, Some(parent)) = (node.kind.comes_in_crowds(), &node.parent) {
                *crowds.entry((parent, node.kind)).or_default() += 1;
            }
        }
        let mut sums: BTreeMap<(&str, NodeKind), usize> = BTreeMap::new();
        let mut nodes: Vec<GraphNode> = Vec::new();
        for node in &self.nodes {
            let key = (node.parent.as_deref().unwrap_or_default(), node.kind);
            let number = crowds.get(&key).copied().unwrap_or_default();
            if number <= CROWD {
                nodes.push(node.clone());
                continue;
            }
            match sums.get(&key) {
                Some(place) => nodes[*place].absorb(node),
                None => {
                    sums.insert(key, nodes.len());
                    nodes.push(GraphNode {
                        id: format!("{}/{}s", key.0, node.kind.name()),
                        name: format!("{}s", node.kind.name()),
                        ..node.clone()
                    });
                }
            }
        }
        Self {
            nodes,
            ..self.clone()
        }
    }
}

impl GraphNode {
    /// Takes in one more of the same kind.
    fn absorb(&mut self, other: &Self) {
        self.stands_for += 1;
        self.state = self.state.worse(other.state);
        self.restarts = self.restarts.saturating_add(other.restarts);
        if other
            .last_exit
            .as_ref()
            .is_some_and(|exit| !exit.is_clean())
        {
            self.last_exit.clone_from(&other.last_exit);
        }
        self.figures = self.figures.plus(other.figures);
    }

    /// Returns the name as a picture shows it.
    pub(super) fn title(&self) -> String {
        match self.stands_for {
            1 => self.name.clone(),
            many => format!("{} ×{}", self.name, thousands(many as u64)),
        }
    }
}

fn enter(
    nodes: &mut Vec<GraphNode>,
    tree: &TreeSnapshot,
    parent: Option<&str>,
    taken: &mut BTreeSet<String>,
) {
    let own = tree.name.replace('~', "~0").replace('/', "~1");
    let path = match parent {
        Some(parent) => format!("{parent}/{own}"),
        None => own,
    };
    let id = unique(path, taken);
    nodes.push(GraphNode {
        id: id.clone(),
        name: tree.name.clone(),
        parent: parent.map(str::to_owned),
        kind: tree.kind,
        state: tree.state,
        restarts: tree.restarts,
        last_exit: tree.last_exit.clone(),
        figures: tree.figures,
        stands_for: 1,
        number: tree.node.number(),
    });
    for child in &tree.children {
        enter(nodes, child, Some(&id), taken);
    }
}

/// Returns `id`, or the first of `id#2`, `id#3`, … that is free, and takes it.
fn unique(id: String, taken: &mut BTreeSet<String>) -> String {
    let free = (2_u32..)
        .map(|number| format!("{id}#{number}"))
        .find(|other| !taken.contains(other));
    let id = match (taken.contains(&id), free) {
        (true, Some(other)) => other,
        _ => id,
    };
    taken.insert(id.clone());
    id
}

/// Writes a number with commas between the thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many siblings of one kind are shown one by one.
const CROWD: usize = 8;
