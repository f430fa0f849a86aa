//! Reading the format before this one: values and journal were trees of the engine.

use std::collections::BTreeMap;

use super::files::{Files, JOURNAL};
use super::gate::{Gate, damaged};
use super::index::Value;
use super::load::tree_name;
use super::values::Values;
use crate::cache::chunk::{self, Row};
use crate::cache::codec::read_chunk_key;
use crate::cache::error::CacheError;
use crate::cache::journal::{self, Operation, Pending};
use crate::event::{ChannelKey, Id};

/// The number of that format.
pub(super) const FORMAT: u32 = 1;

/// Moves what `shards` shards have to files of this format. Broken off, it begins again at the next open.
pub(super) fn migrate(gate: &Gate, database: &sled::Db, shards: usize) -> Result<(), CacheError> {
    tracing::info!(path = %gate.path().display(), "the message cache is brought into its newest format");
    for shard in 0..shards {
        let ends = move_values(gate, database, shards, shard)?;
        let tails = read_tails(gate, database, &ends, &format!("journal-{shards}-{shard}"))?;
        write_tails(gate, &tails, shards, shard)?;
    }
    Ok(())
}

type Tails = BTreeMap<ChannelKey, BTreeMap<Id, Row>>;

/// Moves the values; returns the largest id of each channel in them.
fn move_values(
    gate: &Gate,
    database: &sled::Db,
    shards: usize,
    shard: usize,
) -> Result<BTreeMap<ChannelKey, Id>, CacheError> {
    let name = tree_name(shards, shard);
    let chunks = gate.call("open", || database.open_tree(name))?;
    let mut values = Values::open(gate, shards, shard)?;
    let mut ends = BTreeMap::new();
    let mut moved = Vec::new();
    for entry in &chunks {
        let (key, bytes) = gate.call("read", || entry)?;
        let channel = read_chunk_key(&key).map(|(channel, _)| channel);
        let is_moved = Value::decode(&bytes).map(|value| value.span);
        let span = is_moved.clone().or_else(|| chunk::span(&bytes));
        let Some((channel, span)) = channel.zip(span) else {
            return Err(damaged(gate.path(), "a value is unreadable"));
        };
        ends.insert(channel, span.last.clone());
        if is_moved.is_none() {
            let value = Value {
                place: values.append(&bytes)?,
                span,
                kept: None,
            };
            moved.push((key, value));
        }
    }
    values.sync()?;
    for (key, value) in moved {
        gate.call("write", || chunks.insert(key, value.encode()))?;
    }
    Ok(ends)
}

/// Reads what was in the journal only: messages beyond the values.
fn read_tails(
    gate: &Gate,
    database: &sled::Db,
    ends: &BTreeMap<ChannelKey, Id>,
    name: &str,
) -> Result<Tails, CacheError> {
    let log = gate.call("open", || database.open_tree(name))?;
    let mut tails = Tails::new();
    for entry in &log {
        let (_, batch) = gate.call("read", || entry)?;
        let operations =
            journal::decode(&batch).ok_or_else(|| damaged(gate.path(), "a batch is unreadable"))?;
        for (key, operation) in operations {
            let end = ends.get(&key);
            let tail = tails.entry(key).or_default();
            match operation {
                Operation::Clear => tail.clear(),
                Operation::Delete(id) => drop(tail.remove(&id)),
                Operation::Forget(through) => {
                    *tail = tail.split_off(&through);
                    tail.remove(&through);
                }
                Operation::Save(id, row) => {
                    if end.is_none_or(|end| id > *end) {
                        tail.insert(id, row);
                    }
                }
            }
        }
    }
    Ok(tails)
}

fn write_tails(gate: &Gate, tails: &Tails, shards: usize, shard: usize) -> Result<(), CacheError> {
    let mut pending = Pending::default();
    for (key, tail) in tails {
        for (id, row) in tail {
            pending.save(key, id, row);
        }
    }
    if pending.operations == 0 {
        return Ok(());
    }
    let files = Files::new(gate, JOURNAL, shards, shard);
    let file = files.open(0)?;
    files.append(&file, pending.seal())?;
    files.sync(&file)
}
