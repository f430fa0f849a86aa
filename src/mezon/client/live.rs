//! Clans, channels, users and messages that can be acted on.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Event, Id};
use greenroom_proto::mezon::{api, realtime};
use serde_json::{Map, Value};

use super::{ChannelMessages, ClanChannels, ClanUsers, MezonClient, OnMezon, Receivers};
use crate::mezon::codec::Answer;
use crate::mezon::error::ApiError;
use crate::mezon::http::VoiceUser;
use crate::mezon::message::MezonMessage;
use crate::mezon::model::{Channel, Clan, User};
use crate::mezon::outgoing::NewMessage;

/// An object as the bot knew it when it was looked up, together with what can be done with it.
///
/// # Examples
///
/// ```no_run
/// # async fn example(client: greenroom::mezon::MezonClient) -> Result<(), Box<dyn std::error::Error>> {
/// use greenroom::actors::event::Id;
///
/// let clan = client.clans().get(&Id::from(2_000_000_000_000_000_001)).ok_or("no such clan")?;
/// clan.load_channels().await?;
/// for channel in clan.channels().list() {
///     println!("{} in {}", channel.name, clan.name);
/// }
/// let general = client.channels().fetch(&clan.welcome_channel_id.into()).await?;
/// general.send("Hello!").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Live<T> {
    client: MezonClient,
    object: T,
}

impl<T> Live<T> {
    pub(super) fn new(client: &MezonClient, object: T) -> Self {
        let client = client.clone();
        Self { client, object }
    }

    pub(super) fn client(&self) -> &MezonClient {
        &self.client
    }

    /// Takes the object alone.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.object
    }
}

impl<T> Deref for Live<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for Live<T> {
    fn eq(&self, other: &Self) -> bool {
        self.object == other.object
    }
}

impl Live<Clan> {
    /// Learns all channels of the clan, once; see [`MezonClient::load_channels`].
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn load_channels(&self) -> Result<(), ApiError> {
        self.client.load_channels(&self.id.into()).await
    }

    /// Returns the channels that the bot knows in the clan, 1,000 at most.
    #[must_use]
    pub fn channels(&self) -> ClanChannels {
        ClanChannels {
            client: self.client.clone(),
            clan: self.id,
        }
    }

    /// Returns the users of whom the bot has heard in the clan, 10,000 at most.
    #[must_use]
    pub fn users(&self) -> ClanUsers {
        ClanUsers {
            client: self.client.clone(),
            clan: self.id,
        }
    }

    /// Lists who is in the clan's voice channels; see [`MezonClient::voice_users`].
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if `limit` is not from 1 to 500, else as every call.
    pub async fn voice_users(
        &self,
        channel: &Id,
        channel_type: i32,
        limit: i32,
    ) -> Result<Vec<VoiceUser>, ApiError> {
        let (client, clan) = (&self.client, self.id.into());
        client
            .voice_users(&clan, channel, channel_type, limit)
            .await
    }

    /// Lists the clan's roles; see [`MezonClient::roles`].
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn roles(
        &self,
        limit: i32,
        state: i32,
        cursor: &str,
    ) -> Result<Vec<api::Role>, ApiError> {
        let (client, clan) = (&self.client, self.id.into());
        client.roles(&clan, limit, state, cursor).await
    }

    /// Changes a role of the clan; see [`MezonClient::update_role`].
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn update_role(
        &self,
        role: &Id,
        changes: Map<String, Value>,
    ) -> Result<Vec<String>, ApiError> {
        let (client, clan) = (&self.client, self.id.into());
        client.update_role(&clan, role, changes).await
    }
}

impl Live<Channel> {
    /// Returns the channel's clan and id.
    #[must_use]
    pub fn key(&self) -> ChannelKey {
        ChannelKey::new(self.clan_id, self.id)
    }

    /// Returns the clan that the channel is in.
    #[must_use]
    pub fn clan(&self) -> Option<Live<Clan>> {
        self.client.clans().get(&self.clan_id.into())
    }

    /// Sends a message; see [`MezonClient::send`].
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send`].
    pub async fn send(
        &self,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        self.client.send(&self.key(), message).await
    }

    /// Sends a message that only `receivers` see; see [`MezonClient::send_ephemeral`].
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send_ephemeral`].
    pub async fn send_ephemeral(
        &self,
        receivers: impl Into<Receivers>,
        message: impl Into<NewMessage>,
    ) -> Result<Vec<Id>, RequestError> {
        let (client, key) = (&self.client, self.key());
        client.send_ephemeral(&key, receivers, message).await
    }

    /// Shows that the bot is typing.
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send`].
    pub async fn typing(&self) -> Result<(), RequestError> {
        self.client.typing(&self.key()).await
    }

    /// Returns the messages of the channel that can be looked up.
    #[must_use]
    pub fn messages(&self) -> ChannelMessages {
        ChannelMessages {
            client: self.client.clone(),
            channel: self.key(),
        }
    }
}

impl Live<User> {
    /// Returns the direct conversation with the user, if there is one.
    #[must_use]
    pub fn direct_channel(&self) -> Option<ChannelKey> {
        self.client.direct_channel(&self.id.into())
    }

    /// Finds or opens the direct conversation with the user.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn open_direct(&self) -> Result<ChannelKey, ApiError> {
        self.client.open_direct(&self.id.into()).await
    }

    /// Sends a message to the user directly; opens the conversation if there is none.
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send_direct`].
    pub async fn send_dm(
        &self,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        self.client.send_direct(&self.id.into(), message).await
    }
}

impl<M: Borrow<api::ChannelMessage>> Live<M> {
    /// Looks at the message.
    #[must_use]
    pub fn view(&self) -> MezonMessage<'_> {
        MezonMessage::new(self.object.borrow())
    }

    /// Replies to the message, quoting it, in its topic.
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send`].
    pub async fn reply(
        &self,
        message: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        self.client.reply(self.object.borrow(), message).await
    }

    /// Changes the message, which must be the bot's.
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send`].
    pub async fn update(
        &self,
        new: impl Into<NewMessage>,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let (message, mut new) = (self.view(), new.into());
        if new.topic.is_none() {
            new.topic = message.topic();
        }
        self.client.update(&message.key(), &message.id(), new).await
    }

    /// Takes the message back.
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send`].
    pub async fn delete(&self) -> Result<(), RequestError> {
        let message = self.view();
        self.client.delete(&message.key(), &message.id()).await
    }

    /// Reacts to the message with an emoji, or takes that back.
    ///
    /// # Errors
    ///
    /// As [`MezonClient::send`].
    pub async fn react(
        &self,
        emoji_id: i64,
        emoji: &str,
        is_removed: bool,
    ) -> Result<Answer, RequestError> {
        let message = self.view();
        let reaction = api::MessageReaction {
            message_id: message.received().message_id,
            message_sender_id: message.received().sender_id,
            emoji_id,
            emoji: emoji.to_owned(),
            count: 1,
            action: is_removed,
            ..Default::default()
        };
        self.client.react(&message.key(), reaction).await
    }
}

/// The way from a message event to what can be done with its message.
pub trait OnMessage {
    /// Returns the message with what can be done with it, if the event came from Mezon.
    fn live(&self) -> Option<Live<&api::ChannelMessage>>;
}

impl OnMessage for Event<api::ChannelMessage> {
    fn live(&self) -> Option<Live<&api::ChannelMessage>> {
        Some(Live::new(self.mezon()?, self.payload()))
    }
}
