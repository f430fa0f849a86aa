//! What a test does to the server: events, and words of users.

use bytes::Bytes;
use greenroom_actors::connection::Frame;
use greenroom_proto::mezon::{Wire, events, realtime};
use serde_json::{Map, Value, json};

use super::chat::Effect;
use super::emit;
use super::hub::Hub;
use crate::mezon::event_name;
use crate::simulator::{Now, Out, Refusal, SocketId};

impl Hub {
    /// Pushes an event that a test wrote down to every open socket.
    pub(super) fn emit_event(
        &mut self,
        mut body: Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let event = match body.get("event") {
            Some(Value::String(event)) => event.clone(),
            _ => return Err(Refusal::bad("emit: event is required, a text")),
        };
        let Some(event) = event_name(&event) else {
            let known: Vec<_> = events().map(|(_, name)| name).collect();
            return Err(Refusal::bad(format!(
                "emit: unknown event \"{event}\"; known are {}",
                known.join(", ")
            )));
        };
        let data = match body.remove("data") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(data)) => data,
            Some(_) => return Err(Refusal::bad("emit: data must be an object")),
        };
        let frames = [Wire::V1, Wire::V2].map(|wire| emit::frame(wire, event, &data));
        let wires: Vec<(SocketId, Wire)> = self
            .sockets
            .iter()
            .map(|(id, socket)| (*id, socket.wire))
            .collect();
        if let (true, [_, Err(fault)]) = (wires.is_empty(), &frames) {
            return Err(Refusal::bad(format!("emit: {fault}")));
        }
        let mut sent = Vec::new();
        for (socket, wire) in wires {
            let frame = match wire {
                Wire::V1 => &frames[0],
                Wire::V2 => &frames[1],
            };
            match frame {
                Ok(Some(bytes)) => sent.push((socket, Frame::Binary(bytes.clone()))),
                Ok(None) => {}
                Err(fault) => return Err(Refusal::bad(format!("emit: {fault}"))),
            }
        }
        Ok((json!({"delivered": 0}), vec![Out::Event(sent)]))
    }

    /// Lets a user speak.
    pub(super) fn let_speak(
        &mut self,
        now: Now,
        body: &Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let text = |name: &str| {
            let value = body.get(name).filter(|value| !value.is_null());
            value.map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            })
        };
        let from = text("from").unwrap_or_else(|| "alice".into());
        let user = self.world.find_user(&from).map(|user| user.id);
        let user = user.ok_or_else(|| {
            let known = self.world.users.values().map(|user| user.username.as_str());
            unknown("user", &from, known)
        })?;
        let place = text("channel").unwrap_or_else(|| "general".into());
        let channel_id = self.find_channel(&place);
        let channel_id = channel_id.ok_or_else(|| {
            let channels = self.world.channels.values();
            let labels = channels.map(|channel| channel.desc.channel_label.as_str());
            unknown("channel", &place, labels.chain(["dm"]))
        })?;
        let words = text("text").ok_or_else(|| Refusal::bad("say: text is required"))?;
        let send = realtime::ChannelMessageSend {
            channel_id,
            content: json!({"t": words}).to_string(),
            mentions: rows(body, "mentions")?,
            attachments: rows(body, "attachments")?,
            references: rows(body, "references")?,
            topic_id: match text("topic_id") {
                None => 0,
                Some(id) => id
                    .parse()
                    .map_err(|_| Refusal::bad("say: topic_id is not an id"))?,
            },
            ..Default::default()
        };
        let mut outs = Vec::new();
        let Some((id, Effect::Event { to, message })) = self.world.say(now.seconds(), user, &send)
        else {
            return Err(Refusal::bad("say: nothing was said"));
        };
        self.event(&to, &message, &mut outs);
        Ok((json!({"message_id": id.to_string()}), outs))
    }

    /// Makes frames as a test wrote them down, byte for byte, for every open socket.
    pub(super) fn raw(&mut self, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        let rows = match body.get("hex") {
            Some(Value::Array(rows)) => rows.as_slice(),
            Some(one @ Value::String(_)) => std::slice::from_ref(one),
            _ => return Err(Refusal::bad("raw: hex is required, a text or a list")),
        };
        let frames: Option<Vec<Bytes>> = rows.iter().map(|row| bytes_of(row.as_str()?)).collect();
        let frames = frames.ok_or_else(|| Refusal::bad("raw: hex must be pairs of digits"))?;
        let open: Vec<SocketId> = self.sockets.keys().copied().collect();
        let to_all = |frame: Bytes| {
            let to = open.iter();
            to.map(|socket| (*socket, Frame::Binary(frame.clone())))
                .collect()
        };
        let outs = frames.into_iter().map(to_all).map(Out::Event).collect();
        Ok((json!({"delivered": open.len()}), outs))
    }

    /// Finds a channel by id, by label, or `dm`.
    fn find_channel(&self, text: &str) -> Option<i64> {
        let channels = &self.world.channels;
        if let Some(id) = text.parse().ok().filter(|id| channels.contains_key(id)) {
            return Some(id);
        }
        if text == "dm" {
            let alice = self.world.find_user("alice").map(|user| user.id);
            let bots = self.world.bots.keys();
            let mut found = bots.filter_map(|bot| self.world.dm(*bot, alice?));
            return found.next().map(|channel| channel.desc.channel_id);
        }
        let mut found = channels
            .values()
            .filter(|channel| channel.desc.channel_label == text);
        found.next().map(|channel| channel.desc.channel_id)
    }
}

/// Says what is unknown, and what is known instead.
fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Refusal {
    const SHOWN: usize = 50;
    let known: Vec<_> = known
        .filter(|known| !known.is_empty())
        .take(SHOWN)
        .collect();
    Refusal::bad(format!(
        "say: unknown {kind} \"{name}\"; known are {}",
        known.join(", ")
    ))
}

fn bytes_of(hex: &str) -> Option<Bytes> {
    let digits = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        }
        _ => None,
    });
    digits.collect::<Option<Vec<u8>>>().map(Bytes::from)
}

fn rows<T: serde::de::DeserializeOwned>(
    body: &Map<String, Value>,
    name: &str,
) -> Result<Vec<T>, Refusal> {
    let Some(Value::Array(rows)) = body.get(name) else {
        return match body.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(_) => Err(Refusal::bad(format!("say: {name} must be a list"))),
        };
    };
    let read = |row: &Value| {
        let mut row = row.clone();
        if let Some(fields) = row.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        serde_json::from_value(row).map_err(|fault| Refusal::bad(format!("say: {name}: {fault}")))
    };
    rows.iter().map(read).collect()
}
