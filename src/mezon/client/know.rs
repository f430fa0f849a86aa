//! Looking up what the bot knows; nothing here waits, but what says `fetch`, `load` or `open`.

use futures::FutureExt;
use greenroom_actors::cache::Cache;
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::{api, realtime};

use super::MezonClient;
use crate::mezon::codec::Request;
use crate::mezon::error::ApiError;
use crate::mezon::limits::{DIRECT, DIRECT_CLAN, GROUP};
use crate::mezon::log::read_record;
use crate::mezon::model::{Channel, Clan, User};

impl MezonClient {
    /// Finds a clan that the bot is in; 0 is the one of its direct conversations.
    #[must_use]
    pub fn clan(&self, clan: &Id) -> Option<Clan> {
        let known = &*self.state().lock();
        known.caches.clans.get(clan.number()?).cloned()
    }

    /// Finds a channel that the bot has seen.
    #[must_use]
    pub fn channel(&self, channel: &Id) -> Option<Channel> {
        let known = &*self.state().lock();
        known.caches.channel(channel.number()?).cloned()
    }

    /// Lists the channels of a clan that the bot has seen; see [`load_channels`](Self::load_channels).
    #[must_use]
    pub fn channels_of(&self, clan: &Id) -> Vec<Channel> {
        let known = &*self.state().lock();
        let channels = clan.number().into_iter();
        channels
            .flat_map(|clan| known.caches.channels_of(clan).cloned())
            .collect()
    }

    /// Finds a user of whom the bot has heard, as known where they were heard of last.
    #[must_use]
    pub fn user(&self, user: &Id) -> Option<User> {
        let known = &*self.state().lock();
        known.caches.user(user.number()?).cloned()
    }

    /// Finds the direct conversation with a user, if there is one.
    #[must_use]
    pub fn direct_channel(&self, user: &Id) -> Option<ChannelKey> {
        let channel = *self.state().lock().caches.direct.get(user.number()?)?;
        Some(ChannelKey::new(0, channel))
    }

    /// Finds a message: one of the last 200 of its channel that the bot has seen, or else one that was kept on disk.
    pub async fn message(&self, channel: &ChannelKey, message: &Id) -> Option<api::ChannelMessage> {
        let (channel_id, message_id) = (channel.channel.number()?, message.number()?);
        let recent = self.state().lock().caches.message(channel_id, message_id);
        if recent.is_some() {
            return recent;
        }
        let record = self.cache()?.get(channel, message.clone()).await.ok()??;
        read_record(&record).ok()
    }

    /// Returns the cache of messages, if there is one.
    #[must_use]
    pub fn cache(&self) -> Option<Cache> {
        self.shared.doors.get()?.cache.clone()
    }

    /// Finds a channel, or asks the platform for it. Any number of callers share one call.
    ///
    /// # Errors
    ///
    /// [`ApiError::NotFound`] if there is none, [`ApiError::Incomplete`] if the platform does not tell its clan, else as every call.
    pub async fn fetch_channel(&self, channel: &Id) -> Result<Channel, ApiError> {
        let channel_id = id_of("channel", channel)?;
        if let Some(known) = self.channel(channel) {
            return Ok(known);
        }
        let client = self.clone();
        let ask = async move { client.ask_for_channel(channel_id).await };
        self.shared.channels.join(channel_id, ask).await
    }

    async fn ask_for_channel(&self, channel_id: i64) -> Result<Channel, ApiError> {
        let asked =
            self.call(move |api| async move { api.channel(channel_id).await }.boxed_local());
        let channel = Channel::from(&asked.await?);
        if channel.clan_id == 0 && !matches!(channel.channel_type, GROUP | DIRECT) {
            return Err(ApiError::Incomplete {
                call: "ListChannelDetail",
                field: "clan_id",
            });
        }
        self.state().lock().caches.set_channel(channel.clone());
        Ok(channel)
    }

    /// Learns all channels of a clan, once; later calls return at once, and concurrent ones share one call.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`]. The next call tries again.
    pub async fn load_channels(&self, clan: &Id) -> Result<(), ApiError> {
        let clan_id = id_of("clan", clan)?;
        let once = self.state().lock().load_of(clan_id);
        let load = || async {
            let asked =
                self.call(move |api| async move { api.channels(clan_id).await }.boxed_local());
            for channel in &asked.await? {
                self.state().lock().caches.set_channel(channel);
            }
            Ok(())
        };
        once.get_or_try_init(load).await.copied()
    }

    /// Finds the direct conversation with a user, or opens it. Any number of callers share one call.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn open_direct(&self, user: &Id) -> Result<ChannelKey, ApiError> {
        if let Some(open) = self.direct_channel(user) {
            return Ok(open);
        }
        let (client, user_id) = (self.clone(), id_of("user", user)?);
        let ask = async move { client.ask_for_direct(user_id).await };
        self.shared.direct.join(user_id, ask).await
    }

    async fn ask_for_direct(&self, user_id: i64) -> Result<ChannelKey, ApiError> {
        let asked = self
            .call(move |api| async move { api.create_direct_channel(user_id).await }.boxed_local());
        let opened = asked.await?;
        let named = User::of_direct(&opened).filter(|user| user.id == user_id);
        let user = User {
            id: user_id,
            ..named.unwrap_or_default()
        };
        let mut channel = Channel::from(&opened);
        (channel.clan_id, channel.channel_type, channel.is_private) = (0, DIRECT, true);
        let key = ChannelKey::new(0, channel.id);
        let join = realtime::ChannelJoin {
            clan_id: 0,
            channel_id: channel.id,
            channel_type: DIRECT,
            is_public: false,
        };
        {
            let known = &mut *self.state().lock();
            known.caches.direct.set(user_id, channel.id);
            known.caches.set_channel(channel);
            if known.caches.user(user_id).is_none() {
                known.caches.set_user(DIRECT_CLAN, &user);
            }
        }
        if let Err(error) = self
            .request(&key, Request::from(join).for_this_link())
            .await
        {
            tracing::warn!(%error, user_id, "a direct conversation could not be joined");
        }
        Ok(key)
    }
}

pub(super) fn id_of(what: &'static str, id: &Id) -> Result<i64, ApiError> {
    id.number()
        .ok_or_else(|| ApiError::Invalid(format!("`{id}` is not the id of a {what} on Mezon")))
}
