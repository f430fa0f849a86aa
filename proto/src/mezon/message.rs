use bytes::Bytes;

use super::{
    Wire, api,
    decimal::parse,
    walk::{Value, Walk},
};

/// A [`ChannelMessage`](api::ChannelMessage) as it lies in a frame of either wire: the numbers are read, the texts are only found.
///
/// It is what there is most of by far, so it has a way of its own. [`fill`](Self::fill) gives the message that
/// [`decode`](super::decode) gives, in one pass and into memory that is there already.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::{MessageView, Wire, api::ChannelMessage};
///
/// let body = bytes::Bytes::from_static(b"\x10\x2a\x42\x02hi");
/// let view = MessageView::read(Wire::V2, &body).unwrap();
/// assert_eq!((view.channel_id, view.content), (42, &b"hi"[..]));
///
/// let mut message = ChannelMessage::default();
/// assert!(view.fill(&body, &mut message));
/// assert_eq!(message.content, "hi");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the platform documents none of its fields")]
pub struct MessageView<'a> {
    pub clan_id: i64,
    pub channel_id: i64,
    pub message_id: i64,
    pub code: i32,
    pub sender_id: i64,
    pub username: &'a [u8],
    pub avatar: &'a [u8],
    pub content: &'a [u8],
    pub channel_label: &'a [u8],
    pub clan_logo: &'a [u8],
    pub category_name: &'a [u8],
    pub display_name: &'a [u8],
    pub clan_nick: &'a [u8],
    pub clan_avatar: &'a [u8],
    pub reactions: &'a [u8],
    pub mentions: &'a [u8],
    pub attachments: &'a [u8],
    pub references: &'a [u8],
    pub referenced_message: &'a [u8],
    pub create_time_seconds: u32,
    pub update_time_seconds: u32,
    pub mode: i32,
    pub hide_editted: bool,
    pub is_public: bool,
    pub topic_id: i64,
    /// Its lists are to be texts.
    has_text_lists: bool,
}

impl<'a> MessageView<'a> {
    /// Looks at an encoded message. `None` if it is broken or in any way unusual: then [`decode`](super::decode) it, which also says
    /// what is wrong.
    #[must_use]
    pub fn read(wire: Wire, body: &'a [u8]) -> Option<Self> {
        let mut view = Self::default();
        match wire {
            Wire::V1 => view.older(Walk::new(body))?,
            Wire::V2 => view.newest(Walk::new(body))?,
        }
        Some(view)
    }

    /// Looks at a message that is decoded.
    #[must_use]
    pub fn of(message: &'a api::ChannelMessage) -> Self {
        Self {
            clan_id: message.clan_id,
            channel_id: message.channel_id,
            message_id: message.message_id,
            code: message.code,
            sender_id: message.sender_id,
            username: message.username.as_bytes(),
            avatar: message.avatar.as_bytes(),
            content: message.content.as_bytes(),
            channel_label: message.channel_label.as_bytes(),
            clan_logo: message.clan_logo.as_bytes(),
            category_name: message.category_name.as_bytes(),
            display_name: message.display_name.as_bytes(),
            clan_nick: message.clan_nick.as_bytes(),
            clan_avatar: message.clan_avatar.as_bytes(),
            reactions: &message.reactions,
            mentions: &message.mentions,
            attachments: &message.attachments,
            references: &message.references,
            referenced_message: &message.referenced_message,
            create_time_seconds: message.create_time_seconds,
            update_time_seconds: message.update_time_seconds,
            mode: message.mode,
            hide_editted: message.hide_editted,
            is_public: message.is_public,
            topic_id: message.topic_id,
            has_text_lists: false,
        }
    }

    fn older(&mut self, mut walk: Walk<'a>) -> Option<()> {
        use Value::{Bytes, Number};

        self.has_text_lists = true;
        let (mut created, mut updated) = (false, false);
        while !walk.is_over() {
            match walk.field()? {
                (1, Bytes(id)) => self.clan_id = parse(id)?,
                (2, Bytes(id)) => self.channel_id = parse(id)?,
                (3, Bytes(id)) => self.message_id = parse(id)?,
                (4, Bytes(wrapper)) => {
                    if let Some(code) = inner(wrapper)? {
                        self.code = code as i32;
                    }
                }
                (5, Bytes(id)) => self.sender_id = parse(id)?,
                (6, Bytes(text)) => self.username = text,
                (7, Bytes(text)) => self.avatar = text,
                (8, Bytes(text)) => self.content = text,
                (9, Bytes(time)) => {
                    if let Some(seconds) = inner(time)?
                        && !created
                    {
                        self.create_time_seconds = seconds_of(seconds);
                    }
                }
                (10, Bytes(time)) => {
                    if let Some(seconds) = inner(time)?
                        && !updated
                    {
                        self.update_time_seconds = seconds_of(seconds);
                    }
                }
                (11, Bytes(text)) => self.channel_label = text,
                (12, Bytes(text)) => self.clan_logo = text,
                (13, Bytes(text)) => self.category_name = text,
                (14, Bytes(text)) => self.display_name = text,
                (15, Bytes(text)) => self.clan_nick = text,
                (16, Bytes(text)) => self.clan_avatar = text,
                (17, Bytes(list)) => self.reactions = list,
                (18, Bytes(list)) => self.mentions = list,
                (19, Bytes(list)) => self.attachments = list,
                (20, Bytes(list)) => self.references = list,
                (21, Bytes(list)) => self.referenced_message = list,
                (22, Number(seconds)) => {
                    created = true;
                    self.create_time_seconds = seconds as u32;
                }
                (23, Number(seconds)) => {
                    updated = true;
                    self.update_time_seconds = seconds as u32;
                }
                (24, Number(number)) => self.mode = number as i32,
                (25, Number(number)) => self.hide_editted = number != 0,
                (26, Number(number)) => self.is_public = number != 0,
                (27, Bytes(id)) => self.topic_id = parse(id)?,
                // Of another type than it should be.
                (1..=27, _) => return None,
                _ => {}
            }
        }
        Some(())
    }

    fn newest(&mut self, mut walk: Walk<'a>) -> Option<()> {
        use Value::{Bytes, Number};

        while !walk.is_over() {
            match walk.field()? {
                (1, Number(number)) => self.clan_id = number as i64,
                (2, Number(number)) => self.channel_id = number as i64,
                (3, Number(number)) => self.message_id = number as i64,
                (4, Number(number)) => self.code = number as i32,
                (5, Number(number)) => self.sender_id = number as i64,
                (6, Bytes(text)) => self.username = text,
                (7, Bytes(text)) => self.avatar = text,
                (8, Bytes(text)) => self.content = text,
                (9, Bytes(text)) => self.channel_label = text,
                (10, Bytes(text)) => self.clan_logo = text,
                (11, Bytes(text)) => self.category_name = text,
                (12, Bytes(text)) => self.display_name = text,
                (13, Bytes(text)) => self.clan_nick = text,
                (14, Bytes(text)) => self.clan_avatar = text,
                (15, Bytes(list)) => self.reactions = list,
                (16, Bytes(list)) => self.mentions = list,
                (17, Bytes(list)) => self.attachments = list,
                (18, Bytes(list)) => self.references = list,
                (19, Bytes(list)) => self.referenced_message = list,
                (20, Number(number)) => self.create_time_seconds = number as u32,
                (21, Number(number)) => self.update_time_seconds = number as u32,
                (22, Number(number)) => self.mode = number as i32,
                (23, Number(number)) => self.hide_editted = number != 0,
                (24, Number(number)) => self.is_public = number != 0,
                (25, Number(number)) => self.topic_id = number as i64,
                // Of another type than it should be.
                (1..=25, _) => return None,
                _ => {}
            }
        }
        Some(())
    }

    /// Writes the message into one that is empty, such as one that was [emptied](empty): texts are copied into the memory that is there,
    /// lists share that of `frame`, in which lies what was read. Returns false if a text is none; `into` may then hold a part of it.
    #[must_use]
    pub fn fill(&self, frame: &Bytes, into: &mut api::ChannelMessage) -> bool {
        into.clan_id = self.clan_id;
        into.channel_id = self.channel_id;
        into.message_id = self.message_id;
        into.code = self.code;
        into.sender_id = self.sender_id;
        into.create_time_seconds = self.create_time_seconds;
        into.update_time_seconds = self.update_time_seconds;
        into.mode = self.mode;
        into.hide_editted = self.hide_editted;
        into.is_public = self.is_public;
        into.topic_id = self.topic_id;
        let after_nick = match self.has_text_lists {
            // Its key is not ASCII.
            true => &[][..],
            false => self.clan_avatar,
        };
        let sender = Texts::between(frame, [self.username, self.avatar]);
        let names = Texts::between(
            frame,
            [
                self.channel_label,
                self.clan_logo,
                self.category_name,
                self.display_name,
                self.clan_nick,
                after_nick,
            ],
        );
        let content = Texts::default();
        sender.copy(self.username, &mut into.username)
            && sender.copy(self.avatar, &mut into.avatar)
            && content.copy(self.content, &mut into.content)
            && names.copy(self.channel_label, &mut into.channel_label)
            && names.copy(self.clan_logo, &mut into.clan_logo)
            && names.copy(self.category_name, &mut into.category_name)
            && names.copy(self.display_name, &mut into.display_name)
            && names.copy(self.clan_nick, &mut into.clan_nick)
            && names.copy(self.clan_avatar, &mut into.clan_avatar)
            && self.share(self.reactions, frame, &mut into.reactions)
            && self.share(self.mentions, frame, &mut into.mentions)
            && self.share(self.attachments, frame, &mut into.attachments)
            && self.share(self.references, frame, &mut into.references)
            && self.share(self.referenced_message, frame, &mut into.referenced_message)
    }

    #[inline]
    fn share(&self, list: &[u8], frame: &Bytes, into: &mut Bytes) -> bool {
        *into = match list {
            b"" => return true,
            b"[]" => Bytes::from_static(b"[]"),
            b"{}" => Bytes::from_static(b"{}"),
            list if self.has_text_lists && std::str::from_utf8(list).is_err() => return false,
            list => frame.slice_ref(list),
        };
        true
    }
}

/// Empties a message and leaves its texts their memory, unless that is much.
pub fn empty(message: &mut api::ChannelMessage) {
    for text in [
        &mut message.username,
        &mut message.avatar,
        &mut message.content,
        &mut message.channel_label,
        &mut message.clan_logo,
        &mut message.category_name,
        &mut message.display_name,
        &mut message.clan_nick,
        &mut message.clan_avatar,
    ] {
        text.clear();
        if text.capacity() > KEPT {
            *text = String::new();
        }
    }
    // They would keep the whole frame alive, even if they were empty.
    for list in [
        &mut message.reactions,
        &mut message.mentions,
        &mut message.attachments,
        &mut message.references,
        &mut message.referenced_message,
    ] {
        *list = Bytes::new();
    }
    message.clan_id = 0;
    message.channel_id = 0;
    message.message_id = 0;
    message.code = 0;
    message.sender_id = 0;
    message.create_time_seconds = 0;
    message.update_time_seconds = 0;
    message.mode = 0;
    message.hide_editted = false;
    message.is_public = false;
    message.topic_id = 0;
}

/// Texts that are longer than this give their memory back.
const KEPT: usize = 4 * 1024;

/// Reads the number in field 1: the value of a wrapper, the seconds of a timestamp.
#[inline]
fn inner(message: &[u8]) -> Option<Option<i64>> {
    let mut walk = Walk::new(message);
    let mut number = None;
    while !walk.is_over() {
        match walk.field()? {
            (1, Value::Number(value)) => number = Some(value as i64),
            (1, Value::Bytes(_)) => return None,
            _ => {}
        }
    }
    Some(number)
}

fn seconds_of(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

/// Texts that lie one after another in a frame, looked at as one: keys and lengths between them are ASCII nearly always, and one look at
/// many bytes costs less than many looks at a few.
#[derive(Clone, Copy, Debug, Default)]
struct Texts<'a> {
    /// Where they begin in the memory of this process.
    start: usize,
    all: &'a str,
}

impl<'a> Texts<'a> {
    /// Looks at all between the first of `texts` that is there and the last one. If that is no text, each is looked at by itself.
    #[inline]
    fn between<const N: usize>(frame: &'a [u8], texts: [&[u8]; N]) -> Self {
        let mut there = texts.iter().filter(|text| !text.is_empty());
        let Some(first) = there.next() else {
            return Self::default();
        };
        let start = first.as_ptr().addr();
        let last = there.next_back().unwrap_or(first);
        let place = |at: usize| at.checked_sub(frame.as_ptr().addr());
        let range = place(start).zip(place(last.as_ptr().addr() + last.len()));
        let bytes = range.and_then(|(from, to)| frame.get(from..to));
        match bytes.map(std::str::from_utf8) {
            Some(Ok(all)) => Self { start, all },
            _ => Self::default(),
        }
    }

    /// Appends one of them; returns false if it is no text.
    #[inline]
    fn copy(self, text: &[u8], into: &mut String) -> bool {
        if text.is_empty() {
            return true;
        }
        let at = text.as_ptr().addr().wrapping_sub(self.start);
        let known = self.all.get(at..at.wrapping_add(text.len()));
        match known.map_or_else(|| std::str::from_utf8(text), Ok) {
            Ok(text) => {
                into.push_str(text);
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{decode, encode};
    use super::*;

    fn message() -> impl Strategy<Value = api::ChannelMessage> {
        let ids = any::<[i64; 5]>();
        let texts = prop::collection::vec("\\PC{0,20}", 9);
        let lists = prop::collection::vec(
            prop_oneof!["", "\\[\\]", "\\{\\}", "\\[\\{\"a\":1\\}\\]"],
            5,
        );
        let numbers = any::<(i32, u32, u32, i32, bool, bool)>();
        (ids, texts, lists, numbers).prop_map(|(ids, texts, lists, numbers)| {
            let list = |at: usize| Bytes::from(lists[at].clone());
            api::ChannelMessage {
                clan_id: ids[0],
                channel_id: ids[1],
                message_id: ids[2],
                sender_id: ids[3],
                topic_id: ids[4],
                username: texts[0].clone(),
                avatar: texts[1].clone(),
                content: texts[2].clone(),
                channel_label: texts[3].clone(),
                clan_logo: texts[4].clone(),
                category_name: texts[5].clone(),
                display_name: texts[6].clone(),
                clan_nick: texts[7].clone(),
                clan_avatar: texts[8].clone(),
                reactions: list(0),
                mentions: list(1),
                attachments: list(2),
                references: list(3),
                referenced_message: list(4),
                code: numbers.0,
                create_time_seconds: numbers.1,
                update_time_seconds: numbers.2,
                mode: numbers.3,
                hide_editted: numbers.4,
                is_public: numbers.5,
            }
        })
    }

    /// What the quick way reads is what the other way reads.
    fn same(wire: Wire, body: &Bytes) -> Option<api::ChannelMessage> {
        let view = MessageView::read(wire, body)?;
        let mut filled = api::ChannelMessage::default();
        if !view.fill(body, &mut filled) {
            assert!(decode::<api::ChannelMessage>(wire, body.clone()).is_err());
            return None;
        }
        let decoded: api::ChannelMessage = decode(wire, body.clone()).unwrap();
        assert_eq!(filled, decoded, "{wire}");
        assert_eq!(
            MessageView {
                has_text_lists: view.has_text_lists,
                ..MessageView::of(&filled)
            },
            view
        );
        let mut emptied = filled.clone();
        empty(&mut emptied);
        assert_eq!(emptied, api::ChannelMessage::default());
        Some(filled)
    }

    proptest! {
        #[test]
        fn it_reads_what_decoding_reads(message in message()) {
            for wire in [Wire::V1, Wire::V2] {
                let body = Bytes::from(encode(wire, &message));
                prop_assert_eq!(same(wire, &body), Some(message.clone()));
            }
        }

        #[test]
        fn broken_messages_are_left_to_decoding(
            message in message(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            for wire in [Wire::V1, Wire::V2] {
                let mut body = encode(wire, &message);
                for (place, byte) in &changes {
                    if !body.is_empty() {
                        let place = place.index(body.len());
                        body[place] = *byte;
                    }
                }
                same(wire, &Bytes::from(body));
            }
        }
    }

    #[test]
    fn times_of_the_older_wire_are_read_in_either_form() {
        // A timestamp, then plain seconds; the other way round; and one before 1970.
        for (body, seconds) in [
            (&b"\x4a\x02\x08\x07\xb0\x01\x09"[..], 9),
            (b"\xb0\x01\x09\x4a\x02\x08\x07", 9),
            (b"\x4a\x04\x08\x07\x10\x05", 7),
            (b"\x4a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0),
        ] {
            let read = same(Wire::V1, &Bytes::copy_from_slice(body)).unwrap();
            assert_eq!(read.create_time_seconds, seconds);
        }
        assert_eq!(MessageView::read(Wire::V1, b"\x22\x01\x08"), None);
    }
}
