//! One client for the whole process, for programs that want no more than a few calls.
//!
//! It is made at the first call, as the environment says, on a thread of its own, and it is interactive: the first call logs in if there
//! is no login. Anything that runs for longer should make a [`MeshClient`] of its own.

use std::sync::OnceLock;

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};

use super::client::MeshClient;
use super::config::Settings;
use super::error::{ErrorKind, MeshError};
use super::model::{StoredCommitment, StoredKey};
use super::outgoing::Chat;

/// Says something to a model, and returns the text of its answer.
///
/// # Errors
///
/// As [`MeshClient::chat`]; also those of [`Settings::from_env`].
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), greenroom::mesh::MeshError> {
/// println!("{}", greenroom::mesh::chat("Hello").await?);
/// # Ok(())
/// # }
/// ```
pub async fn chat(chat: impl Into<Chat>) -> Result<String, MeshError> {
    Ok(client().await?.chat(chat).await?.content)
}

/// Keeps a key; see [`MeshClient::store_key`].
///
/// # Errors
///
/// As there.
pub async fn store_key(
    name: &str,
    value: impl Into<SecretString>,
    user: Option<&str>,
) -> Result<StoredKey, MeshError> {
    client().await?.store_key(name, value, user).await
}

/// Returns a key; see [`MeshClient::get_key`].
///
/// # Errors
///
/// As there.
pub async fn get_key(name: &str, user: Option<&str>) -> Result<Option<SecretString>, MeshError> {
    client().await?.get_key(name, user).await
}

/// Returns the names of the keys; see [`MeshClient::list_keys`].
///
/// # Errors
///
/// As there.
pub async fn list_keys(user: Option<&str>) -> Result<Vec<String>, MeshError> {
    client().await?.list_keys(user).await
}

/// Keeps a commitment to a key; see [`MeshClient::store_key_zkp`], also for what it is not.
///
/// # Errors
///
/// As there.
pub async fn store_key_zkp(
    name: &str,
    value: impl Into<SecretString>,
    user: Option<&str>,
) -> Result<StoredCommitment, MeshError> {
    client().await?.store_key_zkp(user, name, value).await
}

/// Says whether a value is the one that was committed to; see [`MeshClient::verify_key`].
///
/// # Errors
///
/// As there.
pub async fn verify_key(
    name: &str,
    value: impl Into<SecretString>,
    user: Option<&str>,
) -> Result<bool, MeshError> {
    Ok(client()
        .await?
        .verify_key(user, name, value)
        .await?
        .verified)
}

/// Asks the thread of the client for it.
type Ask = oneshot::Sender<Result<MeshClient, MeshError>>;

/// Returns the client of the process. It lives on a thread of its own, so that it outlives whoever asked first.
///
/// # Errors
///
/// Those of [`Settings::from_env`].
pub async fn client() -> Result<MeshClient, MeshError> {
    static DOOR: OnceLock<mpsc::UnboundedSender<Ask>> = OnceLock::new();
    let gone = || {
        MeshError::new(
            ErrorKind::Cancelled,
            "the client of the process does not run",
        )
    };
    let door = DOOR.get_or_init(|| {
        let (door, asks) = mpsc::unbounded_channel();
        std::thread::spawn(move || actix_rt::System::new().block_on(serve(asks)));
        door
    });
    let (sender, receiver) = oneshot::channel();
    door.send(sender).map_err(|_| gone())?;
    receiver.await.map_err(|_| gone())?
}

/// Makes the client for the first who asks for it; if that fails, for the next.
async fn serve(mut asks: mpsc::UnboundedReceiver<Ask>) {
    let mut client = None;
    while let Some(ask) = asks.recv().await {
        let made = match &client {
            Some(client) => Ok(MeshClient::clone(client)),
            None => made().await.inspect(|made| client = Some(made.clone())),
        };
        // Whoever asked may have given up.
        let _ = ask.send(made);
    }
}

async fn made() -> Result<MeshClient, MeshError> {
    let mut settings = Settings::from_env()?;
    settings.interactive = true;
    MeshClient::connect(settings).await
}
