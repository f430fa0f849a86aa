//! Removing what the limits do not allow, oldest first.

use super::DiskStore;
use super::database::guard;
use super::index::Front;
use crate::cache::codec::chunk_key;
use crate::cache::error::CacheError;
use crate::event::ChannelKey;

impl DiskStore {
    /// Removes what is too much, of this channel and in all.
    pub(super) fn enforce(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        let limits = self.settings.limits;
        while let Some(channel) = self.channels.get(key) {
            if !limits
                .per_channel
                .exceeded_by(channel.messages, channel.bytes)
            {
                break;
            }
            self.evict_one(key)?;
        }
        while limits
            .total
            .exceeded_by(self.totals.messages, self.totals.bytes)
        {
            let Some((_, oldest)) = self.by_age.first().cloned() else {
                break;
            };
            self.evict_one(&oldest)?;
        }
        Ok(())
    }

    pub(super) fn expire_at(&mut self, now: u64) -> Result<u64, CacheError> {
        let Some(limit) = self
            .settings
            .limits
            .age()
            .and_then(|age| now.checked_sub(age))
        else {
            return Ok(0);
        };
        let before = self.totals.evicted;
        while let Some((at, key)) = self.by_age.first().filter(|(at, _)| *at < limit).cloned() {
            let channel = self.channels.get(&key);
            let Some(first) = channel.and_then(|channel| channel.chunks.first_key_value()) else {
                self.evict_one(&key)?;
                continue;
            };
            if first.1.newest < limit {
                self.evict_front(&key)?;
                continue;
            }
            self.look_into_front(&key)?;
            if self.channels.get(&key).and_then(|channel| channel.age) == Some(at) {
                self.evict_one(&key)?;
            }
        }
        Ok(self.totals.evicted - before)
    }

    /// Removes the message of the smallest id.
    fn evict_one(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        self.look_into_front(key)?;
        let Some(channel) = self.channels.get_mut(key) else {
            return Ok(());
        };
        if channel.chunks.is_empty() {
            if let Some((id, row)) = channel.tail.pop_first() {
                self.journal.pending.delete(key, &id);
                channel.messages -= 1;
                channel.bytes -= row.bytes();
                self.totals.messages -= 1;
                self.totals.bytes -= row.bytes();
                self.totals.evicted += 1;
            }
            self.tidy(key);
            return Ok(());
        }
        if channel.front.len() == 1 {
            return self.evict_front(key);
        }
        if let Some(gone) = channel.front.pop_front() {
            channel.messages -= 1;
            channel.bytes -= gone.bytes;
            self.totals.messages -= 1;
            self.totals.bytes -= gone.bytes;
            self.totals.evicted += 1;
        }
        self.note_age(key);
        Ok(())
    }

    /// Removes the first value of a channel.
    fn evict_front(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        let Some(channel) = self.channels.get_mut(key) else {
            return Ok(());
        };
        let (messages, bytes) = channel.front_size();
        let Some(first) = channel.chunks.first_entry() else {
            return Ok(());
        };
        let at = chunk_key(key, first.key());
        guard(&self.path, "evict", || self.chunks.remove(at))?;
        let span = first.remove();
        channel.front.clear();
        channel.messages -= messages;
        channel.bytes -= bytes;
        self.totals.messages -= messages;
        self.totals.bytes -= bytes;
        self.totals.evicted += messages;
        if channel.chunks.is_empty() {
            self.journal.pending.forget(key, &span.last);
        }
        self.tidy(key);
        Ok(())
    }

    /// Learns what is in the first value, so that the limits can take single messages away. One that is damaged is dropped whole.
    fn look_into_front(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        let Some(channel) = self
            .channels
            .get(key)
            .filter(|channel| channel.front.is_empty())
        else {
            return Ok(());
        };
        let Some(first) = channel.chunks.keys().next().cloned() else {
            return Ok(());
        };
        match self.rows(key, &first) {
            Ok(rows) if !rows.is_empty() => {
                if let Some(channel) = self.channels.get_mut(key) {
                    let front = rows.into_iter().map(|(id, row)| Front {
                        at: row.at,
                        bytes: row.bytes(),
                        id,
                    });
                    channel.front = front.collect();
                }
                self.note_age(key);
                Ok(())
            }
            Ok(_) | Err(CacheError::Damaged { .. }) => {
                let before = self.totals.messages;
                self.evict_front(key)?;
                self.totals.lost += before - self.totals.messages;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
