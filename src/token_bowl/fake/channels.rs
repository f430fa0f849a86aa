//! The channels of the Centrifugo line: numbered publications, of which the newest are kept for those who come back.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use greenroom_actors::clock::Instant;
use greenroom_actors::entropy::Entropy;
use serde_json::{Value, json};

use super::world::UserNo;

/// Which channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    /// `room:main`.
    Room,
    /// `user:NAME`.
    User(UserNo),
}

/// The name of the room's channel.
pub(super) const ROOM: &str = "room:main";

/// The publications of all channels.
#[derive(Debug)]
pub(super) struct Channels {
    streams: BTreeMap<Channel, Stream>,
    entropy: Entropy,
}

#[derive(Debug)]
struct Stream {
    epoch: String,
    last: u64,
    kept: VecDeque<(u64, Value, Instant)>,
}

/// Where a client was in a channel when it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: String,
    pub(super) offset: u64,
}

impl Channels {
    pub(super) fn new(entropy: Entropy) -> Self {
        Self {
            streams: BTreeMap::new(),
            entropy,
        }
    }

    /// Adds a publication; returns its number.
    pub(super) fn publish(&mut self, now: Instant, channel: Channel, data: &Value) -> u64 {
        let stream = self.stream(channel);
        stream.last += 1;
        stream.kept.push_back((stream.last, data.clone(), now));
        let size = match channel {
            Channel::Room => ROOM_KEPT,
            Channel::User(_) => USER_KEPT,
        };
        while stream.kept.len() > size {
            stream.kept.pop_front();
        }
        stream.last
    }

    /// Describes a subscription: where the channel is, and what came since a client left it, if all of that is still there.
    pub(super) fn subscription(
        &mut self,
        now: Instant,
        channel: Channel,
        recover: Option<&Position>,
    ) -> Value {
        let stream = self.stream(channel);
        stream.forget(now);
        let mut shown = json!({
            "recoverable": true,
            "epoch": stream.epoch,
            "offset": stream.last,
            "positioned": true,
        });
        if let Some(position) = recover {
            let missed = stream.since(position);
            shown["was_recovering"] = true.into();
            shown["recovered"] = missed.is_some().into();
            shown["publications"] = missed.unwrap_or_default().into();
        }
        shown
    }

    /// A user is no more.
    pub(super) fn remove(&mut self, user: UserNo) {
        self.streams.remove(&Channel::User(user));
    }

    fn stream(&mut self, channel: Channel) -> &mut Stream {
        let entropy = &self.entropy;
        self.streams.entry(channel).or_insert_with(|| {
            let letters = format!("{:016x}", entropy.next_u64());
            Stream {
                epoch: letters[..4].to_owned(),
                last: 0,
                kept: VecDeque::new(),
            }
        })
    }
}

impl Stream {
    fn forget(&mut self, now: Instant) {
        let is_old = |at: Instant| now.saturating_duration_since(at) >= LIFE;
        while self.kept.front().is_some_and(|(_, _, at)| is_old(*at)) {
            self.kept.pop_front();
        }
    }

    /// Returns what came since a position; none if some of it is gone.
    fn since(&self, position: &Position) -> Option<Vec<Value>> {
        let is_other = !position.epoch.is_empty() && position.epoch != self.epoch;
        if is_other || position.offset > self.last {
            return None;
        }
        let missed = self.last - position.offset;
        let kept = self.kept.len() as u64;
        let from = usize::try_from(kept.checked_sub(missed)?).ok()?;
        let rows = self.kept.range(from..);
        Some(
            rows.map(|(offset, data, _)| json!({"data": data, "offset": offset}))
                .collect(),
        )
    }
}

const ROOM_KEPT: usize = 100;
const USER_KEPT: usize = 50;
const LIFE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use greenroom_actors::clock;

    use super::*;

    fn recovered(channels: &mut Channels, now: Instant, position: &Position) -> (bool, usize) {
        let shown = channels.subscription(now, Channel::User(1), Some(position));
        let missed = shown["publications"].as_array().unwrap();
        (shown["recovered"] == true, missed.len())
    }

    #[test]
    fn who_comes_back_gets_what_is_still_there_or_nothing() {
        let mut channels = Channels::new(Entropy::seeded(1));
        let now = clock::now();
        let shown = channels.subscription(now, Channel::User(1), None);
        assert_eq!(shown["offset"], 0);
        let at = |offset| Position {
            epoch: shown["epoch"].as_str().unwrap().to_owned(),
            offset,
        };
        for number in 1..=60 {
            let offset = channels.publish(now, Channel::User(1), &json!(number));
            assert_eq!(offset, number);
        }
        assert_eq!(recovered(&mut channels, now, &at(60)), (true, 0));
        assert_eq!(recovered(&mut channels, now, &at(58)), (true, 2));
        assert_eq!(recovered(&mut channels, now, &at(10)), (true, 50));
        assert_eq!(recovered(&mut channels, now, &at(9)), (false, 0));
        assert_eq!(recovered(&mut channels, now, &at(61)), (false, 0));
        let other = Position {
            epoch: "other".to_owned(),
            offset: 60,
        };
        assert_eq!(recovered(&mut channels, now, &other), (false, 0));
        let later = now + LIFE;
        assert_eq!(recovered(&mut channels, later, &at(59)), (false, 0));
        assert_eq!(recovered(&mut channels, later, &at(60)), (true, 0));
    }
}
