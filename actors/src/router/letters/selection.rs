//! Which dead letters are meant.

use serde::Deserialize;

use super::DeadLetter;

/// Chooses dead letters; what is not set chooses all.
///
/// # Examples
///
/// ```
/// use greenroom_actors::router::{DeadLetters, Selection};
///
/// let recent = Selection::default().handler("tips").reason("timeout").limit(20);
/// assert!(DeadLetters::default().select(&recent).unwrap().is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Selection {
    /// These, by number; all if empty.
    pub numbers: Vec<u64>,
    /// Of this registration.
    pub handler: Option<String>,
    /// Of this type of event.
    pub event: Option<String>,
    /// For this kind of reason (`failed`, `overflow`, `stopped`), or with these words in it.
    pub reason: Option<String>,
    /// Given up at this time or later, in seconds since 1970.
    pub since: Option<u64>,
    /// Given up before this time, in seconds since 1970.
    pub before: Option<u64>,
    /// How many to leave out, oldest first.
    pub offset: usize,
    /// How many at most.
    pub limit: Option<usize>,
}

impl Selection {
    /// Chooses one.
    #[must_use]
    pub fn one(number: u64) -> Self {
        Self::default().numbers([number])
    }

    /// Chooses by number.
    #[must_use]
    pub fn numbers(mut self, numbers: impl IntoIterator<Item = u64>) -> Self {
        self.numbers.extend(numbers);
        self
    }

    /// Chooses those of one registration.
    #[must_use]
    pub fn handler(mut self, handler: impl Into<String>) -> Self {
        self.handler = Some(handler.into());
        self
    }

    /// Chooses those of one type of event, by its name without modules.
    #[must_use]
    pub fn event(mut self, event: impl Into<String>) -> Self {
        self.event = Some(event.into());
        self
    }

    /// Chooses by the kind of the reason (`failed`, `overflow`, `stopped`), or by words in it.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Chooses those given up at this time or later, in seconds since 1970.
    #[must_use]
    pub fn since(mut self, seconds: u64) -> Self {
        self.since = Some(seconds);
        self
    }

    /// Chooses those given up before this time, in seconds since 1970.
    #[must_use]
    pub fn before(mut self, seconds: u64) -> Self {
        self.before = Some(seconds);
        self
    }

    /// Leaves out so many of the oldest.
    #[must_use]
    pub fn offset(mut self, letters: usize) -> Self {
        self.offset = letters;
        self
    }

    /// Chooses so many at most (default: no limit).
    #[must_use]
    pub fn limit(mut self, letters: usize) -> Self {
        self.limit = Some(letters);
        self
    }

    /// Says whether this letter is meant, offset and limit aside.
    #[must_use]
    pub fn matches(&self, letter: &DeadLetter) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let reason = self.reason.as_ref().is_none_or(|wanted| {
            let words = letter.reason.to_string().to_lowercase();
            letter.reason.kind() == wanted || words.contains(&wanted.to_lowercase())
        });
        (self.numbers.is_empty() || self.numbers.contains(&letter.number))
            && is(&self.handler, &letter.handler)
            && is(&self.event, &letter.event)
            && reason
            && self.since.is_none_or(|since| letter.at >= since)
            && self.before.is_none_or(|before| letter.at < before)
    }
}
