//! What the suite has to know of a platform, and the platforms.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::actors::supervisor::Backoff;
use greenroom::bot::BotBuilder;
use greenroom::mezon::{self, Mezon};
use greenroom::prelude::*;
use greenroom::simulator::{Direction, Entry, Fault, FaultKind, World};
use greenroom::testing::{Stage, StageBuilder, TestPlatform};
use greenroom::token_bowl::{self, Protocol, TokenBowl};
use greenroom_proto::mezon::Wire;
use serde_json::Value;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A platform with a connection, as the suite sees it.
#[derive(Clone, Copy)]
pub(crate) struct Platform {
    /// Its name in the simulator.
    pub(crate) name: &'static str,
    /// What its world has beside the default.
    pub(crate) world: &'static str,
    /// Puts a bot on it, with the account of the default world.
    pub(crate) put: fn(BotBuilder, url: &str, account: Account) -> BotBuilder,
    /// Who speaks where in the default world, so that the bot hears it.
    pub(crate) talks: &'static [(&'static str, &'static str)],
    /// Whether it can tell what was said while a bot was away.
    pub(crate) replays: bool,
    /// Whether what was said while a bot was away tells for sure that a message of the bot did not arrive.
    pub(crate) settles: bool,
    /// Whether the bot speaks over HTTP, so that what it says does not break with its connection.
    pub(crate) speaks_over_http: bool,
    /// The shortest wait before a try to connect.
    pub(crate) least_wait: Duration,
    /// The longest one.
    pub(crate) cap: Duration,
    /// After how long a server that has fallen silent is noticed at the latest.
    pub(crate) silence: Duration,
    /// At most so many logins in any period of this length; none if it has no logins.
    pub(crate) logins: Option<(usize, Duration)>,
    /// Says whether a request is a login.
    pub(crate) is_login: fn(target: &str) -> bool,
    /// Makes the bot log in anew, since what it was let in with is good no more.
    pub(crate) spoil: fn(&TestPlatform),
    /// Lets the acknowledgement of the next message of the bot come seconds too late, or never.
    pub(crate) lose_acknowledgement: fn(&TestPlatform),
    /// Lets the server be stuck for so long: what the bot says next is neither taken in nor answered.
    pub(crate) stick: fn(&TestPlatform, Duration),
}

/// With what a bot is put on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// A good key.
    Known,
    /// A key that nobody knows.
    Stranger,
    /// A good key, and waits so short that many reconnects fit into a test over real sockets.
    Hasty,
}

impl Account {
    fn key(self, good: &'static str) -> &'static str {
        match self {
            Self::Stranger => "a-stranger's-key",
            Self::Known | Self::Hasty => good,
        }
    }

    /// Returns the waits before tries to connect: the platform's own, but for those in haste.
    fn backoff(self, own: Backoff) -> Backoff {
        let ms = Duration::from_millis;
        match self {
            Self::Hasty => Backoff::exponential(ms(20), ms(100)),
            Self::Known | Self::Stranger => own,
        }
    }
}

pub(crate) fn mezon_v2() -> Platform {
    Platform {
        name: "mezon",
        world: "",
        put: |bot, url, account| mezon(bot, url, account, Wire::V2),
        talks: &[("alice", "general"), ("bob", "backstage"), ("alice", "dm")],
        replays: true,
        settles: true,
        speaks_over_http: false,
        least_wait: SECOND / 2,
        cap: SECOND * 60,
        silence: SECOND * 20,
        logins: Some((5, SECOND * 60)),
        is_login: |target| target.starts_with("/v2/apps/authenticate/token"),
        spoil: |mezon| mezon.fault(FaultKind::Revoke),
        lose_acknowledgement: |mezon| {
            mezon.fault(Fault::new(FaultKind::Delay).lasting(5 * SECOND));
        },
        stick: |mezon, time| mezon.fault(Fault::new(FaultKind::Stall).lasting(time)),
    }
}

/// The older wire has no call for messages of the past.
pub(crate) fn mezon_v1() -> Platform {
    Platform {
        put: |bot, url, account| mezon(bot, url, account, Wire::V1),
        replays: false,
        settles: false,
        ..mezon_v2()
    }
}

fn mezon(bot: BotBuilder, url: &str, account: Account, wire: Wire) -> BotBuilder {
    let key = account.key("sim-mezon-key");
    let mut settings = mezon::Settings::new("1000000000000000001", key);
    settings.base_url = url.parse().unwrap();
    settings.wire = Some(wire);
    settings.backoff = account.backoff(settings.backoff);
    bot.platform(Mezon::new(settings))
}

/// A server that keeps more than the hundred messages of the public one, so that there is something to fetch.
pub(crate) fn token_bowl() -> Platform {
    Platform {
        name: "token_bowl",
        world: "[token_bowl]\nhistory = 30000\n",
        put: |bot, url, account| token_bowl_line(bot, url, account, Protocol::Plain),
        talks: &[("alice", "room"), ("bob", "@greenroom"), ("admin", "room")],
        replays: true,
        settles: false,
        speaks_over_http: false,
        least_wait: Duration::ZERO,
        cap: SECOND * 30,
        silence: SECOND * 75,
        logins: None,
        is_login: |target| target.starts_with("/ws"),
        spoil: |server| server.fault(FaultKind::Disconnect),
        lose_acknowledgement: |server| {
            server.fault(Fault::new(FaultKind::Clog).lasting(5 * SECOND));
        },
        stick: |server, time| server.fault(Fault::new(FaultKind::Stall).lasting(time)),
    }
}

/// The line of the newer servers.
pub(crate) fn token_bowl_centrifugo() -> Platform {
    Platform {
        put: |bot, url, account| token_bowl_line(bot, url, account, Protocol::Centrifugo),
        speaks_over_http: true,
        silence: SECOND * 35,
        logins: Some((5, SECOND * 60)),
        is_login: |target| target.starts_with("/centrifugo/connection-token"),
        spoil: |server| {
            server.fault(FaultKind::Expire);
            server.fault(FaultKind::Disconnect);
        },
        lose_acknowledgement: |server| {
            server.fault(Fault::new(FaultKind::Truncate).path("/messages"));
        },
        stick: |server, time| {
            let late = Fault::new(FaultKind::Delay).path("/messages");
            server.fault(late.lasting(time));
        },
        ..token_bowl()
    }
}

fn token_bowl_line(bot: BotBuilder, url: &str, account: Account, protocol: Protocol) -> BotBuilder {
    let mut settings = token_bowl::Settings::new(account.key("sim-greenroom-key"));
    settings.base_url = url.parse().unwrap();
    settings.protocol = protocol;
    settings.history_limit = 30_000;
    settings.timeout = 10 * SECOND;
    settings.backoff = account.backoff(settings.backoff);
    bot.platform(TokenBowl::new(settings))
}

/// What a bot has heard, in the order in which it was handled: place and text.
pub(crate) type Heard = Arc<Mutex<Vec<(String, String)>>>;

impl Platform {
    /// Returns its world.
    pub(crate) fn world(&self) -> World {
        World::parse(self.world).unwrap()
    }

    /// Begins a stage with its world; frames are not in the trace, since there are many of them.
    pub(crate) fn stage(&self, seed: u64) -> StageBuilder {
        let stage = Stage::builder().seed(seed).frames(false);
        stage.world(self.world())
    }

    /// Runs a test with some seeds; a panic tells which one it was.
    pub(crate) fn with_seeds(&self, seeds: u64, test: impl AsyncFn(Stage)) {
        for seed in 1..=seeds {
            let stage = self.stage(seed).frames(true);
            stage.run(async |stage: Stage| test(stage).await);
        }
    }

    /// Begins a bot on the platform.
    pub(crate) fn bot(&self, stage: &Stage, name: &str) -> BotBuilder {
        let url = stage.platform(self.name).url();
        (self.put)(Bot::builder(name), &url, Account::Known)
    }

    /// A bot that answers every message once, in so many words.
    pub(crate) fn answering(&self, stage: &Stage) -> BotBuilder {
        self.bot(stage, "answering")
            .on("answer", async |message: Event<ChatMessage>| {
                if !message.is_own {
                    message.reply(format!("re {}", message.text)).await?;
                }
                Ok(())
            })
    }

    /// A bot that only writes down what it hears.
    pub(crate) fn listening(&self, stage: &Stage) -> (BotBuilder, Heard) {
        let heard = Heard::default();
        let bot = listen(self.bot(stage, "listening"), &heard);
        (bot, heard)
    }

    /// Lets somebody speak: the next of those who do.
    pub(crate) fn say(&self, stage: &Stage, number: usize) {
        let (from, channel) = self.talks[number % self.talks.len()];
        let platform = stage.platform(self.name);
        platform.say(from, channel, &number.to_string());
    }

    /// Counts the requests over HTTP whose target `is_it`.
    pub(crate) fn requests(&self, stage: &Stage, is_it: impl Fn(&str) -> bool) -> usize {
        let entries = stage.platform(self.name).journal();
        let is_it = |entry: &&Entry| {
            let http = entry.http.as_ref();
            entry.direction == Direction::In && http.is_some_and(|http| is_it(&http.path))
        };
        entries.iter().filter(is_it).count()
    }
}

pub(crate) fn listen(bot: BotBuilder, heard: &Heard) -> BotBuilder {
    let heard = Arc::clone(heard);
    bot.on("listen", async move |message: Event<ChatMessage>| {
        if !message.is_own {
            let place = format!("{:?}", message.envelope().channel);
            heard.lock().unwrap().push((place, message.text.clone()));
        }
        Ok(())
    })
}

/// Returns the lines of a trace that are of this kind.
pub(crate) fn lines(stage: &Stage, what: &str) -> Vec<Value> {
    let lines = stage.trace().lines().into_iter();
    lines.filter(|line| line["what"] == what).collect()
}

/// Returns the moment of a line.
pub(crate) fn moment(line: &Value) -> Duration {
    Duration::from_millis(line["at_ms"].as_u64().unwrap())
}
