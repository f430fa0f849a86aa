//! Events by name, and what the names are.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use greenroom_proto::mezon::{self, FrameError, Wire};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Any realtime event of the platform, with its name: for those who do not know the types.
///
/// Its body is in the JSON form of protobuf: names as on the wire, 64-bit numbers as text, absent fields with their defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnyEvent {
    /// The name of the field of the envelope, such as `channel_created_event`.
    pub name: String,
    /// The event.
    pub body: Value,
}

impl AnyEvent {
    /// Says whether `name` means this event, in any spelling of it; see [`event_name`].
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        event_name(name) == Some(self.name.as_str())
    }

    /// Reads the event as its own type, such as `realtime::VoiceStartedEvent`.
    ///
    /// # Errors
    ///
    /// If it is of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.body)
    }
}

macro_rules! names {
    ($(($tag:literal, $name:ident, $Variant:ident, $Type:ty),)*) => {
        /// The name of a realtime event; each has a variant.
        ///
        /// It is parsed from any spelling that is in use: the one on the wire, constants with and without `_EVENT` at their end, in
        /// whatever case.
        ///
        /// # Examples
        ///
        /// ```
        /// use greenroom::mezon::EventName;
        ///
        /// assert_eq!("CHANNEL_CREATED".parse(), Ok(EventName::ChannelCreatedEvent));
        /// assert_eq!("CHANNEL_CREATED_EVENT".parse(), Ok(EventName::ChannelCreatedEvent));
        /// assert_eq!("TOKEN_SEND".parse(), Ok(EventName::TokenSentEvent));
        /// assert_eq!(EventName::ChannelMessage.as_str(), "channel_message");
        /// assert_eq!("NOTHING".parse::<EventName>().unwrap_err().to_string(), "Mezon has no event `NOTHING`");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum EventName {
            $(#[doc = concat!("`", stringify!($name), "`")] $Variant,)*
        }

        impl EventName {
            /// All events, in the order of their numbers on the wire.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];

            /// Returns the name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => stringify!($name),)*
                }
            }
        }

        impl AnyEvent {
            /// Decodes the body of an event; `None` if this version does not know it.
            pub(super) fn decode(wire: Wire, tag: u32, body: Bytes) -> Result<Option<Self>, FrameError> {
                let (name, body) = match tag {
                    $($tag => {
                        let event: $Type = mezon::decode(wire, body)?;
                        (stringify!($name), serde_json::to_value(&event))
                    })*
                    _ => return Ok(None),
                };
                Ok(Some(Self {
                    name: name.to_owned(),
                    body: body.unwrap_or_default(),
                }))
            }
        }
    };
}

greenroom_proto::for_each_mezon_event!(names);

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventName {
    type Err = UnknownEvent;

    fn from_str(name: &str) -> Result<Self, UnknownEvent> {
        let found = event_name(name);
        let mut all = Self::ALL.iter().copied();
        all.find(|event| Some(event.as_str()) == found)
            .ok_or_else(|| UnknownEvent(name.to_owned()))
    }
}

/// The platform has no event of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Mezon has no event `{0}`")]
pub struct UnknownEvent(pub String);

/// Finds the name of an event on the wire by any spelling that is in use.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::event_name;
///
/// assert_eq!(event_name("CHANNEL_CREATED"), Some("channel_created_event"));
/// assert_eq!(event_name("channel_created_event"), Some("channel_created_event"));
/// assert_eq!(event_name("TOKEN_SEND"), Some("token_sent_event"));
/// assert_eq!(event_name("nothing like it"), None);
/// ```
#[must_use]
pub fn event_name(name: &str) -> Option<&'static str> {
    let wanted = match short(name) {
        alias if alias.eq_ignore_ascii_case("token_send") => "token_sent",
        alias if alias.eq_ignore_ascii_case("ai_agent_enable") => "aiagent_enabled",
        other => other,
    };
    greenroom_proto::mezon::events()
        .map(|(_, name)| name)
        .find(|name| short(name).eq_ignore_ascii_case(wanted))
}

/// Drops one `_EVENT` from the end.
fn short(name: &str) -> &str {
    match name
        .len()
        .checked_sub(SUFFIX.len())
        .and_then(|at| name.split_at_checked(at))
    {
        Some((short, suffix)) if suffix.eq_ignore_ascii_case(SUFFIX) => short,
        _ => name,
    }
}

const SUFFIX: &str = "_event";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_found_by_its_spellings() {
        for (_, name) in greenroom_proto::mezon::events() {
            let upper = name.to_ascii_uppercase();
            for spelling in [
                name,
                &upper,
                short(name),
                short(&upper),
                &format!("{}_EVENT", short(name)),
            ] {
                assert_eq!(event_name(spelling), Some(name), "{spelling}");
                assert_eq!(spelling.parse::<EventName>().unwrap().as_str(), name);
            }
        }
        for (seed, name) in [
            ("MESSAGE_TYPING_EVENT", "message_typing_event"),
            ("CLAN_UPDATED_EVENT", "clan_updated_event"),
            ("AI_AGENT_ENABLE", "aiagent_enabled_event"),
            ("MESSAGE_BUTTON_CLICKED", "message_button_clicked"),
        ] {
            assert_eq!(event_name(seed), Some(name));
        }
        for nothing in ["", "_event", "\u{1F44B}_event", "cid"] {
            assert_eq!(event_name(nothing), None, "{nothing}");
        }
    }
}
