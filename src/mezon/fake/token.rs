//! The tokens that the simulated server gives out: JWTs, signed with a key of its own.

use std::collections::{BTreeMap, VecDeque};

use greenroom_actors::entropy::Entropy;
use greenroom_proto::mezon::Wire;
use serde::{Deserialize, Serialize};

use crate::simulator::jwt::Signer;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Use {
    /// REST calls and the websocket.
    Access,
    /// Proofs of identity towards other services.
    Identity,
    /// New tokens.
    Refresh,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The number of the login.
    pub(super) tid: String,
    /// The user, in decimal.
    pub(super) uid: String,
    /// The name of the user.
    pub(super) usn: String,
    /// When it ends, in seconds since 1970.
    pub(super) exp: u64,
    /// What it is good for.
    #[serde(rename = "use")]
    pub(super) purpose: Use,
    /// The wire that the login was made on.
    pub(super) wire: Wire,
    /// Extra claims that the login asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) vrs: BTreeMap<String, String>,
}

impl Claims {
    /// Returns the user.
    pub(super) fn user(&self) -> i64 {
        self.uid.parse().unwrap_or(0)
    }
}

/// Gives tokens out and checks them.
#[derive(Debug)]
pub(super) struct Tokens {
    signer: Signer,
    logins: u64,
    /// The access tokens of so many logins have expired.
    expired: u64,
    /// All tokens of so many logins are unknown.
    forgotten: u64,
    revoked: VecDeque<String>,
    /// By how many seconds the clock is ahead.
    skew: i64,
}

impl Tokens {
    /// How long an access token lasts, in seconds.
    pub(super) const LIFE: u64 = 3_600;
    /// How long a refresh token lasts, in seconds.
    pub(super) const REFRESH_LIFE: u64 = 7 * 24 * 3_600;
    const REVOKED_LIMIT: usize = 10_000;

    pub(super) fn new(entropy: &Entropy) -> Self {
        Self {
            signer: Signer::draw(entropy),
            logins: 0,
            expired: 0,
            forgotten: 0,
            revoked: VecDeque::new(),
            skew: 0,
        }
    }

    /// Returns the number of the next login.
    pub(super) fn next_login(&mut self) -> String {
        self.logins += 1;
        self.logins.to_string()
    }

    /// Signs a token.
    pub(super) fn issue(&self, claims: &Claims) -> String {
        let payload = serde_json::to_string(claims).unwrap_or_default();
        self.signer.sign(&plain(&payload))
    }

    /// Returns what a token says, if it is one of ours, is good for `purpose` and has not ended.
    pub(super) fn check(&self, token: &str, purpose: Use, now: u64) -> Option<Claims> {
        let payload = self.signer.claims(token)?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        let login: u64 = claims.tid.parse().ok()?;
        let good = claims.purpose == purpose
            && claims.exp > self.date(now)
            && login > self.forgotten
            && (purpose != Use::Access || login > self.expired)
            && !self.revoked.contains(&claims.tid);
        good.then_some(claims)
    }

    /// Makes the tokens of one login unknown.
    pub(super) fn revoke(&mut self, login: &str) {
        if self.revoked.len() >= Self::REVOKED_LIMIT {
            self.revoked.pop_front();
        }
        self.revoked.push_back(login.to_owned());
    }

    /// Lets all access tokens of so far expire.
    pub(super) fn expire_all(&mut self) {
        self.expired = self.logins;
    }

    /// Makes all tokens of so far unknown.
    pub(super) fn revoke_all(&mut self) {
        self.forgotten = self.logins;
    }

    /// Puts the clock wrong by so many seconds; ahead if positive.
    pub(super) fn skew(&mut self, seconds: i64) {
        self.skew = seconds;
    }

    /// Returns the date by the clock of the tokens.
    pub(super) fn date(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.skew)
    }
}

/// Escapes JSON so that its base64 has neither `-` nor `_`, which some clients cannot read.
///
/// These two stand for groups of six one-bits and the like; in ASCII only `>`, `?`, `~` and DEL can make them.
fn plain(json: &str) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && !matches!(letter, '>' | '?' | '~' | '\x7f') {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // writing to a string cannot fail
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            tid: "1".into(),
            uid: "1000000000000000001".into(),
            usn: "greenroom".into(),
            exp: 4_600,
            purpose: Use::Access,
            wire: Wire::V1,
            vrs: BTreeMap::from([("ÿ?>~".into(), "👋???>>>~~~".into())]),
        }
    }

    fn tokens() -> Tokens {
        let mut tokens = Tokens::new(&Entropy::seeded(1));
        tokens.next_login();
        tokens
    }

    #[test]
    fn a_token_is_good_until_it_ends() {
        let tokens = tokens();
        let token = tokens.issue(&claims());
        assert_eq!(tokens.check(&token, Use::Access, 4_599), Some(claims()));
        assert_eq!(tokens.check(&token, Use::Access, 4_600), None);
        assert_eq!(tokens.check(&token, Use::Refresh, 0), None);
    }

    #[test]
    fn foreign_and_broken_tokens_are_unknown() {
        let tokens = tokens();
        let other = Tokens::new(&Entropy::seeded(2)).issue(&claims());
        for token in [other.as_str(), "", "a", "a.b", "a.b.c", "..", "ÿ.ÿ.ÿ"] {
            assert_eq!(tokens.check(token, Use::Access, 0), None, "{token}");
        }
    }

    #[test]
    fn no_client_meets_a_letter_of_the_url_alphabet_in_the_payload() {
        let payload = |token: String| token.split('.').nth(1).unwrap().to_owned();
        let token = payload(tokens().issue(&claims()));
        assert!(!token.contains(['-', '_']), "{token}");
    }

    #[test]
    fn tokens_can_be_taken_back() {
        let mut tokens = tokens();
        let token = tokens.issue(&claims());
        tokens.revoke("1");
        assert_eq!(tokens.check(&token, Use::Access, 0), None);
        let second = Claims {
            tid: tokens.next_login(),
            ..claims()
        };
        let token = tokens.issue(&second);
        assert!(tokens.check(&token, Use::Access, 0).is_some());
        tokens.expire_all();
        assert_eq!(tokens.check(&token, Use::Access, 0), None);
        let refresh = tokens.issue(&Claims {
            purpose: Use::Refresh,
            ..second
        });
        assert!(tokens.check(&refresh, Use::Refresh, 0).is_some());
        tokens.revoke_all();
        assert_eq!(tokens.check(&refresh, Use::Refresh, 0), None);
    }

    #[test]
    fn a_clock_that_is_wrong_dates_and_judges() {
        let mut tokens = tokens();
        let token = tokens.issue(&claims());
        tokens.skew(60);
        assert_eq!(tokens.date(1_000), 1_060);
        assert!(tokens.check(&token, Use::Access, 4_539).is_some());
        assert_eq!(tokens.check(&token, Use::Access, 4_540), None);
    }
}
