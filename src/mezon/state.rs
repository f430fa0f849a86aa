//! What a bot knows and remembers of the platform, shared by its actors; it outlives each of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::clock::{self, Instant};
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_proto::mezon::{MessageView, Wire, api, realtime};
use tokio::sync::OnceCell;

use super::agent::AgentState;
use super::caches::Caches;
use super::fifo::Fifo;
use super::limits::{DIRECT_CLAN, DIRECT_MODE, REMOVED, UPDATED, mode_of};
use super::model::Channel;
use super::trail::{Step, Trail};

/// How to write into a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) clan_id: i64,
    pub(super) mode: i32,
    pub(super) is_public: bool,
}

/// A channel as requests about it name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) clan_id: i64,
    pub(super) channel_id: i64,
    pub(super) mode: i32,
    pub(super) is_public: bool,
}

impl Place {
    pub(super) fn new(channel_id: i64, route: Route) -> Self {
        Self {
            clan_id: route.clan_id,
            channel_id,
            mode: route.mode,
            is_public: route.is_public,
        }
    }
}

/// The shared knowledge. Nothing waits while it is locked.
#[derive(Debug, Default)]
pub(super) struct State(Mutex<Known>);

#[derive(Debug)]
pub(super) struct Known {
    pub(super) me: Id,
    pub(super) wire: Option<Wire>,
    pub(super) caches: Caches,
    /// How messages of channels that are not in the cache were sent.
    routes: Fifo<Route>,
    /// The topics of messages that belong to one.
    topics: Fifo<i64>,
    /// The clans whose channels were asked for; each is asked once.
    loads: Fifo<Arc<OnceCell<()>>>,
    /// The channels that somebody spoke in and that were asked for.
    asked: Fifo<()>,
    /// Channels that were joined by hand, to be joined again.
    pub(super) joined: BTreeMap<i64, realtime::ChannelJoin>,
    /// What was delivered last in each channel.
    seen: Fifo<Trail>,
    /// When it was noted what was there before the bot came, in seconds since 1970.
    pub(super) baseline_at: Option<u64>,
    /// A message that comes twice is delivered twice.
    pub(super) repeats: bool,
    /// The last messages that were delivered, of all channels: channel and id.
    recent: VecDeque<(i64, i64)>,
    /// Messages that were fetched after a reconnect and may come once more over the socket.
    replayed: BTreeSet<i64>,
    replayed_at: Option<Instant>,
    /// Channels of which more is to be fetched when what was fetched is delivered.
    pub(super) unfetched: Vec<(i64, Seen)>,
    /// What the bot itself has said lately, as it came back.
    own: VecDeque<Echo>,
    /// Messages of the bot that were acknowledged lately.
    acknowledged: VecDeque<i64>,
    /// When the last link was lost.
    lost_at: Option<Instant>,
    /// How it is with the events of agents.
    pub(super) agent: AgentState,
}

/// A message of the bot that came back as an event.
#[derive(Debug)]
struct Echo {
    channel_id: i64,
    message_id: i64,
    content: String,
    at: Instant,
}

/// What was seen of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) clan_id: i64,
    /// The newest message that was delivered.
    pub(super) message_id: i64,
    /// What came after this one may have been missed.
    pub(super) after: i64,
    /// Something was delivered there lately, so that something else may have been overtaken by it.
    pub(super) is_busy: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            me: Id::NONE,
            wire: None,
            caches: Caches::default(),
            routes: Fifo::new(CHANNELS),
            topics: Fifo::new(TOPICS),
            loads: Fifo::new(CLANS),
            asked: Fifo::new(CHANNELS),
            joined: BTreeMap::new(),
            seen: Fifo::new(SEEN),
            baseline_at: None,
            repeats: false,
            recent: VecDeque::new(),
            replayed: BTreeSet::new(),
            replayed_at: None,
            unfetched: Vec::new(),
            own: VecDeque::new(),
            acknowledged: VecDeque::new(),
            lost_at: None,
            agent: AgentState::Off,
        }
    }
}

impl State {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Says how to write into a channel, if that is known.
    pub(super) fn route(&self, channel_id: i64) -> Option<Route> {
        let cached = self.caches.channel(channel_id).map(Route::from);
        cached.or_else(|| self.routes.get(channel_id).copied())
    }

    /// Completes the key of a conversation: some events name the channel only.
    pub(super) fn key(&self, clan_id: i64, channel_id: i64) -> ChannelKey {
        let clan_id = match clan_id {
            0 if channel_id != 0 => self.route(channel_id).map_or(0, |route| route.clan_id),
            clan_id => clan_id,
        };
        ChannelKey::new(clan_id, channel_id)
    }

    /// Returns what makes sure that the channels of a clan are asked for once.
    pub(super) fn load_of(&mut self, clan_id: i64) -> Arc<OnceCell<()>> {
        Arc::clone(self.loads.get_or(clan_id, Arc::default))
    }

    /// Says whether a channel of which nothing is known is to be asked for: once.
    pub(super) fn wants(&mut self, channel_id: i64) -> bool {
        if channel_id == 0 || self.asked.get(channel_id).is_some() {
            return false;
        }
        self.asked.set(channel_id, ());
        true
    }

    /// Forgets a clan that the bot is in no more.
    pub(super) fn left_clan(&mut self, clan_id: i64) {
        self.caches.remove_clan(clan_id);
        self.loads.remove(clan_id);
        self.joined.retain(|_, join| join.clan_id != clan_id);
    }

    /// Returns the topic that a message belongs to, or 0.
    pub(super) fn topic(&self, message_id: i64) -> i64 {
        self.topics.get(message_id).copied().unwrap_or_default()
    }

    /// Learns from a message that is about to be delivered. Returns none if it was delivered before, or else whether its channel is known
    /// beside what messages in it tell.
    pub(super) fn learn(&mut self, message: &MessageView<'_>) -> Option<bool> {
        let is_new = !matches!(message.code, UPDATED | REMOVED);
        if is_new && !self.saw(message.clan_id, message.channel_id, message.message_id) {
            return None;
        }
        let is_known = self.caches.channel(message.channel_id).is_some();
        if !is_known && self.routes.get(message.channel_id).is_none() {
            let route = Route {
                clan_id: message.clan_id,
                mode: message.mode,
                is_public: message.is_public,
            };
            self.routes.set(message.channel_id, route);
        }
        if message.topic_id != 0 {
            self.topics.set(message.message_id, message.topic_id);
        }
        if is_new && self.me == message.sender_id {
            let echo = Echo {
                channel_id: message.channel_id,
                message_id: message.message_id,
                content: String::from_utf8_lossy(message.content).into_owned(),
                at: clock::now(),
            };
            remember(&mut self.own, echo, OWN);
        }
        self.caches.learn_sender(message);
        Some(is_known)
    }

    /// Remembers that a message is delivered. Returns false if it was before.
    pub(super) fn saw(&mut self, clan_id: i64, channel_id: i64, message_id: i64) -> bool {
        if !self.replayed.is_empty() && self.was_replayed(message_id) {
            return false;
        }
        let step = match self.seen.get_mut(channel_id) {
            _ if message_id == 0 => Step::New,
            Some(trail) => trail.step(message_id),
            None => {
                self.seen.set(channel_id, Trail::after(clan_id, message_id));
                Step::New
            }
        };
        let message = (channel_id, message_id);
        let is_again =
            || step == Step::Again || (step == Step::Old && self.recent.contains(&message));
        if !self.repeats && is_again() {
            return false;
        }
        remember(&mut self.recent, message, RECENT);
        true
    }

    /// Notes what is the last message of a channel now: only what comes after it can be missed.
    pub(super) fn baseline(&mut self, clan_id: i64, channel: &api::ChannelDescription) {
        if self.seen.get(channel.channel_id).is_none() {
            let last = last_of(channel).unwrap_or_default();
            self.seen
                .set(channel.channel_id, Trail::after(clan_id, last));
        }
    }

    #[cold]
    fn was_replayed(&mut self, message_id: i64) -> bool {
        let age = self
            .replayed_at
            .map(|at| clock::now().saturating_duration_since(at));
        if age.is_none_or(|age| age > REPLAY_WINDOW) {
            self.replayed.clear();
            return false;
        }
        self.replayed.contains(&message_id)
    }

    /// Says whether what is missed in a channel is fetched.
    pub(super) fn is_seen(&self, channel_id: i64) -> bool {
        self.seen.get(channel_id).is_some()
    }

    /// Lists the clans in which messages can have been missed.
    pub(super) fn seen_clans(&self) -> BTreeSet<i64> {
        self.seen.entries().map(|(_, seen)| seen.clan_id).collect()
    }

    /// Lists the channels of a clan, and the last message of each that was delivered.
    pub(super) fn seen_in(&self, clan_id: i64) -> Vec<(i64, Seen)> {
        let busy = self.recent.iter().rev().take(BUSY);
        let busy: BTreeSet<_> = busy.map(|(channel, _)| *channel).collect();
        let all = self
            .seen
            .entries()
            .filter(|(_, trail)| trail.clan_id == clan_id);
        all.map(|(channel, trail)| {
            let seen = Seen {
                clan_id,
                message_id: trail.last(),
                after: trail.first(),
                is_busy: busy.contains(&channel),
            };
            (channel, seen)
        })
        .collect()
    }

    /// Takes out of `missed` what was delivered already, and prepares for the rest to come again over the socket.
    pub(super) fn begin_replay(&mut self, missed: &mut Vec<api::ChannelMessage>) {
        let delivered: BTreeSet<_> = self.recent.iter().map(|(_, id)| *id).collect();
        // A server that does not tell its last messages would give all that was ever said.
        let since = self
            .baseline_at
            .unwrap_or_default()
            .saturating_sub(CLOCK_TOLERANCE);
        missed.retain(|message| {
            let at = u64::from(message.create_time_seconds);
            let trail = self.seen.get(message.channel_id);
            !delivered.contains(&message.message_id)
                && !trail.is_some_and(|trail| trail.has(message.message_id))
                && (at == 0 || at >= since)
        });
        self.replayed_at = Some(clock::now());
    }

    /// Remembers that a message was fetched: if it comes over the socket as well, it was delivered before.
    pub(super) fn replayed(&mut self, message_id: i64) {
        self.replayed.insert(message_id);
        if self.replayed.len() > REPLAYED {
            // The oldest is the least likely one to come again.
            self.replayed.pop_first();
        }
    }

    /// Remembers that the link is lost.
    pub(super) fn lost_link(&mut self) {
        self.lost_at = Some(clock::now());
        self.unfetched.clear();
    }

    /// Finds what a message became whose acknowledgement was lost with the link, sent at most `window` before that.
    pub(super) fn unacknowledged(
        &self,
        channel_id: i64,
        content: &str,
        window: Duration,
    ) -> Option<i64> {
        let since = self.lost_at.and_then(|lost| lost.checked_sub(window));
        let is_it = |echo: &&Echo| {
            echo.channel_id == channel_id
                && echo.content == content
                && since.is_none_or(|since| echo.at >= since)
                && !self.is_acknowledged(echo.message_id)
        };
        self.own.iter().find(is_it).map(|echo| echo.message_id)
    }

    /// Says whether a message of the bot is known to be there, to whoever sent it.
    pub(super) fn is_acknowledged(&self, message_id: i64) -> bool {
        self.acknowledged.contains(&message_id)
    }

    /// Remembers that the platform has taken a message of the bot.
    pub(super) fn acknowledge(&mut self, message_id: i64) {
        remember(&mut self.acknowledged, message_id, OWN);
    }
}

impl From<&Channel> for Route {
    fn from(channel: &Channel) -> Self {
        Self {
            clan_id: channel.clan_id,
            mode: mode_of(channel.channel_type),
            is_public: !channel.is_private,
        }
    }
}

impl Route {
    /// What most channels are like, for one of which nothing can be learned.
    pub(super) fn guess(clan_id: i64) -> Self {
        let is_direct = clan_id == DIRECT_CLAN;
        Self {
            clan_id,
            mode: if is_direct { DIRECT_MODE } else { 2 },
            is_public: !is_direct,
        }
    }
}

/// Returns the last message of a channel, if the platform tells.
pub(super) fn last_of(channel: &api::ChannelDescription) -> Option<i64> {
    let last = channel.last_sent_message.as_ref()?;
    (last.id != 0).then_some(last.id)
}

fn remember<T>(ring: &mut VecDeque<T>, value: T, limit: usize) {
    if ring.len() >= limit {
        ring.pop_front();
    }
    ring.push_back(value);
}

const CHANNELS: usize = 1_000;
const CLANS: usize = 1_000;
const SEEN: usize = 10_000;
const TOPICS: usize = 10_000;
const RECENT: usize = 4_096;
/// The channels of so many of the last messages are looked at after every reconnect.
const BUSY: usize = 64;
const OWN: usize = 256;
const REPLAYED: usize = 100_000;
/// How far the clocks of the platform and of this machine may be apart, in seconds.
const CLOCK_TOLERANCE: u64 = 300;
const REPLAY_WINDOW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn message(channel_id: i64, message_id: i64) -> api::ChannelMessage {
        api::ChannelMessage {
            clan_id: 2,
            channel_id,
            message_id,
            mode: 2,
            is_public: true,
            sender_id: 9,
            ..Default::default()
        }
    }

    #[test]
    fn a_missed_message_is_delivered_once_whichever_way_it_comes() {
        let state = State::default();
        let known = &mut *state.lock();
        assert!(known.learn(&MessageView::of(&message(3, 10))).is_some());
        let mut missed = vec![message(3, 10), message(3, 11), message(3, 12)];
        known.begin_replay(&mut missed);
        assert_eq!(
            missed
                .iter()
                .map(|missed| missed.message_id)
                .collect::<Vec<_>>(),
            [11, 12]
        );
        for missed in missed {
            assert!(known.learn(&MessageView::of(&missed)).is_some());
            known.replayed(missed.message_id);
        }
        assert!(known.learn(&MessageView::of(&message(3, 11))).is_none());
        assert!(known.learn(&MessageView::of(&message(3, 13))).is_some());
        let update = api::ChannelMessage {
            code: UPDATED,
            ..message(3, 11)
        };
        assert!(known.learn(&MessageView::of(&update)).is_some());
        assert!(
            known.learn(&MessageView::of(&message(3, 13))).is_none(),
            "it comes twice"
        );
        assert!(
            known.learn(&MessageView::of(&message(3, 0))).is_some(),
            "without an id nobody can tell"
        );
        assert!(known.learn(&MessageView::of(&message(3, 0))).is_some());
        let seen = Seen {
            clan_id: 2,
            message_id: 13,
            after: 10,
            is_busy: true,
        };
        assert_eq!(known.seen_in(2), [(3, seen)]);
    }

    #[test]
    fn an_event_that_names_its_channel_only_finds_its_conversation() {
        let state = State::default();
        let known = &mut *state.lock();
        assert_eq!(known.key(0, 3), ChannelKey::new(0, 3));
        known.learn(&MessageView::of(&message(3, 10)));
        assert_eq!(known.key(0, 3), ChannelKey::new(2, 3));
        assert_eq!(known.key(0, 0), ChannelKey::default());
        let route = known.route(3).unwrap();
        assert_eq!((route.mode, route.is_public), (2, true));
    }
}
