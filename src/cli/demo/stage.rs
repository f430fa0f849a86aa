//! The simulator, the bot and the audience's view of them.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::clock;
use greenroom_actors::telemetry::Counter;
use serde::Serialize;
use serde_json::{Value, json};

use super::narrator::{Line, Narrator};
use super::script::{PATIENCE, PAUSE, ROUND, Step};
use super::{DemoArgs, at_speed, cast};
use crate::bot::{Bot, Running};
use crate::cli::{Failure, Tone};
use crate::config::{Purpose, Sources};
use crate::mezon::Mezon;
use crate::simulator::{Fault, Platform, Simulator};

pub(super) struct Stage<'a> {
    simulator: Simulator,
    platform: Arc<dyn Platform>,
    bot: Running,
    narrator: &'a Narrator,
    folder: PathBuf,
    speed: f64,
    heard: Arc<Counter>,
    said: Cell<u64>,
    /// Replies that are still expected.
    expected: RefCell<Vec<&'static str>>,
    replies: Cell<u64>,
    missing: Cell<u64>,
    journal: Cell<u64>,
}

/// What a demo came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    pub(super) events: u64,
    pub(super) replies: u64,
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
        let (Some(platform), Some(url)) = (simulator.platform("mezon"), simulator.url("mezon"))
        else {
            return Err(Failure::failed("the simulator has no Mezon"));
        };
        narrator.note(&format!(
            "The simulated Mezon listens at {url}. Its control API: {}",
            simulator.control_url()
        ));
        let folder = std::env::temp_dir().join(format!("greenroom-demo-{}", std::process::id()));
        let sources = Sources::none()
            .flag("mezon.base_url", "base_url", Some(&url))
            .flag("mezon.client_id", "client_id", Some("1000000000000000001"))
            .flag("mezon.api_key", "api_key", Some("sim-mezon-key"))
            .flag("cache.path", "path", Some(folder.display()));
        let config = sources.load(Purpose::Run)?;
        let Some(mezon) = config.mezon else {
            return Err(Failure::failed("the demo has no Mezon section"));
        };
        let heard = Arc::new(Counter::default());
        let mut bot = Bot::builder("demo").platform(Mezon::new(mezon).cache(&config.cache));
        if let Some(seed) = args.seed {
            bot = bot.seed(seed);
        }
        let bot = narrator.listen(cast::join(bot, &heard));
        let bot = bot
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?
            .start();
        let stage = Self {
            simulator,
            platform,
            bot,
            narrator,
            folder,
            speed: args.speed,
            heard,
            said: Cell::new(0),
            expected: RefCell::default(),
            replies: Cell::new(0),
            missing: Cell::new(0),
            journal: Cell::new(0),
        };
        stage
            .wait_until(|stage| stage.bot.counters().connects.get() > 0)
            .await?;
        Ok(stage)
    }

    /// Plays one round of the script.
    pub(super) async fn play_round(&self) -> Result<(), Failure> {
        for step in ROUND {
            match *step {
                Step::Note(text) => {
                    self.pause(PAUSE).await?;
                    self.narrator.note(text);
                }
                Step::Cut => {
                    let fault = json!({"kind": "disconnect"});
                    let Value::Object(fault) = fault else {
                        continue;
                    };
                    let fault = Fault::parse(fault, self.platform.faults())
                        .map_err(|refusal| Failure::failed(refusal.to_string()))?;
                    self.platform
                        .fault(fault)
                        .map_err(|refusal| Failure::failed(refusal.to_string()))?;
                    self.line(
                        "simulator",
                        Tone::Warning,
                        "cuts every socket, without a close frame",
                        json!({"event": "cut"}),
                    );
                }
                Step::Say {
                    from,
                    text,
                    reply,
                    at_once,
                } => {
                    if !at_once {
                        self.pause(PAUSE).await?;
                    }
                    self.say(from, text)?;
                    self.expected.borrow_mut().extend(reply);
                    if !at_once {
                        self.settle().await?;
                    }
                }
            }
        }
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
        let heard = self.heard.get();
        let summary = Summary {
            events: report
                .counters
                .get("greenroom_events_total")
                .copied()
                .unwrap_or_default(),
            replies: self.replies.get(),
            restarts: report.tree.total_restarts(),
            reconnects: report
                .counters
                .get("greenroom_reconnects_total")
                .copied()
                .unwrap_or_default(),
            lost: self.said.get().saturating_sub(heard) + report.dead_letters,
            missing: self.missing.get(),
            dead_letters: report.dead_letters,
        };
        self.narrator.tree(&at_work);
        let text = format!(
            "events in {}, replies out {}, restarts {}, reconnects {}, lost: {}",
            summary.events, summary.replies, summary.restarts, summary.reconnects, summary.lost
        );
        self.narrator.summary(&text, &summary);
        self.simulator.stop().await;
        // A folder that cannot be removed stays in the system's place for such folders.
        let _ = std::fs::remove_dir_all(&self.folder);
        self.narrator.check()?;
        Ok(summary)
    }

    fn say(&self, from: &str, text: &str) -> Result<(), Failure> {
        let Value::Object(body) = json!({"from": from, "channel": "general", "text": text}) else {
            return Ok(());
        };
        self.line(
            from,
            Tone::Accent,
            text,
            json!({"event": "said", "from": from, "text": text}),
        );
        self.platform
            .say(body)
            .map_err(|refusal| Failure::failed(refusal.to_string()))?;
        self.said.set(self.said.get() + 1);
        Ok(())
    }

    /// Waits until every expected reply has come, or patience has run out.
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

    /// Tells what the bot has told and said since the last look.
    fn look(&self) {
        self.narrator.catch_up();
        for entry in self.platform.journal(self.journal.get()) {
            self.journal.set(entry.seq);
            let entry = entry.to_json();
            let content = &entry["body"]["channel_message_send"]["content"];
            let (Some("in"), Some(content)) = (entry["direction"].as_str(), content.as_str())
            else {
                continue;
            };
            let content: Value = serde_json::from_str(content).unwrap_or_default();
            let text = content["t"].as_str().unwrap_or_default();
            self.replies.set(self.replies.get() + 1);
            self.line(
                "the bot",
                Tone::Strong,
                text,
                json!({"event": "reply", "text": text}),
            );
            let mut expected = self.expected.borrow_mut();
            if let Some(place) = expected.iter().position(|expected| text.contains(expected)) {
                expected.remove(place);
            }
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
