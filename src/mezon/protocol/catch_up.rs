//! Fetches what was missed while the link was down, and finds in it what became of requests.

use futures::StreamExt;
use futures::stream;
use greenroom_actors::connection::{Confirmation, Trouble};
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{Wire, api};

use super::MezonProtocol;
use crate::mezon::codec::{Answer, Request};
use crate::mezon::error::ApiError;
use crate::mezon::http::{Api, trouble};
use crate::mezon::state::Seen;

/// Fetches the messages of these channels after the last ones that were seen, oldest first.
pub(super) async fn missed(
    api: Api,
    mut channels: Vec<(i64, Seen)>,
) -> Result<Vec<api::ChannelMessage>, Trouble> {
    // The busiest in the end; with too many, those of long ago are left out.
    channels.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.message_id));
    if channels.len() > CHANNELS {
        tracing::warn!(
            known = channels.len(),
            fetched = CHANNELS,
            "not all channels are asked for missed messages"
        );
        channels.truncate(CHANNELS);
    }
    let pages = stream::iter(channels).map(|(channel_id, seen)| {
        let api = api.clone();
        async move { after(&api, channel_id, seen).await }
    });
    let mut all = Vec::new();
    let mut pages = pages.buffered(AT_ONCE);
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => all.extend(page),
            // The channel may be gone by now.
            Err(ApiError::Http { source, .. })
                if matches!(source.status(), Some(400 | 403 | 404)) => {}
            Err(error) => return Err(trouble(error)),
        }
    }
    all.sort_by_key(|message| (message.create_time_seconds, message.message_id));
    Ok(all)
}

async fn after(
    api: &Api,
    channel_id: i64,
    seen: Seen,
) -> Result<Vec<api::ChannelMessage>, ApiError> {
    let mut all: Vec<api::ChannelMessage> = Vec::new();
    let mut last = seen.message_id;
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
            _ => break,
        }
    }
    Ok(all)
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
            | Message::Ping(_) => return Confirmation::Absent,
            _ => return Confirmation::Unknown,
        };
        let known = &mut *self.state.lock();
        let ours = |message: &&api::ChannelMessage| {
            known.me == message.sender_id
                && message.channel_id == sent.channel_id
                && message.content == sent.content
        };
        let fetched = missed.iter().filter(ours).map(|message| message.message_id);
        let heard = known.own.iter().filter(|(channel, _, content)| {
            *channel == sent.channel_id && *content == sent.content
        });
        let mut found = heard.map(|(_, id, _)| *id).chain(fetched);
        let found = found.find(|id| !known.acknowledged.contains(id));
        if let Some(message_id) = found {
            // The next request with the same content is another one.
            known.acknowledge(message_id);
            return Confirmation::Done(Answer::acknowledged(sent.channel_id, message_id));
        }
        let asked = self.wire() == Wire::V2 && self.asked.contains(&sent.channel_id);
        match asked {
            true => Confirmation::Absent,
            false => Confirmation::Unknown,
        }
    }
}

const AFTER: i32 = 1;
const AT_ONCE: usize = 4;
const CHANNELS: usize = 100;
const PAGE: i32 = 100;
const PAGES: usize = 20;
