//! The whole server without its network: requests and messages in, responses and messages out. Pure.

use bytes::Bytes;
use greenroom_actors::clock::Instant;
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value, json};

use super::centrifugo::{Client, EXPIRED, Ending, FORCED, NO_PONG, Node, SHUTDOWN, STALE, Verdict};
use super::channels::Channels;
use super::defaults::Settings;
use super::failure::{Failure, json_response};
use super::ids::Id;
use super::plain::Desk;
use super::query::Query;
use super::rest::Rest;
use super::sockets::{Due, Line, Socket, Sockets};
use super::tokens::Tokens;
use super::world::{UserNo, World};
use crate::simulator::{
    Body, FaultKind, Host, Now, Out, Refusal, Request, Response, SocketId, Spoken, TokenFault,
};

/// Where the plain line and the Centrifugo line are opened.
const PLAIN: &str = "/ws";
const CENTRIFUGO: &str = "/connection/websocket";
const CONNECTION_TOKEN: &str = "/centrifugo/connection-token";

/// The server.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) world: World,
    pub(super) tokens: Tokens,
    pub(super) sockets: Sockets,
    pub(super) channels: Channels,
    ws_url: String,
    /// The status with which the plain line refuses a key.
    refusal: u16,
    /// The paths that are not there.
    absent: Vec<&'static str>,
    /// What was said since somebody asked last.
    pub(super) spoken: Vec<Spoken>,
}

impl Hub {
    /// Makes a server of a world that is reached at `url`, e.g. `http://127.0.0.1:4001`.
    pub(super) fn new(world: World, settings: &Settings, url: &str, entropy: &Entropy) -> Self {
        let url = settings.public_url.as_deref().unwrap_or(url);
        let url = url.trim_end_matches('/');
        let ws_url = match url.strip_prefix("http") {
            Some(rest) => format!("ws{rest}"),
            None => url.to_owned(),
        };
        Self {
            world,
            tokens: Tokens::new(entropy.derive("tokens")),
            sockets: Sockets::new(settings.pace),
            channels: Channels::new(entropy.derive("channels")),
            ws_url,
            refusal: settings.handshake_status,
            absent: [
                (PLAIN, settings.plain_line),
                (CENTRIFUGO, settings.centrifugo_line),
                (CONNECTION_TOKEN, settings.centrifugo_line),
            ]
            .into_iter()
            .filter_map(|(path, is_there)| (!is_there).then_some(path))
            .collect(),
            spoken: Vec::new(),
        }
    }

    fn plain(&mut self, now: Now, socket: SocketId, user: UserNo, text: &[u8]) -> Vec<Out> {
        let mut desk = Desk {
            world: &mut self.world,
            sockets: &self.sockets,
            now,
            user,
            events: Vec::new(),
        };
        let answer = desk.receive(text);
        let events = desk.events;
        let mut outs = self.tell(now, events);
        if let Some(answer) = answer {
            let frame = text_frame(&answer);
            outs.push(Out::Answer { socket, frame });
        }
        outs
    }

    fn centrifugo(&mut self, now: Now, socket: SocketId, text: &str) -> Vec<Out> {
        let Some(Socket { line, id, pong, .. }) = self.sockets.open.get_mut(&socket) else {
            return Vec::new();
        };
        let Line::Centrifugo(client) = line else {
            return Vec::new();
        };
        if text.trim() == "{}" {
            *pong = now;
        }
        let mut node = Node {
            world: &self.world,
            tokens: &self.tokens,
            channels: &mut self.channels,
            id: *id,
            now,
        };
        let (replies, ending) = match client.receive(&mut node, text) {
            Verdict::Replies(replies) => (replies, None),
            Verdict::Close(replies, ending) => (replies, Some(ending)),
        };
        // the replies to one message leave in one
        let lines: Vec<String> = replies.iter().map(Value::to_string).collect();
        let answer = (!lines.is_empty()).then(|| Out::Answer {
            socket,
            frame: Frame::Text(lines.join("\n").into()),
        });
        let ending = ending.map(|ending| closing(socket, ending));
        answer.into_iter().chain(ending).collect()
    }

    fn do_due(&mut self, now: Now, socket: SocketId, due: Due) -> Option<Out> {
        let open = self.sockets.open.get_mut(&socket)?;
        let frame = match due {
            Due::Silence => return Some(Out::Cut(socket)),
            Due::NoPong => return Some(closing(socket, NO_PONG)),
            Due::Stale => return Some(closing(socket, STALE)),
            Due::Expiry => return Some(closing(socket, EXPIRED)),
            Due::Ping => match &mut open.line {
                Line::Plain(_) => {
                    open.ping_at = now.at + self.sockets.pace.ping;
                    let date = self.world.moment(now).to_string();
                    text_frame(&json!({"type": "ping", "timestamp": date}))
                }
                Line::Centrifugo(client) => {
                    open.ping_at = now.at + super::centrifugo::PING;
                    client.pinged(now.at);
                    Frame::Text(Bytes::from_static(b"{}"))
                }
            },
        };
        Some(Out::Answer { socket, frame })
    }

    /// Says who opens a plain websocket.
    fn greet(&self, request: &Request) -> Option<UserNo> {
        let query = Query::of(request);
        match query.text("api_key").filter(|key| !key.is_empty()) {
            Some(key) => self.world.of_key(key),
            None => self.world.authenticate(request),
        }
    }
}

impl Host for Hub {
    fn socket_paths(&self) -> &'static [&'static str] {
        &[PLAIN, CENTRIFUGO]
    }

    fn drawn_faults(&self) -> &'static [FaultKind] {
        &DRAWN
    }

    fn is_login(&self, request: &Request) -> bool {
        let logins = [PLAIN, "/auth/magic-link/authenticate", CONNECTION_TOKEN];
        logins.contains(&request.path())
    }

    fn call(&mut self, now: Now, request: &Request) -> (Response, Vec<Out>) {
        if self.absent.contains(&request.path()) {
            return (self.error(404, "Not Found"), Vec::new());
        }
        let mut rest = Rest {
            world: &mut self.world,
            sockets: &self.sockets,
            tokens: &self.tokens,
            ws_url: &self.ws_url,
            now,
            events: Vec::new(),
        };
        let response = rest.answer(request);
        let events = rest.events;
        let outs = self.tell(now, events);
        (response, outs)
    }

    fn open(&mut self, now: Now, request: &Request, socket: SocketId) -> Result<(), Response> {
        if self.absent.contains(&request.path()) {
            return Err(self.error(404, "Not Found"));
        }
        let (line, ping) = match request.path() {
            PLAIN => match self.greet(request) {
                Some(user) => (Line::Plain(user), self.sockets.pace.ping),
                None => {
                    return Err(match self.refusal {
                        401 => Failure::unauthorized().response(),
                        // as the public server does
                        status => Response {
                            status,
                            ..Response::default()
                        },
                    });
                }
            },
            _ => (
                Line::Centrifugo(Client::new(now.at)),
                super::centrifugo::PING,
            ),
        };
        let socket_of = Socket {
            id: Id::draw(&self.world.entropy),
            line,
            heard: now,
            pong: now,
            ping_at: now.at + ping,
        };
        self.sockets.open.insert(socket, socket_of);
        Ok(())
    }

    fn receive(&mut self, now: Now, socket: SocketId, frame: &Frame) -> Vec<Out> {
        let (Frame::Text(bytes) | Frame::Binary(bytes)) = frame else {
            return Vec::new();
        };
        self.heard(now, socket);
        let Some(open) = self.sockets.open.get_mut(&socket) else {
            return Vec::new();
        };
        match open.line {
            Line::Plain(user) => {
                if is_pong(bytes) {
                    open.pong = now;
                }
                self.plain(now, socket, user, bytes)
            }
            Line::Centrifugo(_) => match std::str::from_utf8(bytes) {
                Ok(text) => self.centrifugo(now, socket, text),
                Err(_) => vec![closing(socket, (3_501, "bad request"))],
            },
        }
    }

    fn heard(&mut self, now: Now, socket: SocketId) {
        if let Some(open) = self.sockets.open.get_mut(&socket) {
            open.heard = now;
        }
    }

    fn due(&self) -> Option<Instant> {
        self.sockets.due()
    }

    fn tick(&mut self, now: Now) -> Vec<Out> {
        let due = self.sockets.due_by(now.at);
        due.into_iter()
            .filter_map(|(socket, due)| self.do_due(now, socket, due))
            .collect()
    }

    fn close(&mut self, socket: SocketId) {
        self.sockets.open.remove(&socket);
    }

    fn goodbye(&self, socket: SocketId) -> (u16, &'static str) {
        match self.sockets.open.get(&socket).map(|open| &open.line) {
            Some(Line::Centrifugo(_)) => SHUTDOWN,
            _ => (1_001, ""),
        }
    }

    fn sockets_of(&self, user: &str) -> Option<Vec<SocketId>> {
        let user = self.world.named(user)?.no;
        Some(self.sockets.of_user(user))
    }

    fn stall_loses(&self) -> bool {
        false
    }

    fn delays_sockets(&self) -> bool {
        false
    }

    fn injected(&self, status: u16) -> Response {
        self.error(status, "Injected fault")
    }

    fn error(&self, status: u16, text: &str) -> Response {
        json_response(status, &json!({"detail": text}))
    }

    fn tokens(&mut self, fault: TokenFault) {
        match fault {
            TokenFault::Expire => self.tokens.expire_all(),
            TokenFault::Revoke => {
                self.tokens.revoke_all();
                self.world.sessions.clear();
            }
            TokenFault::Skew(seconds) => self.tokens.skew(seconds),
        }
    }

    fn garbage(&self, _: SocketId, salt: u64) -> Frame {
        Frame::Text(format!("{{\"garbage\": {salt:x}").into())
    }

    fn show(&self, _: SocketId, frame: &Frame) -> Body {
        let bytes = match frame {
            Frame::Text(bytes) | Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => {
                bytes.clone()
            }
            Frame::Close(_) => Bytes::new(),
        };
        Body::Frame { bytes, show }
    }

    fn emit(&mut self, now: Now, body: Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        self.emit_event(now, &body)
    }

    fn say(&mut self, now: Now, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        self.let_speak(now, body)
    }

    fn spoken(&mut self) -> Vec<Spoken> {
        std::mem::take(&mut self.spoken)
    }

    fn health(&self) -> Map<String, Value> {
        let mut figures = Map::new();
        figures.insert("messages".into(), self.world.messages.len().into());
        figures
    }
}

/// All but those that end a client of this platform for good.
const DRAWN: [FaultKind; 17] = [
    FaultKind::Clog,
    FaultKind::Close,
    FaultKind::Delay,
    FaultKind::Disconnect,
    FaultKind::Duplicate,
    FaultKind::Expire,
    FaultKind::Garbage,
    FaultKind::Http,
    FaultKind::Jitter,
    FaultKind::Lose,
    FaultKind::Maintenance,
    FaultKind::Oversize,
    FaultKind::Reorder,
    FaultKind::Skew,
    FaultKind::Slow,
    FaultKind::Stall,
    FaultKind::Truncate,
];

/// Returns what remains to be said to a user who is no more.
pub(super) fn farewell(socket: SocketId, line: &Line) -> Out {
    match line {
        Line::Plain(_) => Out::Close {
            socket,
            code: 1_008,
            reason: String::new(),
        },
        Line::Centrifugo(_) => closing(socket, FORCED),
    }
}

fn closing(socket: SocketId, (code, reason): Ending) -> Out {
    Out::Close {
        socket,
        code,
        reason: reason.to_owned(),
    }
}

/// Makes a message of JSON.
pub(super) fn text_frame(value: &Value) -> Frame {
    Frame::Text(value.to_string().into())
}

fn is_pong(text: &[u8]) -> bool {
    let value = || serde_json::from_slice::<Value>(text).ok();
    text.len() < PONG_LIMIT && value().is_some_and(|value| value["type"] == "pong")
}

/// No pong is as long.
const PONG_LIMIT: usize = 64;

/// Shows a message: its JSON, else its text.
fn show(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}
