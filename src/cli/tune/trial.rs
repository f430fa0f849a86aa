//! Trials: several configurations by turns, and whether one of them is better than chance.

use super::TuneArgs;
use super::knob::Knob;
use crate::cli::Failure;
use crate::cli::bench::measure::{self, Server};

/// One setting at one value.
pub(super) type Choice = (&'static Knob, String);

/// A configuration that was tried, beside the one in effect.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    /// The median of the rates.
    pub(super) per_second: f64,
    pub(super) cpu_us: Option<f64>,
    /// The median of the ratios to the configuration in effect in the same round.
    pub(super) gain: f64,
    /// The smallest and the largest of these ratios.
    pub(super) range: [f64; 2],
    /// Whether it is faster by more than what differs between equal runs.
    pub(super) is_better: bool,
}

/// Runs each of `setups` once a round, beginning with another one each time. The first one is what the others are measured against.
pub(super) async fn compare(
    args: &TuneArgs,
    setups: &[Vec<Choice>],
    rounds: usize,
    mut step: impl FnMut(),
) -> Result<Vec<Tried>, Failure> {
    let mut rates = vec![Vec::new(); setups.len()];
    let mut costs = vec![Vec::new(); setups.len()];
    for round in 0..rounds {
        for turn in 0..setups.len() {
            let place = (round + turn) % setups.len();
            step();
            let run = measure::run_bot(&server(args), bot(args, &setups[place])).await?;
            rates[place].push(run.per_second());
            costs[place].extend(run.cpu_us());
        }
    }
    Ok(rates
        .iter()
        .zip(costs)
        .map(|(own, costs)| judge(own, costs, &rates[0]))
        .collect())
}

fn judge(own: &[f64], costs: Vec<f64>, first: &[f64]) -> Tried {
    let ratios: Vec<_> = own
        .iter()
        .zip(first)
        .map(|(own, first)| own / first)
        .collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    let gain = measure::median(ratios.clone()).unwrap_or(1.0);
    let wins = ratios.iter().filter(|ratio| **ratio > 1.0).count();
    Tried {
        per_second: measure::median(own.to_vec()).unwrap_or_default(),
        cpu_us: measure::median(costs),
        gain,
        range: [least, most],
        is_better: gain >= WORTH && wins >= needed(ratios.len()),
    }
}

/// How many of so many rounds have to be won: by chance alone that happens in one of twenty trials at most. Fewer than five rounds cannot
/// show anything.
fn needed(rounds: usize) -> usize {
    let choose = |k: usize| {
        (0..k).fold(1.0, |product, i| {
            product * (rounds - i) as f64 / (i + 1) as f64
        })
    };
    let all = 2_f64.powi(i32::try_from(rounds).unwrap_or(i32::MAX));
    let mut tail = 0.0;
    for wins in (0..=rounds).rev() {
        tail += choose(wins) / all;
        if tail > 0.05 {
            return wins + 1;
        }
    }
    0
}

fn server(args: &TuneArgs) -> Server {
    Server {
        events: args.events(),
        wire: args.wire,
        world: args.world.clone(),
        say: args.say.clone(),
    }
}

fn bot(args: &TuneArgs, setup: &[Choice]) -> Vec<String> {
    let mut arguments = vec!["--events".to_owned(), args.events().to_string()];
    if let Some(config) = &args.config {
        arguments.extend(["--config".to_owned(), config.display().to_string()]);
    }
    for (knob, value) in setup {
        arguments.extend(["--set".to_owned(), format!("{}={value}", knob.path)]);
    }
    arguments
}

/// Less is not worth a change.
const WORTH: f64 = 1.02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_what_chance_does_not_give() {
        assert_eq!([1, 4, 5, 7, 10].map(needed), [2, 5, 5, 7, 9]);
        let judged = |own: &[f64]| judge(own, Vec::new(), &[100.0; 5]).is_better;
        assert!(judged(&[110.0, 105.0, 108.0, 104.0, 120.0]));
        assert!(
            !judged(&[110.0, 105.0, 99.0, 104.0, 120.0]),
            "one round was lost"
        );
        assert!(!judged(&[101.0; 5]), "not worth it");
    }
}
