//! The simulator, the bot and the audience's view of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::clock;
use greenroom_actors::telemetry::Counter;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::cast::{self, Places};
use super::narrator::{Line, Narrator, shown};
use super::script::{ORDERS, PATIENCE, PAUSE, Place, ROUND, Step};
use super::watch::{Deed, deed};
use super::{DemoArgs, at_speed};
use crate::bot::Running;
use crate::cli::{Failure, Tone};
use crate::simulator::{Fault, Platform, Refusal, Simulator};
use crate::ticos::TicosClient;

pub(super) struct Stage<'a> {
    simulator: Simulator,
    platforms: BTreeMap<&'static str, Watched>,
    bot: Running,
    robot: TicosClient,
    narrator: &'a Narrator,
    /// Where the files of the robot would be.
    folder: PathBuf,
    speed: f64,
    heard: Arc<Counter>,
    said: Cell<u64>,
    /// What is still expected of the bot.
    expected: RefCell<Vec<&'static str>>,
    /// The button that says yes, of the newest question.
    button: RefCell<String>,
    replies: Cell<u64>,
    /// How often Payman was asked, and how often it should have been.
    orders: Cell<u64>,
    due: Cell<u64>,
    missing: Cell<u64>,
}

/// A platform, and how far its journal was read.
struct Watched {
    platform: Arc<dyn Platform>,
    read: Cell<u64>,
}

/// What a demo came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    pub(super) platforms: u64,
    pub(super) events: u64,
    pub(super) replies: u64,
    pub(super) payments: u64,
    pub(super) restarts: u64,
    pub(super) reconnects: u64,
    pub(super) lost: u64,
    pub(super) missing: u64,
    pub(super) dead_letters: u64,
}

impl<'a> Stage<'a> {
    /// Starts the simulator and the bot on it.
    pub(super) async fn open(args: &DemoArgs, narrator: &'a Narrator) -> Result<Self, Failure> {
        let mut builder = Simulator::builder();
        if let Some(seed) = args.seed {
            builder = builder.seed(seed);
        }
        let simulator = builder.start().await?;
        let missing = |name: &str| Failure::failed(format!("the simulator has no {name}"));
        let url = |name: &str| {
            let url = simulator.url(name).and_then(|url| url.parse().ok());
            url.ok_or_else(|| missing(name))
        };
        let token_bowl = simulator.url("token_bowl").and_then(|url| url.parse().ok());
        let places = Places {
            mezon: url("mezon")?,
            token_bowl: token_bowl.ok_or_else(|| missing("token_bowl"))?,
            payman: url("payman")?,
            mesh: url("mesh")?,
            auth0: url("auth0")?,
        };
        narrator.note(&format!(
            "Five simulated platforms listen on this machine. Their control API: {}",
            simulator.control_url()
        ));
        let watched = |name: &'static str| {
            let platform = simulator.platform(name)?;
            let read = Cell::new(0);
            Some((name, Watched { platform, read }))
        };
        let platforms = PLATFORMS.into_iter().filter_map(watched).collect();
        let folder = std::env::temp_dir().join(format!("greenroom-demo-{}", std::process::id()));
        let heard = Arc::new(Counter::default());
        let (mut bot, robot) = cast::bot(places, &folder, &heard);
        if let Some(seed) = args.seed {
            bot = bot.seed(seed);
        }
        let bot = narrator
            .listen(bot)
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?
            .start();
        let stage = Self {
            simulator,
            platforms,
            bot,
            robot,
            narrator,
            folder,
            speed: args.speed,
            heard,
            said: Cell::new(0),
            expected: RefCell::default(),
            button: RefCell::default(),
            replies: Cell::new(0),
            orders: Cell::new(0),
            due: Cell::new(0),
            missing: Cell::new(0),
        };
        let connected = stage.bot.connected().await;
        connected.map_err(|error| Failure::failed(error.to_string()))?;
        stage.dial().await?;
        Ok(stage)
    }

    /// Plays one round of the script.
    pub(super) async fn play_round(&self) -> Result<(), Failure> {
        let before = self.due.get();
        for step in ROUND {
            match *step {
                Step::Crash(handler) => {
                    self.line(
                        "demo",
                        Tone::Warning,
                        &format!("crashes the {handler}"),
                        json!({"event": "crash", "actor": handler}),
                    );
                    self.bot.crash(&format!("handlers/{handler}"));
                }
                Step::Dial => {
                    self.pause(PAUSE).await?;
                    self.dial().await?;
                }
                Step::Fault {
                    platform,
                    fault,
                    text,
                } => self.fault(platform, fault(), text)?,
                Step::Note(text) => {
                    self.pause(PAUSE).await?;
                    self.narrator.note(text);
                }
                Step::Orders(count) => {
                    self.wait_until(|stage| stage.orders.get() >= before + count)
                        .await?;
                }
                Step::Press { replies } => {
                    self.pause(PAUSE).await?;
                    self.press()?;
                    self.expected.borrow_mut().extend(replies);
                }
                Step::Say {
                    from,
                    place,
                    text,
                    replies,
                } => {
                    self.pause(PAUSE).await?;
                    self.say(from, place, text)?;
                    self.expected.borrow_mut().extend(replies);
                }
                Step::Settle => self.settle().await?,
                Step::Think { platform, text } => {
                    self.do_on(platform, json!({"text": text}), |platform, body| {
                        platform.say(body)
                    })?;
                }
            }
        }
        self.due.set(before + ORDERS);
        Ok(())
    }

    /// Waits between two rounds.
    pub(super) async fn intermission(&self) -> Result<(), Failure> {
        self.narrator.tree(&self.bot.tree());
        self.narrator
            .note("Again in five seconds; Ctrl-C ends the demo.");
        self.pause(Duration::from_secs(5)).await
    }

    /// Stops the bot and the simulator, and says what it came to.
    pub(super) async fn close(self) -> Result<Summary, Failure> {
        let at_work = self.bot.tree();
        let report = self.bot.shutdown().await;
        self.look();
        let counter = |name: &str| report.counters.get(name).copied().unwrap_or_default();
        // More is money that was moved twice.
        let surplus = self.orders.get().saturating_sub(self.due.get().max(ORDERS));
        let summary = Summary {
            platforms: self.platforms.len() as u64,
            events: counter("greenroom_events_total"),
            replies: self.replies.get(),
            payments: self.orders.get(),
            restarts: report.tree.total_restarts(),
            reconnects: counter("greenroom_reconnects_total"),
            lost: self.said.get().saturating_sub(self.heard.get()) + report.dead_letters,
            missing: self.missing.get() + surplus,
            dead_letters: report.dead_letters,
        };
        self.narrator.tree(&at_work);
        let text = format!(
            "events in {}, replies out {}, payments {}, restarts {}, reconnects {}, lost: {}",
            summary.events,
            summary.replies,
            summary.payments,
            summary.restarts,
            summary.reconnects,
            summary.lost
        );
        self.narrator.summary(&text, &summary);
        self.simulator.stop().await;
        // A folder that cannot be removed stays in the system's place for such folders.
        let _ = std::fs::remove_dir_all(&self.folder);
        self.narrator.check()?;
        Ok(summary)
    }

    fn do_on(
        &self,
        name: &str,
        body: Value,
        what: impl FnOnce(&(dyn Platform + 'static), Map<String, Value>) -> Result<Value, Refusal>,
    ) -> Result<(), Failure> {
        let (Some(watched), Value::Object(body)) = (self.platforms.get(name), body) else {
            return Ok(());
        };
        let done = what(&*watched.platform, body).map(drop);
        done.map_err(|refusal| Failure::failed(refusal.to_string()))
    }

    fn say(&self, from: &str, place: Place, text: &str) -> Result<(), Failure> {
        let (platform, channel) = (place.platform(), place.channel());
        let object = json!({"event": "said", "platform": platform, "from": from, "text": text});
        let who = format!("{from} ({})", shown(platform));
        self.line(&who, Tone::Accent, text, object);
        let body = json!({"from": from, "channel": channel, "text": text});
        self.do_on(platform, body, |platform, body| platform.say(body))?;
        self.said.set(self.said.get() + 1);
        Ok(())
    }

    /// Alice presses the button that says yes.
    fn press(&self) -> Result<(), Failure> {
        let object = json!({"event": "pressed", "platform": "mezon", "from": "alice"});
        self.line(
            "alice (Mezon)",
            Tone::Accent,
            "[presses the button]",
            object,
        );
        let button = self.button.borrow().clone();
        let data = json!({"channel_id": GENERAL, "user_id": ALICE, "button_id": button});
        let body = json!({"event": "message_button_clicked", "data": data});
        self.do_on("mezon", body, |platform, body| platform.emit(body))
    }

    fn fault(&self, platform: &'static str, fault: Value, text: &str) -> Result<(), Failure> {
        let object = json!({"event": "cut", "platform": platform, "fault": fault});
        self.line(shown(platform), Tone::Warning, text, object);
        self.do_on(platform, fault, |platform, fault| {
            platform.fault(Fault::parse(fault, platform.faults())?)
        })
    }

    /// Lets the robot dial the bot.
    async fn dial(&self) -> Result<(), Failure> {
        let (Some(watched), Some(address)) = (self.platforms.get("ticos"), self.robot.address())
        else {
            return Ok(());
        };
        let url = format!("ws://{address}/realtime");
        let body = Map::from_iter([("url".to_owned(), url.into())]);
        if let Some(dialing) = Arc::clone(&watched.platform).dial(body) {
            let dialed = dialing.await;
            dialed.map_err(|refusal| Failure::failed(refusal.to_string()))?;
        }
        let object = json!({"event": "dialed", "platform": "ticos"});
        self.line("the robot", Tone::Good, "connected", object);
        Ok(())
    }

    /// Waits until everything expected has come, or patience has run out.
    async fn settle(&self) -> Result<(), Failure> {
        self.wait_until(|stage| stage.expected.borrow().is_empty())
            .await?;
        let missing = std::mem::take(&mut *self.expected.borrow_mut());
        for reply in missing {
            self.missing.set(self.missing.get() + 1);
            self.line(
                "demo",
                Tone::Bad,
                &format!("no reply with `{reply}` came"),
                json!({"event": "missing", "reply": reply}),
            );
        }
        Ok(())
    }

    async fn wait_until(&self, done: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        let deadline = clock::now() + PATIENCE;
        loop {
            self.look();
            self.narrator.check()?;
            if done(self) || clock::now() >= deadline {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
                exit = self.bot.ended() => return Err(Failure::failed(self.bot.failed(exit).to_string())),
            }
        }
    }

    async fn pause(&self, pause: Duration) -> Result<(), Failure> {
        let deadline = clock::now() + at_speed(pause, self.speed);
        while clock::now() < deadline {
            self.look();
            self.narrator.check()?;
            tokio::time::sleep_until(deadline.min(clock::now() + Duration::from_millis(20))).await;
        }
        Ok(())
    }

    /// Tells what the bot has told and done since the last look.
    fn look(&self) {
        self.narrator.catch_up();
        for (name, watched) in &self.platforms {
            for entry in watched.platform.journal(watched.read.get()) {
                watched.read.set(entry.seq);
                match deed(name, &entry.to_json()) {
                    Some(Deed::Said { text, buttons }) => {
                        if let Some(first) = buttons.into_iter().next() {
                            *self.button.borrow_mut() = first;
                        }
                        self.replied(name, &format!("the bot ({})", shown(name)), &text);
                    }
                    Some(Deed::Moved(text)) => self.replied(name, "the robot", &text),
                    Some(Deed::Ordered) => {
                        self.orders.set(self.orders.get() + 1);
                        let object = json!({"event": "ordered", "platform": name});
                        self.line(shown(name), Tone::Plain, "is asked to pay", object);
                    }
                    None => {}
                }
            }
        }
    }

    fn replied(&self, platform: &str, who: &str, text: &str) {
        self.replies.set(self.replies.get() + 1);
        let object = json!({"event": "reply", "platform": platform, "text": text});
        self.line(who, Tone::Strong, text, object);
        let mut expected = self.expected.borrow_mut();
        // What the robot says has in it what the bot says: the closest fits.
        let fitting = expected.iter().enumerate();
        let fitting = fitting.filter(|(_, expected)| text.contains(**expected));
        if let Some((place, _)) = fitting.max_by_key(|(_, expected)| expected.len()) {
            expected.remove(place);
        }
    }

    fn line(&self, who: &str, tone: Tone, text: &str, object: Value) {
        self.narrator.line(&Line {
            who: who.to_owned(),
            tone,
            text: text.to_owned(),
            object,
        });
    }
}

const PLATFORMS: [&str; 5] = ["mesh", "mezon", "payman", "ticos", "token_bowl"];
const GENERAL: &str = "3000000000000000001";
const ALICE: &str = "4000000000000000001";
