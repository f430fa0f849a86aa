//! Mentions of messages, in the vocabulary of all platforms.

use greenroom_actors::event::Id;
use greenroom_actors::utterance::{Mention, MentionKind};
use greenroom_proto::mezon::api;
use serde::Deserialize;

use super::content;
use super::lenient;

/// Tells whom and what a message mentions; `text` is its text and `me` the bot.
pub(super) fn mentions(received: &api::ChannelMessage, text: &str, me: &Id) -> Vec<Mention> {
    let listed = content::mentions(&received.mentions);
    let people = listed.into_iter().map(|listed| {
        let (kind, id, name) = match listed.user_id {
            0 => (MentionKind::Role, listed.role_id, listed.rolename),
            id => (MentionKind::User, id, listed.username),
        };
        told(text, kind, id.into(), name, (listed.s, listed.e), me)
    });
    let channels = hashtags(&received.content).into_iter().map(|tag| {
        let (id, place) = (tag.channelid.into(), (tag.s, tag.e));
        told(text, MentionKind::Channel, id, String::new(), place, me)
    });
    people.chain(channels).collect()
}

fn told(
    text: &str,
    kind: MentionKind,
    id: Id,
    name: String,
    (start, end): (i32, i32),
    me: &Id,
) -> Mention {
    let place = place(text, start, end).filter(|(from, _)| text[*from..].starts_with(kind.sign()));
    let written = place.and_then(|(from, to)| text[from..to].strip_prefix(kind.sign()));
    Mention {
        kind,
        is_me: kind == MentionKind::User && id == *me && !id.is_none(),
        id,
        name: written.map_or(name, str::to_owned),
        place,
    }
}

/// Returns a place in bytes; the platform counts as JavaScript does, in units of UTF-16.
fn place(text: &str, start: i32, end: i32) -> Option<(usize, usize)> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    if start >= end {
        return None;
    }
    let mut units = 0;
    let mut from = None;
    for (at, c) in text.char_indices() {
        if units == start {
            from = Some(at);
        }
        if units == end {
            return Some((from?, at));
        }
        units += c.len_utf16();
    }
    (units == end).then_some((from?, text.len()))
}

/// A channel in the content of a message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Hashtag {
    channelid: String,
    s: i32,
    e: i32,
}

fn hashtags(received: &str) -> Vec<Hashtag> {
    // Nearly no message has any.
    if !received.contains("\"hg\"") {
        return Vec::new();
    }
    let content = content::Content::read(received);
    let Some(serde_json::Value::Array(tags)) = content.fields().get("hg") else {
        return Vec::new();
    };
    tags.iter().cloned().map(lenient::object).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(content: &str, mentions: &'static str) -> api::ChannelMessage {
        api::ChannelMessage {
            content: content.to_owned(),
            mentions: Bytes::from(mentions),
            ..Default::default()
        }
    }

    #[test]
    fn mentions_are_told_with_their_places() {
        let text = "\u{1f44b} @bob tip @crew in #general";
        let content = format!(r##"{{"t":"{text}","hg":[{{"channelid":"30","s":21,"e":29}}]}}"##);
        let list = r#"[{"user_id":"7","username":"x","s":3,"e":7},{"role_id":"6","s":12,"e":17}]"#;
        let told = mentions(&message(&content, list), text, &Id::from(7));
        let seen: Vec<_> = told
            .iter()
            .map(|told| {
                let place = told.place.map(|(from, to)| &text[from..to]);
                (
                    told.kind,
                    told.id.to_string(),
                    told.name.as_str(),
                    place,
                    told.is_me,
                )
            })
            .collect();
        let expected = [
            (MentionKind::User, "7", "bob", Some("@bob"), true),
            (MentionKind::Role, "6", "crew", Some("@crew"), false),
            (
                MentionKind::Channel,
                "30",
                "general",
                Some("#general"),
                false,
            ),
        ];
        assert_eq!(
            seen,
            expected.map(|(kind, id, name, place, me)| (kind, id.to_owned(), name, place, me))
        );
    }

    #[test]
    fn odd_places_are_none_and_names_stay() {
        for list in [
            r#"[{"user_id":"7","username":"bob"}]"#,
            r#"[{"user_id":"7","username":"bob","s":0,"e":400}]"#,
            r#"[{"user_id":"7","username":"bob","s":-4,"e":4}]"#,
            r#"[{"user_id":"7","username":"bob","s":4,"e":0}]"#,
            r#"[{"user_id":"7","username":"bob","s":1,"e":3}]"#,
        ] {
            let told = mentions(&message("", list), "\u{1f44b}@bob", &Id::NONE);
            assert_eq!(
                (told[0].name.as_str(), told[0].place, told[0].is_me),
                ("bob", None, false),
                "{list}"
            );
        }
    }
}
