//! The actor that makes calls over HTTP for whoever is on another thread.

use std::fmt;
use std::sync::Arc;

use actix::prelude::*;
use futures::future::LocalBoxFuture;
use greenroom_actors::mailbox::ActorRef;
use greenroom_actors::session::{Acquire, Lease, Session};

use super::auth::MezonSession;
use super::authenticator::MezonAuthenticator;
use super::error::ApiError;
use super::http::Api;
use crate::platform::http::HttpClient;

/// Makes calls of the API with the session that there is; with a new one, once, if the platform refuses it.
///
/// * **Who starts it**: the platform's supervisor, after the session.
/// * **What ends it**: its supervisor.
/// * **What happens to its mailbox then**: it outlives a restart.
/// * **What it may lose**: the answers to calls that were under way; who waits for them is told.
#[derive(Debug)]
pub(super) struct ApiCaller {
    http: HttpClient,
    session: ActorRef<Session<MezonAuthenticator>>,
}

impl ApiCaller {
    pub(super) fn new(http: HttpClient, session: ActorRef<Session<MezonAuthenticator>>) -> Self {
        Self { http, session }
    }
}

impl Actor for ApiCaller {
    type Context = Context<Self>;
}

/// Makes a call.
pub(super) struct Call<R> {
    make: Make<R>,
}

type Make<R> = Arc<dyn Fn(Api) -> LocalBoxFuture<'static, Result<R, ApiError>> + Send + Sync>;

impl<R> Call<R> {
    pub(super) fn new(
        make: impl Fn(Api) -> LocalBoxFuture<'static, Result<R, ApiError>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Arc::new(make),
        }
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

impl<R: 'static> Message for Call<R> {
    type Result = Result<R, ApiError>;
}

impl<R: Send + 'static> Handler<Call<R>> for ApiCaller {
    type Result = ResponseFuture<Result<R, ApiError>>;

    fn handle(&mut self, call: Call<R>, _: &mut Self::Context) -> Self::Result {
        let (http, session) = (self.http.clone(), self.session.clone());
        Box::pin(async move {
            let lease = acquire(&session, Acquire::any()).await?;
            match (call.make)(Api::new(&http, &lease)).await {
                Err(error) if error.is_unauthorized() => {
                    let lease = acquire(&session, Acquire::instead_of(&lease)).await?;
                    (call.make)(Api::new(&http, &lease)).await
                }
                answer => answer,
            }
        })
    }
}

pub(super) async fn acquire(
    session: &ActorRef<Session<MezonAuthenticator>>,
    acquire: Acquire<MezonSession>,
) -> Result<Lease<MezonSession>, ApiError> {
    let lease = session.ask(acquire).await;
    let lease = lease.map_err(|error| ApiError::NotLoggedIn(error.to_string()))?;
    lease.map_err(|error| ApiError::NotLoggedIn(error.to_string()))
}
