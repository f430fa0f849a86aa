//! Takes websocket messages off a stream of bytes; pure.

use bytes::{Buf, BytesMut};
use greenroom_actors::connection::{Frame, LinkError};

/// Finds the messages in what a server sends, and joins their fragments.
#[derive(Debug)]
pub(super) struct Decoder {
    limit: usize,
    fragments: Option<Fragments>,
}

#[derive(Debug)]
struct Fragments {
    text: bool,
    joined: BytesMut,
}

impl Decoder {
    /// Creates a decoder that accepts messages of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            fragments: None,
        }
    }

    /// Takes the next message off the front, or returns `None` if it is not all there yet.
    pub(super) fn next(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, LinkError> {
        while let Some(header) = Header::read(bytes)? {
            self.check(&header)?;
            if bytes.len() - header.size < header.length {
                return Ok(None);
            }
            bytes.advance(header.size);
            let payload = bytes.split_to(header.length);
            if let Some(frame) = self.frame(&header, payload)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Refuses a frame before its payload has arrived.
    fn check(&self, header: &Header) -> Result<(), LinkError> {
        let joined = self.fragments.as_ref().map(|part| part.joined.len());
        if header.opcode >= CLOSE {
            return match (header.last, header.length) {
                (false, _) => Err(broken("a control frame in fragments")),
                (true, 126..) => Err(broken("a control frame of more than 125 bytes")),
                (true, _) => Ok(()),
            };
        }
        match (header.opcode, joined) {
            (CONTINUATION, None) => return Err(broken("the continuation of nothing")),
            (TEXT | BINARY, Some(_)) => return Err(broken("a message inside of another")),
            _ => {}
        }
        if header.length > self.limit - joined.unwrap_or(0).min(self.limit) {
            return Err(LinkError::Oversized(self.limit));
        }
        Ok(())
    }

    fn frame(&mut self, header: &Header, payload: BytesMut) -> Result<Option<Frame>, LinkError> {
        match (header.opcode, header.last) {
            (BINARY, true) => return Ok(Some(Frame::Binary(payload.freeze()))),
            (TEXT, true) => return Ok(Some(Frame::Text(payload.freeze()))),
            (PING, _) => return Ok(Some(Frame::Ping(payload.freeze()))),
            (PONG, _) => return Ok(Some(Frame::Pong(payload.freeze()))),
            (CLOSE, _) => return close(&payload).map(Some),
            (CONTINUATION, _) => {}
            (opcode, _) => {
                // A copy of its own, so that a slow message does not keep blocks of others alive.
                self.fragments = Some(Fragments {
                    text: opcode == TEXT,
                    joined: BytesMut::from(&payload[..]),
                });
                return Ok(None);
            }
        }
        let Some(mut fragments) = self.fragments.take() else {
            return Ok(None);
        };
        fragments.joined.extend_from_slice(&payload);
        if !header.last {
            self.fragments = Some(fragments);
            return Ok(None);
        }
        let joined = fragments.joined.freeze();
        Ok(Some(match fragments.text {
            true => Frame::Text(joined),
            false => Frame::Binary(joined),
        }))
    }
}

/// The beginning of a frame.
#[derive(Debug)]
struct Header {
    last: bool,
    opcode: u8,
    size: usize,
    length: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Option<Self>, LinkError> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = first & 0x0f;
        if first & 0x70 != 0 {
            return Err(broken("reserved bits are set"));
        }
        if !matches!(opcode, CONTINUATION..=BINARY | CLOSE..=PONG) {
            return Err(broken("an unknown kind of frame"));
        }
        if second & 0x80 != 0 {
            return Err(broken("a masked frame from a server"));
        }
        let (more, length) = match second {
            126 => (
                2,
                rest.first_chunk()
                    .map(|b| u64::from(u16::from_be_bytes(*b))),
            ),
            127 => (8, rest.first_chunk().map(|b| u64::from_be_bytes(*b))),
            length => (0, Some(u64::from(length))),
        };
        Ok(length.map(|length| Self {
            last: first & 0x80 != 0,
            opcode,
            size: 2 + more,
            // What does not fit is larger than any limit.
            length: usize::try_from(length).unwrap_or(usize::MAX),
        }))
    }
}

fn close(payload: &[u8]) -> Result<Frame, LinkError> {
    match payload {
        [] => Ok(Frame::Close(None)),
        [_] => Err(broken("half a close code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let reason = String::from_utf8_lossy(reason).into_owned();
            Ok(Frame::Close(Some((code, reason))))
        }
    }
}

#[cold]
fn broken(how: &str) -> LinkError {
    LinkError::Protocol(how.to_owned())
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn decode(limit: usize, parts: &[&[u8]]) -> (Vec<Frame>, Option<LinkError>) {
        let mut decoder = Decoder::new(limit);
        let mut bytes = BytesMut::new();
        let mut frames = Vec::new();
        for part in parts {
            bytes.extend_from_slice(part);
            loop {
                match decoder.next(&mut bytes) {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return (frames, Some(error)),
                }
            }
        }
        (frames, None)
    }

    fn binary(payload: &'static [u8]) -> Frame {
        Frame::Binary(Bytes::from_static(payload))
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let stream = b"\x82\x03abc\x81\x02hi\x89\x01p\x8a\x00\x88\x05\x03\xe8bye";
        let all = vec![
            binary(b"abc"),
            Frame::Text(Bytes::from_static(b"hi")),
            Frame::Ping(Bytes::from_static(b"p")),
            Frame::Pong(Bytes::new()),
            Frame::Close(Some((1000, "bye".to_owned()))),
        ];
        for size in 1..=stream.len() {
            let parts: Vec<_> = stream.chunks(size).collect();
            assert_eq!(decode(9, &parts), (all.clone(), None), "{size}");
        }
    }

    #[test]
    fn fragments_are_joined_around_control_frames() {
        let stream = b"\x02\x01a\x89\x00\x00\x01b\x80\x01c";
        let all = vec![Frame::Ping(Bytes::new()), binary(b"abc")];
        assert_eq!(decode(3, &[stream]), (all, None));
        let (frames, error) = decode(2, &[stream]);
        assert_eq!(frames, [Frame::Ping(Bytes::new())]);
        assert_eq!(error, Some(LinkError::Oversized(2)));
    }

    #[test]
    fn an_oversized_message_is_refused_at_its_header() {
        for header in [
            &b"\x82\x7e\x01\x01"[..],
            b"\x82\x7f\x00\x00\x00\xff\x00\x00\x00\x00",
            b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(
                decode(256, &[header]),
                (vec![], Some(LinkError::Oversized(256)))
            );
        }
        let (frames, error) = decode(256, &[b"\x82\x7e\x01\x00", &[7; 256]]);
        assert_eq!((frames.len(), error), (1, None));
    }

    #[test]
    fn what_the_protocol_forbids_is_an_error() {
        for bytes in [
            &b"\xc2\x00"[..],
            b"\x83\x00",
            b"\x82\x80",
            b"\x09\x00",
            b"\x89\x7e\x00\x7e",
            b"\x80\x00",
            b"\x02\x00\x82\x00",
            b"\x88\x01\x03",
        ] {
            let (_, error) = decode(1_000, &[bytes]);
            assert!(
                matches!(error, Some(LinkError::Protocol(_))),
                "{bytes:x?}: {error:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..40) {
            let parts: Vec<_> = bytes.chunks(size).collect();
            decode(64, &parts);
        }
    }
}
