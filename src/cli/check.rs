//! `greenroom check`: is the configuration right?

use clap::Args;
use serde::Serialize;

use super::{Failure, Globals, Printer, logging};
use crate::config::{Config, Purpose};

/// The arguments of `greenroom check`.
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// Print the configuration in effect, all layers and defaults included, without secrets
    #[arg(long)]
    print: bool,
}

pub(super) fn run(args: &CheckArgs, globals: &Globals) -> Result<(), Failure> {
    let sources = globals.sources();
    let config = sources.load(Purpose::Run)?;
    logging::start(globals, &config)?;
    let printer = Printer::report(globals);
    if args.print {
        return print(&config, &printer);
    }
    let report = Report {
        ok: true,
        file: sources.path().map(|file| file.display().to_string()),
        platforms: config.mezon.iter().map(|_| "mezon").collect(),
        handlers: config.handlers.iter().map(|h| h.name.as_str()).collect(),
    };
    printer.text(
        &report.to_text(&config.bot.name),
        &CheckLine { check: &report },
    )?;
    Ok(())
}

fn print(config: &Config, printer: &Printer) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct ConfigLine<'a> {
        config: &'a Config,
    }
    let dump = config
        .dump()
        .map_err(|error| Failure::failed(format!("cannot print the configuration: {error}")))?;
    printer.text(dump.trim_end(), &ConfigLine { config })?;
    Ok(())
}

#[derive(Serialize)]
struct CheckLine<'a> {
    check: &'a Report<'a>,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    file: Option<String>,
    platforms: Vec<&'static str>,
    handlers: Vec<&'a str>,
}

impl Report<'_> {
    fn to_text(&self, bot: &str) -> String {
        let file = self.file.as_deref().unwrap_or("the environment");
        let handlers = match self.handlers.as_slice() {
            [] => "no handlers".to_owned(),
            names => format!("handlers {}", names.join(", ")),
        };
        let platforms = self.platforms.join(", ");
        format!("{file} is in order: bot {bot} on {platforms}, {handlers}")
    }
}
