//! The platform's side of a socket that stands alone.

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture, ready};
use greenroom_actors::connection::{
    self, Class, DialError, DialRequest, Frame, Lost, Protocol, Reception, RequestError, Transport,
    Trouble,
};
use greenroom_proto::mezon::{self, FrameError, Wire, realtime};
use tokio::sync::oneshot;

use super::{Hooks, Timing};
use crate::mezon::auth::MezonSession;
use crate::mezon::codec::{self, Answer, Request};
use crate::mezon::event::AnyEvent;
use crate::mezon::limits::{MAX_FRAME, PER_SECOND};
use crate::platform::websocket::Websocket;

/// Who waits for the socket to be open.
pub(super) type Opened = Arc<Mutex<Option<oneshot::Sender<Result<(), String>>>>>;

/// Speaks with the platform for one session.
pub(super) struct SocketProtocol {
    session: MezonSession,
    hooks: Hooks,
    timing: Timing,
    opened: Opened,
}

impl fmt::Debug for SocketProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketProtocol")
    }
}

impl SocketProtocol {
    pub(super) fn new(session: MezonSession, hooks: Hooks, timing: Timing, opened: Opened) -> Self {
        Self {
            session,
            hooks,
            timing,
            opened,
        }
    }

    fn wire(&self) -> Wire {
        self.session.wire
    }

    fn tell_opened(&self, outcome: Result<(), String>) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = opened.take() {
            // Whoever gave up waiting does not mind.
            let _ = opened.send(outcome);
        }
    }

    fn read(
        &self,
        frame: &Bytes,
        reception: &mut Reception<Request, Answer>,
    ) -> Result<(), FrameError> {
        let wire = self.wire();
        let route = mezon::route(wire, frame)?;
        if route.cid != 0 {
            let answer = Answer::read(wire, frame.clone())?;
            reception.answer(route.cid.unsigned_abs(), answer);
            return Ok(());
        }
        let event = match route.split {
            false => AnyEvent::decode(wire, route.tag, frame.slice(route.body))?,
            true => {
                let envelope: realtime::Envelope = mezon::decode(wire, frame.clone())?;
                let whole = Bytes::from(mezon::encode(Wire::V2, &envelope));
                let route = mezon::route(Wire::V2, &whole)?;
                AnyEvent::decode(Wire::V2, route.tag, whole.slice(route.body))?
            }
        };
        reception.count_event();
        if let Some(event) = event {
            (self.hooks.event)(event);
        }
        Ok(())
    }
}

impl Protocol for SocketProtocol {
    type Session = ();
    type Request = Request;
    type Answer = Answer;
    type Missed = ();

    fn transport(&self) -> Rc<dyn Transport> {
        Rc::new(Websocket::new())
    }

    fn settings(&self) -> connection::Settings {
        connection::Settings {
            heartbeat_every: self.timing.heartbeat,
            heartbeat_limit: self.timing.heartbeat_timeout,
            request_timeout: self.timing.request,
            per_second: PER_SECOND,
            first_tries: Some(1),
            ..connection::Settings::default()
        }
    }

    fn authenticate(&self, _: bool) -> LocalBoxFuture<'static, Result<(), Trouble>> {
        ready(Ok(())).boxed_local()
    }

    fn dial(&self, (): &()) -> DialRequest {
        DialRequest {
            url: self.session.socket_url(),
            headers: Vec::new(),
            subprotocol: None,
            timeout: self.timing.connect,
            max_frame: MAX_FRAME,
        }
    }

    fn dial_trouble(&self, error: DialError) -> Trouble {
        let reason = error.to_string();
        (self.hooks.error)(&reason);
        self.tell_opened(Err(reason));
        Trouble::fatal(error)
    }

    fn lost(&self, lost: Lost) -> Trouble {
        if matches!(lost, Lost::HeartbeatMissed(_)) {
            (self.hooks.heartbeat_timeout)();
        }
        (self.hooks.disconnect)(&lost.to_string());
        Trouble::fatal(lost)
    }

    fn join(&mut self, (): &()) -> LocalBoxFuture<'static, Result<Vec<Request>, Trouble>> {
        self.tell_opened(Ok(()));
        ready(Ok(Vec::new())).boxed_local()
    }

    fn heartbeat(&self) -> Request {
        Request::ping()
    }

    fn encode(&mut self, correlation: u32, request: &Request) -> Result<Frame, RequestError> {
        if request.is_api() {
            let error = "a socket that stands alone has no calls of the API";
            return Err(RequestError::Invalid(error.to_owned()));
        }
        let cid = i32::try_from(correlation).unwrap_or_default();
        request.encode(self.wire(), cid).map(Frame::Binary)
    }

    fn class(&self, frame: &Frame) -> Class {
        codec::class(self.wire(), frame)
    }

    fn receive(&mut self, frame: Frame, reception: &mut Reception<Request, Answer>) {
        let Frame::Binary(bytes) = frame else { return };
        if let Err(error) = self.read(&bytes, reception) {
            (self.hooks.error)(&error.to_string());
            reception.malformed(error, &bytes);
        }
    }
}
