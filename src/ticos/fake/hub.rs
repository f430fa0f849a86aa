//! Who is connected: devices that the agent has dialed, and devices that have dialed the cloud.

use std::collections::BTreeSet;

use bytes::Bytes;
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value, json};

use super::agent;
use super::cloud::{Cloud, refused};
use crate::simulator::fault::FaultKind;
use crate::simulator::{
    Body, Host, Now, Out, Refusal, Request, Response, SocketId, TokenFault, hex,
};

/// The logic of the platform.
#[derive(Debug)]
pub(super) struct Hub {
    cloud: Cloud,
    /// The agent's connections to devices.
    devices: BTreeSet<SocketId>,
    items: Entropy,
}

impl Hub {
    pub(super) fn new(cloud: Cloud, items: Entropy) -> Self {
        Self {
            cloud,
            devices: BTreeSet::new(),
            items,
        }
    }

    /// Sends one frame to every device.
    fn to_devices(&self, frame: &Frame) -> Out {
        let copies = self.devices.iter().map(|device| (*device, frame.clone()));
        Out::Event(copies.collect())
    }

    fn send(&self, object: &Value, is_binary: bool) -> (Value, Vec<Out>) {
        let bytes = Bytes::from(object.to_string());
        let frame = match is_binary {
            true => Frame::Binary(bytes),
            false => Frame::Text(bytes),
        };
        let answer = json!({"ok": true, "sent": self.devices.len()});
        (answer, vec![self.to_devices(&frame)])
    }

    fn text(&self, object: &Value) -> Out {
        self.to_devices(&Frame::Text(object.to_string().into()))
    }

    fn item(&self) -> String {
        format!("item_{:012x}", self.items.next_u64() >> 16)
    }
}

impl Host for Hub {
    fn speaks_first(&self) -> bool {
        true
    }

    fn ready_name(&self) -> Option<&'static str> {
        Some("ticos_cloud")
    }

    fn faults(&self) -> &'static [FaultKind] {
        &[
            FaultKind::Clog,
            FaultKind::Close,
            FaultKind::Delay,
            FaultKind::Disconnect,
            FaultKind::Duplicate,
            FaultKind::Garbage,
            FaultKind::Http,
            FaultKind::Jitter,
            FaultKind::Lose,
            FaultKind::Maintenance,
            FaultKind::Oversize,
            FaultKind::Reorder,
            FaultKind::Slow,
            FaultKind::Stall,
            FaultKind::Truncate,
        ]
    }

    fn socket_paths(&self) -> &'static [&'static str] {
        &["/realtime"]
    }

    fn frame_path(&self, socket: SocketId) -> Option<&'static str> {
        (!self.devices.contains(&socket)).then_some("/realtime")
    }

    fn is_login(&self, _: &Request) -> bool {
        false
    }

    fn call(&mut self, _: Now, request: &Request) -> (Response, Vec<Out>) {
        (self.cloud.answer(request), Vec::new())
    }

    fn open(&mut self, _: Now, request: &Request, _: SocketId) -> Result<(), Response> {
        self.cloud.may_open(request)
    }

    fn dialed(&mut self, socket: SocketId) {
        self.devices.insert(socket);
    }

    fn receive(&mut self, _: Now, socket: SocketId, frame: &Frame) -> Vec<Out> {
        if !self.devices.contains(&socket)
            && let Frame::Text(text) = frame
        {
            self.cloud.heard(text);
        }
        // Neither the agent nor the cloud answers what it is told.
        Vec::new()
    }

    fn close(&mut self, socket: SocketId) {
        self.devices.remove(&socket);
    }

    fn error(&self, status: u16, text: &str) -> Response {
        refused(status, text)
    }

    fn tokens(&mut self, _: TokenFault) {}

    fn garbage(&self, _: SocketId, salt: u64) -> Frame {
        Frame::Text(format!("{{\"type\": nonsense {salt:x}").into())
    }

    fn show(&self, _: SocketId, frame: &Frame) -> Body {
        match frame {
            Frame::Text(bytes) | Frame::Binary(bytes) => Body::Frame {
                bytes: bytes.clone(),
                show,
            },
            other => Body::Frame {
                bytes: Bytes::from(format!("{other:?}")),
                show,
            },
        }
    }

    fn emit(&mut self, _: Now, mut body: Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        let Some(Value::String(event)) = body.remove("event") else {
            return Err(Refusal::bad("emit: event is required, a text"));
        };
        let mut object = match body.remove("data") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(data)) => data,
            Some(_) => return Err(Refusal::bad("emit: data must be an object")),
        };
        object.insert("type".to_owned(), event.into());
        Ok(self.send(&Value::Object(object), false))
    }

    fn say(&mut self, _: Now, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        let text = |name: &str| match body.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            _ => Err(Refusal::bad(format!("say: {name} is required, a text"))),
        };
        let (from, said) = (text("from")?, text("text")?);
        let messages = match from {
            "alice" | "bob" | "user" => agent::user_turn(&self.item(), said),
            "agent" => agent::assistant_turn(&self.item(), said),
            other => {
                return Err(Refusal::bad(format!(
                    "say: unknown user \"{other}\", known are agent, alice, bob, user"
                )));
            }
        };
        let outs = messages.iter().map(|message| self.text(message)).collect();
        Ok((json!({"ok": true, "sent": self.devices.len()}), outs))
    }

    fn command_with_query(
        &mut self,
        now: Now,
        name: &str,
        query: &str,
        body: Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        if name != "send" {
            return self.command(now, name, body);
        }
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let form = pairs.find(|(name, _)| name == "as");
        let is_binary = match form.as_ref().map(|(_, form)| &**form) {
            None | Some("text") => false,
            Some("binary") => true,
            Some(other) => {
                return Err(Refusal::bad(format!(
                    "send: as is \"{other}\", known are binary, text"
                )));
            }
        };
        Ok(self.send(&Value::Object(body), is_binary))
    }

    fn command(
        &mut self,
        _: Now,
        name: &str,
        _: Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        Err(Refusal::unknown(format!(
            "unknown command \"{name}\", known are chaos, connect, emit, fault, journal, say, send"
        )))
    }

    fn health(&self) -> Map<String, Value> {
        let mut figures = Map::new();
        figures.insert("devices".to_owned(), self.devices.len().into());
        figures
    }
}

/// Shows a frame as JSON, as text, or as bytes, whatever it is.
fn show(bytes: &Bytes) -> Value {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return value;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({"hex": hex(bytes)}),
    }
}
