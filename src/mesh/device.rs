//! The device flow: a person opens a page somewhere and says yes, and meanwhile the server is asked again and again (RFC 8628).

use std::time::Duration;

use greenroom_actors::clock::{self, Instant};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::authenticator::{Authenticator, SCOPE, Tenant, add_secret, seconds};
use super::browser;
use super::error::{ErrorKind, MeshError};
use super::http::{Reply, Trouble};
use super::login::Prompt;
use super::token::Token;

/// Why there was no login by device.
#[derive(Debug)]
pub(super) enum Failed {
    /// It could not even begin: another way may be tried.
    Unstarted(MeshError),
    /// It was begun, and is over.
    Over(MeshError),
}

impl Failed {
    pub(super) fn into_error(self) -> MeshError {
        match self {
            Self::Unstarted(error) | Self::Over(error) => error,
        }
    }
}

/// What one poll comes to.
#[derive(Debug)]
enum Polled {
    Done(Token),
    Failed(MeshError),
    Wait(Duration),
}

/// When the server is asked, and until when.
#[derive(Debug)]
struct Polls {
    interval: Duration,
    /// The wait while the server cannot be reached.
    doubled: Duration,
    ends: Instant,
}

impl Authenticator {
    /// Logs in by device.
    pub(super) async fn by_device(&self) -> Result<Token, Failed> {
        let tenant = self.tenant().await.map_err(Failed::Unstarted)?;
        let (mut polls, device) = self.begin(&tenant).await.map_err(Failed::Unstarted)?;
        let mut body = json!({
            "client_id": tenant.client_id,
            "device_code": device.expose_secret(),
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        });
        add_secret(&mut body, &tenant);
        let url = format!("{}/oauth/token", tenant.url);
        let mut wait = polls.interval;
        loop {
            let next = clock::now() + wait;
            if next >= polls.ends {
                tokio::time::sleep_until(polls.ends).await;
                return Err(Failed::Over(expired()));
            }
            tokio::time::sleep_until(next).await;
            let answer = self.post(url.clone(), &body, vec![device.clone()]).await;
            match polls.judge(answer) {
                Polled::Wait(longer) => wait = longer,
                Polled::Failed(error) => return Err(Failed::Over(error)),
                Polled::Done(token) => {
                    if token.refresh().is_none() {
                        let warning = "the login cannot be renewed: offline access must be enabled for the API";
                        tracing::warn!("{warning}");
                        self.client.tell(&Prompt::Warning(warning.to_owned()));
                    }
                    return Ok(token);
                }
            }
        }
    }

    async fn begin(&self, tenant: &Tenant) -> Result<(Polls, SecretString), MeshError> {
        let body =
            json!({"client_id": tenant.client_id, "scope": SCOPE, "audience": tenant.audience});
        let reply = self
            .post(
                format!("{}/oauth/device/code", tenant.url),
                &body,
                Vec::new(),
            )
            .await;
        let reply = reply.map_err(Trouble::error)?;
        if !reply.is_ok() {
            let message = format!("The device login cannot be started: {}", reply.status);
            return Err(reply.refusal(message));
        }
        let answer = reply.json().unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let (Some(device), Some(user_code), Some(uri)) = (
            text("device_code"),
            text("user_code"),
            text("verification_uri"),
        ) else {
            return Err(reply.unreadable());
        };
        let complete = text("verification_uri_complete").unwrap_or(uri);
        let life = seconds(&answer, "expires_in", 900);
        tracing::info!(uri, user_code, "waiting for somebody to confirm the login");
        self.client.tell(&Prompt::Device {
            verification_uri: uri.to_owned(),
            user_code: user_code.to_owned(),
            verification_uri_complete: complete.to_owned(),
            expires_in: life,
        });
        if !self.client.settings.is_headless() {
            browser::open(complete);
        }
        let polls = Polls::new(seconds(&answer, "interval", 5), clock::now() + life);
        Ok((polls, device.into()))
    }
}

impl Polls {
    fn new(interval: Duration, ends: Instant) -> Self {
        let interval = interval.clamp(SHORTEST, LONGEST);
        Self {
            interval,
            doubled: interval,
            ends,
        }
    }

    /// Looks at what the server said: at the code of its error, and not at the status, of which there are several for the same.
    fn judge(&mut self, answer: Result<Reply, Trouble>) -> Polled {
        let reply = match answer {
            Ok(reply) => reply,
            Err(trouble) => return self.unreachable(&trouble.error().to_string()),
        };
        if reply.is_ok() {
            let token = Token::received(reply.body(), clock::unix_seconds());
            return token.map_or_else(|| Polled::Failed(reply.unreadable()), Polled::Done);
        }
        let code = reply.error();
        match (code.as_str(), reply.status) {
            ("authorization_pending", _) => self.pending(),
            ("slow_down", _) => self.slow_down(),
            ("expired_token", _) => Polled::Failed(expired()),
            ("access_denied", _) => Polled::Failed(failed("The login was declined")),
            (_, 429) if !is_code(&code) => {
                let slower = self.slow_down();
                reply
                    .retry_after
                    .map_or(slower, |wait| Polled::Wait(wait.clamp(SHORTEST, LONGEST)))
            }
            (_, 500..) => self.unreachable(&format!("HTTP {}", reply.status)),
            _ => Polled::Failed(
                failed("The login failed")
                    .details(reply.details())
                    .answered(reply.status, None),
            ),
        }
    }

    fn pending(&mut self) -> Polled {
        self.doubled = self.interval;
        Polled::Wait(self.interval)
    }

    /// For good: the server says so if it is asked too often.
    fn slow_down(&mut self) -> Polled {
        self.interval += Duration::from_secs(5);
        self.pending()
    }

    fn unreachable(&mut self, reason: &str) -> Polled {
        self.doubled = self
            .doubled
            .saturating_mul(2)
            .min(UNREACHABLE.max(self.interval));
        tracing::debug!(reason, wait = ?self.doubled, "a poll of the login got no answer");
        Polled::Wait(self.doubled)
    }
}

fn is_code(code: &str) -> bool {
    matches!(
        code,
        "invalid_grant"
            | "invalid_client"
            | "unauthorized_client"
            | "invalid_request"
            | "unsupported_grant_type"
    )
}

fn expired() -> MeshError {
    failed("The login failed: device code expired")
}

fn failed(message: &str) -> MeshError {
    MeshError::new(ErrorKind::Auth, message)
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// The longest wait while the server cannot be reached.
const UNREACHABLE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::http::testing::reply;

    fn polls() -> Polls {
        Polls::new(
            Duration::from_secs(1),
            clock::now() + Duration::from_secs(900),
        )
    }

    fn error(status: u16, code: &str) -> Result<Reply, Trouble> {
        Ok(reply(
            status,
            &json!({"error": code, "error_description": "words"}).to_string(),
        ))
    }

    fn wait(polled: Polled) -> u64 {
        match polled {
            Polled::Wait(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    /// D-03: the peer understands status 400 only.
    #[test]
    fn the_code_counts_and_not_the_status() {
        for status in [400, 403, 429, 428] {
            let mut polls = polls();
            assert_eq!(wait(polls.judge(error(status, "authorization_pending"))), 1);
            assert_eq!(wait(polls.judge(error(status, "slow_down"))), 6);
            assert_eq!(
                wait(polls.judge(error(status, "authorization_pending"))),
                6,
                "for good"
            );
            assert_eq!(wait(polls.judge(error(status, "slow_down"))), 11);
            for (code, words) in [
                ("expired_token", "device code expired"),
                ("access_denied", "declined"),
            ] {
                match polls.judge(error(status, code)) {
                    Polled::Failed(error) => assert!(error.to_string().contains(words), "{error}"),
                    other => panic!("{other:?}"),
                }
            }
            assert!(matches!(
                polls.judge(error(status, "invalid_grant")),
                Polled::Failed(_)
            ));
        }
    }

    #[test]
    fn a_server_that_is_away_is_waited_for_longer_and_longer() {
        let mut polls = polls();
        let lost = || Err(Trouble::Lost("x".to_owned()));
        let waits: Vec<_> = (0..6).map(|_| wait(polls.judge(lost()))).collect();
        assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
        assert_eq!(wait(polls.judge(error(403, "authorization_pending"))), 1);
        assert_eq!(wait(polls.judge(Ok(reply(502, "bad gateway")))), 2);
    }

    #[test]
    fn a_429_without_words_slows_down_as_long_as_it_says() {
        let mut polls = polls();
        assert_eq!(wait(polls.judge(Ok(reply(429, "")))), 6);
        let mut asked = reply(429, "");
        asked.retry_after = Some(Duration::from_secs(3));
        assert_eq!(wait(polls.judge(Ok(asked))), 3);
        assert_eq!(
            wait(polls.judge(error(400, "authorization_pending"))),
            11,
            "for good"
        );
    }
}
