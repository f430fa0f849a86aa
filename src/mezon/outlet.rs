//! Carries what the bot says to the platform.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::channel::Outlet;
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::ChannelKey;
use greenroom_proto::mezon::{Wire, realtime};

use super::client::Client;
use super::codec::{Answer, Request, must_join};
use super::draft::Post;
use super::limits::type_of;
use super::state::Route;

/// The platform's side of a conversation.
#[derive(Clone, Debug)]
pub struct MezonOutlet {
    client: Client,
}

impl MezonOutlet {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Outlet for MezonOutlet {
    type Message = Post;
    type Receipt = Answer;

    fn send(
        &self,
        channel: &ChannelKey,
        post: Post,
    ) -> BoxFuture<'static, Result<Answer, RequestError>> {
        let (client, channel) = (self.client.clone(), channel.clone());
        async move { send(&client, &channel, post).await }.boxed()
    }
}

async fn send(client: &Client, channel: &ChannelKey, post: Post) -> Result<Answer, RequestError> {
    let clan_id = number(&channel.space.to_string(), channel.space.number())?;
    let channel_id = number(&channel.channel.to_string(), channel.channel.number())?;
    let route = client.route(clan_id, channel_id).await?;
    let limit = client.settings().content_limit;
    let requests = post.requests(client.wire(), channel_id, route, limit)?;
    let mut last = None;
    for request in requests {
        last = Some(ask(client, channel_id, route, request).await?);
    }
    last.ok_or_else(|| RequestError::Invalid("nothing to send".to_owned()))
}

/// Sends a request; if the platform refuses since the channel is not joined, joins it and sends it once more.
async fn ask(
    client: &Client,
    channel_id: i64,
    route: Route,
    request: Request,
) -> Result<Answer, RequestError> {
    let refusal = match client.request(request.clone()).await {
        Err(error) if must_join(&error) => error,
        answer => return answer,
    };
    let join = realtime::ChannelJoin {
        clan_id: route.clan_id,
        channel_id,
        channel_type: client
            .channel(channel_id)
            .map_or(type_of(route.mode), |channel| channel.channel_type),
        is_public: route.is_public,
    };
    match client.request(join).await {
        Ok(_) => client.request(request).await,
        // Then that was not the reason.
        Err(_) => Err(refusal),
    }
}

fn number(text: &str, number: Option<i64>) -> Result<i64, RequestError> {
    number.ok_or_else(|| RequestError::Invalid(format!("{text:?} is no id of Mezon")))
}

/// The wire that is assumed before the first login has told it.
pub(super) const ASSUMED: Wire = Wire::V2;

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<MezonOutlet>>();
};
