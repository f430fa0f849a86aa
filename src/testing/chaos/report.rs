//! What became of a bot under faults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::ChaosRun;
use super::conversation::token_in;
use crate::bot::Shutdown;
use crate::testing::{Losses, Stage, TestBot};

/// What became of a bot under faults. It serializes as the JSON of `greenroom chaos --json`; times are in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ChaosReport {
    /// The seed: the same one gives the same run, in virtual time.
    pub seed: u64,
    /// The platforms.
    pub platforms: Vec<&'static str>,
    /// `virtual` or `real`.
    pub time: &'static str,
    /// How long faults happened, in minutes.
    pub minutes: f64,
    /// The probability of a fault.
    pub rate: f64,
    /// Messages that users said.
    pub said: u64,
    /// Events that the platforms sent, those of the bot's own messages included.
    pub events: u64,
    /// What the bot said.
    pub replies: u64,
    /// Those of them that name no message, so that nobody can tell whether one was said twice.
    pub replies_unmarked: u64,
    /// The faults that happened, by kind.
    pub faults: BTreeMap<String, u64>,
    /// All of them.
    pub faults_total: u64,
    /// How often a connection was lost and is live again.
    pub reconnects: u64,
    /// How long connections were down.
    pub recovery: Recovery,
    /// Messages of users that no handler was handed.
    pub lost: u64,
    /// Messages of users that were handed out twice, and of the bot that were said twice.
    pub duplicated: u64,
    /// Messages of the bot of which nobody knows whether they arrived; each is reported as a dead letter.
    pub outcome_unknown: u64,
    /// All events that were given up.
    pub dead_letters: u64,
    /// How often actors were restarted.
    pub restarts: u64,
    /// Resident memory of the process at the beginning and at the end, in bytes; the simulator and the report are in it.
    pub memory: Option<(u64, u64)>,
    /// By how much it grew in the second half, in KiB a minute. The platforms, which keep what was said, and the records that this report
    /// is made of grow with the length of the run.
    pub memory_slope_kib_per_minute: Option<f64>,
    /// The guarantees that were broken, each in a sentence; empty if all is well.
    pub broken: Vec<String>,
    /// Figures over time.
    #[serde(skip)]
    pub samples: Vec<Sample>,
    /// When connections were lost, since the start, and for how long.
    #[serde(skip)]
    pub outages: Vec<(Duration, Duration)>,
    /// When which fault happened.
    #[serde(skip)]
    pub moments: Vec<(Duration, String)>,
}

/// How long it took until a lost connection was live again, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Recovery {
    /// In half of the cases at most.
    pub p50_ms: u64,
    /// In 99 of 100 cases at most.
    pub p99_ms: u64,
    /// The longest time.
    pub max_ms: u64,
}

/// How it stood at one moment.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Sample {
    /// When, since the start.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// Messages that users have said.
    pub said: u64,
    /// Events that came.
    pub events: u64,
    /// Faults that happened.
    pub faults: u64,
    /// Connections that were lost and are live again.
    pub reconnects: u64,
    /// Restarts of actors.
    pub restarts: u64,
    /// Events that were given up.
    pub dead_letters: u64,
    /// Resident memory in bytes, if the system tells.
    pub resident: Option<u64>,
}

fn seconds<S: serde::Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.as_secs_f64())
}

/// What a report is made of.
pub(super) struct Facts<'a> {
    pub(super) run: &'a ChaosRun,
    pub(super) stage: &'a Stage,
    pub(super) bot: &'a TestBot,
    pub(super) samples: Vec<Sample>,
    pub(super) faults_end: Duration,
    pub(super) names: Vec<&'static str>,
    pub(super) shutdown: Option<Shutdown>,
    /// Whether the bot gave up by itself.
    pub(super) has_ended: bool,
    /// Whether it was connected before it was stopped.
    pub(super) is_ready: bool,
}

pub(super) fn judge(facts: Facts<'_>) -> ChaosReport {
    let Facts {
        run, stage, bot, ..
    } = facts;
    let router = bot.running().router();
    let letters = router.dead_letters();
    let unknown = letters
        .list()
        .iter()
        .filter(|letter| is_unknown(&format!("{:?}", letter.reason)))
        .count();
    let mut losses = bot.losses();
    let known = |platform: &str| facts.names.contains(&platform);
    let replies: Vec<_> = bot
        .replies()
        .into_iter()
        .filter(|said| known(said.platform))
        .collect();
    let said_twice = said_twice(
        replies
            .iter()
            .map(|said| (said.channel.as_str(), said.text.as_str())),
    );
    let lines = stage.trace().lines();
    let (mut faults, mut moments, mut outages) =
        (BTreeMap::<String, u64>::new(), Vec::new(), Vec::new());
    for line in &lines {
        let at = Duration::from_millis(line["at_ms"].as_u64().unwrap_or_default());
        match line["what"].as_str() {
            Some("befell") => {
                let kind = line["fault"]["kind"].as_str().unwrap_or_default();
                *faults.entry(kind.to_owned()).or_default() += 1;
                moments.push((at, kind.to_owned()));
            }
            Some("connected") => {
                if let Some(down) = line["down_for_ms"].as_u64() {
                    let down = Duration::from_millis(down);
                    outages.push((at.saturating_sub(down), down));
                }
            }
            _ => {}
        }
    }
    let unmarked = replies
        .iter()
        .filter(|said| token_in(&said.text).is_none())
        .count();
    let dead_letters = letters.total();
    let failed = dead_letters.saturating_sub(unknown as u64);
    let answers: BTreeSet<_> = replies
        .iter()
        .filter_map(|said| token_in(&said.text))
        .collect();
    let handled = losses.said - losses.lost.len();
    let unanswered = match run.is_answering {
        true => (handled as u64).saturating_sub(answers.len() as u64 + unknown as u64 + failed),
        false => 0,
    };
    let mut broken = broken(&facts, &losses, &said_twice, failed);
    if unanswered > 0 {
        broken.push(format!(
            "{unanswered} messages were handled, and their answers never arrived"
        ));
    }
    if let Some(shutdown) = &facts.shutdown
        && shutdown.left.lost() > 0
    {
        broken.push(format!(
            "{} events were in the middle of being handled at the end",
            shutdown.left.lost()
        ));
    }
    losses.duplicated.extend(said_twice);
    let last = facts.samples.last().copied().unwrap_or_default();
    let first = facts.samples.first().copied().unwrap_or_default();
    ChaosReport {
        seed: stage.seed(),
        platforms: facts.names,
        time: run.virtual_or_real(),
        minutes: (facts.faults_end.as_secs_f64() / 60.0 * 100.0).round() / 100.0,
        rate: run.rate,
        said: losses.said as u64,
        events: last.events,
        replies: replies.len() as u64,
        replies_unmarked: unmarked as u64,
        faults_total: faults.values().sum(),
        faults,
        reconnects: last.reconnects,
        recovery: Recovery::of(outages.iter().map(|(_, down)| *down)),
        lost: losses.lost.len() as u64,
        duplicated: losses.duplicated.len() as u64,
        outcome_unknown: unknown as u64,
        dead_letters,
        restarts: bot.restarts(),
        memory: first.resident.zip(last.resident),
        memory_slope_kib_per_minute: slope(&facts.samples),
        broken,
        samples: facts.samples,
        outages,
        moments,
    }
}

fn broken(facts: &Facts<'_>, losses: &Losses, said_twice: &[String], failed: u64) -> Vec<String> {
    let mut broken = Vec::new();
    if facts.has_ended {
        broken.push("the bot has given up: its tree failed".to_owned());
    } else if !facts.is_ready {
        broken
            .push("the bot is not connected again although nothing goes wrong any more".to_owned());
    }
    if !losses.lost.is_empty() && !facts.run.is_forgetful {
        broken.push(format!(
            "{} messages were lost, such as {}",
            losses.lost.len(),
            losses.lost[0]
        ));
    }
    if !losses.duplicated.is_empty() {
        broken.push(format!(
            "{} messages were handed out twice, such as {}",
            losses.duplicated.len(),
            losses.duplicated[0]
        ));
    }
    if !said_twice.is_empty() {
        broken.push(format!(
            "{} replies were said twice, such as {:?}",
            said_twice.len(),
            said_twice[0]
        ));
    }
    if failed > 0 {
        broken.push(format!(
            "{failed} events could not be handled and are dead letters"
        ));
    }
    broken
}

/// Says whether a reason tells that nobody knows what became of a message, which is what is promised.
fn is_unknown(reason: &str) -> bool {
    reason.contains("is unknown")
}

/// Finds what was said more than once in one place of one and the same message: texts that carry its mark.
fn said_twice<'a>(replies: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut times: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for reply in replies.filter(|(_, text)| token_in(text).is_some()) {
        *times.entry(reply).or_default() += 1;
    }
    let twice = times.into_iter().filter(|(_, times)| *times > 1);
    twice.map(|((_, text), _)| text.to_owned()).collect()
}

/// Fits a line to the memory of the second half, in which it should have come to rest.
fn slope(samples: &[Sample]) -> Option<f64> {
    let half = &samples[samples.len() / 2..];
    let points: Option<Vec<(f64, f64)>> = half
        .iter()
        .map(|sample| {
            Some((
                sample.at.as_secs_f64() / 60.0,
                sample.resident? as f64 / 1_024.0,
            ))
        })
        .collect();
    let points = points.filter(|points| points.len() > 1)?;
    let count = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (x, y) = (x / count, y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |sum, point| {
        (
            sum.0 + (point.0 - x) * (point.1 - y),
            sum.1 + (point.0 - x).powi(2),
        )
    });
    (below > 0.0).then(|| (above / below * 10.0).round() / 10.0)
}

impl Recovery {
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<u64> = times
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            .collect();
        times.sort_unstable();
        let at = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(place).copied().unwrap_or_default()
        };
        Self {
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

impl fmt::Display for ChaosReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: String| writeln!(f, "{name:<18} {value}");
        row("platforms", self.platforms.join(", "))?;
        row(
            "time",
            format!(
                "{} {} minutes, faults at a rate of {}, seed {}",
                self.minutes, self.time, self.rate, self.seed
            ),
        )?;
        row(
            "events",
            format!(
                "{} ({} messages said, {} replies)",
                self.events, self.said, self.replies
            ),
        )?;
        let kinds: Vec<_> = self
            .faults
            .iter()
            .map(|(kind, times)| format!("{kind} {times}"))
            .collect();
        row("faults survived", format!("{}", self.faults_total))?;
        for kinds in kinds.chunks(6) {
            row("", kinds.join(", "))?;
        }
        row("reconnects", self.reconnects.to_string())?;
        let Recovery {
            p50_ms,
            p99_ms,
            max_ms,
        } = self.recovery;
        row(
            "recovery",
            format!("p50 {p50_ms} ms, p99 {p99_ms} ms, max {max_ms} ms"),
        )?;
        row("lost", self.lost.to_string())?;
        let duplicated = match self.replies_unmarked {
            0 => self.duplicated.to_string(),
            many => format!(
                "{}, not counting {many} replies that name no message",
                self.duplicated
            ),
        };
        row("duplicated", duplicated)?;
        row(
            "outcome unknown",
            format!("{} (reported, not repeated)", self.outcome_unknown),
        )?;
        row("dead letters", self.dead_letters.to_string())?;
        row("restarts", self.restarts.to_string())?;
        if let (Some((first, last)), Some(slope)) = (self.memory, self.memory_slope_kib_per_minute)
        {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            row(
                "memory",
                format!(
                    "{:.1} MiB to {:.1} MiB, slope {slope} KiB a minute, with the platforms and all that they have on record",
                    mib(first),
                    mib(last)
                ),
            )?;
        }
        match self.broken.is_empty() {
            true => row("guarantees", "kept".to_owned()),
            false => {
                for (place, broken) in self.broken.iter().enumerate() {
                    row(if place == 0 { "broken" } else { "" }, broken.clone())?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_occurred() {
        let times = (1..=200).map(Duration::from_millis);
        let recovery = Recovery::of(times);
        assert_eq!(
            (recovery.p50_ms, recovery.p99_ms, recovery.max_ms),
            (100, 198, 200)
        );
        assert_eq!(Recovery::of(std::iter::empty()), Recovery::default());
        assert_eq!(
            Recovery::of([Duration::from_millis(7)].into_iter()).p50_ms,
            7
        );
    }

    #[test]
    fn memory_that_grows_has_a_slope() {
        let sample = |minute: u64, kib: u64| Sample {
            at: Duration::from_secs(minute * 60),
            resident: Some(kib * 1_024),
            ..Sample::default()
        };
        let samples: Vec<_> = (0..10)
            .map(|minute| sample(minute, 5_000 + 20 * minute))
            .collect();
        assert_eq!(slope(&samples), Some(20.0));
        let flat: Vec<_> = (0..10).map(|minute| sample(minute, 5_000)).collect();
        assert_eq!(slope(&flat), Some(0.0));
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[Sample::default(), Sample::default()]), None);
    }

    #[test]
    fn what_is_said_twice_of_one_message_is_found() {
        let replies = [
            ("general", "re #000001"),
            ("general", "Pong!"),
            ("general", "Pong!"),
            ("dm", "re #000001"),
            ("general", "re #000001"),
        ];
        assert_eq!(said_twice(replies.into_iter()), ["re #000001"]);
    }
}
