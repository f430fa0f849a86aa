//! The messages of one channel: bounded, in the order of their ids.

use std::collections::VecDeque;

use bytes::Bytes;
use greenroom_proto::mezon::api::{ChannelMessage, MessageReaction, MessageReactionList};
use prost::Message;

/// The newest [`Messages::LIMIT`] messages of a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    rows: VecDeque<ChannelMessage>,
}

/// Which messages a caller asks for, seen from one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Those after it, oldest first.
    After,
    /// Those around it, newest first.
    Around,
    /// Those before it, newest first; without a message the newest.
    Before,
}

impl Direction {
    /// Reads the number of a request: 1 after, 2 around, 3 (and 0) before.
    pub(super) fn from_number(number: i32) -> Self {
        match number {
            1 => Self::After,
            2 => Self::Around,
            _ => Self::Before,
        }
    }
}

impl Messages {
    /// The largest number of messages that is kept.
    pub(super) const LIMIT: usize = 100_000;
    /// The largest number of reactions that one message keeps.
    const REACTIONS: usize = 1_000;

    /// Adds the newest message; the oldest one is forgotten if there are too many.
    pub(super) fn push(&mut self, message: ChannelMessage) {
        if self.rows.len() >= Self::LIMIT {
            self.rows.pop_front();
        }
        self.rows.push_back(message);
    }

    pub(super) fn last(&self) -> Option<&ChannelMessage> {
        self.rows.back()
    }

    pub(super) fn get(&self, id: i64) -> Option<&ChannelMessage> {
        let place = self
            .rows
            .binary_search_by_key(&id, |row| row.message_id)
            .ok()?;
        self.rows.get(place)
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut ChannelMessage> {
        let place = self
            .rows
            .binary_search_by_key(&id, |row| row.message_id)
            .ok()?;
        self.rows.get_mut(place)
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<ChannelMessage> {
        let place = self
            .rows
            .binary_search_by_key(&id, |row| row.message_id)
            .ok()?;
        self.rows.remove(place)
    }

    /// Returns at most `limit` messages before, after or around the message `id`, which need not exist.
    pub(super) fn list(&self, id: i64, direction: Direction, limit: usize) -> Vec<ChannelMessage> {
        let at = match id {
            0 => self.rows.len(),
            id => self.rows.partition_point(|row| row.message_id < id),
        };
        let own = usize::from(self.rows.get(at).is_some_and(|row| row.message_id == id));
        match direction {
            Direction::After if id == 0 => self.rows.iter().take(limit).cloned().collect(),
            Direction::After => self.rows.range(at + own..).take(limit).cloned().collect(),
            Direction::Before => self.rows.range(..at).rev().take(limit).cloned().collect(),
            Direction::Around => {
                let end = (at + own + limit / 2).min(self.rows.len());
                let start = end.saturating_sub(limit);
                self.rows.range(start..end).rev().cloned().collect()
            }
        }
    }

    /// Counts a reaction, or takes one away if its `action` says so.
    pub(super) fn react(&mut self, reaction: &MessageReaction) {
        let Some(message) = self.get_mut(reaction.message_id) else {
            return;
        };
        let mut list = MessageReactionList::decode(message.reactions.clone()).unwrap_or_default();
        let place = list.reactions.iter().position(|known| {
            (known.emoji_id, &known.emoji, known.sender_id)
                == (reaction.emoji_id, &reaction.emoji, reaction.sender_id)
        });
        match (place, reaction.action) {
            (Some(place), true) => drop(list.reactions.remove(place)),
            (Some(place), false) => {
                let count = &mut list.reactions[place].count;
                *count = count.saturating_add(reaction.count.max(1));
            }
            (None, true) => return,
            (None, false) if list.reactions.len() >= Self::REACTIONS => return,
            (None, false) => list.reactions.push(MessageReaction {
                count: reaction.count.max(1),
                ..reaction.clone()
            }),
        }
        message.reactions = Bytes::from(list.encode_to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(ids: impl IntoIterator<Item = i64>) -> Messages {
        let mut messages = Messages::default();
        for message_id in ids {
            messages.push(ChannelMessage {
                message_id,
                ..Default::default()
            });
        }
        messages
    }

    fn ids(rows: &[ChannelMessage]) -> Vec<i64> {
        rows.iter().map(|row| row.message_id).collect()
    }

    #[test]
    fn lists_from_every_side() {
        let messages = messages([1, 2, 3, 5, 6]);
        let list = |id, direction, limit| ids(&messages.list(id, direction, limit));
        assert_eq!(list(0, Direction::Before, 2), [6, 5]);
        assert_eq!(list(5, Direction::Before, 9), [3, 2, 1]);
        assert_eq!(list(3, Direction::After, 9), [5, 6]);
        assert_eq!(list(4, Direction::After, 1), [5]);
        assert_eq!(list(0, Direction::After, 2), [1, 2]);
        assert_eq!(list(3, Direction::Around, 3), [5, 3, 2]);
        assert_eq!(list(9, Direction::After, 9), [0; 0]);
    }

    #[test]
    fn keeps_the_newest() {
        let messages = messages(1..=Messages::LIMIT as i64 + 1);
        assert_eq!(ids(&messages.list(0, Direction::After, 1)), [2]);
    }

    #[test]
    fn reactions_are_counted() {
        let mut messages = messages([7]);
        let mut reaction = MessageReaction {
            message_id: 7,
            emoji: ":ok:".into(),
            count: 1,
            ..Default::default()
        };
        let count = |messages: &mut Messages| {
            let list = messages.get_mut(7).unwrap().reactions.clone();
            let list = MessageReactionList::decode(list).unwrap();
            list.reactions
                .iter()
                .map(|row| row.count)
                .collect::<Vec<_>>()
        };
        messages.react(&reaction);
        messages.react(&reaction);
        assert_eq!(count(&mut messages), [2]);
        reaction.action = true;
        messages.react(&reaction);
        assert_eq!(count(&mut messages), [0; 0]);
    }
}
