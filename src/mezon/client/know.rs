//! Looking up what the bot knows; nothing here waits, but what says `fetch`, `load` or `open`.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use futures::FutureExt;
use greenroom_actors::cache::Cache;
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::{api, realtime};

use super::MezonClient;
use crate::mezon::caches::{Channel, Clan, User};
use crate::mezon::error::ApiError;
use crate::mezon::limits::DIRECT;
use crate::mezon::log::read_record;

impl MezonClient {
    /// Lists the clans that the bot is in, the one of its direct conversations (0) included.
    #[must_use]
    pub fn clans(&self) -> Vec<Clan> {
        self.state().lock().caches.clans.values().cloned().collect()
    }

    /// Finds a clan that the bot is in.
    #[must_use]
    pub fn clan(&self, clan: &Id) -> Option<Clan> {
        self.state()
            .lock()
            .caches
            .clans
            .get(clan.number()?)
            .cloned()
    }

    /// Finds a channel that the bot has seen.
    #[must_use]
    pub fn channel(&self, channel: &Id) -> Option<Channel> {
        self.state()
            .lock()
            .caches
            .channels
            .get(channel.number()?)
            .cloned()
    }

    /// Lists the channels of a clan that the bot has seen; see [`load_channels`](Self::load_channels).
    #[must_use]
    pub fn channels_of(&self, clan: &Id) -> Vec<Channel> {
        let known = &*self.state().lock();
        let channels = known.caches.channels.values();
        channels
            .filter(|channel| *clan == channel.clan_id)
            .cloned()
            .collect()
    }

    /// Finds a user of whom the bot has heard.
    #[must_use]
    pub fn user(&self, user: &Id) -> Option<User> {
        self.state()
            .lock()
            .caches
            .users
            .get(user.number()?)
            .cloned()
    }

    /// Finds the direct conversation with a user, if there is one.
    #[must_use]
    pub fn direct_channel(&self, user: &Id) -> Option<ChannelKey> {
        let channel = *self.state().lock().caches.direct.get(user.number()?)?;
        Some(ChannelKey::new(0, channel))
    }

    /// Finds a message that was kept on disk.
    pub async fn message(&self, channel: &ChannelKey, message: &Id) -> Option<api::ChannelMessage> {
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
    /// [`ApiError::NotFound`] if there is none, else as every call.
    pub async fn fetch_channel(&self, channel: &Id) -> Result<Channel, ApiError> {
        let channel_id = id_of("channel", channel)?;
        let lock = Arc::clone(self.fetches().entry(channel_id).or_default());
        let turn = lock.lock().await;
        let found = match self.channel(channel) {
            Some(known) => Ok(known),
            None => self.ask_for_channel(channel_id).await,
        };
        self.fetches().remove(&channel_id);
        drop(turn);
        found
    }

    async fn ask_for_channel(&self, channel_id: i64) -> Result<Channel, ApiError> {
        let asked =
            self.call(move |api| async move { api.channel(channel_id).await }.boxed_local());
        let channel = Channel::from(&asked.await?);
        let known = &mut *self.state().lock();
        known.caches.channels.set(channel_id, channel.clone());
        Ok(channel)
    }

    fn fetches(&self) -> MutexGuard<'_, BTreeMap<i64, Arc<tokio::sync::Mutex<()>>>> {
        let fetches = &self.shared.fetches;
        fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns all channels of a clan, once; later calls return at once, and concurrent ones share one call.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`]. The next call tries again.
    pub async fn load_channels(&self, clan: &Id) -> Result<(), ApiError> {
        let clan_id = id_of("clan", clan)?;
        let once = {
            let loads = &self.shared.loads;
            let mut loads = loads.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loads.entry(clan_id).or_default())
        };
        let load = || async {
            let asked =
                self.call(move |api| async move { api.channels(clan_id).await }.boxed_local());
            let channels = asked.await?;
            let known = &mut *self.state().lock();
            for channel in &channels {
                known
                    .caches
                    .channels
                    .set(channel.channel_id, channel.into());
            }
            Ok(())
        };
        once.get_or_try_init(load).await.copied()
    }

    /// Finds the direct conversation with a user, or opens it.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn open_direct(&self, user: &Id) -> Result<ChannelKey, ApiError> {
        if let Some(open) = self.direct_channel(user) {
            return Ok(open);
        }
        let user_id = id_of("user", user)?;
        let asked = self
            .call(move |api| async move { api.create_direct_channel(user_id).await }.boxed_local());
        let mut channel = Channel::from(&asked.await?);
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
            known.caches.channels.set(channel.id, channel);
        }
        if let Err(error) = self.request(&key, join).await {
            tracing::warn!(%error, user_id, "a direct conversation could not be joined");
        }
        Ok(key)
    }
}

pub(super) fn id_of(what: &'static str, id: &Id) -> Result<i64, ApiError> {
    id.number()
        .ok_or_else(|| ApiError::Invalid(format!("`{id}` is not the id of a {what} on Mezon")))
}
