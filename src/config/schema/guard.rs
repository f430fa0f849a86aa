//! What a handler is spared: the filters and the cooldown of `[[handlers]]`.

use std::time::Duration;

use serde::Serialize;

use super::{HOUR, PLATFORMS, millis};
use crate::config::reader::Section;
use crate::config::value::Choice;

/// What a handler is spared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Guard {
    /// The channels whose events it handles, each an id or `SPACE/CHANNEL`; all by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// The texts of which a message must have one in it, to be handled; any by default. Case counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// The platforms whose events it handles; all by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// The texts with one of which a message must begin, to be handled; any by default. Case counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
    /// The ids or names of the users whose events it handles; everybody's by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// How long it does nothing more for whom it has just done something; not at all by default.
    #[serde(
        rename = "cooldown_ms",
        skip_serializing_if = "Duration::is_zero",
        serialize_with = "millis"
    )]
    pub cooldown: Duration,
    /// For whom the cooldown holds; the user by default.
    #[serde(skip_serializing_if = "CooldownPer::is_default")]
    pub cooldown_per: CooldownPer,
}

impl Guard {
    /// What it is read from.
    pub(super) const KEYS: [&'static str; 7] = [
        "channels",
        "contains",
        "cooldown_ms",
        "cooldown_per",
        "platforms",
        "starts_with",
        "users",
    ];

    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let guard = Self {
            channels: section.names("channels"),
            contains: section.names("contains"),
            platforms: section.names("platforms"),
            starts_with: section.names("starts_with"),
            users: section.names("users"),
            cooldown: section.millis("cooldown_ms", Duration::ZERO, 0..=24 * HOUR),
            cooldown_per: section.choice("cooldown_per", CooldownPer::default()),
        };
        let is_place = |text: &String| {
            let mut parts = text.split('/');
            text.split('/').count() <= 2 && parts.all(|part| !part.trim().is_empty())
        };
        if !guard.channels.iter().all(is_place) {
            section.fault("channels", "must be ids of channels, or SPACE/CHANNEL");
        }
        for platform in &guard.platforms {
            if !PLATFORMS.contains(&platform.as_str()) {
                let message = format!("must be one of {}", PLATFORMS.join(", "));
                section.fault("platforms", message);
            } else if !section.has_platform(platform) {
                let message =
                    format!("has `{platform}`, for which there is no section [{platform}]");
                section.fault("platforms", message);
            }
        }
        if section.has("cooldown_per") && guard.cooldown.is_zero() {
            section.fault("cooldown_per", "says nothing without cooldown_ms");
        }
        guard
    }
}

/// For whom a cooldown holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CooldownPer {
    /// For the channel: whoever asks there.
    Channel,
    /// For everybody.
    Everybody,
    /// For the user: wherever they ask.
    #[default]
    User,
}

impl CooldownPer {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Choice for CooldownPer {
    const ALL: &'static [(&'static str, Self)] = &[
        ("channel", Self::Channel),
        ("everybody", Self::Everybody),
        ("user", Self::User),
    ];
}
