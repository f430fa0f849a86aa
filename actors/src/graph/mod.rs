//! The bot as a picture: one snapshot of tree and event graph, and the forms it can be drawn in.

mod dot;
mod identity;
mod layout;
mod mermaid;
mod snapshot;
mod svg;
mod tally;
mod text;
mod width;

pub use identity::NodeRef;
pub(crate) use identity::RunsAs;
pub use snapshot::{EdgeKind, EventNode, Graph, GraphEdge, GraphNode};
pub(crate) use tally::Tally;
