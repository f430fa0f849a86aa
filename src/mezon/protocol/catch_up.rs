//! Fetches what was missed while the link was down, and finds in it what became of requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use futures::{StreamExt, stream};
use greenroom_actors::connection::{Confirmation, Trouble};
use greenroom_actors::error::Retry;
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{Wire, api};

use super::MezonProtocol;
use crate::mezon::codec::{Answer, Request};
use crate::mezon::error::ApiError;
use crate::mezon::http::{Api, trouble};
use crate::mezon::state::{Seen, State, last_of};

/// Notes the last messages of all channels, before the first of the bot's own time comes.
///
/// # Errors
///
/// If some could not be noted and trying again may help.
pub(super) async fn baseline(api: Api, clans: Vec<i64>, state: Arc<State>) -> Result<(), Trouble> {
    if clans.len() > CLANS {
        tracing::warn!(
            clans = clans.len(),
            noted = CLANS,
            "messages missed in some clans will not be fetched"
        );
    }
    let lists = stream::iter(clans.into_iter().take(CLANS)).map(|clan_id| {
        let api = api.clone();
        async move { (clan_id, api.channels(clan_id).await) }
    });
    let mut lists = lists.buffer_unordered(AT_ONCE);
    while let Some((clan_id, channels)) = lists.next().await {
        match channels {
            Ok(channels) => {
                let known = &mut *state.lock();
                for channel in &channels {
                    known.caches.set_channel(channel);
                    known.baseline(clan_id, channel);
                }
            }
            Err(error) if error.retry() == Retry::Never && !error.is_unauthorized() => {
                tracing::warn!(%error, clan_id, "messages missed in a clan will not be fetched");
            }
            Err(error) => return Err(trouble(error)),
        }
    }
    Ok(())
}

/// Says what to do about a list of missed messages that could not be fetched: nothing, if trying again is useless.
fn unfetched(error: ApiError) -> Trouble {
    match error.retry() {
        Retry::Never if !error.is_unauthorized() => Trouble::fatal(error),
        _ => trouble(error),
    }
}

/// Fetches the messages that came after the last ones that were seen, oldest first. If there are too many for once, the state keeps
/// what is to be fetched next.
pub(super) async fn missed(
    api: Api,
    state: Arc<State>,
) -> Result<Vec<api::ChannelMessage>, Trouble> {
    let mut behind = std::mem::take(&mut state.lock().unfetched);
    if behind.is_empty() {
        behind = channels_behind(&api, &state).await?;
    }
    let mut all = Vec::new();
    let mut rest = Vec::new();
    let mut behind = behind.into_iter();
    // What is one behind the other in a channel stays so, since a channel has one place in the line.
    while all.len() < PORTION {
        let some = behind.by_ref().take(AT_ONCE).map(|(channel_id, seen)| {
            let api = api.clone();
            async move { (channel_id, seen, after(&api, channel_id, seen).await) }
        });
        let some = join_all(some).await;
        if some.is_empty() {
            break;
        }
        for (channel_id, seen, page) in some {
            match page {
                Ok((page, next)) => {
                    all.extend(page);
                    rest.extend(next.map(|after| (channel_id, Seen { after, ..seen })));
                }
                // The channel may be gone by now.
                Err(ApiError::Http { source, .. })
                    if matches!(source.status(), Some(400 | 403 | 404)) => {}
                Err(error) => return Err(unfetched(error)),
            }
        }
    }
    all.sort_by_key(|message| (message.create_time_seconds, message.message_id));
    rest.extend(behind);
    if !rest.is_empty() {
        tracing::info!(
            messages = all.len(),
            channels = rest.len(),
            "much was missed: more is fetched afterwards"
        );
    }
    state.lock().unfetched = rest;
    Ok(all)
}

/// Lists the channels in which something was missed.
async fn channels_behind(api: &Api, state: &State) -> Result<Vec<(i64, Seen)>, Trouble> {
    let clans = state.lock().seen_clans();
    let lists = stream::iter(clans).map(|clan_id| {
        let api = api.clone();
        async move {
            let channels = match clan_id {
                0 => api.direct_channels().await,
                clan_id => api.channels(clan_id).await,
            };
            channels.map(|channels| (clan_id, channels))
        }
    });
    let mut lists = lists.buffered(AT_ONCE);
    let mut behind = Vec::new();
    while let Some(list) = lists.next().await {
        let (clan_id, channels) = list.map_err(unfetched)?;
        behind.extend(with_news(state.lock().seen_in(clan_id), clan_id, &channels));
    }
    Ok(behind)
}

/// Picks the channels that have messages after the last ones that were seen, those that are new included.
fn with_news(
    seen: Vec<(i64, Seen)>,
    clan_id: i64,
    channels: &[api::ChannelDescription],
) -> Vec<(i64, Seen)> {
    let seen: BTreeMap<_, _> = seen.into_iter().collect();
    // A server that says it of none of them says it of nobody.
    let tells = channels.iter().any(|channel| last_of(channel).is_some());
    if !tells {
        return seen.into_iter().collect();
    }
    let news = channels.iter().filter_map(|channel| {
        let last = last_of(channel)?;
        let unseen = Seen {
            clan_id,
            message_id: 0,
            after: 0,
            is_busy: false,
        };
        let seen = *seen.get(&channel.channel_id).unwrap_or(&unseen);
        (seen.is_busy || last > seen.message_id).then_some((channel.channel_id, seen))
    });
    news.collect()
}

/// Fetches messages of one channel, and says after which one there are more.
async fn after(
    api: &Api,
    channel_id: i64,
    seen: Seen,
) -> Result<(Vec<api::ChannelMessage>, Option<i64>), ApiError> {
    let mut all: Vec<api::ChannelMessage> = Vec::new();
    let mut last = seen.after;
    for _ in 0..PAGES {
        let request = api::ListChannelMessagesRequest {
            clan_id: seen.clan_id,
            channel_id,
            message_id: last,
            limit: PAGE,
            direction: AFTER,
            topic_id: 0,
        };
        let mut page = api.messages(&request).await?;
        let length = page.len();
        page.retain(|message| message.message_id > last);
        let newest = page.iter().map(|message| message.message_id).max();
        for message in &mut page {
            // Lists leave out what is the same for all.
            message.channel_id = channel_id;
            if message.clan_id == 0 {
                message.clan_id = seen.clan_id;
            }
            // What was changed since is as new as the rest to those who missed it.
            message.code = if message.code == 1 { 0 } else { message.code };
        }
        all.extend(page);
        match newest {
            Some(newest) if length >= PAGE as usize => last = newest,
            _ => return Ok((all, None)),
        }
    }
    Ok((all, Some(last)))
}

impl MezonProtocol {
    /// Looks for what became of a request whose answer was lost.
    pub(super) fn became_of(
        &self,
        request: &Request,
        missed: &[api::ChannelMessage],
    ) -> Confirmation<Answer> {
        let sent = match &request.message {
            Message::ChannelMessageSend(sent) => sent,
            // Doing these twice is the same as once.
            Message::ChannelJoin(_)
            | Message::ChannelLeave(_)
            | Message::ClanJoin(_)
            | Message::ChannelMessageUpdate(_)
            | Message::CustomStatusEvent(_)
            | Message::LastPinMessageEvent(_)
            | Message::LastSeenMessageEvent(_)
            | Message::MessageTypingEvent(_)
            | Message::Ping(_) => return Confirmation::Repeatable,
            _ => return Confirmation::Unknown,
        };
        let known = &mut *self.state.lock();
        let (channel_id, content) = (sent.channel_id, &sent.content);
        let ours = |message: &&api::ChannelMessage| {
            known.me == message.sender_id
                && message.channel_id == channel_id
                && message.content == *content
                && !known.is_acknowledged(message.message_id)
        };
        let heard = known.unacknowledged(channel_id, content, self.settings.request_timeout);
        let found = heard.or_else(|| missed.iter().find(ours).map(|message| message.message_id));
        if let Some(message_id) = found {
            // The next request with the same content is another one.
            known.acknowledge(message_id);
            return Confirmation::Done(Answer::acknowledged(sent.channel_id, message_id));
        }
        let is_in_view =
            self.settings.catch_up && self.wire() == Wire::V2 && known.is_seen(sent.channel_id);
        match is_in_view {
            true => Confirmation::Absent,
            false => Confirmation::Unknown,
        }
    }
}

const AFTER: i32 = 1;
const AT_ONCE: usize = 4;
const CLANS: usize = 64;
const PAGE: i32 = 100;
/// Of one channel, before the others get their turn.
const PAGES: usize = 20;
/// So many missed messages are handed out, before more are fetched.
const PORTION: usize = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(channel_id: i64, last: i64) -> api::ChannelDescription {
        let header = api::ChannelMessageHeader {
            id: last,
            ..Default::default()
        };
        api::ChannelDescription {
            channel_id,
            last_sent_message: Some(header),
            ..Default::default()
        }
    }

    #[test]
    fn only_channels_with_news_are_asked() {
        let seen = |message_id| Seen {
            clan_id: 2,
            message_id,
            after: message_id,
            is_busy: false,
        };
        let known = vec![(3, seen(10)), (4, seen(20)), (5, seen(0))];
        let channels = [channel(3, 10), channel(4, 21), channel(5, 0), channel(6, 7)];
        assert_eq!(
            with_news(known.clone(), 2, &channels),
            [(4, seen(20)), (6, seen(0))]
        );
        let silent = [channel(3, 0), api::ChannelDescription::default()];
        assert_eq!(with_news(known.clone(), 2, &silent), known);
    }
}
