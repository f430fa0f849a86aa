//! Connections: one generic actor around a pure state machine.

mod actor;
mod address;
mod error;
mod io;
mod leaving;
mod lifecycle;
pub mod memory;
mod outbox;
mod pause;
mod protocol;
mod requests;
mod state;
mod status;
mod transport;

pub use actor::Connection;
pub use address::{ConnectionRef, Quiesce, Submit, TakeLeave};
pub use error::RequestError;
pub use lifecycle::{Connected, Disconnected, HeartbeatMissed, Reconnecting, declared};
pub use pause::{HangUp, Resume};
pub use protocol::{Class, Confirmation, Liveness, Lost, Protocol, Reception, Settings, Trouble};
pub use state::{Action, Input, Machine, State, TroubleKind};
pub use status::{ConnectionReport, Connections, Listening, Phase};
pub use transport::{
    DialError, DialRequest, Frame, FrameSink, FrameStream, Link, LinkError, Transport,
};
