//! What the platform allows, and the numbers that it gives its kinds of things.

use std::time::Duration;

use greenroom_actors::connection::RequestError;

/// Checks the length of a content, as JSON text in UTF-16 units.
///
/// # Errors
///
/// [`RequestError::Invalid`] with the length and the limit.
pub(super) fn check_content(content: &str, limit: usize) -> Result<(), RequestError> {
    // A byte is never less than a unit.
    if content.len() <= limit {
        return Ok(());
    }
    let length = content.encode_utf16().count();
    if length <= limit {
        return Ok(());
    }
    Err(RequestError::Invalid(format!(
        "the content has {length} UTF-16 units, the limit is {limit}"
    )))
}

/// Returns the mode of messages in a channel of this type.
#[must_use]
pub fn mode_of(channel_type: i32) -> i32 {
    match channel_type {
        1 | 8 | 10 => 2,
        2 => 3,
        3 => 4,
        7 => 6,
        _ => 0,
    }
}

/// Returns the type of the channel in which messages have this mode.
#[must_use]
pub fn type_of(mode: i32) -> i32 {
    match mode {
        3 => GROUP,
        4 => DIRECT,
        6 => THREAD,
        _ => 1,
    }
}

/// The type of a conversation of several people in no clan.
pub(super) const GROUP: i32 = 2;
/// The type of a direct conversation.
pub(super) const DIRECT: i32 = 3;
/// The type of a thread.
pub(super) const THREAD: i32 = 7;
/// The mode of messages in a direct conversation.
pub(super) const DIRECT_MODE: i32 = 4;
/// How conversations of a group are written to.
pub(super) const GROUP_MODE: i32 = 3;
/// The code of a message that was changed.
pub(super) const UPDATED: i32 = 1;
/// The code of a message that was removed.
pub(super) const REMOVED: i32 = 2;
/// The code of a message that tells of tokens.
pub(super) const SENT_TOKEN: i32 = 11;
/// The code of a message that only its receivers see.
pub(super) const EPHEMERAL: i32 = 12;
/// The code that changes such a message.
pub(super) const EPHEMERAL_UPDATED: i32 = 14;
/// The code that takes such a message back.
pub(super) const EPHEMERAL_REMOVED: i32 = 15;
/// The code of a notification that somebody wants to be a friend.
pub(super) const FRIEND_REQUEST: i32 = -2;
/// The clan of all direct conversations.
pub(super) const DIRECT_CLAN: i64 = 0;
/// At most so many requests are sent in any second.
pub(super) const PER_SECOND: usize = 80;
/// The largest frame that is read.
pub(super) const MAX_FRAME: usize = 16 * 1024 * 1024;
/// The platform asks clients not to come back sooner.
pub(super) const LEAST_WAIT: Duration = Duration::from_millis(500);
/// The largest answer over HTTP that is read.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_as_the_platform_does() {
        let wave = "\u{1F44B}".repeat(10);
        assert!(check_content(&wave, 20).is_ok());
        let error = check_content(&wave, 19).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the request is invalid: the content has 20 UTF-16 units, the limit is 19"
        );
        assert!(check_content("é", 1).is_ok());
    }

    #[test]
    fn modes_follow_types() {
        let modes = (0..12).map(mode_of).collect::<Vec<_>>();
        assert_eq!(modes, [0, 2, 3, 4, 0, 0, 0, 6, 2, 0, 2, 0]);
        for channel_type in [1, 2, 3, 7] {
            assert_eq!(type_of(mode_of(channel_type)), channel_type);
        }
    }
}
