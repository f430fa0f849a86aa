//! `greenroom tune`: which settings make the user's own bot faster on this machine.
//!
//! Each setting is tried by itself against the configuration in effect, all its values by turns; what gains is put together and measured
//! once more. The bot runs in a process of its own, against a server like that of `greenroom bench`, and touches neither the account nor the
//! folders of the user.

mod bot;
mod knob;
mod recommend;
mod trial;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use greenroom_proto::mezon::Wire;
use serde::Serialize;
use serde_json::Value;

use self::knob::Knob;
use self::recommend::percent;
use self::trial::{Choice, Tried, compare};
use super::bench::{be_quiet, grouped};
use super::plot::{self, Chart, Series};
use super::progress::Bar;
use super::{Cell, Failure, Globals, Printer, Tone, remark};
use crate::bot::signals::StopSignals;
use crate::config::{Config, Purpose};
use crate::simulator::World;

/// The arguments of `greenroom tune`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Writes table.md, plot.svg and recommended.toml into the folder of --out. A setting is recommended if it wins more rounds than chance \
                  would give it and gains 2 % at least; with fewer than five rounds nothing can be."
)]
pub(super) struct TuneArgs {
    /// A world of the simulator whose channels and people are used; by default 64 channels and 500 people
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// What people say, in turn; may be given several times. Answers are limited by mezon.requests_per_second
    #[arg(long, value_name = "TEXT")]
    say: Vec<String>,
    /// The wire format: v1 or v2
    #[arg(long, value_name = "WIRE", default_value_t = Wire::V1)]
    wire: Wire,
    /// How many events a run has
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(100..))]
    events: u64,
    /// How often each value is tried
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: u16,
    /// Sweep only this setting, such as cache.batch; may be given several times
    #[arg(long, value_name = "SETTING", value_parser = known)]
    only: Vec<String>,
    /// One round of few events: to see that it works, not how fast
    #[arg(long, conflicts_with_all = ["events", "rounds"])]
    quick: bool,
    /// The folder for what is written
    #[arg(long, value_name = "FOLDER", default_value = "greenroom-tune")]
    out: PathBuf,
    /// The configuration, if it is not where it is looked for.
    #[arg(skip)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<TuneCommand>,
}

#[derive(Clone, Debug, Subcommand)]
enum TuneCommand {
    #[command(hide = true)]
    Bot(bot::BotArgs),
}

impl TuneArgs {
    fn events(&self) -> u64 {
        if self.quick { 1_000 } else { self.events }
    }

    fn rounds(&self) -> usize {
        if self.quick {
            1
        } else {
            usize::from(self.rounds)
        }
    }
}

/// Sweeps what can be set, and writes down what it found.
pub(super) async fn run(mut args: TuneArgs, globals: &Globals) -> Result<(), Failure> {
    be_quiet(globals)?;
    if let Some(TuneCommand::Bot(args)) = args.command {
        return bot::run(args, globals).await;
    }
    args.config.clone_from(&globals.config);
    let config = globals.load(Purpose::Offline)?;
    if let Some(world) = &args.world {
        World::read(world)?;
    }
    fs::create_dir_all(&args.out).map_err(|error| cannot_write(&args.out, &error))?;
    let mut signals = StopSignals::listen()?;
    tokio::select! {
        done = sweep(&args, &config, globals) => done,
        () = signals.received() => Err(Failure::failed("stopped")),
    }
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
struct Row {
    setting: String,
    value: Option<Value>,
    is_in_effect: bool,
    events_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_us: Option<f64>,
    gain_percent: f64,
    range_percent: [f64; 2],
    gains: bool,
}

async fn sweep(args: &TuneArgs, config: &Config, globals: &Globals) -> Result<(), Failure> {
    let printer = Printer::stream(globals);
    let is_wanted =
        |knob: &&Knob| args.only.is_empty() || args.only.iter().any(|path| path == knob.path);
    let knobs: Vec<_> = Knob::of(config).filter(is_wanted).collect();
    let runs = |knob: &&Knob| knob.values(config).len() * args.rounds();
    // The last comparison may have twice as many rounds.
    let mut bar = Bar::new(knobs.iter().map(runs).sum::<usize>() + 4 * args.rounds());
    if !printer.is_json() {
        printer.cells(&Row::heads())?;
    }
    let (mut rows, mut charts, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
    for knob in knobs {
        let values = knob.values(config);
        let setups = values.iter().map(|value| vec![(knob, value.clone())]);
        let setups: Vec<Vec<Choice>> = setups.collect();
        let tried = compare(args, &setups, args.rounds(), || bar.step(knob.path)).await?;
        bar.wipe();
        for (value, tried) in values.iter().zip(&tried) {
            let row = Row::new(knob.path, Some(value), *value == values[0], tried);
            printer.row(&row.cells(), &row)?;
            rows.push(row);
        }
        charts.push(chart(knob, &values, &tried));
        let best = values
            .iter()
            .zip(&tried)
            .filter(|(_, tried)| tried.is_better);
        let best = best.max_by(|(_, a), (_, b)| a.gain.total_cmp(&b.gain));
        chosen.extend(best.map(|(value, _)| (knob, value.clone())));
    }
    let mut together = None;
    if !chosen.is_empty() {
        let setups = [Vec::new(), chosen.clone()];
        let tried = compare(args, &setups, args.rounds() * 2, || {
            bar.step("all that gains");
        })
        .await?;
        bar.wipe();
        if let [_, all] = tried.as_slice() {
            let row = Row::new("all that gains", None, false, all);
            printer.row(&row.cells(), &row)?;
            rows.push(row);
            together = Some(all.clone()).filter(|all| all.is_better);
        }
    }
    if together.is_none() {
        chosen.clear();
    }
    drop(bar);
    write(args, "table.md", &table(&rows))?;
    write(args, "plot.svg", &plot::svg("greenroom tune", &charts))?;
    write(
        args,
        "recommended.toml",
        &recommend::toml(config, &chosen, together.as_ref()),
    )?;
    conclude(args, &printer, &chosen, together.as_ref())
}

#[derive(Serialize)]
struct Conclusion {
    recommended: Vec<(&'static str, String)>,
    gain_percent: f64,
    folder: String,
}

fn conclude(
    args: &TuneArgs,
    printer: &Printer,
    chosen: &[Choice],
    together: Option<&Tried>,
) -> Result<(), Failure> {
    let gain = together.map_or(0.0, |tried| percent(tried.gain));
    let folder = args.out.display().to_string();
    let mut text = match together {
        Some(_) => format!("\nRecommended, for {gain:+.1} % events/s:\n"),
        None => "\nNothing gains more than what differs between equal runs: leave the settings as they are.\n".to_owned(),
    };
    for (knob, value) in chosen {
        let _ = writeln!(text, "  {} = {value}", knob.path);
    }
    let _ = write!(
        text,
        "Written to {folder}: table.md, plot.svg, recommended.toml"
    );
    let conclusion = Conclusion {
        recommended: chosen
            .iter()
            .map(|(knob, value)| (knob.path, value.clone()))
            .collect(),
        gain_percent: gain,
        folder,
    };
    printer.text(&text, &conclusion)?;
    if args.rounds() < 5 && !printer.is_json() {
        remark("fewer than five rounds cannot tell a gain from chance");
    }
    Ok(())
}

impl Row {
    fn new(setting: &str, value: Option<&String>, is_in_effect: bool, tried: &Tried) -> Self {
        Self {
            setting: setting.to_owned(),
            value: value.map(|value| match value.parse::<u64>() {
                Ok(number) => number.into(),
                Err(_) => value.as_str().into(),
            }),
            is_in_effect,
            events_per_s: tried.per_second,
            cpu_us: tried.cpu_us,
            gain_percent: percent(tried.gain),
            range_percent: tried.range.map(percent),
            gains: tried.is_better,
        }
    }

    fn heads() -> Vec<Cell> {
        let heads = [
            "setting", "value", "events/s", "CPU us", "gain", "between", "",
        ];
        heads.map(|head| Cell::new(head, Tone::Faint)).to_vec()
    }

    fn texts(&self) -> [String; 7] {
        let [least, most] = self.range_percent;
        let (gain, between) = match self.is_in_effect {
            true => (String::new(), String::new()),
            false => (
                format!("{:+.1} %", self.gain_percent),
                format!("{least:+.1} and {most:+.1} %"),
            ),
        };
        let verdict = match (self.is_in_effect, self.gains) {
            (true, _) => "in effect",
            (_, true) => "gains",
            _ => "",
        };
        [
            self.setting.clone(),
            match &self.value {
                None => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(number) => number.to_string(),
            },
            grouped(self.events_per_s),
            self.cpu_us
                .map_or_else(|| "-".to_owned(), |us| format!("{us:.3}")),
            gain,
            between,
            verdict.to_owned(),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        let tone = match (self.is_in_effect, self.gains) {
            (true, _) => Tone::Faint,
            (_, true) => Tone::Good,
            _ => Tone::Plain,
        };
        let mut cells: Vec<_> = self
            .texts()
            .iter()
            .map(|text| Cell::new(text, tone))
            .collect();
        if let Some(first) = cells.first_mut() {
            *first = Cell::new(&self.setting, Tone::Accent);
        }
        cells
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| setting | value | events/s | CPU us | gain | between | |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.texts().join(" | "));
    }
    text
}

fn chart(knob: &Knob, values: &[String], tried: &[Tried]) -> Chart {
    // What is no number is told by its place.
    let place = |number: usize, value: &String| value.parse().unwrap_or(number as f64);
    let words = values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.parse::<f64>().is_err());
    let words: Vec<_> = words
        .map(|(number, value)| format!("{number} = {value}"))
        .collect();
    let mut points: Vec<_> = values
        .iter()
        .enumerate()
        .zip(tried)
        .map(|((number, value), tried)| (place(number, value), tried.per_second))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Chart {
        title: knob.path.to_owned(),
        x: match words.as_slice() {
            [] => knob.path.to_owned(),
            words => words.join(", "),
        },
        y: "events/s".to_owned(),
        logarithmic: words.is_empty(),
        series: vec![Series {
            name: "greenroom".to_owned(),
            points,
        }],
    }
}

fn write(args: &TuneArgs, name: &str, text: &str) -> Result<(), Failure> {
    let file = args.out.join(name);
    fs::write(&file, text).map_err(|error| cannot_write(&file, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

fn known(path: &str) -> Result<String, String> {
    match Knob::find(path) {
        Some(knob) => Ok(knob.path.to_owned()),
        None => Err("no such setting can be swept".to_owned()),
    }
}
