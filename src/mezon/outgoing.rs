//! What a bot says, in the platform's own terms.

use greenroom_actors::connection::RequestError;
use greenroom_actors::event::Id;
use greenroom_proto::mezon::{api, realtime};

use super::codec::Request;
use super::content::Content;
use super::limits::check_content;
use super::message::MezonMessage;
use super::model::User;
use super::state::Place;
use crate::chat::Quote;

/// A message to send, with all that the platform can put into one.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::{NewMessage, proto::api};
///
/// let mut message = NewMessage::from("look, @alice");
/// message.mentions.push(api::MessageMention { user_id: 42, s: 6, e: 12, ..Default::default() });
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewMessage {
    /// The text, or an object with text, markup, embeds and buttons.
    pub content: Content,
    /// Whom it mentions, by place in the text.
    pub mentions: Vec<api::MessageMention>,
    /// The files that are attached.
    pub attachments: Vec<Attachment>,
    /// The messages that it quotes; [`NewMessage::quoting`] makes one.
    pub references: Vec<api::MessageRef>,
    /// Whether it mentions everyone.
    pub mention_everyone: bool,
    /// Whether it hides who says it.
    pub anonymous: bool,
    /// The picture to show with it; empty for the usual one.
    pub avatar: String,
    /// The topic that it belongs to, if any.
    pub topic: Id,
    /// The kind of message; 0 is an ordinary one.
    pub code: i32,
    /// The ephemeral message that this one changes; see [`update_ephemeral`](super::MezonClient::update_ephemeral).
    pub changes: Id,
}

/// A file of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub filename: String,
    /// Where it is.
    pub url: String,
    /// Its type, such as `image/png`.
    pub filetype: String,
    /// Its size in bytes; the newest wire can say 2 GiB at most.
    pub size: i64,
    /// The width of a picture.
    pub width: i32,
    /// The height of a picture.
    pub height: i32,
    /// Where a small picture of it is.
    pub thumbnail: String,
    /// The length of a recording in seconds; only the newest wire has it.
    pub duration: i32,
}

impl<T: Into<Content>> From<T> for NewMessage {
    fn from(content: T) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
    }
}

impl NewMessage {
    /// Quotes `message`, and joins its topic unless another is set.
    #[must_use]
    pub fn quoting(mut self, message: &MezonMessage<'_>) -> Self {
        let received = message.received();
        self.references.push(api::MessageRef {
            message_ref_id: received.message_id,
            message_sender_id: received.sender_id,
            message_sender_username: message.sender_name().to_owned(),
            message_sender_avatar: message.sender_avatar().to_owned(),
            message_sender_clan_nick: received.clan_nick.clone(),
            message_sender_display_name: received.display_name.clone(),
            content: Content::read(&received.content).to_string(),
            has_attachment: !message.attachments().is_empty(),
            ..Default::default()
        });
        if self.topic.is_none() {
            self.topic = message.topic();
        }
        self
    }

    /// Quotes a message in the vocabulary of all platforms; more may be known of its sender.
    pub(super) fn answering(mut self, quote: Quote, sender: Option<&User>) -> Self {
        let sender = sender.cloned().unwrap_or_default();
        self.references.push(api::MessageRef {
            message_ref_id: quote.id.number().unwrap_or_default(),
            message_sender_id: quote.author.id.number().unwrap_or_default(),
            message_sender_username: match quote.author.display.as_str() {
                "" => quote.author.name,
                _ => quote.author.display,
            },
            message_sender_avatar: match sender.clan_avatar.as_str() {
                "" => sender.avatar,
                _ => sender.clan_avatar,
            },
            message_sender_clan_nick: sender.clan_nick,
            message_sender_display_name: sender.display_name,
            content: Content::from(quote.text).to_string(),
            ..Default::default()
        });
        self
    }

    /// Makes the request that sends it into a channel.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if the content is too long or an id is not a number.
    pub(super) fn into_request(self, place: Place, limit: usize) -> Result<Request, RequestError> {
        let content = self.content.to_string();
        check_content(&content, limit)?;
        let mut wide = Vec::new();
        let mut file = |(at, file): (usize, Attachment)| {
            let size = i32::try_from(file.size).unwrap_or_else(|_| {
                wide.push((at, file.size));
                0
            });
            file.with_size(size)
        };
        let send = realtime::ChannelMessageSend {
            clan_id: place.clan_id,
            channel_id: place.channel_id,
            content,
            mentions: self.mentions,
            attachments: self
                .attachments
                .into_iter()
                .enumerate()
                .map(&mut file)
                .collect(),
            references: self.references,
            mode: place.mode,
            anonymous_message: self.anonymous,
            mention_everyone: self.mention_everyone,
            avatar: self.avatar,
            is_public: place.is_public,
            code: self.code,
            topic_id: number(&self.topic)?,
            id: number(&self.changes)?,
        };
        Ok(Request::from(send).with_sizes(wide))
    }
}

impl Attachment {
    fn with_size(self, size: i32) -> api::MessageAttachment {
        api::MessageAttachment {
            filename: self.filename,
            size,
            url: self.url,
            filetype: self.filetype,
            width: self.width,
            height: self.height,
            thumbnail: self.thumbnail,
            duration: self.duration,
        }
    }
}

/// Returns the number that an id of this platform is.
///
/// # Errors
///
/// [`RequestError::Invalid`] if it is a text.
pub(super) fn number(id: &Id) -> Result<i64, RequestError> {
    id.number()
        .ok_or_else(|| RequestError::Invalid(format!("`{id}` is not an id of Mezon")))
}

#[cfg(test)]
mod tests {
    use greenroom_proto::mezon::Wire;

    use super::*;

    const PUBLIC: Place = Place {
        clan_id: 2_000_000_000_000_000_001,
        channel_id: 3_000_000_000_000_000_001,
        mode: 2,
        is_public: true,
    };

    #[test]
    fn a_message_is_written_as_the_peers_write_it() {
        let mut message = NewMessage::from("Hello \u{1F44B}");
        message.mentions.push(api::MessageMention {
            user_id: 4_000_000_000_000_000_001,
            username: "alice".to_owned(),
            e: 5,
            ..Default::default()
        });
        message.attachments.push(Attachment {
            filename: "a.png".to_owned(),
            size: 3,
            url: "https://cdn.invalid/a.png".to_owned(),
            filetype: "image/png".to_owned(),
            width: 1,
            height: 2,
            ..Default::default()
        });
        let request = message.into_request(PUBLIC, 4_000).unwrap();
        let frame = request.encode(Wire::V2, 5).unwrap();
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        // As in the specification, but for the text: a space less, and the emoji is not escaped.
        let expected = "08054276088180a0f6f4acdbe01b108180b0b1af8389d1291a127b2274223a2248656c6c6f20f09f918b227d\
                        2213108180c0ece9d9b6c1371a05616c69636540052a330a05612e706e6710031a1968747470733a2f2f63646e\
                        2e696e76616c69642f612e706e672209696d6167652f706e672801300238025801";
        assert_eq!(hex, expected);
    }

    #[test]
    fn a_quote_names_the_message_and_its_sender() {
        let quoted = api::ChannelMessage {
            message_id: 7,
            sender_id: 4,
            username: "alice".to_owned(),
            display_name: "Alice".to_owned(),
            avatar: "a.png".to_owned(),
            content: r#"{"t":"!ping"}"#.to_owned(),
            topic_id: 5,
            ..Default::default()
        };
        let message = NewMessage::from("pong").quoting(&MezonMessage::new(&quoted));
        assert_eq!(message.topic, Id::from(5));
        let expected = api::MessageRef {
            message_ref_id: 7,
            content: r#"{"t":"!ping"}"#.to_owned(),
            message_sender_id: 4,
            message_sender_username: "Alice".to_owned(),
            message_sender_avatar: "a.png".to_owned(),
            message_sender_display_name: "Alice".to_owned(),
            ..Default::default()
        };
        assert_eq!(message.references, [expected]);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_here() {
        let long = NewMessage::from("x".repeat(4_000));
        let error = long.into_request(PUBLIC, 4_000).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("4008 UTF-16 units, the limit is 4000"),
            "{error}"
        );
        let topic = NewMessage {
            topic: Id::from("general"),
            ..NewMessage::from("x")
        };
        let error = topic.into_request(PUBLIC, 4_000).unwrap_err();
        assert!(
            error.to_string().contains("`general` is not an id"),
            "{error}"
        );
    }

    #[test]
    fn a_large_file_goes_over_the_older_wire_only() {
        let mut message = NewMessage::from("x");
        message.attachments.push(Attachment {
            size: 3_000_000_000,
            ..Default::default()
        });
        let request = message.into_request(PUBLIC, 4_000).unwrap();
        assert!(request.encode(Wire::V1, 1).is_ok());
        assert!(request.encode(Wire::V2, 1).is_err());
    }
}
