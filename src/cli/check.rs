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
        platforms: platforms(&config),
        handlers: config.handlers.iter().map(|h| h.name.as_str()).collect(),
    };
    printer.text(
        &report.to_text(&config.bot.name),
        &CheckLine { check: &report },
    )?;
    Ok(())
}

fn platforms(config: &Config) -> Vec<&'static str> {
    let mesh = config.mesh.as_ref().map(|_| "mesh");
    let mezon = config.mezon.as_ref().map(|_| "mezon");
    let payman = config.payman.as_ref().map(|_| "payman");
    let token_bowl = config.token_bowl.as_ref().map(|_| "token_bowl");
    let ticos = config.ticos.as_ref().map(|_| "ticos");
    [mesh, mezon, payman, ticos, token_bowl]
        .into_iter()
        .flatten()
        .collect()
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
