//! The platform's side of a connection.

mod catch_up;
mod chat;
mod effects;
mod receive;
#[cfg(test)]
mod tests;
mod topics;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture, join};
use greenroom_actors::clock;
use greenroom_actors::connection::{
    self, Class, Confirmation, DialError, DialRequest, Frame, Lost, Protocol, Reception,
    RequestError, Transport, Trouble,
};
use greenroom_actors::error::Retry;
use greenroom_actors::event::{Id, Origin};
use greenroom_actors::mailbox::ActorRef;
use greenroom_actors::session::{Acquire, AuthError, Lease, Session};
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{self, Wire, api, realtime};

pub(super) use self::topics::publishes;
use self::topics::{MESSAGE, Topics};
use super::auth::MezonSession;
use super::authenticator::MezonAuthenticator;
use super::codec::{self, Answer, Request};
use super::config::Settings;
use super::http::{Api, trouble};
use super::limits::MAX_FRAME;
use super::model::Clan;
use super::raw::{ApiCalls, RawAnswers};
use super::state::State;
use crate::cache::MessageLog;
use crate::platform::http::HttpClient;

pub(super) type Receiving = Reception<Request, Answer>;

/// Speaks with the platform; lives as long as one incarnation of its connection.
pub struct MezonProtocol {
    settings: Arc<Settings>,
    transport: Rc<dyn Transport>,
    http: HttpClient,
    session: ActorRef<Session<MezonAuthenticator>>,
    lease: Rc<RefCell<Option<Lease<MezonSession>>>>,
    wire: Cell<Wire>,
    me: Id,
    state: Arc<State>,
    origin: Arc<Origin>,
    topics: Topics,
    log: Option<MessageLog>,
    raw: RawAnswers,
    calls: ApiCalls,
    /// An empty message, into which the next one is read; its texts have their memory already.
    message: Option<Box<api::ChannelMessage>>,
    /// Channels that are being joined again; one that is gone does not end the link.
    rejoining: BTreeMap<u32, i64>,
}

impl fmt::Debug for MezonProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MezonProtocol")
            .field("wire", &self.wire)
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}

/// What a protocol is made of.
pub(super) struct Parts {
    pub(super) settings: Arc<Settings>,
    pub(super) transport: Rc<dyn Transport>,
    pub(super) http: HttpClient,
    pub(super) session: ActorRef<Session<MezonAuthenticator>>,
    pub(super) state: Arc<State>,
    pub(super) origin: Arc<Origin>,
    pub(super) log: Option<MessageLog>,
}

impl MezonProtocol {
    pub(super) fn new(parts: Parts) -> Self {
        let topics = Topics::new(parts.origin.router());
        parts.state.lock().repeats = !parts.settings.deduplicate;
        Self {
            settings: parts.settings,
            transport: parts.transport,
            http: parts.http,
            session: parts.session,
            lease: Rc::default(),
            wire: Cell::new(Wire::V2),
            me: Id::NONE,
            state: parts.state,
            origin: parts.origin,
            topics,
            log: parts.log,
            raw: RawAnswers::default(),
            calls: ApiCalls::default(),
            message: None,
            rejoining: BTreeMap::new(),
        }
    }

    fn wire(&self) -> Wire {
        self.wire.get()
    }

    /// Says whether missed messages are fetched: if that is wanted, and possible.
    fn catches_up(&self, session: &MezonSession) -> bool {
        self.settings.catch_up && session.wire == Wire::V2
    }

    /// Returns the API as the session may use it.
    fn api(&self) -> Option<Api> {
        self.lease
            .borrow()
            .as_ref()
            .map(|lease| Api::new(&self.http, lease))
    }
}

impl Protocol for MezonProtocol {
    type Session = Lease<MezonSession>;
    type Request = Request;
    type Answer = Answer;
    type Missed = api::ChannelMessage;

    fn transport(&self) -> Rc<dyn Transport> {
        Rc::clone(&self.transport)
    }

    fn settings(&self) -> connection::Settings {
        connection::Settings {
            heartbeat_every: self.settings.heartbeat,
            heartbeat_limit: self.settings.heartbeat_timeout,
            request_timeout: self.settings.request_timeout,
            per_second: self.settings.requests_per_second,
            read_ahead: self.settings.read_ahead,
            backoff: self.settings.backoff,
            ..connection::Settings::default()
        }
    }

    fn authenticate(&self, fresh: bool) -> LocalBoxFuture<'static, Result<Self::Session, Trouble>> {
        let (session, last) = (self.session.clone(), Rc::clone(&self.lease));
        async move {
            let refused = last.borrow().clone().filter(|_| fresh);
            let acquire = refused
                .as_ref()
                .map_or_else(Acquire::any, Acquire::instead_of);
            let lease = session.ask(acquire).await;
            let lease = lease.map_err(|error| Trouble::retry(error.to_string(), None))?;
            let lease = lease.map_err(login_trouble)?;
            last.borrow_mut().replace(lease.clone());
            Ok(lease)
        }
        .boxed_local()
    }

    fn dial(&self, session: &Self::Session) -> DialRequest {
        self.wire.set(session.wire);
        DialRequest {
            url: session.socket_url(),
            headers: Vec::new(),
            subprotocol: None,
            timeout: self.settings.connect_timeout,
            max_frame: MAX_FRAME,
        }
    }

    fn dial_trouble(&self, error: DialError) -> Trouble {
        match &error {
            DialError::Invalid(_) => Trouble::fatal(error),
            DialError::Refused {
                status: 401 | 403, ..
            } => Trouble::relogin(error),
            DialError::Refused { retry_after, .. } => {
                let after = *retry_after;
                Trouble::retry(error, after)
            }
            _ => Trouble::retry(error, None),
        }
    }

    fn lost(&self, lost: Lost) -> Trouble {
        self.state.lock().lost_link();
        match &lost {
            // Policy violation, and what servers use for tokens that are no longer good.
            Lost::Closed {
                code: Some((1008 | 4001 | 4401, _)),
            } => Trouble::relogin(lost),
            _ => Trouble::retry(lost, None),
        }
    }

    fn join(
        &mut self,
        session: &Self::Session,
    ) -> LocalBoxFuture<'static, Result<Vec<Request>, Trouble>> {
        self.raw = RawAnswers::default();
        self.calls = ApiCalls::default();
        self.rejoining.clear();
        self.me = session.user_id.clone();
        let (api, state) = (Api::new(&self.http, session), Arc::clone(&self.state));
        let mut wants_baseline = self.catches_up(session);
        {
            let known = &mut *state.lock();
            known.me = session.user_id.clone();
            known.wire = Some(session.wire);
            wants_baseline &= known.baseline_at.is_none();
        }
        async move {
            let (clans, direct) = join(api.clans(), api.direct_channels()).await;
            let clans = clans.map_err(trouble)?;
            match direct {
                Ok(channels) => {
                    let known = &mut *state.lock();
                    known.caches.learn_direct(&channels);
                    for channel in channels.iter().filter(|_| wants_baseline) {
                        known.baseline(0, channel);
                    }
                }
                Err(error) if error.is_unauthorized() || wants_baseline => {
                    return Err(trouble(error));
                }
                Err(error) => tracing::warn!(%error, "the direct conversations are not known"),
            }
            if wants_baseline {
                let ids = clans.iter().map(|clan| clan.clan_id).collect();
                catch_up::baseline(api, ids, Arc::clone(&state)).await?;
                state.lock().baseline_at = Some(clock::unix_seconds());
            }
            Ok(joins(&state, &clans))
        }
        .boxed_local()
    }

    fn heartbeat(&self) -> Request {
        Request::ping()
    }

    fn encode(&mut self, correlation: u32, request: &Request) -> Result<Frame, RequestError> {
        let cid = match request.is_api() {
            true => self
                .calls
                .begin(correlation, self.settings.request_timeout)?
                .into(),
            false => i32::try_from(correlation).unwrap_or_default(),
        };
        let frame = request.encode(self.wire(), cid)?;
        match &request.message {
            Message::ChannelJoin(join) => {
                if request.is_optional {
                    self.rejoining.insert(correlation, join.channel_id);
                }
                let joined = &mut self.state.lock().joined;
                if request.is_lasting && joined.len() < JOINED {
                    joined.insert(join.channel_id, **join);
                }
            }
            Message::ChannelLeave(leave) => {
                self.state.lock().joined.remove(&leave.channel_id);
            }
            _ => {}
        }
        Ok(Frame::Binary(frame))
    }

    fn class(&self, frame: &Frame) -> Class {
        codec::class(self.wire(), frame)
    }

    fn receive(&mut self, frame: Frame, reception: &mut Receiving) {
        let Frame::Binary(bytes) = frame else { return };
        if RawAnswers::is_part(&bytes) {
            return self.raw_part(&bytes, reception);
        }
        let wire = self.wire();
        let read = mezon::route(wire, &bytes).and_then(|route| match route.cid {
            0 if route.split => {
                let envelope: realtime::Envelope = mezon::decode(wire, bytes.clone())?;
                let whole = Bytes::from(mezon::encode(Wire::V2, &envelope));
                let route = mezon::route(Wire::V2, &whole)?;
                self.event(Wire::V2, route.tag, (&whole, route.body), reception)
            }
            0 => self.event(wire, route.tag, (&bytes, route.body), reception),
            cid => {
                self.answered(cid.unsigned_abs(), &bytes, reception);
                Ok(())
            }
        });
        if let Err(error) = read {
            reception.malformed(error, &bytes);
        }
    }

    fn catch_up(
        &mut self,
        session: &Self::Session,
        _: Duration,
    ) -> LocalBoxFuture<'static, Result<Vec<Self::Missed>, Trouble>> {
        if !self.catches_up(session) {
            return async { Ok(Vec::new()) }.boxed_local();
        }
        let (api, state) = (Api::new(&self.http, session), Arc::clone(&self.state));
        async move {
            let mut missed = catch_up::missed(api, Arc::clone(&state)).await?;
            state.lock().begin_replay(&mut missed);
            Ok(missed)
        }
        .boxed_local()
    }

    fn has_more_missed(&self) -> bool {
        !self.state.lock().unfetched.is_empty()
    }

    fn replay(&mut self, missed: Self::Missed, reception: &mut Receiving) {
        let body = Bytes::from(mezon::encode(Wire::V2, &missed));
        let message_id = missed.message_id;
        if let Err(error) = self.event(Wire::V2, MESSAGE, (&body, 0..body.len()), reception) {
            tracing::warn!(%error, "a missed message cannot be read");
        }
        self.state.lock().replayed(message_id);
    }

    fn confirm(&self, request: &Request, missed: &[Self::Missed]) -> Confirmation<Answer> {
        self.became_of(request, missed)
    }
}

/// Learns the clans and says what to join: all of them, the one of the direct conversations, and what was joined by hand.
fn joins(state: &State, clans: &[api::ClanDesc]) -> Vec<Request> {
    let known = &mut *state.lock();
    for clan in clans {
        known.caches.clans.set(clan.clan_id, clan.into());
    }
    let direct = Clan {
        id: 0,
        name: "DM".to_owned(),
        welcome_channel_id: 0,
    };
    known.caches.clans.set(0, direct);
    let ids = clans.iter().map(|clan| clan.clan_id).filter(|id| *id != 0);
    let join = |clan_id| {
        Request::from(realtime::ClanJoin {
            clan_id,
            ..Default::default()
        })
    };
    let again = known.joined.values().cloned();
    let again = again.map(|join| Request::from(join).optional());
    ids.chain([0]).map(join).chain(again).collect()
}

fn login_trouble(error: AuthError) -> Trouble {
    match error.retry() {
        Retry::Never => Trouble::fatal(error),
        Retry::Now => Trouble::retry(error, None),
        Retry::After(wait) => Trouble::retry(error, Some(wait)),
    }
}

/// The most channels that are joined again one by one.
const JOINED: usize = 1_000;
