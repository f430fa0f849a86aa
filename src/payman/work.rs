//! One ask under way: what is sent, how often, and what is made of what comes.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::entropy::Entropy;
use greenroom_actors::session::{Acquire, Lease};
use secrecy::SecretString;
use tokio::sync::watch;

use super::authenticator::{self, PaymanSession};
use super::caller::Listener;
use super::client::{Outcome, Shared};
use super::codec::{self, Ids};
use super::content;
use super::error::{ErrorBody, ErrorKind, PaymanError};
use super::event::AskEvent;
use super::http::{Call, EVENT_STREAM, Http, Opened, Trouble, refused};
use super::limits::{CANCEL, CANCEL_TIMEOUT, MAX_BODY, SEND, SUBSCRIBE};
use super::model::{Answer, TaskResponse};
use super::outgoing::{Ask, OutputFormat};
use super::protocol::{self, Assembly, Came, Update};
use super::register::Publisher;
use super::tries::{Tries, is_put_off};
use crate::platform::http::Sent;
use crate::platform::sse::{Decoder, Part};

/// One ask under way.
pub(super) struct Work {
    pub(super) http: Http,
    pub(super) client: Arc<Shared>,
    pub(super) publisher: Option<Publisher>,
    pub(super) ending: watch::Receiver<bool>,
    pub(super) entropy: Entropy,
    /// Whether the request of the current try has left.
    pub(super) sent: RefCell<Sent>,
}

impl Work {
    /// Says whether the agent may have acted.
    pub(super) fn is_sent(&self) -> bool {
        self.sent.borrow().is_sent()
    }

    /// Asks, and again where the server surely has not done it.
    pub(super) async fn run(
        &self,
        ask: Ask,
        ids: Ids,
        stream: Option<Listener>,
        cancel: watch::Receiver<bool>,
    ) -> Outcome {
        let Some(listener) = stream else {
            return self.plain(&ask, &ids).await;
        };
        let ended = {
            let run = pin!(self.stream(&ask, &ids, &listener));
            let stop = pin!(self.stopped(cancel, &listener));
            match select(run, stop).await {
                Either::Left((outcome, _)) => return outcome,
                Either::Right((ended, _)) => ended,
            }
            // Here the connection is closed.
        };
        let is_sent = self.is_sent();
        if is_sent && ended != Stop::Left {
            self.tell_cancelled(&ids).await;
        }
        Err(PaymanError::new(ErrorKind::Cancelled, ended.reason()).running(is_sent))
    }

    /// Waits until a stream shall end before its answer is whole.
    async fn stopped(&self, mut cancel: watch::Receiver<bool>, listener: &Listener) -> Stop {
        let mut ending = self.ending.clone();
        let left = async {
            match listener.is_kept {
                true => std::future::pending().await,
                false => listener.events.closed().await,
            }
        };
        // A sender that is gone cancels nothing.
        let told = async |told: &mut watch::Receiver<bool>| match told.wait_for(|told| *told).await
        {
            Ok(_) => (),
            Err(_) => std::future::pending().await,
        };
        tokio::select! {
            () = told(&mut cancel) => Stop::Cancelled,
            () = told(&mut ending) => Stop::Ending,
            () = left => Stop::Left,
        }
    }

    /// Tells the platform that a task is not wanted any more, once; whatever comes of it.
    async fn tell_cancelled(&self, ids: &Ids) {
        let request = codec::new_id("req-", &self.client.ids);
        let told = async {
            let body = codec::about_task(&request, &ids.task, CANCEL.1)?;
            let lease = self.token().await?;
            let call = call(CANCEL.0, &body, &lease, "*/*");
            let opened = self.http.open(call, Sent::default()).await;
            opened
                .map_err(|trouble| trouble.error(false))?
                .whole()
                .await
                .map_err(|trouble| trouble.error(false))
        };
        let told = tokio::time::timeout(CANCEL_TIMEOUT, told).await;
        tracing::debug!(task = %ids.task, done = matches!(told, Ok(Ok(_))), "told the platform of a cancelled task");
    }

    /// Makes a request about a task that there is.
    pub(super) async fn about_task(
        &self,
        path: &'static str,
        body: &Bytes,
    ) -> Result<TaskResponse, PaymanError> {
        let limit = self.client.settings.timeout;
        let answer = async {
            let mut opened = self.send(path, body, None).await?;
            self.whole(&mut opened).await
        };
        let answer = tokio::time::timeout(limit, answer).await;
        let answer = answer.unwrap_or_else(|_| Err(Trouble::Late(limit).error(self.is_sent())))?;
        codec::task(&answer).map(|_| answer)
    }

    async fn plain(&self, ask: &Ask, ids: &Ids) -> Outcome {
        let body = codec::ask(ask, ids, SEND.1)?;
        let limit = self.client.settings.timeout;
        let answer = async {
            let deadline = clock::now() + limit;
            let mut opened = self.send(SEND.0, &body, Some(deadline)).await?;
            self.whole(&mut opened).await
        };
        let answer = tokio::time::timeout(limit, answer).await;
        let answer = answer.unwrap_or_else(|_| Err(Trouble::Late(limit).error(self.is_sent())))?;
        self.finished(ask, ids, answer)
    }

    fn finished(&self, ask: &Ask, ids: &Ids, answer: TaskResponse) -> Outcome {
        let task = codec::task(&answer)?;
        Ok(match ask.format {
            OutputFormat::Json => Answer::Raw(answer),
            OutputFormat::Markdown => {
                let formatted = content::answer(&task, answer.id(), ids, &content::now());
                Answer::Formatted(Box::new(formatted))
            }
        })
    }

    async fn whole(&self, opened: &mut Opened) -> Result<TaskResponse, PaymanError> {
        let body = opened
            .whole()
            .await
            .map_err(|trouble| trouble.error(true))?;
        codec::response(&body)
    }

    async fn stream(&self, ask: &Ask, ids: &Ids, listener: &Listener) -> Outcome {
        let body = codec::ask(ask, ids, SUBSCRIBE.1)?;
        let mut opened = self.send(SUBSCRIBE.0, &body, None).await?;
        let idle = self.client.settings.idle_timeout;
        if !opened.is_stream() {
            let whole = tokio::time::timeout(idle, self.whole(&mut opened)).await;
            let answer = whole.unwrap_or_else(|_| Err(Trouble::Late(idle).error(true)))?;
            let task = codec::task(&answer)?;
            let formatted = content::answer(&task, answer.id(), ids, &content::now());
            let came = protocol::whole(&answer, formatted);
            self.tell(came.raw, came.update, ask, listener).await;
            return self.finished(ask, ids, answer);
        }
        let (mut decoder, mut assembly) = (Decoder::new(MAX_BODY), Assembly::new(ids.clone()));
        let mut warned = false;
        loop {
            let piece = match tokio::time::timeout(idle, opened.next()).await {
                Ok(Some(Ok(piece))) => piece,
                Ok(Some(Err(Trouble::Lost(_))) | None) => {
                    let message = "the stream ended before the answer was whole";
                    return Err(PaymanError::new(ErrorKind::Interrupted, message).running(true));
                }
                Ok(Some(Err(trouble))) => return Err(trouble.error(true)),
                Err(_) => return Err(Trouble::Late(idle).error(true)),
            };
            for part in decoder.feed(&piece) {
                let event = match part {
                    Part::Event(event) => event,
                    Part::TooLong => return Err(Trouble::TooLong.error(true)),
                };
                match assembly.take(&event.data, &content::now()) {
                    Ok(Came { raw, update, end }) => {
                        self.tell(raw, update, ask, listener).await;
                        match end {
                            None => {}
                            Some(Ok(())) => return Ok(answer(&assembly, ask)),
                            Some(Err(error)) => return Err(error),
                        }
                    }
                    Err(reason) => {
                        if !std::mem::replace(&mut warned, true) {
                            tracing::warn!(task = %ids.task, reason, "an event of a stream is left out");
                        }
                        if let Some(publisher) = &self.publisher {
                            publisher.left_out();
                        }
                    }
                }
            }
        }
    }

    /// Hands out what came; as long as nobody takes it, nothing more is read.
    async fn tell(&self, raw: super::Json, update: Update, ask: &Ask, listener: &Listener) {
        if let Some(publisher) = &self.publisher {
            publisher.publish(&update).await;
        }
        let event = match (ask.format, update) {
            (OutputFormat::Json, _) => AskEvent::Raw(raw),
            (OutputFormat::Markdown, Update::Artifact(update)) => {
                AskEvent::Artifact(Box::new(update))
            }
            (OutputFormat::Markdown, Update::Status(update)) => AskEvent::Status(Box::new(update)),
        };
        // If nobody listens any more, the ask is over, or kept on purpose.
        let _ = listener.events.send(event).await;
    }

    /// Sends a request to a tasks endpoint until it is answered with success; where a wait would be too long, the error comes at once.
    async fn send(
        &self,
        path: &'static str,
        body: &Bytes,
        deadline: Option<Instant>,
    ) -> Result<Opened, PaymanError> {
        let settings = &self.client.settings;
        let is_stream = path == SUBSCRIBE.0;
        let (mut connects, mut waits) = (
            Tries::new(settings.retry_base, &self.entropy),
            Tries::new(settings.retry_base, &self.entropy),
        );
        let mut lease = self.token().await?;
        let mut renewed = false;
        loop {
            let sent = Sent::default();
            *self.sent.borrow_mut() = sent.clone();
            let accept = if is_stream { EVENT_STREAM } else { "*/*" };
            let opened = self
                .http
                .open(call(path, body, &lease, accept), sent.clone());
            let opened = match is_stream {
                true => {
                    let opened = tokio::time::timeout(settings.idle_timeout, opened).await;
                    opened.unwrap_or(Err(Trouble::Late(settings.idle_timeout)))
                }
                false => opened.await,
            };
            let (error, wait) = match opened {
                Ok(opened) if (200..300).contains(&opened.answer.status) => return Ok(opened),
                Ok(mut opened) => {
                    let (status, asked) = (opened.answer.status, opened.answer.retry_after);
                    let body = self.refusal(&mut opened, &lease).await;
                    if status == 401 {
                        let error = refused(ErrorKind::Auth, status, asked, body);
                        *self.sent.borrow_mut() = Sent::default();
                        if std::mem::replace(&mut renewed, true) {
                            return Err(error);
                        }
                        lease = match self.client.acquire(Acquire::instead_of(&lease)).await {
                            Ok(lease) => lease,
                            Err(other) => {
                                let other = authenticator::unwrapped(&other);
                                let is_final = other.kind() == ErrorKind::TokenExpired;
                                return Err(if is_final { error } else { other });
                            }
                        };
                        continue;
                    }
                    let error =
                        refused(ErrorKind::Http, status, asked, body).running(status >= 500);
                    let put_off = is_put_off(status, asked);
                    if put_off || status < 500 {
                        *self.sent.borrow_mut() = Sent::default();
                    }
                    (error, put_off.then(|| waits.next(asked)).flatten())
                }
                Err(trouble @ Trouble::Connect(_)) => (trouble.error(false), connects.next(None)),
                Err(trouble) => return Err(trouble.error(sent.is_sent())),
            };
            let in_time =
                |wait: &Duration| deadline.is_none_or(|deadline| clock::now() + *wait < deadline);
            let Some(wait) = wait.filter(in_time) else {
                return Err(error);
            };
            tracing::debug!(%error, ?wait, "asking again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn refusal(&self, opened: &mut Opened, lease: &Lease<PaymanSession>) -> ErrorBody {
        let own = [lease.token.secret.clone()];
        let secrets = own
            .into_iter()
            .chain(self.client.tokens.secrets())
            .chain(self.client.settings.secrets());
        let secrets: Vec<SecretString> = secrets.collect();
        let read = opened.refusal(&secrets);
        let limit = self.client.settings.idle_timeout;
        let body = tokio::time::timeout(limit, read).await;
        body.unwrap_or_else(|_| ErrorBody::Text(String::new()))
    }

    /// Returns a token that can be used, a new one if there is none or it ends soon.
    async fn token(&self) -> Result<Lease<PaymanSession>, PaymanError> {
        let token = self.client.token().await;
        token.map_err(|error| authenticator::unwrapped(&error))
    }
}

fn answer(assembly: &Assembly, ask: &Ask) -> Answer {
    match ask.format {
        OutputFormat::Json => Answer::Raw(assembly.raw()),
        OutputFormat::Markdown => Answer::Formatted(Box::new(assembly.formatted())),
    }
}

fn call(
    path: &'static str,
    body: &Bytes,
    lease: &Lease<PaymanSession>,
    accept: &'static str,
) -> Call {
    Call {
        path,
        query: SecretString::default(),
        headers: vec![
            ("accept", SecretString::from(accept)),
            ("x-payman-access-token", lease.token.secret.clone()),
        ],
        body: body.clone(),
    }
}

/// Why a stream ends before its answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Cancelled,
    Ending,
    Left,
}

impl Stop {
    fn reason(self) -> &'static str {
        match self {
            Self::Cancelled => "the ask was cancelled",
            Self::Ending => "the ask was cancelled, since the client is stopping",
            Self::Left => "nobody listens to the answer any more",
        }
    }
}
