//! `greenroom chaos`: the configured bot on simulated platforms under seeded faults, and what became of it.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::terminal::{Tone, paint};
use super::{Failure, FailureKind, Globals, Printer, logging};
use crate::bot::BotBuilder;
use crate::compose;
use crate::config::{Config, HandlerKind, Purpose, Wire};
use crate::prelude::*;
use crate::simulator::registry::PLATFORMS;
use crate::testing::{ChaosReport, ChaosRun, ChaosSample, Line, Stage, timeline};

/// The arguments of `greenroom chaos`.
#[derive(Args, Clone, Debug)]
pub(super) struct ChaosArgs {
    /// For how many minutes things go wrong
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = minutes)]
    minutes: f64,
    /// Take real minutes: by default time is virtual, and a day takes a minute or so
    #[arg(long)]
    real: bool,
    /// The probability, from 0 to 1, with which each request and message meets a fault
    #[arg(long, value_name = "RATE", default_value_t = 0.01, value_parser = rate)]
    rate: f64,
    /// The seed of everything random: in virtual time the same one gives the same run
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// On which platforms, separated by commas [default: those of the configuration, else all]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    platform: Vec<String>,
    /// How long until somebody speaks again, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    every_ms: u64,
    /// Draw what happened into this file
    #[arg(long, value_name = "FILE.svg")]
    timeline: Option<PathBuf>,
}

/// Runs the bot, prints the report, and fails if a guarantee was broken.
pub(super) fn run(args: &ChaosArgs, globals: &Globals) -> Result<(), Failure> {
    let quiet = Globals {
        // What goes wrong is the point of it, and not worth a line each.
        log: Some(globals.log.clone().unwrap_or_else(|| "off".to_owned())),
        ..globals.clone()
    };
    let own = configured(globals)?;
    logging::start(&quiet, own.as_ref().unwrap_or(&Config::default()))?;
    let platforms = platforms(args, own.as_ref())?;
    let mut run = ChaosRun::new(Duration::from_secs_f64(args.minutes * 60.0))
        .rate(args.rate)
        .seed(args.seed)
        .pause(Duration::from_millis(args.every_ms))
        .platforms(&platforms);
    if args.real {
        run = run.in_real_time();
    }
    match &own {
        Some(own) => {
            run = run.lines(lines(own));
            if own
                .mezon
                .as_ref()
                .is_some_and(|mezon| mezon.wire == Wire::V1)
            {
                run = run.without_replay();
            }
        }
        None => run = run.answering(),
    }
    let progress = Progress::new(args, globals);
    let report = run.run(
        |stage| match &own {
            Some(own) => compose::bot(own),
            None => default_bot(stage, &platforms),
        },
        |sample| progress.tell(sample),
    );
    progress.end();
    let report = report?;
    if let Some(file) = &args.timeline {
        std::fs::write(file, timeline(&report)).map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", file.display()))
        })?;
    }
    show(&report, globals)?;
    match report.broken.len() {
        0 => Ok(()),
        1 => Err(Failure::failed("a guarantee was broken")),
        many => Err(Failure::failed(format!("{many} guarantees were broken"))),
    }
}

/// Loads the configuration, put on the simulated platforms; `None` if it describes no bot.
fn configured(globals: &Globals) -> Result<Option<Config>, Failure> {
    let plain = globals.load(Purpose::Offline)?;
    let is_empty = plain.handlers.is_empty() && plain.mezon.is_none();
    if is_empty && plain.token_bowl.is_none() {
        return Ok(None);
    }
    // Nothing that belongs to the real bot is touched: its folders, its session, its account.
    let mut sources = globals
        .sources()
        .flag("cache.enabled", "chaos", Some(false));
    if plain.mezon.is_some() || plain.token_bowl.is_none() {
        sources = sources
            .flag("mezon.base_url", "chaos", Some("http://mezon.test"))
            .flag("mezon.client_id", "chaos", Some("1000000000000000001"))
            .flag("mezon.api_key", "chaos", Some("sim-mezon-key"))
            .flag("mezon.session_file", "chaos", Some(""))
            .flag("mezon.agent_url", "chaos", Some(""));
    }
    if plain.token_bowl.is_some() {
        sources = sources
            .flag(
                "token_bowl.base_url",
                "chaos",
                Some("http://token_bowl.test"),
            )
            .flag("token_bowl.api_key", "chaos", Some("sim-greenroom-key"));
    }
    let mut config = sources.load(Purpose::Run)?;
    mark_replies(&mut config);
    Ok(Some(config))
}

/// Lets each answer that is always the same tell which message it is of, so that one that comes twice is found.
fn mark_replies(config: &mut Config) {
    for handler in &mut config.handlers {
        let replies: Vec<&mut String> = match &mut handler.kind {
            HandlerKind::Commands { commands, .. } => commands
                .iter_mut()
                .map(|command| &mut command.reply)
                .collect(),
            HandlerKind::Mentioned { reply } | HandlerKind::Ping { reply, .. } => vec![reply],
            _ => Vec::new(),
        };
        for reply in replies
            .into_iter()
            .filter(|reply| !reply.contains("{args}"))
        {
            reply.push_str(" {args}");
        }
    }
}

fn platforms(args: &ChaosArgs, own: Option<&Config>) -> Result<Vec<String>, Failure> {
    let all: Vec<&str> = match own {
        Some(own) => {
            let all = [
                ("mezon", own.mezon.is_some()),
                ("token_bowl", own.token_bowl.is_some()),
            ];
            let there = all.into_iter().filter(|(_, is_there)| *is_there);
            there.map(|(name, _)| name).collect()
        }
        None => {
            let makers = PLATFORMS
                .iter()
                .filter(|maker| maker.adapter.is_some() && !maker.talks.is_empty());
            makers.map(|maker| maker.name).collect()
        }
    };
    if let Some(unknown) = args
        .platform
        .iter()
        .find(|name| !all.contains(&name.as_str()))
    {
        let text = format!(
            "--platform: the bot cannot be on \"{unknown}\"; it can be on {}",
            all.join(", ")
        );
        return Err(Failure::new(FailureKind::Usage, text));
    }
    match args.platform.is_empty() {
        true => Ok(all.into_iter().map(str::to_owned).collect()),
        false => Ok(args.platform.clone()),
    }
}

/// The bot of who has none yet: it answers every message.
fn default_bot(stage: &Stage, platforms: &[String]) -> BotBuilder {
    let bot = Bot::builder("chaos").on("answer", async |message: Event<ChatMessage>| {
        if !message.is_own {
            message.reply(format!("re {}", message.text)).await?;
        }
        Ok(())
    });
    platforms.iter().fold(bot, |bot, name| stage.put(bot, name))
}

/// What users say so that each handler has something to do.
fn lines(config: &Config) -> Vec<Line> {
    let mut lines = Vec::new();
    for handler in &config.handlers {
        match &handler.kind {
            HandlerKind::Commands {
                prefix, commands, ..
            } => {
                lines.extend(
                    commands
                        .iter()
                        .map(|command| Line::command(&format!("{prefix}{}", command.name))),
                );
            }
            HandlerKind::Counter { prefix }
            | HandlerKind::Echo { prefix }
            | HandlerKind::Ping { prefix, .. } => lines.push(Line::command(prefix)),
            // They need nothing that is said to them.
            _ => {}
        }
    }
    lines
}

/// Says how far it is: on one line of a terminal, or as lines of JSON.
struct Progress {
    printer: Printer,
    at_terminal: bool,
    length: f64,
}

impl Progress {
    fn new(args: &ChaosArgs, globals: &Globals) -> Self {
        Self {
            printer: Printer::report(globals),
            at_terminal: !globals.json && io::stderr().is_terminal(),
            length: args.minutes * 60.0,
        }
    }

    fn tell(&self, sample: &ChaosSample) {
        // Whoever does not read the progress may read the report.
        if self.printer.is_json() {
            let _ = self.printer.object(&json!({"progress": sample}));
        } else if self.at_terminal {
            let part = (sample.at.as_secs_f64() / self.length * 100.0).min(100.0);
            let _ = write!(
                io::stderr(),
                "\r{part:3.0} %  {} events, {} faults, {} reconnects\x1b[K",
                sample.events,
                sample.faults,
                sample.reconnects
            );
        }
    }

    fn end(&self) {
        if self.at_terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn show(report: &ChaosReport, globals: &Globals) -> io::Result<()> {
    let text = report.to_string();
    let colored = globals.color.applies_to(&io::stdout());
    let tone = if report.broken.is_empty() {
        Tone::Good
    } else {
        Tone::Bad
    };
    let text = match text
        .rfind("\nguarantees")
        .or_else(|| text.rfind("\nbroken"))
    {
        Some(place) => format!(
            "{}\n{}",
            &text[..place],
            paint(text[place..].trim(), tone, colored)
        ),
        None => text,
    };
    Printer::report(globals).text(&text, &json!({"report": report}))
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok();
    minutes
        .filter(|minutes| (0.1..=100_000.0).contains(minutes))
        .ok_or_else(|| "it must be a number of minutes, 0.1 to 100000".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate| (0.0..=1.0).contains(rate))
        .ok_or_else(|| "it must be a number from 0 to 1, such as 0.01".to_owned())
}
