//! Bad luck for as long as one likes: a bot under seeded faults, and a report of what became of it.

mod conversation;
mod report;
mod timeline;

use std::time::Duration;

use greenroom_actors::clock;
use greenroom_actors::telemetry::process;

use super::stage::{Stage, StageBuilder};
use crate::bot::{BotBuilder, BotError};

pub use self::conversation::Line;
pub use self::report::{ChaosReport, Recovery, Sample};
pub use self::timeline::timeline;

/// A run of a bot on simulated platforms while things go wrong.
///
/// Users speak on each platform, and each request and message meets a drawn fault with a probability; the [mix](crate::simulator::fault#chaos)
/// says which. At the end comes a time without faults, so that what was missed can be fetched. Then the [report](ChaosReport) is made.
///
/// # Examples
///
/// ```
/// use greenroom::prelude::*;
/// use greenroom::testing::ChaosRun;
///
/// let run = ChaosRun::new(std::time::Duration::from_secs(600)).rate(0.02).seed(7);
/// let report = run.run(|_| Bot::builder("b"), |_| {})?;
/// assert!(report.broken.is_empty(), "{report:?}");
/// # Ok::<(), greenroom::bot::BotError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is run"]
pub struct ChaosRun {
    length: Duration,
    rate: f64,
    stage: StageBuilder,
    is_real: bool,
    pause: Duration,
    lines: Vec<Line>,
    platforms: Vec<String>,
    is_forgetful: bool,
    is_answering: bool,
}

impl ChaosRun {
    /// Describes a run of this length, with faults at a rate of 0.01, in virtual time.
    pub fn new(length: Duration) -> Self {
        Self {
            length,
            rate: 0.01,
            stage: Stage::builder().frames(false),
            is_real: false,
            pause: Duration::from_secs(5),
            lines: vec![Line::plain()],
            platforms: Vec::new(),
            is_forgetful: false,
            is_answering: false,
        }
    }

    /// Sets the probability, from 0 to 1, with which each request and message meets a fault.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Sets the seed of everything random; default as that of a [`Stage`].
    pub fn seed(mut self, seed: u64) -> Self {
        self.stage = self.stage.seed(seed);
        self
    }

    /// Lets time go by as it does for everybody, in place of virtual time.
    pub fn in_real_time(mut self) -> Self {
        self.is_real = true;
        self.stage = self.stage.in_real_time();
        self
    }

    /// Sets how long it takes until somebody speaks again; default 5 s.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Adds what is said, by turns with a number. What the bot says of a message can be told from what it says of another one if the
    /// number is in it; then a reply that comes twice is found.
    pub fn lines(mut self, lines: impl IntoIterator<Item = Line>) -> Self {
        self.lines.extend(lines);
        self
    }

    /// Sets the platforms by name; default are those that the bot is on, and all that are simulated if it is on none yet.
    pub fn platforms<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.platforms = names.into_iter().map(Into::into).collect();
        self
    }

    /// Says that the platforms cannot tell the bot what it has missed: then losing that breaks no guarantee.
    pub fn without_replay(mut self) -> Self {
        self.is_forgetful = true;
        self
    }

    /// Says that the bot answers every message that has a number, once and with that number: then a missing answer breaks a guarantee.
    pub fn answering(mut self) -> Self {
        self.is_answering = true;
        self
    }

    /// Runs the bot that `make` makes; `progress` is told now and then.
    ///
    /// # Errors
    ///
    /// [`BotError`] if the bot cannot be built, or ends before it is connected.
    ///
    /// # Panics
    ///
    /// As [`Stage`] does: within an async runtime, or if a platform is unknown or a rate wrong.
    pub fn run(
        self,
        make: impl FnOnce(&Stage) -> BotBuilder,
        mut progress: impl FnMut(&Sample),
    ) -> Result<ChaosReport, BotError> {
        let stage = self.stage.clone();
        stage.run(async |stage: Stage| {
            let bot = make(&stage);
            let names = match self.platforms.as_slice() {
                [] => bot
                    .platform_names()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                chosen => chosen.to_vec(),
            };
            let bot = stage.try_start(bot).await?;
            let mut talk = conversation::Conversation::new(&stage, &names, &self.lines);
            let platforms = talk.platforms();
            let begun = clock::now();
            let look = |said: u64| {
                let counters = bot.running().counters();
                Sample {
                    at: clock::now() - begun,
                    said,
                    events: counters.events.get(),
                    faults: platforms.iter().map(|platform| platform.faults()).sum(),
                    reconnects: counters.reconnects.get(),
                    restarts: bot.restarts(),
                    dead_letters: bot.running().router().dead_letters().total(),
                    resident: process::resident_bytes(),
                }
            };
            for platform in &platforms {
                platform.chaos(self.rate);
            }
            let mut samples = vec![look(0)];
            let every = (self.length / SAMPLES).max(self.pause);
            let mut due = begun + every;
            while clock::now() < begun + self.length && !bot.has_ended() {
                talk.next();
                stage.advance(self.pause).await;
                if clock::now() >= due {
                    due += every;
                    let sample = look(talk.said());
                    progress(&sample);
                    samples.push(sample);
                }
            }
            let faults_end = clock::now() - begun;
            for platform in &platforms {
                platform.chaos(0.0);
            }
            self.calm(&stage, &bot).await;
            samples.push(look(talk.said()));
            let (has_ended, is_ready) = (bot.has_ended(), bot.running().health().ready);
            let report = bot.stop().await;
            Ok(report::judge(report::Facts {
                run: &self,
                stage: &stage,
                bot: &bot,
                samples,
                faults_end,
                names: talk.names(),
                shutdown: report.shutdown,
                has_ended,
                is_ready,
            }))
        })
    }

    /// Waits without faults until all is well again: in virtual time for long, else no longer than it takes.
    async fn calm(&self, stage: &Stage, bot: &super::TestBot) {
        let end = clock::now() + CALM;
        while clock::now() < end && !bot.has_ended() {
            stage.advance(Duration::from_secs(1)).await;
            let is_well = bot.running().health().ready && bot.losses().lost.is_empty();
            if self.is_real && is_well && clock::now() + CALM > end + CALM_REAL {
                return;
            }
        }
    }

    pub(super) fn virtual_or_real(&self) -> &'static str {
        if self.is_real { "real" } else { "virtual" }
    }
}

/// So many samples are taken at most, beside the first and the last.
const SAMPLES: u32 = 240;
/// How long there are no faults at the end.
const CALM: Duration = Duration::from_secs(300);
/// How long at least, in real time.
const CALM_REAL: Duration = Duration::from_secs(3);
