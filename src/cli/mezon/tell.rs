//! Telling an event: as a line for a person, as an object for a program.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use greenroom_actors::event::{Event, Id};
use greenroom_proto::mezon::api;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::time::utc;
use crate::cli::{Cell, Tone};
use crate::mezon::{AnyEvent, MezonClient, MezonMessage};

/// An event as a program reads it.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    event: String,
    at: u64,
    clan: Option<Id>,
    channel: Option<Id>,
    data: Value,
    #[serde(skip)]
    message: Option<Box<api::ChannelMessage>>,
}

impl Told {
    pub(super) fn new(at: u64, event: &Event<AnyEvent>) -> Self {
        let key = &event.envelope().channel;
        let known = |id: &Id| Some(id.clone()).filter(|id| !id.is_none());
        let mut data = event.body.clone();
        let mut message = None;
        if event.name == "channel_message" {
            message = serde_json::from_value(event.body.clone()).ok();
        }
        if let Some(message) = message.as_deref() {
            spell_out_lists(&mut data, message);
        }
        spell_out_bytes(&mut data);
        Self {
            event: event.name.clone(),
            at,
            clan: known(&key.space),
            channel: known(&key.channel),
            data,
            message,
        }
    }

    /// Returns the columns: when, what, where, who and what was said.
    pub(super) fn cells(&self, client: &MezonClient) -> [Cell; 5] {
        let who = match &self.message {
            Some(message) => MezonMessage::new(message).sender_name().to_owned(),
            None => String::new(),
        };
        let who = match who.as_str() {
            "" => who_of(&self.data),
            _ => who,
        };
        [
            Cell::new(&utc(self.at), Tone::Faint),
            Cell::new(&self.event, Tone::Accent),
            Cell::plain(&self.place(client)),
            Cell::new(&who, Tone::Strong),
            Cell::plain(&self.text()),
        ]
    }

    /// Names the channel, or else the clan, as well as can be.
    fn place(&self, client: &MezonClient) -> String {
        let named = |name: Option<String>| name.filter(|name| !name.is_empty());
        let channel = self.channel.as_ref().map(|channel| {
            let message = self.message.as_ref();
            let label = message.map(|message| message.channel_label.clone());
            let known = || client.channel(channel).map(|channel| channel.name);
            let name = named(label).or_else(|| named(known()));
            name.unwrap_or_else(|| channel.to_string())
        });
        let clan = self.clan.as_ref().map(|clan| {
            let name = named(client.clan(clan).map(|clan| clan.name));
            name.unwrap_or_else(|| clan.to_string())
        });
        match (clan, channel) {
            (Some(clan), Some(channel)) => format!("{clan}/{channel}"),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => "-".to_owned(),
        }
    }

    fn text(&self) -> String {
        let Some(received) = &self.message else {
            return rest_of(&self.data);
        };
        let message = MezonMessage::new(received);
        let text = message.text();
        let mut notes = Vec::new();
        if message.is_update() {
            notes.push("edited".to_owned());
        }
        if message.is_removal() {
            notes.push("removed".to_owned());
        }
        let files = message.attachments().len();
        if files > 0 {
            notes.push(format!("files: {files}"));
        }
        if text.is_empty() && notes.is_empty() {
            return message.content().to_string();
        }
        match notes.is_empty() {
            true => text,
            false => format!("{text} ({})", notes.join(", ")).trim().to_owned(),
        }
    }
}

/// Names whoever did it.
fn who_of(data: &Value) -> String {
    let text = |data: &Value, names: &[&str]| {
        let values = names.iter().filter_map(|name| data.get(name)?.as_str());
        let mut values = values.filter(|value| !value.is_empty() && *value != "0");
        values.next().map(str::to_owned)
    };
    let person = |data: &Value| text(data, &NAMES).or_else(|| text(data, &IDS));
    let people = ["users", "joins", "leaves"];
    let among = |name| data.get(name).and_then(Value::as_array);
    person(data)
        .or_else(|| data.get("user").and_then(person))
        .or_else(|| {
            let people = people.into_iter().filter_map(among).flatten();
            let people: Vec<_> = people.filter_map(person).collect();
            (!people.is_empty()).then(|| people.join(", "))
        })
        .unwrap_or_default()
}

/// Writes all that the other columns do not show: what is absent is left out.
fn rest_of(data: &Value) -> String {
    let Value::Object(fields) = data else {
        return data.to_string();
    };
    let shown = |name: &&String| NAMES.contains(&name.as_str()) || PLACE.contains(&name.as_str());
    let fields = fields.iter().filter(|(name, _)| !shown(name));
    let fields = fields.filter_map(|(name, value)| Some(format!("{name}={}", present(value)?)));
    fields.collect::<Vec<_>>().join(" ")
}

/// Writes a value unless it says nothing.
fn present(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.is_empty() || text == "0" => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        Value::Array(_) | Value::Object(_) => {
            let whole = pruned(value)?;
            Some(whole.to_string())
        }
        other => Some(other.to_string()),
    }
}

/// Leaves out what says nothing, at any depth.
fn pruned(value: &Value) -> Option<Value> {
    match value {
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            let items = items.iter().map(|item| pruned(item).unwrap_or(Value::Null));
            Some(items.collect())
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), pruned(value)?)));
            let fields: Map<_, _> = fields.collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        other => present(other).map(|_| other.clone()),
    }
}

/// Puts the lists of a message in place of the bytes that they are on the wire.
fn spell_out_lists(data: &mut Value, received: &api::ChannelMessage) {
    let message = MezonMessage::new(received);
    let lists = [
        ("attachments", serde_json::to_value(message.attachments())),
        ("mentions", serde_json::to_value(message.mentions())),
        ("reactions", serde_json::to_value(message.reactions())),
        ("references", serde_json::to_value(message.references())),
    ];
    for (name, list) in lists {
        if let (Some(place), Ok(list)) = (data.get_mut(name), list) {
            *place = list;
        }
    }
}

/// Puts a text, or else base64, in place of bytes, which are lists of numbers otherwise.
fn spell_out_bytes(data: &mut Value) {
    match data {
        Value::Array(items) => items.iter_mut().for_each(spell_out_bytes),
        Value::Object(fields) => {
            for (name, value) in fields {
                match bytes_of(name, value) {
                    Some(bytes) => {
                        *value = String::from_utf8(bytes)
                            .unwrap_or_else(|error| STANDARD.encode(error.as_bytes()))
                            .into();
                    }
                    None => spell_out_bytes(value),
                }
            }
        }
        _ => {}
    }
}

fn bytes_of(name: &str, value: &Value) -> Option<Vec<u8>> {
    let items = value.as_array().filter(|_| BYTES.contains(&name))?;
    let is_list = items.is_empty() && !matches!(name, "body" | "content" | "referenced_message");
    let bytes = items.iter().map(|item| item.as_u64()?.try_into().ok());
    bytes.collect::<Option<_>>().filter(|_| !is_list)
}

/// The fields that are bytes, in some message at least.
const BYTES: [&str; 5] = [
    "body",
    "content",
    "mentions",
    "referenced_message",
    "references",
];
const IDS: [&str; 4] = ["sender_id", "user_id", "creator_id", "caller_id"];
const NAMES: [&str; 7] = [
    "clan_nick",
    "sender_display_name",
    "display_name",
    "sender_username",
    "sender_name",
    "username",
    "participant",
];
const PLACE: [&str; 4] = ["channel_id", "clan_id", "channel_label", "clan_name"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_are_named_as_well_as_can_be() {
        for (data, who) in [
            (
                json!({"sender_id": "4", "sender_username": "alice"}),
                "alice",
            ),
            (json!({"sender_id": "4", "sender_username": ""}), "4"),
            (
                json!({"user": {"display_name": "Bob"}, "sender_id": "0"}),
                "Bob",
            ),
            (
                json!({"users": [{"username": "a"}, {"user_id": "5"}]}),
                "a, 5",
            ),
            (json!({"clan_id": "7"}), ""),
            (json!([]), ""),
        ] {
            assert_eq!(who_of(&data), who, "{data}");
        }
    }

    #[test]
    fn what_says_nothing_is_left_out_of_the_rest() {
        let data = json!({
            "channel_id": "3", "emoji": ":ok:", "count": 2, "action": false, "topic_id": "0",
            "message": {"id": "0", "list": []}, "user": {"id": "5", "name": ""},
        });
        assert_eq!(rest_of(&data), r#"count=2 emoji=:ok: user={"id":"5"}"#);
    }

    #[test]
    fn bytes_become_texts() {
        let mut data = json!({
            "notifications": [{"content": [123, 125]}, {"content": [255, 0]}, {"content": []}],
            "mentions": [],
            "user_ids": ["1"],
        });
        spell_out_bytes(&mut data);
        let expected = json!({
            "notifications": [{"content": "{}"}, {"content": "/wA="}, {"content": ""}],
            "mentions": [],
            "user_ids": ["1"],
        });
        assert_eq!(data, expected);
    }
}
