//! `greenroom demo`: a bot on simulated platforms, a conversation and an outage, no account needed.

use clap::Args;

/// The arguments of `greenroom demo`.
#[derive(Args, Clone, Debug)]
pub(super) struct DemoArgs {
    /// End after one round, with exit code 0 only if every expected reply came
    #[arg(long)]
    once: bool,
    /// How many times faster than usual the conversation goes
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// The seed of all random numbers, to see the same run again
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.01..=1_000.0).contains(speed))
        .ok_or_else(|| "must be a number, 0.01 to 1000".to_owned())
}
