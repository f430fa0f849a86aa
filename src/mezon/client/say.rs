//! Saying things, and changing what was said.

use std::any::Any;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{api, realtime};

use super::MezonClient;
use crate::chat::{Abilities, Emoji, Outgoing, Sent, Speaker};
use crate::mezon::codec::{Answer, Request, unexpected};
use crate::mezon::content::Content;
use crate::mezon::error::ApiError;
use crate::mezon::interactive::Button;
use crate::mezon::limits::{check_content, type_of};
use crate::mezon::message::MezonMessage;
use crate::mezon::outgoing::{NewMessage, number};
use crate::mezon::state::{Place, Route};

impl MezonClient {
    /// Sends a message into a channel and returns what the platform says of it.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; see [`Speak::say`](crate::chat::Speak::say).
    pub async fn send(
        &self,
        channel: &ChannelKey,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let request = self.prepare(channel, message.into()).await?;
        let answer = self.request(channel, request).await?;
        answer.ack().cloned().ok_or_else(unexpected)
    }

    /// Replies to a message, quoting it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn reply(
        &self,
        to: &api::ChannelMessage,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let to = MezonMessage::new(to);
        self.send(&to.key(), message.into().quoting(&to)).await
    }

    /// Sends a message as it is described, without looking anything up: the mode and whether the channel is public are the caller's.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_message(
        &self,
        channel: &ChannelKey,
        mode: i32,
        is_public: bool,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let place = Place {
            clan_id: number(&channel.space)?,
            channel_id: number(&channel.channel)?,
            mode,
            is_public,
        };
        let request = message
            .into()
            .into_request(place, self.settings().content_limit)?;
        let answer = self.request(channel, request).await?;
        answer.ack().cloned().ok_or_else(unexpected)
    }

    /// Sends a message to a user directly; opens the conversation if there is none.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`RequestError::Invalid`] if the conversation cannot be opened.
    pub async fn send_direct(
        &self,
        user: &Id,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let channel = self.open_direct(user).await;
        let channel = channel.map_err(|error| RequestError::Invalid(error.to_string()))?;
        self.send(&channel, message).await
    }

    /// Changes a message of the bot: its content, mentions and attachments.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn update(
        &self,
        channel: &ChannelKey,
        message: &Id,
        new: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let message_id = number(message)?;
        let mut new = new.into();
        if new.topic.is_none() {
            new.topic = self.state().lock().topic(message_id).into();
        }
        let request = self.prepare(channel, new).await?.into_update(message_id);
        let answer = self.request(channel, request).await?;
        answer.ack().cloned().ok_or_else(unexpected)
    }

    /// Takes a message of the bot back.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn delete(&self, channel: &ChannelKey, message: &Id) -> Result<(), RequestError> {
        let message_id = number(message)?;
        let place = self.place(channel).await?;
        let request = realtime::ChannelMessageRemove {
            clan_id: place.clan_id,
            channel_id: place.channel_id,
            message_id,
            mode: place.mode,
            is_public: place.is_public,
            topic_id: self.state().lock().topic(message_id),
            ..Default::default()
        };
        self.request(channel, request).await.map(drop)
    }

    /// Reacts to a message, or takes the reaction back if `action` is set. The fields that say where are filled in.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn react(
        &self,
        channel: &ChannelKey,
        reaction: api::MessageReaction,
    ) -> Result<Answer, RequestError> {
        let place = self.place(channel).await?;
        let request = api::MessageReaction {
            clan_id: place.clan_id,
            channel_id: place.channel_id,
            mode: place.mode,
            is_public: place.is_public,
            ..reaction
        };
        self.request(channel, request).await
    }

    /// Shows in a channel that the bot is typing.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn typing(&self, channel: &ChannelKey) -> Result<(), RequestError> {
        let place = self.place(channel).await?;
        let request = realtime::MessageTypingEvent {
            clan_id: place.clan_id,
            channel_id: place.channel_id,
            mode: place.mode,
            is_public: place.is_public,
            ..Default::default()
        };
        self.request(channel, request).await.map(drop)
    }

    /// Joins a channel, for those that come with no clan, and joins it again after each reconnect. Clans are joined by themselves.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn join(&self, channel: &ChannelKey) -> Result<(), RequestError> {
        let place = self.place(channel).await?;
        let request = realtime::ChannelJoin {
            clan_id: place.clan_id,
            channel_id: place.channel_id,
            channel_type: self.type_of(channel, place.mode),
            is_public: place.is_public,
        };
        self.request(channel, request).await.map(drop)
    }

    /// Leaves a channel that was [joined](Self::join).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn leave(&self, channel: &ChannelKey) -> Result<(), RequestError> {
        let place = self.place(channel).await?;
        let request = realtime::ChannelLeave {
            clan_id: place.clan_id,
            channel_id: place.channel_id,
            channel_type: self.type_of(channel, place.mode),
            is_public: place.is_public,
        };
        self.request(channel, request).await.map(drop)
    }

    fn type_of(&self, channel: &ChannelKey, mode: i32) -> i32 {
        let known = self.channel(&channel.channel);
        known.map_or(type_of(mode), |channel| channel.channel_type)
    }

    /// Asks anything of the platform, as it is and in the order of `channel`.
    ///
    /// # Errors
    ///
    /// As the platform answers.
    pub async fn request(
        &self,
        channel: &ChannelKey,
        request: impl Into<Request>,
    ) -> Result<Answer, RequestError> {
        // A channel has one actor, however much of its key is known.
        let channel = self.complete(channel);
        self.lanes()?.say(&channel, request.into()).await
    }

    pub(super) async fn prepare(
        &self,
        channel: &ChannelKey,
        message: NewMessage,
    ) -> Result<Request, RequestError> {
        let place = self.place(channel).await?;
        message.into_request(place, self.settings().content_limit)
    }

    fn complete(&self, channel: &ChannelKey) -> ChannelKey {
        match (channel.space.number(), channel.channel.number()) {
            (Some(clan_id), Some(channel_id)) => self.state().lock().key(clan_id, channel_id),
            _ => channel.clone(),
        }
    }

    /// Says how to write into a channel; asks the platform if that is not known.
    async fn place(&self, channel: &ChannelKey) -> Result<Place, RequestError> {
        let (clan_id, channel_id) = (number(&channel.space)?, number(&channel.channel)?);
        let known = self.state().lock().route(channel_id);
        let route = match known {
            Some(route) => route,
            None => match self.fetch_channel(&channel.channel).await {
                Ok(channel) => Route::from(&channel),
                Err(error @ ApiError::NotFound { .. }) => {
                    return Err(RequestError::Invalid(error.to_string()));
                }
                Err(error) => {
                    tracing::warn!(%error, channel_id, "it is not known what kind of channel this is");
                    Route::guess(clan_id)
                }
            },
        };
        Ok(Place::new(channel_id, route))
    }
}

impl Speaker for MezonClient {
    fn say(
        &self,
        channel: &ChannelKey,
        message: Outgoing,
    ) -> BoxFuture<'static, Result<Sent, RequestError>> {
        let (client, channel) = (self.clone(), channel.clone());
        async move {
            let mut content = Content::from(message.text);
            if !message.buttons.is_empty() {
                content = content.row(message.buttons.into_iter().map(Button::from));
            }
            let mut new = NewMessage::from(content);
            if let Some(quote) = message.quote {
                let known = &*client.state().lock();
                let sender = quote.author.id.number();
                let clan = channel.space.number().unwrap_or_default();
                let sender = sender.and_then(|id| {
                    let caches = &known.caches;
                    caches.user_of(clan, id).or_else(|| caches.user(id))
                });
                let quoted = quote.id.number().unwrap_or_default();
                new = new.answering(quote, sender);
                new.topic = known.topic(quoted).into();
            }
            let ack = client.send(&channel, new).await?;
            Ok(Sent {
                id: ack.message_id.into(),
            })
        }
        .boxed()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn conversation(&self, name: &str) -> BoxFuture<'static, Result<ChannelKey, RequestError>> {
        let (client, name) = (self.clone(), name.to_owned());
        async move { client.find_channel(&name).await }.boxed()
    }

    fn me(&self) -> Id {
        Self::me(self)
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            buttons: true,
            deletes: true,
            edits: true,
            reacts: true,
            ..Abilities::default()
        }
    }

    fn fits(&self, text: &str) -> bool {
        let content = NewMessage::from(text).content.to_string();
        check_content(&content, self.settings().content_limit).is_ok()
    }

    fn edit(
        &self,
        channel: &ChannelKey,
        message: &Id,
        new: Outgoing,
    ) -> BoxFuture<'static, Result<(), RequestError>> {
        let (client, channel, message) = (self.clone(), channel.clone(), message.clone());
        async move {
            let changed = client.update(&channel, &message, new.text).await;
            changed.map(drop)
        }
        .boxed()
    }

    fn delete(
        &self,
        channel: &ChannelKey,
        message: &Id,
    ) -> BoxFuture<'static, Result<(), RequestError>> {
        let (client, channel, message) = (self.clone(), channel.clone(), message.clone());
        async move { Self::delete(&client, &channel, &message).await }.boxed()
    }

    fn react(
        &self,
        channel: &ChannelKey,
        message: &Id,
        emoji: &Emoji,
        removed: bool,
    ) -> BoxFuture<'static, Result<(), RequestError>> {
        let (client, channel, message) = (self.clone(), channel.clone(), message.clone());
        let emoji = emoji.clone();
        async move {
            let known = client.message(&channel, &message).await;
            let reaction = api::MessageReaction {
                message_id: number(&message)?,
                message_sender_id: known.map_or(0, |message| message.sender_id),
                emoji_id: emoji.id.number().unwrap_or_default(),
                emoji: emoji.name,
                count: 1,
                action: removed,
                ..Default::default()
            };
            let reacted = Self::react(&client, &channel, reaction).await;
            reacted.map(drop)
        }
        .boxed()
    }
}

impl Request {
    /// Turns a message to send into the change of another.
    fn into_update(self, message_id: i64) -> Self {
        let Message::ChannelMessageSend(send) = self.message else {
            return self;
        };
        let update = realtime::ChannelMessageUpdate {
            clan_id: send.clan_id,
            channel_id: send.channel_id,
            message_id,
            content: send.content,
            mentions: send.mentions,
            attachments: send.attachments,
            mode: send.mode,
            is_public: send.is_public,
            topic_id: send.topic_id,
            is_update_msg_topic: send.topic_id != 0,
            ..Default::default()
        };
        Self::from(update).with_sizes(self.wide)
    }
}

#[cfg(test)]
mod tests {
    use greenroom_proto::mezon::Wire;

    use super::*;

    #[test]
    fn a_change_is_written_as_the_peers_write_it() {
        let place = Place {
            clan_id: 2_000_000_000_000_000_001,
            channel_id: 3_000_000_000_000_000_001,
            mode: 2,
            is_public: true,
        };
        let request = NewMessage::from("x").into_request(place, 4_000).unwrap();
        let frame = request
            .into_update(7_000_000_000_000_000_001)
            .encode(Wire::V2, 6)
            .unwrap();
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        // As in the specification, but for a space in the JSON.
        let expected = "08064a2d088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf9261\
                        22097b2274223a2278227d38024001";
        assert_eq!(hex, expected);
    }
}
