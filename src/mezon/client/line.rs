//! The way of a request from its channel to the connection.

use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::channel::Outlet;
use greenroom_actors::connection::{ConnectionRef, RequestError};
use greenroom_actors::event::ChannelKey;
use greenroom_actors::telemetry::Counters;
use greenroom_proto::mezon::realtime;

use crate::mezon::codec::{Answer, Request, must_join};
use crate::mezon::limits::type_of;
use crate::mezon::protocol::MezonProtocol;
use crate::mezon::state::State;

/// Carries requests of channels to the connection; joins a channel first if the platform insists.
pub(in crate::mezon) struct Line {
    pub(in crate::mezon) connection: ConnectionRef<MezonProtocol>,
    pub(in crate::mezon) counters: Arc<Counters>,
    pub(in crate::mezon) state: Arc<State>,
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
        _: &ChannelKey,
        request: Request,
    ) -> BoxFuture<'static, Result<Answer, RequestError>> {
        let (connection, counters) = (self.connection.clone(), Arc::clone(&self.counters));
        let join = self.join_for(&request);
        async move {
            let Some(join) = join else {
                return connection.ask(request).await;
            };
            let mut answer = connection.ask(request.clone()).await;
            if let Err(error) = &answer
                && must_join(error)
                // If it cannot be joined, that was not the reason.
                && connection.ask(join.into()).await.is_ok()
            {
                answer = connection.ask(request).await;
            }
            if answer.is_ok() {
                counters.replies.add(1);
            }
            answer
        }
        .boxed()
    }
}

impl Line {
    /// Makes the request that joins the channel that a message is for.
    fn join_for(&self, request: &Request) -> Option<realtime::ChannelJoin> {
        let send = request.message_to_send()?;
        let known = &*self.state.lock();
        let channel = known.caches.channel(send.channel_id);
        Some(realtime::ChannelJoin {
            clan_id: send.clan_id,
            channel_id: send.channel_id,
            channel_type: channel.map_or(type_of(send.mode), |channel| channel.channel_type),
            is_public: send.is_public,
        })
    }
}
