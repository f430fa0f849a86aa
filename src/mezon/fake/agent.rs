//! The stream of an agent's events (server-sent events), which bots listen to beside the websocket.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::hub::Hub;
use super::rest::{Request, Response};
use crate::mezon::fake::failure::Failure;
use crate::simulator::{Now, Refusal};

/// The open streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: Vec<mpsc::Sender<Bytes>>,
    events: u64,
}

/// The largest number of streams, and of events that one may be behind.
const STREAMS: usize = 1_000;
const BEHIND: usize = 1_024;

impl Streams {
    /// Opens a stream.
    pub(super) fn open(&mut self) -> Result<mpsc::Receiver<Bytes>, Failure> {
        self.open.retain(|stream| !stream.is_closed());
        if self.open.len() >= STREAMS {
            return Err(Failure::new(8, "too many streams"));
        }
        let (sender, receiver) = mpsc::channel(BEHIND);
        // What a proxy on the way would otherwise hold back until the first event.
        let _ = sender.try_send(Bytes::from_static(b": connected\n\n"));
        self.open.push(sender);
        Ok(receiver)
    }

    /// Carries out the command `agent`: an event for every open stream, or with `"close": true` their end.
    pub(super) fn command(
        &mut self,
        now: Now,
        body: &Map<String, Value>,
    ) -> Result<Value, Refusal> {
        if body.get("close") == Some(&Value::Bool(true)) {
            return Ok(json!({"closed": std::mem::take(&mut self.open).len()}));
        }
        let kind = body.get("event_type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| Refusal::bad("agent: event_type is required, a text"))?;
        for field in ["room", "metadata"] {
            if body.get(field).is_some_and(|value| !value.is_object()) {
                return Err(Refusal::bad(format!("agent: {field} must be an object")));
            }
        }
        self.events += 1;
        let event = json!({
            "event_id": body.get("event_id").cloned().unwrap_or_else(|| format!("sim-agent-{}", self.events).into()),
            "event_type": kind,
            "timestamp": body.get("timestamp").cloned().unwrap_or_else(|| now.unix.into()),
            "room": body.get("room").cloned().unwrap_or_else(|| json!({"room_id": "sim-room-1", "room_name": "sim-meeting-stage"})),
            "metadata": body.get("metadata").cloned().unwrap_or_else(|| json!({})),
        });
        let mut text = format!("id: {}\n", self.events);
        // writing to a string cannot fail
        let _ = write!(text, "data: {event}\n\n");
        let bytes = Bytes::from(text);
        // Who does not read is cut, as the platform does.
        self.open
            .retain(|stream| stream.try_send(bytes.clone()).is_ok());
        Ok(json!({"delivered": self.open.len()}))
    }

    /// Ends all streams.
    pub(super) fn end(&mut self) {
        self.open.clear();
    }
}

impl Hub {
    /// Says whether a request may listen: its `appid` and `token` must be those of a bot.
    pub(super) fn may_listen(&self, request: &Request) -> Result<(), Response> {
        let query = request.query();
        let id = query.text("appid").and_then(|id| id.parse().ok());
        let key = id.and_then(|id: i64| self.world.bots.get(&id));
        match key.is_some_and(|key| query.text("token") == Some(key)) {
            true => Ok(()),
            false => Err(Response::failed(&Failure::unauthenticated(
                "Invalid app id or token",
            ))),
        }
    }
}
