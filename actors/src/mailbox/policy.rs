//! What a full queue does with one message more.

use serde::{Deserialize, Serialize};

/// What happens to a message that finds its queue full.
///
/// | policy | `send().await` | `tell` | counted as |
/// |---|---|---|---|
/// | `Block` | waits for room | gives the message back | rejected if given back; who waits slows down |
/// | `Reject` | gives the message back | gives the message back | rejected |
/// | `DropOldest` | replaces the oldest | replaces the oldest | dropped |
/// | `DropNewest` | is itself dropped | is itself dropped | dropped |
///
/// `ask` does as `send`; who waits for the answer to a message that is dropped gets [`AskError::Dropped`](super::AskError::Dropped).
/// The snapshot of the tree shows rejected and dropped messages of an actor as one figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// The sender waits: back-pressure. The default.
    #[default]
    Block,
    /// The message that came is dropped.
    DropNewest,
    /// The message that waited longest is dropped; not one that was put back, such as a replayed event.
    DropOldest,
    /// The sender gets the message back at once.
    Reject,
}
