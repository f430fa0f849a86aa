//! The program `greenroom`: one file per command.
//!
//! Standard output carries results only; the log and errors go to standard error. Every command ends with one of the exit codes of
//! [`FailureKind`].

mod bench;
mod cache;
mod chaos;
mod check;
mod dead_letters;
mod demo;
mod failure;
mod graph;
#[cfg(test)]
mod guide;
mod logging;
pub(crate) mod mesh;
mod mezon;
mod new;
mod payman;
mod plot;
mod progress;
mod run;
mod sim;
mod terminal;
mod ticos;
mod time;
mod token_bowl;
mod tune;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

pub use failure::{Failure, FailureKind};
pub use mesh::auth_main;
use terminal::remark;
pub use terminal::{Cell, Color, Printer, Tone};

use crate::config::{Config, Faults, Kinds, Purpose, Sources};

/// Bots built as graphs of supervised actors, with a simulator of the platforms they speak to.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, about, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 authentication, 5 network, 130 a second Ctrl-C."
)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// The flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
#[non_exhaustive]
pub struct Globals {
    /// Configuration file [default: greenroom.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE", env = "GREENROOM_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to log, such as `warn` or `info,greenroom=debug`
    #[arg(long, global = true, value_name = "FILTER", env = "GREENROOM_LOG")]
    pub log: Option<String>,
    /// Print one JSON object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value_t, value_enum)]
    pub color: Color,
    /// The kinds of handlers that the program knows.
    #[arg(skip)]
    pub kinds: Kinds,
}

impl Globals {
    /// Loads the configuration from the file of `--config`, the environment and nothing else.
    ///
    /// # Errors
    ///
    /// Every fault of the configuration.
    pub fn load(&self, purpose: Purpose) -> Result<Config, Faults> {
        self.sources().load(purpose)
    }

    /// Begins the layers of a configuration, for commands whose own flags belong to it.
    #[must_use]
    pub fn sources(&self) -> Sources {
        Sources::of_process(self.config.clone()).kinds(&self.kinds)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure how fast events travel, against a bare client; or receive as a bot
    Bench(bench::BenchArgs),
    /// Look into the message cache, without a network
    Cache(cache::CacheArgs),
    /// Let seeded faults happen to the configured bot on simulated platforms, and report what became of it
    Chaos(chaos::ChaosArgs),
    /// Check the configuration: report every fault at once, without using the network
    Check(check::CheckArgs),
    /// Look into the events that could not be handled, replay and purge them
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Show a bot at work on a simulated platform: no account and no network needed
    Demo(demo::DemoArgs),
    /// Draw the bot that the configuration composes, or one that runs
    Graph(graph::GraphArgs),
    /// Log in to Mesh, ask models, and look after keys
    Mesh(mesh::MeshArgs),
    /// Watch the events of a Mezon bot, and say something
    Mezon(mezon::MezonArgs),
    /// Write a new bot: a project that compiles, with a handler, tests and a configuration
    New(new::NewArgs),
    /// Ask the Payman agent, as operations on standard input say
    Payman(payman::PaymanArgs),
    /// Run the bot that the configuration composes, until SIGTERM or Ctrl-C
    Run(run::RunArgs),
    /// Simulate the platforms until SIGTERM, for any client
    Sim(sim::SimArgs),
    /// Be a device that agents of Ticos dial, until SIGTERM or Ctrl-C
    Ticos(ticos::TicosArgs),
    /// Take part in Token Bowl Chat: read, write, and look after users and what is unread
    TokenBowl(token_bowl::TokenBowlArgs),
    /// Find out which settings make your bot faster on this machine
    Tune(tune::TuneArgs),
}

impl Command {
    fn run(self, globals: &Globals) -> Result<(), Failure> {
        match self {
            Self::Bench(args) => actix_rt::System::new().block_on(bench::run(args, globals)),
            Self::Cache(args) => actix_rt::System::new().block_on(cache::run(args, globals)),
            Self::Chaos(args) => chaos::run(&args, globals),
            Self::Check(args) => check::run(&args, globals),
            Self::DeadLetters(args) => {
                actix_rt::System::new().block_on(dead_letters::run(args, globals))
            }
            Self::Demo(args) => actix_rt::System::new().block_on(demo::run(args, globals)),
            Self::Graph(args) => actix_rt::System::new().block_on(graph::run(args, globals)),
            Self::Mesh(args) => actix_rt::System::new().block_on(mesh::run(args, globals)),
            Self::Mezon(args) => actix_rt::System::new().block_on(mezon::run(args, globals)),
            Self::New(args) => new::run(args, globals),
            Self::Payman(args) => actix_rt::System::new().block_on(payman::run(args, globals)),
            Self::Run(args) => actix_rt::System::new().block_on(run::run(args, globals)),
            Self::Sim(args) => actix_rt::System::new().block_on(sim::run(args, globals)),
            Self::Ticos(args) => ticos::run(&args, globals),
            Self::TokenBowl(args) => {
                actix_rt::System::new().block_on(token_bowl::run(args, globals))
            }
            Self::Tune(args) => actix_rt::System::new().block_on(tune::run(args, globals)),
        }
    }
}

/// Runs the program with the arguments of this process, and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    main_with(&Kinds::default())
}

/// As [`main`], for a program that knows kinds of handlers of its own: every command takes them.
#[must_use]
pub fn main_with(kinds: &Kinds) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    logging::report_panics_in_one_line();
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let mut cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, wants_json),
    };
    cli.globals.kinds = kinds.clone();
    match cli.command.run(&cli.globals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&cli.globals),
    }
}

/// Prints help, version or what is wrong with the arguments.
fn usage(error: &clap::Error, wants_json: bool) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if wants_json && !asked_for {
        let text = error.to_string();
        let said: Vec<_> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("Usage:"))
            .filter(|line| !line.is_empty())
            .collect();
        let message = said.join("; ");
        let message = message.trim_start_matches("error: ");
        let globals = Globals {
            json: true,
            ..Globals::default()
        };
        return Failure::new(FailureKind::Usage, message).report(&globals);
    }
    // Nobody is left to tell if this fails.
    let _ = error.print();
    match asked_for {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(FailureKind::Usage.code()),
    }
}
