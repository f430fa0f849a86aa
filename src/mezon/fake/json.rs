//! Frames as Protobuf JSON, in the schema of their own wire, for the journal.

use std::sync::LazyLock;

use bytes::Bytes;
use greenroom_proto::mezon::{Wire, descriptors};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::simulator::{Body, hex};

static V1: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(descriptors(Wire::V1)).ok());
static V2: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(descriptors(Wire::V2)).ok());

/// Returns the envelope of a wire.
pub(super) fn envelope(wire: Wire) -> Option<MessageDescriptor> {
    message(wire, "realtime.Envelope")
}

/// Returns a message of a wire by its name without the first part of the package.
pub(super) fn message(wire: Wire, name: &str) -> Option<MessageDescriptor> {
    let (pool, package) = match wire {
        Wire::V1 => (&*V1, "mezon_v1"),
        Wire::V2 => (&*V2, "mezon"),
    };
    pool.as_ref()?
        .get_message_by_name(&format!("{package}.{name}"))
}

/// Wraps a frame for the journal.
pub(super) fn frame(wire: Wire, bytes: Bytes) -> Body {
    let show = match wire {
        Wire::V1 => show_v1,
        Wire::V2 => show_v2,
    };
    Body::Frame { bytes, show }
}

fn show_v1(bytes: &Bytes) -> Value {
    show(Wire::V1, bytes).unwrap_or_else(|| hex(bytes))
}

fn show_v2(bytes: &Bytes) -> Value {
    show(Wire::V2, bytes).unwrap_or_else(|| hex(bytes))
}

/// Shows an envelope: names as in the schema, 64-bit numbers as text, defaults left out.
fn show(wire: Wire, bytes: &Bytes) -> Option<Value> {
    let message = DynamicMessage::decode(envelope(wire)?, bytes.clone()).ok()?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(true)
        .skip_default_fields(true);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(text: &str) -> Bytes {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len())
            .step_by(2)
            .map(digit)
            .collect::<Vec<u8>>()
            .into()
    }

    #[test]
    fn frames_are_shown_in_the_schema_of_their_wire() {
        assert_eq!(
            show_v1(&bytes("0a0131b20100")),
            json!({"cid": "1", "ping": {}})
        );
        assert_eq!(show_v2(&bytes("0801b20100")), json!({"cid": 1, "ping": {}}));
        assert_eq!(show_v2(&bytes("b20100")), json!({"ping": {}}));
        assert_eq!(
            show_v1(&bytes("0a01301a030a0130")),
            json!({"cid": "0", "clan_join": {"clan_id": "0"}})
        );
        assert_eq!(
            show_v2(&bytes("08021a0a088180a0f6f4acdbe01b")),
            json!({"cid": 2, "clan_join": {"clan_id": "2000000000000000001"}})
        );
        assert_eq!(
            show_v2(&bytes(
                "088104e2051d08b50112145570646174654368616e6e656c4d6573736167651a020801"
            )),
            json!({"cid": 513, "api_request_event": {"api_index": 181, "api_name": "UpdateChannelMessage", "body": "CAE="}})
        );
        assert_eq!(show_v2(&bytes("ff02")), json!({"hex": "ff02"}));
    }
}
