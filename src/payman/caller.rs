//! The actor that speaks with the platform: every request for a token and every ask is made by it, over the same connections.

use std::cell::RefCell;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::prelude::*;
use bytes::Bytes;
use futures::FutureExt;
use greenroom_actors::connection::{Listening, Quiesce};
use greenroom_actors::entropy::Entropy;
use greenroom_actors::session::Acquire;
use greenroom_actors::supervisor::Supervised;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::authenticator;
use super::client::{Outcome, Shared};
use super::codec::Ids;
use super::error::{ErrorKind, PaymanError};
use super::event::AskEvent;
use super::http::Http;
use super::limits::STREAM_GRACE;
use super::model::TaskResponse;
use super::outgoing::Ask;
use super::register::Publisher;
use super::state::{Grant, TokenAnswer};
use super::work::Work;

/// Speaks with the platform. Asks do not wait for one another.
///
/// * **Who starts it**: the platform's supervisor, after the session.
/// * **What ends it**: its supervisor. When the bot is told to stop, open streams end within a second; other asks go on for as long as
///   handlers may finish.
/// * **What happens to its mailbox then**: it outlives a restart, so that asks which were not begun are begun by the next life.
/// * **What it may lose**: the answers to asks that were under way. Whoever waits for them is told that the agent may have acted, and
///   none of them is sent again.
pub(super) struct Caller {
    http: Http,
    client: Arc<Shared>,
    publisher: Option<Publisher>,
    /// Told when open streams shall end.
    ending: watch::Sender<bool>,
    entropy: Entropy,
    standing: Option<Listening>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("http", &self.http)
            .finish_non_exhaustive()
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
            ending: watch::channel(false).0,
            entropy,
            standing: None,
        }
    }
}

impl Actor for Caller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let Some(publisher) = self.publisher.clone() else {
            return;
        };
        // In a bot nobody has waited for the code to be exchanged yet.
        let client = Arc::clone(&self.client);
        let ready = async move {
            match client.is_user() {
                true => client.acquire(Acquire::any()).await.map(drop),
                false => Ok(()),
            }
        };
        ctx.spawn(
            ready
                .into_actor(self)
                .map(move |ready, caller, ctx| match ready {
                    Ok(()) => caller.standing = Some(publisher.reached()),
                    Err(error) => ctx.fail_for_good(error),
                }),
        );
    }
}

/// Asks the platform for a token.
#[derive(Message)]
#[rtype(result = "Result<TokenAnswer, PaymanError>")]
pub(super) struct TokenCall(pub(super) Grant);

impl Handler<TokenCall> for Caller {
    type Result = ResponseFuture<Result<TokenAnswer, PaymanError>>;

    fn handle(&mut self, TokenCall(grant): TokenCall, _: &mut Context<Self>) -> Self::Result {
        let (http, client, entropy) = (
            self.http.clone(),
            Arc::clone(&self.client),
            self.entropy.clone(),
        );
        Box::pin(async move {
            let (settings, tokens) = (&client.settings, &client.tokens);
            authenticator::call(&http, settings, tokens, &grant, &entropy).await
        })
    }
}

/// Makes a request about a task that there is.
#[derive(Message)]
#[rtype(result = "Result<TaskResponse, PaymanError>")]
pub(super) struct TaskCall {
    pub(super) path: &'static str,
    pub(super) body: Bytes,
}

impl Handler<TaskCall> for Caller {
    type Result = ResponseFuture<Result<TaskResponse, PaymanError>>;

    fn handle(&mut self, call: TaskCall, _: &mut Context<Self>) -> Self::Result {
        let work = self.work();
        Box::pin(async move { work.about_task(call.path, &call.body).await })
    }
}

/// Asks something.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Run {
    pub(super) ask: Ask,
    pub(super) ids: Ids,
    /// Where events go, if the answer shall be streamed.
    pub(super) stream: Option<Listener>,
    /// Where the outcome goes. If it is dropped without one, nobody knows what became of the ask.
    pub(super) outcome: watch::Sender<Option<Outcome>>,
    pub(super) cancel: watch::Receiver<bool>,
    /// Its place among the asks that are under way.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Who listens while the agent answers.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) events: mpsc::Sender<AskEvent>,
    /// Whether the ask goes on if nobody listens any more.
    pub(super) is_kept: bool,
}

impl Handler<Run> for Caller {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, run: Run, _: &mut Context<Self>) -> Self::Result {
        let work = self.work();
        Box::pin(async move {
            let Run {
                ask,
                ids,
                stream,
                outcome,
                cancel,
                permit,
            } = run;
            // One answer that cannot be dealt with must not end the asks beside it.
            let answer = AssertUnwindSafe(work.run(ask, ids, stream, cancel))
                .catch_unwind()
                .await;
            let answer = answer.unwrap_or_else(|_| {
                let message = "the answer could not be dealt with; see the log";
                Err(PaymanError::new(ErrorKind::Decode, message).running(work.is_sent()))
            });
            outcome.send_replace(Some(answer));
            drop(permit);
        })
    }
}

impl Handler<Quiesce> for Caller {
    type Result = ();

    fn handle(&mut self, _: Quiesce, ctx: &mut Context<Self>) {
        ctx.run_later(STREAM_GRACE, |caller, _| {
            caller.ending.send_replace(true);
        });
    }
}

impl Caller {
    fn work(&self) -> Work {
        Work {
            http: self.http.clone(),
            client: Arc::clone(&self.client),
            publisher: self.publisher.clone(),
            ending: self.ending.subscribe(),
            entropy: self.entropy.clone(),
            sent: RefCell::default(),
        }
    }
}
