//! Conversations that are one: what is said in one room is said in the others, whatever platforms they are on.
//!
//! ```text
//!             ┌─> bridge to token_bowl room ──> room
//! ChatMessage ┤
//!             └─> bridge to mezon general ────> general
//! ```
//!
//! Each room has a handler of its own, with its own queue, attempts and dead letters. So a room whose platform is down delays only
//! itself; what was said in one room is not said there again because another has failed; and what could not be said in one can be
//! replayed for exactly that one.

mod carrier;
mod gate;
mod memory;
mod wording;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use greenroom_actors::event::{Envelope, Id};
use greenroom_actors::mailbox::Overflow;
use greenroom_actors::router::Delivery;

pub use carrier::Carrier;

use self::gate::{Wanted, WhileOpen};
use self::memory::Memory;
use crate::bot::{Backstage, BotBuilder};
use crate::chat::{Author, Door, MessageDeleted, MessageEdited, Reaction, Room};
use crate::prelude::*;

/// Joins conversations on one platform or several: a message of one appears in the others.
///
/// | what happens in a room | in the others |
/// |---|---|
/// | a message | is said, with the name of who said it; one that is too long is said in pieces |
/// | files of a message | their addresses, each on a line |
/// | a mention | is only shown: it calls nobody |
/// | an edit, a deletion | the same, where the platform can (Mezon); nothing on Token Bowl Chat, which has neither |
/// | a reaction | the same, between rooms of Mezon, in the bot's name and so once for each emoji; else nothing |
///
/// The last 10,000 messages can be changed, taken back and reacted to. A message that is changed or taken back before it was said is said
/// as it is then, or not at all.
///
/// Nothing that the bot itself has said is carried, nor what another bridge brings back: a message that contains a line that this bridge
/// has said for somebody of the same room, within ten minutes, word by word. Bridges that change words are to be
/// [ignored](Self::ignore) by name.
///
/// Messages of one room arrive in the others in their order. While the platform of a room is not connected, what is to be said there
/// waits, as long as its queue has room; what is beyond becomes a dead letter, and is counted. What waits at a shutdown is said after the next start,
/// if the bot has a store. A message is said once in each room, however often it is tried: if nobody knows whether it was said, it
/// becomes a dead letter.
///
/// # Examples
///
/// ```
/// use greenroom::chat::Room;
/// use greenroom::handlers::Bridge;
/// use greenroom::prelude::*;
///
/// let bridge = Bridge::between([Room::new("mezon", "general"), Room::new("token_bowl", "room")])
///     .template("{name} on the other side: {text}");
/// let bot = Bot::builder("example").bridge("bridge", bridge);
/// # drop(bot);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a bot has it"]
pub struct Bridge {
    rooms: Vec<Room>,
    /// The others only listen to the first.
    is_one_way: bool,
    template: String,
    ignored: Vec<String>,
    edits: bool,
    deletions: bool,
    reactions: bool,
    delivery: Delivery,
}

impl Bridge {
    /// Joins these rooms, each with all others.
    pub fn between(rooms: impl IntoIterator<Item = Room>) -> Self {
        Self {
            rooms: rooms.into_iter().collect(),
            is_one_way: false,
            template: Self::TEMPLATE.to_owned(),
            ignored: Vec::new(),
            edits: true,
            deletions: true,
            reactions: true,
            // What waits for one room must not hold up where the messages come from.
            delivery: Delivery {
                overflow: Overflow::Reject,
                timeout: Self::PATIENCE,
                ..Delivery::default()
            },
        }
    }

    /// Carries what is said in the first room into the others, and nothing back.
    pub fn one_way(mut self) -> Self {
        self.is_one_way = true;
        self
    }

    /// Sets the words: `{name}` is who said it, `{text}` what, and `{platform}` where; `{name}: {text}` by default. Without the name, what
    /// another bridge brings back is not known again.
    pub fn template(mut self, template: impl Into<String>) -> Self {
        self.template = template.into();
        self
    }

    /// Does not carry what these users do: ids or names.
    pub fn ignore(mut self, users: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.ignored.extend(users.into_iter().map(Into::into));
        self
    }

    /// Sets whether what is changed in one room is changed in the others; true by default.
    pub fn follow_edits(mut self, follow: bool) -> Self {
        self.edits = follow;
        self
    }

    /// Sets whether what is taken back in one room is taken back in the others; true by default.
    pub fn follow_deletions(mut self, follow: bool) -> Self {
        self.deletions = follow;
        self
    }

    /// Sets whether reactions are carried; true by default.
    pub fn follow_reactions(mut self, follow: bool) -> Self {
        self.reactions = follow;
        self
    }

    /// Sets how events are handed to the handler of each room. By default a full queue makes dead letters and holds up nobody; and an
    /// attempt may take an hour, since a message whose connection breaks while it is said is looked for once the platform is back.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Adds the handler of each room to a bot, named `NAME to ROOM`.
    pub(crate) fn add_to(
        self,
        bot: BotBuilder,
        name: &str,
        around: impl Fn(Registration<Carrier>) -> Registration<Carrier> + 'static,
    ) -> BotBuilder {
        let around = Arc::new(around);
        let names: Vec<_> = self
            .rooms
            .iter()
            .map(|room| format!("{name} to {room}"))
            .collect();
        let listeners = usize::from(self.is_one_way);
        let bridge = Arc::new(self);
        let shared: Arc<OnceLock<Arc<Shared>>> = Arc::default();
        let rooms = names.into_iter().enumerate().skip(listeners);
        rooms.fold(bot, |bot, (room, name)| {
            let (bridge, shared) = (Arc::clone(&bridge), Arc::clone(&shared));
            let around = Arc::clone(&around);
            bot.staged(&name.clone(), move |backstage| {
                let shared = shared.get_or_init(|| Arc::new(Shared::new(&bridge, backstage)));
                Ok(around(registration(&name, &bridge, shared, room)))
            })
        })
    }

    /// What stands before each message.
    pub(crate) const TEMPLATE: &str = "{name}: {text}";
    /// How long it may take to say a message, outages in the middle of it included.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(3_600);
}

fn registration(
    name: &str,
    bridge: &Bridge,
    shared: &Arc<Shared>,
    room: usize,
) -> Registration<Carrier> {
    let mine = Arc::new(shared.listening(room));
    let carrier = Carrier {
        shared: Arc::clone(&mine),
        room,
    };
    let here = Arc::clone(&mine);
    let mut registration = Registration::new(name, move || carrier.clone())
        .delivery(bridge.delivery)
        .on::<ChatMessage>();
    if bridge.edits {
        registration = registration.on::<MessageEdited>();
    }
    if bridge.deletions {
        registration = registration.on::<MessageDeleted>();
    }
    if bridge.reactions {
        registration = registration.on::<Reaction>();
    }
    registration
        .filter_envelope(move |envelope| {
            here.room_of(envelope).is_some() || here.unknown(envelope).is_some()
        })
        .layer(Wanted {
            shared: Arc::clone(&mine),
        })
        .layer(WhileOpen { shared: mine, room })
}

/// What the handlers of a bridge have in common.
#[derive(Clone, Debug)]
struct Shared {
    doors: Arc<[Door]>,
    /// The rooms that are listened to.
    heard: Vec<usize>,
    is_one_way: bool,
    template: String,
    ignored: Vec<String>,
    memory: Memory,
}

impl Shared {
    fn new(bridge: &Bridge, backstage: &Backstage<'_>) -> Self {
        let doors = bridge.rooms.iter().map(|room| Door::new(room, backstage));
        Self {
            doors: doors.collect(),
            heard: Vec::new(),
            is_one_way: bridge.is_one_way,
            template: bridge.template.clone(),
            ignored: bridge.ignored.clone(),
            memory: Memory::default(),
        }
    }

    /// Returns what the handler of `room` has of it.
    fn listening(&self, room: usize) -> Self {
        let heard = match self.is_one_way {
            true => 0..1,
            false => 0..self.doors.len(),
        };
        Self {
            heard: heard.filter(|other| *other != room).collect(),
            ..self.clone()
        }
    }

    #[expect(clippy::indexing_slicing, reason = "rooms are numbered by the doors")]
    fn door(&self, room: usize) -> &Door {
        &self.doors[room]
    }

    /// Returns in which of the rooms that are listened to something happened.
    fn room_of(&self, envelope: &Envelope) -> Option<usize> {
        let mut heard = self.heard.iter().copied();
        heard.find(|room| self.door(*room).has(envelope) == Some(true))
    }

    /// Returns a room of which nobody knows yet whether this happened there.
    fn unknown(&self, envelope: &Envelope) -> Option<&Door> {
        let mut heard = self.heard.iter().map(|room| self.door(*room));
        heard.find(|door| door.has(envelope).is_none())
    }

    /// Says whether this is one of the bot's own accounts on the platform of a room.
    fn is_me(&self, room: usize, id: &Id) -> bool {
        !id.is_none() && self.door(room).is_me(id)
    }

    fn ignores(&self, author: &Author) -> bool {
        let is_named = |user: &String| *user == author.name || *user == author.id.to_string();
        self.ignored.iter().any(is_named)
    }
}

impl BotBuilder {
    /// Joins conversations; the handler of each room is named `NAME to ROOM`.
    pub fn bridge(self, name: &str, bridge: Bridge) -> Self {
        bridge.add_to(self, name, |registration| registration)
    }
}
