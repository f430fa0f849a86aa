//! Messages as they are kept in the cache: as JSON, in the order of their moments.

use greenroom_actors::cache::Record;
use greenroom_actors::event::{ChannelKey, Id};

use super::model::Message;
use crate::cache::{Key, MessageLog, News, Noted};

/// Keeps the messages of one account.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) log: MessageLog,
    /// The label of the account.
    pub(super) account: Id,
}

impl Log {
    /// Notes a message of a conversation.
    pub(super) fn note(&self, channel: &ChannelKey, message: &Message) -> Noted {
        let body = match serde_json::to_vec(message) {
            Ok(body) => body,
            // What was read as JSON can be written as JSON.
            Err(error) => {
                tracing::error!(%error, "a message could not be kept");
                return Noted::Later;
            }
        };
        let key = Key {
            channel: kept_under(&self.account, channel),
            id: place(message),
            at: message.timestamp.unix_seconds(),
            format: FORMAT,
        };
        self.log.note(News::Said, key, &body)
    }
}

/// Returns the channel of the cache for a conversation of an account.
pub(super) fn kept_under(account: &Id, conversation: &ChannelKey) -> ChannelKey {
    ChannelKey::new(account, &conversation.channel)
}

/// Returns the id under which a message is kept: ids of the platform are in no order.
fn place(message: &Message) -> Id {
    let micros = message.timestamp.unix_micros().max(0);
    Id::from(format!("{micros:016}-{}", message.id))
}

/// Reads a message that was kept.
///
/// # Errors
///
/// If the record is not a message of this platform.
pub fn read_record(record: &Record) -> Result<Message, serde_json::Error> {
    serde_json::from_slice(&record.body)
}

/// The format of bodies that are a message as JSON; those of other platforms have other numbers.
pub(crate) const FORMAT: u8 = 3;
