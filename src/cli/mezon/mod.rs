//! `greenroom mezon`: a person at a terminal watches the events of a Mezon bot and says something.

mod failure;
mod listen;
mod send;
mod tell;

use clap::{Args, Subcommand};

use super::{Failure, FailureKind, Globals, logging};
use crate::config::{Purpose, Sources};
use crate::mezon::{Mezon, event_name};
use crate::prelude::*;

/// The arguments of `greenroom mezon`.
#[derive(Args, Clone, Debug)]
pub(super) struct MezonArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: MezonCommand,
}

/// Where to log in. What is not given is taken from the configuration. The key is no flag, since other users of the machine can
/// read those: it belongs into the file or into `GREENROOM__MEZON__API_KEY`.
#[derive(Args, Clone, Debug)]
struct ConnectionArgs {
    /// Log in here, such as at a simulator's http://127.0.0.1:4000
    #[arg(long, global = true, value_name = "URL")]
    base_url: Option<String>,
    /// The bot's id
    #[arg(long, global = true, value_name = "ID")]
    client_id: Option<String>,
    /// The wire format: auto, v1 or v2
    #[arg(long, global = true, value_name = "WIRE")]
    wire: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum MezonCommand {
    /// Print events as they come, until Ctrl-C
    Listen(ListenArgs),
    /// Say something in a channel
    Send(SendArgs),
}

#[derive(Args, Clone, Debug)]
struct ListenArgs {
    /// Only events of this channel: its id, or CLAN/CHANNEL; may be given several times
    #[arg(long, value_name = "CHANNEL", value_parser = channel)]
    channel: Vec<Place>,
    /// Only events of this name, such as channel_message; may be given several times
    #[arg(long, value_name = "NAME", value_parser = event)]
    event: Vec<&'static str>,
    /// End after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

#[derive(Args, Clone, Debug)]
struct SendArgs {
    /// The channel: its id, or CLAN/CHANNEL
    #[arg(long, value_name = "CHANNEL", value_parser = channel)]
    channel: Place,
    /// The message that this one replies to
    #[arg(long, value_name = "ID", value_parser = id)]
    reply_to: Option<i64>,
    /// What to say; without it, or with `-`, that is read from standard input
    #[arg(value_name = "TEXT")]
    text: Option<String>,
}

/// A channel as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    clan: Option<i64>,
    channel: i64,
}

impl Place {
    fn is(self, key: &ChannelKey) -> bool {
        key.channel == self.channel && self.clan.is_none_or(|clan| key.space == clan)
    }
}

fn channel(text: &str) -> Result<Place, String> {
    let (clan, channel) = match text.split_once('/') {
        Some((clan, channel)) => (Some(clan), channel),
        None => (None, text),
    };
    let clan = clan.map(|clan| {
        clan.parse()
            .map_err(|_| "a clan's id is a number".to_owned())
    });
    Ok(Place {
        clan: clan.transpose()?,
        channel: id(channel)?,
    })
}

fn id(text: &str) -> Result<i64, String> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| "an id is a number, such as 3000000000000000001".to_owned())
}

fn event(text: &str) -> Result<&'static str, String> {
    event_name(text).ok_or_else(|| "Mezon has no such event".to_owned())
}

impl ConnectionArgs {
    /// Adds these flags as the last layer of the configuration.
    fn apply(&self, sources: Sources) -> Sources {
        sources
            .flag("mezon.base_url", "--base-url", self.base_url.as_ref())
            .flag("mezon.client_id", "--client-id", self.client_id.as_ref())
            .flag("mezon.wire", "--wire", self.wire.as_ref())
    }
}

/// Does what is asked as the bot of the configuration. Its cache is left to the bot that may be running.
pub(super) async fn run(args: MezonArgs, globals: &Globals) -> Result<(), Failure> {
    let config = args
        .connection
        .apply(globals.sources())
        .load(Purpose::Run)?;
    let quiet = Globals {
        // What is of interest is printed; the log would tell it twice.
        log: Some(globals.log.clone().unwrap_or_else(|| "off".to_owned())),
        ..globals.clone()
    };
    logging::start(&quiet, &config)?;
    let Some(mezon) = &config.mezon else {
        let message = "the configuration has no section [mezon]";
        return Err(Failure::new(FailureKind::Configuration, message));
    };
    let mezon = Mezon::new(mezon.clone());
    match args.command {
        MezonCommand::Listen(args) => listen::run(args, mezon, &config, globals).await,
        MezonCommand::Send(args) => send::run(args, mezon, &config, globals).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_by_their_id_with_or_without_the_clan() {
        let place = channel("3").unwrap();
        assert!(place.is(&ChannelKey::new(2, 3)) && !place.is(&ChannelKey::new(2, 4)));
        let place = channel("2/3").unwrap();
        assert!(place.is(&ChannelKey::new(2, 3)) && !place.is(&ChannelKey::new(1, 3)));
        let direct = channel("0/3").unwrap();
        assert!(direct.is(&ChannelKey::new(0, 3)) && !direct.is(&ChannelKey::new(2, 3)));
        for wrong in ["", "general", "/", "2/", "/3", "0", "-3"] {
            channel(wrong).unwrap_err();
        }
    }
}
