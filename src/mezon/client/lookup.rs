//! Finding clans, channels, users and messages.

use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::api;

use super::{Live, MezonClient};
use crate::mezon::error::ApiError;
use crate::mezon::model::{Channel, Clan, User};

/// The clans that the bot is in, 1,000 at most.
#[derive(Clone, Debug)]
pub struct Clans(MezonClient);

/// All channels that the bot has seen, 1,000 at most.
#[derive(Clone, Debug)]
pub struct Channels(MezonClient);

/// All users of whom the bot has heard, 10,000 at most.
#[derive(Clone, Debug)]
pub struct Users(MezonClient);

/// The channels of one clan.
#[derive(Clone, Debug)]
pub struct ClanChannels {
    pub(super) client: MezonClient,
    pub(super) clan: i64,
}

/// The users of one clan.
#[derive(Clone, Debug)]
pub struct ClanUsers {
    pub(super) client: MezonClient,
    pub(super) clan: i64,
}

/// The messages of one channel.
#[derive(Clone, Debug)]
pub struct ChannelMessages {
    pub(super) client: MezonClient,
    pub(super) channel: ChannelKey,
}

impl MezonClient {
    /// Returns the clans that the bot is in, the one of its direct conversations (0) included.
    #[must_use]
    pub fn clans(&self) -> Clans {
        Clans(self.clone())
    }

    /// Returns the channels that the bot has seen.
    #[must_use]
    pub fn channels(&self) -> Channels {
        Channels(self.clone())
    }

    /// Returns the users of whom the bot has heard.
    #[must_use]
    pub fn users(&self) -> Users {
        Users(self.clone())
    }
}

impl Clans {
    /// Finds a clan.
    #[must_use]
    pub fn get(&self, clan: &Id) -> Option<Live<Clan>> {
        Some(Live::new(&self.0, self.0.clan(clan)?))
    }

    /// Finds a clan; the platform has no call to ask for one.
    ///
    /// # Errors
    ///
    /// [`ApiError::NotFound`] if the bot is not in it.
    pub fn fetch(&self, clan: &Id) -> Result<Live<Clan>, ApiError> {
        self.get(clan).ok_or_else(|| ApiError::NotFound {
            what: "clan",
            id: clan.number().unwrap_or_default(),
        })
    }

    /// Lists all clans.
    #[must_use]
    pub fn list(&self) -> Vec<Live<Clan>> {
        let known = &*self.0.state().lock();
        let clans = known.caches.clans.values().cloned();
        clans.map(|clan| Live::new(&self.0, clan)).collect()
    }
}

impl Channels {
    /// Finds a channel.
    #[must_use]
    pub fn get(&self, channel: &Id) -> Option<Live<Channel>> {
        Some(Live::new(&self.0, self.0.channel(channel)?))
    }

    /// Finds a channel, or asks the platform for it; see [`MezonClient::fetch_channel`].
    ///
    /// # Errors
    ///
    /// [`ApiError::NotFound`] if there is none, else as every call.
    pub async fn fetch(&self, channel: &Id) -> Result<Live<Channel>, ApiError> {
        let found = self.0.fetch_channel(channel).await?;
        Ok(Live::new(&self.0, found))
    }

    /// Lists all channels.
    #[must_use]
    pub fn list(&self) -> Vec<Live<Channel>> {
        let known = &*self.0.state().lock();
        let channels = known.caches.channels().cloned();
        channels.map(|one| Live::new(&self.0, one)).collect()
    }
}

impl Users {
    /// Finds a user.
    #[must_use]
    pub fn get(&self, user: &Id) -> Option<Live<User>> {
        Some(Live::new(&self.0, self.0.user(user)?))
    }

    /// Finds a user, or opens the direct conversation with them to learn of them.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn fetch(&self, user: &Id) -> Result<Live<User>, ApiError> {
        if let Some(known) = self.get(user) {
            return Ok(known);
        }
        self.0.open_direct(user).await?;
        self.get(user).ok_or_else(|| ApiError::NotFound {
            what: "user",
            id: user.number().unwrap_or_default(),
        })
    }

    /// Lists all users.
    #[must_use]
    pub fn list(&self) -> Vec<Live<User>> {
        let known = &*self.0.state().lock();
        let users = known.caches.users_of(0).cloned();
        users.map(|user| Live::new(&self.0, user)).collect()
    }
}

impl ClanChannels {
    /// Finds a channel of the clan.
    #[must_use]
    pub fn get(&self, channel: &Id) -> Option<Live<Channel>> {
        let known = &*self.client.state().lock();
        let found = known.caches.channel_of(self.clan, channel.number()?)?;
        Some(Live::new(&self.client, found.clone()))
    }

    /// Finds a channel of the clan, or asks the platform for it.
    ///
    /// # Errors
    ///
    /// [`ApiError::NotFound`] if there is none in this clan, else as every call.
    pub async fn fetch(&self, channel: &Id) -> Result<Live<Channel>, ApiError> {
        if let Some(known) = self.get(channel) {
            return Ok(known);
        }
        let found = self.client.fetch_channel(channel).await?;
        if found.clan_id != self.clan {
            return Err(ApiError::NotFound {
                what: "channel of this clan",
                id: found.id,
            });
        }
        Ok(Live::new(&self.client, found))
    }

    /// Lists the channels of the clan that are known; all of them after [`load_channels`](MezonClient::load_channels).
    #[must_use]
    pub fn list(&self) -> Vec<Live<Channel>> {
        let known = &*self.client.state().lock();
        let channels = known.caches.channels_of(self.clan).cloned();
        channels.map(|one| Live::new(&self.client, one)).collect()
    }
}

impl ClanUsers {
    /// Finds a user of the clan, with the names that they have there.
    #[must_use]
    pub fn get(&self, user: &Id) -> Option<Live<User>> {
        let known = &*self.client.state().lock();
        let found = known.caches.user_of(self.clan, user.number()?)?;
        Some(Live::new(&self.client, found.clone()))
    }

    /// Finds a user, or opens the direct conversation with them to learn of them.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn fetch(&self, user: &Id) -> Result<Live<User>, ApiError> {
        match self.get(user) {
            Some(known) => Ok(known),
            None => self.client.users().fetch(user).await,
        }
    }

    /// Lists the users of the clan of whom the bot has heard.
    #[must_use]
    pub fn list(&self) -> Vec<Live<User>> {
        let known = &*self.client.state().lock();
        let users = known.caches.users_of(self.clan).cloned();
        users.map(|user| Live::new(&self.client, user)).collect()
    }
}

impl ChannelMessages {
    /// Finds a message: one of the last 200 that the bot has seen here, or else one that was kept on disk.
    pub async fn get(&self, message: &Id) -> Option<Live<api::ChannelMessage>> {
        let found = self.client.message(&self.channel, message).await?;
        Some(Live::new(&self.client, found))
    }
}
