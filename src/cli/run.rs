//! `greenroom run`: the bot that the configuration composes from ready-made handlers, until it is told to stop.

use std::net::SocketAddr;

use clap::Args;
use greenroom_actors::store::{Store, StoreError};

use super::{Failure, FailureKind, Globals, Printer, logging};
use crate::compose;
use crate::config::{self, Purpose, Sources};

/// The arguments of `greenroom run`. What is not given is taken from the configuration.
#[derive(Args, Clone, Debug)]
pub(super) struct RunArgs {
    /// The seed of all random numbers
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Answer over HTTP how the bot is, at this address, such as 127.0.0.1:9100; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    endpoint: Option<SocketAddr>,
}

impl RunArgs {
    /// Adds these flags as the last layer of the configuration.
    fn apply(&self, sources: Sources) -> Sources {
        sources.flag("bot.seed", "--seed", self.seed).flag(
            "endpoint.listen",
            "--endpoint",
            self.endpoint,
        )
    }
}

/// Runs the bot until SIGTERM, Ctrl-C or a failure.
pub(super) async fn run(args: RunArgs, globals: &Globals) -> Result<(), Failure> {
    let config = args.apply(globals.sources()).load(Purpose::Run)?;
    logging::start(globals, &config)?;
    let has_platform = config.mezon.is_some()
        || config.payman.is_some()
        || config.ticos.is_some()
        || config.token_bowl.is_some();
    if !has_platform {
        let message = "the configuration names no platform: add a section [mezon], [payman], [ticos] or [token_bowl]";
        return Err(Failure::new(FailureKind::Configuration, message));
    }
    if config.handlers.is_empty() {
        tracing::warn!("the configuration has no [[handlers]]: the bot will only listen");
    }
    let mut bot = compose::bot(&config);
    if let Some(address) = config.endpoint.listen {
        bot = bot.endpoint(address);
    }
    if let Some(store) = store(&config.store)? {
        bot = bot.open_store(&store);
    }
    let bot = bot.build()?.start();
    if let Some(address) = bot.endpoint() {
        let url = format!("http://{address}");
        tracing::info!(url, "the endpoint answers");
        if globals.json {
            Printer::report(globals).object(&serde_json::json!({"endpoint": url}))?;
        }
    }
    tracing::info!(bot = config.bot.name, "running; Ctrl-C or SIGTERM stops it");
    let report = bot.until_stopped().await?;
    tracing::info!("what it did:\n{}", report.tree);
    tracing::info!(
        dead_letters = report.dead_letters,
        counters = ?report.counters,
        shutdown = ?report.shutdown,
        "stopped"
    );
    let Some(shutdown) = report.shutdown else {
        return Ok(());
    };
    if globals.json {
        Printer::report(globals).object(&serde_json::json!({"stopped": shutdown}))?;
    }
    match shutdown.left.lost() {
        0 => Ok(()),
        lost => Err(Failure::failed(format!(
            "stopped in the middle of {lost} events, which nobody has kept"
        ))),
    }
}

/// Opens the store. The folder that nobody has chosen may belong to another bot that was started here; that is no reason not to run.
fn store(section: &config::Store) -> Result<Option<Store>, Failure> {
    if !section.enabled {
        return Ok(None);
    }
    match Store::open(&section.path) {
        Ok(store) => Ok(Some(store)),
        Err(error @ StoreError::Locked { .. }) if !section.is_chosen => {
            tracing::warn!(%error, "dead letters end with this process: give this bot a folder of its own in [store] path");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
