//! Greenroom and the bare client by turns.

use serde::Serialize;

use super::dialect::Dialect;
use super::measure::{self, Client, Run};
use super::scenario::Comparison;
use crate::cli::{Cell, Failure, Tone};

/// What a comparison found: medians of all rounds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compared {
    scenario: &'static str,
    wire: Dialect,
    events: u64,
    rounds: usize,
    /// The size of a frame in bytes.
    frame: usize,
    greenroom: Figures,
    baseline: Figures,
    /// Events a second beside those of the bare client of the same round; the median of that.
    ratio: f64,
    /// The smallest and the largest ratio.
    ratio_range: [f64; 2],
    /// Processor time an event, as `ratio`: above 1 greenroom uses less.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
}

/// The medians of one client.
#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    events_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_mib: Option<f64>,
    /// Messages that were left out of the cache, per event.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<f64>,
}

/// Runs both clients in each round, in alternating order. `step` is called before each run.
pub(super) async fn compare(
    comparison: Comparison,
    rounds: usize,
    mut step: impl FnMut(),
) -> Result<Compared, Failure> {
    let Comparison { name, goal, load } = comparison;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut order = [Client::Baseline, Client::Greenroom];
        if round % 2 == 1 {
            order.reverse();
        }
        for client in order {
            step();
            let run = measure::run(client, load).await?;
            match client {
                Client::Baseline => bare.push(run),
                Client::Greenroom => ours.push(run),
            }
        }
    }
    check(&ours, &bare, load.handlers > 0 && !load.reply)?;
    let pairs = || ours.iter().zip(&bare);
    let ratios: Vec<f64> = pairs()
        .map(|(ours, bare)| ours.per_second() / bare.per_second())
        .collect();
    let cpu = pairs().filter_map(|(ours, bare)| Some(bare.cpu_us()? / ours.cpu_us()?));
    let smallest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = ratios.iter().copied().fold(0.0, f64::max);
    Ok(Compared {
        scenario: name,
        wire: load.wire,
        events: load.events,
        rounds,
        frame: ours.first().map_or(0, |run| run.frame),
        greenroom: Figures::of(&ours),
        baseline: Figures::of(&bare),
        ratio: median(ratios).unwrap_or_default(),
        ratio_range: [smallest, largest],
        cpu_ratio: median(cpu.collect()),
        goal,
    })
}

/// Nothing may be lost: both have seen the same bytes.
fn check(ours: &[Run], bare: &[Run], has_sum: bool) -> Result<(), Failure> {
    for (ours, bare) in ours.iter().zip(bare) {
        let (a, b) = (&ours.report, &bare.report);
        if a.events != b.events || (has_sum && a.sum != b.sum) {
            let message = format!(
                "greenroom saw {} events of {} bytes, the bare client {} of {}",
                a.events, a.sum, b.events, b.sum
            );
            return Err(Failure::failed(message));
        }
    }
    Ok(())
}

impl Figures {
    fn of(runs: &[Run]) -> Self {
        let of =
            |figure: &dyn Fn(&Run) -> Option<f64>| median(runs.iter().filter_map(figure).collect());
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        Self {
            events_per_s: of(&|run| Some(run.per_second())).unwrap_or_default(),
            cpu_us: of(&Run::cpu_us),
            peak_mib: of(&|run| run.usage.peak.map(mib)),
            idle_mib: of(&|run| run.usage.idle.map(mib)),
            dropped: of(&|run| {
                let dropped = run.report.cache_dropped.filter(|dropped| *dropped > 0)?;
                Some(dropped as f64 / run.report.events as f64)
            }),
        }
    }
}

impl Compared {
    /// The heads of the columns.
    pub(super) fn heads() -> Vec<Cell> {
        let heads = [
            "scenario", "wire", "events/s", "baseline", "ratio", "goal", "CPU us", "baseline",
            "peak MiB", "baseline",
        ];
        heads.map(|head| Cell::new(head, Tone::Faint)).to_vec()
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        let number = |value: Option<f64>, digits: usize| {
            Cell::plain(&value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}")))
        };
        let tone = match self.goal {
            Some(goal) if self.ratio < goal => Tone::Warning,
            Some(_) => Tone::Good,
            None => Tone::Plain,
        };
        vec![
            Cell::new(self.scenario, Tone::Accent),
            Cell::plain(&self.wire.to_string()),
            Cell::plain(&grouped(self.greenroom.events_per_s)),
            Cell::plain(&grouped(self.baseline.events_per_s)),
            Cell::new(&format!("{:.2}", self.ratio), tone),
            number(self.goal, 1),
            number(self.greenroom.cpu_us, 3),
            number(self.baseline.cpu_us, 3),
            number(self.greenroom.peak_mib, 1),
            number(self.baseline.peak_mib, 1),
        ]
    }
}

/// Returns the median; of an even number the upper one of the two in the middle.
pub(in crate::cli) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Writes a whole number with a comma before each three digits.
pub(in crate::cli) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
