//! The Centrifugo line: commands in, replies and pushes out, several JSON objects in one message.

use std::time::Duration;

use greenroom_actors::clock::Instant;
use serde_json::{Map, Value, json};

use super::channels::{Channel, Channels, Position, ROOM};
use super::ids::Id;
use super::sockets::Due;
use super::tokens::{Invalid, Tokens};
use super::world::{UserNo, World};
use crate::simulator::Now;

/// The client at the other end.
#[derive(Debug)]
pub(super) enum Client {
    /// It has not said who it is.
    Unknown {
        /// When it is given up.
        until: Instant,
    },
    /// It has.
    Known(Known),
}

/// A client that has logged in.
#[derive(Debug)]
pub(super) struct Known {
    user: UserNo,
    /// The channels that it hears, with the names under which it knows them.
    pub(super) channels: Vec<(Channel, String)>,
    /// When its token ends.
    expires: Instant,
    /// Until when it has to answer a ping.
    pong_until: Option<Instant>,
}

/// What a client gets for a message.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Replies(Vec<Value>),
    /// Replies to what was good, then the end.
    Close(Vec<Value>, Ending),
}

/// Why a connection is closed: a code and its text.
pub(super) type Ending = (u16, &'static str);

pub(super) const SHUTDOWN: Ending = (3_001, "shutdown");
pub(super) const EXPIRED: Ending = (3_005, "connection expired");
pub(super) const NO_PONG: Ending = (3_012, "no pong");
pub(super) const INVALID_TOKEN: Ending = (3_500, "invalid token");
const BAD_REQUEST: Ending = (3_501, "bad request");
pub(super) const STALE: Ending = (3_502, "stale");
pub(super) const FORCED: Ending = (3_503, "force disconnect");

/// Between two pings, and until their answer.
pub(super) const PING: Duration = Duration::from_secs(25);
pub(super) const PONG: Duration = Duration::from_secs(8);
/// How long nobody may log in.
const LOGIN: Duration = Duration::from_secs(25);

/// What a command needs of the server.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) world: &'a World,
    pub(super) tokens: &'a Tokens,
    pub(super) channels: &'a mut Channels,
    pub(super) id: Id,
    pub(super) now: Now,
}

enum Refused {
    Error(u16, &'static str),
    End(Ending),
}

impl Client {
    /// Begins with nobody known.
    pub(super) fn new(now: Instant) -> Self {
        Self::Unknown { until: now + LOGIN }
    }

    pub(super) fn user(&self) -> Option<UserNo> {
        match self {
            Self::Unknown { .. } => None,
            Self::Known(known) => Some(known.user),
        }
    }

    /// Returns the name under which the client hears a channel, if it does.
    pub(super) fn hears(&self, channel: Channel) -> Option<&str> {
        let Self::Known(known) = self else {
            return None;
        };
        let mut channels = known.channels.iter();
        channels
            .find(|(heard, _)| *heard == channel)
            .map(|(_, name)| name.as_str())
    }

    /// Returns what is due next.
    pub(super) fn due(&self, ping_at: Instant) -> (Instant, Due) {
        match self {
            Self::Unknown { until } => (*until, Due::Stale),
            Self::Known(known) => {
                let expiry = (known.expires, Due::Expiry);
                let next = match known.pong_until {
                    Some(until) => (until, Due::NoPong),
                    None => (ping_at, Due::Ping),
                };
                if next.0 < expiry.0 { next } else { expiry }
            }
        }
    }

    /// A ping has left.
    pub(super) fn pinged(&mut self, now: Instant) {
        if let Self::Known(known) = self {
            known.pong_until = Some(now + PONG);
        }
    }

    /// Takes in a message, which may hold several commands.
    pub(super) fn receive(&mut self, node: &mut Node<'_>, text: &str) -> Verdict {
        let mut replies = Vec::new();
        for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
            let Ok(Value::Object(command)) = serde_json::from_str(line) else {
                return Verdict::Close(replies, BAD_REQUEST);
            };
            if command.is_empty() {
                if let Self::Known(known) = self {
                    known.pong_until = None;
                    continue;
                }
                return Verdict::Close(replies, BAD_REQUEST);
            }
            let id = command.get("id").and_then(Value::as_u64).unwrap_or(0);
            if id == 0 && !command.contains_key("send") {
                return Verdict::Close(replies, BAD_REQUEST);
            }
            match self.command(node, &command) {
                Ok(None) => {}
                Ok(Some((name, result))) => replies.push(json!({"id": id, name: result})),
                Err(Refused::Error(code, message)) => {
                    replies.push(json!({"id": id, "error": {"code": code, "message": message}}));
                }
                Err(Refused::End(ending)) => return Verdict::Close(replies, ending),
            }
        }
        Verdict::Replies(replies)
    }

    fn command(
        &mut self,
        node: &mut Node<'_>,
        command: &Map<String, Value>,
    ) -> Result<Option<(&'static str, Value)>, Refused> {
        const DENIED: [&str; 4] = ["history", "presence", "presence_stats", "publish"];
        let known = match self {
            Self::Known(known) => known,
            Self::Unknown { .. } => {
                let connect = command.get("connect");
                let connect = connect.ok_or(Refused::End(BAD_REQUEST))?;
                let (known, reply) = node.connect(connect)?;
                *self = Self::Known(known);
                return Ok(Some(("connect", reply)));
            }
        };
        if let Some(request) = command.get("subscribe") {
            return Ok(Some(("subscribe", node.subscribe(known, request)?)));
        }
        if let Some(request) = command.get("unsubscribe") {
            let name = request["channel"].as_str().unwrap_or_default();
            known.channels.retain(|(_, heard)| heard != name);
            return Ok(Some(("unsubscribe", json!({}))));
        }
        if let Some(request) = command.get("refresh") {
            return Ok(Some(("refresh", node.refresh(known, request)?)));
        }
        if command.contains_key("send") {
            return Ok(None);
        }
        if DENIED.iter().any(|name| command.contains_key(*name)) {
            return Err(Refused::Error(103, "permission denied"));
        }
        if command.contains_key("rpc") {
            return Err(Refused::Error(104, "method not found"));
        }
        Err(Refused::End(BAD_REQUEST))
    }
}

impl Node<'_> {
    fn check(&self, request: &Value) -> Result<(UserNo, String, Duration), Refused> {
        let token = request["token"].as_str().unwrap_or_default();
        let (claims, left) = match self.tokens.check(token, self.now.unix) {
            Ok(found) => found,
            Err(Invalid::Expired) => return Err(Refused::Error(109, "token expired")),
            Err(Invalid::Unknown) => return Err(Refused::End(INVALID_TOKEN)),
        };
        let user = self.world.named(&claims.sub);
        let user = user.ok_or(Refused::End(INVALID_TOKEN))?;
        Ok((user.no, claims.sub, Duration::from_secs(left)))
    }

    fn connect(&mut self, request: &Value) -> Result<(Known, Value), Refused> {
        let (user, name, left) = self.check(request)?;
        let channels = vec![
            (Channel::Room, ROOM.to_owned()),
            (Channel::User(user), format!("user:{name}")),
        ];
        let mut subscriptions = Map::new();
        for (channel, name) in &channels {
            let recover = position(request["subs"].get(name));
            let found = self
                .channels
                .subscription(self.now.at, *channel, recover.as_ref());
            subscriptions.insert(name.clone(), found);
        }
        let reply = json!({
            "client": self.id.to_string(),
            "version": "0.0.0 OSS",
            "ping": PING.as_secs(),
            "pong": true,
            "subs": subscriptions,
        });
        let known = Known {
            user,
            channels,
            expires: self.now.at + left,
            pong_until: None,
        };
        Ok((known, reply))
    }

    fn subscribe(&mut self, known: &mut Known, request: &Value) -> Result<Value, Refused> {
        let name = request["channel"].as_str().unwrap_or_default();
        if name.is_empty() {
            return Err(Refused::End(BAD_REQUEST));
        }
        if known.channels.iter().any(|(_, heard)| heard == name) {
            return Err(Refused::Error(105, "already subscribed"));
        }
        let user = self.world.user(known.user);
        let own = user.map(|user| format!("user:{}", user.name));
        let channel = match name {
            ROOM => Channel::Room,
            _ if own.as_deref() == Some(name) => Channel::User(known.user),
            _ if name.starts_with("room:") || name.starts_with("user:") => {
                return Err(Refused::Error(103, "permission denied"));
            }
            _ => return Err(Refused::Error(102, "unknown channel")),
        };
        known.channels.push((channel, name.to_owned()));
        let recover = position(Some(request));
        Ok(self
            .channels
            .subscription(self.now.at, channel, recover.as_ref()))
    }

    fn refresh(&mut self, known: &mut Known, request: &Value) -> Result<Value, Refused> {
        let (user, _, left) = self.check(request)?;
        if user != known.user {
            return Err(Refused::End(INVALID_TOKEN));
        }
        known.expires = self.now.at + left;
        Ok(json!({
            "client": self.id.to_string(),
            "version": "0.0.0 OSS",
            "expires": true,
            "ttl": left.as_secs(),
        }))
    }
}

/// Reads where a client wants to go on from.
fn position(request: Option<&Value>) -> Option<Position> {
    let request = request.filter(|request| request["recover"] == true)?;
    Some(Position {
        epoch: request["epoch"].as_str().unwrap_or_default().to_owned(),
        offset: request["offset"].as_u64().unwrap_or(0),
    })
}

/// Makes a push of a publication; what is not stored has no number.
pub(super) fn push(channel: &str, data: &Value, offset: Option<u64>) -> Value {
    let mut publication = json!({"data": data});
    if let Some(offset) = offset {
        publication["offset"] = offset.into();
    }
    json!({"push": {"channel": channel, "pub": publication}})
}
