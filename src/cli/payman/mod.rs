//! `greenroom payman`: asks the Payman agent, as operations on standard input say.

mod operation;
mod run;

use clap::{Args, Subcommand};

use super::{Failure, Globals};

/// The arguments of `greenroom payman`.
#[derive(Args, Clone, Debug)]
pub(super) struct PaymanArgs {
    #[command(subcommand)]
    command: PaymanCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum PaymanCommand {
    /// Make one client, do what the lines of JSON on standard input say, and print a line of JSON for each
    Run(run::RunArgs),
}

/// Does what is asked.
pub(super) async fn run(args: PaymanArgs, globals: &Globals) -> Result<(), Failure> {
    match args.command {
        PaymanCommand::Run(args) => run::run(args, globals).await,
    }
}
