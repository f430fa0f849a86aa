//! The open websockets of both lines: whose they are, and what is due on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use greenroom_actors::clock::Instant;
use serde_json::{Value, json};

use super::centrifugo::Client;
use super::ids::Id;
use super::world::{UserNo, World};
use crate::simulator::{Now, SocketId};
use crate::token_bowl::model::Timestamp;

/// The websockets.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) open: BTreeMap<SocketId, Socket>,
    pub(super) pace: Pace,
}

/// How a connection is kept alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two pings of the plain line.
    pub(super) ping: Duration,
    /// Without a sign of the client for so long, its connection is given up.
    pub(super) idle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(30),
            idle: Duration::from_secs(90),
        }
    }
}

/// A websocket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: Id,
    pub(super) line: Line,
    /// When the client was last heard, and when its last pong.
    pub(super) heard: Now,
    pub(super) pong: Now,
    /// When the next ping leaves.
    pub(super) ping_at: Instant,
}

/// Which of the two lines it is.
#[derive(Debug)]
pub(super) enum Line {
    Plain(UserNo),
    Centrifugo(Client),
}

/// What is due on a websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Ping,
    /// The client said nothing for too long.
    Silence,
    /// A ping of the Centrifugo line was not answered.
    NoPong,
    /// Nobody has logged in.
    Stale,
    /// The token has ended.
    Expiry,
}

impl Socket {
    /// Returns whose it is; nobody's before the login of the Centrifugo line.
    pub(super) fn user(&self) -> Option<UserNo> {
        match &self.line {
            Line::Plain(user) => Some(*user),
            Line::Centrifugo(client) => client.user(),
        }
    }

    /// Returns what is due next, and when.
    pub(super) fn due(&self, pace: Pace) -> (Instant, Due) {
        match &self.line {
            Line::Plain(_) => {
                let silence = (self.heard.at + pace.idle, Due::Silence);
                let ping = (self.ping_at, Due::Ping);
                if ping.0 < silence.0 { ping } else { silence }
            }
            Line::Centrifugo(client) => client.due(self.ping_at),
        }
    }
}

impl Sockets {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            open: BTreeMap::new(),
            pace,
        }
    }

    /// Returns when the next thing is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let moments = self.open.values().map(|socket| socket.due(self.pace).0);
        moments.min()
    }

    /// Returns what is due by now, with the websockets.
    pub(super) fn due_by(&self, now: Instant) -> Vec<(SocketId, Due)> {
        let dues = self
            .open
            .iter()
            .map(|(id, socket)| (*id, socket.due(self.pace)));
        dues.filter(|(_, (at, _))| *at <= now)
            .map(|(id, (_, due))| (id, due))
            .collect()
    }

    /// Returns the users who have a websocket.
    pub(super) fn online(&self) -> BTreeSet<UserNo> {
        self.open.values().filter_map(Socket::user).collect()
    }

    /// Returns the websockets of a user.
    pub(super) fn of_user(&self, user: UserNo) -> Vec<SocketId> {
        let all = self.open.iter();
        all.filter(|(_, socket)| socket.user() == Some(user))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Reports on the connections, for admins.
    pub(super) fn report(&self, world: &World, now: Now) -> Vec<Value> {
        let row = |socket: &Socket| {
            let user = world.user(socket.user()?)?;
            let since = |then: Now| now.at.saturating_duration_since(then.at).as_secs_f64();
            Some(json!({
                "username": user.name,
                "connection_id": socket.id.to_string(),
                "last_activity": date(socket.heard),
                "last_pong": date(socket.pong),
                "seconds_since_activity": since(socket.heard),
                "seconds_since_pong": since(socket.pong),
                "is_healthy": since(socket.heard) < self.pace.idle.as_secs_f64(),
            }))
        };
        self.open.values().filter_map(row).collect()
    }
}

fn date(now: Now) -> String {
    let micros = i64::try_from(now.unix).unwrap_or_default() * 1_000_000 + i64::from(now.micros);
    Timestamp::from_unix_micros(micros).to_string()
}
