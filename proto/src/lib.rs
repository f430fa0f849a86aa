//! Wire types of the platforms that greenroom speaks to.
//!
//! A platform is one module. [`mezon`] is the only one so far: its Protobuf messages, and the
//! reading and writing of its frames on two incompatible wires.
//!
//! The Protobuf files lie in `proto/` of this crate. They are compiled by the build script, in Rust
//! alone: no `protoc` is needed.
//!
//! # Promises
//!
//! * No bytes from a network make this crate panic, recurse without end, or allocate more than a
//!   small multiple of their number.
//! * What one wire has and the other does not is dropped, never guessed.
//! * Unknown fields are skipped.
//!
//! # Examples
//!
//! A frame is written and read on either wire:
//!
//! ```
//! use greenroom_proto::mezon::{self, Wire, realtime};
//!
//! let ping = realtime::Envelope {
//!     cid: 1,
//!     message: Some(realtime::envelope::Message::Ping(Box::default())),
//! };
//! assert_eq!(mezon::encode(Wire::V1, &ping), b"\x0a\x011\xb2\x01\x00");
//! assert_eq!(mezon::encode(Wire::V2, &ping), b"\x08\x01\xb2\x01\x00");
//!
//! let read: realtime::Envelope = mezon::decode(Wire::V1, b"\x0a\x011\xb2\x01\x00"[..].into())?;
//! assert_eq!(read, ping);
//! # Ok::<(), mezon::FrameError>(())
//! ```
//!
//! A bot that hears thousands of events and wants few of them looks first and decodes then, into a
//! message that it has used before:
//!
//! ```
//! use bytes::Bytes;
//! use greenroom_proto::mezon::{self, Wire, api::ChannelMessage};
//! use prost::Message;
//!
//! let wanted = mezon::event_tag("channel_message");
//! let mut message = ChannelMessage::default();
//!
//! let frame = Bytes::from_static(b"\x32\x06\x42\x04{\"t\"");
//! let route = mezon::route(Wire::V2, &frame)?;
//! if Some(route.tag) == wanted && !route.split {
//!     message.clear();
//!     mezon::merge(Wire::V2, frame.slice(route.body), &mut message)?;
//! }
//! assert_eq!(message.content, "{\"t\"");
//! # Ok::<(), mezon::FrameError>(())
//! ```

pub mod mezon;
