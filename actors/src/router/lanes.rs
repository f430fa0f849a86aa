//! Which event is next: order and concurrency as plain data.

use std::collections::{BTreeMap, VecDeque};

use super::Order;
use crate::event::{ChannelKey, Id};

/// The one lane of [`Order::Serial`].
const EVERYTHING: ChannelKey = ChannelKey {
    space: Id::NONE,
    channel: Id::NONE,
};

/// Sorts jobs into lanes, one a channel or one for all: a lane has one job running at most.
#[derive(Debug)]
pub(crate) struct Lanes<J> {
    order: Order,
    concurrency: usize,
    /// The lanes that are busy, each with the jobs behind the one that runs.
    busy: BTreeMap<ChannelKey, VecDeque<J>>,
    ready: VecDeque<J>,
    parked: usize,
    running: usize,
}

impl<J> Lanes<J> {
    pub(crate) fn new(order: Order, concurrency: usize) -> Self {
        Self {
            order,
            concurrency: if order == Order::Serial {
                1
            } else {
                concurrency.max(1)
            },
            busy: BTreeMap::new(),
            ready: VecDeque::new(),
            parked: 0,
            running: 0,
        }
    }

    /// Takes in a job that comes after all of its channel's others.
    pub(crate) fn accept(&mut self, channel: &ChannelKey, job: J) {
        let Some(channel) = self.lane(channel) else {
            self.ready.push_back(job);
            return;
        };
        if let Some(lane) = self.busy.get_mut(channel) {
            lane.push_back(job);
            self.parked += 1;
            return;
        }
        self.busy.insert(channel.clone(), VecDeque::new());
        self.ready.push_back(job);
    }

    /// Says whether a job that comes after all others may run at once: nothing waits before it, and its lane is free.
    pub(crate) fn is_free(&self, channel: &ChannelKey) -> bool {
        self.ready.is_empty()
            && self.running < self.concurrency
            && (self.busy.is_empty()
                || !self
                    .lane(channel)
                    .is_some_and(|lane| self.busy.contains_key(lane)))
    }

    /// Is told that such a job runs, and is not done yet.
    pub(crate) fn begin(&mut self, channel: &ChannelKey) {
        if let Some(lane) = self.lane(channel) {
            self.busy.insert(lane.clone(), VecDeque::new());
        }
        self.running += 1;
    }

    fn lane<'a>(&self, channel: &'a ChannelKey) -> Option<&'a ChannelKey> {
        match self.order {
            Order::PerChannel => Some(channel),
            Order::Serial => Some(&EVERYTHING),
            Order::Unordered => None,
        }
    }

    /// Returns the next job that may run; with `alone` only if none is running.
    pub(crate) fn next(&mut self, alone: bool) -> Option<J> {
        let limit = if alone { 1 } else { self.concurrency };
        if self.running >= limit {
            return None;
        }
        let job = self.ready.pop_front()?;
        self.running += 1;
        Some(job)
    }

    /// Is told that a job is done for good: its lane goes on.
    pub(crate) fn done(&mut self, channel: &ChannelKey) {
        self.running -= 1;
        let lane = self.lane(channel);
        let Some((channel, lane)) =
            lane.and_then(|channel| Some((channel, self.busy.get_mut(channel)?)))
        else {
            return;
        };
        match lane.pop_front() {
            Some(job) => {
                self.parked -= 1;
                self.ready.push_back(job);
            }
            None => {
                self.busy.remove(channel);
            }
        }
    }

    /// Is told that a job has stopped and will run again: its lane waits for it.
    pub(crate) fn pause(&mut self) {
        self.running -= 1;
    }

    /// Takes a paused job back, before all others.
    pub(crate) fn resume(&mut self, job: J) {
        self.ready.push_front(job);
    }

    /// Returns how many jobs to take in: so many could run, and no more than `parked` wait behind others of their channel.
    pub(crate) fn room(&self, parked: usize) -> usize {
        let idle = self
            .concurrency
            .saturating_sub(self.ready.len() + self.running);
        idle.min(parked.saturating_sub(self.parked))
    }

    /// Returns the jobs that wait, in order for each channel.
    pub(crate) fn into_waiting(self) -> impl Iterator<Item = J> {
        self.ready
            .into_iter()
            .chain(self.busy.into_values().flatten())
    }

    /// Returns how many jobs wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.ready.len() + self.parked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(channel: i64) -> ChannelKey {
        ChannelKey::new(0, channel)
    }

    #[test]
    fn one_job_a_channel_others_beside_it() {
        let mut lanes = Lanes::new(Order::PerChannel, 2);
        for (channel, job) in [(1, "a1"), (1, "a2"), (2, "b1"), (3, "c1")] {
            lanes.accept(&key(channel), job);
        }
        assert_eq!(
            (lanes.next(false), lanes.next(false), lanes.next(false)),
            (Some("a1"), Some("b1"), None)
        );
        lanes.done(&key(2));
        assert_eq!((lanes.next(false), lanes.next(false)), (Some("c1"), None));
        lanes.pause();
        assert_eq!(lanes.next(false), None, "a paused job keeps its lane");
        lanes.resume("a1 again");
        assert_eq!(lanes.next(false), Some("a1 again"));
        lanes.done(&key(1));
        assert_eq!(lanes.next(false), Some("a2"));
        lanes.done(&key(1));
        lanes.done(&key(3));
        assert_eq!(
            (lanes.waiting(), lanes.running, lanes.busy.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn serial_runs_one_at_a_time() {
        let mut lanes = Lanes::new(Order::Serial, 256);
        lanes.accept(&key(1), 1);
        lanes.accept(&key(2), 2);
        assert_eq!((lanes.next(false), lanes.next(false)), (Some(1), None));
        lanes.pause();
        assert_eq!(
            lanes.next(false),
            None,
            "what is tried again goes before all others"
        );
        lanes.resume(1);
        assert_eq!(lanes.next(false), Some(1));
        lanes.done(&key(1));
        assert_eq!(lanes.next(false), Some(2));
    }
}
