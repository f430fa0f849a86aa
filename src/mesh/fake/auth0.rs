//! The tenant as a whole: requests in, answers out.

use greenroom_actors::connection::Frame;
use serde_json::{Map, Value};

use super::answer::{failure, nothing, refusal};
use super::identity::Shared;
use super::routes::Routes;
use super::{FAULTS, control, oauth};
use crate::simulator::{
    Body, FaultKind, Host, Now, Out, Refusal, Request, Response, SocketId, TokenFault,
};

/// The simulated tenant.
#[derive(Debug)]
pub(super) struct Auth0 {
    pub(super) identity: Shared,
    pub(super) routes: Routes,
    logins: u64,
}

impl Auth0 {
    pub(super) fn new(identity: Shared) -> Self {
        Self {
            identity,
            routes: Routes::default(),
            logins: 0,
        }
    }
}

impl Host for Auth0 {
    fn faults(&self) -> &'static [FaultKind] {
        FAULTS
    }

    fn meets_one_fault(&self) -> bool {
        true
    }

    fn stalls_for_good(&self) -> bool {
        true
    }

    fn is_login(&self, request: &Request) -> bool {
        matches!(request.path(), TOKEN | DEVICE)
    }

    fn call(&mut self, now: Now, request: &Request) -> (Response, Vec<Out>) {
        if let Some(missing) = self.routes.refuse(request) {
            return (missing, Vec::new());
        }
        let identity = &mut *self.identity.lock();
        let response = match (request.method.as_str(), request.path()) {
            ("POST", DEVICE) => oauth::device(identity, now, request),
            ("POST", TOKEN) => oauth::token(identity, now, request),
            ("GET", "/authorize") => oauth::authorize(identity, now, request),
            ("GET", "/activate") => oauth::activate(identity, request),
            ("GET" | "POST", "/userinfo") => oauth::userinfo(identity, now, request),
            (method, path) => nothing(404, method, path),
        };
        if request.path() == TOKEN && response.status == 200 {
            self.logins += 1;
        }
        (response, Vec::new())
    }

    fn open(&mut self, _: Now, _: &Request, _: SocketId) -> Result<(), Response> {
        Err(self.error(404, "there are no streams"))
    }

    fn receive(&mut self, _: Now, _: SocketId, _: &Frame) -> Vec<Out> {
        Vec::new()
    }

    fn close(&mut self, _: SocketId) {}

    fn error(&self, status: u16, text: &str) -> Response {
        let code = match status {
            400..=403 => "access_denied",
            404 => "not_found",
            429 => "too_many_requests",
            _ => "server_error",
        };
        refusal(status, code, text)
    }

    fn injected(&self, status: u16) -> Response {
        failure(status, &format!("injected {status}"))
    }

    fn tokens(&mut self, fault: TokenFault) {
        self.identity.lock().suffer(fault);
    }

    fn garbage(&self, _: SocketId, _: u64) -> Frame {
        Frame::Close(None)
    }

    fn show(&self, _: SocketId, _: &Frame) -> Body {
        control::no_frame()
    }

    fn emit(&mut self, _: Now, body: Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        control::emit_at_tenant(self, body)
    }

    fn say(&mut self, _: Now, _: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        Err(Refusal::bad("say: nobody speaks here, try /mesh/say"))
    }

    fn health(&self) -> Map<String, Value> {
        Map::from_iter([("logins".to_owned(), self.logins.into())])
    }
}

const DEVICE: &str = "/oauth/device/code";
const TOKEN: &str = "/oauth/token";
