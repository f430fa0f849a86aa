//! `greenroom payman run`: one client, operations in, results out.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Write};
use std::rc::Rc;

use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;

use super::operation::{Done, perform, read};
use crate::cli::{Failure, FailureKind, Globals, logging};
use crate::config::{Config, Payman, Purpose, Sources};
use crate::payman::{ErrorKind, PaymanClient, PaymanError, Settings, TokenInfo};

/// The arguments of `greenroom payman run`. What is not given is taken from the section `[payman]` of the configuration, then from
/// `PAYMAN_CLIENT_ID`, `PAYMAN_CLIENT_SECRET` and `PAYMAN_BASE_URL`. Other users of the machine can read flags: keep secrets that move
/// money in the environment or the file.
#[derive(Args, Clone)]
pub(super) struct RunArgs {
    /// Ask this server, such as a simulator's http://127.0.0.1:4000
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Ask this server of the vendor: LIVE, TEST or INTERNAL [default: LIVE]
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The id of the application
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Its secret
    #[arg(long, value_name = "SECRET")]
    client_secret: Option<String>,
    /// Ask as the user who gave this code
    #[arg(long, value_name = "CODE")]
    auth_code: Option<String>,
    /// Ask with this token
    #[arg(long, value_name = "TOKEN")]
    access_token: Option<String>,
    /// For how many seconds the token lives
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    expires_in: Option<f64>,
    /// Renew the token with this one
    #[arg(long, value_name = "TOKEN")]
    refresh_token: Option<String>,
    /// What the client is called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The session to go on with
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// How long an ask without streaming may take in all [default: 120000]
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// How long nothing may come while an answer is streamed [default: 60000]
    #[arg(long, value_name = "MS")]
    idle_timeout_ms: Option<u64>,
    /// How long connecting may take [default: 10000]
    #[arg(long, value_name = "MS")]
    connect_timeout_ms: Option<u64>,
    /// The wait before the second of several tries [default: 250]
    #[arg(long, value_name = "MS")]
    retry_base_ms: Option<u64>,
}

/// Shows nothing: most of it is secret.
impl std::fmt::Debug for RunArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunArgs").finish_non_exhaustive()
    }
}

/// Makes the client and does what the lines say; ends with code 1 only if the client cannot be made.
pub(super) async fn run(args: RunArgs, globals: &Globals) -> Result<(), Failure> {
    let output = Output::default();
    let config = args.apply(globals.sources()).load(Purpose::Offline);
    let log = config
        .as_ref()
        .map_or_else(|_| Config::default(), Clone::clone);
    logging::start(globals, &log)?;
    let made = async {
        let config = config.map_err(|faults| {
            PaymanError::input(
                ErrorKind::Validation,
                faults.to_string().replace('\n', "; "),
            )
        })?;
        PaymanClient::connect(args.settings(config.payman.unwrap_or_default())?).await
    };
    let client = match made.await {
        Ok(client) => client,
        Err(error) => {
            let message = error.to_string();
            output.line(&Done::Err(error));
            return Err(Failure::failed(message));
        }
    };
    let mut lines = lines();
    let mut number = 0;
    while let Some(line) = lines.recv().await {
        number += 1;
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let done = match read(&line, number) {
            Ok(operation) => perform(operation, client.clone(), output.clone()).await,
            Err(error) => Done::Err(error),
        };
        output.line(&done);
        output.check()?;
    }
    client.close().await;
    output.check()
}

impl RunArgs {
    /// Adds these flags as the last layer of the configuration.
    fn apply(&self, sources: Sources) -> Sources {
        sources
            .section("payman")
            .flag("payman.base_url", "--base-url", self.base_url.as_ref())
            .flag(
                "payman.environment",
                "--environment",
                self.environment.as_ref(),
            )
            .flag("payman.client_id", "--client-id", self.client_id.as_ref())
            .flag(
                "payman.client_secret",
                "--client-secret",
                self.client_secret.as_ref(),
            )
            .flag("payman.name", "--name", self.name.as_ref())
            .flag(
                "payman.session_id",
                "--session-id",
                self.session_id.as_ref(),
            )
            .flag("payman.timeout_ms", "--timeout-ms", self.timeout_ms)
            .flag(
                "payman.idle_timeout_ms",
                "--idle-timeout-ms",
                self.idle_timeout_ms,
            )
            .flag(
                "payman.connect_timeout_ms",
                "--connect-timeout-ms",
                self.connect_timeout_ms,
            )
            .flag(
                "payman.retry_base_ms",
                "--retry-base-ms",
                self.retry_base_ms,
            )
    }

    /// Makes the settings of a client: with a token if one is given, else with a code, else with the credentials.
    fn settings(&self, section: Payman) -> Result<Settings, PaymanError> {
        let given = |flag: Option<&String>| flag.is_some_and(|text| text.trim().is_empty());
        let empty = [
            ("client_id", self.client_id.as_ref()),
            ("client_secret", self.client_secret.as_ref()),
            ("session_id", self.session_id.as_ref()),
        ];
        if let Some((name, _)) = empty.into_iter().find(|(_, flag)| given(*flag)) {
            let message = format!("{name} must not be empty");
            return Err(PaymanError::input(ErrorKind::Validation, message));
        }
        let mut settings = Settings::from(section);
        if self.access_token.is_some() || self.refresh_token.is_some() {
            return settings.without_empty_secret().token(TokenInfo {
                access_token: self.access_token.clone().map(Into::into),
                expires_in: self.expires_in,
                refresh_token: self.refresh_token.clone().map(Into::into),
            });
        }
        if let Some(code) = &self.auth_code {
            settings = settings.code(code);
        }
        Ok(settings)
    }
}

/// Reads standard input on a thread of its own, line by line.
fn lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// Standard output, one object a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    buffer: Rc<RefCell<Vec<u8>>>,
    fault: Rc<Cell<Option<io::ErrorKind>>>,
}

#[derive(Serialize)]
struct Event<'a, T> {
    event: &'a T,
}

impl Output {
    /// Prints an object.
    pub(super) fn line(&self, object: &impl Serialize) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.clear();
        let written = serde_json::to_writer(&mut *buffer, object)
            .map_err(io::Error::from)
            .and_then(|()| {
                buffer.push(b'\n');
                let mut stdout = io::stdout().lock();
                stdout.write_all(&buffer).and_then(|()| stdout.flush())
            });
        if let Err(error) = written {
            self.fault.set(Some(error.kind()));
        }
    }

    /// Prints what came while the agent answered.
    pub(super) fn event(&self, event: &impl Serialize) {
        self.line(&Event { event });
    }

    /// Fails if something could not be printed.
    fn check(&self) -> Result<(), Failure> {
        match self.fault.get() {
            None => Ok(()),
            Some(io::ErrorKind::BrokenPipe) => Err(Failure::new(FailureKind::OutputClosed, "")),
            Some(kind) => Err(Failure::failed(format!(
                "cannot write to standard output: {kind}"
            ))),
        }
    }
}

/// How many lines may wait.
const WAITING: usize = 64;
