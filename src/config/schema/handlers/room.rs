//! Conversations of handlers that speak of themselves.

use crate::chat::Room;
use crate::config::reader::Section;

/// Where something can be said without having been asked.
const PLATFORMS: [&str; 2] = ["mezon", "token_bowl"];

/// Reads a list of conversations.
pub(super) fn read_all(section: &mut Section<'_>, key: &'static str) -> Vec<Room> {
    let mut rooms: Vec<Room> = Vec::new();
    for mut entry in section.sections(key) {
        let room = read(&mut entry);
        if rooms.contains(&room) {
            entry.fault("platform", format!("`{room}` is there twice"));
        }
        entry.finish();
        rooms.push(room);
    }
    rooms
}

/// Reads one conversation: `platform`, `channel`, and `account` where there are several.
pub(super) fn read(section: &mut Section<'_>) -> Room {
    let platform = section.required_name("platform", PLATFORMS.into_iter());
    let platform = platform.unwrap_or_default();
    if !platform.is_empty() && !section.has_platform(&platform) {
        let message = format!("is `{platform}`, for which there is no section [{platform}]");
        section.fault("platform", message);
    }
    let channel = section.name("channel");
    if platform == "mezon" {
        section.require("channel", channel.is_none());
    }
    if let Some(channel) = &channel
        && platform == "token_bowl"
        && channel != ROOM
        && !channel.starts_with('@')
    {
        section.fault("channel", "must be `room`, or `@NAME` for a user");
    }
    Room::new(platform, channel.unwrap_or_else(|| ROOM.to_owned()))
        .account(section.text("account", ""))
}

/// The only one of Token Bowl Chat.
const ROOM: &str = "room";
