//! Messages as they are kept in the cache.

use greenroom_actors::cache::Record;
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::{self, FrameError, Wire, api};

use super::limits::{REMOVED, UPDATED};
use super::scan::Heading;
use crate::cache::{Key, MessageLog, News, Noted};

/// Notes a message in the form of a wire.
pub(super) fn note(log: &MessageLog, wire: Wire, body: &[u8], message: &Heading) -> Noted {
    let news = match message.code {
        REMOVED => News::Removed,
        UPDATED => News::Changed,
        _ => News::Said,
    };
    let key = Key {
        channel: ChannelKey::new(message.clan_id, message.channel_id),
        id: Id::from(message.message_id),
        at: message.at,
        format: format_of(wire),
    };
    log.note(news, key, body)
}

/// Decodes a message that was kept.
///
/// # Errors
///
/// If the record is not a message of this platform.
pub fn read_record(record: &Record) -> Result<api::ChannelMessage, FrameError> {
    let wire = wire_of(record.format).unwrap_or(Wire::V2);
    let mut message: api::ChannelMessage = mezon::decode(wire, record.body.clone())?;
    // A changed message is kept as a whole; that it was changed once is of no interest.
    if message.code == UPDATED {
        message.code = 0;
    }
    Ok(message)
}

/// Returns the wire in whose form bodies of this format are, if they are messages of this platform.
pub(crate) fn wire_of(format: u8) -> Option<Wire> {
    match format {
        FORMAT_V1 => Some(Wire::V1),
        FORMAT_V2 => Some(Wire::V2),
        _ => None,
    }
}

fn format_of(wire: Wire) -> u8 {
    match wire {
        Wire::V1 => FORMAT_V1,
        Wire::V2 => FORMAT_V2,
    }
}

const FORMAT_V1: u8 = 1;
/// The format of bodies of the newer wire.
pub(crate) const FORMAT_V2: u8 = 2;
