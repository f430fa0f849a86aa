//! `greenroom ticos`: a device that agents dial, until SIGTERM or Ctrl-C.

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Notify;

use super::{Failure, FailureKind, Globals, logging};
use crate::bot::BotError;
use crate::bot::signals::StopSignals;
use crate::compose;
use crate::config::{Purpose, Sources};
use crate::ticos::{
    Conversation, Handlers, SaveMode, Settings, SledStorageService, Ticos, TicosClient, TicosError,
};

/// The arguments of `greenroom ticos`. What is not given is taken from the section `[ticos]` of the configuration.
#[derive(Args, Clone, Debug)]
pub(super) struct TicosArgs {
    /// The port to listen on [default: 9999]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The address to listen on [default: 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Keep messages below this folder, and read the device's configuration there
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Where messages are kept: `internal` or `external` [default: internal]
    #[arg(long, value_name = "MODE")]
    save_mode: Option<SaveMode>,
    /// The folder of the TF card; found by itself if it is not given
    #[arg(long, value_name = "DIR")]
    tf_root: Option<PathBuf>,
    /// The name of the store: absolute, or relative to `.config/ticos` [default: ticos.db]
    #[arg(long, value_name = "FILE")]
    db_filename: Option<String>,
    /// Print one line of JSON for every call of a handler
    #[arg(long)]
    print_events: bool,
    /// What agents must know, as `Authorization: Bearer` or `?terminal_secret=`
    #[arg(
        long,
        value_name = "SECRET",
        env = "GREENROOM_TICOS_AGENT_TOKEN",
        hide_env_values = true
    )]
    agent_token: Option<SecretString>,
    /// Let other machines read messages, memories and figures over HTTP
    #[arg(long)]
    open_history: bool,
}

impl TicosArgs {
    /// Adds the flags that stand for settings as the last layer of the configuration.
    fn apply(&self, sources: Sources) -> Sources {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let mode = self.save_mode.map(SaveMode::name);
        sources
            .flag("ticos.port", "--port", self.port)
            .flag("ticos.host", "--host", self.host.clone())
            .flag("ticos.store", "--store", path(&self.store))
            .flag("ticos.save_mode", "--save-mode", mode)
            .flag("ticos.tf_root", "--tf-root", path(&self.tf_root))
            .flag(
                "ticos.db_filename",
                "--db-filename",
                self.db_filename.clone(),
            )
    }
}

/// Runs the device until it is told to stop.
pub(super) fn run(args: &TicosArgs, globals: &Globals) -> Result<(), Failure> {
    actix_rt::System::new().block_on(async {
        let outcome = serve(args, globals).await;
        leave_soon(&outcome);
        outcome
    })
}

/// Ends the process even if a thread writes to an output that nobody reads.
fn leave_soon(outcome: &Result<(), Failure>) {
    let code = outcome
        .as_ref()
        .map_or_else(|failure| failure.kind().code(), |()| 0);
    let leave = move || {
        std::thread::park_timeout(PATIENCE);
        #[expect(
            clippy::exit,
            reason = "everything was stopped in order; a thread hangs"
        )]
        std::process::exit(code.into());
    };
    // Without it the process ends all the same, a little later.
    drop(std::thread::Builder::new().spawn(leave));
}

async fn serve(args: &TicosArgs, globals: &Globals) -> Result<(), Failure> {
    let config = args.apply(globals.sources()).load(Purpose::Offline)?;
    logging::start(globals, &config)?;
    let mut settings = Settings::from(config.ticos.clone().unwrap_or_default());
    if let Some(token) = &args.agent_token {
        settings.agent_token = Some(token.clone());
    }
    settings.open_history |= args.open_history;
    // From now on a signal no longer ends the process by itself.
    let mut signals = StopSignals::listen()?;
    let (lines, handlers) = (Lines::default(), Handlers::default());
    if args.print_events {
        lines.print_calls(&handlers);
    }
    let ticos = Ticos::new(settings).handlers(&handlers);
    let client = ticos.client();
    let built = compose::settings(&config).platform(ticos).build();
    let bot = built.map_err(|error| {
        if let (false, Some(status)) = (args.print_events, status_of(&error)) {
            lines.line("message", &status);
            lines.flush();
        }
        failure(error)
    })?;
    let bot = bot.start();
    broadcast_lines(client)?;
    tokio::select! {
        exit = bot.ended() => return Err(bot.failed(exit).into()),
        () = signals.received() => {}
        () = lines.closed.notified() => {}
    }
    tracing::info!("stopping");
    match signals.unless_again(bot.shutdown()).await {
        Some(_) => Ok(()),
        None => Err(Failure::failed("stopped by a second signal")),
    }
}

/// Standard output: one line for each call, written when nothing more is at hand.
#[derive(Clone, Default)]
struct Lines {
    waiting: Arc<Mutex<Vec<u8>>>,
    /// Whoever has read the output has gone.
    closed: Arc<Notify>,
}

impl Lines {
    fn print_calls(&self, handlers: &Handlers) {
        let lines = self.clone();
        handlers.set_message_handler(move |message: &Value| lines.line("message", message));
        let lines = self.clone();
        handlers.set_motion_handler(move |arguments: &Value| lines.line("motion", arguments));
        let lines = self.clone();
        handlers.set_emotion_handler(move |arguments: &Value| lines.line("emotion", arguments));
        let lines = self.clone();
        handlers.set_function_call_handler(move |name: &str, parameters: &Value| {
            lines.line("function_call", &Called { name, parameters });
        });
        let lines = self.clone();
        handlers.set_conversation_handler(move |said: &Conversation| {
            lines.line("conversation", said);
        });
        let lines = self.clone();
        handlers.set_after(move || lines.flush());
    }

    fn line(&self, handler: &str, args: &impl serde::Serialize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waiting.len();
        waiting.extend_from_slice(b"{\"handler\":\"");
        waiting.extend_from_slice(handler.as_bytes());
        waiting.extend_from_slice(b"\",\"args\":");
        if let Err(error) = serde_json::to_writer(&mut *waiting, args) {
            waiting.truncate(before);
            tracing::error!(%error, handler, "a call could not be printed");
            return;
        }
        waiting.extend_from_slice(b"}\n");
        if waiting.len() > AT_ONCE {
            self.write(&mut waiting);
        }
    }

    fn flush(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&mut waiting);
    }

    fn write(&self, waiting: &mut Vec<u8>) {
        let mut out = io::stdout().lock();
        if out.write_all(waiting).and_then(|()| out.flush()).is_err() {
            self.closed.notify_one();
        }
        waiting.clear();
    }
}

#[derive(serde::Serialize)]
struct Called<'a> {
    name: &'a str,
    parameters: &'a Value,
}

/// Sends every line of standard input that is a JSON object to all agents.
fn broadcast_lines(client: TicosClient) -> Result<(), Failure> {
    let read = move || {
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut input).take(LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    if let Ok(object) = serde_json::from_slice(&line) {
                        client.broadcast(&object);
                    }
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned());
    let started = thread.spawn(read);
    started.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
    Ok(())
}

/// Returns the message of health that tells of this error.
fn status_of(error: &BotError) -> Option<Value> {
    let code = match cause(error)? {
        TicosError::Port { .. } => "EXECUTER_ERROR",
        TicosError::Storage(_) => "DATABASE_ERROR",
        _ => return None,
    };
    let message = cause(error)?.to_string();
    Some(serde_json::json!({"code": code, "message": message, "type": "health.status"}))
}

fn failure(error: BotError) -> Failure {
    let kind = match cause(&error) {
        Some(TicosError::Port { .. }) => FailureKind::Network,
        Some(TicosError::Config { .. } | TicosError::NoHome) => FailureKind::Configuration,
        Some(_) => FailureKind::Failed,
        None => return error.into(),
    };
    let message = cause(&error).map_or_else(String::new, ToString::to_string);
    Failure::new(kind, message)
}

fn cause(error: &BotError) -> Option<&TicosError> {
    match error {
        BotError::Assembly { error, .. } => error.downcast_ref(),
        _ => None,
    }
}

impl From<crate::config::Ticos> for Settings {
    fn from(section: crate::config::Ticos) -> Self {
        let mut settings = Self::new(section.port).host(section.host);
        settings.save_mode = section.save_mode;
        settings.tf_root_dir = section.tf_root;
        settings.db_filename = section.db_filename;
        settings.agent_token = section.agent_token;
        settings.open_history = section.open_history;
        if let Some(store) = section.store {
            settings = settings.home(store).storage(SledStorageService::new());
        }
        settings
    }
}

/// How long the threads of handlers may take after everything has stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(700);
/// So much is printed at once.
const AT_ONCE: usize = 64 << 10;
/// The longest line of standard input that is understood.
const LINE: u64 = 16 << 20;
