//! Telling people when the bot itself is in trouble.

mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use greenroom_actors::clock;
use greenroom_actors::connection::{Connections, Phase};
use greenroom_actors::event::Origin;
use greenroom_actors::router::middleware::{Call, Middleware, Verdict};
use greenroom_actors::router::{Delivery, Router, Topic};
use serde::{Deserialize, Serialize};

pub use watch::Thresholds;

use self::watch::{Reading, Watch};
use crate::bot::{Backstage, BotBuilder};
use crate::chat::{Door, Room};
use crate::prelude::*;

/// The bot is in trouble, or out of it. Any handler may take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alert {
    /// What it is, in words.
    pub text: String,
    /// Whether it is over.
    pub is_over: bool,
    /// The platform that is away, if that is it.
    pub platform: Option<String>,
}

/// Tells a channel when the bot's own graph suffers: an actor that is started again and again, dead letters, a platform that is away, a
/// queue that fills; and when that is over. [`Thresholds`] says from when on.
///
/// It says so in the first of its rooms whose platform is connected, and that of a platform that is away somewhere else if it can. Where
/// nobody can be told, the alert waits. What goes wrong with its own alerts is no alert.
///
/// # Examples
///
/// ```
/// use greenroom::chat::Room;
/// use greenroom::handlers::Alerts;
/// use greenroom::prelude::*;
///
/// let alerts = Alerts::to([Room::new("mezon", "backstage"), Room::new("token_bowl", "@admin")]);
/// let bot = Bot::builder("example").alerts("alerts", alerts);
/// # drop(bot);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a bot has it"]
pub struct Alerts {
    rooms: Vec<Room>,
    thresholds: Thresholds,
    delivery: Delivery,
}

impl Alerts {
    /// Tells these rooms: the first that can be reached.
    pub fn to(rooms: impl IntoIterator<Item = Room>) -> Self {
        Self {
            rooms: rooms.into_iter().collect(),
            thresholds: Thresholds::default(),
            delivery: Delivery::default(),
        }
    }

    /// Sets from when on something is told.
    pub fn thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Sets how alerts are handed to it.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    fn registration(self, name: &str, backstage: &Backstage<'_>) -> Registration<Watcher> {
        let doors = self.rooms.iter().map(|room| Door::new(room, backstage));
        let doors = Doors(doors.collect());
        let watcher = Watcher {
            name: name.into(),
            doors: doors.clone(),
            thresholds: Arc::new(self.thresholds),
            watch: Arc::default(),
            router: backstage.router.clone(),
            connections: backstage.counters.connections.clone(),
            origin: backstage.origin(name),
            topic: backstage.router.topic(),
        };
        let router = backstage.router;
        Registration::new(name, move || watcher.clone())
            .delivery(self.delivery)
            .on::<Alert>()
            .on::<Restarted>()
            .layer(doors)
            .supervised(|child| child.publishes::<Alert>(router))
    }
}

/// The ways to people who are to be told.
#[derive(Clone, Debug)]
struct Doors(Arc<[Door]>);

impl Doors {
    /// Returns the first that is open: one of another platform than that which is away, if there is one.
    fn open(&self, away: Option<&str>) -> Option<&Door> {
        let is_elsewhere = |door: &&Door| away.is_none_or(|away| door.room().platform != away);
        let elsewhere = self.0.iter().filter(is_elsewhere);
        let mut in_order = elsewhere.chain(self.0.iter());
        in_order.find(|door| door.is_open())
    }
}

/// Alerts wait until somebody can be told.
impl Middleware for Doors {
    fn before(&self, call: &Call<'_>) -> Verdict {
        match call.payload::<Alert>() {
            Some(alert) if self.open(alert.platform.as_deref()).is_none() => {
                Verdict::Wait(LOOK_EVERY)
            }
            _ => Verdict::Pass,
        }
    }
}

/// Watches the bot for [`Alerts`], and says what there is to say.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing; what it has seen and told outlives it.
#[derive(Clone)]
pub struct Watcher {
    name: Arc<str>,
    doors: Doors,
    thresholds: Arc<Thresholds>,
    watch: Arc<Mutex<Watch>>,
    router: Router,
    connections: Connections,
    origin: Arc<Origin>,
    topic: Topic<Alert>,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("name", &self.name)
            .field("thresholds", &self.thresholds)
            .finish_non_exhaustive()
    }
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The first look is what all later ones are compared with.
        self.look_and_tell(ctx);
        ctx.run_interval(LOOK_EVERY, Self::look_and_tell);
    }
}

impl Watcher {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_and_tell(&mut self, ctx: &mut Context<Self>) {
        let alerts = self.look();
        if alerts.is_empty() {
            return;
        }
        let (origin, topic) = (Arc::clone(&self.origin), self.topic.clone());
        let key = ChannelKey::new(Id::NONE, &*self.name);
        let telling = async move {
            for alert in alerts {
                let event = Event::new(&origin, 0, key.clone(), alert);
                topic.publish(event).await;
            }
        };
        ctx.spawn(actix::fut::wrap_future(telling));
    }

    fn look(&self) -> Vec<Alert> {
        let mut reading = Reading::default();
        for connection in self.connections.report() {
            if connection.state != Phase::Live {
                let place = (connection.platform, connection.bot);
                reading.down.push((place, connection.reason));
            }
        }
        for report in self.router.handlers() {
            if report.handler != *self.name {
                let sum = reading.handlers.entry(report.handler).or_default();
                sum.0 += report.dead;
                sum.1 += report.waiting;
            }
        }
        self.watch().look(clock::now(), &reading, &self.thresholds)
    }
}

impl Handler<Event<Restarted>> for Watcher {
    type Result = Outcome;

    fn handle(&mut self, restarted: Event<Restarted>, _: &mut Context<Self>) -> Outcome {
        if restarted.child != *self.name {
            self.watch().restarted(&restarted.child, clock::now());
        }
        Ok(())
    }
}

impl Handler<Event<Alert>> for Watcher {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, alert: Event<Alert>, _: &mut Context<Self>) -> Self::Result {
        let doors = self.doors.clone();
        Box::pin(async move {
            match doors.open(alert.platform.as_deref()) {
                Some(door) => {
                    let saying = Box::pin(door.say(alert.text.as_str()));
                    alert.saying(alert.on_behalf(saying)).await?;
                    Ok(())
                }
                None => Err(HandlerError::transient(
                    "no platform is connected on which somebody could be told",
                )),
            }
        })
    }
}

impl BotBuilder {
    /// Tells people when the bot is in trouble.
    pub fn alerts(self, name: &str, alerts: Alerts) -> Self {
        let own = name.to_owned();
        self.staged(name, move |backstage| {
            Ok(alerts.registration(&own, backstage))
        })
    }
}

/// How often the bot is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
