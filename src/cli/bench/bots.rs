//! Real bots that count: they log in, join their clans, and handle messages in handler actors.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures::future::select_all;
use greenroom_actors::clock;
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::mpsc;
use url::Url;

use super::counter::Duty;
use super::dialect::Dialect;
use super::process;
use super::report::Report;
use crate::bot::{Placement, Running};
use crate::cli::{Failure, FailureKind};
use crate::config::{self, CacheOverflow};
use crate::mezon::{Mezon, Settings};
use crate::prelude::*;
use crate::token_bowl::{self, TokenBowl};

/// Whether messages are kept, and what happens if the disk is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum CacheMode {
    Drop,
    Lossless,
    Off,
}

/// Where bots log in, and what they do there.
#[derive(Args, Clone, Debug)]
pub(super) struct BotArgs {
    /// Where to log in
    #[arg(long)]
    pub(super) url: Url,
    /// End after this many events
    #[arg(long)]
    pub(super) events: u64,
    #[arg(long, default_value_t = 1)]
    pub(super) handlers: u16,
    #[arg(long, default_value = "off")]
    pub(super) cache: CacheMode,
    #[arg(long)]
    pub(super) wire: Option<Dialect>,
    #[arg(long, default_value = "1000000000000000001")]
    pub(super) client_id: String,
    /// Give up if nothing has come for so many seconds
    #[arg(long, default_value_t = 60)]
    pub(super) timeout: u64,
    /// How many bots there are; each gets the same share of the events
    #[arg(long, default_value_t = 1)]
    pub(super) connections: usize,
    /// Check the order in so many channels of the blaster
    #[arg(long, default_value_t = 0)]
    pub(super) channels: usize,
    /// Answer each event
    #[arg(long)]
    pub(super) reply: bool,
    /// Read sockets on a thread of their own
    #[arg(long)]
    pub(super) sockets: bool,
    /// Take the time that each event was on its way
    #[arg(long)]
    pub(super) latency: bool,
    /// Compute for so many microseconds with each event
    #[arg(long, default_value_t = 0)]
    pub(super) work: u64,
    /// Receive nothing, and tell of each reconnect after which time it is tried
    #[arg(long)]
    pub(super) reconnects: bool,
}

/// Receives as part of a benchmark: reports, and waits until it is told to end.
pub(super) async fn run(args: BotArgs) -> Result<(), Failure> {
    let bots = Bots::start(&args)?;
    if !args.reconnects {
        bots.report().await?.print()?;
    }
    tokio::select! {
        () = process::until_told() => Ok(()),
        failure = bots.failure() => Err(failure),
    }
}

/// Bots under measurement.
pub(super) struct Bots {
    bots: Vec<Running>,
    args: BotArgs,
    told: tokio::sync::Mutex<mpsc::UnboundedReceiver<(usize, Report)>>,
    /// If a bot fails, its handlers are gone before the reason is known: that is not the end of the reports.
    _tell: mpsc::UnboundedSender<(usize, Report)>,
    /// The folders of the caches, for as long as the bots run.
    _folder: Option<TempDir>,
}

impl Bots {
    pub(super) fn start(args: &BotArgs) -> Result<Self, Failure> {
        let folder = match args.cache {
            CacheMode::Off => None,
            CacheMode::Drop | CacheMode::Lossless => {
                Some(tempfile::tempdir().map_err(|error| {
                    Failure::failed(format!("cannot make a folder for the cache: {error}"))
                })?)
            }
        };
        let (tell, told) = mpsc::unbounded_channel();
        let duty = Duty {
            events: args.events / args.connections as u64,
            channels: args.channels,
            dialect: args.wire,
            reply: args.reply,
            latency: args.latency,
            work: Duration::from_micros(args.work),
            tell: tell.clone(),
        };
        let mut bots = Vec::with_capacity(args.connections);
        for number in 0..args.connections {
            let name = match number {
                0 => "bench".to_owned(),
                number => format!("bench {number}"),
            };
            let folder = folder.as_ref().map(|folder| folder.path().join(&name));
            let mut builder = Bot::builder(&name)
                .shutdown_within(MOMENT)
                .shutdown_total(MOMENT * 2);
            if args.sockets {
                builder = builder.placement(Placement::Sockets);
            }
            builder = match args.wire {
                Some(Dialect::TokenBowl) => builder.platform(token_bowl(args)?),
                _ => builder.platform(mezon(args, folder.as_deref())),
            };
            for number in 0..usize::from(args.handlers) {
                builder = duty.add_to(builder, number);
            }
            if args.reconnects {
                builder = builder.on("reconnects", tell_delay);
            }
            bots.push(builder.build()?.start());
        }
        Ok(Self {
            bots,
            args: args.clone(),
            told: told.into(),
            _tell: tell,
            _folder: folder,
        })
    }

    /// Waits for all events and says how it went. It gives up if none has come for too long.
    pub(super) async fn report(&self) -> Result<Report, Failure> {
        let longest = Cell::new(0);
        let mut report = tokio::select! {
            report = self.all_handled() => report?,
            failure = self.failure() => return Err(failure),
            stuck = self.stuck() => return Err(stuck),
            never = self.watch_queues(&longest) => return never,
        };
        report.longest_queue = Some(longest.get()).filter(|_| self.args.work > 0);
        report.cache_dropped = Some(self.sum(|bot| bot.counters().cache_dropped.get()));
        Ok(report)
    }

    async fn all_handled(&self) -> Result<Report, Failure> {
        if self.args.handlers == 0 {
            return Ok(self.all_received().await);
        }
        let mut told = self.told.lock().await;
        let mut whole: Option<Report> = None;
        let mut others = Vec::new();
        for _ in 0..usize::from(self.args.handlers) * self.args.connections {
            let Some((number, report)) = told.recv().await else {
                return Err(Failure::failed("the handlers have ended"));
            };
            match (number, &mut whole) {
                (0, None) => whole = Some(report),
                (0, Some(whole)) => whole.add(&report),
                _ => others.push((report.events, report.sum)),
            }
        }
        let whole = whole.ok_or_else(|| Failure::failed("the first handler has ended"))?;
        let is_same = |seen: &(u64, u64)| *seen == (whole.events, whole.sum);
        if self.args.connections == 1 && !others.iter().all(is_same) {
            let message = format!("the handlers have not seen the same: {whole:?} and {others:?}");
            return Err(Failure::failed(message));
        }
        Ok(whole)
    }

    /// Waits until so many events have come in, whether or not anybody wants them.
    async fn all_received(&self) -> Report {
        let events = self.args.events;
        let mut start = None;
        loop {
            let came = self.sum(|bot| bot.counters().events.get());
            if came > 0 {
                start.get_or_insert_with(clock::now);
            }
            if came >= events {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Report {
            events,
            seconds: start.map_or(0.0, |start| start.elapsed().as_secs_f64()),
            ..Report::default()
        }
    }

    /// Ends with the failure of the first bot that fails.
    async fn failure(&self) -> Failure {
        let ended = self.bots.iter().map(|bot| Box::pin(bot.ended()));
        let (exit, number, _) = select_all(ended).await;
        self.bots[number].failed(exit).into()
    }

    /// Ends when nothing has come for too long.
    async fn stuck(&self) -> Failure {
        let limit = Duration::from_secs(self.args.timeout);
        let (mut seen, mut since) = (self.progress(), clock::now());
        loop {
            tokio::time::sleep(MOMENT / 2).await;
            let progress = self.progress();
            if progress != seen {
                (seen, since) = (progress, clock::now());
            } else if since.elapsed() >= limit {
                let (seconds, all) = (self.args.timeout, self.args.events);
                let came = progress.0;
                let message =
                    format!("nothing came for {seconds} s: {came} of {all} events are here");
                return Failure::new(FailureKind::Network, message);
            }
        }
    }

    /// Notes how many events wait for one handler at most, for as long as this is polled. That takes time, so it is done only where handlers are
    /// slow.
    async fn watch_queues(&self, longest: &Cell<usize>) -> Result<Report, Failure> {
        if self.args.work == 0 {
            std::future::pending::<()>().await;
        }
        loop {
            let reports = self.bots.iter().flat_map(|bot| bot.router().handlers());
            let waiting = reports.map(|report| report.waiting).max();
            longest.set(longest.get().max(waiting.unwrap_or_default()));
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns how many events came in, and how many were handled.
    fn progress(&self) -> (u64, u64) {
        let handled = |bot: &Running| {
            let reports = bot.router().handlers();
            reports.iter().map(|report| report.handled).sum()
        };
        (
            self.sum(|bot| bot.counters().events.get()),
            self.sum(handled),
        )
    }

    fn sum(&self, of: impl Fn(&Running) -> u64) -> u64 {
        self.bots.iter().map(of).sum()
    }

    /// Stops the bots in order.
    pub(super) async fn shutdown(&self) {
        for bot in &self.bots {
            bot.shutdown().await;
        }
    }
}

fn mezon(args: &BotArgs, folder: Option<&Path>) -> Mezon {
    let key = std::env::var("GREENROOM__MEZON__API_KEY").ok();
    let key = key.filter(|key| !key.is_empty());
    let settings = Settings {
        base_url: args.url.clone(),
        wire: match args.wire {
            Some(Dialect::Mezon(wire)) => Some(wire),
            _ => None,
        },
        // Whatever is sent counts, and nothing else: a server that measures may send the same messages again and again.
        catch_up: false,
        deduplicate: false,
        requests_per_second: match args.reply {
            true => 1_000_000,
            false => 80,
        },
        ..Settings::new(
            args.client_id.as_str(),
            key.unwrap_or_else(|| SIMULATED.to_owned()),
        )
    };
    let mezon = Mezon::new(settings);
    let Some(folder) = folder else { return mezon };
    let cache = config::Cache {
        path: folder.to_owned(),
        overflow: match args.cache {
            CacheMode::Drop => CacheOverflow::DropOldest,
            CacheMode::Lossless | CacheMode::Off => CacheOverflow::Block,
        },
        ..config::Cache::default()
    };
    mezon.cache(&cache)
}

fn token_bowl(args: &BotArgs) -> Result<TokenBowl, Failure> {
    let base_url = args.url.as_str().parse();
    let base_url =
        base_url.map_err(|error| Failure::new(FailureKind::Usage, format!("--url: {error}")))?;
    Ok(TokenBowl::new(token_bowl::Settings {
        base_url,
        catch_up: false,
        ..token_bowl::Settings::new("bench")
    }))
}

async fn tell_delay(event: Event<Reconnecting>) -> Outcome {
    process::say(&serde_json::json!({"delay_ms": event.delay_ms}))?;
    Ok(())
}

/// The key of the simulator's bot.
const SIMULATED: &str = "sim-mezon-key";
const MOMENT: Duration = Duration::from_secs(1);
/// How often it is looked at what has come in, if no handler tells.
const LOOK: Duration = Duration::from_millis(2);
