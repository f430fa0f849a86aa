//! What is trouble, and when it is told: plain functions over plain data.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use greenroom_actors::clock::Instant;

use super::Alert;

/// From when on something is trouble. A zero is never.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// How often one actor may be started again within the period; one more is told. 3 by default.
    pub restarts: usize,
    /// So many dead letters of one handler within the period are told; 1 by default.
    pub dead_letters: u64,
    /// How long a platform may be away; 30 s by default.
    pub lost: Duration,
    /// So many events that wait for one handler are told; 512 by default, half of what a queue holds.
    pub waiting: usize,
    /// The period; 60 s by default.
    pub period: Duration,
    /// What was told is not told again for so long, even if it was over meanwhile; 10 min by default.
    pub quiet: Duration,
    /// Whether it is told when something is over; true by default.
    pub all_clear: bool,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            restarts: 3,
            dead_letters: 1,
            lost: Duration::from_secs(30),
            waiting: 512,
            period: Duration::from_secs(60),
            quiet: Duration::from_secs(600),
            all_clear: true,
        }
    }
}

/// What can be seen of a bot at one moment.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The connections that do not work, with the reason, if it is known.
    pub(super) down: Vec<(Connection, Option<String>)>,
    /// The dead letters that each handler has had in all, and how many events wait for it.
    pub(super) handlers: BTreeMap<String, (u64, usize)>,
}

/// A connection: its platform and its bot or account.
pub(super) type Connection = (&'static str, String);

/// What is in trouble, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    DeadLetters(String),
    Lost(Connection),
    Restarts(String),
    Waiting(String),
}

/// Remembers what it has seen and told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    down_since: BTreeMap<Connection, Instant>,
    restarts: BTreeMap<String, VecDeque<Instant>>,
    dead: BTreeMap<String, Deaths>,
    told: BTreeMap<Cause, Told>,
}

/// The dead letters of a handler: how many it has had in all, and when which of them came.
#[derive(Debug)]
struct Deaths {
    seen: u64,
    times: VecDeque<(Instant, u64)>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    is_over: bool,
}

impl Watch {
    /// Notes that an actor is started again.
    pub(super) fn restarted(&mut self, child: &str, now: Instant) {
        if self.restarts.len() >= ACTORS && !self.restarts.contains_key(child) {
            return;
        }
        let times = self.restarts.entry(child.to_owned()).or_default();
        times.push_back(now);
        if times.len() > TIMES {
            times.pop_front();
        }
    }

    /// Looks at the bot, and says what is to be told.
    pub(super) fn look(
        &mut self,
        now: Instant,
        reading: &Reading,
        limits: &Thresholds,
    ) -> Vec<Alert> {
        let troubles = self.troubles(now, reading, limits);
        let mut alerts = Vec::new();
        for (cause, text) in &troubles {
            let told = self.told.get(cause);
            let is_news = told.is_none_or(|told| {
                told.is_over && now.saturating_duration_since(told.at) >= limits.quiet
            });
            if is_news {
                let told = Told {
                    at: now,
                    is_over: false,
                };
                self.told.insert(cause.clone(), told);
                alerts.push(cause.alert(text.clone(), false));
            }
        }
        for (cause, told) in &mut self.told {
            if !told.is_over && !troubles.contains_key(cause) {
                told.is_over = true;
                if limits.all_clear {
                    alerts.push(cause.alert(cause.over(), true));
                }
            }
        }
        self.told.retain(|_, told| {
            !told.is_over || now.saturating_duration_since(told.at) < limits.quiet
        });
        alerts
    }

    fn troubles(
        &mut self,
        now: Instant,
        reading: &Reading,
        limits: &Thresholds,
    ) -> BTreeMap<Cause, String> {
        let is_past = |at: Instant| now.saturating_duration_since(at) > limits.period;
        let mut troubles = BTreeMap::new();
        let down = |one: &Connection| reading.down.iter().any(|(down, _)| down == one);
        self.down_since.retain(|one, _| down(one));
        for (connection, reason) in &reading.down {
            let since = *self.down_since.entry(connection.clone()).or_insert(now);
            let away = now.saturating_duration_since(since);
            if !limits.lost.is_zero() && away >= limits.lost {
                let reason = reason
                    .as_deref()
                    .map(|reason| format!(": {}", short(reason)));
                let text = format!(
                    "{} is not connected for {} s{}",
                    named(connection),
                    away.as_secs(),
                    reason.unwrap_or_default()
                );
                troubles.insert(Cause::Lost(connection.clone()), text);
            }
        }
        self.restarts.retain(|_, times| {
            times.retain(|at| !is_past(*at));
            !times.is_empty()
        });
        for (child, times) in &self.restarts {
            if limits.restarts > 0 && times.len() > limits.restarts {
                let text = format!(
                    "`{child}` was started again {} times within {} s",
                    times.len(),
                    limits.period.as_secs()
                );
                troubles.insert(Cause::Restarts(child.clone()), text);
            }
        }
        for (handler, (dead, waiting)) in &reading.handlers {
            // What was there before the first look is no news.
            let deaths = self.dead.entry(handler.clone()).or_insert_with(|| Deaths {
                seen: *dead,
                times: VecDeque::new(),
            });
            if *dead > deaths.seen {
                deaths.times.push_back((now, dead - deaths.seen));
            }
            deaths.seen = *dead;
            deaths.times.retain(|(at, _)| !is_past(*at));
            let new: u64 = deaths.times.iter().map(|(_, number)| number).sum();
            if limits.dead_letters > 0 && new >= limits.dead_letters {
                let text = match new {
                    1 => format!("an event became a dead letter at `{handler}`"),
                    many => format!("{many} events became dead letters at `{handler}`"),
                };
                troubles.insert(Cause::DeadLetters(handler.clone()), text);
            }
            if limits.waiting > 0 && *waiting >= limits.waiting {
                let text = format!("{waiting} events wait for `{handler}`");
                troubles.insert(Cause::Waiting(handler.clone()), text);
            }
        }
        troubles
    }
}

impl Cause {
    fn alert(&self, text: String, is_over: bool) -> Alert {
        Alert {
            text,
            is_over,
            platform: match self {
                Self::Lost((platform, _)) => Some((*platform).to_owned()),
                Self::DeadLetters(_) | Self::Restarts(_) | Self::Waiting(_) => None,
            },
        }
    }

    fn over(&self) -> String {
        match self {
            Self::DeadLetters(handler) => {
                format!("All clear: no more dead letters at `{handler}`")
            }
            Self::Lost(connection) => {
                format!("All clear: {} is connected again", named(connection))
            }
            Self::Restarts(child) => format!("All clear: `{child}` works without restarts again"),
            Self::Waiting(handler) => format!("All clear: `{handler}` has caught up"),
        }
    }
}

fn named((platform, bot): &Connection) -> String {
    match bot.as_str() {
        "" => (*platform).to_owned(),
        bot => format!("{platform} ({bot})"),
    }
}

fn short(reason: &str) -> String {
    let clean = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(200).collect()
}

/// So many actors are watched at once,
const ACTORS: usize = 1_000;
/// and so many restarts of each.
const TIMES: usize = 1_000;

#[cfg(test)]
mod tests {
    use greenroom_actors::clock;

    use super::*;

    fn texts(alerts: Vec<Alert>) -> Vec<String> {
        alerts.into_iter().map(|alert| alert.text).collect()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn down() -> Reading {
        let connection = ("mezon", "bot".to_owned());
        Reading {
            down: vec![(connection, Some("refused".to_owned()))],
            ..Reading::default()
        }
    }

    fn handler(dead: u64, waiting: usize) -> Reading {
        Reading {
            handlers: BTreeMap::from([("echo".to_owned(), (dead, waiting))]),
            ..Reading::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_platform_that_is_away_is_told_once_and_its_return_too() {
        let (mut watch, limits, start) = (Watch::default(), Thresholds::default(), clock::now());
        let mut look =
            |at, reading: &Reading| texts(watch.look(start + seconds(at), reading, &limits));
        assert!(look(0, &down()).is_empty());
        assert!(look(29, &down()).is_empty());
        assert_eq!(
            look(30, &down()),
            ["mezon (bot) is not connected for 30 s: refused"]
        );
        assert!(look(500, &down()).is_empty());
        assert_eq!(
            look(600, &Reading::default()),
            ["All clear: mezon (bot) is connected again"]
        );
        // It comes and goes: nothing is told before the quiet is over, not even that it is back.
        assert!(look(601, &down()).is_empty());
        assert!(look(620, &Reading::default()).is_empty());
        assert!(look(700, &down()).is_empty());
        assert_eq!(
            look(730, &down()),
            ["mezon (bot) is not connected for 30 s: refused"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flapping_platform_is_quiet() {
        let (mut watch, limits, start) = (Watch::default(), Thresholds::default(), clock::now());
        let mut told = 0;
        for round in 0..20 {
            for (at, reading) in [(0, down()), (31, down()), (40, Reading::default())] {
                let now = start + seconds(round * 60 + at);
                told += watch.look(now, &reading, &limits).len();
            }
        }
        assert_eq!(
            told, 4,
            "twice in twenty minutes, and twice that it is over"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn restarts_count_within_the_period_only() {
        let (mut watch, limits, start) = (Watch::default(), Thresholds::default(), clock::now());
        let none = Reading::default();
        for number in 0..10 {
            let now = start + seconds(number * 25);
            watch.restarted("echo", now);
            assert!(
                watch.look(now, &none, &limits).is_empty(),
                "3 a minute may be"
            );
        }
        let later = start + seconds(1_000);
        for _ in 0..4 {
            watch.restarted("echo", later);
        }
        assert_eq!(
            texts(watch.look(later, &none, &limits)),
            ["`echo` was started again 4 times within 60 s"]
        );
        assert_eq!(
            texts(watch.look(later + seconds(61), &none, &limits)),
            ["All clear: `echo` works without restarts again"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn new_dead_letters_and_full_queues_are_told_and_old_ones_are_not() {
        let (mut watch, limits, start) = (Watch::default(), Thresholds::default(), clock::now());
        let mut look =
            |at, reading: &Reading| texts(watch.look(start + seconds(at), reading, &limits));
        assert!(look(0, &handler(7, 0)).is_empty(), "they were there before");
        assert!(look(200, &handler(7, 511)).is_empty());
        assert_eq!(
            look(205, &handler(8, 0)),
            ["an event became a dead letter at `echo`"]
        );
        assert!(look(210, &handler(9, 0)).is_empty(), "it is known");
        assert_eq!(
            look(275, &handler(9, 0)),
            ["All clear: no more dead letters at `echo`"]
        );
        assert_eq!(look(280, &handler(9, 512)), ["512 events wait for `echo`"]);
        assert_eq!(
            look(285, &handler(9, 3)),
            ["All clear: `echo` has caught up"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_zero_switches_off() {
        let limits = Thresholds {
            restarts: 0,
            dead_letters: 0,
            lost: Duration::ZERO,
            waiting: 0,
            ..Thresholds::default()
        };
        let (mut watch, now) = (Watch::default(), clock::now());
        for round in 0..9 {
            watch.restarted("echo", now);
            let mut reading = handler(round, 1_000_000);
            reading.down = down().down;
            assert!(
                watch
                    .look(now + seconds(round * 100), &reading, &limits)
                    .is_empty()
            );
        }
    }
}
