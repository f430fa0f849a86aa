//! `greenroom demo`: a bot on five simulated platforms, a conversation, and what it makes of the loss of each; no account and no network
//! needed.

mod cast;
mod narrator;
mod script;
mod stage;
mod watch;

use std::time::Duration;

use clap::Args;

use self::narrator::Narrator;
use self::stage::Stage;
use super::{Failure, Globals, logging};
use crate::bot::signals::StopSignals;
use crate::config::Config;

/// The arguments of `greenroom demo`.
#[derive(Args, Clone, Debug)]
pub(super) struct DemoArgs {
    /// End after one round, with exit code 0 only if every expected reply came
    #[arg(long)]
    once: bool,
    /// How many times faster than usual the conversation goes
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// The seed of all random numbers, to see the same delays again
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Plays the demo: round after round until Ctrl-C, or one round with `--once`.
pub(super) async fn run(args: DemoArgs, globals: &Globals) -> Result<(), Failure> {
    let quiet = Globals {
        // The demo tells the story itself; the log would tell it twice.
        log: Some(globals.log.clone().unwrap_or_else(|| "off".to_owned())),
        ..globals.clone()
    };
    logging::start(&quiet, &Config::default())?;
    let mut signals = StopSignals::listen()?;
    let narrator = Narrator::new(globals);
    let stage = Stage::open(&args, &narrator).await?;
    let played = tokio::select! {
        played = play(&args, &stage) => played,
        () = signals.received() => Ok(()),
    };
    let summary = stage.close().await?;
    played?;
    match summary.missing {
        0 => Ok(()),
        missing => Err(Failure::failed(format!(
            "{missing} expected replies did not come"
        ))),
    }
}

async fn play(args: &DemoArgs, stage: &Stage<'_>) -> Result<(), Failure> {
    loop {
        stage.play_round().await?;
        if args.once {
            return Ok(());
        }
        stage.intermission().await?;
    }
}

/// How long `pause` is at this speed.
fn at_speed(pause: Duration, speed: f64) -> Duration {
    pause.div_f64(speed)
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.01..=1_000.0).contains(speed))
        .ok_or_else(|| "must be a number, 0.01 to 1000".to_owned())
}
