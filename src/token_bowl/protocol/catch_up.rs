//! Messages that were missed, and what became of commands whose answer was lost.

use std::sync::Arc;

use futures::future::{FutureExt, LocalBoxFuture, try_join};
use greenroom_actors::connection::{Confirmation, Trouble};
use greenroom_actors::error::Retry;

use super::{Receiving, TokenBowlProtocol};
use crate::token_bowl::codec::{Answer, Incoming, Request};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::event::Gap;
use crate::token_bowl::http::Api;
use crate::token_bowl::message::key;
use crate::token_bowl::model::{Message, Timestamp};
use crate::token_bowl::state::State;

/// Something that happened while the link was down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::token_bowl) enum Missed {
    /// More may be missing.
    Gap(Gap),
    /// A message.
    Message(Box<Message>),
    /// What the server has handed over when the link was opened.
    Recovered(Box<Incoming>),
    /// That was all.
    End,
}

impl Missed {
    fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Recovered(incoming) => match &**incoming {
                Incoming::Message(message) => Some(message),
                _ => None,
            },
            Self::End | Self::Gap(_) => None,
        }
    }
}

impl TokenBowlProtocol {
    pub(super) fn fetch_missed(&mut self) -> LocalBoxFuture<'static, Result<Vec<Missed>, Trouble>> {
        let mut recovered = std::mem::take(&mut self.link.recovered);
        // Only what was missed before the link: if something is missed later, it is fetched.
        let recoveries = std::mem::take(&mut self.link.recoveries);
        let channels = self.state.lock().positions.len();
        let is_whole = !self.is_plain() && channels > 0 && recoveries >= channels;
        recovered.push(Missed::End);
        if is_whole || !self.settings.catch_up {
            return async { Ok(recovered) }.boxed_local();
        }
        let (api, state) = (self.api(), Arc::clone(&self.state));
        let limit = self.settings.history_limit;
        async move {
            let Some(since) = state.lock().missed_since() else {
                return Ok(recovered);
            };
            let mut missed = missed(&api, &state, since, limit).await.map_err(trouble)?;
            // What the other line has handed over beside messages.
            missed.extend(recovered);
            Ok(missed)
        }
        .boxed_local()
    }

    pub(super) fn replay_missed(&mut self, missed: Missed, reception: &mut Receiving) {
        match missed {
            Missed::Gap(gap) => self.tell_gap(gap, reception),
            Missed::Message(message) => {
                // What the user said elsewhere meanwhile is no news for it.
                let is_mine = self.state.lock().is_mine(&message);
                if is_mine && !self.settings.deliver_own {
                    self.state.lock().see(&message);
                    self.keep(&key(&message, true), &message, reception);
                } else {
                    self.hear(*message, reception);
                }
            }
            Missed::Recovered(incoming) => self.happened(*incoming, reception),
            Missed::End => {
                let positions = std::mem::take(&mut self.link.positions);
                let known = &mut *self.state.lock();
                known.positions.extend(positions);
                known.hole = None;
            }
        }
    }

    /// Looks for what became of a command whose answer was lost.
    pub(super) fn became_of(&self, request: &Request, missed: &[Missed]) -> Confirmation<Answer> {
        let Request::Send { content, to } = request else {
            // Doing these twice is the same as once.
            return Confirmation::Repeatable;
        };
        let known = &mut *self.state.lock();
        let found = missed.iter().filter_map(Missed::message).find(|message| {
            message.content == *content
                && message.to_username == *to
                && known.is_mine(message)
                && !known.recent.contains(&message.id)
        });
        match found.cloned() {
            Some(message) => {
                // The next command with the same words is another one.
                known.recent.insert(&message);
                Confirmation::Done(Answer::Sent(Box::new(message)))
            }
            // It may be on its way into the store.
            None => Confirmation::Unknown,
        }
    }
}

/// Fetches the messages that came after `since` and were not seen, oldest first; those of the user itself are among them.
async fn missed(
    api: &Api,
    state: &State,
    since: Timestamp,
    history_limit: u64,
) -> Result<Vec<Missed>, ApiError> {
    let mut room = api.all_messages(PAGE, Some(since));
    let mut direct = api.all_direct_messages(PAGE, Some(since));
    let (of_room, of_user) = try_join(room.all(), direct.all()).await?;
    let kept = room.total().unwrap_or(0) + direct.total().unwrap_or(0);
    let mut messages: Vec<Message> = of_room.into_iter().rev().collect();
    messages.extend(of_user.into_iter().rev());
    messages.retain(|message| !state.lock().recent.contains(&message.id));
    // Stable, so that messages of the same moment stay in the order in which they arrived.
    messages.sort_by_key(|message| message.timestamp);
    let gap = (kept >= history_limit).then_some(Missed::Gap(Gap { since, kept }));
    let messages = messages.into_iter().map(Box::new).map(Missed::Message);
    Ok(gap.into_iter().chain(messages).collect())
}

fn trouble(error: ApiError) -> Trouble {
    match error.retry() {
        Retry::Never => Trouble::fatal(error),
        Retry::Now => Trouble::retry(error, None),
        Retry::After(wait) => Trouble::retry(error, Some(wait)),
    }
}

/// How many messages are fetched at once: as many as a call may ask for, since servers allow few calls a second.
const PAGE: u32 = 1_000;
