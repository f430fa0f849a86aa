//! The bot of the user's configuration under measurement, in a process of its own.

use std::time::Duration;

use clap::Args;
use greenroom_actors::clock;
use greenroom_actors::event::Event;
use tempfile::TempDir;
use url::Url;

use super::knob::Knob;
use crate::bot::Running;
use crate::chat::ChatMessage;
use crate::cli::bench::process;
use crate::cli::bench::report::Report;
use crate::cli::{Failure, FailureKind, Globals};
use crate::compose;
use crate::config::{Config, HandlerKind, Mezon, Purpose};
use crate::mezon;

/// Where the bot logs in, and what is set otherwise than its configuration says.
#[derive(Args, Clone, Debug)]
pub(super) struct BotArgs {
    #[arg(long)]
    url: Url,
    #[arg(long)]
    events: u64,
    #[arg(long)]
    set: Vec<String>,
}

/// Receives, reports, and waits until it is told to end.
pub(super) async fn run(args: BotArgs, globals: &Globals) -> Result<(), Failure> {
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::failed(format!("cannot make a folder: {error}")))?;
    let config = configure(&args, globals, &folder)?;
    let has_cache = config.cache.enabled;
    // No other platform of the user's is touched.
    let mezon = config.mezon.clone().unwrap_or_default();
    let bot =
        compose::without_platforms(&config).platform(mezon::Mezon::new(mezon).cache(&config.cache));
    let bot = bot.build()?.start();
    let report = tokio::select! {
        report = handled(&bot, args.events, has_cache) => report?,
        exit = bot.ended() => return Err(bot.failed(exit).into()),
    };
    report.print()?;
    process::until_told().await;
    Ok(())
}

/// Loads the user's configuration, and leads it away from everything that is the user's: account, platforms, folders.
fn configure(args: &BotArgs, globals: &Globals, folder: &TempDir) -> Result<Config, Failure> {
    let mut sources = globals.sources();
    for set in &args.set {
        let known = set
            .split_once('=')
            .and_then(|(path, value)| Some((Knob::find(path)?, value)));
        let Some((knob, value)) = known else {
            return Err(Failure::new(
                FailureKind::Usage,
                format!("--set {set}: no such setting"),
            ));
        };
        sources = sources.flag(knob.path, "--set", Some(value));
    }
    let mut config = sources.load(Purpose::Offline)?;
    let theirs = config.mezon.take().unwrap_or_default();
    config.mezon = Some(Mezon {
        base_url: Some(args.url.clone()),
        client_id: BOT.to_owned(),
        api_key: "tune".into(),
        session_file: None,
        agent_url: None,
        ca_file: None,
        // The server that measures repeats nothing.
        catch_up: false,
        ..theirs
    });
    // What is of another platform alone hears nothing here, or waits for it; and some write where the user looks.
    let has_no_place = |kind: &HandlerKind| {
        matches!(
            kind,
            HandlerKind::Alerts { .. }
                | HandlerKind::Bridge { .. }
                | HandlerKind::MessageLog { .. }
                | HandlerKind::Monitor
                | HandlerKind::Schedule { .. }
        )
    };
    config
        .handlers
        .retain(|handler| !has_no_place(&handler.kind));
    config.cache.path = folder.path().join("cache");
    config.store.enabled = false;
    config.endpoint.listen = None;
    Ok(config)
}

/// Waits until all events were handled by everybody who wants them.
async fn handled(bot: &Running, events: u64, has_cache: bool) -> Result<Report, Failure> {
    let (mut seen, mut since) = (0, clock::now());
    let mut start = None;
    loop {
        let counters = bot.counters();
        let came = counters.events.get();
        if came > 0 {
            start.get_or_insert_with(clock::now);
        }
        let reports = bot.router().handlers();
        let mut messages = reports
            .iter()
            .filter(|report| report.event == Event::<ChatMessage>::name());
        let is_handled =
            messages.all(|report| report.handled + report.filtered + report.dead >= events);
        let kept = counters.cached.get() + counters.cache_dropped.get();
        if came >= events && is_handled && (!has_cache || kept >= events) {
            return Ok(Report {
                events,
                seconds: start.map_or(0.0, |start| start.elapsed().as_secs_f64()),
                cache_dropped: Some(counters.cache_dropped.get()),
                ..Report::default()
            });
        }
        let progress = came + kept + reports.iter().map(|report| report.handled).sum::<u64>();
        if progress != seen {
            (seen, since) = (progress, clock::now());
        } else if since.elapsed() > PATIENCE {
            let message = format!("nothing moves any more: {came} of {events} events are here");
            return Err(Failure::failed(message));
        }
        tokio::time::sleep(LOOK).await;
    }
}

const BOT: &str = "1000000000000000001";
const LOOK: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);
