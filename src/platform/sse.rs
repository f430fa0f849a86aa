//! Server-sent events, read piece by piece.
//!
//! It follows the standard of the web: UTF-8 with or without a byte order mark, lines that end with CR, LF or both, comments, and
//! data of several lines. What is not ended by an empty line when the stream ends is no event.

/// Reads a stream of server-sent events, wherever its pieces begin and end.
///
/// It keeps one line and one event at most, both within a limit.
///
/// # Examples
///
/// ```
/// use greenroom::platform::sse::{Decoder, Part};
///
/// let mut decoder = Decoder::new(1_024);
/// assert_eq!(decoder.feed(b": hello\ndata: one\nda"), []);
/// let [Part::Event(event)] = &decoder.feed(b"ta: two\n\n")[..] else { panic!("one event") };
/// assert_eq!(event.data, "one\ntwo");
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    limit: usize,
    line: Vec<u8>,
    /// The line is longer than allowed: the rest of it is skipped.
    is_cut: bool,
    /// The last byte was a CR, so that an LF belongs to it.
    after_cr: bool,
    is_first_line: bool,
    event: Unfinished,
    last_id: String,
}

/// An event as the server has sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerEvent {
    /// The last id that the server gave, to this event or one before; may be empty.
    pub id: String,
    /// What kind of event it is; `message` if the server does not say.
    pub kind: String,
    /// The lines of its data, with line feeds between them.
    pub data: String,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// An event.
    Event(ServerEvent),
    /// An event, or a line of it, was longer than allowed, and is left out.
    TooLong,
}

#[derive(Clone, Debug, Default)]
struct Unfinished {
    kind: String,
    data: String,
    has_data: bool,
    is_too_long: bool,
}

impl Decoder {
    /// Begins a stream whose lines, and the data of whose events, have `limit` bytes at most.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            is_cut: false,
            after_cr: false,
            is_first_line: true,
            event: Unfinished::default(),
            last_id: String::new(),
        }
    }

    /// Takes the next bytes in and returns what is whole now.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        while let Some((first, rest)) = bytes.split_first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = rest;
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let Some(end) = end else {
                self.keep(bytes);
                break;
            };
            self.keep(&bytes[..end]);
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            parts.extend(self.end_line());
        }
        parts
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.is_cut || self.line.len() + bytes.len() > self.limit {
            self.is_cut = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) -> Option<Part> {
        let is_first = std::mem::take(&mut self.is_first_line);
        if std::mem::take(&mut self.is_cut) {
            self.event.is_too_long = true;
            return None;
        }
        let line = std::mem::take(&mut self.line);
        let mut text = line.as_slice();
        if is_first {
            text = text.strip_prefix(MARK).unwrap_or(text);
        }
        let part = match text {
            [] => self.end_event(),
            text => {
                self.field(&String::from_utf8_lossy(text));
                None
            }
        };
        // The room of the line is used again.
        self.line = line;
        self.line.clear();
        part
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let event = &mut self.event;
        match name {
            "data" => {
                if event.data.len() + value.len() + 1 > self.limit {
                    event.is_too_long = true;
                    event.data.clear();
                } else if !event.is_too_long {
                    if std::mem::replace(&mut event.has_data, true) {
                        event.data.push('\n');
                    }
                    event.data.push_str(value);
                }
            }
            "event" => value.clone_into(&mut event.kind),
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_id),
            // How long to wait before the next try is the client's affair; comments have no name, and others are for nobody.
            _ => {}
        }
    }

    fn end_event(&mut self) -> Option<Part> {
        let event = std::mem::take(&mut self.event);
        if event.is_too_long {
            return Some(Part::TooLong);
        }
        let kind = match event.kind.as_str() {
            "" => "message".to_owned(),
            _ => event.kind,
        };
        event.has_data.then(|| {
            Part::Event(ServerEvent {
                id: self.last_id.clone(),
                kind,
                data: event.data,
            })
        })
    }
}

/// The byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Vec<(String, String, String)> {
        let parts = Decoder::new(64).feed(text).into_iter();
        parts
            .map(|part| match part {
                Part::Event(event) => (event.id, event.kind, event.data),
                Part::TooLong => (String::new(), "too long".to_owned(), String::new()),
            })
            .collect()
    }

    fn told(id: &str, kind: &str, data: &str) -> (String, String, String) {
        (id.to_owned(), kind.to_owned(), data.to_owned())
    }

    #[test]
    fn it_follows_the_standard() {
        let message = |data: &str| told("", "message", data);
        assert_eq!(read(b"data: a\ndata: b\n\n"), [message("a\nb")]);
        assert_eq!(
            read(b"data:a\r\n\r\ndata:  b\r\r"),
            [message("a"), message(" b")]
        );
        assert_eq!(read(b"\xef\xbb\xbfdata: a\n\n"), [message("a")]);
        assert_eq!(read(b"data\n\n"), [message("")]);
        assert_eq!(read(b"data: a\n"), [], "not ended");
        assert_eq!(read(b": comment\n\nevent: x\n\n"), [], "no data");
        assert_eq!(
            read(b"id: 1\nevent: x\ndata: a\n\nretry: 5\nother: y\ndata: b\n\n"),
            [told("1", "x", "a"), told("1", "message", "b")]
        );
        assert_eq!(
            read(b"id: 1\nid: 2\0\ndata: a\n\n"),
            [told("1", "message", "a")]
        );
        assert_eq!(read(b"data: \xff\n\n"), [message("\u{fffd}")]);
    }

    #[test]
    fn what_is_too_long_is_left_out_and_told() {
        let long = [b"data: ".as_slice(), &[b'x'; 100], b"\n\ndata: a\n\n"].concat();
        let left_out = told("", "too long", "");
        let next = told("", "message", "a");
        assert_eq!(read(&long), [left_out.clone(), next.clone()]);
        let lines = [b"data: 12345678\n".repeat(20), b"\ndata: a\n\n".to_vec()].concat();
        assert_eq!(read(&lines), [left_out, next]);
        let mut decoder = Decoder::new(64);
        for _ in 0..1_000 {
            decoder.feed(&[b'x'; 1_000]);
        }
        assert!(decoder.line.capacity() <= 64, "it keeps nothing of it");
    }

    proptest! {
        #[test]
        fn where_the_pieces_begin_does_not_matter(
            bytes in prop::collection::vec(
                prop_oneof![
                    Just(b"data".to_vec()), Just(b":".to_vec()), Just(b" ".to_vec()), Just(b"\r".to_vec()), Just(b"\n".to_vec()),
                    Just(b"\n\n".to_vec()), Just(b"id:7".to_vec()), Just(b"event:k".to_vec()), Just(b"\xef\xbb\xbf".to_vec()),
                    prop::collection::vec(any::<u8>(), 0..80),
                ],
                0..60,
            ),
            cuts in prop::collection::vec(0_usize..20, 0..400),
        ) {
            let bytes = bytes.concat();
            let whole = Decoder::new(64).feed(&bytes);
            let (mut decoder, mut rest, mut parts) = (Decoder::new(64), bytes.as_slice(), Vec::new());
            for cut in cuts {
                let (piece, next) = rest.split_at(cut.min(rest.len()));
                parts.extend(decoder.feed(piece));
                rest = next;
            }
            parts.extend(decoder.feed(rest));
            prop_assert_eq!(parts, whole);
        }

        #[test]
        fn what_a_server_writes_is_read(
            events in prop::collection::vec(prop::collection::vec("[^\r\n]{0,9}", 1..4), 0..9),
            ends in prop::collection::vec(prop_oneof![Just("\n"), Just("\r\n")], 1..9),
        ) {
            let mut ends = ends.iter().cycle();
            let mut text = String::from("\u{feff}");
            for lines in &events {
                for line in lines {
                    text += &format!("data: {line}{}", ends.next().unwrap());
                }
                text += &format!(": comment{0}{0}", ends.next().unwrap());
            }
            let read: Vec<_> = Decoder::new(256).feed(text.as_bytes());
            let expected: Vec<_> = events.iter().map(|lines| Part::Event(ServerEvent {
                id: String::new(),
                kind: "message".to_owned(),
                data: lines.join("\n"),
            })).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
