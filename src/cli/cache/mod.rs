//! `greenroom cache`: looks into the message cache, without a network.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::Sources;

/// The arguments of `greenroom cache`.
#[derive(Args, Clone, Debug)]
pub(super) struct CacheArgs {
    /// The folder of the cache [default: that of the configuration]
    #[arg(long, global = true, value_name = "FOLDER")]
    path: Option<PathBuf>,
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum CacheCommand {
    /// Delete the messages of one channel, or all of them
    Clear(ClearArgs),
    /// Count the messages of one channel, or of each
    Count(CountArgs),
    /// Delete one message
    Delete(MessageArgs),
    /// Write messages as JSON lines
    Export(ExportArgs),
    /// Print one message as JSON
    Get(MessageArgs),
    /// Read messages from JSON lines
    Import(ImportArgs),
    /// List the channels, each with the number of its messages
    List,
    /// Print the folder of the cache
    Path,
    /// Print messages of one channel, newest first
    Show(ShowArgs),
}

#[derive(Args, Clone, Debug)]
struct MessageArgs {
    /// The channel
    #[arg(long, value_name = "ID")]
    channel: String,
    /// The message
    #[arg(value_name = "MESSAGE")]
    message: String,
}

#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct ClearArgs {
    /// The channel
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// Delete the messages of every channel
    #[arg(long)]
    all: bool,
}

#[derive(Args, Clone, Debug)]
struct CountArgs {
    /// Only this channel
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct ShowArgs {
    /// The channel
    #[arg(long, value_name = "ID")]
    channel: String,
    /// How many messages at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// How many of the newest to leave out
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// Only messages older than this one
    #[arg(long, value_name = "MESSAGE")]
    before: Option<String>,
    /// Only messages newer than this one
    #[arg(long, value_name = "MESSAGE")]
    after: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct ExportArgs {
    /// Only this channel
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// The file to write [default: standard output]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
struct ImportArgs {
    /// The file to read [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl CacheArgs {
    /// Adds these flags as the last layer of the configuration, to be loaded for `Purpose::Offline`.
    pub(super) fn apply(&self, sources: Sources) -> Sources {
        let path = self.path.as_ref().map(|path| path.display());
        sources.flag("cache.path", "--path", path)
    }
}
