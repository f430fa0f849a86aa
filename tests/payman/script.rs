//! A server that does what a test says, in memory and under stopped time.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use futures::{FutureExt, StreamExt};
use greenroom::actors::connection::Transport;
use greenroom::payman::{PaymanClient, Settings};
use greenroom::platform::http::{Exchange, HttpError, HttpRequest, RawAnswer, RawStream, Sent};
use greenroom::platform::tls::Trust;
use greenroom::platform::{Network, Sockets};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Answer(Reply),
    /// The connection is lost once the request is there.
    Lose,
    /// Nobody listens.
    Refuse,
    /// It says nothing, ever.
    Silence,
}

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) after: Duration,
    pub(crate) pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    Lost,
    Pause(Duration),
}

impl Plan {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    pub(crate) fn text(status: u16, kind: &'static str, body: &str) -> Self {
        Self::Answer(Reply {
            status,
            kind,
            retry_after: None,
            after: Duration::ZERO,
            pieces: vec![Piece::Bytes(body.to_owned().into())],
        })
    }

    pub(crate) fn stream(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self::Answer(Reply {
            status: 200,
            kind: "text/event-stream;charset=utf-8",
            retry_after: None,
            after: Duration::ZERO,
            pieces: pieces.into_iter().collect(),
        })
    }

    pub(crate) fn token(token: &str, life: u64, refresh: Option<&str>) -> Self {
        Self::json(
            200,
            &json!({"accessToken": token, "tokenType": "Bearer", "expiresIn": life, "refreshToken": refresh}),
        )
    }

    fn change(self, change: impl FnOnce(&mut Reply)) -> Self {
        match self {
            Self::Answer(mut reply) => {
                change(&mut reply);
                Self::Answer(reply)
            }
            other => other,
        }
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        self.change(|reply| reply.retry_after = Some(wait))
    }

    pub(crate) fn after(self, wait: Duration) -> Self {
        self.change(|reply| reply.after = wait)
    }
}

/// Makes a piece of a stream.
pub(crate) fn piece(bytes: impl Into<Vec<u8>>) -> Piece {
    Piece::Bytes(Bytes::from(bytes.into()))
}

/// A request as the server sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The server: tokens and tasks have plans of their own, the last of which is repeated.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<State>>);

struct State {
    tokens: VecDeque<Plan>,
    tasks: VecDeque<Plan>,
    seen: Vec<Seen>,
}

impl Script {
    pub(crate) fn new(
        tokens: impl IntoIterator<Item = Plan>,
        tasks: impl IntoIterator<Item = Plan>,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            tokens: tokens.into_iter().collect(),
            tasks: tasks.into_iter().collect(),
            seen: Vec::new(),
        })))
    }

    /// One good token, and these answers to tasks.
    pub(crate) fn tasks(tasks: impl IntoIterator<Item = Plan>) -> Self {
        Self::new([Plan::token("at-script", 3_600, None)], tasks)
    }

    pub(crate) async fn client(&self, settings: Settings) -> PaymanClient {
        PaymanClient::connect_over(settings, self.clone())
            .await
            .unwrap()
    }

    /// Returns the requests whose target begins so.
    pub(crate) fn seen(&self, target: &str) -> Vec<Seen> {
        let state = self.0.lock().unwrap();
        state
            .seen
            .iter()
            .filter(|seen| seen.target.starts_with(target))
            .cloned()
            .collect()
    }

    fn plan(&self, seen: Seen) -> Plan {
        let mut state = self.0.lock().unwrap();
        let is_token = seen.target.starts_with(super::TOKEN);
        state.seen.push(seen);
        let plans = if is_token {
            &mut state.tokens
        } else {
            &mut state.tasks
        };
        match plans.len() {
            0 => Plan::Refuse,
            1 => plans[0].clone(),
            _ => plans.pop_front().unwrap(),
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Network for Script {
    fn websocket(&self, trust: &Trust) -> Rc<dyn Transport> {
        Sockets.websocket(trust)
    }

    fn http(&self, _: &Trust) -> Rc<dyn Exchange> {
        Rc::new(self.clone())
    }
}

impl Exchange for Script {
    fn exchange(
        &self,
        _: HttpRequest,
        _: usize,
    ) -> LocalBoxFuture<'static, Result<RawAnswer, HttpError>> {
        unimplemented!("everything is read piece by piece")
    }

    fn open(
        &self,
        request: HttpRequest,
        query: SecretString,
        sent: Sent,
    ) -> LocalBoxFuture<'static, Result<RawStream, HttpError>> {
        let mut target = request
            .url
            .strip_prefix("http://payman.test")
            .unwrap()
            .to_owned();
        if !query.expose_secret().is_empty() {
            target = format!("{target}?{}", query.expose_secret());
        }
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.expose_secret().to_owned()));
        let seen = Seen {
            target,
            headers: headers.collect(),
            body: request.body.clone(),
        };
        let plan = self.plan(seen);
        async move {
            let reply = match plan {
                Plan::Refuse => {
                    return Err(HttpError::Unreachable("connection refused".to_owned()));
                }
                Plan::Lose => {
                    sent.leaves();
                    return Err(HttpError::Unreachable(
                        "connection reset by peer".to_owned(),
                    ));
                }
                Plan::Silence => {
                    sent.leaves();
                    return futures::future::pending().await;
                }
                Plan::Answer(reply) => reply,
            };
            sent.leaves();
            tokio::time::sleep(reply.after).await;
            Ok(RawStream {
                status: reply.status,
                content_type: reply.kind.to_owned(),
                retry_after: reply.retry_after,
                length: None,
                body: futures::stream::iter(reply.pieces)
                    .filter_map(async |piece| match piece {
                        Piece::Bytes(bytes) => Some(Ok(bytes)),
                        Piece::Lost => Some(Err(HttpError::Protocol("reset".to_owned()))),
                        Piece::Pause(pause) => {
                            tokio::time::sleep(pause).await;
                            None
                        }
                    })
                    .boxed_local(),
            })
        }
        .boxed_local()
    }
}
