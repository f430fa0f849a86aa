//! One run of one client against the blaster, and what it took.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use greenroom_actors::clock;
use greenroom_proto::mezon::Wire;
use serde::Deserialize;

pub(in crate::cli) use super::compare::median;

use super::bots::CacheMode;
use super::dialect::Dialect;
use super::process::{Process, Usage};
use super::report::Report;
use crate::cli::Failure;

/// Who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Baseline,
    Greenroom,
}

/// What is sent, and what is done with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) wire: Dialect,
    pub(super) events: u64,
    pub(super) handlers: u16,
    pub(super) cache: CacheMode,
    pub(super) reply: bool,
    /// Whether sockets are read on a thread of their own.
    pub(super) sockets: bool,
    pub(super) connections: usize,
    pub(super) channels: usize,
    /// Events a second; 0 is as fast as they are taken.
    pub(super) rate: u64,
    pub(super) work_us: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            wire: Dialect::V1,
            events: 1_000_000,
            handlers: 1,
            cache: CacheMode::Off,
            reply: false,
            sockets: false,
            connections: 1,
            channels: 64,
            rate: 0,
            work_us: 0,
        }
    }
}

/// What one run took.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Run {
    /// From the first byte that was sent to the report of the client, measured outside of both.
    pub(super) seconds: f64,
    pub(super) usage: Used,
    pub(super) report: Report,
    /// The size of a frame in bytes.
    pub(super) frame: usize,
}

/// What the client used for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    /// Processor time in seconds, all threads.
    pub(super) cpu: Option<f64>,
    /// Resident memory in bytes: before the first event, at the report, and the most until then.
    pub(super) idle: Option<u64>,
    pub(super) resident: Option<u64>,
    pub(super) peak: Option<u64>,
}

impl Run {
    pub(in crate::cli) fn per_second(&self) -> f64 {
        self.report.events as f64 / self.seconds.max(1e-9)
    }

    /// Microseconds of processor time an event.
    pub(in crate::cli) fn cpu_us(&self) -> Option<f64> {
        Some(self.usage.cpu? * 1e6 / self.report.events as f64)
    }
}

/// What is sent to a bot of the user's.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Server {
    pub(in crate::cli) events: u64,
    pub(in crate::cli) wire: Wire,
    /// Whose channels and people are used; none: those of the standard scene.
    pub(in crate::cli) world: Option<PathBuf>,
    /// What is said, if it matters.
    pub(in crate::cli) say: Vec<String>,
}

/// Runs `client` under `load`.
///
/// # Errors
///
/// A process does not do its part, or something was lost or out of order.
pub(super) async fn run(client: Client, load: Load) -> Result<Run, Failure> {
    let load = Load {
        // Every connection gets the same.
        events: (load.events / load.connections as u64).max(1) * load.connections as u64,
        ..load
    };
    let (role, arguments) = client_arguments(client, load);
    let blaster = blaster_arguments(load);
    let run = between(&blaster, ("bench", role), arguments);
    within(load.events, run).await
}

/// Runs the bot of the user's configuration with `arguments`.
///
/// # Errors
///
/// A process does not do its part.
pub(in crate::cli) async fn run_bot(
    server: &Server,
    arguments: Vec<String>,
) -> Result<Run, Failure> {
    let mut blaster = blaster_arguments(Load {
        wire: Dialect::Mezon(server.wire),
        events: server.events,
        ..Load::default()
    });
    if let Some(world) = &server.world {
        blaster.extend(flags(&[("--world", world.display().to_string())]));
    }
    // An equals sign, since what is said may begin with a dash.
    blaster.extend(server.say.iter().map(|line| format!("--say={line}")));
    within(server.events, between(&blaster, ("tune", "bot"), arguments)).await
}

async fn within(
    events: u64,
    run: impl Future<Output = Result<Run, Failure>>,
) -> Result<Run, Failure> {
    let limit = LIMIT + Duration::from_micros(events.saturating_mul(SLOWEST_US));
    tokio::time::timeout(limit, run).await.unwrap_or_else(|_| {
        let message = format!("a run was not done after {} s", limit.as_secs());
        Err(Failure::failed(message))
    })
}

/// Starts a blaster and a client, and measures what happens between the two.
async fn between(
    blaster: &[String],
    (command, role): (&'static str, &'static str),
    mut arguments: Vec<String>,
) -> Result<Run, Failure> {
    let mut blaster = Process::start("bench", "blaster", blaster)?;
    let Listening { listening, frame } = blaster.line().await?;
    arguments.extend(flags(&[("--url", listening)]));
    let mut process = Process::start(command, role, &arguments)?;
    let started: Result<Started, _> = tokio::select! {
        started = blaster.line() => started,
        // It says nothing before the events have come, so it has failed.
        early = process.line::<Report>() => match early {
            Ok(_) => Err(Failure::failed(format!("the {role} reported before there was an event"))),
            Err(failure) => Err(failure),
        },
    };
    if !started?.started {
        return Err(Failure::failed("the blaster did not start"));
    }
    let (before, start) = (process.usage(), clock::now());
    let report: Report = process.line().await?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), process.usage());
    process.end().await;
    blaster.end().await;
    if report.disorder > 0 {
        let message = format!("{} events came out of order", report.disorder);
        return Err(Failure::failed(message));
    }
    Ok(Run {
        seconds,
        usage: used(before, after),
        report,
        frame,
    })
}

/// Cuts a bot off a few times, and returns after how many milliseconds it had joined again, less the wait that it chose.
pub(super) async fn reconnects(dialect: Dialect, cuts: usize) -> Result<Vec<f64>, Failure> {
    #[derive(Deserialize)]
    struct Delay {
        delay_ms: f64,
    }
    #[derive(Deserialize)]
    struct Rejoined {
        rejoined_ms: f64,
    }
    let load = Load {
        wire: dialect,
        events: 0,
        handlers: 0,
        ..Load::default()
    };
    let mut arguments = blaster_arguments(load);
    arguments.extend(flags(&[("--cuts", cuts.to_string())]));
    let mut blaster = Process::start("bench", "blaster", &arguments)?;
    let Listening { listening, .. } = blaster.line().await?;
    let (role, mut arguments) = client_arguments(Client::Greenroom, load);
    arguments.extend(flags(&[("--url", listening)]));
    arguments.push("--reconnects".to_owned());
    let mut bot = Process::start("bench", role, &arguments)?;
    let all = async {
        let Started { started: true } = blaster.line().await? else {
            return Err(Failure::failed("the blaster did not start"));
        };
        let mut beyond = Vec::new();
        for _ in 0..cuts {
            let Delay { delay_ms } = bot.line().await?;
            let Rejoined { rejoined_ms } = blaster.line().await?;
            beyond.push((rejoined_ms - delay_ms).max(0.0));
        }
        Ok(beyond)
    };
    let beyond = tokio::time::timeout(LIMIT, all).await;
    bot.end().await;
    blaster.end().await;
    beyond.unwrap_or_else(|_| Err(Failure::failed("the bot did not come back in time")))
}

#[derive(Deserialize)]
struct Listening {
    listening: String,
    frame: usize,
}

#[derive(Deserialize)]
struct Started {
    started: bool,
}

fn used(before: Usage, after: Usage) -> Used {
    Used {
        cpu: before
            .cpu
            .zip(after.cpu)
            .map(|(before, after)| after - before),
        idle: before.resident,
        resident: after.resident,
        peak: after.peak,
    }
}

fn blaster_arguments(load: Load) -> Vec<String> {
    flags(&[
        ("--wire", load.wire.to_string()),
        ("--events", load.events.to_string()),
        ("--connections", load.connections.to_string()),
        ("--channels", load.channels.to_string()),
        ("--rate", load.rate.to_string()),
    ])
}

fn client_arguments(client: Client, load: Load) -> (&'static str, Vec<String>) {
    let mut arguments = flags(&[
        ("--wire", load.wire.to_string()),
        ("--events", load.events.to_string()),
        ("--connections", load.connections.to_string()),
    ]);
    for (flag, wanted) in [("--reply", load.reply), ("--latency", load.rate > 0)] {
        arguments.extend(wanted.then(|| flag.to_owned()));
    }
    if client == Client::Baseline {
        return ("baseline", arguments);
    }
    let cache = match load.cache {
        CacheMode::Drop => "drop",
        CacheMode::Lossless => "lossless",
        CacheMode::Off => "off",
    };
    // Several connections bring the same channels, each in its own order.
    let checked = if load.connections == 1 {
        load.channels
    } else {
        0
    };
    arguments.extend(flags(&[
        ("--handlers", load.handlers.to_string()),
        ("--cache", cache.to_owned()),
        ("--channels", checked.to_string()),
        ("--work", load.work_us.to_string()),
    ]));
    arguments.extend(load.sockets.then(|| "--sockets".to_owned()));
    ("bot", arguments)
}

fn flags(flags: &[(&str, String)]) -> Vec<String> {
    flags
        .iter()
        .flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()])
        .collect()
}

/// How long a run may take, beside what its events may take.
const LIMIT: Duration = Duration::from_secs(60);
const SLOWEST_US: u64 = 100;
