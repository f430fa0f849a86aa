//! One call of a command.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::{BoxFuture, FutureExt};

use super::words::Words;
use crate::connection::RequestError;
use crate::error::Retry;
use crate::event::Event;
use crate::utterance::Utterance;

/// Somebody called a command. It dereferences to the event of the message.
///
/// What is said through it counts as an answer: a command that fails after that is not tried again, so that nobody is answered twice.
/// Cloning it copies pointers.
pub struct Call<T> {
    event: Event<T>,
    /// Where the command's name begins in the text, and its arguments.
    places: (usize, usize),
    answers: Arc<AtomicU32>,
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self {
            event: self.event.clone(),
            places: self.places,
            answers: Arc::clone(&self.answers),
        }
    }
}

impl<T> Deref for Call<T> {
    type Target = Event<T>;

    fn deref(&self) -> &Event<T> {
        &self.event
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.event).finish()
    }
}

impl<T: Utterance> Call<T> {
    pub(super) fn new(event: Event<T>, places: (usize, usize), answers: Arc<AtomicU32>) -> Self {
        Self {
            event,
            places,
            answers,
        }
    }

    /// Returns the event of the message.
    #[must_use]
    pub fn event(&self) -> &Event<T> {
        &self.event
    }

    /// Returns the prefix that was used, such as `!`, or the mention of the bot with the space behind it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.part(0, self.places.0).trim_start()
    }

    /// Returns the name that was used, with those of its groups: `queue add`.
    #[must_use]
    pub fn command(&self) -> &str {
        self.part(self.places.0, self.places.1).trim()
    }

    /// Returns what follows the name, as it was written.
    #[must_use]
    pub fn arguments(&self) -> &str {
        self.part(self.places.1, self.event.text().len()).trim()
    }

    /// Returns what follows the name, as words.
    #[must_use]
    pub fn words(&self) -> Words<'_> {
        Words::with_mentions(self.event.text(), self.places.1, self.event.mentions())
    }

    /// Counts what is said by `saying` as an answer, unless it fails in a way that says that nothing was said.
    pub fn saying<R: 'static>(
        &self,
        saying: impl Future<Output = Result<R, RequestError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<R, RequestError>> {
        let answers = Arc::clone(&self.answers);
        answers.fetch_add(1, Ordering::Relaxed);
        async move {
            let said = saying.await;
            let nothing = matches!(&said, Err(error) if is_harmless(error));
            if nothing {
                answers.fetch_sub(1, Ordering::Relaxed);
            }
            said
        }
        .boxed()
    }

    pub(super) fn has_answered(&self) -> bool {
        self.answers.load(Ordering::Relaxed) > 0
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.event.text().get(from..to).unwrap_or_default()
    }
}

/// Says whether it is certain that nothing was said.
fn is_harmless(error: &RequestError) -> bool {
    error.retry() != Retry::Never
        || matches!(error, RequestError::Invalid(_) | RequestError::Closed)
}
