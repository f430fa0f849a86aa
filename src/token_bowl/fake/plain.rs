//! The plain websocket: commands in, one answer each.

use serde_json::{Map, Value, json};

use super::conversations::Draft;
use super::event::Event;
use super::failure::Failure;
use super::form::Form;
use super::messages::{CONTENT, Page};
use super::role::Role;
use super::sockets::Sockets;
use super::world::{Kind, User, UserNo, World};
use crate::simulator::Now;

/// What a command needs of the server.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) world: &'a mut World,
    pub(super) sockets: &'a Sockets,
    pub(super) now: Now,
    /// Who commands.
    pub(super) user: UserNo,
    /// What follows from the command.
    pub(super) events: Vec<Event>,
}

type Answer = Result<Option<Value>, Failure>;

impl Desk<'_> {
    /// Carries out a message of a client; the answer, if there is one, goes back on the same connection.
    pub(super) fn receive(&mut self, text: &[u8]) -> Option<Value> {
        let answer = match serde_json::from_slice(text) {
            Ok(Value::Object(command)) => self.command(command),
            Ok(_) => Err(Failure::bad("Message must be a JSON object")),
            Err(_) => Err(Failure::bad("Invalid JSON")),
        };
        answer.unwrap_or_else(|failure| Some(error(&failure.text())))
    }

    fn command(&mut self, command: Map<String, Value>) -> Answer {
        let kind = match command.get("type") {
            None => "message",
            Some(Value::String(kind)) => kind.as_str(),
            Some(other) => {
                let shown = shown(other);
                return Err(Failure::bad(format!("Unknown message type: {shown}")));
            }
        };
        match kind {
            "message" => self.send(&command),
            "pong" => Ok(None),
            "typing" => {
                let to = named(&command, "to_username");
                let from = self.user;
                self.events.push(Event::Typing { from, to });
                Ok(None)
            }
            "mark_read" => self.mark_read(&command),
            "mark_all_read" => {
                let count = self.world.mark_all(self.user, |_| true);
                self.events.push(Event::AllRead(self.user));
                answer(
                    json!({"type": "marked_all_read", "marked_as_read": count, "status": "success"}),
                )
            }
            "mark_room_read" => {
                let is_room = |message: &super::world::Message| message.kind() == Kind::Room;
                let count = self.world.mark_all(self.user, is_room);
                answer(json!({"status": "marked_read", "count": count}))
            }
            "mark_direct_read" => self.mark_direct_read(&command),
            "get_unread_count" => {
                let mut shown = self.world.show_unread(self.user);
                shown["type"] = "unread_count".into();
                answer(shown)
            }
            "get_messages" => self.history(&command, Kind::Room, "messages"),
            "get_direct_messages" => self.history(&command, Kind::Direct, "direct_messages"),
            "get_unread_messages" => self.waiting(&command, Kind::Room, "unread_messages"),
            "get_unread_direct_messages" => {
                self.waiting(&command, Kind::Direct, "unread_direct_messages")
            }
            "get_users" => {
                let users: Vec<Value> = self.world.everybody().map(User::card).collect();
                answer(json!({"type": "users", "users": users}))
            }
            "get_online_users" => {
                let online = self.sockets.online();
                let users = self.world.users().filter(|user| online.contains(&user.no));
                let users: Vec<Value> = users.map(User::card).collect();
                answer(json!({"type": "online_users", "users": users}))
            }
            "get_user_profile" => {
                let name = required(&command, "username")?;
                let user = self.world.named(&name);
                let user = user.ok_or_else(|| Failure::no_user(&name))?.card();
                answer(json!({"type": "user_profile", "user": user}))
            }
            "create_conversation" => {
                let draft = Draft::of(Form::of_fields(command))?;
                let made = self.world.create_conversation(self.now, self.user, draft)?;
                answer(json!({"type": "conversation_created", "conversation": made}))
            }
            "get_conversations" => {
                let page = page(&command)?;
                let mut found = self
                    .world
                    .list_conversations(self.user, page.limit, page.offset);
                found["type"] = "conversations".into();
                answer(found)
            }
            "get_conversation" => {
                let id = required(&command, "conversation_id")?;
                let found = self.world.own_conversation(self.user, &id, "view")?.show();
                answer(json!({"type": "conversation", "conversation": found}))
            }
            "update_conversation" => {
                let id = required(&command, "conversation_id")?;
                let draft = Draft::of(Form::of_fields(command))?;
                let found = self.world.update_conversation(self.user, &id, draft)?;
                answer(json!({"type": "conversation_updated", "conversation": found}))
            }
            "delete_conversation" => {
                let id = required(&command, "conversation_id")?;
                self.world.delete_conversation(self.user, &id)?;
                answer(json!({"type": "conversation_deleted", "conversation_id": id}))
            }
            "delete_message" => self.delete_message(&command),
            other => Err(Failure::bad(format!("Unknown message type: {other}"))),
        }
    }

    fn send(&mut self, command: &Map<String, Value>) -> Answer {
        let content = match command.get("content") {
            None | Some(Value::Null) => return Err(Failure::bad("Missing content field")),
            Some(Value::String(text)) if text.is_empty() => {
                return Err(Failure::bad("Missing content field"));
            }
            Some(Value::String(text)) if text.chars().count() <= CONTENT => text.clone(),
            Some(_) => {
                let text = format!("Content must be 1-{CONTENT} characters");
                return Err(Failure::bad(text));
            }
        };
        let to = named(command, "to_username");
        let message = self
            .world
            .send(self.now, self.user, to.as_deref(), content)?;
        let shown = self.world.show(&message);
        self.events.push(Event::Sent(message));
        answer(json!({"type": "message_sent", "status": "sent", "message": shown}))
    }

    fn mark_read(&mut self, command: &Map<String, Value>) -> Answer {
        let id = required(command, "message_id")?;
        if let Some(message) = self.world.mark(self.user, &id)? {
            let reader = self.user;
            self.events.push(Event::Read { message, reader });
        }
        answer(json!({"type": "marked_read", "message_id": id, "status": "success"}))
    }

    fn mark_direct_read(&mut self, command: &Map<String, Value>) -> Answer {
        let name = required(command, "from_username")?;
        let from = self.world.named(&name);
        let from = from.ok_or_else(|| Failure::no_user(&name))?.no;
        let count = self.world.mark_all(self.user, |message| {
            message.kind() == Kind::Direct && message.from.no == from
        });
        answer(json!({"status": "marked_read", "from_username": name, "count": count}))
    }

    fn history(&self, command: &Map<String, Value>, kind: Kind, name: &str) -> Answer {
        let mut found = self.world.history(self.user, kind, &page(command)?)?;
        found["type"] = name.into();
        answer(found)
    }

    fn waiting(&self, command: &Map<String, Value>, kind: Kind, name: &str) -> Answer {
        let found = self.world.waiting(self.user, kind, &page(command)?);
        answer(json!({"type": name, "messages": found}))
    }

    fn delete_message(&mut self, command: &Map<String, Value>) -> Answer {
        let is_admin = |user: &User| user.role == Role::Admin;
        if !self.world.user(self.user).is_some_and(is_admin) {
            return Err(Failure::forbidden("Only admins can delete messages"));
        }
        let text = required(command, "message_id")?;
        let id = self.world.find_message(&text)?.id;
        self.world.messages.retain(|message| message.id != id);
        answer(json!({"type": "message_deleted", "message_id": text}))
    }
}

/// Makes an error frame.
pub(super) fn error(text: &str) -> Value {
    json!({"type": "error", "error": text})
}

#[expect(clippy::unnecessary_wraps, reason = "every command may fail")]
fn answer(value: Value) -> Answer {
    Ok(Some(value))
}

/// Returns a name; an empty one is none.
fn named(command: &Map<String, Value>, field: &str) -> Option<String> {
    match command.get(field)? {
        Value::Null => None,
        value => Some(shown(value)).filter(|name| !name.is_empty()),
    }
}

fn required(command: &Map<String, Value>, field: &str) -> Result<String, Failure> {
    let found = named(command, field);
    found.ok_or_else(|| Failure::bad(format!("Missing {field} field")))
}

fn page(command: &Map<String, Value>) -> Result<Page, Failure> {
    let number = |field: &str, default| match command.get(field) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value
            .as_i64()
            .ok_or_else(|| Failure::bad(format!("Invalid {field} field"))),
    };
    Ok(Page {
        limit: number("limit", 50)?,
        offset: number("offset", 0)?,
        since: named(command, "since"),
    })
}

/// Shows a value as the server's language does.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
