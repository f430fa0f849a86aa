//! `greenroom mesh auth`, `logout` and `status`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::Session;
use super::failure::words;
use crate::cli::{Failure, FailureKind, Printer};
use crate::mesh::{Login, MeshClient, MeshError, Prompt, Settings};

/// How to log in. By default by the browser of this machine; by device if no port is free, or nobody looks at the output and no port was
/// chosen.
#[derive(Args, Clone, Debug)]
pub(super) struct AuthArgs {
    /// Log in even if there is a login that is good
    #[arg(long)]
    force: bool,
    /// Log in by device only: confirm on any other machine
    #[arg(long, conflicts_with_all = ["port", "auto"])]
    headless: bool,
    /// Wait for the browser on this port, and no other
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Log in by device first, by browser if that cannot be begun
    #[arg(long)]
    auto: bool,
    /// Forget the login instead
    #[arg(long, conflicts_with_all = ["force", "headless", "port", "auto"])]
    clear: bool,
}

impl AuthArgs {
    fn way(&self, settings: &Settings) -> Login {
        // Who chooses a port wants the browser, wherever the output goes.
        let is_chosen = settings.port.is_some()
            || settings.callback_port.is_some()
            || settings.callback_uri.is_some();
        match () {
            () if self.headless => Login::Device,
            () if self.auto || settings.auto_auth => Login::Automatic,
            () if !is_chosen && settings.is_headless() => Login::Automatic,
            () => Login::Browser,
        }
    }
}

/// Logs in. It fails with code 1 only, as scripts of the platform expect.
pub(super) async fn run(args: &AuthArgs, mut session: Session<'_>) -> Result<(), Failure> {
    if args.clear {
        return logout(&session).await;
    }
    session.settings.port = args.port.or(session.settings.port);
    session.settings.headless |= args.headless;
    // A token that was given is no login to keep.
    session.settings.auth_token = None;
    session.settings.interactive = false;
    let printer = &session.printer;
    if !printer.is_json() {
        printer.plain("Starting Mesh authentication...")?;
    }
    let client = MeshClient::connect(session.settings.clone()).await?;
    let is_json = printer.is_json();
    client.on_prompt(move |prompt| show(prompt, is_json));
    let outcome = log_in(args, &client).await;
    let state = client.login_state().await;
    client.close().await;
    match outcome {
        Ok(words) => {
            let expires_at = state.ok().and_then(|state| state.expires_at);
            printer.text(
                words,
                &json!({"authenticated": true, "message": words, "expires_at": expires_at}),
            )?;
            Ok(())
        }
        Err(error) => {
            if !printer.is_json() {
                printer.plain("Authentication failed.")?;
            }
            Err(Failure::new(FailureKind::Failed, words(&error)))
        }
    }
}

async fn log_in(args: &AuthArgs, client: &MeshClient) -> Result<&'static str, MeshError> {
    if !args.force {
        let state = client.login_state().await?;
        if state.is_valid {
            return Ok("Already authenticated: the login is still good.");
        }
        // One that cannot be renewed is as good as none.
        if state.is_renewable && client.authenticate().await.is_ok() {
            return Ok("Authentication successful!");
        }
    }
    client.login(args.way(client.settings())).await?;
    Ok("Authentication successful!")
}

/// Shows a prompt at once, whoever reads it.
fn show(prompt: &Prompt, is_json: bool) {
    let text = match (is_json, prompt) {
        (false, prompt) => prompt.to_string(),
        (true, Prompt::Browser { url }) => json!({"prompt": "browser", "url": url}).to_string(),
        (true, Prompt::Device { verification_uri, user_code, verification_uri_complete, expires_in }) => json!({
            "prompt": "device", "verification_uri": verification_uri, "user_code": user_code,
            "verification_uri_complete": verification_uri_complete, "expires_in": expires_in.as_secs(),
        })
        .to_string(),
        (true, Prompt::Warning(text)) => json!({"prompt": "warning", "message": text}).to_string(),
    };
    let mut out = std::io::stdout().lock();
    // If nobody reads it, nobody logs in, and the login ends by itself.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Forgets the login.
pub(super) async fn logout(session: &Session<'_>) -> Result<(), Failure> {
    session.with(async |client| client.logout().await).await?;
    session
        .printer
        .text("Logged out.", &json!({"logged_out": true}))?;
    Ok(())
}

/// Shows how it is with the login.
pub(super) async fn status(session: &Session<'_>) -> Result<(), Failure> {
    let state = session
        .with(async |client| client.login_state().await)
        .await?;
    let printer = Printer::report(session.globals);
    let object = json!({
        "authenticated": state.is_valid, "renewable": state.is_renewable, "given": state.is_given,
        "expires_at": state.expires_at, "subject": state.subject,
    });
    let words = match (state.is_valid, state.is_renewable) {
        (true, _) => "Logged in.",
        (false, true) => "The login has ended, and can be renewed.",
        (false, false) => "Not logged in: run 'mesh-auth'.",
    };
    let who = state
        .subject
        .map(|subject| format!("{words} User: {subject}"));
    printer.text(who.as_deref().unwrap_or(words), &object)?;
    Ok(())
}
