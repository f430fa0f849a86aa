//! The tokens of a client: what there is, when it ends, and how it may be renewed. Pure.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::clock::Instant;
use secrecy::SecretString;

use super::codec;
use super::config::Identity;
use super::json::Json;
use super::limits::MARGIN;
use super::model::TaskResponse;

/// An access token with its end.
#[derive(Clone)]
pub(super) struct AccessToken {
    pub(super) secret: SecretString,
    pub(super) expires_at: Instant,
    /// Which token of the client it is: 0 for one that was given, then from 1.
    pub(super) issue: u64,
}

impl AccessToken {
    /// Says whether it counts as expired, which is a minute before its end.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.saturating_duration_since(now) <= MARGIN
    }

    /// Returns how many whole seconds it lives.
    pub(super) fn seconds_left(&self, now: Instant) -> u64 {
        self.expires_at.saturating_duration_since(now).as_secs()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

/// How a token is to be got.
#[derive(Clone, Debug)]
pub(super) enum Grant {
    ClientCredentials,
    Code(SecretString),
    Refresh(SecretString),
}

/// The tokens of one client. They outlive the restarts of its actors; clones share them.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Mutex<Held>>);

struct Held {
    identity: Identity,
    access: Option<AccessToken>,
    refresh: Option<SecretString>,
    /// The code that was not exchanged yet.
    code: Option<SecretString>,
    issues: u64,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    pub(super) fn new(identity: Identity, now: Instant) -> Self {
        let (mut access, mut refresh, mut code) = (None, None, None);
        match &identity {
            Identity::Application => {}
            Identity::User(given) => code = Some(given.clone()),
            Identity::Bearer(given) => {
                access = given.access.as_ref().map(|(secret, life)| AccessToken {
                    secret: secret.clone(),
                    expires_at: later(now, *life),
                    issue: 0,
                });
                refresh = given.refresh.clone();
            }
        }
        Self(Arc::new(Mutex::new(Held {
            identity,
            access,
            refresh,
            code,
            issues: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the access token, however old.
    pub(super) fn access(&self) -> Option<AccessToken> {
        self.lock().access.clone()
    }

    pub(super) fn refresh(&self) -> Option<SecretString> {
        self.lock().refresh.clone()
    }

    /// Says whether there is no token, or one that ends within a minute.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        let held = self.lock();
        held.access
            .as_ref()
            .is_none_or(|access| access.is_expired(now))
    }

    /// Says how a new token may be got, best first; nothing if that would need another identity or is not known.
    pub(super) fn grants(&self) -> Vec<Grant> {
        let held = self.lock();
        let refresh = held.refresh.clone().map(Grant::Refresh);
        match (&held.identity, &held.code) {
            (Identity::Application, _) => refresh
                .into_iter()
                .chain([Grant::ClientCredentials])
                .collect(),
            (Identity::User(_), Some(code)) => vec![Grant::Code(code.clone())],
            (Identity::User(_) | Identity::Bearer(_), _) => refresh.into_iter().collect(),
        }
    }

    /// Takes what the platform answered at `now`, and returns the new token. A refresh token that is not sent again stays.
    pub(super) fn take(&self, answer: TokenAnswer, now: Instant) -> AccessToken {
        let mut held = self.lock();
        held.issues += 1;
        let access = AccessToken {
            secret: answer.access,
            expires_at: later(now, answer.life),
            issue: held.issues,
        };
        held.access = Some(access.clone());
        held.code = None;
        if answer.refresh.is_some() {
            held.refresh = answer.refresh;
        }
        access
    }

    /// Returns how many tokens the platform has given.
    pub(super) fn issues(&self) -> u64 {
        self.lock().issues
    }

    /// The refresh token was refused: an application, which has other means, does not try it again.
    pub(super) fn refused_refresh(&self) {
        let mut held = self.lock();
        if matches!(held.identity, Identity::Application) {
            held.refresh = None;
        }
    }

    /// Returns every secret that could be quoted by a server.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let held = self.lock();
        let access = held.access.as_ref().map(|access| access.secret.clone());
        [access, held.refresh.clone(), held.code.clone()]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// What the platform answers to a request for a token.
#[derive(Debug)]
pub(super) struct TokenAnswer {
    pub(super) access: SecretString,
    pub(super) life: Duration,
    pub(super) refresh: Option<SecretString>,
}

impl TokenAnswer {
    /// Reads an answer, in either spelling of its keys.
    ///
    /// # Errors
    ///
    /// What is wrong with it; nothing of it is quoted.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let no_object = || "the answer to the request for a token is no JSON object".to_owned();
        let TaskResponse { json } = codec::response(body).map_err(|_| no_object())?;
        let field = |names: [&str; 2]| {
            let found = names
                .into_iter()
                .find_map(|name| json.get(name).filter(|value| !value.is_null()));
            found
                .ok_or_else(|| format!("the answer to the request for a token has no {}", names[0]))
        };
        let text = |names: [&str; 2]| {
            let text = field(names)?.string().filter(|text| !text.is_empty());
            text.ok_or_else(|| {
                format!(
                    "{} in the answer to the request for a token is no text",
                    names[0]
                )
            })
        };
        let life = field(["expiresIn", "expires_in"])?;
        Ok(Self {
            access: text(["accessToken", "access_token"])?.into(),
            life: seconds(&life).ok_or_else(|| {
                "expiresIn in the answer to the request for a token is no number of seconds"
                    .to_owned()
            })?,
            refresh: text(["refreshToken", "refresh_token"]).ok().map(Into::into),
        })
    }
}

/// Reads a number of seconds: with a fraction, or as text.
fn seconds(value: &Json) -> Option<Duration> {
    let number: f64 = match value.string() {
        Some(text) => text.trim().parse().ok()?,
        None => value.read().ok()?,
    };
    // What is longer than that is as good as for ever.
    Duration::try_from_secs_f64(number.clamp(0.0, LONGEST_LIFE)).ok()
}

fn later(now: Instant, life: Duration) -> Instant {
    now + life.min(Duration::from_secs_f64(LONGEST_LIFE))
}

/// Ten years, in seconds.
const LONGEST_LIFE: f64 = 315_360_000.0;

#[cfg(test)]
mod tests {
    use greenroom_actors::clock;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::payman::config::Given;

    const SECOND: Duration = Duration::from_secs(1);

    fn answer(life: u64, refresh: Option<&str>) -> TokenAnswer {
        TokenAnswer {
            access: "at-1".into(),
            life: Duration::from_secs(life),
            refresh: refresh.map(Into::into),
        }
    }

    fn names(tokens: &Tokens) -> Vec<String> {
        let name = |grant| match grant {
            Grant::ClientCredentials => "credentials".to_owned(),
            Grant::Code(code) => format!("code {}", code.expose_secret()),
            Grant::Refresh(token) => format!("refresh {}", token.expose_secret()),
        };
        tokens.grants().into_iter().map(name).collect()
    }

    #[test]
    fn a_token_counts_as_expired_a_minute_before_its_end() {
        let now = clock::now();
        let tokens = Tokens::new(Identity::Application, now);
        assert!(tokens.is_expired(now));
        tokens.take(answer(3_600, None), now);
        assert!(!tokens.is_expired(now + 3_539 * SECOND));
        assert!(tokens.is_expired(now + 3_540 * SECOND));
        let access = tokens.access().unwrap();
        assert_eq!(access.seconds_left(now + SECOND / 2), 3_599);
        assert_eq!(access.seconds_left(now + 4_000 * SECOND), 0);
    }

    #[test]
    fn nobody_becomes_somebody_else() {
        let now = clock::now();
        let application = Tokens::new(Identity::Application, now);
        assert_eq!(names(&application), ["credentials"]);
        application.take(answer(60, Some("rt-1")), now);
        assert_eq!(names(&application), ["refresh rt-1", "credentials"]);

        let user = Tokens::new(Identity::User("code".into()), now);
        assert_eq!(names(&user), ["code code"]);
        user.take(answer(60, None), now);
        assert_eq!(
            names(&user),
            [""; 0],
            "a user's token is not renewed as the application"
        );
        user.take(answer(60, Some("rt-1")), now);
        user.take(answer(60, None), now);
        assert_eq!(
            names(&user),
            ["refresh rt-1"],
            "what is not sent again stays"
        );

        let given = |access: Option<u64>, refresh: Option<&str>| {
            let access = access.map(|life| ("at".into(), Duration::from_secs(life)));
            let refresh = refresh.map(Into::into);
            Tokens::new(Identity::Bearer(Given { access, refresh }), now)
        };
        assert_eq!(names(&given(Some(0), None)), [""; 0]);
        assert!(given(Some(0), None).is_expired(now));
        assert!(!given(Some(61), None).is_expired(now));
        assert_eq!(names(&given(None, Some("rt"))), ["refresh rt"]);
    }

    #[test]
    fn answers_are_read_in_both_spellings() {
        let read = |text: &str| TokenAnswer::read(text.as_bytes());
        let camel = read(
            r#"{"accessToken":"a","tokenType":"Bearer","expiresIn":"90","refreshToken":null}"#,
        )
        .unwrap();
        assert_eq!(
            (camel.access.expose_secret(), camel.life),
            ("a", 90 * SECOND)
        );
        assert!(camel.refresh.is_none());
        let snake = read(r#"{"access_token":"a","expires_in":1.5,"refresh_token":"r"}"#).unwrap();
        assert_eq!(snake.life, SECOND * 3 / 2);
        assert_eq!(snake.refresh.unwrap().expose_secret(), "r");
        assert_eq!(
            read(r#"{"accessToken":"a","expiresIn":0}"#).unwrap().life,
            Duration::ZERO
        );
        assert_eq!(
            read(r#"{"accessToken":"a","expiresIn":-5}"#).unwrap().life,
            Duration::ZERO
        );
        read(r#"{"accessToken":"a","expiresIn":1e300}"#).unwrap();
        for (wrong, part) in [
            ("<html>", "no JSON object"),
            ("[]", "no JSON object"),
            (r#"{"expiresIn":1}"#, "has no accessToken"),
            (r#"{"accessToken":"s3cret"}"#, "has no expiresIn"),
            (r#"{"accessToken":7,"expiresIn":1}"#, "accessToken in"),
            (
                r#"{"accessToken":"s3cret","expiresIn":"soon"}"#,
                "expiresIn in",
            ),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
        }
    }
}
