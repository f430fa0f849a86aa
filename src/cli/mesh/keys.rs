//! `greenroom mesh keys` and `zkp`.

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::Session;
use super::secret::{SecretArgs, value};
use crate::cli::{Failure, FailureKind};

#[derive(Clone, Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Print the value of a key; ends with code 1 if there is none
    Get(NameArgs),
    /// List the names of the keys
    List(OfArgs),
    /// Keep a key, in place of one of the same name
    Store(StoreArgs),
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum ZkpCommand {
    /// Keep a commitment to a key. It is a hash, and no protection of values that can be guessed
    Store(StoreArgs),
    /// Find out whether a value is the one that was committed to; ends with code 1 if it is not
    Verify(StoreArgs),
}

#[derive(Args, Clone, Debug)]
pub(super) struct OfArgs {
    /// Whose; by default the user who is logged in
    #[arg(long, value_name = "ID")]
    user_id: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct NameArgs {
    /// The name of the key
    name: String,
    #[command(flatten)]
    of: OfArgs,
}

#[derive(Args, Clone, Debug)]
pub(super) struct StoreArgs {
    /// The name of the key
    name: String,
    #[command(flatten)]
    of: OfArgs,
    #[command(flatten)]
    value: SecretArgs,
}

/// Does what is asked about keys.
pub(super) async fn keys(command: KeysCommand, session: &Session<'_>) -> Result<(), Failure> {
    let printer = &session.printer;
    match command {
        KeysCommand::Get(args) => {
            let user = args.of.user_id.as_deref();
            let key = session
                .with(async |client| client.get_key(&args.name, user).await)
                .await?;
            let Some(key) = key else {
                return Err(Failure::new(
                    FailureKind::Failed,
                    format!("there is no key {:?}", args.name),
                ));
            };
            // Whoever asks for it wants to see it.
            let value = key.expose_secret();
            printer.text(value, &json!({"keyName": args.name, "keyValue": value}))?;
        }
        KeysCommand::List(args) => {
            let user = args.user_id.as_deref();
            let names = session
                .with(async |client| client.list_keys(user).await)
                .await?;
            match printer.is_json() {
                true => printer.object(&json!({"keys": names}))?,
                false => names.iter().try_for_each(|name| printer.plain(name))?,
            }
        }
        KeysCommand::Store(args) => {
            let secret = value(&args.value, &args.name)?;
            let user = args.of.user_id.as_deref();
            let stored = session
                .with(async |client| client.store_key(&args.name, secret, user).await)
                .await?;
            printer.text(&format!("Stored the key {:?}.", args.name), &stored)?;
        }
    }
    Ok(())
}

/// Reads a value that is committed to. That it is empty is an accident, though a hash can be made of it.
fn given(args: &StoreArgs) -> Result<SecretString, Failure> {
    let secret = value(&args.value, &args.name)?;
    match secret.expose_secret().is_empty() {
        true => Err(Failure::new(FailureKind::Usage, "the value is empty")),
        false => Ok(secret),
    }
}

/// Does what is asked about commitments.
pub(super) async fn zkp(command: ZkpCommand, session: &Session<'_>) -> Result<(), Failure> {
    let printer = &session.printer;
    match command {
        ZkpCommand::Store(args) => {
            let secret = given(&args)?;
            let user = args.of.user_id.as_deref();
            let stored = session
                .with(async |client| client.store_key_zkp(user, &args.name, secret).await)
                .await?;
            printer.text(
                &format!("Stored the commitment {}.", stored.commitment),
                &stored,
            )?;
        }
        ZkpCommand::Verify(args) => {
            let secret = given(&args)?;
            let user = args.of.user_id.as_deref();
            let verified = session
                .with(async |client| client.verify_key(user, &args.name, secret).await)
                .await?;
            let words = match (verified.verified, verified.message) {
                (true, _) => "Verified.",
                (false, Some(message)) => message,
                (false, None) => "Not verified.",
            };
            printer.text(words, &verified)?;
            if !verified.verified {
                return Err(Failure::failed(
                    "the value is not the one that was committed to",
                ));
            }
        }
    }
    Ok(())
}
