//! The bot as a picture: one snapshot of tree and event graph, and the forms it can be drawn in.

mod counts;
mod dot;
mod identity;
mod layout;
mod mermaid;
mod snapshot;
mod svg;
mod text;
mod width;

pub(crate) use counts::Counts;
pub use identity::NodeRef;
pub(crate) use identity::{Running, RunsAs};
pub use snapshot::{EdgeKind, EventNode, Graph, GraphEdge, GraphNode};
