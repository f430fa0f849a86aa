//! Any message, and any bytes at all.

use bytes::Bytes;
use greenroom_proto::mezon::{
    self, Wire,
    api::{ChannelMessage, MessageReaction},
    realtime::{ChannelMessageSend, Envelope},
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use prost_reflect::DynamicMessage;

use crate::{
    fill::{self, Random},
    frames::all,
    odd, oracle,
    round_trips::events,
};

/// Any envelope of a wire, as some random bytes have it.
fn envelope(wire: Wire, choose: &mut Random<'_>) -> DynamicMessage {
    let events = events(wire);
    let event = &events[choose.below(events.len())];
    let mut envelope = fill::event(&oracle::envelope(wire), event, choose);
    let cid = oracle::envelope(wire).get_field(1).expect("a cid");
    envelope.set_field(&cid, fill::Choose::scalar(choose, &cid));
    envelope
}

/// Feeds bytes to everything that reads them; returns what the decoder said.
fn read_all(wire: Wire, frame: &[u8]) -> Result<Envelope, mezon::FrameError> {
    let frame = Bytes::copy_from_slice(frame);
    let _ = mezon::decode::<ChannelMessage>(wire, frame.clone());
    let _ = mezon::decode::<ChannelMessageSend>(wire, frame.clone());
    let _ = mezon::decode::<MessageReaction>(wire, frame.clone());
    let _ = mezon::cid_text(&frame);
    let decoded = mezon::decode::<Envelope>(wire, frame.clone());
    match (mezon::route(wire, &frame), &decoded) {
        (Ok(route), Ok(envelope)) => {
            assert_eq!(route.cid, envelope.cid);
            assert_eq!(route.tag == 0, envelope.message.is_none());
            assert!(route.body.end <= frame.len());
        }
        (Ok(route), Err(_)) => assert!(route.body.end <= frame.len()),
        (Err(error), Ok(envelope)) => panic!("{error}, but decoded as {envelope:?}"),
        (Err(_), Err(error)) => assert!(!error.to_string().is_empty()),
    }
    decoded
}

#[test]
fn a_frame_cut_anywhere_inside_its_content_is_refused() {
    for (wire, name, frame) in all() {
        let route = mezon::route(wire, &frame).unwrap_or_default();
        for end in 0..frame.len() {
            let cut = read_all(wire, &frame[..end]);
            let inside = route.tag != 0 && end >= route.body.start;
            assert!(
                cut.is_err() || !inside,
                "{wire} {name} cut at {end}: {cut:?}"
            );
        }
    }
}

#[test]
fn a_frame_with_any_bit_flipped_breaks_nothing() {
    for (wire, _, frame) in all() {
        for bit in 0..frame.len() * 8 {
            let mut frame = frame.to_vec();
            frame[bit / 8] ^= 1 << (bit % 8);
            let _ = read_all(wire, &frame);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_break_nothing(frame in vec(any::<u8>(), 0..300)) {
        let _ = read_all(Wire::V1, &frame);
        let _ = read_all(Wire::V2, &frame);
    }

    #[test]
    fn the_older_wire_is_read_as_reflection_reads_it(random in vec(any::<u8>(), 0..600)) {
        let mut choose = Random(&random);
        let older = envelope(Wire::V1, &mut choose);
        let frame = odd::encode(&older, &mut choose);
        let expected = oracle::up(&older, &oracle::envelope(Wire::V2));
        match (read_all(Wire::V1, &frame), expected) {
            (Ok(read), Ok(expected)) => {
                let read = oracle::read(Wire::V2, &read.encode_to_vec()).unwrap();
                prop_assert_eq!(oracle::json(&read), oracle::json(&expected));
            }
            (Err(error), Err(_)) => prop_assert_eq!(error.fault(), &mezon::Fault::NotAnId),
            (read, expected) => prop_assert!(false, "{:?} instead of {:?}", read, expected),
        }
    }

    #[test]
    fn the_older_wire_is_written_as_reflection_writes_it(random in vec(any::<u8>(), 0..600)) {
        let newest = envelope(Wire::V2, &mut Random(&random));
        let read = Envelope::decode(&*newest.encode_to_vec()).unwrap();
        let expected = oracle::down(&newest, &oracle::envelope(Wire::V1));
        prop_assert_eq!(mezon::encode(Wire::V1, &read), expected.encode_to_vec());
    }

    #[test]
    fn the_newest_wire_is_read_as_reflection_reads_it(random in vec(any::<u8>(), 0..600)) {
        let mut choose = Random(&random);
        let newest = envelope(Wire::V2, &mut choose);
        let frame = odd::encode(&newest, &mut choose);
        let read = read_all(Wire::V2, &frame).unwrap();
        prop_assert_eq!(mezon::encode(Wire::V2, &read), newest.encode_to_vec());
    }
}
