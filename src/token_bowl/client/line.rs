//! The way of a command from its conversation to the server.

use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::channel::Outlet;
use greenroom_actors::connection::{ConnectionRef, RequestError};
use greenroom_actors::event::ChannelKey;
use greenroom_actors::mailbox::{ActorRef, AskError};
use greenroom_actors::telemetry::Counters;
use tokio::sync::Mutex;

use crate::cache::Noted;
use crate::token_bowl::caller::{ApiCaller, Call};
use crate::token_bowl::codec::{Answer, Request};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::http::Api;
use crate::token_bowl::log::Log;
use crate::token_bowl::model::Message;
use crate::token_bowl::protocol::TokenBowlProtocol;
use crate::token_bowl::state::{self, State};

/// Carries commands over the websocket of the plain line, and over HTTP where the other is spoken.
pub(in crate::token_bowl) struct Line {
    pub(in crate::token_bowl) connection: ConnectionRef<TokenBowlProtocol>,
    pub(in crate::token_bowl) api: ActorRef<ApiCaller>,
    pub(in crate::token_bowl) state: Arc<State>,
    pub(in crate::token_bowl) counters: Arc<Counters>,
    /// Keeps what is said over HTTP; what is said over the websocket is kept by the connection.
    pub(in crate::token_bowl) log: Option<Log>,
    /// Calls over HTTP would overtake one another.
    pub(in crate::token_bowl) turn: Arc<Mutex<()>>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Outlet for Line {
    type Message = Request;
    type Receipt = Answer;

    fn send(
        &self,
        channel: &ChannelKey,
        request: Request,
    ) -> BoxFuture<'static, Result<Answer, RequestError>> {
        let (connection, api) = (self.connection.clone(), self.api.clone());
        let (state, counters) = (Arc::clone(&self.state), Arc::clone(&self.counters));
        let turn = Arc::clone(&self.turn);
        let (log, channel) = (self.log.clone(), channel.clone());
        async move {
            let is_said = matches!(request, Request::Send { .. });
            let answer = match state.wait_for_line().await {
                Some(state::Line::Centrifugo) => {
                    let _turn = turn.lock().await;
                    // As on the plain line, what is said during an outage leaves afterwards.
                    let answer = match state.wait_until_connected().await {
                        true => over_http(&api, &state, request).await,
                        false => Err(RequestError::Closed),
                    };
                    if let (Some(log), Ok(Answer::Sent(message))) = (log, &answer) {
                        keep(&log, &channel, message).await;
                    }
                    answer
                }
                _ => connection.ask(request).await,
            };
            if is_said && answer.is_ok() {
                counters.replies.add(1);
            }
            answer
        }
        .boxed()
    }
}

/// Keeps what was said to a user; what was said in the room comes back, and is kept then.
async fn keep(log: &Log, channel: &ChannelKey, message: &Message) {
    if message.to_username.is_none() {
        return;
    }
    match log.note(channel, message) {
        Noted::Hold(done) | Noted::Write(done) => done.await,
        Noted::Later => {}
    }
}

async fn over_http(
    api: &ActorRef<ApiCaller>,
    state: &Arc<State>,
    request: Request,
) -> Result<Answer, RequestError> {
    let state = Arc::clone(state);
    let call = Call::new(move |api| async move { call(&api, &state, request).await }.boxed_local());
    match api.ask(call).await {
        Ok(answer) => answer.map_err(RequestError::from),
        Err(AskError::Interrupted) => Err(RequestError::OutcomeUnknown),
        Err(_) => Err(RequestError::Closed),
    }
}

async fn call(api: &Api, state: &State, request: Request) -> Result<Answer, ApiError> {
    match request {
        Request::Send { content, to } => {
            let message = api.send_message(&content, to.as_deref()).await?;
            // In the room it comes back, and is no news then.
            if to.is_some() {
                state.lock().recent.insert(&message);
            }
            Ok(Answer::Sent(Box::new(message)))
        }
        Request::MarkRead { message_id } => {
            api.mark_read(&message_id).await?;
            Ok(Answer::Done)
        }
        Request::MarkAllRead => {
            let marked = api.mark_all_read().await?;
            Ok(Answer::Marked(marked.marked_as_read))
        }
        Request::MarkRoomRead => {
            let unread = api.unread_messages(Some(ALL), None).await?;
            mark(api, unread.iter().map(|message| message.id.as_str())).await
        }
        Request::MarkDirectRead { from } => {
            let unread = api.unread_direct_messages(Some(ALL), None).await?;
            let his = unread
                .iter()
                .filter(|message| message.from_username == from);
            mark(api, his.map(|message| message.id.as_str())).await
        }
        Request::UnreadCount => Ok(Answer::Unread(api.unread_count().await?)),
        Request::Typing { to } => {
            api.typing(to.as_deref()).await?;
            Ok(Answer::Done)
        }
        Request::Connect | Request::Ping | Request::Subscribe { .. } => Ok(Answer::Done),
    }
}

/// Marks messages one by one, where there is no call for all of them.
async fn mark<'a>(api: &Api, messages: impl Iterator<Item = &'a str>) -> Result<Answer, ApiError> {
    let mut number = 0;
    for message_id in messages {
        api.mark_read(message_id).await?;
        number += 1;
    }
    Ok(Answer::Marked(number))
}

/// More than a server keeps.
const ALL: u32 = 1_000;
