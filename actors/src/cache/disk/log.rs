//! The journal: what was changed since the engine's last flush, and what is in memory only.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use super::files::{Files, JOURNAL};
use super::gate::{Gate, damaged};
use crate::cache::codec::Reader;
use crate::cache::error::CacheError;
use crate::cache::journal::{self, HEADER, Operation, Pending};
use crate::event::ChannelKey;

/// The journal of one shard: batches in numbered files.
#[derive(Debug)]
pub(super) struct Journal {
    files: Files,
    gate: Gate,
    segments: VecDeque<Segment>,
    /// The number of the file that the next batch goes into, at least.
    current: u32,
    /// The length of the files that a tail needs, or may need.
    bytes: u64,
    limit: u64,
    pub(super) pending: Pending,
}

/// One file.
#[derive(Debug)]
struct Segment {
    number: u32,
    bytes: u64,
    file: Arc<File>,
    is_synced: bool,
    /// The flush after which the file is not needed, if no tail needs it.
    settled: Option<u64>,
}

impl Journal {
    pub(super) fn new(gate: &Gate, shards: usize, shard: usize, limit: usize) -> Self {
        Self {
            files: Files::new(gate, JOURNAL, shards, shard),
            gate: gate.clone(),
            segments: VecDeque::new(),
            current: 0,
            bytes: 0,
            limit: limit as u64,
            pending: Pending::default(),
        }
    }

    /// Reads all batches in order, each operation with the number of its file. What a crash cut off is removed if `is_unclean`.
    pub(super) fn read(
        &mut self,
        is_unclean: bool,
        mut each: impl FnMut(u32, ChannelKey, Operation),
    ) -> Result<(), CacheError> {
        self.segments.clear();
        self.bytes = 0;
        let mut is_cut = false;
        for number in self.files.numbers()? {
            self.current = number + 1;
            if is_cut {
                self.files.remove(number)?;
                continue;
            }
            let bytes = self.files.read(number)?;
            let mut rest = bytes.as_slice();
            while let Some((operations, after)) = batch(rest) {
                rest = after;
                for (key, operation) in operations {
                    each(number, key, operation);
                }
            }
            let length = (bytes.len() - rest.len()) as u64;
            if !rest.is_empty() {
                if !is_unclean {
                    return Err(damaged(self.gate.path(), "a batch is unreadable"));
                }
                tracing::warn!(bytes = rest.len(), "the journal of the cache was cut off");
                is_cut = true;
                self.files.cut(number, length)?;
            }
            self.bytes += length;
            self.segments.push_back(Segment {
                number,
                bytes: length,
                file: Arc::new(self.files.open(number)?),
                is_synced: false,
                settled: None,
            });
        }
        Ok(())
    }

    /// Returns the number of the file that the next batch goes into, or a smaller one.
    pub(super) fn current(&self) -> u32 {
        self.current
    }

    /// The length of what a tail needs.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends what waits.
    pub(super) fn write(&mut self) -> Result<Option<&Arc<File>>, CacheError> {
        if self.pending.operations == 0 {
            return Ok(None);
        }
        let size = (self.limit / SEGMENTS as u64).clamp(SMALLEST, LARGEST);
        let last = self.segments.back();
        if last.is_none_or(|last| last.number != self.current || last.bytes >= size) {
            let number = last.map_or(self.current, |last| self.current.max(last.number + 1));
            let file = Arc::new(self.files.open(number)?);
            self.current = number;
            self.segments.push_back(Segment {
                number,
                bytes: 0,
                file,
                is_synced: false,
                settled: None,
            });
        }
        let Some(last) = self.segments.back_mut() else {
            return Ok(None);
        };
        let batch = self.pending.seal();
        let length = batch.len() as u64;
        last.is_synced = false;
        self.files.append(&last.file, batch)?;
        last.bytes += length;
        self.bytes += length;
        self.pending.clear();
        Ok(Some(&last.file))
    }

    /// Makes all batches survive a crash of the machine.
    pub(super) fn sync(&mut self) -> Result<(), CacheError> {
        for segment in &mut self.segments {
            if !segment.is_synced {
                self.files.sync(&segment.file)?;
                segment.is_synced = true;
            }
        }
        Ok(())
    }

    /// Returns the first file that may be needed by a tail, and is not written to.
    pub(super) fn first(&self) -> Option<u32> {
        let open = self.segments.back()?.number;
        let mut closed = self.segments.iter().filter(|one| one.number != open);
        closed
            .find(|segment| segment.settled.is_none())
            .map(|segment| segment.number)
    }

    /// Tells whether tails have to be settled so that the journal becomes shorter.
    pub(super) fn is_full(&self) -> bool {
        let unsettled = self.segments.iter().filter(|one| one.settled.is_none());
        self.bytes > self.limit || unsettled.count() > 2 * SEGMENTS
    }

    /// Notes that no tail needs file `number`: after the flush `at` it can go.
    pub(super) fn settled(&mut self, number: u32, at: u64) {
        let segment = self.segments.iter_mut().find(|one| one.number == number);
        if let Some(segment) = segment.filter(|segment| segment.settled.is_none()) {
            segment.settled = Some(at);
            self.bytes -= segment.bytes;
        }
    }

    /// Removes the files that are not needed after the flush `flushed`.
    pub(super) fn release(&mut self, flushed: u64) -> Result<(), CacheError> {
        while let Some(segment) = self.segments.front()
            && segment.settled.is_some_and(|at| at <= flushed)
        {
            self.files.remove(segment.number)?;
            self.segments.pop_front();
        }
        Ok(())
    }
}

type Operations = Vec<(ChannelKey, Operation)>;

/// Reads one batch off the front.
fn batch(bytes: &[u8]) -> Option<(Operations, &[u8])> {
    let mut reader = Reader(bytes);
    let length = usize::try_from(reader.u32()?).ok()?;
    let sum = reader.u32()?;
    let batch = reader.bytes(length)?;
    let operations = (crc32fast::hash(batch) == sum).then(|| journal::decode(batch));
    Some((operations??, reader.0))
}

const _: () = assert!(HEADER == 8, "length and sum");

/// How many files a full journal has.
const SEGMENTS: usize = 8;
const SMALLEST: u64 = 4 << 10;
const LARGEST: u64 = 4 << 20;
