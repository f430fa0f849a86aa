//! `greenroom bench receive`: a bot that counts the messages of any server.

use clap::Args;
use greenroom_proto::mezon::Wire;
use serde::Serialize;
use url::Url;

use super::bots::{BotArgs, Bots, CacheMode};
use super::dialect::Dialect;
use super::report::Report;
use crate::bot::signals::StopSignals;
use crate::cli::{Failure, Globals, Printer};

/// The arguments of `greenroom bench receive`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Prints one line, events=N seconds=S sum=X: S is the time from the first event to the last one as the first handler saw them, \
                  X the sum of the bytes of all contents that the first handler saw. The other handlers must have seen the same, or it fails."
)]
pub(super) struct ReceiveArgs {
    /// Where to log in, such as http://127.0.0.1:7350
    #[arg(long, value_name = "URL", value_parser = server)]
    url: Url,
    /// End after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// How many handler actors get each event; with 0 events are counted as they come in, and the sum is 0
    #[arg(long, value_name = "H", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=1_024))]
    handlers: u16,
    /// Keep each message: off, drop (the oldest one that waits, if the disk is too slow) or lossless
    #[arg(
        long,
        value_name = "CACHE",
        default_value = "off",
        hide_possible_values = true
    )]
    cache: CacheMode,
    /// The wire format: v1 or v2; by default the one that the server answers with
    #[arg(long, value_name = "WIRE")]
    wire: Option<Wire>,
    /// The bot's id; its key is taken from GREENROOM__MEZON__API_KEY, or else that of the simulator
    #[arg(long, value_name = "ID", default_value = "1000000000000000001")]
    client_id: String,
    /// Give up if nothing has come for so many seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Receives, and prints one line for a person or a script.
pub(super) async fn run(args: ReceiveArgs, globals: &Globals) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let bots = Bots::start(&BotArgs {
        url: args.url,
        events: args.events,
        handlers: args.handlers,
        cache: args.cache,
        wire: args.wire.map(Dialect::Mezon),
        client_id: args.client_id,
        timeout: args.timeout,
        connections: 1,
        channels: 0,
        reply: false,
        sockets: false,
        latency: false,
        work: 0,
        reconnects: false,
    })?;
    let report = tokio::select! {
        report = bots.report() => report?,
        () = signals.received() => {
            return Err(Failure::failed("stopped before all events had come"));
        }
    };
    let Report {
        events,
        seconds,
        sum,
        ..
    } = report;
    let line = format!("events={events} seconds={seconds:.6} sum={sum}");
    #[derive(Serialize)]
    struct Line {
        events: u64,
        seconds: f64,
        sum: u64,
    }
    let object = Line {
        events,
        seconds,
        sum,
    };
    Printer::report(globals).text(&line, &object)?;
    bots.shutdown().await;
    Ok(())
}

fn server(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("it must be an address such as http://127.0.0.1:7350".to_owned()),
    }
}
