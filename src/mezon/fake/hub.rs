//! The whole server without its network: frames and requests in, frames and responses out. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use greenroom_proto::mezon::realtime::envelope::Message as Content;
use greenroom_proto::mezon::realtime::error::Code;
use greenroom_proto::mezon::{Wire, realtime};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::agent::Streams;
use super::calls::Caller;
use super::chat::{Effect, code};
use super::defaults::Settings;
use super::failure::{Failure, limited, refused};
use super::frames::{self, Cid, Unreadable};
use super::json as shown;
use super::rate::Rates;
use super::rest::{Addresses, Request, Response, Rest};
use super::token::{Tokens, Use};
use super::world::World;
use crate::simulator::{Body, Host, Now, Out, Refusal, SocketId, Spoken, TokenFault};

/// The server.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) world: World,
    pub(super) tokens: Tokens,
    pub(super) addresses: Addresses,
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    pub(super) undecodable: u64,
    /// What was said since somebody asked last.
    spoken: Vec<Spoken>,
    pub(super) rates: Rates,
    pub(super) streams: Streams,
}

/// At most so much is remembered of what was said.
const SPOKEN: usize = 1_024;

#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) wire: Wire,
    pub(super) user: i64,
}

impl Hub {
    /// Makes a server of a world that is reached at `url`, e.g. `http://127.0.0.1:7350`.
    pub(super) fn new(world: World, settings: &Settings, url: &str, entropy: &Entropy) -> Self {
        let url = settings.public_url.as_deref().unwrap_or(url);
        let url = url.trim_end_matches('/');
        let (scheme, host) = url.split_once("://").unwrap_or(("http", url));
        let scheme = match (settings.bare_ws_url, scheme) {
            (true, _) => "",
            (false, "https") => "wss://",
            (false, _) => "ws://",
        };
        Self {
            world,
            tokens: Tokens::new(entropy),
            addresses: Addresses {
                api_url: url.to_owned(),
                ws_url: format!("{scheme}{host}"),
            },
            sockets: BTreeMap::new(),
            undecodable: 0,
            spoken: Vec::new(),
            rates: Rates::new(settings.rest_per_second, settings.socket_per_second),
            streams: Streams::default(),
        }
    }

    /// Answers a REST request.
    pub(super) fn finish(&mut self, now: Now, request: &Request) -> (Response, Vec<Out>) {
        let (response, effects) = match self.rates.call(now.at) {
            Ok(()) => self.rest(now).answer(request),
            Err(wait) => (Response::limited(wait), Vec::new()),
        };
        let mut outs = Vec::new();
        for effect in effects {
            if let Effect::Event { to, message } = effect {
                self.event(&to, &message, &mut outs);
            }
        }
        (response, outs)
    }

    /// Takes in a binary frame of a websocket.
    pub(super) fn frame(&mut self, now: Now, socket: SocketId, bytes: &Bytes) -> Vec<Out> {
        let mut outs = Vec::new();
        let Some(Socket { wire, user }) = self.sockets.get(&socket).copied() else {
            return outs;
        };
        let incoming = match frames::read(wire, bytes) {
            Ok(incoming) => incoming,
            Err(Unreadable::Id(cid, fault)) => {
                let error = refused(Code::BadInput, &fault.to_string());
                answer(socket, wire, &cid, Some(&error), &mut outs);
                return outs;
            }
            Err(Unreadable::Frame(fault)) => {
                self.undecodable += 1;
                tracing::warn!(socket, %fault, "undecodable frame");
                let error = refused(Code::UnrecognizedPayload, "Unrecognized payload");
                answer(socket, wire, &Cid::default(), Some(&error), &mut outs);
                return outs;
            }
        };
        if incoming.unknown {
            let error = refused(Code::UnrecognizedPayload, "Unrecognized payload");
            answer(socket, wire, &incoming.cid, Some(&error), &mut outs);
            return outs;
        }
        // Heartbeats are free.
        if !matches!(incoming.request, Some(Content::Ping(_)))
            && let Err(wait) = self.rates.request(socket, now.at)
        {
            let error = limited(wait);
            answer(socket, wire, &incoming.cid, Some(&error), &mut outs);
            return outs;
        }
        if let (Wire::V2, Some(Content::ApiRequestEvent(call))) = (wire, &incoming.request) {
            let caller = Caller {
                bot: user,
                socket: Some(socket),
                now: now.seconds(),
            };
            self.api_call(now, caller, socket, incoming.number, call, &mut outs);
            return outs;
        }
        for effect in self.world.receive(now.seconds(), socket, incoming.request) {
            match effect {
                Effect::Answer(message) => {
                    answer(socket, wire, &incoming.cid, message.as_ref(), &mut outs);
                }
                Effect::Event { to, message } => {
                    self.event(&to, &message, &mut outs);
                }
            }
        }
        outs
    }

    fn rest(&mut self, now: Now) -> Rest<'_> {
        Rest {
            world: &mut self.world,
            tokens: &mut self.tokens,
            addresses: &self.addresses,
            now: now.unix,
        }
    }

    fn api_call(
        &mut self,
        now: Now,
        caller: Caller,
        socket: SocketId,
        cid: i32,
        call: &realtime::ApiRequestEvent,
        outs: &mut Vec<Out>,
    ) {
        let body = call.body.clone();
        let session = self.rest(now).session_call(&call.api_name, body.clone());
        let outcome = session.unwrap_or_else(|| {
            let reply = self.world.call(caller, &call.api_name, body)?;
            for effect in reply.events {
                if let Effect::Event { to, message } = effect {
                    self.event(&to, &message, outs);
                }
            }
            Ok(reply.body)
        });
        for bytes in frames::write_raw(cid, &outcome) {
            let frame = Frame::Binary(bytes);
            outs.push(Out::Answer { socket, frame });
        }
    }

    /// Sends an event to sockets, to each on its own wire.
    pub(super) fn event(&mut self, to: &[SocketId], message: &Content, outs: &mut Vec<Out>) {
        self.listen(message);
        let mut encoded: [Option<Bytes>; 2] = [None, None];
        let frames = to.iter().filter_map(|socket| {
            let wire = self.sockets.get(socket)?.wire;
            let bytes = encoded[wire as usize]
                .get_or_insert_with(|| frames::write(wire, &Cid::default(), Some(message)));
            Some((*socket, Frame::Binary(bytes.clone())))
        });
        outs.push(Out::Event(frames.collect()));
    }

    /// Remembers what is said.
    fn listen(&mut self, message: &Content) {
        let Content::ChannelMessage(message) = message else {
            return;
        };
        if message.code == code::UPDATE
            || message.code == code::REMOVE
            || self.spoken.len() >= SPOKEN
        {
            return;
        }
        let content: Value = serde_json::from_str(&message.content).unwrap_or_default();
        let channel = self.world.channels.get(&message.channel_id);
        let label = channel.map(|channel| channel.desc.channel_label.clone());
        self.spoken.push(Spoken {
            id: message.message_id.to_string(),
            from: self.world.user(message.sender_id).username,
            is_bot: self.world.bots.contains_key(&message.sender_id),
            channel: label
                .filter(|label| !label.is_empty())
                .unwrap_or_else(|| message.channel_id.to_string()),
            text: content["t"].as_str().unwrap_or_default().to_owned(),
        });
    }
}

impl Host for Hub {
    fn socket_paths(&self) -> &'static [&'static str] {
        &["/ws"]
    }

    fn subprotocols(&self) -> &'static [&'static str] {
        &["protobuf"]
    }

    fn is_login(&self, request: &Request) -> bool {
        request.path() == "/v2/apps/authenticate/token"
    }

    fn call(&mut self, now: Now, request: &Request) -> (Response, Vec<Out>) {
        self.finish(now, request)
    }

    fn open(&mut self, now: Now, request: &Request, socket: SocketId) -> Result<(), Response> {
        let query = request.query();
        let token = query.text("token").unwrap_or("");
        let Some(claims) = self.tokens.check(token, Use::Access, now.unix) else {
            let failure = Failure::unauthenticated("Auth token invalid or expired");
            return Err(Response::failed(&failure));
        };
        let (wire, user) = (claims.wire, claims.user());
        self.sockets.insert(socket, Socket { wire, user });
        self.world.enter(socket, user);
        Ok(())
    }

    fn receive(&mut self, now: Now, socket: SocketId, frame: &Frame) -> Vec<Out> {
        match frame {
            Frame::Binary(bytes) => self.frame(now, socket, bytes),
            // The platform speaks in binary frames only, and ignores others.
            _ => Vec::new(),
        }
    }

    fn close(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.rates.forget(socket);
        self.world.leave(socket);
    }

    fn stream_path(&self) -> Option<&'static str> {
        Some("/api/sse/metadata")
    }

    fn stream(&mut self, _: Now, request: &Request) -> Result<mpsc::Receiver<Bytes>, Response> {
        self.may_listen(request)?;
        let stream = self.streams.open();
        stream.map_err(|failure| Response::failed(&failure))
    }

    fn command(
        &mut self,
        now: Now,
        name: &str,
        body: Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        match name {
            "agent" => Ok((self.streams.command(now, &body)?, Vec::new())),
            "raw" => self.raw(&body),
            other => Err(Refusal::unknown(format!(
                "unknown command \"{other}\", known are agent, chaos, emit, fault, journal, raw, say"
            ))),
        }
    }

    fn end(&mut self) {
        self.streams.end();
    }

    fn error(&self, status: u16, text: &str) -> Response {
        Response::erroneous(status, text)
    }

    fn tokens(&mut self, fault: TokenFault) {
        match fault {
            TokenFault::Expire => self.tokens.expire_all(),
            TokenFault::Revoke => self.tokens.revoke_all(),
            TokenFault::Skew(seconds) => self.tokens.skew(seconds),
        }
    }

    fn garbage(&self, _: SocketId, salt: u64) -> Frame {
        // A field whose length is longer than the frame, on either wire.
        let mut bytes = vec![0x32, 0xff, 0xff, 0xff, 0x7f];
        bytes.extend(salt.to_be_bytes());
        Frame::Binary(bytes.into())
    }

    fn show(&self, socket: SocketId, frame: &Frame) -> Body {
        let wire = self
            .sockets
            .get(&socket)
            .map_or(Wire::V2, |socket| socket.wire);
        match frame {
            Frame::Binary(bytes) => shown::frame(wire, bytes.clone()),
            Frame::Text(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => Body::Http {
                bytes: bytes.clone(),
                content_type: "text/plain".into(),
            },
            Frame::Close(_) => Body::Http {
                bytes: Bytes::new(),
                content_type: String::new(),
            },
        }
    }

    fn emit(&mut self, _: Now, body: Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        self.emit_event(body)
    }

    fn say(&mut self, now: Now, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        self.let_speak(now, body)
    }

    fn spoken(&mut self) -> Vec<Spoken> {
        std::mem::take(&mut self.spoken)
    }

    fn health(&self) -> Map<String, Value> {
        let mut figures = Map::new();
        figures.insert("undecodable_frames".into(), self.undecodable.into());
        figures
    }
}

fn answer(socket: SocketId, wire: Wire, cid: &Cid, message: Option<&Content>, outs: &mut Vec<Out>) {
    let frame = Frame::Binary(frames::write(wire, cid, message));
    outs.push(Out::Answer { socket, frame });
}
