//! A bot on the stage, and what can be expected of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use greenroom_actors::clock;
use serde_json::json;

use super::heard::{Heard, Said};
use super::probe::{Handed, Probe};
use super::trace::Trace;
use crate::bot::{BotBuilder, BotError, Report, Running};

/// A bot that a test has started. Clones are the same bot.
///
/// What it says is what the platforms have on record of any bot: a message that was cut off on its way was not said.
#[derive(Clone)]
pub struct TestBot {
    inner: Rc<Inner>,
}

struct Inner {
    name: String,
    running: Running,
    trace: Trace,
    heard: Arc<Heard>,
    handed: Handed,
    patience: Duration,
    /// Only what was said from here on is its own.
    since: usize,
    /// Which of that was expected already.
    expected: RefCell<BTreeSet<usize>>,
    is_stopped: Cell<bool>,
}

/// What became of the messages that users have said while a bot ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// How many there were.
    pub said: usize,
    /// Those that were never handed to a handler.
    pub lost: Vec<String>,
    /// Those that were handed to one handler more than once.
    pub duplicated: Vec<String>,
}

impl fmt::Debug for TestBot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBot")
            .field("name", &self.inner.name)
            .finish_non_exhaustive()
    }
}

impl TestBot {
    pub(super) fn start(
        bot: BotBuilder,
        trace: Trace,
        heard: Arc<Heard>,
        patience: Duration,
    ) -> Result<Self, BotError> {
        let name = bot.name().to_owned();
        let handed = Handed::default();
        let probe = Probe::register(&name, &trace, &handed);
        trace.note("start", json!({"bot": name}));
        let running = bot.handler(probe).build()?.start();
        let since = heard.count();
        Ok(Self {
            inner: Rc::new(Inner {
                name,
                running,
                trace,
                heard,
                handed,
                patience,
                since,
                expected: RefCell::default(),
                is_stopped: Cell::new(false),
            }),
        })
    }

    /// Returns the bot itself: its tree, counters and router.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.inner.running
    }

    /// Waits until the bot says `text` in whatever channel, and returns the message. Each message meets one expectation only; others
    /// that it says meanwhile stay for later ones.
    ///
    /// # Panics
    ///
    /// If it does not within the patience of the stage, 60 s of virtual time; the panic tells what was said instead, and what
    /// happened last.
    pub async fn expect_reply(&self, text: &str) -> Said {
        self.expect_where(&format!("the reply {text:?}"), |said| said.text == text)
            .await
    }

    /// As [`expect_reply`](Self::expect_reply), for whatever message `is_it`; `what` is for the panic.
    ///
    /// # Panics
    ///
    /// As [`expect_reply`](Self::expect_reply).
    pub async fn expect_where(&self, what: &str, is_it: impl Fn(&Said) -> bool) -> Said {
        let deadline = clock::now() + self.inner.patience;
        let found = self.inner.heard.wait(deadline, |said| {
            let place = self.unexpected(said).find(|place| is_it(&said[*place]))?;
            self.inner.expected.borrow_mut().insert(place);
            Some(said[place].clone())
        });
        match found.await {
            Some(said) => said,
            None => self.disappointed(&format!("{what} did not come")),
        }
    }

    /// Waits for `duration` of virtual time and checks that the bot says nothing that is not yet expected.
    ///
    /// # Panics
    ///
    /// If it does, or has before.
    pub async fn expect_no_reply(&self, duration: Duration) {
        let deadline = clock::now() + duration;
        let found = self.inner.heard.wait(deadline, |said| {
            let place = self.unexpected(said).next()?;
            Some(said[place].clone())
        });
        if let Some(said) = found.await {
            self.disappointed(&format!("nothing was to be said, but {:?} was", said.text));
        }
    }

    /// Returns all that was said by bots since this one was started, in the order of the platform's records.
    #[must_use]
    pub fn replies(&self) -> Vec<Said> {
        self.inner.heard.look(|said| {
            let since = said.iter().skip(self.inner.since);
            since.filter(|said| said.is_bot).cloned().collect()
        })
    }

    /// Says what became of the messages that users have said since the bot was started.
    #[must_use]
    pub fn losses(&self) -> Losses {
        let handed = self
            .inner
            .handed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut losses = Losses::default();
        self.inner.heard.look(|said| {
            for said in said
                .iter()
                .skip(self.inner.since)
                .filter(|said| !said.is_bot)
            {
                losses.said += 1;
                match handed.get(&said.id).copied().unwrap_or_default() {
                    0 => losses.lost.push(said.text.clone()),
                    1 => {}
                    _ => losses.duplicated.push(said.text.clone()),
                }
            }
        });
        losses
    }

    /// Returns how often actors of the bot were restarted.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.inner.running.tree().total_restarts()
    }

    /// Returns how often a connection of the bot was lost and is live again.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.inner.running.counters().reconnects.get()
    }

    /// Says whether the bot has given up by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !self.inner.is_stopped.get() && !self.inner.running.health().live
    }

    /// Returns the actor with the most messages waiting, and how many these are.
    #[must_use]
    pub fn deepest(&self) -> (String, usize) {
        let tree = self.inner.running.tree();
        let mut deepest = (String::new(), 0);
        tree.walk(&mut |node| {
            if node.figures.depth >= deepest.1 {
                deepest = (node.name.clone(), node.figures.depth);
            }
        });
        deepest
    }

    /// Lets an actor of the bot, such as `handlers/wallet`, end as if it had panicked, whatever it is doing; it is started again as after
    /// any crash.
    ///
    /// # Panics
    ///
    /// If none of this name runs.
    pub fn crash(&self, actor: &str) {
        let bot = &self.inner.name;
        let line = json!({"bot": bot, "actor": actor});
        self.inner.trace.note("crash", line);
        if self.inner.running.crash(actor) == 0 {
            self.disappointed(&format!("no actor named `{actor}` runs"));
        }
    }

    /// Stops the bot in order, and says what it has done.
    pub async fn stop(&self) -> Report {
        if self.inner.is_stopped.replace(true) {
            return self.inner.running.report();
        }
        let bot = &self.inner.name;
        self.inner.trace.note("stop", json!({"bot": bot}));
        self.inner.running.shutdown().await
    }

    /// Checks that every message that users have said was handed to the handlers exactly once.
    ///
    /// # Panics
    ///
    /// If one was lost or came twice.
    pub fn assert_nothing_lost(&self) {
        let losses = self.losses();
        if !losses.lost.is_empty() || !losses.duplicated.is_empty() {
            self.disappointed(&format!(
                "of {} messages {} were lost: {:?}, and {} came twice: {:?}",
                losses.said,
                losses.lost.len(),
                first(&losses.lost),
                losses.duplicated.len(),
                first(&losses.duplicated),
            ));
        }
    }

    /// Checks that the bot has said these texts, each as often as it is listed, and nothing else; in whatever order.
    ///
    /// # Panics
    ///
    /// If it has not.
    pub fn assert_said<T: Into<String>>(&self, texts: impl IntoIterator<Item = T>) {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for text in texts {
            *counts.entry(text.into()).or_default() -= 1;
        }
        for said in self.replies() {
            *counts.entry(said.text).or_default() += 1;
        }
        let pick = |sign: i64| {
            let wrong = counts.iter().filter(|(_, count)| count.signum() == sign);
            wrong.map(|(text, _)| text.clone()).collect::<Vec<_>>()
        };
        let (missing, extra) = (pick(-1), pick(1));
        if !missing.is_empty() || !extra.is_empty() {
            self.disappointed(&format!(
                "{} texts were not said: {:?}, and {} were said too often: {:?}",
                missing.len(),
                first(&missing),
                extra.len(),
                first(&extra),
            ));
        }
    }

    /// Checks that the bot has said these texts in this order, whatever else it said between them.
    ///
    /// # Panics
    ///
    /// If it has not.
    pub fn assert_order<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>) {
        let replies = self.replies();
        let mut said = replies.iter();
        for text in texts {
            let text = text.as_ref();
            if !said.any(|said| said.text == text) {
                self.disappointed(&format!("{text:?} was not said in its turn"));
            }
        }
    }

    /// Checks how often actors of the bot were restarted.
    ///
    /// # Panics
    ///
    /// If it was another number of times; the panic shows the tree.
    pub fn assert_restarts(&self, times: u64) {
        let restarts = self.restarts();
        if restarts != times {
            let tree = self.inner.running.tree();
            self.disappointed(&format!("{restarts} restarts in place of {times}\n{tree}"));
        }
    }

    /// Checks how often a connection was lost and is live again.
    ///
    /// # Panics
    ///
    /// If it was another number of times.
    pub fn assert_reconnects(&self, times: u64) {
        let reconnects = self.reconnects();
        if reconnects != times {
            self.disappointed(&format!("{reconnects} reconnects in place of {times}"));
        }
    }

    /// Checks that every event could be handled.
    ///
    /// # Panics
    ///
    /// If there are dead letters; the panic lists the last of them.
    pub fn assert_no_dead_letters(&self) {
        let letters = self.inner.running.router().dead_letters();
        if letters.total() > 0 {
            let list = letters.list();
            let last: Vec<_> = list.iter().rev().take(SHOWN).collect();
            self.disappointed(&format!("{} dead letters: {last:#?}", letters.total()));
        }
    }

    /// Checks that no actor of the bot has more than `limit` messages waiting.
    ///
    /// # Panics
    ///
    /// If one has.
    pub fn assert_bounded(&self, limit: usize) {
        let (name, depth) = self.deepest();
        if depth > limit {
            self.disappointed(&format!("{depth} messages wait for `{name}`, {limit} may"));
        }
    }

    fn unexpected<'a>(&'a self, said: &'a [Said]) -> impl Iterator<Item = usize> + 'a {
        let places = self.inner.since..said.len();
        places.filter(|place| said[*place].is_bot && !self.inner.expected.borrow().contains(place))
    }

    fn disappointed(&self, what: &str) -> ! {
        let left: Vec<String> = self.inner.heard.look(|said| {
            let left = self.unexpected(said);
            left.map(|place| said[place].text.clone()).collect()
        });
        panic!(
            "{}: {what}\nsaid and not expected: {:?}\nthe last that happened:\n{}",
            self.inner.name,
            first(&left),
            self.inner.trace.tail(TAIL),
        )
    }
}

fn first(texts: &[String]) -> &[String] {
    &texts[..texts.len().min(SHOWN)]
}

const SHOWN: usize = 10;
const TAIL: usize = 20;
