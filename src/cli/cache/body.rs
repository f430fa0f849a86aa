//! What a kept message says, for a person and for a program.

mod token_bowl_message;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use greenroom_actors::cache::Record;
use greenroom_actors::error::BoxError;
use greenroom_actors::event::Id;
use greenroom_proto::mezon::{self, api};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::token_bowl_message::TokenBowlMessage;
use crate::mezon::{MezonMessage, read_record, wire_of};
use crate::token_bowl;

/// Reads the message, if its format is known.
pub(super) fn read(record: &Record) -> Option<api::ChannelMessage> {
    wire_of(record.format)?;
    read_record(record).ok()
}

/// Writes the message as JSON, unless anything that can be read of it would be lost.
pub(super) fn to_json(record: &Record) -> Option<Value> {
    if record.format == token_bowl::FORMAT {
        return serde_json::from_slice(&record.body).ok();
    }
    let wire = wire_of(record.format)?;
    let message: api::ChannelMessage = mezon::decode(wire, record.body.clone()).ok()?;
    let mut json = serde_json::to_value(&message).ok()?;
    for name in LISTS {
        let list = json.get_mut(name)?;
        let bytes: Bytes = serde_json::from_value(list.take()).ok()?;
        *list = STANDARD.encode(bytes).into();
    }
    let body = from_json(record.format, &json).ok()?;
    let again: api::ChannelMessage = mezon::decode(wire, body).ok()?;
    (again == message).then_some(json)
}

/// Makes a body of the given format from JSON.
pub(super) fn from_json(format: u8, json: &Value) -> Result<Bytes, BoxError> {
    if format == token_bowl::FORMAT {
        token_bowl::model::Message::deserialize(json)?;
        return Ok(serde_json::to_vec(json)?.into());
    }
    let Some(wire) = wire_of(format) else {
        return Err(format!("bodies of format {format} must be given as base64 in `body`").into());
    };
    let mut json = json.clone();
    for name in LISTS {
        let Some(list) = json.get_mut(name) else {
            continue;
        };
        let bytes = match list.take() {
            Value::Null => Vec::new(),
            Value::String(text) => STANDARD.decode(text)?,
            list => list.to_string().into_bytes(),
        };
        *list = bytes.into();
    }
    let message: api::ChannelMessage = serde_json::from_value(json)?;
    Ok(mezon::encode(wire, &message).into())
}

/// The fields of a message that hold bytes.
const LISTS: [&str; 5] = [
    "attachments",
    "mentions",
    "reactions",
    "referenced_message",
    "references",
];

/// A message as `show` and `get` print it.
#[derive(Debug, Serialize)]
pub(super) struct View {
    clan_id: Id,
    channel_id: Id,
    pub(super) id: Id,
    pub(super) at: u64,
    #[serde(flatten)]
    pub(super) body: Body,
}

/// What is known of the body.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Body {
    Message(Box<Message>),
    TokenBowl(Box<TokenBowlMessage>),
    Other { format: u8, body: String },
}

/// A message that could be read.
#[derive(Debug, Serialize)]
pub(super) struct Message {
    pub(super) sender_id: Id,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) channel_label: String,
    pub(super) text: String,
    pub(super) code: i32,
    pub(super) topic_id: Id,
    content: Value,
    mentions: Vec<api::MessageMention>,
    pub(super) attachments: Vec<api::MessageAttachment>,
    pub(super) reactions: Vec<api::MessageReaction>,
    pub(super) references: Vec<api::MessageRef>,
}

impl View {
    pub(super) fn new(record: &Record) -> Self {
        let body = match (read(record), TokenBowlMessage::read(record)) {
            (Some(message), _) => Body::Message(Box::new(Message::new(&message))),
            (None, Some(message)) => Body::TokenBowl(Box::new(message)),
            (None, None) => Body::Other {
                format: record.format,
                body: STANDARD.encode(&record.body),
            },
        };
        Self {
            clan_id: record.channel.space.clone(),
            channel_id: record.channel.channel.clone(),
            id: record.id.clone(),
            at: record.at,
            body,
        }
    }
}

impl Message {
    fn new(received: &api::ChannelMessage) -> Self {
        let message = MezonMessage::new(received);
        Self {
            sender_id: message.sender(),
            username: received.username.clone(),
            name: message.sender_name().to_owned(),
            channel_label: received.channel_label.clone(),
            text: message.text(),
            code: received.code,
            topic_id: message.topic(),
            content: message.content().into_value(),
            mentions: message.mentions(),
            attachments: message.attachments(),
            reactions: message.reactions(),
            references: message.references(),
        }
    }

    /// Returns the name to show, the user's id if there is none.
    pub(super) fn who(&self) -> String {
        match self.name.as_str() {
            "" => self.sender_id.to_string(),
            name => name.to_owned(),
        }
    }

    /// Says in a few words what is beside the text.
    pub(super) fn extras(&self) -> Vec<String> {
        let count = |number: usize, one: &str| match number {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{number} {one}s")),
        };
        let embeds = self.content.get("embed").and_then(Value::as_array);
        let quoted = self.references.first();
        [
            quoted.map(|quoted| format!("reply to {}", quoted.message_ref_id)),
            count(embeds.map_or(0, Vec::len), "embed"),
            count(self.attachments.len(), "attachment"),
            count(self.reactions.len(), "reaction"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use greenroom_actors::event::ChannelKey;
    use greenroom_proto::mezon::Wire;

    use super::*;

    fn record(format: u8, body: impl Into<Bytes>) -> Record {
        Record {
            channel: ChannelKey::new(2, 3),
            id: Id::from(4),
            at: 5,
            format,
            body: body.into(),
        }
    }

    #[test]
    fn a_message_survives_being_written_as_json() {
        let message = api::ChannelMessage {
            clan_id: 2,
            message_id: i64::MAX,
            content: r#"{"t":"hä\n"}"#.to_owned(),
            references: Bytes::from_static(br#"[{"message_ref_id":"6"}]"#),
            ..Default::default()
        };
        for (format, wire) in [(1, Wire::V1), (2, Wire::V2)] {
            let record = record(format, mezon::encode(wire, &message));
            let json = to_json(&record).unwrap();
            assert_eq!(json["message_id"], i64::MAX.to_string());
            assert_eq!(from_json(format, &json).unwrap(), record.body);
        }
    }

    #[test]
    fn lists_may_be_any_bytes_where_the_wire_has_them() {
        let message = api::ChannelMessage {
            mentions: Bytes::from_static(b"\x0a\x02\xff\x00"),
            ..Default::default()
        };
        let record = record(2, mezon::encode(Wire::V2, &message));
        let json = to_json(&record).unwrap();
        assert_eq!(json["mentions"], "CgL/AA==");
        assert_eq!(from_json(2, &json).unwrap(), record.body);
    }

    #[test]
    fn a_message_of_token_bowl_is_json_already() {
        let said = serde_json::json!({
            "id": "61805ef8-32d0-474a-8184-738aa9eb250c", "from_username": "alice", "content": "hello",
            "message_type": "room", "timestamp": "2026-11-20T10:22:13.930212+00:00", "unknown": 1,
        });
        let record = record(3, said.to_string());
        let json = to_json(&record).unwrap();
        assert_eq!(json, said);
        assert_eq!(from_json(3, &json).unwrap(), record.body);
        from_json(3, &Value::Null).unwrap_err();
        let view = serde_json::to_value(View::new(&record)).unwrap();
        assert_eq!(
            (&view["username"], &view["text"]),
            (&"alice".into(), &"hello".into())
        );
    }

    #[test]
    fn what_is_no_message_stays_as_it_is() {
        assert_eq!(to_json(&record(9, "hello")), None);
        assert_eq!(to_json(&record(2, vec![0xff])), None);
        from_json(9, &Value::Null).unwrap_err();
        from_json(2, &Value::Null).unwrap_err();
    }
}
