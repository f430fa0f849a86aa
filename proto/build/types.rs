//! The Rust types of the newest wire.

use std::io;

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{
    DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, prost_types::FileDescriptorSet,
};

const DERIVES: &str = "#[derive(serde::Serialize, serde::Deserialize)]";

/// Writes `mezon.api.rs` and `mezon.realtime.rs` into the folder of build results.
pub(crate) fn generate(files: FileDescriptorSet, pool: &DescriptorPool) -> io::Result<()> {
    let mut config = prost_build::Config::new();
    config
        .enable_type_names()
        .bytes(["."])
        .btree_map(["."])
        .type_attribute(".", DERIVES)
        .message_attribute(".", "#[serde(default)]")
        .enum_attribute(
            "mezon.realtime.Envelope.message",
            "#[serde(rename_all = \"snake_case\")]",
        )
        .field_attribute("mezon.realtime.Envelope.message", "#[serde(flatten)]")
        // One pointer per variant: an envelope is moved about a lot more often than it is opened.
        .boxed(".mezon.realtime.Envelope.message");
    for message in messages(pool) {
        for field in message.fields() {
            if let Some(attribute) = json_attribute(&field) {
                config.field_attribute(format!(".{}", field.full_name()), attribute);
            }
        }
    }
    config.compile_fds(files)
}

/// All messages of the platform: no map entries, nothing of Google's.
pub(crate) fn messages(pool: &DescriptorPool) -> impl Iterator<Item = MessageDescriptor> + '_ {
    pool.all_messages()
        .filter(|message| !message.is_map_entry() && message.package_name().starts_with("mezon"))
}

/// The path of a message's Rust type below the module `mezon`.
pub(crate) fn path(message: &MessageDescriptor) -> String {
    let mut path = message.name().to_upper_camel_case();
    let mut outer = message.parent_message();
    while let Some(parent) = outer {
        path = format!("{}::{path}", parent.name().to_snake_case());
        outer = parent.parent_message();
    }
    let file = message
        .package_name()
        .rsplit('.')
        .next()
        .unwrap_or_default();
    format!("{file}::{path}")
}

/// Keeps the JSON form that of Protobuf: names as in the file, 64-bit numbers as text.
fn json_attribute(field: &FieldDescriptor) -> Option<String> {
    let mut parts = Vec::new();
    if field.kind() == Kind::Int64 {
        let module = if field.is_list() { "int64s" } else { "int64" };
        parts.push(format!("with = \"crate::mezon::json::{module}\""));
    }
    let name = field.name();
    if name == "self" {
        parts.push("rename = \"self\"".to_owned());
    } else if name.to_snake_case() != name {
        let other = name.to_snake_case();
        parts.push(format!("rename = \"{name}\", alias = \"{other}\""));
    }
    (!parts.is_empty()).then(|| format!("#[serde({})]", parts.join(", ")))
}
