//! The values: each is appended to a file once, and found by its place, which the index has.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::files::{Files, VALUES};
use super::gate::{Gate, damaged};
use crate::cache::codec::Reader;
use crate::cache::error::CacheError;

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) offset: u64,
    length: u32,
    sum: u32,
}

impl Place {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.file.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
        out.extend_from_slice(&self.sum.to_be_bytes());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            file: reader.u32()?,
            offset: reader.u64()?,
            length: reader.u32()?,
            sum: reader.u32()?,
        })
    }
}

/// The files with the values of one shard.
#[derive(Debug)]
pub(super) struct Values {
    files: Files,
    gate: Gate,
    open: BTreeMap<u32, Opened>,
    /// Files without a value that is needed, by the flush after which nothing on the disk refers to them.
    retired: Vec<(u64, u32)>,
}

#[derive(Debug)]
struct Opened {
    file: Arc<File>,
    length: u64,
    /// The length of the values that are needed.
    live: u64,
    /// Whether one of the values cannot be moved.
    is_left: bool,
}

impl Values {
    pub(super) fn open(gate: &Gate, shards: usize, shard: usize) -> Result<Self, CacheError> {
        let files = Files::new(gate, VALUES, shards, shard);
        let mut open = BTreeMap::new();
        for number in files.numbers()? {
            let file = files.open(number)?;
            let length = files.length(&file)?;
            let opened = Opened {
                file: Arc::new(file),
                length,
                live: 0,
                is_left: false,
            };
            open.insert(number, opened);
        }
        Ok(Self {
            files,
            gate: gate.clone(),
            open,
            retired: Vec::new(),
        })
    }

    /// Forgets which values are needed, so that they can be counted anew.
    pub(super) fn forget(&mut self) {
        self.open.values_mut().for_each(|opened| opened.live = 0);
    }

    /// Counts a value as needed.
    pub(super) fn need(&mut self, place: &Place) {
        if let Some(opened) = self.open.get_mut(&place.file) {
            opened.live += u64::from(place.length);
        }
    }

    /// Counts a value as not needed any more.
    pub(super) fn free(&mut self, place: &Place) {
        if let Some(opened) = self.open.get_mut(&place.file) {
            opened.live = opened.live.saturating_sub(u64::from(place.length));
        }
    }

    pub(super) fn append(&mut self, value: &[u8]) -> Result<Place, CacheError> {
        let last = self.open.last_key_value();
        let number = match last {
            Some((number, opened)) if opened.length < FILE => *number,
            last => {
                let number = last.map_or(0, |(number, _)| number + 1);
                let opened = Opened {
                    file: Arc::new(self.files.open(number)?),
                    length: 0,
                    live: 0,
                    is_left: false,
                };
                self.open.insert(number, opened);
                number
            }
        };
        let unwritable = || damaged(self.gate.path(), "a value is too long");
        let length = u32::try_from(value.len()).map_err(|_| unwritable())?;
        let opened = self.open.get_mut(&number).ok_or_else(unwritable)?;
        self.files.append(&opened.file, value)?;
        let place = Place {
            file: number,
            offset: opened.length,
            length,
            sum: crc32fast::hash(value),
        };
        opened.length += u64::from(length);
        opened.live += u64::from(length);
        Ok(place)
    }

    pub(super) fn read(&self, place: &Place) -> Result<Bytes, CacheError> {
        let opened = self.open.get(&place.file);
        let missing = || damaged(self.gate.path(), "a value is missing");
        let opened = opened
            .filter(|opened| place.offset + u64::from(place.length) <= opened.length)
            .ok_or_else(missing)?;
        let mut value = vec![0; usize::try_from(place.length).map_err(|_| missing())?];
        self.gate.call("read", || {
            Ok(opened.file.read_exact_at(&mut value, place.offset)?)
        })?;
        if crc32fast::hash(&value) != place.sum {
            return Err(damaged(self.gate.path(), "a value is unreadable"));
        }
        Ok(value.into())
    }

    /// Returns the file that is written to, and its length.
    pub(super) fn end(&self) -> Option<(u32, u64, &Arc<File>)> {
        let (number, opened) = self.open.last_key_value()?;
        Some((*number, opened.length, &opened.file))
    }

    /// Returns a file whose space is needed by less than half.
    pub(super) fn wasteful(&self) -> Option<u32> {
        let mut numbers = self.open.keys().copied();
        numbers.find(|number| self.is_wasteful(*number))
    }

    pub(super) fn is_wasteful(&self, number: u32) -> bool {
        let is_last = self.open.keys().next_back() == Some(&number);
        let opened = self
            .open
            .get(&number)
            .filter(|one| !one.is_left && !is_last);
        opened.is_some_and(|one| one.live > 0 && one.live < one.length / 2)
    }

    /// Leaves a file as it is, since a value in it cannot be read.
    pub(super) fn leave(&mut self, number: u32) {
        if let Some(opened) = self.open.get_mut(&number) {
            opened.is_left = true;
        }
    }

    /// Gives up the files that nothing needs, and removes those of which a flush up to `flushed` has made sure.
    pub(super) fn release(&mut self, now: u64, flushed: u64) -> Result<(), CacheError> {
        let last = self.open.last_key_value().map(|(number, _)| *number);
        let retired = &mut self.retired;
        self.open.retain(|number, opened| {
            let needed = opened.live > 0 || Some(*number) == last;
            if !needed {
                retired.push((now, *number));
            }
            needed
        });
        while let Some((_, number)) = self.retired.first().filter(|(at, _)| *at <= flushed) {
            self.files.remove(*number)?;
            self.retired.remove(0);
        }
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), CacheError> {
        self.open
            .values()
            .try_for_each(|opened| self.files.sync(&opened.file))
    }
}

/// A file that is longer than this is written to no more.
const FILE: u64 = 32 << 20;
