//! Connections: one generic actor around a pure state machine.

mod transport;

pub use transport::{
    DialError, DialRequest, Frame, FrameSink, FrameStream, Link, LinkError, Transport,
};
