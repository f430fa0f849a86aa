//! What was said on the platforms.

use std::sync::{Mutex, MutexGuard, PoisonError};

use greenroom_actors::clock::Instant;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::simulator::Spoken;

/// A message that a platform has on record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// The platform.
    pub platform: &'static str,
    /// The platform's id of it.
    pub id: String,
    /// The name of whoever said it.
    pub from: String,
    /// Whether that is a bot.
    pub is_bot: bool,
    /// The channel's label, or its id if it has none.
    pub channel: String,
    /// The text.
    pub text: String,
}

impl Said {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "platform": self.platform,
            "id": self.id,
            "from": self.from,
            "channel": self.channel,
            "text": self.text,
        })
    }
}

/// All that was said, and wakes who waits for more.
#[derive(Debug, Default)]
pub(super) struct Heard {
    said: Mutex<Vec<Said>>,
    more: Notify,
}

impl Heard {
    pub(super) fn add(&self, platform: &'static str, spoken: &Spoken) -> Said {
        let said = Said {
            platform,
            id: spoken.id.clone(),
            from: spoken.from.clone(),
            is_bot: spoken.is_bot,
            channel: spoken.channel.clone(),
            text: spoken.text.clone(),
        };
        self.lock().push(said.clone());
        self.more.notify_waiters();
        said
    }

    /// Returns how much was said.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Looks at what was said.
    pub(super) fn look<T>(&self, look: impl FnOnce(&[Said]) -> T) -> T {
        look(&self.lock())
    }

    /// Waits until `find` finds something, at most until `deadline`.
    pub(super) async fn wait<T>(
        &self,
        deadline: Instant,
        mut find: impl FnMut(&[Said]) -> Option<T>,
    ) -> Option<T> {
        loop {
            let more = self.more.notified();
            tokio::pin!(more);
            more.as_mut().enable();
            if let Some(found) = find(&self.lock()) {
                return Some(found);
            }
            if tokio::time::timeout_at(deadline, more).await.is_err() {
                return find(&self.lock());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
