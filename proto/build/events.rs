//! The names of the events, and the macro that walks through all of them.

use heck::ToUpperCamelCase;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::types;

/// Writes the lists of the fields of `Envelope.message`.
pub(crate) fn generate(pool: &DescriptorPool) -> String {
    let envelope = pool
        .get_message_by_name("mezon.realtime.Envelope")
        .expect("the files define the envelope");
    let oneof = envelope.oneofs().next().expect("the envelope has a oneof");
    let mut fields: Vec<_> = oneof.fields().collect();
    fields.sort_by_key(|field| field.number());

    let by_tag: String = (fields.iter())
        .map(|field| format!("    ({}, {:?}),\n", field.number(), field.name()))
        .collect();
    let rows: String = fields.iter().map(row).collect();
    let mut names: Vec<_> = fields.iter().map(|f| (f.name(), f.number())).collect();
    names.sort_unstable();

    format!(
        "/// Events in the order of their tags.\n\
         pub(super) static BY_TAG: [(u32, &str); {count}] = [\n{by_tag}];\n\n\
         /// Events in the order of their names.\n\
         pub(super) static BY_NAME: [(&str, u32); {count}] = {names:?};\n\n\
         {MACRO_DOC}\
         #[macro_export]\n\
         macro_rules! for_each_mezon_event {{\n    \
             ($($then:ident)::+) => {{\n        \
                 $($then)::+! {{\n{rows}        }}\n    \
             }};\n\
         }}\n",
        count = fields.len(),
    )
}

/// Writes where each kind of event says that it happened.
pub(crate) fn locations(pool: &DescriptorPool) -> String {
    let envelope = pool
        .get_message_by_name("mezon.realtime.Envelope")
        .expect("the files define the envelope");
    let oneof = envelope.oneofs().next().expect("the envelope has a oneof");
    let mut messages: Vec<_> = (oneof.fields())
        .filter_map(|field| field.kind().as_message().cloned())
        .collect();
    messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    messages.dedup_by(|a, b| a.full_name() == b.full_name());
    messages.iter().map(location).collect()
}

fn location(message: &MessageDescriptor) -> String {
    let id = |names: &[&str]| {
        let is_id = |field: &FieldDescriptor| field.kind() == Kind::Int64 && !field.is_list();
        let mut found = names
            .iter()
            .filter_map(|name| message.get_field_by_name(name));
        found
            .find(is_id)
            .map_or("0".to_owned(), |field| format!("self.{}", field.name()))
    };
    format!(
        "impl Located for super::{} {{\n    \
             fn location(&self) -> Location {{\n        \
                 Location {{ clan_id: {}, channel_id: {}, message_id: {} }}\n    \
             }}\n\
         }}\n",
        types::path(message),
        id(&["clan_id"]),
        id(&["channel_id", "voice_channel_id", "streaming_channel_id"]),
        id(&["message_id"]),
    )
}

/// Writes one row of the macro.
fn row(field: &FieldDescriptor) -> String {
    let kind = field.kind();
    let message = kind.as_message().expect("every event is a message");
    format!(
        "            ({}, {}, {}, $crate::mezon::{}),\n",
        field.number(),
        field.name(),
        field.name().to_upper_camel_case(),
        types::path(message)
    )
}

const MACRO_DOC: &str = r#"/// Calls a macro with one row `(tag, wire_name, Variant, Type)` for every event of the envelope.
///
/// Use it to turn a variant of [`envelope::Message`](crate::mezon::realtime::envelope::Message)
/// into something typed without writing a hundred arms.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::realtime::{Ping, envelope::Message};
///
/// macro_rules! names {
///     ($(($tag:literal, $name:ident, $Variant:ident, $Type:ty),)*) => {
///         fn name(message: &Message) -> &'static str {
///             match message {
///                 $(Message::$Variant(_) => stringify!($name),)*
///             }
///         }
///     };
/// }
/// greenroom_proto::for_each_mezon_event!(names);
///
/// assert_eq!(name(&Message::Ping(Box::new(Ping {}))), "ping");
/// ```
"#;
