//! The actor that speaks with the Mesh API: every call is a message to it, and they do not wait for one another.

use std::fmt;
use std::sync::Arc;

use actix::prelude::*;
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use greenroom_actors::connection::{Listening, Quiesce};
use greenroom_actors::entropy::Entropy;
use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;

use super::client::Shared;
use super::error::{ErrorKind, MeshError};
use super::http::{Call, Http, Reply};
use super::register::Publisher;
use super::session::Acquire;
use super::tries::{Effect, Tries};

/// Speaks with the Mesh API.
///
/// * **Who starts it**: the platform's supervisor, after the session.
/// * **What ends it**: its supervisor; calls that are under way go on for as long as handlers may finish.
/// * **What happens to its mailbox then**: it outlives a restart, so that calls which were not begun are begun by the next life.
/// * **What it may lose**: the answers to calls that were under way: whoever waits for one is told that it may have been carried out.
pub(super) struct Caller {
    http: Http,
    client: Arc<Shared>,
    publisher: Option<Publisher>,
    entropy: Entropy,
    standing: Option<Listening>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller")
    }
}

impl Caller {
    pub(super) fn new(
        http: Http,
        client: Arc<Shared>,
        publisher: Option<Publisher>,
        entropy: Entropy,
    ) -> Self {
        Self {
            http,
            client,
            publisher,
            entropy,
            standing: None,
        }
    }
}

impl Actor for Caller {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        self.standing = self.publisher.as_ref().map(Publisher::reached);
    }
}

impl Handler<Quiesce> for Caller {
    type Result = ();

    // It brings no events of its own accord: handlers may still want answers.
    fn handle(&mut self, _: Quiesce, _: &mut Context<Self>) {}
}

/// Something that a client can do.
pub(super) trait Operation: Send + 'static {
    /// What comes of it.
    type Output: Send + 'static;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<Self::Output, MeshError>>;
}

/// Asks for something to be done.
pub(super) struct Perform<O>(pub(super) O);

impl<O: Operation> Message for Perform<O> {
    type Result = Result<O::Output, MeshError>;
}

impl<O: Operation> Handler<Perform<O>> for Caller {
    type Result = ResponseFuture<Result<O::Output, MeshError>>;

    fn handle(&mut self, Perform(operation): Perform<O>, _: &mut Context<Self>) -> Self::Result {
        operation.perform(Work {
            http: self.http.clone(),
            client: Arc::clone(&self.client),
            publisher: self.publisher.clone(),
            entropy: self.entropy.clone(),
        })
    }
}

/// What a call is made with.
#[derive(Clone)]
pub(super) struct Work {
    http: Http,
    pub(super) client: Arc<Shared>,
    pub(super) publisher: Option<Publisher>,
    entropy: Entropy,
}

/// A request, before it is known which path takes it.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) method: &'static str,
    pub(super) query: String,
    pub(super) body: Option<Bytes>,
    pub(super) effect: Effect,
    pub(super) needs_token: bool,
    /// What no error may quote.
    pub(super) secrets: Vec<SecretString>,
    pub(super) is_for_commitments: bool,
}

impl Wanted {
    pub(super) fn get(query: &[(&str, &str)]) -> Self {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in query {
            text.append_pair(name, value);
        }
        Self {
            method: "GET",
            query: text.finish(),
            body: None,
            effect: Effect::Read,
            needs_token: true,
            secrets: Vec::new(),
            is_for_commitments: false,
        }
    }

    pub(super) fn post(body: &Value) -> Self {
        Self {
            method: "POST",
            body: Some(body.to_string().into()),
            effect: Effect::Write,
            ..Self::get(&[])
        }
    }
}

impl Work {
    /// Asks one path after another until there is one, and returns its answer, whatever its status. The last answer is that of a missing
    /// path if all are missing.
    pub(super) async fn ask(&self, paths: &[&str], wanted: &Wanted) -> Result<Reply, MeshError> {
        let mut last = None;
        for path in paths {
            let reply = self.ask_one(path, wanted).await?;
            if !reply.is_missing() {
                return Ok(reply);
            }
            last = Some(reply);
        }
        last.ok_or_else(|| MeshError::transport("there is no path to ask"))
    }

    /// Asks one path; a refused token is renewed once.
    pub(super) async fn ask_one(&self, path: &str, wanted: &Wanted) -> Result<Reply, MeshError> {
        if !wanted.needs_token {
            return self.send(path, wanted, None).await;
        }
        let token = self.client.token(Acquire::any()).await?;
        let refused = self.send(path, wanted, Some(token.clone())).await?;
        if !refused.refuses_token() {
            return Ok(refused);
        }
        let other = match self.client.token(Acquire::instead_of(&token)).await {
            Ok(other) => other,
            Err(error) if error.kind() == ErrorKind::Auth => return Err(refused.unauthorized()),
            Err(error) => return Err(error),
        };
        let reply = self.send(path, wanted, Some(other)).await?;
        match reply.refuses_token() {
            true => Err(reply.unauthorized()),
            false => Ok(reply),
        }
    }

    /// Sends a request, again where that does no harm.
    async fn send(
        &self,
        path: &str,
        wanted: &Wanted,
        token: Option<SecretString>,
    ) -> Result<Reply, MeshError> {
        let settings = &self.client.settings;
        let server = match wanted.is_for_commitments {
            true => settings.zkp_server(),
            false => settings.server(),
        };
        let limit = match wanted.effect {
            Effect::Chat => settings.chat_timeout,
            Effect::Read | Effect::Write => settings.timeout,
        };
        let mut tries = Tries::new(wanted.effect, settings.retry_base, &self.entropy);
        loop {
            let call = Call {
                method: wanted.method,
                url: format!("{server}{path}"),
                query: wanted.query.clone(),
                bearer: token.clone(),
                body: wanted.body.clone(),
                limit,
                secrets: wanted.secrets.clone(),
            };
            let (answer, wait) = match self.http.send(call).await {
                Ok(reply) => {
                    let wait = tries.after_status(reply.status, reply.retry_after);
                    (Ok(reply), wait)
                }
                Err(trouble) => {
                    let wait = tries.after_trouble(&trouble);
                    let error = trouble.error().at(&format!("{server}{path}"));
                    let is_harmless = wanted.effect == Effect::Read;
                    (
                        Err(if is_harmless {
                            error.running(false)
                        } else {
                            error
                        }),
                        wait,
                    )
                }
            };
            match wait {
                Some(wait) => {
                    tracing::debug!(path, ?wait, "asking again");
                    tokio::time::sleep(wait).await;
                }
                None => return answer,
            }
        }
    }
}
