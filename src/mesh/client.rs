//! Mesh from any thread.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use greenroom_actors::entropy::Entropy;
use greenroom_actors::mailbox::{ActorRef, AskError};
use greenroom_actors::supervisor::{Root, Strategy, Supervisor};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::adapter::{self, NAME};
use super::caller::{Caller, Operation, Perform};
use super::chat::Say;
use super::config::Settings;
use super::error::{ErrorKind, MeshError};
use super::keys::{GetKey, ListKeys, StoreCommitment, StoreKey, VerifyKey};
use super::limits::{MAX_CALLS, SESSION_TRIES};
use super::login::{self, Login, Prompt, Show};
use super::model::{ChatAnswer, Models, Profile, StoredCommitment, StoredKey, Verification};
use super::models::Defaults;
use super::outgoing::Chat;
use super::session::{Acquire, LogIn, LogOut, LoginState, Report, Session, WhoIsIt};
use super::store::Store;
use super::users::{EnsureUser, GetCredits, GetModels, GetProfile, GetUsage};
use crate::platform::tls::Trust;
use crate::platform::{Network, Sockets};

/// Asks models things, and keeps keys: clones are cheap, belong to the same login and can go to any thread.
///
/// In a bot it is what [`Mesh::client`](super::Mesh::client) gives, and works as soon as the bot has been built.
/// [`connect`](Self::connect) makes one without a bot. Where a user id is asked for, none means the owner of the token.
///
/// A chat is sent again only if the connection was lost, or the server asked for it; after a time-out it is not, since the answer may
/// have been paid for.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), greenroom::mesh::MeshError> {
/// use greenroom::mesh::{Chat, MeshClient, Settings};
///
/// let client = MeshClient::connect(Settings::from_env()?).await?;
/// println!("{}", client.chat("Hello").await?.text());
/// let thought = client.chat(Chat::new("Why?").with_small_thinking()).await?;
/// println!("{}", thought.thoughts());
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MeshClient {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) store: Store,
    /// What the server has told of its tenant.
    pub(super) tenant: Mutex<Option<Map<String, Value>>>,
    /// Held by whoever asks for the profile, so that it is asked for once.
    pub(super) registering: tokio::sync::Mutex<()>,
    show: Mutex<Show>,
    defaults: Mutex<Defaults>,
    permits: Semaphore,
    doors: OnceLock<Doors>,
    root: OnceLock<Root>,
}

/// The actors behind a client.
pub(super) struct Doors {
    pub(super) caller: ActorRef<Caller>,
    pub(super) session: ActorRef<Session>,
}

impl fmt::Debug for MeshClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshClient")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

impl MeshClient {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                store: Store::of(&settings),
                tenant: Mutex::default(),
                registering: tokio::sync::Mutex::default(),
                show: Mutex::new(login::on_stderr()),
                defaults: Mutex::new(Defaults::of(&settings)),
                permits: Semaphore::new(MAX_CALLS),
                doors: OnceLock::new(),
                root: OnceLock::new(),
                settings,
            }),
        }
    }

    /// Makes a client without a bot, on the current arbiter. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// A `validation` error if the settings are wrong.
    ///
    /// # Panics
    ///
    /// Outside an actix system, such as `#[actix::main]` makes.
    #[expect(
        clippy::unused_async,
        reason = "as for the other platforms: later it may look at the server"
    )]
    pub async fn connect(settings: Settings) -> Result<Self, MeshError> {
        Self::connect_over(settings, Sockets)
    }

    /// As [`connect`](Self::connect), over another network than the sockets of this machine.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_over(
        settings: Settings,
        network: impl Network + 'static,
    ) -> Result<Self, MeshError> {
        settings.check()?;
        let trust = Trust::new(settings.ca_file.as_deref());
        let trust = trust.map_err(|error| MeshError::validation(format!("ca_file: {error}")))?;
        let client = Self::new(settings);
        let supervisor = Supervisor::new(NAME, Strategy::OneForOne);
        let entropy = Entropy::from_system();
        let network = Arc::new(network);
        let supervisor = adapter::furnish(&client, supervisor, &trust, network, None, &entropy);
        client.shared.root.get_or_init(|| Root::start(supervisor));
        Ok(client)
    }

    pub(super) fn open(&self, doors: Doors) {
        // A client belongs to one adapter, which is assembled once.
        let _ = self.shared.doors.set(doors);
    }

    /// Ends a client that [`connect`](Self::connect) has made, after the calls that are under way, within seconds. The client of a bot
    /// ends with the bot.
    pub async fn close(&self) {
        if let Some(root) = self.shared.root.get() {
            root.shutdown().await;
        }
    }

    /// Sets how a person is told what to do at a login; by default on standard error.
    pub fn on_prompt(&self, show: impl Fn(&Prompt) + Send + Sync + 'static) {
        *lock(&self.shared.show) = Arc::new(show);
    }

    /// Lets a person log in, whatever login there is, and keeps it. Calls that need a token wait meanwhile.
    ///
    /// # Errors
    ///
    /// An `auth` error if it is declined, or too late; others as for every call.
    pub async fn login(&self, way: Login) -> Result<(), MeshError> {
        let answer = self.shared.doors()?.session.ask(LogIn(way)).await;
        answer.map_err(lost)?
    }

    /// Forgets the login, in memory and where it is kept. One that is not there is no error.
    ///
    /// # Errors
    ///
    /// A `store` error if it cannot be removed.
    pub async fn logout(&self) -> Result<(), MeshError> {
        let answer = self.shared.doors()?.session.ask(LogOut).await;
        answer.map_err(lost)?
    }

    /// Returns how it is with the login. Nothing is sent.
    ///
    /// # Errors
    ///
    /// If the client does not run.
    pub async fn login_state(&self) -> Result<LoginState, MeshError> {
        let answer = self.shared.doors()?.session.ask(Report).await;
        answer.map_err(lost)
    }

    /// Makes sure that there is a token that can be used: renews it if it ends soon, and logs in if the client is interactive.
    ///
    /// # Errors
    ///
    /// An `auth` error if there is none and nobody to log in.
    pub async fn authenticate(&self) -> Result<(), MeshError> {
        self.shared.token(Acquire::any()).await.map(drop)
    }

    /// Says something to a model, and returns its answer. The user is registered before, once.
    ///
    /// # Errors
    ///
    /// See [`MeshError`]; nothing is sent if the chat itself is wrong.
    pub async fn chat(&self, chat: impl Into<Chat>) -> Result<ChatAnswer, MeshError> {
        let defaults = lock(&self.shared.defaults).clone();
        self.perform(Say {
            chat: chat.into(),
            defaults,
        })
        .await
    }

    /// Sets the model of a provider that chats ask if they name none; for this client and its clones only.
    ///
    /// # Errors
    ///
    /// A `validation` error for any other provider than `openai` and `anthropic`.
    pub fn set_default_model(&self, provider: &str, model: &str) -> Result<(), MeshError> {
        lock(&self.shared.defaults).set(provider, model)
    }

    /// Takes back what [`set_default_model`](Self::set_default_model) has set.
    pub fn reset_default_models(&self) {
        *lock(&self.shared.defaults) = Defaults::default();
    }

    /// Keeps a key on the server, in place of one of the same name.
    ///
    /// # Errors
    ///
    /// See [`MeshError`]; nothing is sent if name or value is empty.
    pub async fn store_key(
        &self,
        name: &str,
        value: impl Into<SecretString>,
        user: Option<&str>,
    ) -> Result<StoredKey, MeshError> {
        let (name, value, user) = (name.to_owned(), value.into(), user.map(str::to_owned));
        self.perform(StoreKey { name, value, user }).await
    }

    /// Returns a key; none if there is none.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn get_key(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<SecretString>, MeshError> {
        let (name, user) = (name.to_owned(), user.map(str::to_owned));
        self.perform(GetKey { name, user }).await
    }

    /// Returns the names of the keys.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn list_keys(&self, user: Option<&str>) -> Result<Vec<String>, MeshError> {
        let user = user.map(str::to_owned);
        self.perform(ListKeys { user }).await
    }

    /// Keeps a commitment to a key on the server, which does not learn its value.
    ///
    /// The platform calls it zero-knowledge. It is a hash commitment: whoever sees the server's data and one verification can try
    /// guesses of the value offline. Do not use it for values that can be guessed, such as passwords.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn store_key_zkp(
        &self,
        user: Option<&str>,
        name: &str,
        value: impl Into<SecretString>,
    ) -> Result<StoredCommitment, MeshError> {
        let (name, value, user) = (name.to_owned(), value.into(), user.map(str::to_owned));
        self.perform(StoreCommitment { name, value, user }).await
    }

    /// Finds out whether a value is the one that was committed to. If the server tells its commitment, that decides first; only a value
    /// that fits it is then proved to the server.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn verify_key(
        &self,
        user: Option<&str>,
        name: &str,
        value: impl Into<SecretString>,
    ) -> Result<Verification, MeshError> {
        let (name, value, user) = (name.to_owned(), value.into(), user.map(str::to_owned));
        self.perform(VerifyKey { name, value, user }).await
    }

    /// Asks the server who the owner of the token is; it makes the user if there is none yet.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn profile(&self) -> Result<Profile, MeshError> {
        self.perform(GetProfile).await
    }

    /// Makes sure that the server knows a user; no token is needed.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn ensure_user(&self, id: &str, email: Option<&str>) -> Result<Profile, MeshError> {
        let (id, email) = (id.to_owned(), email.map(str::to_owned));
        self.perform(EnsureUser { id, email }).await
    }

    /// Returns what a user has left to spend.
    ///
    /// # Errors
    ///
    /// See [`MeshError`]; an unknown user is an error.
    pub async fn credits(&self, user: Option<&str>) -> Result<f64, MeshError> {
        let user = user.map(str::to_owned);
        self.perform(GetCredits { user }).await
    }

    /// Returns what was used, as the server says it.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn usage(&self) -> Result<Value, MeshError> {
        self.perform(GetUsage).await
    }

    /// Returns the models that can be asked; those that were known when this was written if the server does not list its own.
    ///
    /// # Errors
    ///
    /// See [`MeshError`].
    pub async fn models(&self) -> Result<Models, MeshError> {
        self.perform(GetModels).await
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    async fn perform<O: Operation>(&self, operation: O) -> Result<O::Output, MeshError> {
        // Nobody closes it.
        let _permit = self.shared.permits.acquire().await;
        let answer = self.shared.doors()?.caller.ask(Perform(operation)).await;
        answer.map_err(lost)?
    }
}

impl Shared {
    pub(super) fn doors(&self) -> Result<&Doors, MeshError> {
        self.doors.get().ok_or_else(stopped)
    }

    /// Shows a prompt to a person.
    pub(super) fn tell(&self, prompt: &Prompt) {
        let show = lock(&self.show).clone();
        show(prompt);
    }

    /// Returns a token that can be used. A session that dies meanwhile is asked again: to ask for a token twice does no harm.
    pub(super) async fn token(&self, acquire: Acquire) -> Result<SecretString, MeshError> {
        for _ in 0..SESSION_TRIES {
            match self.doors()?.session.ask(acquire.clone()).await {
                Ok(answer) => return answer,
                Err(AskError::Interrupted) => {
                    tracing::debug!("the session has died; asking the next one");
                }
                Err(_) => return Err(stopped()),
            }
        }
        Err(stopped())
    }

    /// Returns whose token it is, as far as that is known.
    pub(super) async fn who(&self) -> Result<Option<Profile>, MeshError> {
        // A token of somebody else may have come meanwhile.
        self.token(Acquire::any()).await?;
        Ok(self.doors()?.session.ask(WhoIsIt).await.unwrap_or_default())
    }
}

fn stopped() -> MeshError {
    MeshError::new(ErrorKind::Cancelled, "the client does not run")
}

fn lost<M>(error: AskError<M>) -> MeshError {
    match error.into_message().is_some() {
        true => stopped(),
        false => MeshError::new(
            ErrorKind::Transport,
            "Request failed: the client ended before there was an answer",
        )
        .running(true),
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
