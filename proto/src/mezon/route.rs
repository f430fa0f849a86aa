use std::ops::Range;

use super::{
    Wire,
    error::{Fault, FrameError},
    raw::{Reader, WireType},
    table::{ENVELOPE, How},
    upgrade::small,
    walk::{Value, Walk},
};

/// What an envelope holds, without having read its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The correlation id, 0 for an event. On [`Wire::V1`] also 0 if it is not a number; see
    /// [`cid_text`].
    pub cid: i32,
    /// The field number of the content, 0 if there is none.
    pub tag: u32,
    /// Where in the frame the content is, to be decoded as the type of the field.
    pub body: Range<usize>,
    /// The content comes in several parts that belong together, of which `body` is the last:
    /// decode the whole frame as an [`Envelope`](super::realtime::Envelope) instead.
    pub split: bool,
}

/// Finds out what an envelope holds, so that only what somebody wants need be decoded.
///
/// If there are several contents the last one counts, as Protobuf has it.
///
/// # Errors
///
/// The frame is not an envelope. The content itself is not looked at.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::{self, Wire};
///
/// let frame = b"\x08\x02\x1a\x02\x08\x2a";
/// let route = mezon::route(Wire::V2, frame)?;
/// assert_eq!((route.cid, mezon::event_name(route.tag)), (2, Some("clan_join")));
/// assert_eq!(frame[route.body], *b"\x08\x2a");
/// # Ok::<(), mezon::FrameError>(())
/// ```
#[inline]
pub fn route(wire: Wire, frame: &[u8]) -> Result<Route, FrameError> {
    match only_event(wire, frame) {
        Some(route) => Ok(route),
        None => field_by_field(wire, frame),
    }
}

/// Routes a frame that holds an event and nothing else, as nearly all do.
#[inline]
fn only_event(wire: Wire, frame: &[u8]) -> Option<Route> {
    let mut walk = Walk::new(frame);
    let (tag, Value::Bytes(body)) = walk.field()? else {
        return None;
    };
    let is_it = walk.is_over() && tag != 1 && is_event(wire, tag);
    is_it.then(|| Route {
        cid: 0,
        tag,
        body: frame.len() - body.len()..frame.len(),
        split: false,
    })
}

fn field_by_field(wire: Wire, frame: &[u8]) -> Result<Route, FrameError> {
    let mut route = Route::default();
    let mut reader = Reader::new(frame);
    while let Some(field) = reader.field().map_err(in_envelope)? {
        let expected = match (field.number, wire) {
            (1, Wire::V2) => WireType::Varint,
            (number, _) if number != 1 && !is_event(wire, number) => continue,
            _ => WireType::Bytes,
        };
        if field.wire_type != expected {
            let error = FrameError::at(Fault::WireType, field.start);
            return Err(in_envelope(error));
        }
        match (field.number, wire) {
            (1, Wire::V1) => route.cid = small(reader.value(field)),
            (1, Wire::V2) => {
                route.cid = reader.inside(field).varint().map_err(in_envelope)? as i32;
            }
            (tag, _) => {
                route.split = tag == route.tag;
                route.tag = tag;
                route.body = field.value();
            }
        }
    }
    Ok(route)
}

/// Returns the correlation id of a [`Wire::V1`] frame as it was written, which may be any bytes.
///
/// A server must send back whatever it got. `None` if there is no id or the frame is no envelope.
#[must_use]
pub fn cid_text(frame: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(frame);
    let mut text = None;
    while let Some(field) = reader.field().ok()? {
        if field.number == 1 && field.wire_type == WireType::Bytes {
            text = Some(reader.value(field));
        }
    }
    text
}

fn is_event(wire: Wire, number: u32) -> bool {
    let step = match wire {
        Wire::V1 => ENVELOPE.up(number),
        Wire::V2 => return super::event_name(number).is_some(),
    };
    step.how != How::Drop
}

fn in_envelope(error: FrameError) -> FrameError {
    error.within(ENVELOPE.name, None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_quick_way_finds_what_the_other_finds(
            tag in 0_u32..120,
            body in prop::collection::vec(any::<u8>(), 0..300),
            change in any::<Option<(prop::sample::Index, u8)>>(),
        ) {
            let mut frame = Vec::new();
            prost::encoding::bytes::encode(tag.max(1), &body, &mut frame);
            if let Some((place, byte)) = change {
                let place = place.index(frame.len());
                frame[place] = byte;
            }
            for wire in [Wire::V1, Wire::V2] {
                if let Some(route) = only_event(wire, &frame) {
                    prop_assert_eq!(Ok(route), field_by_field(wire, &frame));
                }
            }
        }
    }

    #[test]
    fn an_event_alone_goes_the_quick_way() {
        let route = only_event(Wire::V2, b"\x32\x02hi").unwrap();
        assert_eq!((route.tag, route.body), (6, 2..4));
        for other in [
            &b""[..],
            b"\x08\x02",
            b"\x08\x02\x32\x00",
            b"\x32\x00\x32\x00",
        ] {
            assert_eq!(only_event(Wire::V2, other), None);
        }
    }
}
