//! Removing what the limits do not allow, oldest first.

use super::DiskStore;
use super::index::Front;
use crate::cache::codec::chunk_key;
use crate::cache::error::CacheError;
use crate::event::{ChannelKey, Id};

impl DiskStore {
    /// Tells whether all channels together are too much.
    pub(super) fn exceeds(&self) -> bool {
        let total = &self.settings.limits.total;
        total.exceeded_by(self.totals.messages, self.totals.bytes)
    }

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
        while self.exceeds() {
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
            let Some((_, first)) = channel.and_then(|channel| channel.chunks.first()) else {
                self.evict_one(&key)?;
                continue;
            };
            if first.span.newest < limit {
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

    /// Removes what a channel has in values up to `through`, without counting it: it was done before.
    pub(super) fn forget_again(
        &mut self,
        key: &ChannelKey,
        through: &Id,
    ) -> Result<(), CacheError> {
        let evicted = self.totals.evicted;
        while let Some(channel) = self.channels.get(key)
            && let Some((first, value)) = channel.chunks.first()
        {
            if value.span.last <= *through {
                self.evict_front(key)?;
            } else if channel.floor().unwrap_or(first) <= through {
                self.evict_one(key)?;
            } else {
                break;
            }
        }
        self.totals.evicted = evicted;
        Ok(())
    }

    /// Removes the message of the smallest id.
    fn evict_one(&mut self, key: &ChannelKey) -> Result<(), CacheError> {
        self.look_into_front(key)?;
        let Some(channel) = self.channels.get_mut(key) else {
            return Ok(());
        };
        if channel.chunks.is_empty() {
            if let Some(item) = channel.tail.0.pop_front() {
                let bytes = item.row.bytes();
                self.journal.pending.delete(key, &item.id);
                channel.messages -= 1;
                channel.bytes -= bytes;
                self.totals.messages -= 1;
                self.totals.bytes -= bytes;
                self.totals.tail -= 1;
                self.totals.evicted += 1;
            }
            self.tidy(key);
            return Ok(());
        }
        if channel.front.len() == 1 {
            return self.evict_front(key);
        }
        if let Some(gone) = channel.front.pop_front() {
            self.journal.pending.forget(key, &gone.id);
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
        let Some((first, _)) = channel.chunks.first() else {
            return Ok(());
        };
        let at = chunk_key(key, first);
        self.gate.call("evict", || self.index.remove(at))?;
        let Some((_, mut value)) = channel.chunks.pop_first() else {
            return Ok(());
        };
        self.values.free(&value.place);
        self.kept.forget(&mut value);
        self.journal.pending.forget(key, &value.span.last);
        channel.front.clear();
        channel.messages -= messages;
        channel.bytes -= bytes;
        self.totals.messages -= messages;
        self.totals.bytes -= bytes;
        self.totals.evicted += messages;
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
        let Some((first, _)) = channel.chunks.first().cloned() else {
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
