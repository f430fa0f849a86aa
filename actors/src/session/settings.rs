//! The settings of a session.

use std::time::Duration;

use super::budget::LoginBudget;
use super::expiry::Ahead;
use super::store::SessionStore;

/// How a session is kept.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom_actors::session::{LoginBudget, SessionSettings, SessionStore};
///
/// let settings = SessionSettings::default()
///     .budget(LoginBudget::new(3, Duration::from_secs(600)))
///     .store(SessionStore::new("state/session.json"));
/// # assert!(settings.store.is_some());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionSettings {
    /// How far ahead of its expiry it is renewed.
    pub ahead: Ahead,
    /// How often a login may be tried.
    pub budget: LoginBudget,
    /// Where it is kept over restarts.
    pub store: Option<SessionStore>,
    /// How long a login or refresh may take.
    pub timeout: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            ahead: Ahead::default(),
            budget: LoginBudget::default(),
            store: None,
            timeout: Duration::from_secs(30),
        }
    }
}

impl SessionSettings {
    /// Sets how far ahead of its expiry a session is renewed (default: 60 s or 10 % of its lifetime, whichever is more).
    #[must_use]
    pub fn ahead(mut self, ahead: Ahead) -> Self {
        self.ahead = ahead;
        self
    }

    /// Sets how often a login may be tried (default: 5 times in 60 s).
    #[must_use]
    pub fn budget(mut self, budget: LoginBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets where a session is kept over restarts (default: nowhere).
    #[must_use]
    pub fn store(mut self, store: SessionStore) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets how long a login or refresh may take (default: 30 s; a login that waits for a person needs more).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}
