//! Who may have something handled.

use std::fmt;

use super::{Call, Middleware, Verdict};
use crate::router::HandlerError;

/// Skips what somebody may not do.
///
/// # Examples
///
/// ```
/// use greenroom_actors::router::middleware::Permission;
///
/// // Known at once:
/// let quiet = Permission::check(|call| call.envelope().channel.channel != 42);
/// // To be looked up:
/// let asked = Permission::look_up(|call| {
///     let channel = call.envelope().channel.clone();
///     async move { Ok(!channel.channel.is_none()) }
/// });
/// # drop((quiet, asked));
/// ```
pub struct Permission {
    verdict: Box<dyn Fn(&Call<'_>) -> Verdict + Send + Sync>,
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permission")
    }
}

impl Permission {
    /// Asks a function that knows at once.
    #[must_use]
    pub fn check(allows: impl Fn(&Call<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self {
            verdict: Box::new(move |call| verdict(Ok(allows(call)))),
        }
    }

    /// Asks a function that has to look it up. If it fails, so does the attempt.
    #[must_use]
    pub fn look_up<F>(look: impl Fn(&Call<'_>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<bool, HandlerError>> + Send + 'static,
    {
        Self {
            verdict: Box::new(move |call| {
                let answer = look(call);
                Verdict::ask(async move { verdict(answer.await) })
            }),
        }
    }
}

fn verdict(answer: Result<bool, HandlerError>) -> Verdict {
    match answer {
        Ok(true) => Verdict::Pass,
        Ok(false) => Verdict::skip("not permitted"),
        Err(error) => Verdict::Fail(error),
    }
}

impl Middleware for Permission {
    fn before(&self, call: &Call<'_>) -> Verdict {
        (self.verdict)(call)
    }
}
