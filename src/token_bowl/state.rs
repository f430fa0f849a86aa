//! What outlives an incarnation of the connection, and what other threads may know of it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use tokio::sync::watch;

use super::config::{Protocol, Settings};
use super::model::{Message, Timestamp};

/// What is spoken over the websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Centrifugo,
    Plain,
}

/// How it stands with the websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not there yet, or no more for now.
    Away,
    /// It was closed on purpose.
    Closed,
    Connected,
}

/// What the connection knows; shared.
#[derive(Debug)]
pub(super) struct State {
    known: Mutex<Known>,
    /// Which line it is, once that is known.
    line: watch::Sender<Option<Line>>,
    standing: watch::Sender<Standing>,
}

/// What the connection knows.
#[derive(Debug)]
pub(super) struct Known {
    /// The key, which may be changed while the bot runs.
    pub(super) key: SecretString,
    pub(super) me: Option<Me>,
    pub(super) was_connected: bool,
    /// When it was connected first, by the server's clock.
    pub(super) since: Option<Timestamp>,
    /// When the newest message that was seen was said.
    pub(super) newest: Option<Timestamp>,
    /// The newest message before one that could not be read, until that was fetched.
    pub(super) hole: Option<Timestamp>,
    pub(super) recent: Recent,
    /// The server of this link does not know typing.
    pub(super) typing_is_off: bool,
    /// The status with which the server refused the plain line.
    pub(super) plain_refused: Option<u16>,
    /// Where each channel of the other line stands.
    pub(super) positions: BTreeMap<String, Position>,
}

/// The user itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Me {
    /// The id; empty if it is not known.
    pub(super) id: String,
    pub(super) name: String,
}

/// A place in the stream of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: String,
    pub(super) offset: u64,
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        let line = match settings.protocol {
            Protocol::Auto => None,
            Protocol::Centrifugo => Some(Line::Centrifugo),
            Protocol::Plain => Some(Line::Plain),
        };
        Self {
            known: Mutex::new(Known {
                key: settings.api_key.clone(),
                me: None,
                was_connected: false,
                since: None,
                newest: None,
                hole: None,
                recent: Recent::default(),
                typing_is_off: false,
                plain_refused: None,
                positions: BTreeMap::new(),
            }),
            line: watch::Sender::new(line),
            standing: watch::Sender::new(Standing::Away),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn line(&self) -> Option<Line> {
        *self.line.borrow()
    }

    pub(super) fn set_line(&self, line: Line) {
        self.line.send_if_modified(|known| {
            let is_news = *known != Some(line);
            *known = Some(line);
            is_news
        });
    }

    /// Waits until the line is known.
    pub(super) async fn wait_for_line(&self) -> Option<Line> {
        let mut line = self.line.subscribe();
        let known = line.wait_for(Option::is_some).await;
        known.ok().and_then(|line| *line)
    }

    pub(super) fn is_connected(&self) -> bool {
        *self.standing.borrow() == Standing::Connected
    }

    pub(super) fn stand(&self, standing: Standing) {
        self.standing.send_replace(standing);
    }

    /// The websocket has ended, if that is news.
    pub(super) fn lose(&self) {
        self.standing.send_if_modified(|standing| {
            let is_news = *standing == Standing::Connected;
            if is_news {
                *standing = Standing::Away;
            }
            is_news
        });
    }

    /// Waits until the websocket is connected; returns false if it was closed on purpose.
    pub(super) async fn wait_until_connected(&self) -> bool {
        let mut standing = self.standing.subscribe();
        let settled = standing.wait_for(|standing| *standing != Standing::Away);
        // The sender lives as long as this.
        settled
            .await
            .is_ok_and(|standing| *standing == Standing::Connected)
    }
}

impl Known {
    /// Says whether the user itself said this.
    pub(super) fn is_mine(&self, message: &Message) -> bool {
        self.me.as_ref().is_some_and(|me| {
            match me.id.is_empty() || message.from_user_id.is_empty() {
                true => me.name == message.from_username,
                false => me.id == message.from_user_id,
            }
        })
    }

    /// Notes a message; returns false if it was seen before.
    pub(super) fn see(&mut self, message: &Message) -> bool {
        self.newest = self.newest.max(Some(message.timestamp));
        self.recent.insert(message)
    }

    /// Returns after which moment messages may have been missed.
    pub(super) fn missed_since(&self) -> Option<Timestamp> {
        // Clocks and transactions of a server are not in step to the microsecond.
        let known = self.hole.or(self.newest);
        known.map(|at| at.minus(MARGIN)).max(self.since)
    }

    /// Something could not be read: it is among what comes after the newest that was.
    pub(super) fn miss(&mut self) {
        self.hole = self.hole.or(self.newest).or(self.since);
    }
}

/// The ids that were seen last, oldest forgotten first; none that may be fetched once more.
#[derive(Debug, Default)]
pub(super) struct Recent {
    ids: HashSet<Arc<str>>,
    order: VecDeque<(Timestamp, Arc<str>)>,
}

impl Recent {
    /// Notes a message; returns false if it is known.
    pub(super) fn insert(&mut self, message: &Message) -> bool {
        if self.ids.contains(message.id.as_str()) {
            return false;
        }
        let id: Arc<str> = message.id.as_str().into();
        self.ids.insert(Arc::clone(&id));
        self.order.push_back((message.timestamp, id));
        let needed_from = message.timestamp.minus(NEEDED);
        while self.order.len() > REMEMBERED
            && let Some((at, _)) = self.order.front()
            && (*at < needed_from || self.order.len() > MOST)
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

const MARGIN: std::time::Duration = std::time::Duration::from_secs(1);
/// For how long before the newest one messages stay known in any case: those of the margin are fetched at each reconnect.
const NEEDED: std::time::Duration = std::time::Duration::from_secs(4);
/// How many messages are known by their ids at least, and at most.
const REMEMBERED: usize = 4_096;
const MOST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: usize, micros: i64) -> Message {
        let date = Timestamp::from_unix_micros(micros).to_string();
        let message = serde_json::json!({
            "id": number.to_string(), "from_username": "bob", "content": "x", "message_type": "room", "timestamp": date,
        });
        serde_json::from_value(message).unwrap()
    }

    #[test]
    fn d18_the_newest_ids_are_kept() {
        let mut recent = Recent::default();
        let at = |number: usize| said(number, number as i64 * 1_000_000);
        for number in 0..10_000 {
            assert!(recent.insert(&at(number)));
        }
        assert_eq!(
            (recent.ids.len(), recent.order.len()),
            (REMEMBERED, REMEMBERED)
        );
        for number in 10_000 - REMEMBERED..10_000 {
            assert!(!recent.insert(&at(number)), "{number}");
        }
        assert!(recent.insert(&at(0)));
    }

    /// Else the margin of a busy room would be handed out again at each reconnect.
    #[test]
    fn ids_of_the_last_seconds_are_kept_however_many_they_are() {
        let mut recent = Recent::default();
        // 5,000 a second.
        let at = |number: usize| said(number, number as i64 * 200);
        for number in 0..100_000 {
            assert!(recent.insert(&at(number)));
        }
        assert_eq!(recent.order.len(), 20_001);
        let mut crowd = Recent::default();
        for number in 0..100_000 {
            assert!(crowd.insert(&said(number, 0)));
        }
        assert_eq!((crowd.ids.len(), crowd.order.len()), (MOST, MOST));
    }
}
