//! The table that rewrites messages between the older and the newest wire.
//!
//! Messages are matched by name, and their fields by name too: exactly if possible, else by one of
//! [`ALIASES`], else a timestamp `x` belongs to `x_seconds`. What has no partner is dropped. How a
//! value changes follows from the types on both sides; a pair of types without a rule stops the
//! build.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::types;

/// Fields that have another name on the older wire: message, older name, newest name.
const ALIASES: [(&str, &str, &str); 5] = [
    (
        "ChannelSettingListRequest",
        "privateChannel",
        "private_channel",
    ),
    ("EphemeralMessageSend", "receiver_id", "receiver_ids"),
    (
        "MessageRef",
        "mesages_sender_avatar",
        "message_sender_avatar",
    ),
    (
        "UserChannelAdded",
        "create_time_second",
        "create_time_seconds",
    ),
    ("VoiceChannelUser", "user_id", "user_ids"),
];

/// Requests whose `clan_id` is written even if it is none: the peers send "0" and expect it.
const CLAN_ALWAYS: [&str; 9] = [
    "ChannelJoin",
    "ChannelLeave",
    "ChannelMessageRemove",
    "ChannelMessageSend",
    "ChannelMessageUpdate",
    "ClanJoin",
    "LastPinMessageEvent",
    "LastSeenMessageEvent",
    "MessageTypingEvent",
];

/// A field of the older wire and its partner.
struct Pair {
    older: FieldDescriptor,
    newest: FieldDescriptor,
    /// The number of the older field with the exact name, if this one only stands in for it.
    stand_in_for: Option<u32>,
}

/// Writes the table, and which entry belongs to which Rust type.
pub(crate) fn generate(older: &DescriptorPool, newest: &DescriptorPool) -> String {
    let matched: Vec<(MessageDescriptor, MessageDescriptor)> = types::messages(newest)
        .filter_map(|new| Some((older.get_message_by_name(&older_name(&new))?, new)))
        .collect();
    let index: BTreeMap<String, usize> = (matched.iter().enumerate())
        .map(|(at, (_, new))| (new.full_name().to_owned(), at))
        .collect();

    let entries: String = (matched.iter())
        .map(|(old, new)| entry(old, new, &index))
        .collect();
    let impls: String = types::messages(newest)
        .map(|message| {
            let at = index.get(message.full_name());
            let path = types::path(&message);
            format!(
                "impl Wired for super::{path} {{\n    const OLDER: Older = Older({at:?});\n}}\n"
            )
        })
        .collect();
    let envelope = index["mezon.realtime.Envelope"];
    format!(
        "pub(super) static MESSAGES: [Message; {}] = [\n{entries}];\n\n\
         pub(super) static ENVELOPE: &Message = &MESSAGES[{envelope}];\n\n{impls}",
        matched.len()
    )
}

fn older_name(newest: &MessageDescriptor) -> String {
    newest.full_name().replacen("mezon.", "mezon_v1.", 1)
}

fn entry(
    old: &MessageDescriptor,
    new: &MessageDescriptor,
    index: &BTreeMap<String, usize>,
) -> String {
    let pairs = pairs(old, new);
    let clan = CLAN_ALWAYS.contains(&new.name()) && new.package_name() == "mezon.realtime";
    if clan {
        // It is then simply the first thing to write.
        assert_eq!(
            new.get_field_by_name("clan_id").map(|f| f.number()),
            Some(1)
        );
        assert_eq!(
            old.get_field_by_name("clan_id").map(|f| f.number()),
            Some(1)
        );
    }
    let written: Vec<&Pair> = pairs.iter().filter(|p| p.stand_in_for.is_none()).collect();
    assert!(
        written.is_sorted_by_key(|pair| (pair.newest.number(), pair.older.number()))
            && written.is_sorted_by_key(|pair| pair.older.number()),
        "{}: rewriting would break the order of the fields",
        new.full_name()
    );

    let upward = pairs.iter().map(|pair| {
        let how = how(pair, index);
        (pair.older.number(), pair.newest.number(), how)
    });
    let downward = written.iter().map(|pair| {
        let how = how(pair, index);
        (pair.newest.number(), pair.older.number(), how)
    });
    let names = old
        .fields()
        .map(|field| (field.number(), field.name().to_owned()));
    let names: BTreeMap<u32, String> = names.collect();
    let names: Vec<&str> = (1..=names.keys().max().copied().unwrap_or(0))
        .map(|number| names.get(&number).map_or("", String::as_str))
        .collect();

    format!(
        "    Message {{\n        \
         name: {:?},\n        \
         same: {},\n        \
         clan_always: {clan},\n        \
         up: &[{}],\n        \
         up_names: &{names:?},\n        \
         down: &[{}],\n    \
         }},\n",
        new.name(),
        same(old, new),
        steps(upward),
        steps(downward),
    )
}

/// Pairs the fields of a message, in the order of the newest numbers.
fn pairs(old: &MessageDescriptor, new: &MessageDescriptor) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = old
        .fields()
        .filter_map(|older| {
            let name = partner(&older, new)?;
            let newest = new.get_field_by_name(&name)?;
            let exact = old.get_field_by_name(&name).map(|field| field.number());
            let stand_in_for = exact.filter(|number| *number != older.number());
            Some(Pair {
                older,
                newest,
                stand_in_for,
            })
        })
        .collect();
    pairs.sort_by_key(|pair| (pair.newest.number(), pair.older.number()));
    pairs
}

/// The name of the partner of an older field.
fn partner(older: &FieldDescriptor, new: &MessageDescriptor) -> Option<String> {
    if new.get_field_by_name(older.name()).is_some() {
        return Some(older.name().to_owned());
    }
    let alias = (ALIASES.iter()).find(|(m, name, _)| *m == new.name() && *name == older.name());
    if let Some((_, _, name)) = alias {
        return Some((*name).to_owned());
    }
    is_message(&older.kind(), "google.protobuf.Timestamp")
        .then(|| format!("{}_seconds", older.name()))
}

/// Lists the steps by source number, with gaps filled by `DROP`.
fn steps(rows: impl Iterator<Item = (u32, u32, String)>) -> String {
    let rows: BTreeMap<u32, (u32, String)> =
        rows.map(|(from, to, how)| (from, (to, how))).collect();
    (1..=rows.keys().max().copied().unwrap_or(0))
        .map(|number| match rows.get(&number) {
            Some((to, how)) => format!("step({to}, How::{how}), "),
            None => "DROP, ".to_owned(),
        })
        .collect()
}

/// How a value is rewritten, as an expression of the enum `How`.
fn how(pair: &Pair, index: &BTreeMap<String, usize>) -> String {
    let (old, new) = (&pair.older, &pair.newest);
    let lists = (old.is_list(), new.is_list());
    let how = match (old.kind(), new.kind()) {
        _ if old.is_map() && new.is_map() => "Copy",
        (Kind::Message(older), Kind::Message(newest)) if same(&older, &newest) => "Copy",
        (Kind::Message(_), Kind::Message(newest)) => {
            assert_eq!(lists.0, lists.1, "{}", old.full_name());
            return format!("Nest({})", index[newest.full_name()]);
        }
        (Kind::Message(older), kind) if lists == (false, false) => {
            match (older.full_name(), kind) {
                ("google.protobuf.Timestamp", Kind::Uint32 | Kind::Int32) => {
                    let signed = new.kind() == Kind::Int32;
                    let stand_in_for = pair.stand_in_for.unwrap_or(0);
                    assert!(stand_in_for < 64, "{} is out of the mask", old.full_name());
                    return format!("Time {{ signed: {signed}, unless: {stand_in_for} }}");
                }
                ("google.protobuf.Int32Value", Kind::Int32)
                | ("google.protobuf.BoolValue", Kind::Bool) => "Unwrap",
                _ => no_rule(pair),
            }
        }
        (Kind::String, Kind::Int64) if lists == (false, false) => "Id",
        (Kind::String, Kind::Int64) if lists == (true, true) => "Ids",
        (Kind::String, Kind::Int64) if lists == (false, true) => "FirstId",
        (Kind::String, Kind::String) if lists == (false, true) => "FirstText",
        (Kind::String, Kind::Int32) if lists == (false, false) => "Number",
        (Kind::String, Kind::Bytes) if lists == (false, false) => "Text",
        (Kind::Int64, Kind::Int32) if lists == (false, false) => "Narrow",
        (older, newest) if older == newest && lists.0 == lists.1 => "Copy",
        _ => no_rule(pair),
    };
    assert!(
        pair.stand_in_for.is_none(),
        "{}: only times can stand in",
        old.full_name()
    );
    how.to_owned()
}

fn no_rule(pair: &Pair) -> ! {
    panic!(
        "no rule rewrites {} as {}",
        pair.older.full_name(),
        pair.newest.full_name()
    )
}

/// Whether the newest message is read and written alike on the older wire, all the way down.
fn same(old: &MessageDescriptor, new: &MessageDescriptor) -> bool {
    old.full_name() == new.full_name()
        || new.fields().all(|newest| {
            let Some(older) = old.get_field(newest.number()) else {
                return false;
            };
            let kinds = match (older.kind(), newest.kind()) {
                (Kind::Message(older), Kind::Message(newest)) => same(&older, &newest),
                (older, newest) => older == newest,
            };
            kinds
                && older.name() == newest.name()
                && older.is_list() == newest.is_list()
                && older.is_map() == newest.is_map()
        })
}

fn is_message(kind: &Kind, name: &str) -> bool {
    matches!(kind, Kind::Message(message) if message.full_name() == name)
}
