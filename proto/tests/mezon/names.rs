//! The names of events and fields.

use greenroom_proto::mezon::{self, Wire, Wired, realtime::envelope::Message};
use prost_reflect::FieldDescriptor;

use crate::{oracle, round_trips::events};

macro_rules! collect {
    ($(($tag:literal, $name:ident, $Variant:ident, $Type:ty),)*) => {
        /// Every row of the macro: tag, name, the type's name.
        fn rows() -> Vec<(u32, &'static str, String)> {
            vec![$(($tag, stringify!($name), full_name::<$Type>())),*]
        }

        fn tag(message: &Message) -> u32 {
            match message {
                $(Message::$Variant(content) => {
                    let _: &$Type = content;
                    $tag
                })*
            }
        }
    };
}
greenroom_proto::for_each_mezon_event!(collect);

fn full_name<M: Wired>() -> String {
    M::full_name()
}

#[test]
fn every_event_has_a_name_and_a_row() {
    let row = |field: &FieldDescriptor| {
        let kind = field.kind();
        let content = kind.as_message().expect("events are messages");
        (
            field.number(),
            field.name().to_owned(),
            content.full_name().to_owned(),
        )
    };
    let mut fields: Vec<_> = events(Wire::V2).iter().map(row).collect();
    fields.sort();
    let rows = rows()
        .into_iter()
        .map(|(tag, name, ty)| (tag, name.to_owned(), ty));
    assert_eq!(rows.collect::<Vec<_>>(), fields);

    assert_eq!(mezon::events().count(), fields.len());
    for ((tag, name), field) in mezon::events().zip(&fields) {
        assert_eq!((tag, name), (field.0, &*field.1));
        assert_eq!(mezon::event_name(tag), Some(name));
        assert_eq!(mezon::event_tag(name), Some(tag));
    }
    for tag in [0, 1, 101, u32::MAX] {
        assert_eq!(mezon::event_name(tag), None);
    }
    for name in ["", "cid", "CHANNEL_MESSAGE", "zzz"] {
        assert_eq!(mezon::event_tag(name), None);
    }
    assert_eq!(tag(&Message::Pong(Box::default())), 23);
}

#[test]
fn no_two_events_have_the_same_type() {
    let mut types: Vec<_> = rows().into_iter().map(|(_, _, ty)| ty).collect();
    types.sort();
    types.dedup();
    assert_eq!(types.len(), rows().len());
}

#[test]
fn only_known_fields_of_the_older_wire_are_dropped() {
    let golden = include_str!("../golden/v1_only.txt");
    let expected: Vec<_> = golden
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let dropped = oracle::dropped();
    assert_eq!(dropped, expected, "\n{}\n", dropped.join("\n"));
}
