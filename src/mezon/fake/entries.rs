//! The entries of a world file.

use serde::Deserialize;

use super::world::channel_type;

/// An id, written as text or as a number.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "TextOrNumber")]
pub(super) struct Id(pub(super) i64);

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Number(i64),
    Text(String),
}

impl TryFrom<TextOrNumber> for Id {
    type Error = String;

    fn try_from(value: TextOrNumber) -> Result<Self, String> {
        let id = match value {
            TextOrNumber::Number(id) => Some(id),
            TextOrNumber::Text(text) => text.parse().ok(),
        };
        id.filter(|id| *id > 0)
            .map(Self)
            .ok_or_else(|| "an id must be a decimal number above 0".to_owned())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bot {
    pub(super) id: Id,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) avatar: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) avatar: Option<String>,
    pub(super) friend: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Clan {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) welcome_channel: Option<Id>,
    #[serde(default)]
    pub(super) logo: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Room {
    pub(super) id: Id,
    pub(super) clan: Id,
    pub(super) label: String,
    #[serde(default = "text_type")]
    pub(super) r#type: i32,
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default)]
    pub(super) category: String,
    pub(super) parent: Option<Id>,
    #[serde(default)]
    pub(super) meeting_code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dm {
    pub(super) id: Id,
    pub(super) bot: Option<Id>,
    pub(super) user: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) id: Id,
    pub(super) clan: Id,
    pub(super) title: String,
    #[serde(default)]
    pub(super) color: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seat {
    pub(super) id: String,
    pub(super) channel: Id,
    pub(super) user: Id,
}

fn text_type() -> i32 {
    channel_type::TEXT
}
