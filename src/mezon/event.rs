//! Events by name, and what the names are.

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
}

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
