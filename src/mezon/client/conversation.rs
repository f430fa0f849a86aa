//! Finding a channel by what people call it.

use greenroom_actors::connection::RequestError;
use greenroom_actors::error::Retry;
use greenroom_actors::event::{ChannelKey, Id};

use super::MezonClient;
use crate::mezon::error::ApiError;
use crate::mezon::model::Clan;

impl MezonClient {
    /// Finds a channel by its id or its name; in one clan if `CLAN/` stands before it, which is an id or a name, too.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if there is none, or more than one of that name; else as every call.
    pub async fn find_channel(&self, name: &str) -> Result<ChannelKey, RequestError> {
        let (clan, channel) = match name.split_once('/') {
            Some((clan, channel)) => (Some(clan.trim()), channel.trim()),
            None => (None, name.trim()),
        };
        if let Some(id) = number(channel) {
            return match clan.and_then(number) {
                Some(clan) => Ok(ChannelKey::new(clan, id)),
                None => {
                    let channel = self
                        .fetch_channel(&id.into())
                        .await
                        .map_err(|error| told(&error))?;
                    Ok(ChannelKey::new(channel.clan_id, channel.id))
                }
            };
        }
        let is_meant = |known: &Clan| clan.is_none_or(|name| is_called(name, known));
        let clans: Vec<_> = self.clans().list();
        let mut found = Vec::new();
        for clan in clans.iter().filter(|clan| clan.id != 0 && is_meant(clan)) {
            let id = Id::from(clan.id);
            self.load_channels(&id)
                .await
                .map_err(|error| told(&error))?;
            let channels = self.channels_of(&id).into_iter();
            found.extend(channels.filter(|one| one.name == channel));
        }
        match found.as_slice() {
            [only] => Ok(ChannelKey::new(only.clan_id, only.id)),
            [] => Err(RequestError::Invalid(format!(
                "there is no channel `{name}` on Mezon"
            ))),
            several => Err(RequestError::Invalid(format!(
                "there are {} channels `{name}` on Mezon: give the id, or CLAN/CHANNEL",
                several.len()
            ))),
        }
    }
}

fn is_called(name: &str, clan: &Clan) -> bool {
    clan.name == name || number(name) == Some(clan.id)
}

fn number(text: &str) -> Option<i64> {
    Id::from(text).number()
}

/// Tells why a look-up failed, so that it is tried again where that can help.
fn told(error: &ApiError) -> RequestError {
    let retry_after = match error.retry() {
        Retry::Never => return RequestError::Invalid(error.to_string()),
        Retry::After(wait) => wait,
        Retry::Now => std::time::Duration::ZERO,
    };
    RequestError::Refused {
        code: 0,
        message: error.to_string(),
        retry_after: Some(retry_after),
    }
}
