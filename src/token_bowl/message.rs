//! What a message says in the vocabulary of all platforms.

use greenroom_actors::event::{ChannelKey, Id};

use super::model::{Message, MessageType};
use super::state::Me;
use crate::chat::{Author, ChatMessage, Mention};

/// Returns the conversation of the room.
pub(super) fn room() -> ChannelKey {
    ChannelKey::new(Id::NONE, ROOM)
}

/// Returns the conversation with a user.
pub(super) fn direct(name: &str) -> ChannelKey {
    ChannelKey::new(Id::NONE, format!("@{name}"))
}

/// Finds the conversation that a person calls so: the room, or a user with an `@` before the name.
pub(super) fn conversation(name: &str) -> Option<ChannelKey> {
    match name.strip_prefix('@') {
        Some("") => None,
        Some(user) => Some(direct(user)),
        None => (name == ROOM).then(room),
    }
}

/// Returns whom a message in this conversation is for: none is the room.
pub(super) fn recipient(channel: &ChannelKey) -> Option<String> {
    let name = channel.channel.to_string();
    name.strip_prefix('@').map(str::to_owned)
}

/// Returns the conversation of a message.
pub(super) fn key(message: &Message, is_mine: bool) -> ChannelKey {
    match (&message.message_type, &message.to_username) {
        (MessageType::Direct, Some(to)) if is_mine => direct(to),
        (MessageType::Direct, _) => direct(&message.from_username),
        _ => room(),
    }
}

/// Tells a message in the vocabulary of all platforms.
pub(super) fn chat(message: &Message, me: Option<&Me>, is_mine: bool) -> ChatMessage {
    let author = match message.from_user_id.as_str() {
        "" => &message.from_username,
        id => id,
    };
    ChatMessage {
        id: Id::from(&message.id),
        author: Author {
            id: Id::from(author),
            name: message.from_username.clone(),
            display: message.from_username.clone(),
        },
        text: message.content.clone(),
        is_own: is_mine,
        reply_to: None,
        at: message.timestamp.unix_seconds(),
        is_direct: message.message_type == MessageType::Direct,
        mentions: me
            .and_then(|me| mention(&message.content, me))
            .into_iter()
            .collect(),
        attachments: Vec::new(),
    }
}

/// Finds the user's own name in a text, in whatever case.
///
/// The place is given only where the name is a word of its own, with an `@` before it if there is one.
fn mention(text: &str, me: &Me) -> Option<Mention> {
    let places = || places(text, &me.name);
    let word = places().find(|(from, to)| {
        let before = text[..*from].chars().next_back();
        let after = text[*to..].chars().next();
        let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_inside(before) && !is_inside(after)
    });
    places().next()?;
    let place = word.map(|(from, to)| match text[..from].ends_with('@') {
        true => (from - 1, to),
        false => (from, to),
    });
    Some(Mention {
        id: Id::from(&me.id),
        name: me.name.clone(),
        place,
        is_me: true,
        ..Mention::default()
    })
}

/// Finds a name in a text, in whatever case: the first byte, and the first one behind it.
fn places<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let found = |(from, _): (usize, char)| {
        let mut wanted = name.chars().flat_map(char::to_lowercase);
        let mut next = wanted.next()?;
        for (at, c) in text[from..].char_indices() {
            for lower in c.to_lowercase() {
                if lower != next {
                    return None;
                }
                match wanted.next() {
                    Some(c) => next = c,
                    None => return Some((from, from + at + c.len_utf8())),
                }
            }
        }
        None
    };
    text.char_indices().filter_map(found)
}

/// What the room is called.
const ROOM: &str = "room";

#[cfg(test)]
mod tests {
    use super::*;

    fn me(name: &str) -> Me {
        Me {
            id: "7".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn tbc_28_the_own_name_is_found_in_any_case() {
        let place = |text: &str, name: &str| mention(text, &me(name)).map(|found| found.place);
        assert_eq!(place("hello GreenRoom!", "greenroom"), Some(Some((6, 15))));
        assert_eq!(place("@greenroom help", "greenroom"), Some(Some((0, 10))));
        assert_eq!(
            place("greenrooms", "greenroom"),
            Some(None),
            "inside of a word"
        );
        assert_eq!(place("ÄRGER und ärger", "Ärger"), Some(Some((0, 6))));
        assert_eq!(place("green room", "greenroom"), None);
        assert_eq!(place("x", ""), None);
        assert_eq!(place("", "greenroom"), None);
    }

    #[test]
    fn conversations_have_names_that_lead_back() {
        assert_eq!(recipient(&room()), None);
        assert_eq!(recipient(&direct("bob")).as_deref(), Some("bob"));
        assert_eq!(recipient(&direct("@bob")).as_deref(), Some("@bob"));
        assert_eq!(recipient(&direct("42")).as_deref(), Some("42"));
    }
}
