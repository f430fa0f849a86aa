//! The content of messages, read and written: JSON text, and lists that are JSON or protobuf.

use bytes::Bytes;
use greenroom_proto::mezon::{self, Wire, Wired, api};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::lenient;

/// What a message says: a text, or an object with whatever the platform knows.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::Content;
/// use serde_json::json;
///
/// assert_eq!(Content::from("hello").to_string(), r#"{"t":"hello"}"#);
/// let embed = Content::from(json!({"t": "hello", "embed": [{"title": "x"}], "mk": null}));
/// assert_eq!(embed.to_string(), r#"{"embed":[{"title":"x"}],"t":"hello"}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content(Map<String, Value>);

impl Content {
    /// Reads a content as it was received; nothing that was said is lost.
    ///
    /// What is not JSON, or not an object, becomes the text of one. Line breaks inside of JSON texts are tolerated.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match serde_json::from_str(text).or_else(|_| serde_json::from_str(&repaired(text))) {
            Ok(Value::Object(fields)) => Self(fields),
            Ok(Value::String(plain)) => Self::from(plain),
            _ if text.is_empty() => Self::default(),
            _ => Self::from(text),
        }
    }

    /// Returns the text, which is empty if there is none.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get("t").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns all fields.
    #[must_use]
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Sets a field, such as one of a later version of the platform. A null takes it away.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        match value {
            Value::Null => drop(self.0.remove(name)),
            value => drop(self.0.insert(name.to_owned(), value)),
        }
        self
    }

    /// Adds an item to a field that is a list.
    pub(super) fn pushed(mut self, list: &str, item: Value) -> Self {
        match self.0.get_mut(list) {
            Some(Value::Array(items)) => items.push(item),
            _ => drop(self.0.insert(list.to_owned(), Value::Array(vec![item]))),
        }
        self
    }

    /// Returns the fields as an object.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// The JSON text as it is sent.
impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match serde_json::to_string(&self.0) {
            Ok(text) => f.write_str(&text),
            Err(_) => Err(std::fmt::Error),
        }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self(Map::from_iter([("t".to_owned(), Value::String(text))]))
    }
}

/// An object as it is, without its nulls; anything else as a text.
impl From<Value> for Content {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(mut fields) => {
                fields.retain(|_, value| !value.is_null());
                Self(fields)
            }
            Value::String(text) => Self::from(text),
            other => Self::from(other.to_string()),
        }
    }
}

/// Takes the text of a content without keeping the rest.
pub(super) fn text_of(content: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Text {
        t: String,
    }
    // Nearly always the content is just that.
    match serde_json::from_str(content) {
        Ok(Text { t }) => t,
        Err(_) => Content::read(content).text().to_owned(),
    }
}

/// Reads the mentions of a message.
pub(super) fn mentions(list: &Bytes) -> Vec<api::MessageMention> {
    read(list, "mentions", |list: api::MessageMentionList| {
        list.mentions
    })
}

/// Reads the attachments of a message.
pub(super) fn attachments(list: &Bytes) -> Vec<api::MessageAttachment> {
    read(list, "attachments", |list: api::MessageAttachmentList| {
        list.attachments
    })
}

/// Reads the reactions to a message.
pub(super) fn reactions(list: &Bytes) -> Vec<api::MessageReaction> {
    read(list, "reactions", |list: api::MessageReactionList| {
        list.reactions
    })
}

/// Reads the references of a message to others.
pub(super) fn references(list: &Bytes) -> Vec<api::MessageRef> {
    read(list, "refs", |list: api::MessageRefList| list.refs)
}

/// Reads a list that is JSON if it begins like it, and protobuf else; what cannot be read is an empty one.
fn read<L, T>(list: &Bytes, name: &str, items: impl FnOnce(L) -> Vec<T>) -> Vec<T>
where
    L: Wired,
    T: DeserializeOwned + Default,
{
    let value = match list.first() {
        None => return Vec::new(),
        Some(b'[' | b'{') => json(list),
        Some(_) => {
            return mezon::decode(Wire::V2, list.clone())
                .map(items)
                .unwrap_or_default();
        }
    };
    match value {
        Some(Value::Array(items)) => items.into_iter().map(item).collect(),
        Some(mut object @ Value::Object(_)) => match object.get_mut(name).map(Value::take) {
            Some(Value::Array(items)) => items.into_iter().map(item).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn item<T: DeserializeOwned + Default>(mut item: Value) -> T {
    // The older wire has this name, letters swapped.
    if let Some(fields) = item.as_object_mut()
        && let Some(avatar) = fields.remove("mesages_sender_avatar")
    {
        fields.entry("message_sender_avatar").or_insert(avatar);
    }
    lenient::object(item)
}

fn json(bytes: &[u8]) -> Option<Value> {
    let strict = serde_json::from_slice(bytes).ok();
    strict.or_else(|| serde_json::from_str(&repaired(std::str::from_utf8(bytes).ok()?)).ok())
}

/// Escapes the control characters inside of JSON texts.
fn repaired(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len() + 16);
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            '"' if !escaped => inside = !inside,
            '\n' if inside => {
                repaired.push_str(if escaped { "n" } else { "\\n" });
                escaped = false;
                continue;
            }
            '\0'..='\x1f' if inside && !escaped => {
                repaired.push_str(&format!("\\u{:04x}", u32::from(c)));
                continue;
            }
            _ => {}
        }
        escaped = inside && c == '\\' && !escaped;
        repaired.push(c);
    }
    repaired
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_content_has_a_text_or_an_object() {
        let cases = [
            (r#"{"t":"hi","mk":[]}"#, "hi", json!({"t": "hi", "mk": []})),
            (
                r#"{"t": "Hello \ud83d\udc4b"}"#,
                "Hello \u{1F44B}",
                json!({"t": "Hello \u{1F44B}"}),
            ),
            ("plain", "plain", json!({"t": "plain"})),
            (r#""quoted""#, "quoted", json!({"t": "quoted"})),
            ("17", "17", json!({"t": "17"})),
            ("[1]", "[1]", json!({"t": "[1]"})),
            ("null", "null", json!({"t": "null"})),
            ("{\"t\":\"cut", "{\"t\":\"cut", json!({"t": "{\"t\":\"cut"})),
            (
                "{\"t\":\"a\nb\tc\rd\"}",
                "a\nb\tc\rd",
                json!({"t": "a\nb\tc\rd"}),
            ),
            ("{\n\"t\":\"a\\\"\n\"}", "a\"\n", json!({"t": "a\"\n"})),
            ("", "", json!({})),
            (r#"{"t":7}"#, "", json!({"t": 7})),
            (r#"{"embed":[]}"#, "", json!({"embed": []})),
        ];
        for (received, text, object) in cases {
            let content = Content::read(received);
            assert_eq!(content.text(), text, "{received}");
            assert_eq!(text_of(received), text, "{received}");
            assert_eq!(content.into_value(), object, "{received}");
        }
    }

    #[test]
    fn lists_are_read_from_json_and_protobuf() {
        let mention = api::MessageMention {
            user_id: 42,
            s: 0,
            e: 4,
            ..Default::default()
        };
        let list = api::MessageMentionList {
            mentions: vec![mention.clone()],
        };
        let forms = [
            Bytes::from(list.encode_to_vec()),
            Bytes::from(r#"[{"user_id":"42","s":0,"e":4}]"#),
            Bytes::from(r#"[{"user_id":42,"username":null,"e":"4"}]"#),
            Bytes::from(r#"{"mentions":[{"user_id":"42","e":4}]}"#),
        ];
        for form in forms {
            assert_eq!(mentions(&form), std::slice::from_ref(&mention), "{form:?}");
        }
        for nothing in [
            "",
            "[",
            "[1",
            "{}",
            "null",
            "\u{7f}\u{7f}",
            "{\"mentions\":7}",
        ] {
            assert_eq!(mentions(&Bytes::from(nothing)), [], "{nothing}");
        }
        let odd = r#"[{"message_ref_id":"7","content":"{}","mesages_sender_avatar":"a.png"}]"#;
        let read = references(&Bytes::from(odd));
        assert_eq!(
            (
                read[0].message_ref_id,
                read[0].message_sender_avatar.as_str()
            ),
            (7, "a.png")
        );
        let breaks = Bytes::from("[{\"message_ref_id\":\"7\",\"content\":\"a\nb\"}]");
        assert_eq!(references(&breaks)[0].content, "a\nb");
    }

    proptest! {
        #[test]
        fn no_text_is_lost_and_none_panics(text in any::<String>()) {
            let sent = Content::from(text.as_str()).to_string();
            prop_assert_eq!(text_of(&sent), text.as_str());
            let _ = Content::read(&text);
            mentions(&Bytes::from(text.into_bytes()));
        }

        #[test]
        fn raw_line_breaks_are_repaired(text in "[a-z\n\t\"\\\\]{0,20}") {
            let raw = format!("{{\"t\":\"{}\"}}", text.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(text_of(&raw), text);
        }

        #[test]
        fn no_bytes_panic_as_a_list(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let bytes = Bytes::from(bytes);
            mentions(&bytes);
            attachments(&bytes);
            reactions(&bytes);
            references(&bytes);
        }
    }
}
