//! The frames of the plain websocket: JSON objects in text messages.

use std::borrow::Cow;

use bytes::Bytes;
use greenroom_actors::connection::{Class, Frame};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::event::{ReadReceipt, Typing};
use super::http::reason_of;
use super::model::{Message, Unread};

/// What the websocket can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The way into the other line.
    Connect,
    /// Marks everything as read.
    MarkAllRead,
    /// Marks the direct messages of one user as read.
    MarkDirectRead {
        /// Whose: a name.
        from: String,
    },
    /// Marks a message as read.
    MarkRead {
        /// Its id.
        message_id: String,
    },
    /// Marks the messages of the room as read.
    MarkRoomRead,
    /// A ping of the websocket layer.
    Ping,
    /// Says something.
    Send {
        /// What.
        content: String,
        /// To whom: a name, or none for the room.
        to: Option<String>,
    },
    /// Follows a channel of the other line.
    Subscribe {
        /// Its name.
        channel: String,
    },
    /// Shows that the user types.
    Typing {
        /// To whom: a name, or none for the room.
        to: Option<String>,
    },
    /// Counts what is unread.
    UnreadCount,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is done.
    Done,
    /// So many messages became read.
    Marked(u64),
    /// The message as it is stored.
    Sent(Box<Message>),
    /// What is unread.
    Unread(Unread),
}

impl Request {
    /// Writes it as a text message; what is none is empty.
    pub(super) fn text(&self) -> String {
        let value = match self {
            Self::Send { content, to: None } => json!({"content": content}),
            Self::Send {
                content,
                to: Some(to),
            } => json!({"content": content, "to_username": to}),
            Self::MarkRead { message_id } => {
                json!({"type": "mark_read", "message_id": message_id})
            }
            Self::MarkAllRead => json!({"type": "mark_all_read"}),
            Self::MarkRoomRead => json!({"type": "mark_room_read"}),
            Self::MarkDirectRead { from } => {
                json!({"type": "mark_direct_read", "from_username": from})
            }
            Self::UnreadCount => json!({"type": "get_unread_count"}),
            Self::Typing { to: None } => json!({"type": "typing"}),
            Self::Typing { to: Some(to) } => json!({"type": "typing", "to_username": to}),
            Self::Connect | Self::Ping | Self::Subscribe { .. } => return String::new(),
        };
        value.to_string()
    }
}

/// The answer to a ping of the server.
pub(super) const PONG: &str = r#"{"type":"pong"}"#;

/// A frame of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Error(String),
    MarkedAll { number: u64 },
    MarkedDirect { from: String, number: u64 },
    MarkedOne { message_id: String },
    MarkedRoom { number: u64 },
    Message(Box<Message>),
    Ping,
    Receipt(ReadReceipt),
    Sent(Box<Message>),
    Typing(Typing),
    Unknown(String),
    Unread(Unread),
}

/// Why a frame of the server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is no JSON object.
    Decode(String),
    /// It does not fit.
    Protocol(String),
}

/// Classifies a frame without decoding all of it.
pub(super) fn class(frame: &Frame) -> Class {
    let text = match frame {
        Frame::Text(text) => text,
        Frame::Pong(_) => return Class::Answer,
        _ => return Class::Ignored,
    };
    // Servers write the id of a message first, and the type of anything else.
    if text.starts_with(b"{\"id\":") {
        return Class::Event;
    }
    #[derive(Deserialize)]
    struct Heading<'a> {
        #[serde(rename = "type", borrow, default)]
        kind: Option<Cow<'a, str>>,
        status: Option<IgnoredAny>,
        error: Option<IgnoredAny>,
        from_username: Option<IgnoredAny>,
        content: Option<IgnoredAny>,
    }
    let Ok(heading) = serde_json::from_slice::<Heading<'_>>(text) else {
        // What is wrong is said in the order of the events.
        return Class::Event;
    };
    match heading.kind.as_deref() {
        Some(
            "error" | "marked_all_read" | "marked_read" | "message_sent" | "ping" | "unread_count",
        ) => Class::Answer,
        Some("read_receipt" | "typing") => Class::Event,
        _ if heading.from_username.is_some() && heading.content.is_some() => Class::Event,
        None if heading.status.is_some() || heading.error.is_some() => Class::Answer,
        _ => Class::Ignored,
    }
}

/// Reads a frame of the server.
pub(super) fn read(text: &Bytes) -> Result<Incoming, Unreadable> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| Unreadable::Decode(format!("not JSON: {}", reason_of(&error))))?;
    let Value::Object(fields) = value else {
        return Err(Unreadable::Decode("not a JSON object".to_owned()));
    };
    read_object(fields)
}

/// Reads an object of the server, such as a publication of the other line.
pub(super) fn read_object(fields: Map<String, Value>) -> Result<Incoming, Unreadable> {
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or("");
    match kind {
        "error" => Ok(Incoming::Error(text(&fields, "error", "error")?)),
        "marked_all_read" => Ok(Incoming::MarkedAll {
            number: number(&fields, kind, "marked_as_read")?,
        }),
        "marked_read" => Ok(Incoming::MarkedOne {
            message_id: text(&fields, kind, "message_id")?,
        }),
        "message_sent" => {
            let message = fields.get("message").cloned().ok_or_else(|| {
                Unreadable::Protocol("message_sent has no field `message`".to_owned())
            })?;
            whole(message, "message_sent").map(|message| Incoming::Sent(Box::new(message)))
        }
        "ping" => Ok(Incoming::Ping),
        "read_receipt" => whole(Value::Object(fields), "read_receipt").map(Incoming::Receipt),
        "typing" => whole(Value::Object(fields), "typing").map(Incoming::Typing),
        "unread_count" => whole(Value::Object(fields), "unread_count").map(Incoming::Unread),
        _ => read_untyped(fields),
    }
}

/// Reads an object whose type does not say what it is.
fn read_untyped(fields: Map<String, Value>) -> Result<Incoming, Unreadable> {
    let has = |name| fields.contains_key(name);
    if has("from_username") && has("content") {
        let message = whole(Value::Object(fields), "message");
        return message.map(|message| Incoming::Message(Box::new(message)));
    }
    let kind = fields.get("type").and_then(Value::as_str);
    if kind.is_none() && fields.get("status").and_then(Value::as_str) == Some("marked_read") {
        let number = number(&fields, "marked_read", "count")?;
        return Ok(match fields.get("from_username").and_then(Value::as_str) {
            Some(from) => Incoming::MarkedDirect {
                from: from.to_owned(),
                number,
            },
            None => Incoming::MarkedRoom { number },
        });
    }
    if kind.is_none() && has("error") {
        return Ok(Incoming::Error(text(&fields, "error", "error")?));
    }
    Ok(Incoming::Unknown(kind.unwrap_or_default().to_owned()))
}

fn text(fields: &Map<String, Value>, kind: &str, name: &str) -> Result<String, Unreadable> {
    let text = fields.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| missing(fields, kind, name, "a text"))
}

fn number(fields: &Map<String, Value>, kind: &str, name: &str) -> Result<u64, Unreadable> {
    let number = fields.get(name).and_then(Value::as_u64);
    number.ok_or_else(|| missing(fields, kind, name, "a number"))
}

fn missing(fields: &Map<String, Value>, kind: &str, name: &str, expected: &str) -> Unreadable {
    Unreadable::Protocol(match fields.contains_key(name) {
        true => format!("{kind}: the field `{name}` is not {expected}"),
        false => format!("{kind} has no field `{name}`"),
    })
}

fn whole<T: serde::de::DeserializeOwned>(value: Value, kind: &str) -> Result<T, Unreadable> {
    serde_json::from_value(value).map_err(|error| {
        let text = error.to_string();
        let said = match text.strip_prefix("missing field ") {
            Some(field) => format!("{kind} has no field {field}"),
            // The rest of it may quote what a person wrote.
            None => format!("{kind} has a field of the wrong type or form"),
        };
        Unreadable::Protocol(said)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(text: &str) -> Result<Incoming, Unreadable> {
        read(&Bytes::copy_from_slice(text.as_bytes()))
    }

    fn class_of(text: &str) -> Class {
        class(&Frame::Text(Bytes::copy_from_slice(text.as_bytes())))
    }

    const MESSAGE: &str = r#"{"id":"61805ef8-32d0-474a-8184-738aa9eb250c","from_user_id":"768efd79-37c4-4ae7-bf82-377ba428cfd2","from_username":"alice","from_user_logo":"claude-color.png","from_user_emoji":null,"from_user_bot":false,"to_user_id":null,"to_username":null,"content":"hello room","message_type":"room","description":"...","timestamp":"2026-11-20T10:22:13.930212+00:00"}"#;

    #[test]
    fn requests_are_those_of_the_platforms_own_client() {
        let json = |request: Request| serde_json::from_str::<Value>(&request.text()).unwrap();
        let send = |content: &str, to: Option<&str>| Request::Send {
            content: content.to_owned(),
            to: to.map(str::to_owned),
        };
        let bob = || Some("bob".to_owned());
        for (request, vector) in [
            (send("hello room", None), r#"{"content": "hello room"}"#),
            (
                send("héllo 🦊 ☃", Some("bob")),
                r#"{"content": "h\u00e9llo \ud83e\udd8a \u2603", "to_username": "bob"}"#,
            ),
            (
                Request::MarkRead {
                    message_id: "x".to_owned(),
                },
                r#"{"type": "mark_read", "message_id": "x"}"#,
            ),
            (Request::MarkAllRead, r#"{"type": "mark_all_read"}"#),
            (Request::MarkRoomRead, r#"{"type": "mark_room_read"}"#),
            (
                Request::MarkDirectRead {
                    from: "alice".to_owned(),
                },
                r#"{"type": "mark_direct_read", "from_username": "alice"}"#,
            ),
            (Request::UnreadCount, r#"{"type": "get_unread_count"}"#),
            (Request::Typing { to: None }, r#"{"type": "typing"}"#),
            (
                Request::Typing { to: bob() },
                r#"{"type": "typing", "to_username": "bob"}"#,
            ),
        ] {
            let vector: Value = serde_json::from_str(vector).unwrap();
            // D-21: the key is `type`, never `action`.
            assert!(vector.get("action").is_none());
            assert_eq!(json(request), vector);
        }
        let pong: Value = serde_json::from_str(PONG).unwrap();
        assert_eq!(pong, json!({"type": "pong"}));
    }

    #[test]
    fn frames_of_the_server_are_read() {
        let message: Message = serde_json::from_str(MESSAGE).unwrap();
        assert_eq!(
            incoming(MESSAGE),
            Ok(Incoming::Message(Box::new(message.clone())))
        );
        let sent = format!(r#"{{"type":"message_sent","status":"sent","message":{MESSAGE}}}"#);
        assert_eq!(incoming(&sent), Ok(Incoming::Sent(Box::new(message))));
        for (text, expected) in [
            (
                r#"{"type":"error","error":"User nobody not found"}"#,
                Incoming::Error("User nobody not found".to_owned()),
            ),
            (
                r#"{"error":"Missing content field"}"#,
                Incoming::Error("Missing content field".to_owned()),
            ),
            (
                r#"{"type":"marked_read","message_id":"x","status":"success"}"#,
                Incoming::MarkedOne {
                    message_id: "x".to_owned(),
                },
            ),
            (
                r#"{"status":"marked_read","count":2}"#,
                Incoming::MarkedRoom { number: 2 },
            ),
            (
                r#"{"status":"marked_read","from_username":"alice","count":1}"#,
                Incoming::MarkedDirect {
                    from: "alice".to_owned(),
                    number: 1,
                },
            ),
            (
                r#"{"type":"marked_all_read","marked_as_read":0,"status":"success"}"#,
                Incoming::MarkedAll { number: 0 },
            ),
            (
                r#"{"type":"ping","timestamp":"2026-01-02T03:04:05.678901+00:00"}"#,
                Incoming::Ping,
            ),
        ] {
            assert_eq!(incoming(text), Ok(expected), "{text}");
            assert_eq!(class_of(text), Class::Answer, "{text}");
        }
        assert_eq!(class_of(MESSAGE), Class::Event);
        assert_eq!(class_of(&sent), Class::Answer);
        assert!(matches!(
            incoming(r#"{"type":"unread_count","unread_room_messages":2,"unread_direct_messages":1,"total_unread":3}"#),
            Ok(Incoming::Unread(unread)) if unread.total_unread == 3
        ));
        assert!(matches!(
            incoming(r#"{"type":"typing","username":"alice","to_username":null}"#),
            Ok(Incoming::Typing(typing)) if typing.username == "alice"
        ));
        assert!(matches!(
            incoming(r#"{"type":"read_receipt","message_id":"x","read_by":"bob"}"#),
            Ok(Incoming::Receipt(receipt)) if receipt.read_by == "bob"
        ));
    }

    #[test]
    fn a_message_is_one_whatever_its_type_says() {
        let typed = MESSAGE.replacen('{', r#"{"type":"carrier_pigeon","#, 1);
        assert!(matches!(incoming(&typed), Ok(Incoming::Message(_))));
    }

    #[test]
    fn d06_what_cannot_be_used_says_why() {
        for (text, said) in [
            ("no json", "not JSON"),
            ("[1]", "not a JSON object"),
            ("\"x\"", "not a JSON object"),
        ] {
            let Err(Unreadable::Decode(reason)) = incoming(text) else {
                panic!("{text}");
            };
            assert!(reason.contains(said), "{reason}");
        }
        let broken = MESSAGE.replace("\"id\"", "\"idd\"");
        for (text, field) in [
            (r#"{"type":"read_receipt","read_by":"bob"}"#, "message_id"),
            (r#"{"type":"typing"}"#, "username"),
            (r#"{"type":"error"}"#, "error"),
            (r#"{"type":"marked_all_read"}"#, "marked_as_read"),
            (r#"{"type":"message_sent"}"#, "message"),
            (broken.as_str(), "id"),
        ] {
            let Err(Unreadable::Protocol(reason)) = incoming(text) else {
                panic!("{text}");
            };
            assert!(reason.contains(&format!("`{field}`")), "{reason}");
        }
        for text in ["{}", r#"{"type":"carrier_pigeon"}"#] {
            assert!(matches!(incoming(text), Ok(Incoming::Unknown(_))), "{text}");
            assert_eq!(class_of(text), Class::Ignored);
        }
        for text in ["no json", "[1]", r#"{"type":5}"#] {
            assert_eq!(class_of(text), Class::Event, "it is reported in order");
        }
    }
}
