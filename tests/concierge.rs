//! The concierge of the examples: each of its parts is pulled out in turn, and the rest does not notice.
#![cfg(all(feature = "cli", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../examples/concierge.rs"]
mod example;

use std::cell::Cell;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom::actors::clock;
use greenroom::bot::BotBuilder;
use greenroom::mesh::{self, Mesh, TokenStore};
use greenroom::payman::{self, Payman};
use greenroom::prelude::*;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{self, Stage, TestBot, TestPlatform};
use greenroom::ticos::{self, Ticos, TicosClient};
use serde_json::{Value, json};

const ALICE: &str = "4000000000000000001";
const GENERAL: &str = "3000000000000000001";
const SECOND: Duration = Duration::from_secs(1);
/// Soon: nobody waits for another.
const SOON: Duration = Duration::from_secs(3);
const OUTAGE: Duration = Duration::from_secs(60);

/// The concierge on four platforms of the stage, for a robot that is elsewhere.
fn bot(stage: &Stage, robot: TicosClient) -> BotBuilder {
    let claims = json!({"sub": "auth0|sim-user", "exp": clock::unix_seconds() + 86_400});
    let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut settings = mesh::Settings::new(stage.mesh().url()).auth_token(token);
    settings.auth0_domain = Some(stage.auth0().url());
    settings.token_store = TokenStore::Memory;
    settings.headless = true;
    let mesh = Mesh::new(settings);
    let settings = payman::Settings::new("sim-payman-client", "sim-payman-secret");
    let payman = Payman::new(settings.base_url(stage.payman().url().parse().unwrap()));
    let bot = Bot::builder("concierge");
    let bot = example::concierge(bot, mesh.client(), payman.client(), robot);
    let bot = stage.put(stage.put(bot, "mezon"), "token_bowl");
    bot.platform(mesh).platform(payman)
}

/// A bot, its stage, and people who talk to it.
struct Scene {
    stage: Stage,
    bot: TestBot,
    said: Cell<u32>,
}

/// A platform where people speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Mezon,
    TokenBowl,
}

impl Place {
    const BOTH: [Self; 2] = [Self::Mezon, Self::TokenBowl];
}

impl Scene {
    async fn open(stage: Stage) -> Self {
        let bot = stage.start(bot(&stage, TicosClient::default())).await;
        Self {
            stage,
            bot,
            said: Cell::new(0),
        }
    }

    fn next(&self) -> u32 {
        self.said.set(self.said.get() + 1);
        self.said.get()
    }

    fn say(&self, place: Place, text: &str) {
        match place {
            Place::Mezon => self.stage.mezon().say("alice", "general", text),
            Place::TokenBowl => self.stage.token_bowl().say("alice", "room", text),
        };
    }

    async fn expect(&self, words: &str) {
        let what = format!("something with {words:?}");
        self.bot
            .expect_where(&what, |said| said.text.contains(words))
            .await;
    }

    /// Somebody asks, and is answered soon.
    async fn answers(&self, place: Place) {
        let question = format!("what is the answer to question {}", self.next());
        let begun = clock::now();
        self.say(place, &format!("!ask {question}"));
        self.expect(&question).await;
        assert!(begun.elapsed() <= SOON, "{place:?}: {:?}", begun.elapsed());
    }

    /// Somebody has something paid, soon.
    async fn pays(&self, place: Place) {
        let begun = clock::now();
        let amount = self.wants(place).await;
        self.consents(place);
        self.expect(&format!("Paid {amount} USD to bob.")).await;
        assert!(begun.elapsed() <= SOON, "{place:?}: {:?}", begun.elapsed());
    }

    /// Somebody wants to pay, and is asked; returns how much.
    async fn wants(&self, place: Place) -> String {
        let amount = format!("0.0{}", self.next());
        self.say(place, &format!("pay bob {amount}"));
        self.expect("to bob?").await;
        amount.parse::<payman::Amount>().unwrap().to_string()
    }

    fn consents(&self, place: Place) {
        match place {
            Place::TokenBowl => self.say(place, "yes"),
            Place::Mezon => {
                let id = newest_button(&self.stage.mezon());
                let data = json!({"channel_id": GENERAL, "user_id": ALICE, "button_id": id});
                self.stage.mezon().emit("message_button_clicked", data);
            }
        }
    }

    async fn works(&self, places: &[Place]) {
        for place in places {
            self.answers(*place).await;
            self.pays(*place).await;
        }
    }

    fn orders(&self) -> usize {
        let journal = self.stage.payman().journal();
        let rows = journal.iter().map(greenroom::simulator::Entry::to_json);
        let is_order = |row: &Value| {
            let path = row["path"].as_str().unwrap_or_default();
            row["direction"] == "in" && path.starts_with("/api/a2a/tasks/")
        };
        rows.filter(is_order).count()
    }
}

/// The button that says yes, of the newest message that has some.
fn newest_button(mezon: &TestPlatform) -> String {
    let journal = mezon.journal();
    let mut ids = journal.iter().rev().filter_map(|entry| {
        let entry = entry.to_json();
        let content = entry["body"]["channel_message_send"]["content"]
            .as_str()?
            .to_owned();
        let content: Value = serde_json::from_str(&content).ok()?;
        let id = &content["components"][0]["components"][0]["id"];
        Some(id.as_str()?.to_owned())
    });
    ids.next().expect("no buttons were sent")
}

fn outage() -> Fault {
    Fault::new(FaultKind::Maintenance).lasting(OUTAGE)
}

fn on_stage<F, T>(test: F)
where
    F: FnOnce(Scene) -> T,
    T: Future<Output = ()>,
{
    testing::run(async |stage| test(Scene::open(stage).await).await);
}

#[test]
fn a_crash_of_one_handler_is_noticed_by_none() {
    on_stage(async |scene| {
        scene.works(&Place::BOTH).await;
        for (number, handler) in
            (1..).zip(["handlers/assistant", "handlers/wallet", "handlers/robot"])
        {
            // What was said has arrived: whoever crashes before that may have to say it once more.
            scene.stage.advance(SECOND).await;
            scene.bot.crash(handler);
            scene.works(&Place::BOTH).await;
            scene.stage.advance(SECOND).await;
            scene.bot.assert_restarts(number);
        }
        scene.bot.assert_no_dead_letters();
        scene.bot.assert_nothing_lost();
    });
}

#[test]
fn a_crash_in_the_middle_costs_neither_an_answer_nor_money() {
    on_stage(async |scene| {
        scene.works(&[Place::TokenBowl]).await;
        let slow = |path: &str| Fault::new(FaultKind::Delay).lasting(2 * SECOND).path(path);
        scene.stage.mesh().fault(slow("/api/v1/chat"));
        scene.say(Place::Mezon, "!ask in the middle");
        scene.stage.advance(SECOND).await;
        scene.bot.crash("handlers/assistant");
        scene.pays(Place::TokenBowl).await;
        scene.expect("in the middle").await;

        let before = scene.orders();
        scene.stage.payman().fault(slow("/api/a2a/tasks"));
        let amount = scene.wants(Place::Mezon).await;
        scene.consents(Place::Mezon);
        scene.stage.advance(SECOND).await;
        scene.bot.crash("handlers/wallet");
        scene.answers(Place::TokenBowl).await;
        scene.expect(&format!("Paid {amount} USD to bob.")).await;
        assert_eq!(scene.orders(), before + 1);
        scene.bot.assert_no_dead_letters();
    });
}

#[test]
fn a_chat_platform_that_is_away_holds_up_nobody_and_loses_nothing() {
    for (away, here) in [
        (Place::Mezon, Place::TokenBowl),
        (Place::TokenBowl, Place::Mezon),
    ] {
        on_stage(async |scene| {
            scene.works(&Place::BOTH).await;
            match away {
                Place::Mezon => scene.stage.mezon().fault(outage()),
                Place::TokenBowl => scene.stage.token_bowl().fault(outage()),
            }
            scene.stage.advance(SECOND).await;
            scene.say(away, "!ask while it was away");
            scene.works(&[here]).await;
            scene.stage.advance(SECOND).await;
            scene.bot.crash("handlers/wallet");
            scene.works(&[here]).await;
            scene.stage.advance(OUTAGE).await;
            scene.expect("while it was away").await;
            scene.works(&Place::BOTH).await;
            scene.bot.assert_nothing_lost();
            scene.bot.assert_no_dead_letters();
        });
    }
}

#[test]
fn without_payman_people_are_answered_and_nobody_pays_twice() {
    on_stage(async |scene| {
        scene.works(&Place::BOTH).await;
        scene.stage.payman().fault(outage());
        let amount = scene.wants(Place::TokenBowl).await;
        scene.consents(Place::TokenBowl);
        scene
            .expect(&format!(
                "{amount} USD was paid to bob: the answer was lost"
            ))
            .await;
        for place in Place::BOTH {
            scene.answers(place).await;
        }
        let before = scene.orders();
        scene.stage.advance(OUTAGE).await;
        assert_eq!(scene.orders(), before, "what is unknown is not repeated");
        scene.works(&Place::BOTH).await;
        scene.bot.assert_restarts(0);
    });
}

#[test]
fn without_mesh_people_still_pay() {
    on_stage(async |scene| {
        scene.works(&Place::BOTH).await;
        scene.stage.mesh().fault(outage());
        scene.say(Place::Mezon, "!ask is anybody there");
        for place in Place::BOTH {
            scene.pays(place).await;
        }
        scene.stage.advance(OUTAGE).await;
        scene.works(&Place::BOTH).await;
        scene.bot.assert_restarts(0);
    });
}

/// A device listens on a real port, on threads whose clock cannot be stopped: so this one runs in real time.
#[test]
fn the_robot_nods_and_nobody_misses_it_while_it_is_away() {
    Stage::builder().in_real_time().run(async |stage| {
        let home = tempfile::tempdir().unwrap();
        let settings = ticos::Settings::new(0).host("127.0.0.1").home(home.path());
        let ticos = Ticos::new(settings);
        let client = ticos.client();
        let bot = bot(&stage, client.clone()).platform(ticos);
        let scene = Scene {
            bot: stage.start(bot).await,
            stage: stage.clone(),
            said: Cell::new(0),
        };
        let robot = stage.ticos();
        let url = format!("ws://{}/realtime", client.address().unwrap());
        assert_eq!(robot.dial(&url).await, 1);
        let nods = || told(&robot, |body| body["arguments"]["motion_tag"] == "nod");
        let speaks = |text: &str| {
            told(&robot, |body| {
                body["content"]
                    .as_str()
                    .is_some_and(|said| said.contains(text))
            })
        };

        scene.works(&Place::BOTH).await;
        stage.until("two nods", 10 * SECOND, || nods() == 2).await;
        stage
            .until("two answers", 10 * SECOND, || speaks("question") == 2)
            .await;
        // What is said to the robot is answered there, once.
        robot.say("alice", "", "who is there");
        stage
            .until("the answer", 10 * SECOND, || speaks("who is there") == 1)
            .await;

        robot.fault(FaultKind::Disconnect);
        stage
            .until("its end", 10 * SECOND, || client.agents() == 0)
            .await;
        scene.works(&Place::BOTH).await;
        assert_eq!(nods(), 2);
        robot.dial(&url).await;
        scene.bot.crash("handlers/robot");
        scene.works(&[Place::TokenBowl]).await;
        stage
            .until("another nod", 10 * SECOND, || nods() == 3)
            .await;
        assert_eq!(speaks("who is there"), 1);
        scene.bot.assert_no_dead_letters();
    });
}

/// Counts what the robot was told.
fn told(robot: &TestPlatform, is_it: impl Fn(&Value) -> bool) -> usize {
    let journal = robot.journal();
    let rows = journal.iter().map(greenroom::simulator::Entry::to_json);
    rows.filter(|row| row["direction"] == "in" && is_it(&row["body"]))
        .count()
}
