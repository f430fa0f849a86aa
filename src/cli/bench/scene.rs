//! Who says what, where: the standard scene, or one that is like a world of the simulator.

use std::path::Path;

use greenroom_proto::mezon::api;
use serde_json::json;

use crate::cli::{Failure, FailureKind};
use crate::mezon::fake::Cast;
use crate::simulator::World;

/// Clans, channels, people, and what they say.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) clans: Vec<api::ClanDesc>,
    pub(super) channels: Vec<api::ChannelDescription>,
    pub(super) senders: Vec<Sender>,
    /// What is said, in turn, as JSON.
    pub(super) contents: Vec<String>,
}

/// Somebody who speaks.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) display: String,
    pub(super) avatar: String,
}

impl Scene {
    /// So many channels of one clan, and 500 people.
    pub(super) fn standard(channels: usize) -> Self {
        let clan = api::ClanDesc {
            clan_id: CLAN,
            clan_name: "Blast".to_owned(),
            welcome_channel_id: FIRST_CHANNEL,
            ..Default::default()
        };
        let channels = (0..channels.max(1)).map(|number| api::ChannelDescription {
            clan_id: CLAN,
            channel_id: nth(FIRST_CHANNEL, number),
            channel_label: format!("channel-{number:02}"),
            r#type: 1,
            ..Default::default()
        });
        let senders = (0..SENDERS).map(|number| Sender {
            id: nth(FIRST_SENDER, number),
            name: format!("user{number:03}"),
            display: format!("User {number:03}"),
            avatar: format!("https://cdn.example.org/avatars/{number:03}.png"),
        });
        Self {
            clans: vec![clan],
            channels: channels.collect(),
            senders: senders.collect(),
            contents: vec![CONTENT.to_owned()],
        }
    }

    /// The people and channels of a world. They say `lines` in turn, or what people say in the standard scene.
    ///
    /// # Errors
    ///
    /// The file is wrong, or nobody can say anything in it.
    pub(super) fn of_world(file: &Path, lines: &[String]) -> Result<Self, Failure> {
        let Cast {
            clans,
            channels,
            users,
        } = Cast::of(&World::read(file)?)?;
        if channels.is_empty() || users.is_empty() {
            let message = format!(
                "{}: a world needs somebody who speaks and a channel of a clan to speak in",
                file.display()
            );
            return Err(Failure::new(FailureKind::Configuration, message));
        }
        let senders = users.into_iter().map(|user| Sender {
            id: user.id,
            name: user.username,
            display: user.display_name,
            avatar: user.avatar_url,
        });
        Ok(Self {
            clans,
            channels,
            senders: senders.collect(),
            ..Self::standard(1).saying(lines)
        })
    }

    /// Puts `lines` in place of what is said, if there are any.
    pub(super) fn saying(self, lines: &[String]) -> Self {
        let contents = lines.iter().map(|line| json!({"t": line}).to_string());
        match lines.is_empty() {
            true => self,
            false => Self {
                contents: contents.collect(),
                ..self
            },
        }
    }
}

fn nth(first: i64, number: usize) -> i64 {
    first + i64::try_from(number).unwrap_or_default()
}

/// The clan of the standard scene.
pub(super) const CLAN: i64 = 2_000_000_000_000_000_001;
/// Its first channel; the others follow it.
pub(super) const FIRST_CHANNEL: i64 = 3_000_000_000_000_000_000;
const FIRST_SENDER: i64 = 4_000_000_000_000_000_000;
const SENDERS: usize = 500;
/// What everybody says. The zeros make room for a time.
const CONTENT: &str = r#"{"t":"0000000000000000000 the stage is set, the lights are on, and somebody has to say something: who goes first, and what is the first line?"}"#;
