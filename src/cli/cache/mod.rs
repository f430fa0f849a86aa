//! `greenroom cache`: looks into the message caches of all platforms, without a network.

mod body;
mod change;
mod lines;
mod look;
mod progress;
#[cfg(feature = "sqlite-import")]
mod sqlite;
mod store;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::store::Stores;
use super::{Failure, Globals, logging};
use crate::config::{Purpose, Sources};

/// The arguments of `greenroom cache`.
#[derive(Args, Clone, Debug)]
pub(super) struct CacheArgs {
    /// The folder of the cache [default: those of the configuration, one for each platform]
    #[arg(long, global = true, value_name = "FOLDER")]
    path: Option<PathBuf>,
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum CacheCommand {
    /// Delete the messages of one channel, or all of them
    Clear(ClearArgs),
    /// Count the messages of one channel, or all of them
    Count(CountArgs),
    /// Delete one message
    Delete(MessageArgs),
    /// Write messages as JSON lines
    Export(ExportArgs),
    /// Print one message with all that is known of it
    Get(MessageArgs),
    /// Read messages from JSON lines, or from the database of another client
    Import(ImportArgs),
    /// List the channels, each with the number of its messages
    List,
    /// Print the folders of the caches
    Path,
    /// Print messages of one channel, newest first
    Show(ShowArgs),
}

#[derive(Args, Clone, Debug)]
struct MessageArgs {
    /// The channel: its id, or CLAN/CHANNEL; `room`, `@NAME` or ACCOUNT/CHANNEL of Token Bowl Chat
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    /// The message's id
    #[arg(value_name = "MESSAGE")]
    message: String,
}

#[derive(Args, Clone, Debug)]
struct ClearArgs {
    #[command(flatten)]
    what: ClearWhat,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct ClearWhat {
    /// The channel: its id, or CLAN/CHANNEL; `room`, `@NAME` or ACCOUNT/CHANNEL of Token Bowl Chat
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Delete the messages of every channel
    #[arg(long)]
    all: bool,
}

#[derive(Args, Clone, Debug)]
struct CountArgs {
    /// Only this channel: its id, or CLAN/CHANNEL; `room`, `@NAME` or ACCOUNT/CHANNEL of Token Bowl Chat
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct ShowArgs {
    /// The channel: its id, or CLAN/CHANNEL; `room`, `@NAME` or ACCOUNT/CHANNEL of Token Bowl Chat
    #[arg(long, value_name = "CHANNEL")]
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
    /// Only this channel: its id, or CLAN/CHANNEL; `room`, `@NAME` or ACCOUNT/CHANNEL of Token Bowl Chat
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The file to write [default: standard output]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
struct ImportArgs {
    /// Read the SQLite database that the Python or JavaScript client of Mezon keeps (needs the feature `sqlite-import`)
    #[arg(long, value_name = "DATABASE", conflicts_with = "file")]
    from_sqlite: Option<PathBuf>,
    /// The file to read [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl CacheArgs {
    /// Adds these flags as the last layer of the configuration.
    fn apply(&self, sources: Sources) -> Sources {
        let path = self.path.as_ref().map(|path| path.display());
        sources.flag("cache.path", "--path", path)
    }
}

/// Does what is asked with the cache of the configuration. A running bot that has it open is asked to do it.
pub(super) async fn run(args: CacheArgs, globals: &Globals) -> Result<(), Failure> {
    let config = args.apply(globals.sources()).load(Purpose::Offline)?;
    let quiet = Globals {
        // That the store was opened is of no interest here.
        log: Some(globals.log.clone().unwrap_or_else(|| "warn".to_owned())),
        ..globals.clone()
    };
    logging::start(&quiet, &config)?;
    let stores = Stores::new(&config.cache, args.path.is_some(), globals)?;
    let makes_it = matches!(args.command, CacheCommand::Import(_) | CacheCommand::Path);
    // Where a bot would put it, nothing may be yet; a place that somebody names is meant to have it.
    if args.path.is_some() && !makes_it {
        stores.first.expect()?;
    }
    match args.command {
        CacheCommand::Clear(args) => change::clear(&args, &stores).await,
        CacheCommand::Count(args) => look::count(&args, &stores).await,
        CacheCommand::Delete(args) => change::delete(&args, &stores).await,
        CacheCommand::Export(args) => lines::export(&args, &stores).await,
        CacheCommand::Get(args) => look::get(&args, &stores).await,
        CacheCommand::Import(args) => lines::import(&args, &stores).await,
        CacheCommand::List => look::list(&stores).await,
        CacheCommand::Path => look::path(&stores),
        CacheCommand::Show(args) => look::show(&args, &stores).await,
    }
}
