//! The wire between a platform and one websocket: what it carries may come late, in another order, or not at all. Plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom_actors::clock::Instant;
use greenroom_actors::connection::Frame;

use super::fault::{Fault, FaultKind};
use super::journal::Direction;

/// The wire of one websocket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wire {
    stalled_until: Option<Instant>,
    /// Nothing that keeps the order leaves before.
    leaves_from: Option<Instant>,
    /// Nothing is read before.
    reads_from: Option<Instant>,
    /// So many bytes a second are read, until then.
    slow: Option<(u64, Instant)>,
}

impl Wire {
    /// Lets something happen to the wire as a whole.
    pub(super) fn suffer(&mut self, fault: &Fault, now: Instant) {
        let until = now + fault.duration();
        match (fault.kind, fault.direction) {
            (FaultKind::Stall, _) => self.stalled_until = Some(until),
            (FaultKind::Slow, _) => self.slow = Some((fault.bytes, until)),
            (FaultKind::Clog, Direction::In) => self.reads_from = Some(until),
            (FaultKind::Clog, Direction::Out) => {
                self.leaves_from = self.leaves_from.max(Some(until));
            }
            _ => {}
        }
    }

    /// Nothing goes in or out before, and nothing is lost.
    pub(super) fn pause(&mut self, until: Instant) {
        self.reads_from = Some(until);
        self.leaves_from = self.leaves_from.max(Some(until));
    }

    /// Says for how much longer the other side is ignored.
    pub(super) fn stalled(&self, now: Instant) -> Option<Duration> {
        let left = self.stalled_until?.saturating_duration_since(now);
        Some(left).filter(|left| !left.is_zero())
    }

    /// Says when a frame leaves that keeps the order and is `late`.
    pub(super) fn leaves(&mut self, now: Instant, late: Duration) -> Instant {
        let at = (now + late).max(self.leaves_from.unwrap_or(now));
        if at > now {
            self.leaves_from = Some(at);
        }
        at
    }

    /// So many bytes were read: the slower, the later comes the next read.
    pub(super) fn read(&mut self, now: Instant, bytes: usize) {
        let Some((rate, until)) = self.slow.filter(|(_, until)| *until > now) else {
            return;
        };
        let micros = (bytes as u64).saturating_mul(1_000_000) / rate.max(1);
        let next = self.reads_from.unwrap_or(now).max(now) + Duration::from_micros(micros);
        // A slow reader is as quick as any other once it is over.
        self.reads_from = Some(next.min(until));
    }

    /// Says from when on the next bytes are read.
    pub(super) fn reads(&self) -> Option<Instant> {
        self.reads_from
    }
}

/// Frames that wait to leave, each for its moment; those of one moment in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    frames: BTreeMap<(Instant, u64), Frame>,
    last: u64,
}

impl Departures {
    /// Adds a frame.
    pub(crate) fn add(&mut self, at: Instant, frame: Frame) {
        self.last += 1;
        self.frames.insert((at, self.last), frame);
    }

    /// Takes the next frame whose moment has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Frame> {
        let first = self
            .frames
            .first_entry()
            .filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    /// Returns the moment of the next frame.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.frames.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use greenroom_actors::clock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_clogged_leaves_afterwards_in_order() {
        let (mut wire, now) = (Wire::default(), clock::now());
        wire.suffer(&Fault::new(FaultKind::Clog).lasting(SECOND), now);
        assert_eq!(wire.leaves(now, Duration::ZERO), now + SECOND);
        assert_eq!(wire.leaves(now + SECOND / 2, SECOND), now + SECOND * 3 / 2);
        assert_eq!(
            wire.leaves(now + SECOND, Duration::ZERO),
            now + SECOND * 3 / 2
        );
        assert_eq!(
            wire.leaves(now + 2 * SECOND, Duration::ZERO),
            now + 2 * SECOND
        );
        assert_eq!(wire.reads(), None);
        wire.suffer(&Fault::new(FaultKind::Clog).direction(Direction::In), now);
        assert_eq!(wire.reads(), Some(now + 5 * SECOND));
    }

    #[test]
    fn a_slow_reader_takes_its_time_until_it_is_over() {
        let (mut wire, now) = (Wire::default(), clock::now());
        wire.read(now, 1 << 20);
        assert_eq!(wire.reads(), None);
        wire.suffer(
            &Fault::new(FaultKind::Slow).bytes(100).lasting(10 * SECOND),
            now,
        );
        wire.read(now, 50);
        assert_eq!(wire.reads(), Some(now + SECOND / 2));
        wire.read(now, 50);
        assert_eq!(wire.reads(), Some(now + SECOND));
        wire.read(now, 1 << 20);
        assert_eq!(wire.reads(), Some(now + 10 * SECOND));
    }

    #[test]
    fn a_stall_ends_by_time_or_by_one_of_no_length() {
        let (mut wire, now) = (Wire::default(), clock::now());
        wire.suffer(&FaultKind::Stall.into(), now);
        assert_eq!(wire.stalled(now), Some(30 * SECOND));
        assert_eq!(wire.stalled(now + 30 * SECOND), None);
        wire.suffer(&Fault::new(FaultKind::Stall).lasting(Duration::ZERO), now);
        assert_eq!(wire.stalled(now), None);
    }

    #[test]
    fn frames_leave_at_their_moments() {
        let now = clock::now();
        let frame = |text: &'static str| Frame::Text(Bytes::from_static(text.as_bytes()));
        let mut departures = Departures::default();
        departures.add(now + SECOND, frame("late"));
        departures.add(now, frame("one"));
        departures.add(now, frame("two"));
        assert_eq!(departures.take(now), Some(frame("one")));
        assert_eq!(departures.take(now), Some(frame("two")));
        assert_eq!(departures.take(now), None);
        assert_eq!(departures.next(), Some(now + SECOND));
        assert_eq!(departures.take(now + SECOND), Some(frame("late")));
    }
}
