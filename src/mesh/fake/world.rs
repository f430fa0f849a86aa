//! What the API keeps: users with their credits, keys, commitments.

use std::collections::VecDeque;

use greenroom_actors::entropy::Entropy;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::forms::{Forms, Usage};
use super::routes::Routes;
use crate::simulator::bounded::Bounded;

/// The whole world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) forms: Forms,
    pub(super) routes: Routes,
    /// What a new user has.
    pub(super) credits: u64,
    /// What models say next, in place of the usual.
    pub(super) replies: VecDeque<String>,
    /// Commitments can be proved against, but are not told.
    pub(super) hides_commitments: bool,
    users: Bounded<String, Account>,
    keys: Bounded<String, VecDeque<(String, String)>>,
    commitments: Bounded<(String, String), Commitment>,
    challenges: Bounded<String, (String, String)>,
    entropy: Entropy,
}

/// A user who is registered.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) email: String,
    pub(super) credits: u64,
    /// The provider and the model of each chat.
    used: VecDeque<(String, String)>,
}

/// A commitment to a value that the server does not know.
#[derive(Debug)]
struct Commitment {
    value: String,
    is_hidden: bool,
}

impl World {
    pub(super) fn new(entropy: Entropy) -> Self {
        Self {
            forms: Forms::default(),
            routes: Routes::default(),
            credits: 1_000,
            replies: VecDeque::new(),
            hides_commitments: false,
            users: Bounded::new(100_000),
            keys: Bounded::new(100_000),
            commitments: Bounded::new(100_000),
            challenges: Bounded::new(10_000),
            entropy,
        }
    }

    /// Draws text of 32 hexadecimal digits.
    pub(super) fn draw(&self) -> String {
        draw(&self.entropy)
    }

    pub(super) fn user(&self, id: &str) -> Option<&Account> {
        self.users.get(id)
    }

    pub(super) fn user_mut(&mut self, id: &str) -> Option<&mut Account> {
        self.users.get_mut(id)
    }

    /// Registers a user who is unknown; an address that is given is noted.
    pub(super) fn register(&mut self, id: &str, email: Option<&str>) -> &mut Account {
        let credits = self.credits;
        let account = self.users.entry(id.to_owned(), || Account {
            email: email_of(id),
            credits,
            used: VecDeque::new(),
        });
        if let Some(email) = email {
            email.clone_into(&mut account.email);
        }
        account
    }

    /// Forgets a user, and says whether there was one.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        self.users.remove(id).is_some()
    }

    /// Says whether a user can pay; one who is unknown owes nothing yet.
    pub(super) fn can_pay(&self, id: &str) -> bool {
        self.users.get(id).is_none_or(|account| account.credits > 0)
    }

    /// Lists what a user has used.
    pub(super) fn usage(&self, id: &str) -> Vec<Value> {
        let used = self.users.get(id).map(|account| account.used.iter());
        let show = |(service, model): &(String, String)| match self.forms.usage {
            Usage::Data => {
                json!({"service": service, "action": "chat", "metadata": {"model": model}})
            }
            Usage::Old => json!({"service": service, "model": model}),
        };
        used.into_iter().flatten().map(show).collect()
    }

    /// Stores a key of a user, in the place of one of the same path.
    pub(super) fn store(&mut self, user: &str, path: &str, value: &str) {
        let keys = self.keys.entry(user.to_owned(), VecDeque::new);
        match keys.iter_mut().find(|(known, _)| known == path) {
            Some((_, known)) => value.clone_into(known),
            None => {
                if keys.len() == KEYS {
                    keys.pop_front();
                }
                keys.push_back((path.to_owned(), value.to_owned()));
            }
        }
    }

    pub(super) fn key(&self, user: &str, path: &str) -> Option<&str> {
        let mut keys = self.keys.get(user)?.iter();
        let found = keys.find(|(known, _)| known == path)?;
        Some(&found.1)
    }

    /// Returns the paths of a user's keys, oldest first.
    pub(super) fn paths(&self, user: &str) -> impl Iterator<Item = &str> {
        let keys = self.keys.get(user).into_iter().flatten();
        keys.map(|(path, _)| path.as_str())
    }

    pub(super) fn commit(&mut self, user: &str, key: &str, value: &str) {
        let commitment = Commitment {
            value: value.to_owned(),
            is_hidden: self.hides_commitments,
        };
        let place = (user.to_owned(), key.to_owned());
        self.commitments.insert(place, commitment);
    }

    /// Returns a commitment, unless it is hidden.
    pub(super) fn commitment(&self, user: &str, key: &str) -> Option<&str> {
        let place = (user.to_owned(), key.to_owned());
        let found = self.commitments.get(&place)?;
        (!found.is_hidden).then_some(found.value.as_str())
    }

    /// Hides one commitment or shows it again, and says whether there is one.
    pub(super) fn hide(&mut self, user: &str, key: &str, is_hidden: bool) -> bool {
        let place = (user.to_owned(), key.to_owned());
        let found = self.commitments.get_mut(&place);
        found.map(|found| found.is_hidden = is_hidden).is_some()
    }

    /// Hides all commitments, those to come as well, or shows them again.
    pub(super) fn hide_all(&mut self, is_hidden: bool) {
        self.hides_commitments = is_hidden;
        for commitment in self.commitments.values_mut() {
            commitment.is_hidden = is_hidden;
        }
    }

    /// Makes a challenge for one key of one user.
    pub(super) fn challenge(&mut self, user: &str, key: &str) -> Option<String> {
        let place = (user.to_owned(), key.to_owned());
        self.commitments.get(&place)?;
        let challenge = self.draw();
        self.challenges.insert(challenge.clone(), place);
        Some(challenge)
    }

    /// Lets a challenge be known that was not drawn.
    #[cfg(test)]
    pub(super) fn expect_challenge(&mut self, challenge: &str, user: &str, key: &str) {
        let place = (user.to_owned(), key.to_owned());
        self.challenges.insert(challenge.to_owned(), place);
    }

    /// Checks a proof; none if the challenge was not made for this key or was used.
    pub(super) fn verify(&mut self, user: &str, key: &str, proof: &Proof<'_>) -> Option<bool> {
        let place = (user.to_owned(), key.to_owned());
        if self.challenges.get(proof.challenge) != Some(&place) {
            return None;
        }
        self.challenges.remove(proof.challenge);
        let stored = &self.commitments.get(&place)?.value;
        let mut hash = Sha256::new();
        for part in [proof.nullifier, proof.challenge, stored] {
            hash.update(part.as_bytes());
        }
        Some(hex(&hash.finalize()) == proof.proof)
    }

    pub(super) fn figures(&self) -> Value {
        json!({
            "commitments": self.commitments.len(),
            "replies": self.replies.len(),
            "users": self.users.len(),
        })
    }
}

impl Account {
    /// Pays for a chat.
    pub(super) fn pay(&mut self, provider: &str, model: &str) {
        self.credits = self.credits.saturating_sub(1);
        if self.used.len() == USED {
            self.used.pop_front();
        }
        self.used.push_back((provider.to_owned(), model.to_owned()));
    }
}

/// What a client shows to prove that it knows a value.
#[derive(Debug)]
pub(super) struct Proof<'a> {
    pub(super) proof: &'a str,
    pub(super) nullifier: &'a str,
    pub(super) challenge: &'a str,
}

/// Draws text of 32 hexadecimal digits.
pub(super) fn draw(entropy: &Entropy) -> String {
    format!("{:016x}{:016x}", entropy.next_u64(), entropy.next_u64())
}

/// Makes up the address of a user who has told none.
pub(super) fn email_of(id: &str) -> String {
    let name = id.rsplit('|').next().unwrap_or(id);
    format!("{name}@example.invalid")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// How many keys of a user are kept.
const KEYS: usize = 10_000;
/// How many chats of a user are remembered.
const USED: usize = 1_000;
