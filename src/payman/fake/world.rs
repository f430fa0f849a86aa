//! Who and what there is: applications, tokens, conversations, tasks.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use greenroom_actors::clock::Instant;
use greenroom_actors::entropy::Entropy;
use serde_json::Value;

use crate::payman::codec::new_id;
use crate::simulator::bounded::Bounded;

/// The whole world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clients: BTreeMap<String, Client>,
    /// How long access tokens live that are issued from now on.
    pub(super) life: Duration,
    /// By how many seconds the clock that judges tokens is ahead.
    pub(super) skew: i64,
    /// What the agent says next to ordinary prompts.
    pub(super) replies: VecDeque<String>,
    pub(super) tasks: Bounded<String, Value>,
    sessions: Bounded<String, VecDeque<String>>,
    access: Bounded<String, Access>,
    refresh: Bounded<String, String>,
    entropy: Entropy,
}

/// An application.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) secret: String,
    pub(super) code: Option<String>,
}

#[derive(Debug)]
struct Access {
    expires_at: Instant,
}

/// What was issued.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) life: Duration,
}

impl World {
    pub(super) fn new(entropy: Entropy) -> Self {
        Self {
            clients: BTreeMap::new(),
            life: Duration::from_secs(3_600),
            skew: 0,
            replies: VecDeque::new(),
            tasks: Bounded::new(10_000),
            sessions: Bounded::new(10_000),
            access: Bounded::new(100_000),
            refresh: Bounded::new(100_000),
            entropy,
        }
    }

    /// Makes an id that nobody else has.
    pub(super) fn new_id(&self, prefix: &str) -> String {
        new_id(prefix, &self.entropy)
    }

    /// Issues an access token to an application, and a refresh token if it is a user's.
    pub(super) fn issue(&mut self, client: &str, is_user: bool, now: Instant) -> Issued {
        let access = self.new_id("at-");
        let expires_at = now + self.life;
        self.access.insert(access.clone(), Access { expires_at });
        let refresh = is_user.then(|| self.new_id("rt-"));
        if let Some(refresh) = &refresh {
            self.refresh.insert(refresh.clone(), client.to_owned());
        }
        Issued {
            access,
            refresh,
            life: self.life,
        }
    }

    /// Takes a refresh token, which works once, and says whether it was that of the application.
    pub(super) fn redeem(&mut self, token: &str, client: &str) -> bool {
        let is_its = self.refresh.get(token).is_some_and(|owner| owner == client);
        if is_its {
            self.refresh.remove(token);
        }
        is_its
    }

    /// Says whether an access token is known and has not expired.
    pub(super) fn accepts(&self, token: &str, now: Instant) -> bool {
        let ahead = Duration::from_secs(self.skew.max(0).unsigned_abs());
        let behind = Duration::from_secs(self.skew.min(0).unsigned_abs());
        self.access
            .get(token)
            .is_some_and(|access| now + ahead < access.expires_at + behind)
    }

    /// Makes every access token unknown; with `refresh`, every refresh token as well.
    pub(super) fn revoke(&mut self, refresh: bool) {
        self.access.retain(|_| false);
        if refresh {
            self.refresh.retain(|_| false);
        }
    }

    /// Lets every access token expire now.
    pub(super) fn expire(&mut self, now: Instant) {
        for access in self.access.values_mut() {
            access.expires_at = access.expires_at.min(now);
        }
    }

    /// Remembers a prompt of a session; returns those before it.
    pub(super) fn remember(&mut self, session: &str, prompt: &str) -> Vec<String> {
        let prompts = self.sessions.entry(session.to_owned(), VecDeque::new);
        let earlier = prompts.iter().cloned().collect();
        if prompts.len() == PROMPTS {
            prompts.pop_front();
        }
        prompts.push_back(prompt.to_owned());
        earlier
    }
}

/// How many prompts of a session are remembered.
const PROMPTS: usize = 1_000;
