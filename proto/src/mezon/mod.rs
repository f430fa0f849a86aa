//! Mezon: the messages of its API and of its WebSocket.
//!
//! There are two wires, and servers of both are in use. The Rust types ([`api`], [`realtime`]) are
//! those of the newest one, [`Wire::V2`]. A frame of the older one is rewritten on the level of
//! the wire before it is decoded, or after it was encoded, by a table that the build makes of the
//! two definitions; who speaks [`Wire::V2`] pays nothing for that.
//!
//! | on the wire | [`Wire::V1`] | [`Wire::V2`] |
//! |---|---|---|
//! | ids | decimal text, none is `""` or `"0"` | `int64`, none is 0 |
//! | correlation id | decimal text | `int32` |
//! | some numbers | wrapped (`Int32Value`, `BoolValue`) | plain |
//! | times | `Timestamp` | seconds |
//! | lists in a message | JSON as text | bytes |
//!
//! Fields that only one wire knows are dropped on the way. Read a frame with [`decode`], or with
//! [`route`] first and then only the part that somebody wants.

pub mod api {
    //! Objects, and the requests and answers of the calls.
    #![allow(missing_docs, reason = "the platform documents none of its fields")]
    #![allow(clippy::must_use_candidate, reason = "generated code")]

    include!(concat!(env!("OUT_DIR"), "/mezon.api.rs"));
}

pub mod realtime {
    //! The [`Envelope`] of the WebSocket, and everything that only travels in it.
    #![allow(missing_docs, reason = "the platform documents none of its fields")]
    #![allow(clippy::must_use_candidate, reason = "generated code")]

    include!(concat!(env!("OUT_DIR"), "/mezon.realtime.rs"));
}

mod decimal;
mod downgrade;
mod error;
mod event;
mod frame;
mod json;
mod location;
mod message;
mod raw;
mod route;
mod table;
mod upgrade;
mod walk;
mod wire;

pub use self::{
    error::{Fault, FrameError},
    event::{event_name, event_tag, events},
    frame::{decode, encode, merge},
    location::{Located, Location},
    message::{MessageView, empty},
    route::{Route, cid_text, route},
    table::Wired,
    wire::{UnknownWire, Wire, descriptors},
};
