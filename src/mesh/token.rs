//! Tokens as the servers and the token file write them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_actors::session::expose_secret;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Number, Value};

/// A token object. Members that are not known here are kept as they are, so that other clients find them again.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Token {
    #[serde(serialize_with = "expose_secret")]
    access_token: SecretString,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose_optional"
    )]
    refresh_token: Option<SecretString>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose_optional"
    )]
    id_token: Option<SecretString>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_in: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Number>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("expires_at", &self.expires_at)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

impl Token {
    /// Reads an object as a file keeps it.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut token: Self = serde_json::from_slice(text).ok()?;
        // One release of the peer adds these, and a check that never holds.
        for name in ["_integrity_hash", "_stored_at"] {
            token.other.remove(name);
        }
        token.trimmed()
    }

    /// Reads an object that a server has just sent: it says for how long, and from then on until when.
    pub(super) fn received(body: &[u8], now: u64) -> Option<Self> {
        let mut token = Self::read(body)?;
        if token.expires_at.is_none()
            && let Some(life) = token.expires_in.as_ref().and_then(Number::as_f64)
        {
            let end = now.saturating_add(life.max(0.0) as u64);
            token.expires_at = Some(end.into());
        }
        Some(token)
    }

    /// Makes one of a bare access token, which says itself until when it is good, if at all.
    pub(super) fn bare(access: &SecretString) -> Option<Self> {
        let end = claims(access.expose_secret()).and_then(|claims| claims.get("exp")?.as_f64());
        Self {
            access_token: access.clone(),
            refresh_token: None,
            id_token: None,
            scope: None,
            expires_in: None,
            expires_at: end.and_then(Number::from_f64),
            other: Map::new(),
        }
        .trimmed()
    }

    fn trimmed(mut self) -> Option<Self> {
        let trimmed = self.access_token.expose_secret().trim();
        if trimmed.is_empty() {
            return None;
        }
        self.access_token = trimmed.to_owned().into();
        self.refresh_token = self
            .refresh_token
            .filter(|token| !token.expose_secret().is_empty());
        Some(self)
    }

    /// Takes over what a newer object leaves out.
    pub(super) fn after(mut self, old: &Self) -> Self {
        self.refresh_token = self.refresh_token.or_else(|| old.refresh_token.clone());
        self.scope = self.scope.or_else(|| old.scope.clone());
        self
    }

    /// Forgets what it could be renewed with.
    pub(super) fn without_refresh(mut self) -> Self {
        self.refresh_token = None;
        self
    }

    pub(super) fn access(&self) -> &SecretString {
        &self.access_token
    }

    pub(super) fn refresh(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// Returns all that must not be shown.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let optional = self.refresh_token.iter().chain(&self.id_token);
        optional.chain([&self.access_token]).cloned().collect()
    }

    /// Returns when it ends, in seconds since 1970.
    pub(super) fn expires_at(&self) -> Option<f64> {
        self.expires_at.as_ref().and_then(Number::as_f64)
    }

    /// Returns for how many seconds it was good when it was made.
    pub(super) fn life(&self) -> Option<f64> {
        self.expires_in.as_ref().and_then(Number::as_f64)
    }

    /// Returns whose token it is, if it says so.
    pub(super) fn subject(&self) -> Option<String> {
        let claims = claims(self.access_token.expose_secret())?;
        claims.get("sub")?.as_str().map(str::to_owned)
    }
}

/// Reads what a JWT claims; its signature is the servers' business.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.trim().split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn expose_optional<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_str(secret.expose_secret()),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(payload: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_file_of_the_peer_is_read_and_its_own_members_are_kept() {
        let text = br#"{"access_token":" a ","refresh_token":"r","expires_in":86400,"token_type":"Bearer","expires_at":1795256648.5,
            "id_token":"i","scope":"openid","mine":{"x":1},"_integrity_hash":"h","_stored_at":1}"#;
        let token = Token::read(text).unwrap();
        assert_eq!(token.access().expose_secret(), "a", "trimmed once");
        assert_eq!(token.expires_at(), Some(1_795_256_648.5));
        let written = serde_json::to_value(&token).unwrap();
        assert_eq!(written["mine"]["x"], 1);
        assert_eq!(written["token_type"], "Bearer");
        assert!(written.get("_integrity_hash").is_none() && written.get("_stored_at").is_none());
        assert!(!format!("{token:?}").contains("\"r\""));
        for wrong in ["", "{}", r#"{"access_token":" "}"#, r#"{"access_token":1}"#] {
            assert!(Token::read(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_end_is_what_the_object_says_or_now_and_its_life() {
        let body = br#"{"access_token":"a","expires_in":86400}"#;
        let token = Token::received(body, 1_000).unwrap();
        assert_eq!(token.expires_at(), Some(87_400.0));
        assert_eq!(
            serde_json::to_value(&token).unwrap()["expires_at"],
            87_400,
            "a whole number"
        );
        let said = Token::received(
            br#"{"access_token":"a","expires_in":1,"expires_at":7}"#,
            1_000,
        );
        assert_eq!(said.unwrap().expires_at(), Some(7.0));
        assert_eq!(
            Token::received(br#"{"access_token":"a"}"#, 1)
                .unwrap()
                .expires_at(),
            None
        );
    }

    #[test]
    fn a_bare_token_ends_when_it_says_so_itself() {
        let token = Token::bare(&jwt(r#"{"sub":"auth0|x","exp":1234}"#).into()).unwrap();
        assert_eq!(token.expires_at(), Some(1_234.0));
        assert_eq!(token.subject().as_deref(), Some("auth0|x"));
        for other in ["header.payload.sig", "a.b", "opaque"] {
            let token = Token::bare(&other.into()).unwrap();
            assert_eq!(
                (token.expires_at(), token.subject()),
                (None, None),
                "{other}"
            );
        }
    }

    /// D-06: the peer loses the refresh token if an answer has none.
    #[test]
    fn a_new_object_takes_over_what_it_does_not_bring() {
        let old = Token::read(br#"{"access_token":"a","refresh_token":"r","scope":"s"}"#).unwrap();
        let new = Token::read(br#"{"access_token":"b"}"#).unwrap().after(&old);
        assert_eq!(new.refresh().unwrap().expose_secret(), "r");
        assert_eq!(serde_json::to_value(&new).unwrap()["scope"], "s");
        let rotated = Token::read(br#"{"access_token":"c","refresh_token":"q"}"#)
            .unwrap()
            .after(&old);
        assert_eq!(rotated.refresh().unwrap().expose_secret(), "q");
    }
}
