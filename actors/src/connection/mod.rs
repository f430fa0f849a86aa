//! Connections: one generic actor around a pure state machine.

mod error;
mod transport;

pub use error::RequestError;
pub use transport::{
    DialError, DialRequest, Frame, FrameSink, FrameStream, Link, LinkError, Transport,
};
