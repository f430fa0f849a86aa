//! Messages at set times.

mod timetable;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, ResponseFuture, WrapFuture};
use greenroom_actors::clock;
use greenroom_actors::event::Origin;
use greenroom_actors::router::middleware::{Call, Middleware, Verdict};
use greenroom_actors::router::{Delivery, Topic};
use greenroom_actors::store::{Bounds, Shelf, Store, StoreError};
use serde::{Deserialize, Serialize};

pub use timetable::Timetable;

use crate::bot::{Backstage, BotBuilder};
use crate::chat::{Door, Room};
use crate::prelude::*;

/// A time of a [`Schedule`] has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Due {
    /// The name of the handler.
    pub schedule: String,
    /// The time, in seconds since 1970.
    pub at: u64,
}

/// What becomes of times at which nothing could be said: the bot was not running, or its platform was not connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missed {
    /// One message for all of them, as soon as that is possible. Across restarts this needs a store.
    Once,
    /// Nothing, unless it can be said within a quarter of an hour.
    #[default]
    Skip,
}

/// Says something at set times.
///
/// Each time is an event, [`Due`], that the handler gives itself: so it is tried again, kept over an orderly restart, and becomes a dead
/// letter if it cannot be said. Where several wait for the platform, only the last is said. With a store the handler knows after a restart
/// which times it has had: each is said once, and none twice. After a `kill -9` in the very moment it may be missing.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom::chat::Room;
/// use greenroom::handlers::{Schedule, Timetable};
/// use greenroom::prelude::*;
///
/// let hourly = Timetable::every(Duration::from_secs(3_600));
/// let water = Schedule::new(hourly, Room::new("mezon", "general"), "Drink some water.");
/// let bot = Bot::builder("example").schedule("water", water);
/// # drop(bot);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a bot has it"]
pub struct Schedule {
    table: Timetable,
    room: Room,
    text: String,
    missed: Missed,
    delivery: Delivery,
}

impl Schedule {
    /// Says `text` in a room, at the times of a table.
    pub fn new(table: Timetable, room: Room, text: impl Into<String>) -> Self {
        Self {
            table,
            room,
            text: text.into(),
            missed: Missed::default(),
            delivery: Delivery::default(),
        }
    }

    /// Sets what becomes of missed times; [`Missed::Skip`] by default.
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// Sets how its times are handed to it.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    fn registration(
        self,
        name: &str,
        backstage: &Backstage<'_>,
    ) -> Result<Registration<Clock>, StoreError> {
        let door = Door::new(&self.room, backstage);
        let kept = backstage
            .store
            .map(|store| Kept::open(store, name))
            .transpose()?;
        let clock = Clock {
            name: name.into(),
            schedule: Arc::new(self),
            door: door.clone(),
            origin: backstage.origin(name),
            topic: backstage.router.topic(),
            kept,
            latest: Arc::default(),
        };
        let (delivery, own) = (clock.schedule.delivery, name.to_owned());
        let router = backstage.router;
        let registration = Registration::new(name, move || clock.clone())
            .delivery(delivery)
            .on::<Due>()
            .filter(move |due: &Event<Due>| due.schedule == own)
            .layer(WhileOpen(door))
            .supervised(|child| child.publishes::<Due>(router));
        Ok(registration)
    }
}

/// Says what a [`Schedule`] has to say.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the times in its queue wait for the next incarnation, or the next start.
/// * **What it may lose**: nothing; which time it has had last outlives it.
#[derive(Clone)]
pub struct Clock {
    name: Arc<str>,
    schedule: Arc<Schedule>,
    door: Door,
    origin: Arc<Origin>,
    topic: Topic<Due>,
    kept: Option<Kept>,
    /// The last time that has come; 0 before the first start.
    latest: Arc<AtomicU64>,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("name", &self.name)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

impl Actor for Clock {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let now = clock::unix_seconds();
        let latest = match (self.latest.load(Ordering::Relaxed), &self.kept) {
            (0, Some(kept)) => kept.last_or(now),
            (0, None) => now,
            (latest, _) => latest,
        };
        self.latest.store(latest, Ordering::Relaxed);
        let missed = self.schedule.table.until(now).filter(|last| *last > latest);
        match missed {
            Some(last) if self.is_wanted(last, now) => self.come(last, ctx),
            Some(last) => {
                tracing::info!(
                    schedule = &*self.name,
                    last,
                    "missed while the bot was not running, and skipped"
                );
                self.wait(ctx);
            }
            None => self.wait(ctx),
        }
    }
}

impl Clock {
    /// Says whether a time is still to be told.
    fn is_wanted(&self, at: u64, now: u64) -> bool {
        self.schedule.missed == Missed::Once || now.saturating_sub(at) <= LATE.as_secs()
    }

    /// Waits for the next time.
    fn wait(&self, ctx: &mut Context<Self>) {
        let after = self
            .latest
            .load(Ordering::Relaxed)
            .max(clock::unix_seconds());
        let Some(next) = self.schedule.table.after(after) else {
            tracing::warn!(schedule = &*self.name, "there is no time to come any more");
            return;
        };
        let left =
            Duration::from_secs(next).saturating_sub(Duration::from_millis(clock::unix_millis()));
        ctx.run_later(left.min(LONGEST), move |clock, ctx| {
            match clock::unix_seconds() >= next {
                true => clock.come(next, ctx),
                false => clock.wait(ctx),
            }
        });
    }

    /// A time has come: it is noted, and only then told, so that it is not told twice.
    fn come(&self, at: u64, ctx: &mut Context<Self>) {
        let clock = self.clone();
        let coming = async move {
            if let Some(kept) = &clock.kept
                && let Err(error) = kept.note(at).await
            {
                tracing::error!(schedule = &*clock.name, %error, "cannot note that a time has come: after a restart it may be told again");
            }
            clock.latest.store(at, Ordering::Relaxed);
            let due = Due {
                schedule: clock.name.to_string(),
                at,
            };
            let key = ChannelKey::new(Id::NONE, &*clock.name);
            let id = i64::try_from(at).unwrap_or(i64::MAX);
            clock
                .topic
                .publish(Event::new(&clock.origin, id, key, due))
                .await;
        };
        ctx.spawn(
            coming
                .into_actor(self)
                .map(|(), clock, ctx| clock.wait(ctx)),
        );
    }

    async fn say(self, due: Event<Due>) -> Outcome {
        let newest = self.latest.load(Ordering::Relaxed);
        let now = clock::unix_seconds();
        if due.at < newest || !self.is_wanted(due.at, now) {
            tracing::info!(
                schedule = &*self.name,
                at = due.at,
                "could not be said in time, and is skipped"
            );
            return Ok(());
        }
        let text = self.schedule.text.as_str();
        let saying = Box::pin(self.door.say(text));
        due.saying(due.on_behalf(saying)).await?;
        Ok(())
    }
}

impl Handler<Event<Due>> for Clock {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, due: Event<Due>, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.clone().say(due))
    }
}

/// Which time a schedule has had last.
#[derive(Clone)]
struct Kept {
    store: Store,
    shelf: Shelf<u64>,
    name: String,
}

impl Kept {
    fn open(store: &Store, name: &str) -> Result<Self, StoreError> {
        Ok(Self {
            store: store.clone(),
            shelf: store.shelf("schedules", Bounds::default())?,
            name: name.to_owned(),
        })
    }

    /// Returns the time that it has had last; before the first one, that of its first start.
    fn last_or(&self, now: u64) -> u64 {
        let known = self.shelf.get(&self.name);
        let last = known.and_then(|last| match last {
            Some(last) => Ok(last),
            None => self.shelf.put(&self.name, &now).map(|()| now),
        });
        last.unwrap_or_else(|error| {
            tracing::error!(schedule = self.name, %error, "cannot tell which time it has had last");
            now
        })
    }

    async fn note(&self, at: u64) -> Result<(), StoreError> {
        self.shelf.put(&self.name, &at)?;
        self.store.flush().await
    }
}

impl BotBuilder {
    /// Says something at set times.
    pub fn schedule(self, name: &str, schedule: Schedule) -> Self {
        let own = name.to_owned();
        self.staged(name, move |backstage| {
            Ok(schedule.registration(&own, backstage)?)
        })
    }
}

/// Puts events off while the platform of a room is not connected: an outage is no failed attempt.
#[derive(Debug)]
struct WhileOpen(Door);

impl Middleware for WhileOpen {
    fn before(&self, _: &Call<'_>) -> Verdict {
        match self.0.is_open() {
            true => Verdict::Pass,
            false => Verdict::Wait(Door::LOOK_EVERY),
        }
    }
}

/// What can be said so late was not missed.
const LATE: Duration = Duration::from_secs(900);
/// The clock is looked at now and then.
const LONGEST: Duration = Duration::from_secs(86_400);
