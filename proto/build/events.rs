//! The names of the events, and the macro that walks through all of them.

use heck::ToUpperCamelCase;
use prost_reflect::{DescriptorPool, FieldDescriptor};

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
