//! Who may use a command, and where.

use std::fmt;
use std::sync::Arc;

use futures::future::LocalBoxFuture;

use super::Call;
use crate::event::Id;
use crate::router::HandlerError;
use crate::utterance::Utterance;

/// Decides whether a command may run, and what is said if not.
///
/// # Examples
///
/// ```
/// # use greenroom_actors::{command::{Call, Check}, utterance::Utterance};
/// # fn checks<T: Utterance>() -> [Check<T>; 3] { [
/// Check::in_direct(),
/// Check::users(["4000000000000000001"]).otherwise("Only Alice may do this."),
/// Check::new("Not before breakfast.", |call: &Call<T>| call.envelope().sequence > 1),
/// # ] }
/// ```
pub struct Check<T> {
    refusal: String,
    test: Test<T>,
}

enum Test<T> {
    Now(Box<Now<T>>),
    Later(Box<Later<T>>),
}

type Now<T> = dyn Fn(&Call<T>) -> bool + Send + Sync;
type Later<T> =
    dyn Fn(Call<T>) -> LocalBoxFuture<'static, Result<bool, HandlerError>> + Send + Sync;

impl<T> fmt::Debug for Check<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.refusal).finish()
    }
}

impl<T: Utterance> Check<T> {
    /// Lets a command run if `test` holds, and says `refusal` if not.
    pub fn new(
        refusal: impl Into<String>,
        test: impl Fn(&Call<T>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            refusal: refusal.into(),
            test: Test::Now(Box::new(test)),
        }
    }

    /// As [`new`](Self::new), for what has to be asked somewhere. An error is that of the handler: the message is tried again.
    pub fn future<F>(refusal: impl Into<String>, test: F) -> Self
    where
        F: AsyncFn(Call<T>) -> Result<bool, HandlerError> + Send + Sync + 'static,
    {
        let test = Arc::new(test);
        Self {
            refusal: refusal.into(),
            test: Test::Later(Box::new(move |call| {
                let test = Arc::clone(&test);
                Box::pin(async move { test(call).await })
            })),
        }
    }

    /// Lets a command run in direct conversations only.
    #[must_use]
    pub fn in_direct() -> Self {
        Self::new("This works in a direct conversation only.", |call| {
            call.is_direct()
        })
    }

    /// Lets a command run in the channels of a space only.
    #[must_use]
    pub fn in_space() -> Self {
        Self::new("This does not work in a direct conversation.", |call| {
            !call.is_direct()
        })
    }

    /// Lets a command run for these users only.
    pub fn users(users: impl IntoIterator<Item = impl Into<Id>>) -> Self {
        let users: Vec<Id> = users.into_iter().map(Into::into).collect();
        Self::new("You may not do this.", move |call| {
            users.contains(call.speaker())
        })
    }

    /// Lets a command run in these channels only.
    pub fn channels(channels: impl IntoIterator<Item = impl Into<Id>>) -> Self {
        let channels: Vec<Id> = channels.into_iter().map(Into::into).collect();
        Self::new("This does not work here.", move |call| {
            channels.contains(&call.envelope().channel.channel)
        })
    }

    /// Sets what is said if it does not pass.
    #[must_use]
    pub fn otherwise(mut self, refusal: impl Into<String>) -> Self {
        self.refusal = refusal.into();
        self
    }

    pub(super) fn refusal(&self) -> &str {
        &self.refusal
    }

    pub(super) async fn passes(&self, call: &Call<T>) -> Result<bool, HandlerError> {
        match &self.test {
            Test::Now(test) => Ok(test(call)),
            Test::Later(test) => test(call.clone()).await,
        }
    }
}
