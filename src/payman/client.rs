//! Payman from any thread.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use greenroom_actors::clock;
use greenroom_actors::connection::Quiesce;
use greenroom_actors::entropy::Entropy;
use greenroom_actors::error::Retry;
use greenroom_actors::mailbox::{ActorRef, AskError};
use greenroom_actors::session::{Acquire, AuthError, Lease, Session};
use greenroom_actors::supervisor::{Root, Strategy, Supervisor};
use secrecy::SecretString;
use tokio::sync::{Semaphore, mpsc, watch};

use super::adapter::{self, NAME};
use super::authenticator::{self, PaymanAuthenticator, PaymanSession};
use super::caller::{Caller, Listener, Run, TaskCall, TokenCall};
use super::codec::{self, Ids, new_id};
use super::config::{Identity, Settings};
use super::error::{ErrorKind, PaymanError};
use super::event::AskEvent;
use super::limits::{CANCEL, GET, MAX_ASKS};
use super::model::{Answer, FormattedTaskResponse, TaskResponse};
use super::once::{Awaited, Book};
use super::outgoing::{Ask, OutputFormat};
use super::state::{TokenAnswer, Tokens};
use super::stream::AskStream;
use crate::platform::tls::Trust;
use crate::platform::{Network, Sockets};

/// What becomes of an ask.
pub(super) type Outcome = Result<Answer, PaymanError>;

/// Asks the Payman agent things: clones are cheap, belong to the same client and can go to any thread.
///
/// In a bot it is what [`Payman::client`](super::Payman::client) gives, and works as soon as the bot has been built.
/// [`connect`](Self::connect) makes one without a bot. Each ask is made once: it is sent again only where the server surely has not carried
/// it out, and every error says whether the agent may have acted. A handler that is restarted should use [`Ask::once_for`].
///
/// Dropping the future of a plain ask does not stop the ask. Dropping an [`AskStream`] closes its connection.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), greenroom::payman::PaymanError> {
/// use greenroom::payman::{PaymanClient, Settings};
///
/// let client = PaymanClient::connect(Settings::from_env()?).await?;
/// let answer = client.ask("How much is in my wallet?").await?;
/// println!("{}", answer.text());
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PaymanClient {
    pub(super) shared: Arc<Shared>,
}

/// An access token, and for how many whole seconds it lives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessTokenInfo {
    /// The token.
    pub access_token: SecretString,
    /// The seconds, rounded down.
    pub expires_in: u64,
}

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) tokens: Tokens,
    /// From which ids are drawn: never from a bot's seed, since two runs of it must not use the same ones.
    pub(super) ids: Entropy,
    /// Never that of another client: what was made once only is remembered no longer than this.
    pub(super) run: Arc<str>,
    session_id: Mutex<Arc<str>>,
    book: Mutex<Book>,
    permits: Arc<Semaphore>,
    doors: OnceLock<Doors>,
    root: OnceLock<Root>,
}

/// The actors behind a client.
pub(super) struct Doors {
    pub(super) caller: ActorRef<Caller>,
    pub(super) session: ActorRef<Session<PaymanAuthenticator>>,
}

impl fmt::Debug for PaymanClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymanClient")
            .field("settings", &self.shared.settings)
            .field("session_id", &self.session_id())
            .finish_non_exhaustive()
    }
}

impl PaymanClient {
    pub(super) fn new(settings: Settings) -> Self {
        let ids = Entropy::from_system();
        let session_id = settings
            .session_id
            .clone()
            .unwrap_or_else(|| new_id("ses-", &ids));
        Self {
            shared: Arc::new(Shared {
                tokens: Tokens::new(settings.identity.clone(), clock::now()),
                settings,
                run: new_id("run-", &ids).into(),
                ids,
                session_id: Mutex::new(session_id.into()),
                book: Mutex::default(),
                permits: Arc::new(Semaphore::new(MAX_ASKS)),
                doors: OnceLock::new(),
                root: OnceLock::new(),
            }),
        }
    }

    /// Makes a client without a bot, on the current arbiter. A code is exchanged at once; otherwise nothing is sent yet.
    ///
    /// # Errors
    ///
    /// A `validation` error if the settings are wrong; with a code also whatever a request for a token can fail with.
    ///
    /// # Panics
    ///
    /// Outside an actix system, such as `#[actix::main]` makes.
    pub async fn connect(settings: Settings) -> Result<Self, PaymanError> {
        Self::connect_over(settings, Sockets).await
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
    pub async fn connect_over(
        settings: Settings,
        network: impl Network + 'static,
    ) -> Result<Self, PaymanError> {
        settings.check()?;
        let trust = Trust::new(settings.ca_file.as_deref());
        let trust = trust.map_err(|error| PaymanError::validation(format!("ca_file: {error}")))?;
        let client = Self::new(settings);
        let supervisor = Supervisor::new(NAME, Strategy::OneForOne);
        let entropy = Entropy::from_system();
        let supervisor = adapter::furnish(
            &client,
            supervisor,
            &trust,
            Arc::new(network),
            None,
            &entropy,
        );
        client.shared.root.get_or_init(|| Root::start(supervisor));
        if client.shared.is_user() {
            client
                .shared
                .token()
                .await
                .map_err(|error| authenticator::unwrapped(&error))?;
        }
        Ok(client)
    }

    pub(super) fn open(&self, doors: Doors) {
        // A client belongs to one adapter, which is assembled once.
        let _ = self.shared.doors.set(doors);
    }

    /// Ends a client that [`connect`](Self::connect) has made: open streams end within a second, and whoever waits for another answer is
    /// told that the agent may have acted. The client of a bot ends with the bot.
    pub async fn close(&self) {
        if let Some(root) = self.shared.root.get() {
            if let Some(doors) = self.shared.doors.get() {
                // A client that has ended needs no telling.
                let _ = doors.caller.send(Quiesce).await;
            }
            root.shutdown().await;
        }
    }

    /// Asks, and waits for the whole answer in a form that is easy to use.
    ///
    /// # Errors
    ///
    /// See [`PaymanError`]; a task that failed is an answer and no error.
    pub async fn ask(&self, ask: impl Into<Ask>) -> Result<FormattedTaskResponse, PaymanError> {
        let ask = ask.into().output_format(OutputFormat::Markdown);
        self.answer(ask).await?.formatted()
    }

    /// As [`ask`](Self::ask), for the answer as it came, unknown fields included.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn ask_raw(&self, ask: impl Into<Ask>) -> Result<TaskResponse, PaymanError> {
        let ask = ask.into().output_format(OutputFormat::Json);
        self.answer(ask).await?.raw()
    }

    /// As [`ask`](Self::ask), for an answer in the form that the ask says.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub async fn answer(&self, ask: impl Into<Ask>) -> Result<Answer, PaymanError> {
        let begun = self.begin(ask.into(), None).await?;
        outcome(begun.outcome).await
    }

    /// Asks, and gives what comes as it comes. Until the stream is read, the platform is not read any further either.
    ///
    /// # Errors
    ///
    /// If the ask cannot be made; what happens later is the error of [`AskStream::finish`].
    pub async fn stream(&self, ask: impl Into<Ask>) -> Result<AskStream, PaymanError> {
        let (events, told) = mpsc::channel(1);
        let begun = self.begin(ask.into(), Some(events)).await?;
        Ok(AskStream::new(told, begun.outcome, begun.cancel))
    }

    /// Asks, calls `on_event` with one event after another as they come, and returns the whole answer.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(client: greenroom::payman::PaymanClient) -> Result<(), greenroom::payman::PaymanError> {
    /// use greenroom::payman::AskEvent;
    ///
    /// let answer = client
    ///     .ask_with("Who paid me this week?", async |event| {
    ///         if let AskEvent::Artifact(update) = event {
    ///             print!("{}", update.artifacts[0].delta);
    ///         }
    ///     })
    ///     .await?;
    /// # drop(answer);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ask_with(
        &self,
        ask: impl Into<Ask>,
        mut on_event: impl AsyncFnMut(AskEvent),
    ) -> Result<Answer, PaymanError> {
        let mut stream = self.stream(ask).await?;
        while let Some(event) = stream.next().await {
            on_event(event).await;
        }
        stream.finish().await
    }

    /// Asks how it is with a task.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); an `agent` error with code -32001 if there is no such task.
    pub async fn task(&self, id: &str) -> Result<TaskResponse, PaymanError> {
        self.about_task(GET, id).await
    }

    /// Asks the platform to cancel a task.
    ///
    /// # Errors
    ///
    /// As [`task`](Self::task); an `agent` error with code -32002 if it is over.
    pub async fn cancel_task(&self, id: &str) -> Result<TaskResponse, PaymanError> {
        self.about_task(CANCEL, id).await
    }

    async fn about_task(
        &self,
        (path, method): (&'static str, &'static str),
        id: &str,
    ) -> Result<TaskResponse, PaymanError> {
        let body = codec::about_task(&new_id("req-", &self.shared.ids), id, method)?;
        let answer = self
            .shared
            .doors()?
            .caller
            .ask(TaskCall { path, body })
            .await;
        answer.map_err(lost)?
    }

    /// Returns the access token, after getting or renewing it if need be; none if that fails.
    pub async fn access_token(&self) -> Option<AccessTokenInfo> {
        let lease = self.shared.token().await.ok()?;
        Some(AccessTokenInfo {
            access_token: lease.token.secret.clone(),
            expires_in: lease.token.seconds_left(clock::now()),
        })
    }

    /// Says whether there is no token, or one that ends within a minute. Nothing is sent.
    #[must_use]
    pub fn is_access_token_expired(&self) -> bool {
        self.shared.tokens.is_expired(clock::now())
    }

    /// Returns the refresh token, if there is one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<SecretString> {
        self.shared.tokens.refresh()
    }

    /// Returns what the client is called.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.settings.name.as_deref()
    }

    /// Returns the id of the session: keep it to go on with the conversation later.
    #[must_use]
    pub fn session_id(&self) -> String {
        self.shared.session_id().to_string()
    }

    /// Begins an ask, or joins the one that was made for the same key.
    async fn begin(
        &self,
        ask: Ask,
        events: Option<mpsc::Sender<AskEvent>>,
    ) -> Result<Begun, PaymanError> {
        if let Some(fault) = ask.fault {
            return Err(fault);
        }
        let shared = &self.shared;
        let caller = shared.doors()?.caller.clone();
        let permit = Arc::clone(&shared.permits)
            .acquire_owned()
            .await
            .map_err(|_| stopped())?;
        let (tell, outcome) = watch::channel(None);
        let (cancel, cancelled) = watch::channel(false);
        if let Some(key) = &ask.once {
            let mut book = lock(&shared.book);
            if let Some(earlier) = book.find(key) {
                return Ok(Begun {
                    outcome: earlier,
                    cancel,
                });
            }
            book.enter(key, outcome.clone());
        }
        let session = shared.session_for(&ask);
        let run = Run {
            ids: Ids::new(&shared.ids, session),
            stream: events.map(|events| Listener {
                events,
                is_kept: ask.once.is_some(),
            }),
            ask,
            outcome: tell,
            cancel: cancelled,
            permit,
        };
        if let Err(error) = caller.send(run).await {
            // Who joined meanwhile is told as well.
            error
                .into_message()
                .outcome
                .send_replace(Some(Err(stopped())));
        }
        Ok(Begun { outcome, cancel })
    }
}

/// An ask that was begun.
struct Begun {
    outcome: Awaited,
    cancel: watch::Sender<bool>,
}

/// Waits for the outcome of an ask.
pub(super) async fn outcome(mut awaited: Awaited) -> Outcome {
    let unknown = || {
        let message = "the client ended before there was an answer";
        PaymanError::new(ErrorKind::Interrupted, message).running(true)
    };
    let outcome = awaited
        .wait_for(Option::is_some)
        .await
        .map_err(|_| unknown())?;
    outcome.clone().unwrap_or_else(|| Err(unknown()))
}

impl Shared {
    pub(super) fn doors(&self) -> Result<&Doors, PaymanError> {
        self.doors.get().ok_or_else(stopped)
    }

    /// Says whether it asks as a user, whose code is to be exchanged at once.
    pub(super) fn is_user(&self) -> bool {
        matches!(self.settings.identity, Identity::User(_))
    }

    pub(super) fn session_id(&self) -> Arc<str> {
        Arc::clone(&lock(&self.session_id))
    }

    /// Returns the session of an ask, a new one if it wants that.
    fn session_for(&self, ask: &Ask) -> Arc<str> {
        let mut session = lock(&self.session_id);
        if ask.new_session {
            *session = new_id("ses-", &self.ids).into();
        }
        Arc::clone(&session)
    }

    /// Returns a token that can be used, a new one if there is none or it ends soon.
    pub(super) async fn token(&self) -> Result<Lease<PaymanSession>, AuthError> {
        let seen = self.tokens.issues();
        let lease = self.acquire(Acquire::any()).await?;
        match authenticator::is_due(&lease.token, seen, clock::now()) {
            true => self.acquire(Acquire::instead_of(&lease)).await,
            false => Ok(lease),
        }
    }

    pub(super) async fn acquire(
        &self,
        acquire: Acquire<PaymanSession>,
    ) -> Result<Lease<PaymanSession>, AuthError> {
        let away = |error: &dyn fmt::Display| AuthError::unavailable(error).with_retry(Retry::Now);
        let doors = self
            .doors()
            .map_err(|error| away(&error).with_source(error))?;
        let lease = doors.session.ask(acquire).await;
        lease.unwrap_or_else(|error| {
            let lost: PaymanError = lost(error).running(false);
            Err(away(&lost).with_source(lost))
        })
    }

    pub(super) async fn call_for_token(&self, call: TokenCall) -> Result<TokenAnswer, PaymanError> {
        let answer = self.doors()?.caller.ask(call).await;
        answer.unwrap_or_else(|error| Err(lost(error).running(false)))
    }
}

fn stopped() -> PaymanError {
    PaymanError::new(ErrorKind::Cancelled, "the client does not run")
}

fn lost<M>(error: AskError<M>) -> PaymanError {
    let unseen = error.into_message().is_some();
    match unseen {
        true => stopped(),
        false => {
            let message = "the client ended before there was an answer";
            PaymanError::new(ErrorKind::Interrupted, message).running(true)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_clients_share_a_session_by_accident() {
        let session = || PaymanClient::new(Settings::new("id", "secret")).session_id();
        let sessions: BTreeSet<String> = (0..10_000).map(|_| session()).collect();
        assert_eq!(sessions.len(), 10_000);
        for session in sessions {
            let uuid = session.strip_prefix("ses-").unwrap();
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{session}");
            let is_hex = |c: char| matches!(c, '-' | '0'..='9' | 'a'..='f');
            assert!(uuid.chars().all(is_hex), "{session}");
            let (version, variant) = (&uuid[14..15], &uuid[19..20]);
            assert_eq!(
                (version, "89ab".contains(variant)),
                ("4", true),
                "{session}"
            );
        }
    }
}
