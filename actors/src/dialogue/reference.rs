//! Dialogues from outside.

use std::fmt;
use std::sync::Arc;

use super::dialogue::{Shared, State};
use super::error::DialogueError;
use super::outcome::DialogueFigures;
use crate::event::Event;
use crate::utterance::Utterance;

/// Begins, sees and ends the dialogues of one kind from elsewhere, such as from a command. Clones refer to the same.
///
/// Not from the dialogue's own step: it holds the dialogue, and would wait for itself. It returns what comes next.
pub struct DialogueRef<S, T>(Arc<Shared<S, T>>);

impl<S, T> Clone for DialogueRef<S, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, T> fmt::Debug for DialogueRef<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DialogueRef").field(&self.0.name).finish()
    }
}

impl<S: State, T: Utterance> DialogueRef<S, T> {
    pub(super) fn new(shared: Arc<Shared<S, T>>) -> Self {
        Self(shared)
    }

    /// Begins a dialogue with whoever said `message`, in place of one that is open. `message` itself, and what was said before it, is
    /// no part of the dialogue. Ask the first question when this has returned.
    ///
    /// # Errors
    ///
    /// [`DialogueError`]: too many are open, or the store fails.
    pub async fn begin(&self, message: &Event<T>, state: S) -> Result<(), DialogueError> {
        let state = serde_json::to_value(state)?;
        let key = self.0.plot.scope.key(message);
        let _held = self.0.locks.hold(&key).await;
        let put = self.0.book.put(&key, message, None, state, None).await;
        if matches!(put, Err(DialogueError::Full(_))) {
            self.0.book.count(|figures| figures.refused += 1);
        }
        put
    }

    /// Returns the state of the dialogue with whoever said `message`; `None` if there is none, or if it cannot be read.
    ///
    /// # Errors
    ///
    /// [`DialogueError::Store`] if the store cannot be read.
    pub fn state(&self, message: &Event<T>) -> Result<Option<S>, DialogueError> {
        let record = self.0.book.get(&self.0.plot.scope.key(message))?;
        Ok(record.and_then(|record| S::deserialize(record.state).ok()))
    }

    /// Ends the dialogue with whoever said `message`; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`DialogueError::Store`] if the store fails.
    pub async fn end(&self, message: &Event<T>) -> Result<bool, DialogueError> {
        let key = self.0.plot.scope.key(message);
        let _held = self.0.locks.hold(&key).await;
        let was_open = self.0.book.has(&key);
        if was_open {
            self.0.book.remove(&key).await?;
            self.0.book.count(|figures| figures.cancelled += 1);
        }
        Ok(was_open)
    }

    /// Returns what these dialogues have done.
    #[must_use]
    pub fn figures(&self) -> DialogueFigures {
        self.0.book.figures()
    }
}
