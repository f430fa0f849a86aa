//! Wire types of the platforms that greenroom speaks to.
//!
//! A platform is one module. [`mezon`] is the only one so far: its Protobuf messages, and the
//! reading and writing of its frames on two incompatible wires.
//!
//! # Examples
//!
//! ```
//! use greenroom_proto::mezon::{self, Wire, realtime};
//!
//! // The same ping on both wires.
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

pub mod mezon;
