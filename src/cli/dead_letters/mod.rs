//! `greenroom dead-letters`: looks into the events that could not be handled, replays and purges them.

mod look;
mod source;
mod take;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use greenroom_actors::clock;
use greenroom_actors::router::Selection;
use url::Url;

use self::source::Source;
use super::{Failure, FailureKind, Globals, logging};
use crate::config::{Config, Purpose, Sources};

/// The arguments of `greenroom dead-letters`.
#[derive(Args, Clone, Debug)]
pub(super) struct DeadLettersArgs {
    /// The folder of the store [default: that of the configuration]
    #[arg(long, global = true, value_name = "FOLDER", conflicts_with = "url")]
    store: Option<PathBuf>,
    /// The endpoint of the running bot, such as http://127.0.0.1:9100
    #[arg(long, global = true, value_name = "URL")]
    url: Option<Url>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// List the letters, oldest first
    List(ListArgs),
    /// Remove letters for good
    Purge(PurgeArgs),
    /// Deliver letters again: at once with --url, else when the bot starts the next time
    Replay(ReplayArgs),
    /// Print one letter with all that is known of it
    Show(ShowArgs),
}

impl Command {
    fn leftovers(&self) -> bool {
        match self {
            Self::List(ListArgs { kind, .. })
            | Self::Purge(PurgeArgs { kind, .. })
            | Self::Show(ShowArgs { kind, .. }) => kind.leftovers,
            Self::Replay(_) => false,
        }
    }
}

#[derive(Args, Clone, Debug, Default)]
struct Chosen {
    /// Only those that this handler gave up
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    /// Only those of this type of event, such as ChatMessage
    #[arg(long, value_name = "TYPE")]
    event: Option<String>,
    /// Only those given up for this reason: failed, overflow, stopped, or words in it
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only those given up since then: seconds since 1970, or how long ago, such as 90s, 30m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<u64>,
    /// Only so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Leave out so many of the oldest
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
}

impl Chosen {
    fn selection(&self) -> Selection {
        let mut selection = Selection::default().offset(self.offset);
        selection.handler.clone_from(&self.handler);
        selection.event.clone_from(&self.event);
        selection.reason.clone_from(&self.reason);
        selection.since = self.since;
        selection.limit = self.limit;
        selection
    }
}

#[derive(Args, Clone, Debug)]
struct ListArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    kind: Kind,
}

#[derive(Args, Clone, Debug)]
struct ShowArgs {
    /// The letter's number
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    kind: Kind,
}

#[derive(Args, Clone, Copy, Debug)]
struct Kind {
    /// Not the dead letters, but the events that a shutdown left over for the next start
    #[arg(long)]
    leftovers: bool,
}

#[derive(Args, Clone, Debug)]
struct ReplayArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(Args, Clone, Debug)]
struct PurgeArgs {
    #[command(flatten)]
    which: Which,
    /// Only those given up before then: seconds since 1970, or how long ago, such as 90s, 30m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    older_than: Option<u64>,
    #[command(flatten)]
    kind: Kind,
}

/// The letters of a command that changes something: never all by accident.
#[derive(Args, Clone, Debug)]
struct Which {
    /// The letters' numbers
    #[arg(value_name = "NUMBER")]
    numbers: Vec<u64>,
    #[command(flatten)]
    chosen: Chosen,
    /// Every letter
    #[arg(long)]
    all: bool,
}

impl Which {
    /// # Errors
    ///
    /// Nothing is chosen.
    fn selection(&self, before: Option<u64>) -> Result<Selection, Failure> {
        let mut selection = self.chosen.selection().numbers(self.numbers.clone());
        selection.before = before;
        match self.all || selection != Selection::default() {
            true => Ok(selection),
            false => {
                let message = "which letters? Give their numbers, or choose them with --handler, --event, --reason, --since and the like, or say --all";
                Err(Failure::new(FailureKind::Usage, message))
            }
        }
    }
}

/// Reads a moment, in seconds since 1970.
fn moment(text: &str) -> Result<u64, String> {
    let wrong =
        || "must be seconds since 1970, or how long ago, such as 90s, 30m, 2h or 7d".to_owned();
    let (number, unit) = match text.char_indices().last() {
        Some((place, unit)) if unit.is_ascii_alphabetic() => (&text[..place], Some(unit)),
        _ => (text, None),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        None => return Ok(number),
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        Some(_) => return Err(wrong()),
    };
    Ok(clock::unix_seconds().saturating_sub(number.saturating_mul(seconds)))
}

impl DeadLettersArgs {
    /// Adds these flags as the last layer of the configuration.
    fn apply(&self, sources: Sources) -> Sources {
        let path = self.store.as_ref().map(|path| path.display());
        sources.flag("store.path", "--store", path)
    }
}

/// Does what is asked with the letters of a running bot, or of one that does not run.
pub(super) async fn run(args: DeadLettersArgs, globals: &Globals) -> Result<(), Failure> {
    let loaded = args.apply(globals.sources()).load(Purpose::Offline);
    let config = match loaded {
        // Who says where the letters are needs nothing of the configuration.
        Err(_) if args.store.is_some() || args.url.is_some() => Config::default(),
        loaded => loaded?,
    };
    let quiet = Globals {
        // That the store was opened is of no interest here.
        log: Some(globals.log.clone().unwrap_or_else(|| "warn".to_owned())),
        ..globals.clone()
    };
    logging::start(&quiet, &config)?;
    let leftovers = args.command.leftovers();
    if leftovers && args.url.is_some() {
        let message = "a running bot has taken up its leftovers already: --leftovers looks into the store of one that does not run";
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let store = args.store.unwrap_or_else(|| config.store.path.clone());
    let source = Source::new(args.url, &store, leftovers, globals);
    match args.command {
        Command::List(args) => look::list(&args.chosen.selection(), &source).await,
        Command::Purge(args) => take::purge(&args.which.selection(args.older_than)?, &source).await,
        Command::Replay(args) => take::replay(&args.which.selection(None)?, &source).await,
        Command::Show(args) => look::show(args.number, &source).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_or_how_long_ago() {
        let now = clock::unix_seconds();
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("7d", 604_800)] {
            assert!(moment(text).unwrap().abs_diff(now - seconds) <= 1, "{text}");
        }
        assert_eq!(moment("1700000000"), Ok(1_700_000_000));
        assert_eq!(moment("999999999999d"), Ok(0));
        for wrong in ["", "d", "2w", "-3d", "yesterday", "1.5h"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
