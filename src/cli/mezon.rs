//! `greenroom mezon`: a person at a terminal watches the events of a Mezon bot and says something.

use clap::{Args, Subcommand};

use crate::config::Sources;

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
    /// Only events of this channel; may be given several times
    #[arg(long, value_name = "ID")]
    channel: Vec<String>,
    /// Only events of this name, such as channel_message; may be given several times
    #[arg(long, value_name = "NAME")]
    event: Vec<String>,
    /// End after this many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

#[derive(Args, Clone, Debug)]
struct SendArgs {
    /// The channel
    #[arg(long, value_name = "ID")]
    channel: String,
    /// The message that this one replies to
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// What to say; `-` reads it from standard input
    #[arg(value_name = "TEXT")]
    text: String,
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
