use bytes::Bytes;

use super::{
    Wire,
    downgrade::downgrade,
    error::FrameError,
    table::{Message, Wired},
    upgrade::upgrade,
};

/// Decodes a message of either wire.
///
/// Unknown fields are skipped. On [`Wire::V2`] `bytes` fields share the memory of the frame.
///
/// # Errors
///
/// The bytes are not such a message, or the wire does not have it. Trying again does not help.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::{self, Wire, realtime::ClanJoin};
///
/// let v1: ClanJoin = mezon::decode(Wire::V1, b"\x0a\x0242"[..].into())?;
/// let v2: ClanJoin = mezon::decode(Wire::V2, b"\x08\x2a"[..].into())?;
/// assert_eq!(v1, v2);
/// assert_eq!(v1.clan_id, 42);
/// # Ok::<(), mezon::FrameError>(())
/// ```
pub fn decode<M: Wired>(wire: Wire, bytes: Bytes) -> Result<M, FrameError> {
    Ok(M::decode(newest::<M>(wire, bytes)?)?)
}

/// Decodes a message into one that exists, as Protobuf merges: what the bytes lack stays as it is.
///
/// With a message that was [cleared](prost::Message::clear) this is [`decode`] without the
/// allocations of its texts.
///
/// # Errors
///
/// As [`decode`]. The message may then hold a part of the new values.
pub fn merge<M: Wired>(wire: Wire, bytes: Bytes, into: &mut M) -> Result<(), FrameError> {
    Ok(into.merge(newest::<M>(wire, bytes)?)?)
}

/// Encodes a message for either wire.
///
/// On [`Wire::V1`] an id of 0 is left out, except for the `clan_id` of requests, where the peers
/// write `"0"`. What that wire does not have is left out; a message that it does not have at all
/// gives no bytes.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::{self, Wire, realtime::ClanJoin};
///
/// let join = ClanJoin { clan_id: 42, ..ClanJoin::default() };
/// assert_eq!(mezon::encode(Wire::V1, &join), b"\x0a\x0242");
/// assert_eq!(mezon::encode(Wire::V2, &join), b"\x08\x2a");
/// ```
#[must_use]
pub fn encode<M: Wired>(wire: Wire, message: &M) -> Vec<u8> {
    match (wire, older::<M>()) {
        (Wire::V2, _) | (Wire::V1, Some(Message { same: true, .. })) => message.encode_to_vec(),
        (Wire::V1, Some(table)) => downgrade(&message.encode_to_vec(), table),
        (Wire::V1, None) => Vec::new(),
    }
}

/// Returns the bytes as those of the newest wire.
fn newest<M: Wired>(wire: Wire, bytes: Bytes) -> Result<Bytes, FrameError> {
    match (wire, older::<M>()) {
        (Wire::V2, _) | (Wire::V1, Some(Message { same: true, .. })) => Ok(bytes),
        (Wire::V1, Some(table)) => Ok(upgrade(&bytes, table)?.into()),
        (Wire::V1, None) => Err(FrameError::absent(M::NAME)),
    }
}

fn older<M: Wired>() -> Option<&'static Message> {
    M::OLDER.message()
}
