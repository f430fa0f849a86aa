//! The handler actor of a dialogue.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, WrapFuture};
use serde_json::Value;

use super::book::Record;
use super::dialogue::{Shared, State};
use super::error::DialogueError;
use super::outcome::{DialogueDropped, DialogueExpired, Next};
use crate::clock;
use crate::connection::Connected;
use crate::event::{Event, Id};
use crate::router::{Cancellable, Outcome};
use crate::store::StoreError;
use crate::utterance::Utterance;

/// Goes on with the dialogues of a [`Dialogue`](super::Dialogue), and ends those whose time is over.
///
/// - The supervisor of the handlers starts it.
/// - It ends at shutdown, or when a step panics.
/// - Its messages wait for the next incarnation, as those of every registration.
/// - It loses nothing: the states are in the store. A step that was cut off is taken again with the state that it began with.
pub struct DialogueActor<S, T> {
    shared: Arc<Shared<S, T>>,
}

impl<S, T> fmt::Debug for DialogueActor<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DialogueActor")
            .field(&self.shared.name)
            .finish()
    }
}

impl<S, T> DialogueActor<S, T> {
    pub(super) fn new(shared: Arc<Shared<S, T>>) -> Self {
        Self { shared }
    }
}

impl<S: State, T: Utterance> Actor for DialogueActor<S, T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let shared = Arc::clone(&self.shared);
        ctx.spawn(async move { shared.expire_for_ever().await }.into_actor(self));
    }
}

impl<S: State, T: Utterance> Handler<Event<T>> for DialogueActor<S, T> {
    type Result = Cancellable;

    fn handle(&mut self, message: Event<T>, _: &mut Self::Context) -> Cancellable {
        let shared = &self.shared;
        if message.is_own() {
            return Cancellable::done(Ok(()));
        }
        if shared.book.is_empty() && (shared.plot.begins)(&message).is_none() {
            return Cancellable::done(Ok(()));
        }
        let key = shared.plot.scope.key(&message);
        let concerns = shared.book.has(&key)
            || shared.locks.is_held(&key)
            || (shared.plot.begins)(&message).is_some();
        if !concerns {
            return Cancellable::done(Ok(()));
        }
        let shared = Arc::clone(shared);
        Cancellable::new(Box::pin(async move { shared.take(message, key).await }))
    }
}

impl<S: State, T: Utterance> Handler<Event<Connected>> for DialogueActor<S, T> {
    type Result = Outcome;

    fn handle(&mut self, connected: Event<Connected>, _: &mut Self::Context) -> Outcome {
        self.shared.book.learn(&connected.envelope().origin);
        Ok(())
    }
}

impl<S: State, T: Utterance> Shared<S, T> {
    /// Goes on with the dialogue of a message, or begins one.
    async fn take(&self, message: Event<T>, key: Vec<u8>) -> Outcome {
        let _held = self.locks.hold(&key).await;
        let open = self.find(&message, &key).await;
        let (record, state) = match open.map_err(DialogueError::into_handler_error)? {
            Found::Nothing => match (self.plot.begins)(&message) {
                Some(state) => (None, state),
                None => return Ok(()),
            },
            Found::Open(record, state) => (Some(record), state),
            Found::NotMeant => return Ok(()),
        };
        if record.is_some()
            && let Some((word, answer)) = &self.plot.cancel
            && message.text().trim().to_lowercase() == word.to_lowercase()
        {
            T::answer(&message, answer.clone()).await?;
            self.end(&key, |figures| figures.cancelled += 1).await?;
            return Ok(());
        }
        if record.is_none() && self.book.is_full() {
            self.book.count(|figures| figures.refused += 1);
            tracing::warn!(dialogue = self.name, "too many dialogues are open");
            T::answer(&message, self.plot.full.clone()).await?;
            return Ok(());
        }
        // What the step says leaves first: if all ends here, the state is the old one, and the message comes again.
        let (state, idle) = match (self.plot.step)(message.clone(), state).await? {
            Next::Pass => return Ok(()),
            Next::Done if record.is_none() => return Ok(()),
            Next::Done => return self.end(&key, |figures| figures.done += 1).await,
            Next::Stay(state) | Next::To(state) => (state, None),
            Next::Within(state, idle) => (state, Some(idle)),
        };
        let state = serde_json::to_value(state)?;
        let put = self.book.put(&key, &message, record.as_ref(), state, idle);
        put.await.map_err(DialogueError::into_handler_error)
    }

    async fn end(&self, key: &[u8], count: impl FnOnce(&mut super::DialogueFigures)) -> Outcome {
        let removed = self.book.remove(key).await;
        removed.map_err(DialogueError::into_handler_error)?;
        self.book.count(count);
        Ok(())
    }

    /// Finds the dialogue that a message belongs to.
    async fn find(&self, message: &Event<T>, key: &[u8]) -> Result<Found<S>, DialogueError> {
        let envelope = message.envelope();
        self.book.learn(&envelope.origin);
        let record = match self.book.get(key) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Found::Nothing),
            Err(DialogueError::Store(error @ StoreError::Value { .. })) => {
                let user = message.speaker().clone();
                return self
                    .drop_unreadable(message, key, user, Value::Null, &error)
                    .await;
            }
            Err(error) => return Err(error),
        };
        let is_taken = record.message == envelope.id && !envelope.id.is_none();
        if is_taken || self.book.is_older(key, message) {
            return Ok(Found::NotMeant);
        }
        if record.expires_at <= clock::unix_millis() {
            self.expire(key, record).await?;
            return Ok(Found::Nothing);
        }
        match S::deserialize(&record.state) {
            Ok(state) => Ok(Found::Open(record, state)),
            Err(error) => {
                let (user, state) = (record.user, record.state);
                self.drop_unreadable(message, key, user, state, &error)
                    .await
            }
        }
    }

    async fn drop_unreadable(
        &self,
        message: &Event<T>,
        key: &[u8],
        user: Id,
        state: Value,
        error: &impl fmt::Display,
    ) -> Result<Found<S>, DialogueError> {
        tracing::error!(dialogue = self.name, %error, "the state of a dialogue cannot be read: it is given up");
        let dropped = DialogueDropped {
            dialogue: self.name.clone(),
            user,
            state,
            error: error.to_string(),
        };
        message.emit(dropped).await;
        self.book.remove(key).await?;
        self.book.count(|figures| figures.dropped += 1);
        Ok(Found::Nothing)
    }

    /// Tells that a dialogue has expired, and forgets it; if all ends between the two, it is told again.
    async fn expire(&self, key: &[u8], record: Record) -> Result<(), DialogueError> {
        let Some(origin) = self.book.origin(&record) else {
            return Ok(());
        };
        let expired = DialogueExpired {
            dialogue: self.name.clone(),
            user: record.user,
            state: record.state,
        };
        tracing::debug!(dialogue = self.name, "a dialogue has expired");
        let event = Event::new(&origin, record.message, record.channel, expired);
        origin.router().topic().publish(event).await;
        self.book.remove(key).await?;
        self.book.count(|figures| figures.expired += 1);
        Ok(())
    }

    async fn expire_for_ever(&self) {
        loop {
            let changed = self.book.changed.notified();
            match self.book.next_due() {
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
            while let Some(key) = self.book.pop_due() {
                if let Err(error) = self.expire_one(&key).await {
                    tracing::error!(dialogue = self.name, %error, "a dialogue that has expired cannot be ended");
                    self.book.postpone(key);
                }
            }
        }
    }

    async fn expire_one(&self, key: &[u8]) -> Result<(), DialogueError> {
        let Some(_held) = self.locks.try_hold(key) else {
            // A step is being taken: it may set a new time.
            self.book.postpone(key.to_owned());
            return Ok(());
        };
        match self.book.get(key)? {
            Some(record) if record.expires_at <= clock::unix_millis() => {
                self.expire(key, record).await
            }
            _ => Ok(()),
        }
    }
}

/// What is known of the dialogue of a message.
enum Found<S> {
    /// There is none.
    Nothing,
    /// There is one, and the message is not for it.
    NotMeant,
    /// There is one.
    Open(Record, S),
}
