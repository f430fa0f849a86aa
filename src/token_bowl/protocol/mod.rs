//! The platform's side of a connection.

mod catch_up;
mod link;
mod receive;

mod topics;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::connection::{
    self, Class, Confirmation, DialError, DialRequest, Frame, Liveness, Lost, Protocol, Reception,
    RequestError, Transport, Trouble,
};
use greenroom_actors::event::Origin;
use greenroom_actors::mailbox::ActorRef;
use greenroom_actors::session::{Acquire, Lease, Session};
use secrecy::{ExposeSecret, SecretString};

use self::catch_up::Missed;
use self::topics::Topics;
pub(super) use self::topics::publishes;
use super::authenticator::{TokenBowlAuthenticator, TokenBowlSession};
use super::centrifugo;
use super::codec::{self, Answer, Request};
use super::config::{Auth, Settings};
use super::event::ProblemKind;
use super::http::{Api, encoded};
use super::limits::MAX_FRAME;
use super::log::Log;
use super::outstanding::Outstanding;
use super::state::{Line, Position, Standing, State};
use crate::platform::http::HttpClient;

pub(super) type Receiving = Reception<Request, Answer>;

/// Speaks with the platform; lives as long as one incarnation of its connection.
pub(super) struct TokenBowlProtocol {
    settings: Arc<Settings>,
    transport: Rc<dyn Transport>,
    http: HttpClient,
    session: ActorRef<Session<TokenBowlAuthenticator>>,
    lease: Rc<RefCell<Option<Lease<TokenBowlSession>>>>,
    state: Arc<State>,
    origin: Arc<Origin>,
    topics: Topics,
    log: Option<Log>,
    link: Link,
    /// The server refused a token, and a new one was asked for.
    second_token: std::cell::Cell<bool>,
}

/// What is known of one link.
#[derive(Debug, Default)]
struct Link {
    /// The key with which it was opened.
    key: Option<SecretString>,
    outstanding: Outstanding,
    /// A ping of ours that was not answered yet.
    ping: Option<u32>,
    /// How long the server may be silent: it has shown that it speaks by itself.
    silence: Option<Duration>,
    /// What the server has handed over of what was missed.
    recovered: Vec<Missed>,
    /// Channels that went on where they were left, until that was made use of.
    recoveries: usize,
    /// Where the channels stood when they were followed, until all that was missed before is handed out.
    positions: BTreeMap<String, Position>,
}

impl fmt::Debug for TokenBowlProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBowlProtocol").finish_non_exhaustive()
    }
}

/// What a protocol is made of.
pub(super) struct Parts {
    pub(super) settings: Arc<Settings>,
    pub(super) transport: Rc<dyn Transport>,
    pub(super) http: HttpClient,
    pub(super) session: ActorRef<Session<TokenBowlAuthenticator>>,
    pub(super) state: Arc<State>,
    pub(super) origin: Arc<Origin>,
    pub(super) log: Option<Log>,
}

impl TokenBowlProtocol {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            topics: Topics::new(parts.origin.router()),
            settings: parts.settings,
            transport: parts.transport,
            http: parts.http,
            session: parts.session,
            lease: Rc::default(),
            state: parts.state,
            origin: parts.origin,
            log: parts.log,
            link: Link::default(),
            second_token: std::cell::Cell::new(false),
        }
    }

    /// Returns the API as the user may use it now.
    fn api(&self) -> Api {
        let key = self.state.lock().key.clone();
        Api::new(&self.http, &self.settings).with_key(key)
    }

    fn is_plain(&self) -> bool {
        self.state.line() != Some(Line::Centrifugo)
    }
}

impl Protocol for TokenBowlProtocol {
    type Session = Lease<TokenBowlSession>;
    type Request = Request;
    type Answer = Answer;
    type Missed = Missed;

    fn transport(&self) -> Rc<dyn Transport> {
        Rc::clone(&self.transport)
    }

    fn settings(&self) -> connection::Settings {
        connection::Settings {
            heartbeat_every: PING_EVERY,
            heartbeat_limit: PONG_LIMIT,
            request_timeout: self.settings.request_timeout,
            close_limit: self.settings.close_timeout,
            backoff: self.settings.backoff,
            // Which troubles of a first connect are tried again is decided where they are judged.
            first_tries: None,
            healthy_by_frame: true,
            ..connection::Settings::default()
        }
    }

    fn authenticate(&self, fresh: bool) -> LocalBoxFuture<'static, Result<Self::Session, Trouble>> {
        let (session, last) = (self.session.clone(), Rc::clone(&self.lease));
        let may_retry = self.may_retry();
        async move {
            let refused = last.borrow().clone().filter(|_| fresh);
            let acquire = refused
                .as_ref()
                .map_or_else(Acquire::any, Acquire::instead_of);
            let lease = session.ask(acquire).await;
            let lease = lease.map_err(|error| Trouble::retry(error.to_string(), None))?;
            let lease = lease.map_err(|error| link::login_trouble(error, may_retry))?;
            last.borrow_mut().replace(lease.clone());
            Ok(lease)
        }
        .boxed_local()
    }

    fn dial(&self, session: &Self::Session) -> DialRequest {
        let key = self.state.lock().key.clone();
        let mut headers = Vec::new();
        let url = match (&session.ticket, self.settings.auth) {
            (Some(ticket), _) => ticket.url.clone().into(),
            (None, Auth::Header) => {
                headers.push(("X-API-Key", key));
                self.settings.base_url.websocket().into()
            }
            (None, Auth::Query) => {
                let (base, key) = (self.settings.base_url.websocket(), key.expose_secret());
                format!("{base}?api_key={}", encoded(key)).into()
            }
        };
        DialRequest {
            url,
            headers,
            subprotocol: None,
            timeout: self.settings.connect_timeout,
            max_frame: MAX_FRAME,
        }
    }

    fn dial_trouble(&self, error: DialError) -> Trouble {
        self.judge_dial(error)
    }

    fn lost(&self, lost: Lost) -> Trouble {
        self.judge_loss(lost)
    }

    fn join(
        &mut self,
        session: &Self::Session,
    ) -> LocalBoxFuture<'static, Result<Vec<Request>, Trouble>> {
        self.begin_link(session)
    }

    fn connected(&mut self) {
        self.second_token.set(false);
        self.state.lock().was_connected = true;
        self.state.stand(Standing::Connected);
    }

    fn disconnected(&mut self, reason: Option<&str>, reception: &mut Receiving) {
        self.state.lose();
        self.link = Link::default();
        if let Some(reason) = reason {
            let text = match reason.contains("connection") {
                true => reason.to_owned(),
                false => format!("the connection was lost: {reason}"),
            };
            self.report(ProblemKind::Connection, text, reception);
        }
    }

    fn liveness(&self) -> Liveness {
        match self.link.silence {
            Some(limit) => Liveness::Silence(limit),
            None => Liveness::Heartbeat,
        }
    }

    fn heartbeat(&self) -> Request {
        Request::Ping
    }

    fn unanswered(&self, request: &Request) -> Option<Answer> {
        matches!(request, Request::Typing { .. }).then_some(Answer::Done)
    }

    fn encode(&mut self, correlation: u32, request: &Request) -> Result<Frame, RequestError> {
        let text = match request {
            Request::Ping => {
                self.link.ping = Some(correlation);
                let payload = correlation.to_be_bytes();
                return Ok(Frame::Ping(Bytes::copy_from_slice(&payload)));
            }
            Request::Connect | Request::Subscribe { .. } => self.way_in(correlation, request)?,
            request if self.is_plain() => {
                if self.unanswered(request).is_none() {
                    self.link.outstanding.sent(correlation, request);
                }
                request.text()
            }
            _ => return Err(over_http()),
        };
        Ok(Frame::Text(text.into()))
    }

    fn is_batch(&self, frame: &Frame) -> bool {
        !self.is_plain() && centrifugo::is_batch(frame)
    }

    fn split(&self, frame: Frame) -> Vec<Frame> {
        centrifugo::split(frame)
    }

    fn class(&self, frame: &Frame) -> Class {
        match self.is_plain() {
            true => codec::class(frame),
            false => centrifugo::class(frame),
        }
    }

    fn receive(&mut self, frame: Frame, reception: &mut Receiving) {
        match frame {
            Frame::Pong(_) => {
                if let Some(correlation) = self.link.ping.take() {
                    reception.answer(correlation, Ok(Answer::Done));
                }
            }
            Frame::Text(text) if self.is_plain() => self.receive_plain(&text, reception),
            Frame::Text(text) => self.receive_centrifugo(&text, reception),
            _ => {}
        }
    }

    fn catch_up(
        &mut self,
        _: &Self::Session,
        _: Duration,
    ) -> LocalBoxFuture<'static, Result<Vec<Missed>, Trouble>> {
        self.fetch_missed()
    }

    fn replay(&mut self, missed: Missed, reception: &mut Receiving) {
        self.replay_missed(missed, reception);
    }

    fn confirm(&self, request: &Request, missed: &[Missed]) -> Confirmation<Answer> {
        self.became_of(request, missed)
    }
}

fn over_http() -> RequestError {
    RequestError::Invalid("this server wants it over HTTP".to_owned())
}

/// How often a ping goes out, until the server has shown that it sends pings itself.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long its answer may take.
const PONG_LIMIT: Duration = Duration::from_secs(20);
/// How long a server that sends pings may be silent.
const SILENCE: Duration = Duration::from_secs(75);
