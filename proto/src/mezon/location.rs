/// Where something happened, as far as its own fields say; 0 for what they do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The clan.
    pub clan_id: i64,
    /// The channel, a voice or streaming channel included.
    pub channel_id: i64,
    /// The message.
    pub message_id: i64,
}

/// Says where it happened. All events of the envelope do.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::{Located, realtime::VoiceStartedEvent};
///
/// let event = VoiceStartedEvent { clan_id: 1, voice_channel_id: 2, ..Default::default() };
/// assert_eq!((event.location().clan_id, event.location().channel_id), (1, 2));
/// ```
pub trait Located {
    /// Returns where it happened.
    fn location(&self) -> Location;
}

include!(concat!(env!("OUT_DIR"), "/mezon_locations.rs"));
