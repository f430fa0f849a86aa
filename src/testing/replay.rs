//! Running a trace again.

use std::io;
use std::path::Path;
use std::time::Duration;

use greenroom_actors::clock;
use serde_json::Value;

use super::bot::TestBot;
use super::stage::Stage;
use crate::bot::BotBuilder;

/// A trace beside what came of running it again.
#[derive(Clone, Debug)]
pub struct Replay {
    recorded: Vec<String>,
    repeated: Vec<String>,
}

/// Why a trace cannot be run again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("cannot read the trace: {0}")]
    Read(#[from] io::Error),
    /// The file is no trace, or not all of it.
    #[error("line {line} of the trace: {text}")]
    Wrong {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        text: String,
    },
}

/// Runs a saved trace again: the same seed, date, bots, words, events and faults at the same moments. `bot` makes the bot of a name; it
/// is put on the platforms as [`Stage::start`] does. Call it in a plain `#[test]`, as [`run`](super::run).
///
/// # Errors
///
/// [`ReplayError`] if the file is no whole trace.
///
/// # Panics
///
/// As [`run`](super::run).
pub fn replay(
    path: impl AsRef<Path>,
    bot: impl Fn(&str) -> BotBuilder,
) -> Result<Replay, ReplayError> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let value: Value = serde_json::from_str(line).map_err(|error| ReplayError::Wrong {
            line: number + 1,
            text: error.to_string(),
        })?;
        lines.push(value);
    }
    let head = lines.first().filter(|line| line["what"] == "stage");
    let setting = head.and_then(|head| Some((head["seed"].as_u64()?, head["date"].as_u64()?)));
    let Some((seed, date)) = setting else {
        return Err(ReplayError::Wrong {
            line: 1,
            text: "it does not begin with the stage, so it is not the whole trace".to_owned(),
        });
    };
    let with_frames = lines.iter().any(|line| line["what"] == "http");
    let builder = Stage::builder().seed(seed).date(date).frames(with_frames);
    let repeated = builder.run(async |stage: Stage| {
        perform(&stage, &lines, &bot).await;
        stage.trace().text()
    });
    Ok(Replay {
        recorded: text.lines().map(str::to_owned).collect(),
        repeated: repeated.lines().map(str::to_owned).collect(),
    })
}

async fn perform(stage: &Stage, lines: &[Value], make: &impl Fn(&str) -> BotBuilder) {
    let start = clock::now();
    let mut bots: Vec<(String, TestBot)> = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let what = line["what"].as_str().unwrap_or_default();
        if !matches!(
            what,
            "start" | "stop" | "crash" | "say" | "emit" | "fault" | "chaos"
        ) {
            continue;
        }
        let at = start + Duration::from_millis(line["at_ms"].as_u64().unwrap_or_default());
        reach(stage, at, place).await;
        let name = line["bot"].as_str().unwrap_or_default();
        match what {
            "start" => {
                // A bot that failed in the trace fails here, too.
                if let Ok(bot) = stage.try_start(make(name)).await {
                    bots.push((name.to_owned(), bot));
                }
            }
            "crash" => {
                let actor = line["actor"].as_str().unwrap_or_default();
                if let Some((_, bot)) = bots.iter().find(|(known, _)| known == name) {
                    bot.running().crash(actor);
                }
            }
            "stop" => {
                if let Some((_, bot)) = bots.iter().find(|(known, _)| known == name) {
                    bot.stop().await;
                }
            }
            _ => {
                let platform = stage.platform(line["platform"].as_str().unwrap_or_default());
                let what = match what {
                    "say" => "say",
                    "emit" => "emit",
                    "chaos" => "chaos",
                    _ => "fault",
                };
                platform.input(what, line["input"].clone());
            }
        }
    }
    let last = lines.last().and_then(|line| line["at_ms"].as_u64());
    let end = start + Duration::from_millis(last.unwrap_or_default());
    reach(stage, end, lines.len()).await;
}

/// Waits for a moment, and within it until as much has happened as had in the trace.
async fn reach(stage: &Stage, at: clock::Instant, place: usize) {
    tokio::time::sleep_until(at).await;
    for _ in 0..MOST_TURNS {
        if stage.trace().count() >= place as u64 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

impl Replay {
    /// Says whether the same happened, byte for byte.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.recorded == self.repeated
    }

    /// Returns the number of the first line that differs, counted from 1, with the line of the trace and that of the repetition;
    /// empty if there is none.
    #[must_use]
    pub fn difference(&self) -> Option<(usize, &str, &str)> {
        let length = self.recorded.len().max(self.repeated.len());
        (0..length).find_map(|place| {
            let recorded = self.recorded.get(place).map_or("", String::as_str);
            let repeated = self.repeated.get(place).map_or("", String::as_str);
            (recorded != repeated).then_some((place + 1, recorded, repeated))
        })
    }

    /// Checks that the same happened.
    ///
    /// # Panics
    ///
    /// If it did not; the panic shows the first line that differs.
    pub fn assert_same(&self) {
        if let Some((line, recorded, repeated)) = self.difference() {
            panic!("line {line} differs\n  then: {recorded}\n   now: {repeated}");
        }
    }
}

const MOST_TURNS: usize = 10_000;
