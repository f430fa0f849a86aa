//! `greenroom mesh`: a person at a terminal logs in to Mesh, asks models, and looks after keys.

mod auth;
mod chat;
mod failure;
mod input;
mod keys;
mod secret;
mod users;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::{Failure, FailureKind, Globals, Printer, logging};
use crate::config::{Config, Mesh, Purpose};
use crate::mesh::{MeshClient, MeshError, Settings};
use crate::platform::environment::Variables;

/// The arguments of `greenroom mesh`.
#[derive(Args, Clone, Debug)]
pub(super) struct MeshArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: MeshCommand,
}

/// Where to ask. What is not given is taken from the platform's own variables, such as `MESH_API_URL` and `MESH_AUTH_TOKEN`, and then from
/// the section `[mesh]`. A token is no flag, since other users of the machine can read those.
#[derive(Args, Clone, Debug, Default)]
struct ConnectionArgs {
    /// Ask this server, such as a simulator's http://127.0.0.1:4000
    #[arg(long, visible_alias = "server-url", global = true, value_name = "URL")]
    base_url: Option<String>,
    /// Ask this server for what is about commitments
    #[arg(long, global = true, value_name = "URL")]
    zkp_server_url: Option<String>,
    /// The Auth0 tenant: a host or a URL
    #[arg(long, global = true, value_name = "DOMAIN")]
    auth0_domain: Option<String>,
    /// The id of the application at Auth0
    #[arg(long, global = true, value_name = "ID")]
    client_id: Option<String>,
    /// The API that tokens are for
    #[arg(long, global = true, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// Log requests: method, address, status, time and sizes
    #[arg(long, global = true)]
    debug: bool,
    /// Fail at once if there is no login, instead of letting somebody log in
    #[arg(long, global = true)]
    no_login: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum MeshCommand {
    /// Log in, unless there is a login that is good
    Auth(auth::AuthArgs),
    /// Say something to a model
    Chat(chat::ChatArgs),
    /// Show what the user has left to spend
    Credits(users::UserArgs),
    /// Keep keys on the server
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Forget the login
    Logout,
    /// List the models
    Models,
    /// Show who the user is; the server makes the user if need be
    Profile,
    /// Show how it is with the login, without asking anybody
    Status,
    /// Show what was used
    Usage,
    /// Make sure that the server knows a user
    Register(users::RegisterArgs),
    /// Keep commitments to keys on the server, which does not learn their values
    #[command(subcommand)]
    Zkp(keys::ZkpCommand),
}

/// What a command works with.
struct Session<'a> {
    settings: Settings,
    printer: Printer,
    globals: &'a Globals,
}

impl Session<'_> {
    /// Does one thing with a client.
    async fn with<T>(
        &self,
        what: impl AsyncFnOnce(&MeshClient) -> Result<T, MeshError>,
    ) -> Result<T, Failure> {
        let client = MeshClient::connect(self.settings.clone()).await?;
        let outcome = what(&client).await;
        client.close().await;
        if let Err(error) = &outcome
            && self.printer.is_json()
        {
            // A program finds here what the one line on standard error cannot say.
            self.printer.object(error)?;
        }
        Ok(outcome?)
    }
}

/// Returns the settings that a section and the variables of the process make: these go before.
pub(crate) fn settings(section: &Mesh) -> Result<Settings, MeshError> {
    let variables = Variables::of_process();
    Settings::from(section.clone()).with_env(|name| variables.get(name).map(str::to_owned))
}

/// Does what is asked.
pub(super) async fn run(args: MeshArgs, globals: &Globals) -> Result<(), Failure> {
    let config = globals.load(Purpose::Offline)?;
    let settings = settings(config.mesh.as_ref().unwrap_or(&Mesh::default()));
    // A variable is configuration, and no argument.
    let mut settings =
        settings.map_err(|error| Failure::new(FailureKind::Configuration, error.to_string()))?;
    args.connection.apply(&mut settings);
    settings.check().map_err(|error| {
        let kind = match args.connection.names_a_server() {
            true => FailureKind::Usage,
            false => FailureKind::Configuration,
        };
        Failure::new(kind, error.to_string())
    })?;
    start_log(globals, &config, &settings)?;
    // What is over within seconds needs no timer.
    settings.auto_refresh = false;
    settings.interactive = !args.connection.no_login;
    let session = Session {
        settings,
        printer: Printer::report(globals),
        globals,
    };
    match args.command {
        MeshCommand::Auth(args) => auth::run(&args, session).await,
        MeshCommand::Chat(args) => chat::run(args, &session).await,
        MeshCommand::Credits(args) => users::credits(&args, &session).await,
        MeshCommand::Keys(command) => keys::keys(command, &session).await,
        MeshCommand::Logout => auth::logout(&session).await,
        MeshCommand::Models => users::models(&session).await,
        MeshCommand::Profile => users::profile(&session).await,
        MeshCommand::Register(args) => users::register(&args, &session).await,
        MeshCommand::Status => auth::status(&session).await,
        MeshCommand::Usage => users::usage(&session).await,
        MeshCommand::Zkp(command) => keys::zkp(command, &session).await,
    }
}

/// What is of interest is printed; the log says more only if it is asked to.
fn start_log(globals: &Globals, config: &Config, settings: &Settings) -> Result<(), Failure> {
    let is_asked = std::env::var_os("RUST_LOG").is_some_and(|filter| !filter.is_empty());
    let usual = match settings.debug {
        true => "warn,greenroom::mesh=debug",
        false => "off",
    };
    let log = globals
        .log
        .clone()
        .or_else(|| (!is_asked).then(|| usual.to_owned()));
    logging::start(
        &Globals {
            log,
            ..globals.clone()
        },
        config,
    )
}

impl ConnectionArgs {
    fn names_a_server(&self) -> bool {
        let named = [&self.base_url, &self.zkp_server_url, &self.auth0_domain];
        named.into_iter().any(Option::is_some)
    }

    fn apply(&self, settings: &mut Settings) {
        if let Some(url) = &self.base_url {
            settings.server_url.clone_from(url);
        }
        let given = [
            (&self.zkp_server_url, &mut settings.zkp_server_url),
            (&self.auth0_domain, &mut settings.auth0_domain),
            (&self.client_id, &mut settings.client_id),
            (&self.audience, &mut settings.audience),
        ];
        for (given, setting) in given {
            if given.is_some() {
                setting.clone_from(given);
            }
        }
        settings.debug |= self.debug;
    }
}

/// Log in to Mesh: the same as `greenroom mesh auth`.
#[derive(Debug, Parser)]
#[command(name = "mesh-auth", version)]
struct MeshAuth {
    #[command(flatten)]
    globals: Globals,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    auth: auth::AuthArgs,
}

/// Runs the program `mesh-auth` with the arguments of this process, and returns its exit code.
#[must_use]
pub fn auth_main() -> ExitCode {
    auth_main_with(std::env::args_os().collect())
}

fn auth_main_with(arguments: Vec<OsString>) -> ExitCode {
    logging::report_panics_in_one_line();
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let parsed = match MeshAuth::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return super::usage(&error, wants_json),
    };
    let args = MeshArgs {
        connection: parsed.connection,
        command: MeshCommand::Auth(parsed.auth),
    };
    match actix_rt::System::new().block_on(run(args, &parsed.globals)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&parsed.globals),
    }
}
