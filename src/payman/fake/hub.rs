//! The platform as a whole: requests in, answers and events out.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::connection::Frame;
use serde_json::{Map, Value, json};

use super::agent::{self, Speech, status};
use super::oauth;
use super::rpc::{Call, Method, answer, failure};
use super::world::World;
use crate::simulator::{
    Body, FaultKind, Host, Now, Out, Refusal, Request, Response, SocketId, TokenFault,
};

/// The simulated Payman.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) world: World,
    /// Streams that stay open, with the calls that have opened them.
    pub(super) held: BTreeMap<SocketId, Call>,
    /// What streams get first, until they do.
    first: BTreeMap<SocketId, (Vec<Value>, bool)>,
    asks: u64,
}

impl Hub {
    pub(super) fn new(world: World) -> Self {
        Self {
            world,
            held: BTreeMap::new(),
            first: BTreeMap::new(),
            asks: 0,
        }
    }

    fn failure(&self, status: u16, code: &str, text: &str) -> Response {
        failure(status, code, text, &self.world.new_id("tr-"))
    }

    /// Checks what comes before the body of a request to a tasks endpoint.
    fn admit(&self, now: Now, request: &Request) -> Result<Method, Response> {
        let method = Method::at(request.path()).ok_or_else(|| self.not_found())?;
        if request.method != "POST" {
            return Err(self.not_allowed());
        }
        match self
            .world
            .accepts(request.header("x-payman-access-token"), now.at)
        {
            true => Ok(method),
            false => {
                let text = "the access token is missing, unknown or has expired";
                Err(self.failure(401, "not_authorized", text))
            }
        }
    }

    fn not_found(&self) -> Response {
        self.failure(404, "entity_not_found", "there is nothing at this path")
    }

    fn not_allowed(&self) -> Response {
        let mut response = self.failure(405, "not_allowed", "this takes POST");
        response.headers.push(("allow".into(), "POST".into()));
        response
    }

    /// Keeps what became of a task, for those who ask later.
    fn keep(&mut self, call: &Call, plain: &Value) {
        if let Some(task) = plain.get("result").filter(|task| task.is_object()) {
            self.world.tasks.insert(call.task.clone(), task.clone());
        }
    }

    fn get(&self, call: &Call) -> Value {
        match self.world.tasks.get(&call.task) {
            Some(task) => call.result(task),
            None => call.error(-32001, "Task not found"),
        }
    }

    fn cancel(&mut self, call: &Call) -> (Value, Vec<Out>) {
        let Some(task) = self.world.tasks.get_mut(&call.task) else {
            return (call.error(-32001, "Task not found"), Vec::new());
        };
        let state = task["status"]["state"]
            .as_str()
            .unwrap_or_default()
            .to_lowercase();
        if matches!(
            state.as_str(),
            "completed" | "failed" | "canceled" | "cancelled"
        ) {
            return (call.error(-32002, "Task cannot be canceled"), Vec::new());
        }
        let canceled = status("canceled", Some("canceled"));
        task["status"] = canceled.clone();
        let task = call.result(task);
        let held = self.held.iter().find(|(_, held)| held.task == call.task);
        let held = held.map(|(stream, call)| (*stream, call.clone()));
        let mut outs = Vec::new();
        if let Some((stream, held)) = held {
            let update = Speech { call: &held }.status_update(&canceled, true);
            outs.extend(self.say(&[stream], &|_| update.clone(), true));
        }
        (task, outs)
    }

    /// Makes the events for streams, and ends these if that is the last one.
    pub(super) fn say(
        &mut self,
        streams: &[SocketId],
        event: &dyn Fn(&Call) -> Value,
        is_last: bool,
    ) -> Vec<Out> {
        let mut outs = Vec::new();
        for stream in streams {
            let Some(call) = self.held.get(stream) else {
                continue;
            };
            outs.push(Out::Event(vec![(*stream, frame(&event(call)))]));
            if is_last {
                self.held.remove(stream);
                outs.push(Out::Event(vec![(*stream, Frame::Close(None))]));
            }
        }
        outs
    }
}

impl Host for Hub {
    fn faults(&self) -> &'static [FaultKind] {
        &[
            FaultKind::Delay,
            FaultKind::Disconnect,
            FaultKind::Expire,
            FaultKind::Garbage,
            FaultKind::Http,
            FaultKind::Maintenance,
            FaultKind::Refuse,
            FaultKind::Revoke,
            FaultKind::Skew,
            FaultKind::Stall,
            FaultKind::Truncate,
        ]
    }

    fn is_login(&self, request: &Request) -> bool {
        request.path() == TOKEN
    }

    fn is_stream(&self, request: &Request) -> bool {
        request.method == "POST" && Method::at(request.path()) == Some(Method::Subscribe)
    }

    fn late(&self, request: &Request) -> Duration {
        let method = Method::at(request.path()).filter(|_| request.method == "POST");
        let call = method.and_then(|method| Call::read(method, &request.body).ok());
        call.map_or(Duration::ZERO, |call| agent::thinks(&call.prompt))
    }

    fn call(&mut self, now: Now, request: &Request) -> (Response, Vec<Out>) {
        if request.path() == TOKEN {
            let response = match request.method.as_str() {
                "POST" => oauth::token(&mut self.world, now, request),
                _ => self.not_allowed(),
            };
            return (response, Vec::new());
        }
        let read = self.admit(now, request).and_then(|method| {
            let call = Call::read(method, &request.body)?;
            Ok((method, call))
        });
        let (method, call) = match read {
            Ok(read) => read,
            Err(refused) => return (refused, Vec::new()),
        };
        let (body, outs) = match method {
            Method::Cancel => self.cancel(&call),
            Method::Get => (self.get(&call), Vec::new()),
            Method::Send | Method::Subscribe => {
                self.asks += 1;
                let turn = agent::answer(&mut self.world, &call);
                self.keep(&call, &turn.plain);
                (turn.plain, Vec::new())
            }
        };
        (answer(200, &body), outs)
    }

    fn open(&mut self, now: Now, request: &Request, socket: SocketId) -> Result<(), Response> {
        let method = self.admit(now, request)?;
        let call = Call::read(method, &request.body)?;
        self.asks += 1;
        let turn = agent::answer(&mut self.world, &call);
        self.keep(&call, &turn.plain);
        self.first.insert(socket, (turn.pieces, turn.is_held));
        if turn.is_held {
            self.held.insert(socket, call);
        }
        Ok(())
    }

    fn opened(&mut self, _: Now, socket: SocketId) -> Vec<Out> {
        let (pieces, is_held) = self.first.remove(&socket).unwrap_or_default();
        let frames = pieces.iter().map(frame);
        let end = (!is_held).then_some(Frame::Close(None));
        frames
            .chain(end)
            .map(|frame| Out::Event(vec![(socket, frame)]))
            .collect()
    }

    fn receive(&mut self, _: Now, _: SocketId, _: &Frame) -> Vec<Out> {
        Vec::new()
    }

    fn close(&mut self, socket: SocketId) {
        self.held.remove(&socket);
        self.first.remove(&socket);
    }

    fn error(&self, status: u16, text: &str) -> Response {
        let code = match status {
            401 => "not_authorized",
            403 | 405 => "not_allowed",
            404 => "entity_not_found",
            400 => "invalid_payload",
            _ => "fault",
        };
        self.failure(status, code, text)
    }

    fn injected(&self, status: u16) -> Response {
        self.failure(status, "fault", &format!("injected {status}"))
    }

    fn always_advises(&self) -> bool {
        true
    }

    fn tokens(&mut self, fault: TokenFault) {
        match fault {
            TokenFault::Expire => self.world.expire(Now::read().at),
            TokenFault::Revoke => self.world.revoke(true),
            TokenFault::Skew(seconds) => self.world.skew = seconds,
        }
    }

    fn garbage(&self, _: SocketId, _: u64) -> Frame {
        Frame::Text(Bytes::from_static(b"data: not json {\n\n"))
    }

    fn show(&self, _: SocketId, frame: &Frame) -> Body {
        match frame {
            Frame::Text(bytes) => Body::Frame {
                bytes: bytes.clone(),
                show,
            },
            _ => Body::Frame {
                bytes: Bytes::new(),
                show: |_| Value::Null,
            },
        }
    }

    fn emit(&mut self, _: Now, body: Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        super::control::emit(self, &body)
    }

    fn say(&mut self, _: Now, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        super::control::say(self, body)
    }

    fn health(&self) -> Map<String, Value> {
        let figures = json!({
            "asks": self.asks,
            "held": self.held.len(),
            "replies": self.world.replies.len(),
            "tasks": self.world.tasks.len(),
        });
        figures.as_object().cloned().unwrap_or_default()
    }
}

/// Puts an event on the wire.
pub(super) fn frame(event: &Value) -> Frame {
    Frame::Text(format!("data: {event}\n\n").into())
}

/// Shows the data of an event.
fn show(bytes: &Bytes) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let data = text.trim().strip_prefix("data: ").unwrap_or(&text);
    serde_json::from_str(data).unwrap_or_else(|_| data.into())
}

const TOKEN: &str = "/api/oauth2/token";
