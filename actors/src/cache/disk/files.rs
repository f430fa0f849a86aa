//! The files that stand beside the engine's own, in its folder: numbered, appended to, removed as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::gate::Gate;
use crate::cache::error::CacheError;

/// What a file holds; the beginning of its name.
pub(super) const JOURNAL: &str = "journal";
pub(super) const VALUES: &str = "values";

/// The files of one kind that belong to one shard.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
    gate: Gate,
    prefix: String,
}

impl Files {
    pub(super) fn new(gate: &Gate, kind: &str, shards: usize, shard: usize) -> Self {
        Self {
            folder: gate.path().to_owned(),
            gate: gate.clone(),
            prefix: format!("{kind}-{shards}-{shard}-"),
        }
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{}{number:010}", self.prefix))
    }

    /// Returns the numbers of the files that are there, in ascending order.
    pub(super) fn numbers(&self) -> Result<Vec<u32>, CacheError> {
        let names = names(&self.gate, &self.folder)?;
        let numbers = names
            .iter()
            .filter_map(|name| name.strip_prefix(&self.prefix)?.parse().ok());
        let mut numbers: Vec<u32> = numbers.collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Opens a file for reading and appending; it is made if it is not there.
    pub(super) fn open(&self, number: u32) -> Result<File, CacheError> {
        self.gate.call("write", || {
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).mode(0o600);
            Ok(options.open(self.path(number))?)
        })
    }

    pub(super) fn length(&self, file: &File) -> Result<u64, CacheError> {
        self.gate.call("read", || Ok(file.metadata()?.len()))
    }

    pub(super) fn read(&self, number: u32) -> Result<Vec<u8>, CacheError> {
        self.gate.call("read", || Ok(fs::read(self.path(number))?))
    }

    pub(super) fn append(&self, mut file: &File, bytes: &[u8]) -> Result<(), CacheError> {
        self.gate.call("write", || Ok(file.write_all(bytes)?))
    }

    pub(super) fn cut(&self, number: u32, length: u64) -> Result<(), CacheError> {
        let file = self.open(number)?;
        self.gate.call("write", || Ok(file.set_len(length)?))
    }

    pub(super) fn remove(&self, number: u32) -> Result<(), CacheError> {
        self.gate
            .call("write", || Ok(fs::remove_file(self.path(number))?))
    }

    pub(super) fn copy_to(&self, other: &Self, number: u32) -> Result<(), CacheError> {
        let bytes = self.read(number)?;
        let file = other.open(number)?;
        other.append(&file, &bytes)?;
        other.sync(&file)
    }

    pub(super) fn sync(&self, file: &File) -> Result<(), CacheError> {
        self.gate.call("flush", || Ok(file.sync_data()?))
    }
}

/// Removes the files of all shards whose layout is `unwanted`, by number of shards.
pub(super) fn remove(
    gate: &Gate,
    folder: &Path,
    unwanted: impl Fn(usize) -> bool,
) -> Result<(), CacheError> {
    for name in names(gate, folder)? {
        let mut parts = name.split('-');
        let ours = matches!(parts.next(), Some(JOURNAL | VALUES));
        let shards = parts.next().and_then(|shards| shards.parse().ok());
        if ours && shards.is_some_and(&unwanted) {
            gate.call("write", || Ok(fs::remove_file(folder.join(&name))?))?;
        }
    }
    Ok(())
}

/// Returns the length of all files together, of all shards.
pub(super) fn length(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(JOURNAL) || name.starts_with(VALUES)
    });
    ours.filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

fn names(gate: &Gate, folder: &Path) -> Result<Vec<String>, CacheError> {
    gate.call("read", || {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    })
}
