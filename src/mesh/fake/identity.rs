//! Who is logged in: codes, tokens, and how the tenant decides. Both servers know of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_actors::entropy::Entropy;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::world::{draw, email_of};
use crate::simulator::bounded::Bounded;
use crate::simulator::jwt::Signer;
use crate::simulator::{Now, TokenFault};

/// What both servers know.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Identity>>);

impl Shared {
    pub(super) fn new(identity: Identity) -> Self {
        Self(Arc::new(Mutex::new(identity)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Identity> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tenant with its one application.
#[derive(Debug)]
pub(super) struct Identity {
    /// Where clients find it.
    pub(super) url: String,
    pub(super) client: String,
    /// If there is one, token requests must show it.
    pub(super) secret: Option<String>,
    pub(super) audience: String,
    /// Who logs in.
    pub(super) user: User,
    /// How many seconds access tokens live.
    pub(super) life: u64,
    /// A refresh gives a new refresh token; otherwise none, and the old one stays good.
    pub(super) rotates: bool,
    /// Whether the user agrees at `/authorize`.
    pub(super) agrees: bool,
    pub(super) device: DevicePlan,
    skew: i64,
    access: Bounded<String, Access>,
    refresh: Bounded<String, Grant>,
    codes: Bounded<String, Code>,
    devices: Bounded<String, Device>,
    signer: Signer,
    entropy: Entropy,
}

/// A user as a token names him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: Option<String>,
}

/// What a login has given to an application.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) user: User,
    pub(super) scope: String,
    pub(super) audience: String,
}

/// How the device flow goes on.
#[derive(Clone, Debug)]
pub(super) struct DevicePlan {
    pub(super) outcome: Outcome,
    /// So many polls are told to wait.
    pub(super) pending_polls: u32,
    /// The polls, counted from 1, that are told to slow down.
    pub(super) slow_down_on: Vec<u32>,
    /// The status of `authorization_pending`.
    pub(super) pending_status: u16,
    /// The status of `slow_down`.
    pub(super) slow_down_status: u16,
    /// The status of what ends the flow.
    pub(super) error_status: u16,
    pub(super) interval: u64,
    pub(super) expires_in: u64,
}

/// How the user decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    #[default]
    Approve,
    Deny,
    Expire,
    Never,
}

impl Default for DevicePlan {
    fn default() -> Self {
        Self {
            outcome: Outcome::default(),
            pending_polls: 2,
            slow_down_on: Vec::new(),
            pending_status: 400,
            slow_down_status: 400,
            error_status: 400,
            interval: 1,
            expires_in: 900,
        }
    }
}

/// What is known of an access token, given out here or shown by somebody.
#[derive(Clone, Debug)]
struct Access {
    user: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    Expired,
    Revoked,
}

/// A code that was handed to a browser.
#[derive(Debug)]
struct Code {
    grant: Grant,
    redirect_uri: String,
    challenge: Option<String>,
    expires_at: u64,
}

/// A device that waits for its user.
#[derive(Debug)]
struct Device {
    grant: Grant,
    user_code: String,
    polls: u32,
    expires_at: u64,
}

/// What a poll of a device is told.
#[derive(Debug)]
pub(super) enum Poll {
    Granted(Grant),
    Refused(&'static str, u16),
}

impl Identity {
    pub(super) fn new(
        url: &str,
        client: &str,
        audience: &str,
        user: &str,
        entropy: &Entropy,
    ) -> Self {
        Self {
            url: url.to_owned(),
            client: client.to_owned(),
            secret: None,
            audience: audience.to_owned(),
            user: User {
                id: user.to_owned(),
                email: None,
            },
            life: 86_400,
            rotates: true,
            agrees: true,
            device: DevicePlan::default(),
            skew: 0,
            access: Bounded::new(100_000),
            refresh: Bounded::new(100_000),
            codes: Bounded::new(10_000),
            devices: Bounded::new(10_000),
            signer: Signer::draw(&entropy.derive("key")),
            entropy: entropy.derive("tokens"),
        }
    }

    /// Reads the clock by which tokens are dated and judged.
    fn time(&self, now: Now) -> u64 {
        now.unix.saturating_add_signed(self.skew)
    }

    /// Returns what a login for `scope` gives.
    pub(super) fn grant(&self, scope: &str, audience: Option<&str>) -> Grant {
        Grant {
            user: self.user.clone(),
            scope: scope.to_owned(),
            audience: audience.unwrap_or(&self.audience).to_owned(),
        }
    }

    /// Issues tokens; with `is_new` a refresh token too, if offline access was asked for.
    pub(super) fn issue(&mut self, now: Now, grant: &Grant, is_new: bool) -> Value {
        let at = self.time(now);
        let mut claims = json!({
            "iss": format!("{}/", self.url),
            "sub": grant.user.id,
            "aud": grant.audience,
            "iat": at,
            "exp": at.saturating_add(self.life),
            "azp": self.client,
            "scope": grant.scope,
            "jti": draw(&self.entropy),
        });
        let access = self.signer.sign(&claims.to_string());
        let known = Access {
            user: grant.user.id.clone(),
            state: State::Good,
        };
        self.access.insert(access.clone(), known);
        let mut tokens = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.life,
            "scope": grant.scope,
        });
        let asks_for = |name| grant.scope.split_whitespace().any(|one| one == name);
        if asks_for("openid") {
            claims["aud"] = self.client.clone().into();
            claims["email"] = grant.user.email().into();
            tokens["id_token"] = self.signer.sign(&claims.to_string()).into();
        }
        if is_new && asks_for("offline_access") {
            let refresh = format!("v1.{}", draw(&self.entropy));
            self.refresh.insert(refresh.clone(), grant.clone());
            tokens["refresh_token"] = refresh.into();
        }
        tokens
    }

    /// Makes new tokens of a refresh token.
    pub(super) fn renew(&mut self, now: Now, refresh: &str) -> Option<Value> {
        let grant = match self.rotates {
            true => self.refresh.remove(refresh)?,
            false => self.refresh.get(refresh)?.clone(),
        };
        Some(self.issue(now, &grant, self.rotates))
    }

    /// Hands out a code for one address, and for who knows the verifier of a challenge.
    pub(super) fn hand_code(
        &mut self,
        now: Now,
        grant: Grant,
        redirect_uri: &str,
        challenge: Option<&str>,
    ) -> String {
        let code = draw(&self.entropy);
        let handed = Code {
            grant,
            redirect_uri: redirect_uri.to_owned(),
            challenge: challenge.map(str::to_owned),
            expires_at: self.time(now).saturating_add(CODE_LIFE),
        };
        self.codes.insert(code.clone(), handed);
        code
    }

    /// Takes a code back, which works once.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for a person; then it stays.
    pub(super) fn redeem(
        &mut self,
        now: Now,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
    ) -> Result<Grant, &'static str> {
        let found = self.codes.get(code).ok_or("Invalid authorization code")?;
        if found.expires_at <= self.time(now) {
            return Err("The authorization code has expired");
        }
        if found.redirect_uri != redirect_uri {
            return Err("The redirect URI is wrong");
        }
        if let Some(challenge) = &found.challenge {
            let verifier = verifier.ok_or("The code verifier is missing")?;
            if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != *challenge {
                return Err("Failed to verify code verifier");
            }
        }
        let code = self
            .codes
            .remove(code)
            .ok_or("Invalid authorization code")?;
        Ok(code.grant)
    }

    /// Begins a device flow; returns the code of the device and that of its user.
    pub(super) fn begin_device(&mut self, now: Now, grant: Grant) -> (String, String) {
        let (code, drawn) = (draw(&self.entropy), draw(&self.entropy));
        let user_code: String = drawn.bytes().take(8).map(letter).collect();
        let user_code = format!("{}-{}", &user_code[..4], &user_code[4..]);
        let device = Device {
            grant,
            user_code: user_code.clone(),
            polls: 0,
            expires_at: self.time(now).saturating_add(self.device.expires_in),
        };
        self.devices.insert(code.clone(), device);
        (code, user_code)
    }

    /// Answers a poll of a device.
    pub(super) fn poll(&mut self, now: Now, code: &str) -> Poll {
        let at = self.time(now);
        let plan = &self.device;
        let ended = |code| Poll::Refused(code, plan.error_status);
        let Some(device) = self.devices.get_mut(code) else {
            return ended("invalid_grant");
        };
        device.polls = device.polls.saturating_add(1);
        if device.expires_at <= at {
            return ended("expired_token");
        }
        if plan.slow_down_on.contains(&device.polls) {
            return Poll::Refused("slow_down", plan.slow_down_status);
        }
        if device.polls <= plan.pending_polls || plan.outcome == Outcome::Never {
            return Poll::Refused("authorization_pending", plan.pending_status);
        }
        let refused = match plan.outcome {
            Outcome::Deny => Some("access_denied"),
            Outcome::Expire => Some("expired_token"),
            Outcome::Approve | Outcome::Never => None,
        };
        match (self.devices.remove(code), refused) {
            (Some(device), None) => Poll::Granted(device.grant),
            (_, refused) => {
                Poll::Refused(refused.unwrap_or("invalid_grant"), self.device.error_status)
            }
        }
    }

    /// Says whether a device waits for this code of its user.
    pub(super) fn knows_user_code(&mut self, code: &str) -> bool {
        self.devices
            .values_mut()
            .any(|device| device.user_code == code)
    }

    /// Says who shows this value of the header `Authorization`.
    ///
    /// # Errors
    ///
    /// Why he is refused, in the words of the server.
    pub(super) fn judge(&mut self, now: Now, authorization: &str) -> Result<User, &'static str> {
        let token = match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => "",
        };
        if token.is_empty() {
            return Err("No token provided");
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [_, payload, _] = parts[..] else {
            return Err("jwt malformed");
        };
        let state = self
            .access
            .get(token)
            .map_or(State::Good, |known| known.state);
        let (user, exp) = claims(payload).ok_or("Invalid token")?;
        #[expect(clippy::cast_precision_loss, reason = "dates are far below that")]
        let is_over = exp <= self.time(now) as f64;
        match state {
            State::Revoked => return Err("Invalid token"),
            State::Good if !is_over => {}
            State::Good | State::Expired => return Err("Token expired"),
        }
        self.access.entry(token.to_owned(), || Access {
            user: user.id.clone(),
            state,
        });
        Ok(user)
    }

    /// Makes access tokens unknown: one of them, those of a user, or all that were given out or shown. With `refresh` the refresh tokens
    /// too.
    pub(super) fn revoke(&mut self, token: Option<&str>, user: Option<&str>, refresh: bool) {
        if let Some(token) = token {
            let user = claims(token.split('.').nth(1).unwrap_or_default());
            let access = self.access.entry(token.to_owned(), || Access {
                user: user.map(|(user, _)| user.id).unwrap_or_default(),
                state: State::Revoked,
            });
            access.state = State::Revoked;
        }
        let concerned = |id: &str| user.is_none_or(|user| user == id);
        if token.is_none() {
            for access in self
                .access
                .values_mut()
                .filter(|access| concerned(&access.user))
            {
                access.state = State::Revoked;
            }
        }
        if refresh {
            self.refresh.retain(|grant| !concerned(&grant.user.id));
        }
    }

    /// Lets something go wrong with tokens.
    pub(super) fn suffer(&mut self, fault: TokenFault) {
        match fault {
            TokenFault::Expire => {
                for access in self
                    .access
                    .values_mut()
                    .filter(|access| access.state == State::Good)
                {
                    access.state = State::Expired;
                }
            }
            TokenFault::Revoke => self.revoke(None, None, true),
            TokenFault::Skew(seconds) => self.skew = seconds,
        }
    }
}

impl User {
    /// Returns the address that was told, or one that is made up.
    pub(super) fn email(&self) -> String {
        self.email.clone().unwrap_or_else(|| email_of(&self.id))
    }
}

/// Reads the user and the end out of the middle part of a token; nobody checks who has signed it.
fn claims(payload: &str) -> Option<(User, f64)> {
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    let id = claims["sub"].as_str().filter(|id| !id.is_empty())?;
    let email = claims["email"].as_str();
    let user = User {
        id: id.to_owned(),
        email: email.map(str::to_owned),
    };
    Some((user, claims["exp"].as_f64()?))
}

/// Makes a capital letter of a hexadecimal digit.
fn letter(digit: u8) -> char {
    char::from(match digit {
        b'0'..=b'9' => digit - b'0' + b'A',
        _ => digit - b'a' + b'M',
    })
}

/// How many seconds a code lives.
const CODE_LIFE: u64 = 600;
