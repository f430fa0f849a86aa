//! The lists in a channel message: Protobuf on the newer wire, JSON text on the older one.

use bytes::Bytes;
use greenroom_proto::mezon::api::{
    ChannelMessage, MessageAttachment, MessageAttachmentList, MessageMention, MessageMentionList,
    MessageReactionList, MessageRef, MessageRefList,
};
use prost::Message;
use serde::Serialize;
use serde_json::Value;

pub(super) fn mentions(mentions: &[MessageMention]) -> Bytes {
    let mentions = mentions.to_vec();
    MessageMentionList { mentions }.encode_to_vec().into()
}

pub(super) fn attachments(attachments: &[MessageAttachment]) -> Bytes {
    let attachments = attachments.to_vec();
    MessageAttachmentList { attachments }.encode_to_vec().into()
}

pub(super) fn references(refs: &[MessageRef]) -> Bytes {
    let refs = refs.to_vec();
    MessageRefList { refs }.encode_to_vec().into()
}

/// Returns the message with its lists as the older wire has them: JSON text, `[]` if there is nothing.
pub(super) fn as_text(message: &ChannelMessage) -> ChannelMessage {
    let mentions = text(
        &message.mentions,
        |list: MessageMentionList| list.mentions,
        &["s", "e"],
    );
    let attachments = text(
        &message.attachments,
        |list: MessageAttachmentList| list.attachments,
        &[],
    );
    let reactions = text(
        &message.reactions,
        |list: MessageReactionList| list.reactions,
        &["count"],
    );
    let references = text(
        &message.references,
        |list: MessageRefList| list.refs,
        &["message_ref_id", "message_sender_id", "has_attachment"],
    );
    ChannelMessage {
        mentions,
        attachments,
        reactions,
        references,
        ..message.clone()
    }
}

/// Rewrites one list; what is JSON already stays as it is.
fn text<L, T>(bytes: &Bytes, rows: fn(L) -> Vec<T>, always: &[&str]) -> Bytes
where
    L: Message + Default,
    T: Serialize,
{
    if matches!(bytes.first(), Some(b'[' | b'{')) {
        return bytes.clone();
    }
    let rows = L::decode(bytes.clone()).map(rows).unwrap_or_default();
    let rows: Vec<Value> = rows.iter().map(|row| short(row, always)).collect();
    Value::Array(rows).to_string().into()
}

/// Makes JSON in the names of the older wire, without what is empty.
pub(super) fn short(row: &impl Serialize, always: &[&str]) -> Value {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(row) else {
        return Value::Null;
    };
    fields.retain(|name, value| always.contains(&name.as_str()) || !is_empty(value));
    if let Some(avatar) = fields.remove("message_sender_avatar") {
        fields.insert("mesages_sender_avatar".into(), avatar);
    }
    Value::Object(fields)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(rows) => rows.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_json_text() {
        let mention = MessageMention {
            user_id: 1_000_000_000_000_000_001,
            e: 4,
            ..Default::default()
        };
        let reference = MessageRef {
            message_ref_id: 7,
            message_sender_avatar: "a".into(),
            ..Default::default()
        };
        let message = ChannelMessage {
            mentions: mentions(&[mention]),
            references: references(&[reference]),
            attachments: Bytes::from_static(b"[1]"),
            ..Default::default()
        };
        assert_eq!(
            message.mentions[..],
            [
                0x0a, 12, 16, 0x81, 0x80, 0x90, 0xbb, 0xba, 0xd6, 0xad, 0xf0, 0x0d, 0x40, 4
            ]
        );
        let text = as_text(&message);
        assert_eq!(
            text.mentions,
            r#"[{"e":4,"s":0,"user_id":"1000000000000000001"}]"#
        );
        assert_eq!(
            text.references,
            r#"[{"has_attachment":false,"mesages_sender_avatar":"a","message_ref_id":"7","message_sender_id":"0"}]"#
        );
        assert_eq!(
            (text.attachments, text.reactions),
            (Bytes::from("[1]"), Bytes::from("[]"))
        );
    }
}
