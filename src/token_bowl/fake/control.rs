//! What a test does to the server: events, and words of users.

use serde_json::{Map, Value, json};

use super::channels::Channel;
use super::event::Event;
use super::hub::{Hub, text_frame};
use super::ids::Id;
use super::messages::CONTENT;
use super::sockets::{Line, Socket};
use super::world::UserNo;
use crate::simulator::{Now, Out, Refusal, SocketId};
use greenroom_actors::connection::Frame;

/// The events that a test can push.
const EVENTS: [&str; 7] = [
    "error",
    "message",
    "ping",
    "raw",
    "read_receipt",
    "typing",
    "unread_count",
];

impl Hub {
    /// Lets a user speak: a stored message as if sent by that user.
    pub(super) fn let_speak(
        &mut self,
        now: Now,
        body: &Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let from = text(body, "from", "say")?.unwrap_or_else(|| "alice".to_owned());
        let from = self.find("say", &from)?;
        let content = text(body, "text", "say")?;
        let content = content.ok_or_else(|| Refusal::bad("say: text is required"))?;
        if content.is_empty() || content.chars().count() > CONTENT {
            let refusal = format!("say: text must have 1 to {CONTENT} characters");
            return Err(Refusal::bad(refusal));
        }
        let channel = text(body, "channel", "say")?;
        let named = channel.and_then(|channel| channel.strip_prefix('@').map(str::to_owned));
        let to = text(body, "to", "say")?.or(named);
        if let Some(to) = &to {
            self.find("say", to)?;
        }
        let sent = self.world.send(now, from, to.as_deref(), content);
        let message = sent.map_err(|failure| Refusal::bad(format!("say: {}", failure.text())))?;
        let id = message.id.to_string();
        let outs = self.tell(now, vec![Event::Sent(message)]);
        Ok((json!({"message_id": id}), outs))
    }

    /// Pushes an event that a test wrote down, to every connection or to those of one user; nothing is stored.
    pub(super) fn emit_event(
        &mut self,
        now: Now,
        body: &Map<String, Value>,
    ) -> Result<(Value, Vec<Out>), Refusal> {
        let event = text(body, "event", "emit")?;
        let event = event.ok_or_else(|| Refusal::bad("emit: event is required, a text"))?;
        let to = match text(body, "to", "emit")? {
            None => None,
            Some(name) => Some(self.find("emit", &name)?),
        };
        let mut data = match body.get("data") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(data)) => data.clone(),
            Some(_) => return Err(Refusal::bad("emit: data must be an object")),
        };
        match event.as_str() {
            "raw" => {
                let raw = text(&data, "text", "emit: data")?;
                let raw = raw.ok_or_else(|| Refusal::bad("emit: data.text is required"))?;
                let frame = Frame::Text(raw.into());
                return Ok(self.to_each(to, |_| frame.clone()));
            }
            "error" => {
                let error = text(&data, "error", "emit: data")?;
                let error = error.ok_or_else(|| Refusal::bad("emit: data.error is required"))?;
                let plain = text_frame(&super::plain::error(&error));
                let other = json!({"id": 0, "error": {"code": 100, "message": error}});
                let other = text_frame(&other);
                return Ok(self.to_each(to, |socket| match socket.line {
                    Line::Plain(_) => plain.clone(),
                    Line::Centrifugo(_) => other.clone(),
                }));
            }
            "ping" => {
                let date = self.world.moment(now).to_string();
                data.entry("timestamp").or_insert_with(|| date.into());
                data.insert("type".to_owned(), "ping".into());
                let plain = text_frame(&Value::Object(data));
                let other = text_frame(&json!({}));
                return Ok(self.to_each(to, |socket| match socket.line {
                    Line::Plain(_) => plain.clone(),
                    Line::Centrifugo(_) => other.clone(),
                }));
            }
            "message" => self.fill(now, &mut data),
            event if EVENTS.contains(&event) => {
                data.insert("type".to_owned(), event.into());
            }
            other => {
                return Err(Refusal::bad(format!(
                    "emit: unknown event \"{other}\"; known are {}",
                    EVENTS.join(", ")
                )));
            }
        }
        let data = Value::Object(data);
        let (answer, outs) = self.to_plain(to, &data);
        let channel = to.map_or(Channel::Room, Channel::User);
        let frames = self.pushes(channel, &data, None);
        let mut all = outs;
        all.extend(frames);
        Ok((answer, vec![Out::Event(all)]))
    }

    /// Fills in what an emitted message does not say.
    fn fill(&mut self, now: Now, data: &mut Map<String, Value>) {
        let id = Id::draw(&self.world.entropy).to_string();
        let date = self.world.moment(now).to_string();
        let sender = data.get("from_username").and_then(Value::as_str);
        let sender = sender.and_then(|name| self.world.named(name));
        let sender_id = sender.map(|user| user.id.to_string()).unwrap_or_default();
        let defaults = json!({
            "id": id,
            "from_user_id": sender_id,
            "from_username": "system",
            "from_user_logo": null,
            "from_user_emoji": null,
            "from_user_bot": false,
            "to_user_id": null,
            "to_username": null,
            "content": "",
            "message_type": "room",
            "description": "",
            "timestamp": date,
        });
        if let Value::Object(defaults) = defaults {
            for (name, value) in defaults {
                data.entry(name).or_insert(value);
            }
        }
    }

    fn to_plain(&self, to: Option<UserNo>, data: &Value) -> (Value, Vec<(SocketId, Frame)>) {
        let frame = text_frame(data);
        let open = self.sockets.open.iter();
        let meant = open.filter(|(_, socket)| match socket.line {
            Line::Plain(user) => to.is_none_or(|to| to == user),
            Line::Centrifugo(_) => false,
        });
        let frames = meant.map(|(id, _)| (*id, frame.clone())).collect();
        (json!({"delivered": 0}), frames)
    }

    /// Makes a frame for each connection, or for those of one user.
    fn to_each(&self, to: Option<UserNo>, frame: impl Fn(&Socket) -> Frame) -> (Value, Vec<Out>) {
        let open = self.sockets.open.iter();
        let meant = open.filter(|(_, socket)| match (to, socket.user()) {
            (None, user) => user.is_some(),
            (Some(to), user) => user == Some(to),
        });
        let frames = meant.map(|(id, socket)| (*id, frame(socket))).collect();
        (json!({"delivered": 0}), vec![Out::Event(frames)])
    }

    fn find(&self, what: &str, name: &str) -> Result<UserNo, Refusal> {
        const SHOWN: usize = 50;
        let found = self.world.named(name);
        found.map(|user| user.no).ok_or_else(|| {
            let known = self.world.users().map(|user| user.name.as_str());
            let known: Vec<_> = known.take(SHOWN).collect();
            Refusal::bad(format!(
                "{what}: unknown user \"{name}\"; known are {}",
                known.join(", ")
            ))
        })
    }
}

fn text(body: &Map<String, Value>, name: &str, what: &str) -> Result<Option<String>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad(format!("{what}: {name} must be a text"))),
    }
}
