//! What a bot says, in the platform's own terms.

use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::{api, realtime};

use super::content::Content;
use super::limits::check_content;
use super::message::MezonMessage;
use super::state::Route;
use crate::chat::{Outgoing, Quote};

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
    pub attachments: Vec<api::MessageAttachment>,
    /// The messages that it quotes; [`NewMessage::quoting`] makes one.
    pub references: Vec<api::MessageRef>,
    /// Whether it mentions everyone.
    pub mention_everyone: bool,
    /// Whether it hides who says it.
    pub anonymous: bool,
    /// The topic that it belongs to, if any.
    pub topic: Id,
    /// The kind of message; 0 is an ordinary one.
    pub code: i32,
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

    /// Makes a message of a neutral one.
    pub(super) fn neutral(message: Outgoing, topic: i64) -> Self {
        let mut new = Self::from(message.text);
        if let Some(quote) = message.quote {
            new.references.push(reference(quote));
            new.topic = topic.into();
        }
        new
    }

    /// Makes the request that sends it into a channel.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if the content is too long or an id is not a number.
    pub(super) fn into_send(
        self,
        channel: &ChannelKey,
        route: Route,
        limit: usize,
    ) -> Result<realtime::ChannelMessageSend, RequestError> {
        let content = self.content.to_string();
        check_content(&content, limit)?;
        Ok(realtime::ChannelMessageSend {
            clan_id: route.clan_id,
            channel_id: number(&channel.channel)?,
            content,
            mentions: self.mentions,
            attachments: self.attachments,
            references: self.references,
            mode: route.mode,
            anonymous_message: self.anonymous,
            mention_everyone: self.mention_everyone,
            is_public: route.is_public,
            code: self.code,
            topic_id: number(&self.topic)?,
            ..Default::default()
        })
    }
}

fn reference(quote: Quote) -> api::MessageRef {
    api::MessageRef {
        message_ref_id: quote.id.number().unwrap_or_default(),
        message_sender_id: quote.author.id.number().unwrap_or_default(),
        message_sender_username: match quote.author.display.as_str() {
            "" => quote.author.name,
            _ => quote.author.display,
        },
        content: Content::from(quote.text).to_string(),
        ..Default::default()
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
