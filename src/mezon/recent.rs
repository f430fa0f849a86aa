//! The last messages of all channels, as they came.

use std::collections::VecDeque;

use bytes::Bytes;
use greenroom_proto::mezon::{self, Wire, api};

use super::fifo::Fifo;

/// Keeps the last 200 messages of each of 1,000 channels, as long as all of them fit into 8 MiB.
///
/// They are written one after another, whatever channel they are of: memory that is written in order is at hand, where each of many
/// places here and there would have to be waited for. The oldest block is used again when there is no more room. What is still among the
/// last of its channel then, one in which little is said, moves on, unless that is much of the block: then it is forgotten.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    channels: Fifo<VecDeque<Kept>>,
    blocks: VecDeque<Block>,
    /// The number of the first block.
    first: u64,
    /// How much memory the blocks take at most.
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    id: i64,
    wire: Wire,
    /// The number of its block, which may be gone.
    block: u64,
    start: usize,
    length: usize,
}

#[derive(Clone, Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    /// How many bytes there may be.
    size: usize,
    /// The channel and the id of each message in it.
    messages: Vec<(i64, i64)>,
    /// At most so many bytes are of messages that are still kept.
    kept: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            channels: Fifo::new(CHANNELS),
            blocks: VecDeque::new(),
            first: 0,
            bytes: 0,
        }
    }
}

impl Recent {
    /// Keeps a message. One that `may_replace` another takes the place of the one with the same id.
    pub(super) fn set(
        &mut self,
        (channel, id): (i64, i64),
        wire: Wire,
        body: &[u8],
        may_replace: bool,
    ) {
        if body.len() > LARGEST {
            // What it replaces is out of date all the same.
            return self.remove(channel, id);
        }
        let kept = self.write((channel, id), wire, body);
        let messages = self.channels.get_or(channel, VecDeque::new);
        let replaced = match may_replace {
            true => messages.iter_mut().find(|old| old.id == id),
            false => None,
        };
        let gone = match replaced {
            Some(replaced) => Some(std::mem::replace(replaced, kept)),
            None => {
                let is_full = messages.len() >= LENGTH;
                let oldest = is_full.then(|| messages.pop_front()).flatten();
                messages.push_back(kept);
                oldest
            }
        };
        if let Some(gone) = gone {
            self.let_go(&gone);
        }
    }

    /// Forgets a message.
    pub(super) fn remove(&mut self, channel: i64, id: i64) {
        let Some(messages) = self.channels.get_mut(channel) else {
            return;
        };
        let place = messages.iter().position(|kept| kept.id == id);
        if let Some(gone) = place.and_then(|place| messages.remove(place)) {
            self.let_go(&gone);
        }
    }

    /// Forgets a channel.
    pub(super) fn forget(&mut self, channel: i64) {
        for gone in self.channels.remove(channel).into_iter().flatten() {
            self.let_go(&gone);
        }
    }

    pub(super) fn get(&self, channel: i64, id: i64) -> Option<api::ChannelMessage> {
        let messages = self.channels.get(channel)?;
        let kept = messages.iter().rev().find(|kept| kept.id == id)?;
        let block = self.blocks.get(self.place(kept.block)?)?;
        mezon::decode(kept.wire, Bytes::copy_from_slice(block.body(kept)?)).ok()
    }

    fn place(&self, block: u64) -> Option<usize> {
        usize::try_from(block.checked_sub(self.first)?).ok()
    }

    /// Returns the number of the block that is written to.
    fn last(&self) -> u64 {
        self.first + (self.blocks.len() as u64).saturating_sub(1)
    }

    fn let_go(&mut self, gone: &Kept) {
        let place = self.place(gone.block);
        if let Some(block) = place.and_then(|place| self.blocks.get_mut(place)) {
            block.kept -= gone.length;
        }
    }

    /// Writes a message behind all others.
    fn write(&mut self, message: (i64, i64), wire: Wire, body: &[u8]) -> Kept {
        let has_room = |last: &Block| {
            last.bytes.len() + body.len() <= BLOCK && last.messages.len() < MOST_IN_BLOCK
        };
        if !self.blocks.back().is_some_and(has_room) {
            self.begin_block(body.len());
        }
        let block = self.last();
        let start = match self.blocks.back_mut() {
            Some(last) => last.write(message, body),
            None => 0,
        };
        Kept {
            id: message.1,
            wire,
            block,
            start,
            length: body.len(),
        }
    }

    /// Begins a block with room for a message of this length, in the memory of the oldest if there is no more.
    fn begin_block(&mut self, length: usize) {
        let size = length.max(BLOCK);
        let mut moving = Vec::new();
        let mut fresh = Block::default();
        while self.bytes + size > LIMIT
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.bytes -= oldest.size;
            if oldest.kept > 0 && oldest.kept <= oldest.bytes.len() / 4 {
                moving.push((self.first, oldest));
            } else if oldest.size == size {
                fresh = oldest;
            }
            self.first += 1;
        }
        fresh.clear(size);
        self.bytes += size;
        self.blocks.push_back(fresh);
        for (number, block) in moving {
            self.save(number, &block, length);
        }
    }

    /// Writes once more what is still kept of a block that is gone, as long as there is room for that and for so many bytes more.
    fn save(&mut self, number: u64, block: &Block, reserved: usize) {
        let last = self.last();
        for &(channel, id) in &block.messages {
            let is_it = |kept: &&mut Kept| kept.id == id && kept.block == number;
            let messages = self.channels.get_mut(channel);
            let Some(kept) = messages.and_then(|messages| messages.iter_mut().find(is_it)) else {
                continue;
            };
            let old = *kept;
            if let (Some(body), Some(into)) = (block.body(&old), self.blocks.back_mut())
                && into.bytes.len() + body.len() + reserved <= into.size
            {
                kept.start = into.write((channel, id), body);
                kept.block = last;
            }
        }
    }
}

impl Block {
    fn clear(&mut self, size: usize) {
        self.bytes.clear();
        self.messages.clear();
        self.kept = 0;
        self.size = size;
    }

    /// Appends a message; returns where.
    fn write(&mut self, message: (i64, i64), body: &[u8]) -> usize {
        let start = self.bytes.len();
        let wanted = start + body.len();
        if self.bytes.capacity() < wanted {
            let capacity = wanted.max(2 * start).min(self.size);
            self.bytes.reserve_exact(capacity - start);
        }
        self.bytes.extend_from_slice(body);
        self.messages.push(message);
        self.kept += body.len();
        start
    }

    fn body(&self, kept: &Kept) -> Option<&[u8]> {
        self.bytes.get(kept.start..)?.get(..kept.length)
    }
}

const CHANNELS: usize = 1_000;
/// How many messages of a channel are kept.
const LENGTH: usize = 200;
const BLOCK: usize = 64 * 1024;
/// So that small ones do not make lists that are longer than they are.
const MOST_IN_BLOCK: usize = BLOCK / 64;
const LIMIT: usize = 8 * 1024 * 1024;
/// A larger message is not kept.
const LARGEST: usize = LIMIT / 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content: &str) -> Vec<u8> {
        let content = content.to_owned();
        let message = api::ChannelMessage {
            content,
            ..Default::default()
        };
        mezon::encode(Wire::V2, &message)
    }

    fn keep(recent: &mut Recent, channel: i64, id: i64, content: &str) {
        recent.set((channel, id), Wire::V2, &message(content), false);
    }

    fn content(recent: &Recent, channel: i64, id: i64) -> Option<String> {
        Some(recent.get(channel, id)?.content)
    }

    fn size(recent: &Recent) -> usize {
        recent
            .blocks
            .iter()
            .map(|block| block.bytes.capacity())
            .sum()
    }

    #[test]
    fn what_is_said_in_a_quiet_channel_outlasts_a_busy_one() {
        let mut recent = Recent::default();
        keep(&mut recent, 1, 1, "quiet");
        let long = "x".repeat(1_000);
        for id in 0..30_000 {
            keep(&mut recent, 2, id, &long);
        }
        assert!(recent.first > 200, "all blocks were used again");
        assert_eq!(content(&recent, 1, 1).as_deref(), Some("quiet"));
        assert_eq!(content(&recent, 2, 29_999 - 200), None);
        assert_eq!(content(&recent, 2, 29_999 - 199), Some(long));
        assert_eq!((recent.bytes, size(&recent)), (LIMIT, LIMIT));
        recent.remove(1, 1);
        assert_eq!(content(&recent, 1, 1), None);
    }

    #[test]
    fn with_too_many_channels_the_oldest_messages_are_forgotten() {
        let mut recent = Recent::default();
        let long = "x".repeat(1_000);
        for channel in 0..1_000 {
            for id in 0..20 {
                keep(&mut recent, channel, id, &long);
            }
        }
        assert_eq!(content(&recent, 0, 19), None);
        assert_eq!(content(&recent, 999, 0), Some(long));
        assert!(size(&recent) <= LIMIT);
        recent.forget(0);
        recent.forget(999);
        assert_eq!(content(&recent, 999, 0), None);
        keep(&mut recent, 1_000, 1, "one more");
        assert_eq!(content(&recent, 1_000, 1).as_deref(), Some("one more"));
    }

    #[test]
    fn large_messages_take_no_more_memory_than_there_is() {
        let mut recent = Recent::default();
        keep(&mut recent, 1, 1, "small");
        let large = "x".repeat(LARGEST - 100);
        for id in 2..12 {
            keep(&mut recent, 1, id, &large);
            assert!(size(&recent) <= LIMIT);
            assert_eq!(
                content(&recent, 1, id).map(|text| text.len()),
                Some(large.len())
            );
        }
        recent.set((1, 11), Wire::V2, &vec![0; LARGEST + 1], true);
        assert_eq!(content(&recent, 1, 11), None, "it is not as it was");
        for id in 12..30_000 {
            keep(&mut recent, 1, id, "small again");
        }
        assert!(size(&recent) <= LIMIT);
        assert_eq!(content(&recent, 1, 29_900).as_deref(), Some("small again"));
    }

    #[test]
    fn what_is_little_takes_little() {
        let mut recent = Recent::default();
        keep(&mut recent, 1, 1, "hello");
        assert!(size(&recent) < 1_024);
    }
}
