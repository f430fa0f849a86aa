//! What the agent of a meeting tells.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mezon::lenient;

/// What every event of an agent says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentEvent {
    /// The platform's id of the event; may be empty.
    pub event_id: String,
    /// When it happened, as the platform writes it, such as `2026-03-01T10:30:00Z`; may be empty.
    pub timestamp: String,
    /// Where it happened.
    pub room: AgentRoom,
    /// Whatever else the platform tells.
    pub metadata: Map<String, Value>,
}

/// The room that an agent is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRoom {
    /// Its id.
    pub room_id: String,
    /// Its name: the meeting code of the voice channel.
    pub room_name: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $Kind:ident = $wire:literal,)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            pub struct $Kind(pub AgentEvent);

            impl Deref for $Kind {
                type Target = AgentEvent;

                fn deref(&self) -> &AgentEvent {
                    &self.0
                }
            }
        )*

        /// An event of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub(super) enum Told {
            $($Kind($Kind),)*
        }

        impl Told {
            fn new(kind: &str, event: AgentEvent) -> Result<Self, Unread> {
                match kind {
                    $($wire => Ok(Self::$Kind($Kind(event))),)*
                    other => Err(Unread::Kind(other.chars().take(64).collect())),
                }
            }
        }
    };
}

kinds! {
    /// An agent has come into a room (`session_started`).
    SessionStarted = "room_started",
    /// An agent has left a room (`session_ended`).
    SessionEnded = "room_ended",
    /// An agent has summed up what was said in a room (`room_summary_done`).
    RoomSummaryDone = "room_summary_done",
}

/// Why something that the server sent is no event of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("its data is no object of JSON")]
    Data,
    #[error("this version does not know {0:?}")]
    Kind(String),
}

/// Reads the data of a server-sent event. A field that is absent or of another type is the empty one.
pub(super) fn read(data: &str) -> Result<Told, Unread> {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(data) else {
        return Err(Unread::Data);
    };
    let metadata = match fields.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    let fields = Value::Object(fields);
    let room = &fields["room"];
    let event = AgentEvent {
        event_id: lenient::text(&fields, "event_id"),
        timestamp: lenient::text(&fields, "timestamp"),
        room: AgentRoom {
            room_id: lenient::text(room, "room_id"),
            room_name: lenient::text(room, "room_name"),
        },
        metadata,
    };
    Told::new(&lenient::text(&fields, "event_type"), event)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_leniently_and_by_kind() {
        let full = json!({
            "event_id": "e", "event_type": "room_ended", "timestamp": "2026-03-01T10:30:00Z",
            "room": {"room_id": "r", "room_name": "n"}, "metadata": {"x": 1},
        });
        let event = AgentEvent {
            event_id: "e".to_owned(),
            timestamp: "2026-03-01T10:30:00Z".to_owned(),
            room: AgentRoom {
                room_id: "r".to_owned(),
                room_name: "n".to_owned(),
            },
            metadata: Map::from_iter([("x".to_owned(), json!(1))]),
        };
        assert_eq!(
            read(&full.to_string()),
            Ok(Told::SessionEnded(SessionEnded(event)))
        );
        let bare =
            |kind: &str| read(&json!({"event_type": kind, "room": 7, "metadata": []}).to_string());
        assert_eq!(
            bare("room_started"),
            Ok(Told::SessionStarted(SessionStarted::default()))
        );
        assert_eq!(
            bare("room_summary_done"),
            Ok(Told::RoomSummaryDone(RoomSummaryDone::default()))
        );
        assert_eq!(
            bare("room_record_done"),
            Err(Unread::Kind("room_record_done".to_owned()))
        );
        assert_eq!(bare(""), Err(Unread::Kind(String::new())));
        let numbered = json!({"event_type": "room_started", "timestamp": 7}).to_string();
        let Ok(Told::SessionStarted(started)) = read(&numbered) else {
            panic!("{numbered}");
        };
        assert_eq!(started.timestamp, "7");
        for bad in ["", "no", "[]", "7", "{"] {
            assert_eq!(read(bad), Err(Unread::Data), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(data in ".*") {
            let _ = read(&data);
        }
    }
}
