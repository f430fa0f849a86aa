//! `greenroom bench`: how fast events travel, measured against a bare client.
//!
//! Three processes take part in each run, all of them this program: the blaster is the server, the client is either a real bot or the bare
//! client, and the one that was started measures from outside.

mod baseline;
mod blaster;
mod bots;
mod compare;
mod counter;
mod dialect;
mod figure;
mod growth;
mod load;
pub(super) mod measure;
pub(super) mod process;
mod receive;
pub(super) mod report;
mod scenario;
mod scene;
mod single;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

pub(super) use self::compare::grouped;
use self::compare::{Compared, compare};
use self::figure::Figure;
use self::scenario::{Extents, Part, Scenario};
use super::plot::{self, Chart};
use super::progress::Bar;
use super::{Cell, Failure, Globals, Printer, logging};
use crate::bot::signals::StopSignals;
use crate::config::Config;

/// The arguments of `greenroom bench`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Each run has a server, and a bot or a bare client, in processes of their own; the ratio is that of the rates of greenroom and of a \
                  bare client that runs right before or after it, in alternating order. `all` takes less than ten minutes."
)]
pub(super) struct BenchArgs {
    /// What to measure; by default unsubscribed, handler and handlers
    #[arg(value_name = "SCENARIO", value_enum)]
    scenarios: Vec<Scenario>,
    /// How many events a run has, more or fewer where a scenario is fast or slow
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..))]
    events: u64,
    /// How many rounds; in each, both clients run, and the median of the rounds counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: u16,
    /// One round of few events: to see that it works, not how fast
    #[arg(long, conflicts_with_all = ["events", "rounds"])]
    quick: bool,
    /// Draw what `growth` finds into this file, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<BenchCommand>,
}

#[derive(Clone, Debug, Subcommand)]
enum BenchCommand {
    /// Be a bot that counts the messages of any server, and ends after so many
    Receive(receive::ReceiveArgs),
    #[command(hide = true)]
    Baseline(baseline::BaselineArgs),
    #[command(hide = true)]
    Blaster(blaster::BlasterArgs),
    #[command(hide = true)]
    Bot(bots::BotArgs),
}

/// Measures, or does a part of it.
pub(super) async fn run(args: BenchArgs, globals: &Globals) -> Result<(), Failure> {
    be_quiet(globals)?;
    match args.command {
        Some(BenchCommand::Baseline(args)) => baseline::run(args).await,
        Some(BenchCommand::Blaster(args)) => blaster::run(args).await,
        Some(BenchCommand::Bot(args)) => bots::run(args).await,
        Some(BenchCommand::Receive(args)) => receive::run(args, globals).await,
        None => {
            let mut signals = StopSignals::listen()?;
            tokio::select! {
                done = measure(&args, globals) => done,
                () = signals.received() => Err(Failure::failed("stopped")),
            }
        }
    }
}

async fn measure(args: &BenchArgs, globals: &Globals) -> Result<(), Failure> {
    let extents = match args.quick {
        true => Extents {
            events: 1_000,
            rounds: 1,
            is_quick: true,
        },
        false => Extents {
            events: args.events,
            rounds: usize::from(args.rounds),
            is_quick: false,
        },
    };
    let chosen = Scenario::chosen(&args.scenarios);
    let parts: Vec<_> = chosen
        .iter()
        .flat_map(|scenario| scenario.parts(extents))
        .collect();
    let steps = parts.iter().map(|part| part.steps(extents.rounds)).sum();
    let bar = RefCell::new(Bar::new(steps));
    let mut step = |what: &'static str| bar.borrow_mut().step(what);
    let mut table = Table::new(globals);
    for part in parts {
        let found = part.measure(extents.rounds, &mut step).await?;
        bar.borrow().wipe();
        table.print(&found)?;
        if let (Some(file), Found::Figures(_, charts)) = (&args.plot, &found)
            && !charts.is_empty()
        {
            draw(file, charts)?;
        }
    }
    Ok(())
}

/// What a part found.
enum Found {
    Compared(Box<Compared>),
    Figures(Vec<Figure>, Vec<Chart>),
}

impl Part {
    async fn measure(
        self,
        rounds: usize,
        step: &mut impl FnMut(&'static str),
    ) -> Result<Found, Failure> {
        let figures = match self {
            Self::Compare(comparison) => {
                let compared = compare(comparison, rounds, || step(comparison.name)).await?;
                return Ok(Found::Compared(Box::new(compared)));
            }
            Self::Growth(load, extent) => {
                let growth = growth::growth(load, extent, step).await?;
                return Ok(Found::Figures(growth.figures, growth.charts));
            }
            Self::Latency(load) => single::latency(load, step).await?,
            Self::Memory(load, many) => single::memory(load, many, step).await?,
            Self::Reconnect(cuts) => single::reconnect(cuts, step).await?,
            Self::Slow(load) => single::slow(load, step).await?,
            Self::Steady(load, rounds) => single::steady(load, rounds, step).await?,
        };
        Ok(Found::Figures(figures, Vec::new()))
    }
}

/// Prints what was found: lines of JSON, or two kinds of rows, each with its heads.
struct Table {
    comparisons: Printer,
    figures: Printer,
    last: Option<bool>,
}

impl Table {
    fn new(globals: &Globals) -> Self {
        Self {
            comparisons: Printer::stream(globals),
            figures: Printer::stream(globals),
            last: None,
        }
    }

    fn print(&mut self, found: &Found) -> Result<(), Failure> {
        match found {
            Found::Compared(compared) => {
                self.head(false, &Compared::heads())?;
                self.row(&self.comparisons, &compared.cells(), compared)
            }
            Found::Figures(figures, _) => {
                self.head(true, &Figure::heads())?;
                figures
                    .iter()
                    .try_for_each(|figure| self.row(&self.figures, &figure.cells(), figure))
            }
        }
    }

    fn row(
        &self,
        printer: &Printer,
        cells: &[Cell],
        object: &impl Serialize,
    ) -> Result<(), Failure> {
        Ok(printer.row(cells, object)?)
    }

    fn head(&mut self, is_figures: bool, heads: &[Cell]) -> Result<(), Failure> {
        let before = self.last.replace(is_figures);
        if self.comparisons.is_json() || before == Some(is_figures) {
            return Ok(());
        }
        let printer = if is_figures {
            &self.figures
        } else {
            &self.comparisons
        };
        if before.is_some() {
            printer.plain("")?;
        }
        Ok(printer.cells(heads)?)
    }
}

fn draw(file: &Path, charts: &[Chart]) -> Result<(), Failure> {
    let picture = plot::svg("greenroom: growth", charts);
    fs::write(file, picture)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))
}

/// Starts the log; unless somebody wants it, it is off, since a failure is told anyway.
pub(super) fn be_quiet(globals: &Globals) -> Result<(), Failure> {
    let quiet = Globals {
        log: Some(globals.log.clone().unwrap_or_else(|| "off".to_owned())),
        ..globals.clone()
    };
    logging::start(&quiet, &Config::default())
}
