//! `greenroom token-bowl`: a person at a terminal takes part in Token Bowl Chat.

mod failure;
mod live;
mod messages;
mod send;
mod tell;
mod users;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use super::{Failure, FailureKind, Globals, logging};
use crate::config::{Config, Purpose, Sources};
use crate::token_bowl::{Api, Settings};

/// The arguments of `greenroom token-bowl`.
#[derive(Args, Clone, Debug)]
pub(super) struct TokenBowlArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Print version
    #[arg(short = 'v', action = clap::ArgAction::Version, hide = true)]
    short_version: Option<bool>,
    #[command(subcommand)]
    command: TokenBowlCommand,
}

/// Where to connect, and as whom. What is not given is taken from the configuration, then from the variables
/// `TOKEN_BOWL_CHAT_API_KEY` and `TOKEN_BOWL_CHAT_BASE_URL`, which a file `.env` may set.
#[derive(Args, Clone, Debug)]
struct ConnectionArgs {
    /// The server, such as a simulator's http://127.0.0.1:4000
    #[arg(long, global = true, value_name = "URL")]
    base_url: Option<String>,
    /// The user's key; better in the environment, since other users of the machine can read arguments
    #[arg(
        long,
        short = 'k',
        global = true,
        value_name = "KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,
    /// What is spoken over the websocket: plain, centrifugo or auto
    #[arg(long, global = true, value_name = "PROTOCOL")]
    protocol: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum TokenBowlCommand {
    /// Show your own profile
    Info,
    /// Print messages and what goes with them as it comes, until Ctrl-C
    Listen(ListenArgs),
    /// Take part in the chat
    #[command(subcommand)]
    Live(LiveCommand),
    /// Send and list messages, without a websocket
    #[command(subcommand)]
    Messages(MessagesCommand),
    /// Make a user; needs no key
    Register(RegisterArgs),
    /// Say something over the websocket, and print the id that the server gave to it
    Send(SendArgs),
    /// Count what is unread, and mark it as read
    #[command(subcommand)]
    Unread(UnreadCommand),
    /// List users, and change your own profile
    #[command(subcommand)]
    Users(UsersCommand),
}

#[derive(Args, Clone, Debug, Default)]
struct ListenArgs {
    /// End after this many lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Only messages
    #[arg(long)]
    messages: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum LiveCommand {
    /// Read and write: `@name text` is for one user, `/quit` ends it
    Chat,
    /// Read only; the number of messages at the end
    Monitor(ListenArgs),
}

#[derive(Clone, Debug, Subcommand)]
enum MessagesCommand {
    /// Say something
    Send(SendArgs),
    /// List messages of the room, newest first
    List(ListArgs),
}

#[derive(Args, Clone, Debug)]
struct SendArgs {
    /// To whom; without it, to the room
    #[arg(long, short, value_name = "NAME")]
    to: Option<String>,
    /// What to say; with `-` that is read from standard input
    #[arg(value_name = "TEXT")]
    text: String,
}

#[derive(Args, Clone, Debug)]
struct ListArgs {
    /// How many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// After how many newer ones
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
    /// Direct messages in place of those of the room
    #[arg(long, short)]
    direct: bool,
}

#[derive(Args, Clone, Debug)]
struct RegisterArgs {
    /// The name, 1 to 50 characters
    #[arg(value_name = "USERNAME")]
    username: String,
    /// Where messages are posted to
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum UsersCommand {
    /// List users
    List {
        /// Only those who are connected
        #[arg(long, short)]
        online: bool,
    },
    /// Change your own profile
    Update(UpdateArgs),
}

#[derive(Args, Clone, Debug)]
struct UpdateArgs {
    /// A new name
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    /// Where messages are posted to
    #[arg(long, short, value_name = "URL", conflicts_with = "clear_webhook")]
    webhook: Option<String>,
    /// Post messages nowhere
    #[arg(long)]
    clear_webhook: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum UnreadCommand {
    /// Count what is unread
    Count,
    /// Mark messages as read
    MarkRead {
        /// All of them
        #[arg(long, short)]
        all: bool,
    },
}

impl ConnectionArgs {
    /// Adds these flags as the last layer of the configuration.
    fn apply(&self, sources: Sources) -> Sources {
        sources
            .section("token_bowl")
            .flag("token_bowl.base_url", "--base-url", self.base_url.as_ref())
            .flag("token_bowl.api_key", "--api-key", self.api_key.as_ref())
            .flag("token_bowl.protocol", "--protocol", self.protocol.as_ref())
    }
}

/// What a command works with.
struct Session<'a> {
    settings: Settings,
    config: Config,
    globals: &'a Globals,
}

impl Session<'_> {
    /// Opens the calls over HTTP.
    fn api(&self) -> Result<Api, Failure> {
        Ok(Api::open(&self.settings)?)
    }

    /// Ends with what is to be done if there is no key.
    fn require_key(&self) -> Result<(), Failure> {
        match self.settings.api_key.expose_secret().trim() {
            "" => Err(Failure::new(FailureKind::Authentication, NO_KEY)),
            _ => Ok(()),
        }
    }
}

/// Does what is asked as the user of the configuration.
pub(super) async fn run(args: TokenBowlArgs, globals: &Globals) -> Result<(), Failure> {
    let sources = args.connection.apply(globals.sources());
    let config = sources.load(Purpose::Offline)?;
    let quiet = Globals {
        // What is of interest is printed; the log would tell it twice.
        log: Some(globals.log.clone().unwrap_or_else(|| "off".to_owned())),
        ..globals.clone()
    };
    logging::start(&quiet, &config)?;
    let session = Session {
        settings: config.token_bowl.clone().unwrap_or_default().into(),
        config,
        globals,
    };
    if !matches!(args.command, TokenBowlCommand::Register(_)) {
        session.require_key()?;
    }
    match args.command {
        TokenBowlCommand::Info => users::info(&session).await,
        TokenBowlCommand::Listen(args) => live::listen(&args, &session).await,
        TokenBowlCommand::Live(LiveCommand::Chat) => live::chat(&session).await,
        TokenBowlCommand::Live(LiveCommand::Monitor(args)) => live::monitor(&args, &session).await,
        TokenBowlCommand::Messages(MessagesCommand::Send(args)) => {
            messages::send(&args, &session).await
        }
        TokenBowlCommand::Messages(MessagesCommand::List(args)) => {
            messages::list(&args, &session).await
        }
        TokenBowlCommand::Register(args) => users::register(args, &session).await,
        TokenBowlCommand::Send(args) => send::run(&args, &session).await,
        TokenBowlCommand::Unread(UnreadCommand::Count) => messages::unread(&session).await,
        TokenBowlCommand::Unread(UnreadCommand::MarkRead { all }) => {
            messages::mark_read(all, &session).await
        }
        TokenBowlCommand::Users(UsersCommand::List { online }) => {
            users::list(online, &session).await
        }
        TokenBowlCommand::Users(UsersCommand::Update(args)) => users::update(args, &session).await,
    }
}

const NO_KEY: &str = "API key required. Provide api_key parameter or set TOKEN_BOWL_CHAT_API_KEY environment variable.";
