//! Every event, empty and filled to its limits, survives both wires.

use greenroom_proto::mezon::{self, Wire, realtime::Envelope};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

use crate::{
    fill::{self, Extreme},
    oracle,
};

/// All fields of the envelope's oneof on the newest wire.
pub(crate) fn events(wire: Wire) -> Vec<FieldDescriptor> {
    let oneof = oracle::envelope(wire).oneofs().next().expect("one oneof");
    oneof.fields().collect()
}

/// An envelope for every event: with nothing in it, and with the limits in all its fields.
fn envelopes() -> impl Iterator<Item = DynamicMessage> {
    let envelope = oracle::envelope(Wire::V2);
    events(Wire::V2).into_iter().flat_map(move |event| {
        let kind = event.kind();
        let inner = kind.as_message().expect("events are messages").clone();
        let mut empty = DynamicMessage::new(envelope.clone());
        empty.set_field(&event, Value::Message(DynamicMessage::new(inner)));
        let mut largest = fill::event(&envelope, &event, &mut Extreme::Largest);
        largest.set_field_by_name("cid", Value::I32(i32::MAX));
        let mut smallest = fill::event(&envelope, &event, &mut Extreme::Smallest);
        smallest.set_field_by_name("cid", Value::I32(i32::MIN));
        [empty, largest, smallest]
    })
}

#[test]
fn on_the_newest_wire_byte_by_byte() {
    let mut count = 0;
    for envelope in envelopes() {
        let bytes = envelope.encode_to_vec();
        let read: Envelope = mezon::decode(Wire::V2, bytes.clone().into()).unwrap();
        assert_eq!(
            mezon::encode(Wire::V2, &read),
            bytes,
            "{}",
            oracle::json(&envelope)
        );
        count += 1;
    }
    assert_eq!(count, 3 * 99);
}

#[test]
fn on_the_older_wire_as_reflection_has_it() {
    for newest in envelopes() {
        let read = Envelope::decode(&*newest.encode_to_vec()).unwrap();
        let older = oracle::down(&newest, &oracle::envelope(Wire::V1));
        let bytes = older.encode_to_vec();
        assert_eq!(
            mezon::encode(Wire::V1, &read),
            bytes,
            "{}",
            oracle::json(&newest)
        );

        let back: Envelope = mezon::decode(Wire::V1, bytes.into()).unwrap();
        let expected = oracle::up(&older, &oracle::envelope(Wire::V2)).unwrap();
        let back = oracle::read(Wire::V2, &back.encode_to_vec()).unwrap();
        assert_eq!(oracle::json(&back), oracle::json(&expected));
    }
    assert_eq!(events(Wire::V1).len(), 88);
}

#[test]
fn routes_lead_to_the_content() {
    for newest in envelopes() {
        let envelope = Envelope::decode(&*newest.encode_to_vec()).unwrap();
        for wire in [Wire::V1, Wire::V2] {
            let frame = mezon::encode(wire, &envelope);
            let route = mezon::route(wire, &frame).unwrap();
            let mut event = oracle::read(wire, &frame).unwrap();
            assert_eq!(route.cid, envelope.cid);
            assert!(!route.split);
            match event.take_fields().find(|(field, _)| field.number() != 1) {
                Some((field, Value::Message(content))) => {
                    assert_eq!(mezon::event_name(route.tag), Some(field.name()));
                    assert_eq!(content.encode_to_vec(), frame[route.body]);
                }
                // What the older wire does not have is left out there.
                _ => assert_eq!((wire, route.tag, route.body), (Wire::V1, 0, 0..0)),
            }
        }
    }
}

#[test]
fn envelopes_are_small() {
    assert!(size_of::<Envelope>() <= 48, "{}", size_of::<Envelope>());
}
