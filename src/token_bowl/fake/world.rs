//! The simulated world: users, messages, conversations. Pure: no sockets, no clock; random numbers come from the seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use greenroom_actors::entropy::Entropy;

use super::failure::Failure;
use super::ids::{Id, draw_key};
use super::role::Role;
use crate::simulator::Now;
use crate::token_bowl::model::Timestamp;

/// The number of a user, in the order of creation; it outlives names and keys.
pub(super) type UserNo = u64;

/// Everything that the server knows.
#[derive(Debug)]
pub(super) struct World {
    users: BTreeMap<UserNo, User>,
    last_user: UserNo,
    pub(super) messages: VecDeque<Message>,
    pub(super) conversations: Vec<Conversation>,
    /// So many messages are kept, room and direct together.
    pub(super) history: usize,
    /// Whether bots may send no direct messages, as on the public server.
    pub(super) strict_roles: bool,
    /// Whether magic links work.
    pub(super) magic_links: bool,
    /// Whom the last magic link went to.
    pub(super) invited: Option<Invited>,
    /// The tokens that magic links have given out.
    pub(super) sessions: BTreeMap<String, UserNo>,
    last_moment: i64,
    pub(super) entropy: Entropy,
}

/// A user.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) no: UserNo,
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) key: String,
    pub(super) role: Role,
    pub(super) email: Option<String>,
    pub(super) webhook: Option<String>,
    pub(super) logo: Option<String>,
    pub(super) emoji: Option<String>,
    pub(super) created: Timestamp,
    /// Who made the bot.
    pub(super) owner: Option<Party>,
}

/// A user that may be gone by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) no: UserNo,
    /// The id and the last name.
    pub(super) id: Id,
    pub(super) name: String,
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Room,
    Direct,
}

/// A stored message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: Id,
    pub(super) from: Party,
    pub(super) to: Option<Party>,
    pub(super) content: String,
    pub(super) at: Timestamp,
    /// Who has read it.
    pub(super) read_by: BTreeSet<UserNo>,
}

/// A selection of messages with a title.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) id: Id,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) messages: Vec<Id>,
    pub(super) creator: Party,
    pub(super) created: Timestamp,
}

/// Whom a magic link went to.
#[derive(Clone, Debug)]
pub(super) struct Invited {
    pub(super) email: String,
    pub(super) name: Option<String>,
    pub(super) role: Role,
}

/// What a new user is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct NewUser {
    pub(super) name: String,
    pub(super) key: Option<String>,
    pub(super) role: Role,
    pub(super) email: Option<String>,
    pub(super) webhook: Option<String>,
    pub(super) logo: Option<String>,
    pub(super) emoji: Option<String>,
    pub(super) owner: Option<Party>,
}

impl World {
    pub(super) fn new(entropy: Entropy) -> Self {
        Self {
            users: BTreeMap::new(),
            last_user: 0,
            messages: VecDeque::new(),
            conversations: Vec::new(),
            history: Self::HISTORY,
            strict_roles: false,
            magic_links: true,
            invited: None,
            sessions: BTreeMap::new(),
            last_moment: 0,
            entropy,
        }
    }

    /// How many messages are kept by default.
    pub(super) const HISTORY: usize = 100;

    /// Returns the moment, later than every one before: what is stored has one order.
    pub(super) fn moment(&mut self, now: Now) -> Timestamp {
        let micros = i64::try_from(now.unix).unwrap_or(i64::MAX / MICROS) * MICROS;
        let moment = (micros + i64::from(now.micros)).max(self.last_moment + 1);
        self.last_moment = moment;
        Timestamp::from_unix_micros(moment)
    }

    /// Returns the users in the order of creation.
    pub(super) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// Returns the users that lists show: all but viewers.
    pub(super) fn everybody(&self) -> impl Iterator<Item = &User> {
        self.users().filter(|user| user.role != Role::Viewer)
    }

    pub(super) fn user(&self, no: UserNo) -> Option<&User> {
        self.users.get(&no)
    }

    pub(super) fn user_mut(&mut self, no: UserNo) -> Option<&mut User> {
        self.users.get_mut(&no)
    }

    pub(super) fn named(&self, name: &str) -> Option<&User> {
        self.users().find(|user| user.name == name)
    }

    pub(super) fn of_key(&self, key: &str) -> Option<UserNo> {
        let found = self.users().find(|user| user.key == key);
        found.map(|user| user.no)
    }

    pub(super) fn of_id(&self, id: Id) -> Option<&User> {
        self.users().find(|user| user.id == id)
    }

    /// Creates a user.
    pub(super) fn create(&mut self, now: Now, new: NewUser) -> Result<UserNo, Failure> {
        if self.named(&new.name).is_some() {
            return Err(Failure::taken(&new.name));
        }
        self.last_user += 1;
        let user = User {
            no: self.last_user,
            id: Id::draw(&self.entropy),
            name: new.name,
            key: new.key.unwrap_or_else(|| draw_key(&self.entropy)),
            role: new.role,
            email: new.email,
            webhook: new.webhook,
            logo: new.logo,
            emoji: new.emoji,
            created: self.moment(now),
            owner: new.owner,
        };
        self.users.insert(user.no, user);
        Ok(self.last_user)
    }

    /// Gives a user another name, everywhere.
    pub(super) fn rename(&mut self, no: UserNo, name: &str) -> Result<(), Failure> {
        if self.named(name).is_some() {
            return Err(Failure::taken(name));
        }
        if let Some(user) = self.users.get_mut(&no) {
            name.clone_into(&mut user.name);
        }
        let parties = self
            .messages
            .iter_mut()
            .flat_map(|message| [Some(&mut message.from), message.to.as_mut()])
            .chain(self.users.values_mut().map(|user| user.owner.as_mut()))
            .flatten()
            .chain(
                self.conversations
                    .iter_mut()
                    .map(|found| &mut found.creator),
            );
        for party in parties.filter(|party| party.no == no) {
            name.clone_into(&mut party.name);
        }
        Ok(())
    }

    /// Gives a user a new key; the old one stops at once.
    pub(super) fn renew_key(&mut self, no: UserNo) -> String {
        let key = draw_key(&self.entropy);
        if let Some(user) = self.users.get_mut(&no) {
            key.clone_into(&mut user.key);
        }
        key
    }

    pub(super) fn remove(&mut self, no: UserNo) {
        self.users.remove(&no);
        self.sessions.retain(|_, user| *user != no);
    }

    /// Stores a message from a user to the room or to another user.
    pub(super) fn send(
        &mut self,
        now: Now,
        from: UserNo,
        to: Option<&str>,
        content: String,
    ) -> Result<Message, Failure> {
        let sender = self.user(from).ok_or_else(Failure::unauthorized)?;
        sender.role.may_send(to.is_some(), self.strict_roles)?;
        let to = match to {
            None => None,
            Some(name) => {
                let user = self.named(name).ok_or_else(|| Failure::no_user(name))?;
                if user.role == Role::Viewer {
                    return Err(Failure::bad(format!(
                        "Cannot send messages to viewer user {name}"
                    )));
                }
                Some(user.party())
            }
        };
        let message = Message {
            from: sender.party(),
            to,
            id: Id::draw(&self.entropy),
            content,
            at: self.moment(now),
            read_by: BTreeSet::new(),
        };
        self.messages.push_back(message.clone());
        while self.messages.len() > self.history {
            self.messages.pop_front();
        }
        Ok(message)
    }

    pub(super) fn message(&self, id: Id) -> Option<&Message> {
        self.messages.iter().find(|message| message.id == id)
    }

    /// Finds a message by the text of its id.
    pub(super) fn find_message(&self, id: &str) -> Result<&Message, Failure> {
        let found = Id::parse(id).and_then(|id| self.message(id));
        found.ok_or_else(|| Failure::no_message(id))
    }

    /// Notes that a user has read a message; returns the message if that is news to its sender.
    pub(super) fn mark(&mut self, reader: UserNo, id: &str) -> Result<Option<Message>, Failure> {
        let unknown = || Failure::no_message(id);
        let parsed = Id::parse(id).ok_or_else(unknown)?;
        let mut found = self.messages.iter_mut();
        let message = found
            .find(|message| message.id == parsed && message.is_visible_to(reader))
            .ok_or_else(unknown)?;
        let is_news = message.from.no != reader && message.read_by.insert(reader);
        Ok(is_news.then(|| message.clone()))
    }

    /// Notes that a user has read all unread messages that fit; returns how many.
    pub(super) fn mark_all(&mut self, reader: UserNo, fits: impl Fn(&Message) -> bool) -> usize {
        let mut count = 0;
        for message in &mut self.messages {
            if message.is_unread_by(reader) && fits(message) {
                message.read_by.insert(reader);
                count += 1;
            }
        }
        count
    }

    /// Returns how many messages of the room, and direct ones, a user has not read.
    pub(super) fn unread(&self, reader: UserNo) -> (usize, usize) {
        let unread = |kind| {
            let all = self.messages.iter();
            all.filter(|message| message.kind() == kind && message.is_unread_by(reader))
                .count()
        };
        (unread(Kind::Room), unread(Kind::Direct))
    }
}

impl User {
    pub(super) fn party(&self) -> Party {
        Party {
            no: self.no,
            id: self.id,
            name: self.name.clone(),
        }
    }
}

impl Message {
    pub(super) fn kind(&self) -> Kind {
        match self.to {
            None => Kind::Room,
            Some(_) => Kind::Direct,
        }
    }

    /// Says whether a user may see it.
    pub(super) fn is_visible_to(&self, user: UserNo) -> bool {
        let is_recipient = |to: &Party| to.no == user;
        self.from.no == user || self.to.as_ref().is_none_or(is_recipient)
    }

    /// Says whether it waits to be read by a user: nobody's own does, and a direct one does for its recipient only.
    pub(super) fn is_unread_by(&self, user: UserNo) -> bool {
        let concerns = self.to.as_ref().is_none_or(|to| to.no == user);
        concerns && self.from.no != user && !self.read_by.contains(&user)
    }
}

const MICROS: i64 = 1_000_000;
