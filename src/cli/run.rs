//! `greenroom run`: the bot that the configuration composes from ready-made handlers, until it is told to stop.

use clap::Args;

/// The arguments of `greenroom run`. What is not given is taken from the configuration.
#[derive(Args, Clone, Debug)]
pub(super) struct RunArgs {
    /// How many threads the connections are spread over
    #[arg(long, value_name = "N")]
    arbiters: Option<usize>,
    /// The seed of all random numbers
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl RunArgs {
    /// Adds these flags as the last layer of the configuration.
    pub(super) fn apply(&self, sources: crate::config::Sources) -> crate::config::Sources {
        sources
            .flag("bot.arbiters", "--arbiters", self.arbiters)
            .flag("bot.seed", "--seed", self.seed)
    }
}
