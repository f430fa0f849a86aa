//! The connection tokens of the Centrifugo line.

use std::collections::VecDeque;

use greenroom_actors::entropy::Entropy;
use serde::{Deserialize, Serialize};

use crate::simulator::jwt::Signer;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The name of the user.
    pub(super) sub: String,
    /// When it was issued and when it ends, in seconds since 1970.
    pub(super) iat: u64,
    pub(super) exp: u64,
    /// The channels that it opens.
    pub(super) channels: Vec<String>,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    Expired,
    Unknown,
}

/// Gives tokens out and checks them.
#[derive(Debug)]
pub(super) struct Tokens {
    entropy: Entropy,
    signer: Signer,
    /// The keys whose tokens have expired before their time.
    expired: VecDeque<Signer>,
    /// By how many seconds the clock is ahead.
    skew: i64,
}

impl Tokens {
    /// How long a token lasts, in seconds.
    pub(super) const LIFE: u64 = 24 * 3_600;
    /// How many keys are remembered.
    const KEYS: usize = 16;

    pub(super) fn new(entropy: Entropy) -> Self {
        Self {
            signer: Signer::draw(&entropy),
            entropy,
            expired: VecDeque::new(),
            skew: 0,
        }
    }

    pub(super) fn issue(&self, name: &str, channels: &[String], now: u64) -> String {
        let now = now.saturating_add_signed(self.skew);
        let claims = Claims {
            sub: name.to_owned(),
            iat: now,
            exp: now + Self::LIFE,
            channels: channels.to_vec(),
        };
        let claims = serde_json::to_string(&claims).unwrap_or_default();
        self.signer.sign(&claims)
    }

    /// Returns what a token says, and for how many seconds it is still good.
    pub(super) fn check(&self, token: &str, now: u64) -> Result<(Claims, u64), Invalid> {
        let Some(claims) = self.signer.claims(token) else {
            let is_old = |signer: &Signer| signer.claims(token).is_some();
            return Err(match self.expired.iter().any(is_old) {
                true => Invalid::Expired,
                false => Invalid::Unknown,
            });
        };
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| Invalid::Unknown)?;
        let now = now.saturating_add_signed(self.skew);
        match claims.exp.checked_sub(now).filter(|left| *left > 0) {
            Some(left) => Ok((claims, left)),
            None => Err(Invalid::Expired),
        }
    }

    /// Lets all tokens of so far expire.
    pub(super) fn expire_all(&mut self) {
        let signer = Signer::draw(&self.entropy);
        let old = std::mem::replace(&mut self.signer, signer);
        self.expired.push_front(old);
        self.expired.truncate(Self::KEYS);
    }

    /// Makes all tokens of so far unknown.
    pub(super) fn revoke_all(&mut self) {
        self.signer = Signer::draw(&self.entropy);
        self.expired.clear();
    }

    /// Puts the clock wrong by so many seconds; ahead if positive.
    pub(super) fn skew(&mut self, seconds: i64) {
        self.skew = seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_by_time_and_by_order() {
        let mut tokens = Tokens::new(Entropy::seeded(1));
        let channels = ["user:bob".to_owned()];
        let token = tokens.issue("bob", &channels, 1_000);
        let (claims, left) = tokens.check(&token, 1_000).unwrap();
        assert_eq!((claims.sub.as_str(), left), ("bob", Tokens::LIFE));
        let end = 1_000 + Tokens::LIFE;
        assert_eq!(tokens.check(&token, end - 1).unwrap().1, 1);
        assert_eq!(tokens.check(&token, end), Err(Invalid::Expired));
        tokens.expire_all();
        assert_eq!(tokens.check(&token, 1_000), Err(Invalid::Expired));
        let newer = tokens.issue("bob", &channels, 1_000);
        assert!(tokens.check(&newer, 1_000).is_ok());
        tokens.revoke_all();
        for token in [token.as_str(), &newer, "", "a.b.c", "..", "ÿ.ÿ.ÿ"] {
            assert_eq!(tokens.check(token, 1_000), Err(Invalid::Unknown), "{token}");
        }
    }
}
