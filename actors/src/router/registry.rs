//! Who is registered and where events come from, so that events can be delivered once more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::letters::{DeadLetter, Selection, Ticket};
use super::tally::HandlerReport;
use super::topic::Router;
use crate::clock::{self, Instant};
use crate::error::Retry;
use crate::event::Origin;
use crate::store::{Store, StoreError};
use crate::telemetry::{Histogram, HistogramSnapshot};

/// One registration of one type of event, whatever the type.
pub(crate) trait Registered: Send + Sync {
    fn handler(&self) -> &str;

    fn event(&self) -> &'static str;

    /// Takes an event in once more, before all that wait in the queue.
    fn readmit(
        &self,
        letter: &DeadLetter,
        origin: &Arc<Origin>,
        ticket: Ticket,
    ) -> Result<(), ReplayError>;

    fn report(&self) -> HandlerReport;

    fn times(&self) -> &Histogram;

    fn is_idle(&self) -> bool;

    /// Takes nothing more, and gives up everything that is left.
    fn give_up(&self);
}

/// What a router knows beside who gets which event.
#[derive(Default)]
pub(crate) struct Registry {
    registered: RwLock<Vec<Arc<dyn Registered>>>,
    origins: Mutex<Enrolled>,
}

/// The living origins, by platform and bot.
type Enrolled = BTreeMap<(&'static str, String), Weak<Origin>>;

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("registered", &self.all().len())
            .finish_non_exhaustive()
    }
}

impl Registry {
    pub(crate) fn register(&self, one: Arc<dyn Registered>) {
        self.registered
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(one);
    }

    /// Makes an origin known, in place of an earlier one of the same platform and bot.
    pub(crate) fn enrol(&self, origin: &Arc<Origin>) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.retain(|_, origin| origin.strong_count() > 0);
        let key = (origin.platform(), origin.bot().to_owned());
        origins.insert(key, Arc::downgrade(origin));
    }

    fn all(&self) -> Vec<Arc<dyn Registered>> {
        self.registered
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn origin(&self, letter: &DeadLetter) -> Result<Arc<Origin>, ReplayError> {
        let origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |(platform, bot): &(&str, String)| *platform == letter.platform && *bot == letter.bot;
        let found = origins.iter().find(|(key, _)| same(key));
        found
            .and_then(|(_, origin)| origin.upgrade())
            .ok_or_else(|| ReplayError::NoOrigin {
                platform: letter.platform.clone(),
                bot: letter.bot.clone(),
            })
    }

    /// Hands an event to exactly the registration that gave it up.
    fn readmit(&self, letter: &DeadLetter, ticket: Ticket) -> Result<(), ReplayError> {
        if let Some(bytes) = letter.omitted_bytes {
            return Err(ReplayError::Omitted { bytes });
        }
        let meant = |one: &Arc<dyn Registered>| {
            one.handler() == letter.handler && one.event() == letter.event
        };
        let mut outcome = Err(ReplayError::NoHandler {
            handler: letter.handler.clone(),
            event: letter.event.clone(),
        });
        // Types of one name in two modules: the one that can read the payload is meant.
        for one in self.all().iter().filter(|one| meant(one)) {
            let origin = self.origin(letter)?;
            outcome = one.readmit(letter, &origin, ticket);
            if !matches!(outcome, Err(ReplayError::Payload(_))) {
                break;
            }
        }
        outcome
    }
}

/// An event could not be delivered once more; its letter is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It is on its way already.
    #[error("letter {0} is being replayed already")]
    Busy(u64),
    /// No handler of this name takes this type of event in the running bot.
    #[error("no handler `{handler}` for events of type {event} is registered")]
    NoHandler {
        /// The name of the registration.
        handler: String,
        /// The type of the event.
        event: String,
    },
    /// Its platform is not connected to this bot, so a reply would go nowhere.
    #[error("the bot `{bot}` is not on the platform {platform} now")]
    NoOrigin {
        /// The platform.
        platform: String,
        /// The bot.
        bot: String,
    },
    /// Its payload was too long to be kept.
    #[error("its payload of {bytes} bytes was too long to be kept")]
    Omitted {
        /// The length of the payload.
        bytes: u64,
    },
    /// Its payload is not what the handler takes today.
    #[error("its payload cannot be read: {0}")]
    Payload(serde_json::Error),
    /// The handler has ended for good.
    #[error("the handler `{0}` has stopped")]
    Stopped(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such letter.
    #[error("there is no dead letter {0}")]
    Unknown(u64),
}

impl ReplayError {
    /// Says whether replaying it again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Busy(_) | Self::NoOrigin { .. } => Retry::After(Duration::from_secs(1)),
            Self::Store(error) => error.retry(),
            Self::NoHandler { .. }
            | Self::Omitted { .. }
            | Self::Payload(_)
            | Self::Stopped(_)
            | Self::Unknown(_) => Retry::Never,
        }
    }
}

/// What became of a replay of several letters. Whether the handlers succeed is another matter: see what is left then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Replayed {
    /// The letters that were handed to their handlers.
    pub replayed: Vec<u64>,
    /// The letters that were not, and why.
    pub refused: Vec<Refusal>,
}

/// Why one letter was not replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The letter.
    pub number: u64,
    /// Why.
    pub why: String,
}

/// Where the events of a router come from, seen from inside of it: whoever has it keeps nothing alive. Clones are the same.
#[derive(Clone, Debug)]
pub struct Origins(Weak<Registry>);

impl Origins {
    /// Lists the living origins, in the order of their platforms and bots.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Origin>> {
        let Some(registry) = self.0.upgrade() else {
            return Vec::new();
        };
        let origins = registry.origins.lock();
        let origins = origins.unwrap_or_else(PoisonError::into_inner);
        origins.values().filter_map(Weak::upgrade).collect()
    }
}

impl Router {
    /// Returns where events come from.
    #[must_use]
    pub fn origins(&self) -> Origins {
        Origins(Arc::downgrade(self.shared_registry()))
    }

    /// Keeps dead letters, and what a shutdown leaves over, in `store`. By default they are in memory, and nothing is left over.
    ///
    /// # Errors
    ///
    /// If the store cannot be read or written.
    pub fn keep_in(&self, store: &Store) -> Result<(), StoreError> {
        self.dead_letters().keep_in(store)
    }

    /// Delivers a dead letter once more, to exactly the registration that gave it up: with the same id, channel, sequence and trace,
    /// all its attempts before it, and a way to reply.
    ///
    /// It stays in the store until it was handled. If it dies again, it is the same letter, with one more replay.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] says why not; the letter is then still there, with a note.
    pub fn replay(&self, number: u64) -> Result<(), ReplayError> {
        let dead = self.dead_letters();
        let letter = dead.show(number)?.ok_or(ReplayError::Unknown(number))?;
        if !dead.begin_replay(number) {
            return Err(ReplayError::Busy(number));
        }
        let readmitted = self.registry().readmit(&letter, Ticket::Dead(number));
        if let Err(error) = &readmitted {
            dead.not_replayed(number, error.to_string(), 0);
        }
        readmitted
    }

    /// Replays all letters that are meant, oldest first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read. Why single letters were refused is in the answer.
    pub fn replay_all(&self, selection: &Selection) -> Result<Replayed, StoreError> {
        let mut done = Replayed::default();
        for number in self.numbers(selection)? {
            match self.replay(number) {
                Ok(()) => done.replayed.push(number),
                Err(error) => done.refused.push(Refusal {
                    number,
                    why: error.to_string(),
                }),
            }
        }
        Ok(done)
    }

    /// Replays the letters that were asked for while no bot ran.
    ///
    /// # Errors
    ///
    /// As [`replay_all`](Self::replay_all).
    pub fn replay_requested(&self) -> Result<Replayed, StoreError> {
        let all = self.dead_letters().select(&Selection::default())?;
        let asked = all.into_iter().filter(|letter| letter.requested);
        let numbers: Vec<_> = asked.map(|letter| letter.number).collect();
        match numbers.is_empty() {
            true => Ok(Replayed::default()),
            false => self.replay_all(&Selection::default().numbers(numbers)),
        }
    }

    fn numbers(&self, selection: &Selection) -> Result<Vec<u64>, StoreError> {
        let meant = self.dead_letters().select(selection)?;
        let mut numbers: Vec<_> = meant.into_iter().map(|letter| letter.number).collect();
        for number in &selection.numbers {
            if self.dead_letters().show(*number)?.is_none() {
                numbers.push(*number);
            }
        }
        Ok(numbers)
    }

    /// Delivers what the last shutdown left over, each event to its own registration, in order, before everything that is published
    /// from now on. Call it when all handlers are registered and the origins exist, before they begin to work.
    ///
    /// What has no registration or no origin now stays in the store, and is told in the answer.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn restore(&self) -> Result<Replayed, StoreError> {
        let mut done = Replayed::default();
        for letter in self.dead_letters().leftovers()? {
            let number = letter.number;
            match self.registry().readmit(&letter, Ticket::Left(number)) {
                Ok(()) => done.replayed.push(number),
                Err(error) => {
                    tracing::warn!(handler = letter.handler, event = letter.event, %error, "a leftover of the last run stays in the store");
                    done.refused.push(Refusal {
                        number,
                        why: error.to_string(),
                    });
                }
            }
        }
        Ok(done)
    }

    /// Says that a shutdown has begun: what a handler cannot take any more is left for the next start, if there is a store.
    pub fn stop(&self) {
        self.dead_letters().stop();
    }

    /// Waits until no event waits and none is being handled, until `deadline` at most; says whether that was reached.
    pub async fn drained(&self, deadline: Instant) -> bool {
        let look = || -> (bool, u64) {
            let all = self.registry().all();
            let reports = all.iter().map(|one| one.report());
            let done =
                reports.map(|one| one.handled + one.failed + one.filtered + one.dead + one.left);
            (all.iter().all(|one| one.is_idle()), done.sum())
        };
        let (mut before, mut pause) = (None, LOOK_EVERY);
        loop {
            let (idle, done) = look();
            // Seen idle twice with nothing done between: nothing is on its way from one to another.
            if idle && before == Some(done) {
                return true;
            }
            if clock::now() >= deadline {
                return false;
            }
            before = idle.then_some(done);
            tokio::time::sleep_until((clock::now() + pause).min(deadline)).await;
            pause = match idle {
                true => LOOK_EVERY,
                false => (pause * 2).min(LOOK_AT_LEAST_EVERY),
            };
        }
    }

    /// Closes all queues and gives up everything that is left in them: for the end of a shutdown.
    pub fn give_up(&self) {
        self.registry().all().iter().for_each(|one| one.give_up());
    }

    /// Says how long attempts took, by handler and type of event.
    #[must_use]
    pub fn handling_times(&self) -> BTreeMap<(String, &'static str), HistogramSnapshot> {
        let mut all: BTreeMap<_, HistogramSnapshot> = BTreeMap::new();
        for one in self.registry().all() {
            let times = one.times().snapshot();
            all.entry((one.handler().to_owned(), one.event()))
                .and_modify(|sum| sum.add(&times))
                .or_insert(times);
        }
        all
    }

    /// Says what became of the events of each registration.
    #[must_use]
    pub fn handlers(&self) -> Vec<HandlerReport> {
        self.registry()
            .all()
            .iter()
            .map(|one| one.report())
            .collect()
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(100);
