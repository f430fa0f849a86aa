//! A server that does what a test says, in memory and under stopped time.

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use greenroom::actors::connection::Transport;
use greenroom::mesh::{MeshClient, Settings};
use greenroom::platform::http::{Exchange, HttpError, HttpRequest, RawAnswer, RawStream, Sent};
use greenroom::platform::tls::Trust;
use greenroom::platform::{Network, Sockets};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Answer(u16, String, Option<Duration>),
    /// The connection is lost once the request is there.
    Lose,
    /// Whoever carries the request has a defect.
    Panic,
    /// Nobody listens.
    Refuse,
    /// It says nothing, ever.
    Silence,
}

impl Plan {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self::Answer(status, body.to_string(), None)
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::Answer(status, body.to_owned(), None)
    }

    /// As a server that does not know the path.
    pub(crate) fn missing() -> Self {
        Self::text(404, "Cannot POST /x")
    }

    pub(crate) fn profile() -> Self {
        Self::json(
            200,
            json!({"success": true, "profile": {"id": "u1", "email": "e", "credits": 5}}),
        )
    }

    pub(crate) fn said(text: &str) -> Self {
        Self::json(
            200,
            json!({"choices": [{"message": {"role": "assistant", "content": text}}]}),
        )
    }
}

/// A request as the server sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: tokio::time::Instant,
    pub(crate) url: String,
    pub(crate) query: String,
    pub(crate) bearer: Option<String>,
    pub(crate) body: Value,
}

impl Seen {
    /// Returns the path, whatever the host.
    pub(crate) fn path(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |place| &rest[place..])
    }
}

type Decide = dyn Fn(&Seen, usize) -> Plan + Send + Sync;

/// The server: it is told each request, and how many have come for the same path before.
#[derive(Clone)]
pub(crate) struct Script {
    decide: Arc<Decide>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Script {
    pub(crate) fn new(decide: impl Fn(&Seen, usize) -> Plan + Send + Sync + 'static) -> Self {
        Self {
            decide: Arc::new(decide),
            seen: Arc::default(),
        }
    }

    /// A server that knows the user, and does this with chats.
    pub(crate) fn chats(decide: impl Fn(&Seen, usize) -> Plan + Send + Sync + 'static) -> Self {
        Self::new(move |seen, before| match seen.path() {
            super::PROFILE => Plan::profile(),
            _ => decide(seen, before),
        })
    }

    pub(crate) fn client(&self, settings: Settings) -> MeshClient {
        let client = MeshClient::connect_over(settings, self.clone()).unwrap();
        client.on_prompt(|_| {});
        client
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(|seen| seen.path().to_owned())
            .collect()
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
        let bearer = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization");
        let seen = Seen {
            at: tokio::time::Instant::now(),
            url: request.url.clone(),
            query: query.expose_secret().to_owned(),
            bearer: bearer.map(|(_, value)| value.expose_secret().to_owned()),
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
        };
        let before = {
            let mut all = self.seen.lock().unwrap();
            let before = all.iter().filter(|other| other.url == seen.url).count();
            all.push(seen.clone());
            before
        };
        let plan = (self.decide)(&seen, before);
        async move {
            // A server is never there at once.
            tokio::time::sleep(Duration::from_millis(5)).await;
            let (status, body, retry_after) = match plan {
                Plan::Refuse => {
                    return Err(HttpError::Unconnected("connection refused".to_owned()));
                }
                Plan::Panic => panic!("a defect of the network"),
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
                Plan::Answer(status, body, retry_after) => (status, body, retry_after),
            };
            sent.leaves();
            Ok(RawStream {
                status,
                content_type: "application/json".to_owned(),
                retry_after,
                length: None,
                body: futures::stream::iter([Ok(Bytes::from(body))]).boxed_local(),
            })
        }
        .boxed_local()
    }
}
