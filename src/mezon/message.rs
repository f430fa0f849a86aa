//! What an event `channel_message` says, in one vocabulary for both wires.

use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::api;

use super::content::{self, Content, text_of};
use super::limits::{DIRECT_MODE, GROUP_MODE, REMOVED, UPDATED};
use super::mention;
use crate::chat::{Author, ChatMessage, File};

/// A view of a message as the platform sends it.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::{MezonMessage, proto::api::ChannelMessage};
///
/// let received = ChannelMessage {
///     content: r#"{"t":"!ping"}"#.to_owned(),
///     sender_id: 42,
///     ..ChannelMessage::default()
/// };
/// let message = MezonMessage::new(&received);
/// assert_eq!((message.text().as_str(), message.sender()), ("!ping", 42.into()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MezonMessage<'a> {
    received: &'a api::ChannelMessage,
}

impl<'a> MezonMessage<'a> {
    /// Looks at a message.
    #[must_use]
    pub fn new(received: &'a api::ChannelMessage) -> Self {
        Self { received }
    }

    /// Returns the message as the platform sent it.
    #[must_use]
    pub fn received(&self) -> &'a api::ChannelMessage {
        self.received
    }

    /// Returns the message's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.received.message_id.into()
    }

    /// Returns the clan, none for direct conversations.
    #[must_use]
    pub fn clan(&self) -> Id {
        self.received.clan_id.into()
    }

    /// Returns the channel.
    #[must_use]
    pub fn channel(&self) -> Id {
        self.received.channel_id.into()
    }

    /// Returns the clan and the channel.
    #[must_use]
    pub fn key(&self) -> ChannelKey {
        key(self.received)
    }

    /// Returns who sent it.
    #[must_use]
    pub fn sender(&self) -> Id {
        self.received.sender_id.into()
    }

    /// Returns the topic, if it belongs to one.
    #[must_use]
    pub fn topic(&self) -> Id {
        self.received.topic_id.into()
    }

    /// Returns the sender's name as it is shown in the clan: the nickname there, the display name, or else the user name.
    #[must_use]
    pub fn sender_name(&self) -> &'a str {
        let received = self.received;
        let names = [
            &received.clan_nick,
            &received.display_name,
            &received.username,
        ];
        names
            .into_iter()
            .find(|name| !name.is_empty())
            .map_or("", String::as_str)
    }

    /// Returns the sender's picture in the clan, or else the usual one.
    #[must_use]
    pub fn sender_avatar(&self) -> &'a str {
        match self.received.clan_avatar.as_str() {
            "" => &self.received.avatar,
            avatar => avatar,
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> String {
        text_of(&self.received.content)
    }

    /// Returns the content: the text and all that is beside it.
    #[must_use]
    pub fn content(&self) -> Content {
        Content::read(&self.received.content)
    }

    /// Returns the users and roles that it mentions.
    #[must_use]
    pub fn mentions(&self) -> Vec<api::MessageMention> {
        content::mentions(&self.received.mentions)
    }

    /// Returns the files that are attached.
    #[must_use]
    pub fn attachments(&self) -> Vec<api::MessageAttachment> {
        content::attachments(&self.received.attachments)
    }

    /// Returns the reactions that it had when it was sent.
    #[must_use]
    pub fn reactions(&self) -> Vec<api::MessageReaction> {
        content::reactions(&self.received.reactions)
    }

    /// Returns the messages that it quotes.
    #[must_use]
    pub fn references(&self) -> Vec<api::MessageRef> {
        content::references(&self.received.references)
    }

    /// Says whether it changes an earlier message of the same id.
    #[must_use]
    pub fn is_update(&self) -> bool {
        self.received.code == UPDATED
    }

    /// Says whether it takes an earlier message of the same id back.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        self.received.code == REMOVED
    }

    /// Returns the sender in the vocabulary of all platforms.
    #[must_use]
    pub fn author(&self) -> Author {
        Author {
            id: self.sender(),
            name: self.received.username.clone(),
            display: self.sender_name().to_owned(),
        }
    }

    /// Returns the message in the vocabulary of all platforms; `me` is the bot.
    #[must_use]
    pub fn chat(&self, me: &Id) -> ChatMessage {
        let sender = self.sender();
        let quoted = self
            .references()
            .first()
            .map(|quoted| Id::from(quoted.message_ref_id));
        let text = self.text();
        ChatMessage {
            id: self.id(),
            author: self.author(),
            mentions: mention::mentions(self.received, &text, me),
            text,
            is_direct: is_direct(self.received),
            is_own: sender == *me,
            reply_to: quoted.filter(|id| !id.is_none()),
            at: self.received.create_time_seconds.into(),
            attachments: self.files(),
        }
    }

    /// Returns the files in the vocabulary of all platforms.
    fn files(&self) -> Vec<File> {
        // Nearly no message has any.
        if self.received.attachments.is_empty() {
            return Vec::new();
        }
        let files = self.attachments().into_iter();
        let files = files.map(|file| File {
            name: file.filename,
            url: file.url,
        });
        files.filter(|file| !file.url.is_empty()).collect()
    }
}

/// Says whether a message was said outside of all clans.
fn is_direct(message: &api::ChannelMessage) -> bool {
    matches!(message.mode, DIRECT_MODE | GROUP_MODE) || message.clan_id == 0
}

/// Returns the conversation of a message.
pub(super) fn key(message: &api::ChannelMessage) -> ChannelKey {
    ChannelKey::new(message.clan_id, message.channel_id)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn names_and_pictures_are_those_of_the_clan_first() {
        let mut received = api::ChannelMessage {
            username: "alice".to_owned(),
            avatar: "a.png".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            (
                MezonMessage::new(&received).sender_name(),
                MezonMessage::new(&received).sender_avatar()
            ),
            ("alice", "a.png")
        );
        received.display_name = "Alice".to_owned();
        assert_eq!(MezonMessage::new(&received).sender_name(), "Alice");
        received.clan_nick = "Al".to_owned();
        received.clan_avatar = "b.png".to_owned();
        assert_eq!(
            (
                MezonMessage::new(&received).sender_name(),
                MezonMessage::new(&received).sender_avatar()
            ),
            ("Al", "b.png")
        );
    }

    #[test]
    fn a_message_is_told_in_the_vocabulary_of_all_platforms() {
        let received = api::ChannelMessage {
            message_id: 7,
            sender_id: 4,
            username: "alice".to_owned(),
            display_name: "Alice".to_owned(),
            content: r#"{"t":"pong"}"#.to_owned(),
            references: Bytes::from(r#"[{"message_ref_id":"6"}]"#),
            attachments: Bytes::from(
                r#"[{"filename":"a.png","url":"https://x.y/a.png"},{"filename":"b"}]"#,
            ),
            create_time_seconds: 99,
            ..Default::default()
        };
        let told = MezonMessage::new(&received).chat(&Id::from(4));
        let author = Author {
            id: Id::from(4),
            name: "alice".to_owned(),
            display: "Alice".to_owned(),
        };
        let expected = ChatMessage {
            id: Id::from(7),
            author,
            text: "pong".to_owned(),
            is_own: true,
            reply_to: Some(Id::from(6)),
            at: 99,
            is_direct: true,
            attachments: vec![File {
                name: "a.png".to_owned(),
                url: "https://x.y/a.png".to_owned(),
            }],
            ..ChatMessage::default()
        };
        assert_eq!(told, expected);
    }
}
