//! Mezon for handlers: what can be asked and done beside saying something.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};
use greenroom_actors::cache::Cache;
use greenroom_actors::channel::Channels;
use greenroom_actors::connection::{ConnectionRef, RequestError};
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_actors::mailbox::ActorRef;
use greenroom_proto::mezon::{Wire, api};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::caches::{Channel, Clan, User};
use super::caller::{ApiCaller, Call};
use super::codec::{Answer, Request};
use super::config::Settings;
use super::draft::{Draft, Post, reference};
use super::error::ApiError;
use super::http::{Api, VoiceUser};
use super::log::read_record;
use super::outlet::{ASSUMED, MezonOutlet};
use super::protocol::MezonProtocol;
use super::state::{Route, State};
use crate::chat::{Outgoing, Sent, Speaker};

/// A handle to the platform for handlers and everybody else. Clones refer to the same bot, and go to any thread.
///
/// It works once the bot has been built; requests wait until the connection is live.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Arc<Settings>,
    state: Arc<State>,
    doors: OnceLock<Doors>,
    loads: Mutex<BTreeMap<i64, Arc<OnceCell<()>>>>,
    fetches: Mutex<BTreeMap<i64, Arc<tokio::sync::Mutex<()>>>>,
}

/// The actors behind a client.
pub(super) struct Doors {
    pub(super) api: ActorRef<ApiCaller>,
    pub(super) cache: Option<Cache>,
    pub(super) channels: Channels<MezonOutlet>,
    pub(super) connection: ConnectionRef<MezonProtocol>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.shared.settings.client_id)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                state: Arc::default(),
                doors: OnceLock::new(),
                loads: Mutex::default(),
                fetches: Mutex::default(),
            }),
        }
    }

    pub(super) fn connect(&self, doors: Doors) {
        // A client belongs to one adapter, which is assembled once.
        let _ = self.shared.doors.set(doors);
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.shared.settings
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.shared.state
    }

    /// Returns the bot's own user id; none before the first login.
    #[must_use]
    pub fn me(&self) -> Id {
        self.state().lock().me.clone()
    }

    /// Returns the wire that the server speaks; the newest before the first login.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.state().lock().wire.unwrap_or(ASSUMED)
    }

    /// Lists the clans that the bot is in, the one of its direct conversations (0) included.
    #[must_use]
    pub fn clans(&self) -> Vec<Clan> {
        self.state().lock().caches.clans.values().cloned().collect()
    }

    /// Finds a clan that the bot is in.
    #[must_use]
    pub fn clan(&self, clan_id: i64) -> Option<Clan> {
        self.state().lock().caches.clans.get(clan_id).cloned()
    }

    /// Finds a channel that the bot has seen.
    #[must_use]
    pub fn channel(&self, channel_id: i64) -> Option<Channel> {
        self.state().lock().caches.channels.get(channel_id).cloned()
    }

    /// Finds a user of whom the bot has heard.
    #[must_use]
    pub fn user(&self, user_id: i64) -> Option<User> {
        self.state().lock().caches.users.get(user_id).cloned()
    }

    /// Finds the direct conversation with a user, if there is one.
    #[must_use]
    pub fn direct_channel(&self, user_id: i64) -> Option<i64> {
        self.state().lock().caches.direct.get(user_id).copied()
    }

    /// Finds a channel, or asks the platform for it. Any number of callers share one call.
    ///
    /// # Errors
    ///
    /// [`ApiError::NotFound`] if there is none, else as every call.
    pub async fn fetch_channel(&self, channel_id: i64) -> Result<Channel, ApiError> {
        let lock = self.fetches().entry(channel_id).or_default().clone();
        let guard = lock.lock().await;
        let channel = match self.channel(channel_id) {
            Some(channel) => Ok(channel),
            None => self.ask_for_channel(channel_id).await,
        };
        self.fetches().remove(&channel_id);
        drop(guard);
        channel
    }

    async fn ask_for_channel(&self, channel_id: i64) -> Result<Channel, ApiError> {
        let found = self
            .call(move |api| async move { api.channel(channel_id).await }.boxed_local())
            .await?;
        let channel = Channel::from(&found);
        self.state()
            .lock()
            .caches
            .channels
            .set(channel_id, channel.clone());
        Ok(channel)
    }

    fn fetches(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, Arc<tokio::sync::Mutex<()>>>> {
        self.shared
            .fetches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns all channels of a clan, once; later calls return at once, and concurrent ones share one call.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`]. The next call tries again.
    pub async fn load_channels(&self, clan_id: i64) -> Result<(), ApiError> {
        let cell = {
            let mut loads = self
                .shared
                .loads
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loads.entry(clan_id).or_default())
        };
        cell.get_or_try_init(|| async {
            let channels = self
                .call(move |api| async move { api.channels(clan_id).await }.boxed_local())
                .await?;
            let known = &mut *self.state().lock();
            for channel in &channels {
                known
                    .caches
                    .channels
                    .set(channel.channel_id, channel.into());
            }
            Ok(())
        })
        .await
        .copied()
    }

    /// Writes into a channel, after what was written there before. A text is enough of a draft.
    ///
    /// # Errors
    ///
    /// [`RequestError`]: too long or refused, too many waiting, closed; or of unknown outcome, if the connection broke and the platform
    /// cannot tell.
    pub async fn send(
        &self,
        channel_id: i64,
        draft: impl Into<Draft>,
    ) -> Result<Answer, RequestError> {
        self.post(channel_id, Post::Say(Box::new(draft.into())))
            .await
    }

    /// Answers a message, quoting it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn reply(
        &self,
        message: &api::ChannelMessage,
        draft: impl Into<Draft>,
    ) -> Result<Answer, RequestError> {
        self.send(message.channel_id, draft.into().quote(message))
            .await
    }

    /// Writes something that only the receivers see.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`RequestError::Invalid`] without receivers.
    pub async fn send_ephemeral(
        &self,
        channel_id: i64,
        receivers: &[i64],
        draft: impl Into<Draft>,
    ) -> Result<Answer, RequestError> {
        let whisper = Post::Whisper {
            draft: Box::new(draft.into()),
            receivers: receivers.to_vec(),
        };
        self.post(channel_id, whisper).await
    }

    /// Changes a message of the bot.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn update(
        &self,
        channel_id: i64,
        message_id: i64,
        draft: impl Into<Draft>,
    ) -> Result<Answer, RequestError> {
        let draft = Box::new(draft.into());
        self.post(channel_id, Post::Edit { message_id, draft })
            .await
    }

    /// Takes a message back.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn delete(&self, channel_id: i64, message_id: i64) -> Result<Answer, RequestError> {
        let topic_id = self.state().lock().topic(message_id);
        self.post(
            channel_id,
            Post::Remove {
                message_id,
                topic_id,
            },
        )
        .await
    }

    /// Reacts to a message, or takes the reaction back (`action`). Where that is, is filled in.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn react(
        &self,
        channel_id: i64,
        reaction: api::MessageReaction,
    ) -> Result<Answer, RequestError> {
        self.post(channel_id, Post::React(Box::new(reaction))).await
    }

    /// Shows in a channel that the bot is typing.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn typing(&self, channel_id: i64) -> Result<Answer, RequestError> {
        self.post(channel_id, Post::Type).await
    }

    /// Writes to a user directly; opens the conversation if there is none.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`RequestError::Invalid`] if the conversation cannot be opened.
    pub async fn send_direct(
        &self,
        user_id: i64,
        draft: impl Into<Draft>,
    ) -> Result<Answer, RequestError> {
        let channel_id = match self.direct_channel(user_id) {
            Some(channel_id) => channel_id,
            None => {
                let opened = self.open_direct(user_id).await;
                opened.map_err(|error| RequestError::Invalid(error.to_string()))?
            }
        };
        self.send(channel_id, draft).await
    }

    /// Opens the direct conversation with a user, and returns its channel.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn open_direct(&self, user_id: i64) -> Result<i64, ApiError> {
        let channel = self
            .call(move |api| async move { api.create_direct_channel(user_id).await }.boxed_local())
            .await?;
        let join = greenroom_proto::mezon::realtime::ChannelJoin {
            clan_id: 0,
            channel_id: channel.channel_id,
            channel_type: super::limits::DIRECT,
            is_public: false,
        };
        {
            let known = &mut *self.state().lock();
            let mut direct = Channel::from(&channel);
            direct.channel_type = super::limits::DIRECT;
            (direct.clan_id, direct.is_private) = (0, true);
            known.caches.channels.set(channel.channel_id, direct);
            known.caches.direct.set(user_id, channel.channel_id);
        }
        if let Err(error) = self.request(join).await {
            tracing::warn!(%error, user_id, "a direct conversation could not be joined");
        }
        Ok(channel.channel_id)
    }

    /// Sends any request over the socket, as it is, and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn request(&self, request: impl Into<Request>) -> Result<Answer, RequestError> {
        let doors = self.shared.doors.get().ok_or(RequestError::Closed)?;
        doors.connection.ask(request.into()).await
    }

    /// Does something in a channel, after what was done there before.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn post(&self, channel_id: i64, post: Post) -> Result<Answer, RequestError> {
        let doors = self.shared.doors.get().ok_or(RequestError::Closed)?;
        let key = self.state().lock().key(0, channel_id);
        doors.channels.say(&key, post).await
    }

    /// Finds a message that was kept.
    pub async fn message(&self, channel_id: i64, message_id: i64) -> Option<api::ChannelMessage> {
        let cache = self.shared.doors.get()?.cache.clone()?;
        let key = self.state().lock().key(0, channel_id);
        let record = cache.get(&key, message_id).await.ok()??;
        read_record(&record).ok()
    }

    /// Returns the cache of messages, if there is one.
    #[must_use]
    pub fn cache(&self) -> Option<Cache> {
        self.shared.doors.get()?.cache.clone()
    }

    /// Lists who is in the voice channels of a clan, or in one of them if `channel_id` is not 0. Voice channels have type 4.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if `limit` is not from 1 to 500, else as every call.
    pub async fn voice_users(
        &self,
        clan_id: i64,
        channel_id: i64,
        channel_type: i32,
        limit: i32,
    ) -> Result<Vec<VoiceUser>, ApiError> {
        self.call(move |api| {
            async move {
                api.voice_users(clan_id, channel_id, channel_type, limit)
                    .await
            }
            .boxed_local()
        })
        .await
    }

    /// Lists the roles of a clan.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn roles(
        &self,
        clan_id: i64,
        limit: i32,
        state: i32,
        cursor: &str,
    ) -> Result<Vec<api::Role>, ApiError> {
        let cursor = cursor.to_owned();
        self.call(move |api| {
            let cursor = cursor.clone();
            async move { api.roles(clan_id, limit, state, &cursor).await }.boxed_local()
        })
        .await
    }

    /// Changes a role; see [`Api::update_role`].
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn update_role(
        &self,
        clan_id: i64,
        role_id: i64,
        changes: Map<String, Value>,
    ) -> Result<Vec<String>, ApiError> {
        self.call(move |api| {
            let changes = changes.clone();
            async move { api.update_role(clan_id, role_id, &changes).await }.boxed_local()
        })
        .await
    }

    /// Lists the bot's friends and invitations.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn friends(
        &self,
        limit: i32,
        state: i32,
        cursor: &str,
    ) -> Result<api::FriendList, ApiError> {
        let cursor = cursor.to_owned();
        self.call(move |api| {
            let cursor = cursor.clone();
            async move { api.friends(limit, state, &cursor).await }.boxed_local()
        })
        .await
    }

    /// Invites friends, or accepts their invitations.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if nobody is named, else as every call.
    pub async fn add_friends(&self, ids: &[i64], usernames: &[&str]) -> Result<(), ApiError> {
        let ids = ids.to_vec();
        let usernames: Vec<_> = usernames.iter().map(|name| (*name).to_owned()).collect();
        self.call(move |api| {
            let (ids, usernames) = (ids.clone(), usernames.clone());
            async move {
                let usernames: Vec<_> = usernames.iter().map(String::as_str).collect();
                api.add_friends(&ids, &usernames).await
            }
            .boxed_local()
        })
        .await
    }

    /// Makes any call of the API with the bot's session; again with a new one, once, if the platform refuses it.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn call<R: Send + 'static>(
        &self,
        make: impl Fn(Api) -> LocalBoxFuture<'static, Result<R, ApiError>> + Send + Sync + 'static,
    ) -> Result<R, ApiError> {
        let closed = || ApiError::NotLoggedIn("the bot does not run".to_owned());
        let doors = self.shared.doors.get().ok_or_else(closed)?;
        let answer = doors.api.ask(Call::new(make)).await;
        answer.map_err(|error| ApiError::NotLoggedIn(error.to_string()))?
    }

    /// Says how to write into a channel; asks the platform if that is not known.
    pub(super) fn route(
        &self,
        clan_id: i64,
        channel_id: i64,
    ) -> impl Future<Output = Result<Route, RequestError>> + Send {
        let client = self.clone();
        async move {
            if let Some(route) = client.state().lock().route(channel_id) {
                return Ok(route);
            }
            match client.fetch_channel(channel_id).await {
                Ok(channel) => Ok(Route::from(&channel)),
                Err(ApiError::NotFound { .. }) => Err(RequestError::Invalid(format!(
                    "there is no channel {channel_id}"
                ))),
                Err(error) => {
                    tracing::warn!(%error, channel_id, "not much is known of a channel");
                    Ok(Route::guess(clan_id))
                }
            }
        }
    }
}

impl Speaker for Client {
    fn say(
        &self,
        channel: &ChannelKey,
        message: Outgoing,
    ) -> BoxFuture<'static, Result<Sent, RequestError>> {
        let (client, channel) = (self.clone(), channel.clone());
        async move {
            let doors = client.shared.doors.get().ok_or(RequestError::Closed)?;
            let mut draft = Draft::from(message.text);
            if let Some(quote) = message.quote {
                let message_id = quote.id.number().unwrap_or_default();
                let sender_id = quote.author.id.number().unwrap_or_default();
                let name = match quote.author.display.as_str() {
                    "" => &quote.author.name,
                    display => display,
                };
                let avatar = client.user(sender_id).map_or_else(String::new, |user| {
                    match user.clan_avatar.as_str() {
                        "" => user.avatar,
                        _ => user.clan_avatar,
                    }
                });
                let topic_id = client.state().lock().topic(message_id);
                draft = draft.topic(topic_id).reference(reference(
                    message_id,
                    sender_id,
                    name,
                    &avatar,
                    &quote.text,
                ));
            }
            let answer = doors
                .channels
                .say(&channel, Post::Say(Box::new(draft)))
                .await?;
            Ok(Sent {
                id: answer.message_id().unwrap_or_default().into(),
            })
        }
        .boxed()
    }
}
