//! Which token holds, what is to be done about it, and whose it is. Pure.

use std::time::Duration;

use greenroom_actors::clock::Instant;
use secrecy::{ExposeSecret, SecretString};

use super::error::MeshError;
use super::model::Profile;
use super::token::Token;

/// What a session knows.
#[derive(Debug, Default)]
pub(super) struct State {
    held: Option<Held>,
    owner: Option<Owner>,
    /// The last failure, and when it was known.
    failure: Option<(Instant, MeshError)>,
}

#[derive(Debug)]
struct Held {
    token: Token,
    /// Whether it was given by the caller: then it is never stored.
    is_given: bool,
    /// When a server gave it, if that was in this life of the session.
    got: Option<Instant>,
}

impl Held {
    /// For how long a new token is not renewed ahead of its end: that end may be nearer than the margin.
    fn rest(&self) -> Duration {
        let life = Duration::try_from_secs_f64(self.token.life().unwrap_or(f64::MAX));
        life.map_or(LONGEST_REST, |life| (life / 2).min(LONGEST_REST))
    }
}

#[derive(Debug)]
struct Owner {
    subject: Option<String>,
    profile: Profile,
}

/// How it is with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// It ends soon.
    Stale,
    Ended,
}

/// What is to be done for somebody who asks for a token.
#[derive(Debug)]
pub(super) enum Step {
    Use(SecretString),
    Refresh(Token),
    Login,
    Fail(MeshError),
}

impl State {
    pub(super) fn token(&self) -> Option<&Token> {
        self.held.as_ref().map(|held| &held.token)
    }

    pub(super) fn is_given(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_given)
    }

    /// Takes a token in place of the one that was there. That of somebody else makes the profile forgotten.
    pub(super) fn hold(&mut self, token: Token, is_given: bool) {
        let subject = token.subject();
        if self
            .owner
            .as_ref()
            .is_some_and(|owner| owner.subject != subject)
        {
            self.owner = None;
        }
        self.failure = None;
        self.held = Some(Held {
            token,
            is_given,
            got: None,
        });
    }

    /// As [`hold`](Self::hold), of one that a server has just given.
    pub(super) fn receive(&mut self, token: Token, now: Instant) {
        self.hold(token, false);
        if let Some(held) = &mut self.held {
            held.got = Some(now);
        }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Returns the profile of the token's owner, if it is known.
    pub(super) fn profile(&self) -> Option<&Profile> {
        self.owner.as_ref().map(|owner| &owner.profile)
    }

    /// Keeps what was found out with `token`, if that still holds.
    pub(super) fn know(&mut self, profile: Profile, token: &SecretString) {
        if self.is_current(token) {
            let subject = self.token().and_then(Token::subject);
            self.owner = Some(Owner { subject, profile });
        }
    }

    pub(super) fn failed(&mut self, error: &MeshError, now: Instant) {
        self.failure = Some((now, error.clone()));
    }

    fn is_current(&self, token: &SecretString) -> bool {
        self.token()
            .is_some_and(|held| held.access().expose_secret() == token.expose_secret())
    }

    /// Says how it is with the token at `now`, in seconds since 1970.
    pub(super) fn standing(&self, now: u64, margin: Duration) -> Option<Standing> {
        let held = self.held.as_ref()?;
        let Some(end) = held.token.expires_at() else {
            // A given token may say nothing of its end; a stored one that says nothing is not to be trusted.
            return Some(if held.is_given {
                Standing::Good
            } else {
                Standing::Ended
            });
        };
        let now = now as f64;
        Some(match () {
            () if now >= end => Standing::Ended,
            () if now >= end - margin.as_secs_f64() => Standing::Stale,
            () => Standing::Good,
        })
    }

    /// Decides for somebody who asks at `asked`, and to whom a server has refused a token, or not.
    pub(super) fn step(
        &self,
        refused: Option<&SecretString>,
        asked: Instant,
        now: u64,
        margin: Duration,
        is_interactive: bool,
    ) -> Step {
        // Whoever had asked before a try failed has waited for that try.
        if let Some((_, error)) = self.failure.as_ref().filter(|(at, _)| asked <= *at) {
            return Step::Fail(error.clone());
        }
        let login = || match is_interactive {
            true => Step::Login,
            false => Step::Fail(MeshError::login_needed()),
        };
        let (Some(held), Some(standing)) = (&self.held, self.standing(now, margin)) else {
            return login();
        };
        let token = &held.token;
        let is_refused = refused.is_some_and(|token| self.is_current(token));
        // Whoever has waited for a renewal takes what it brought.
        let is_new = held.got.is_some_and(|got| asked <= got + held.rest());
        match standing {
            Standing::Good if !is_refused => Step::Use(token.access().clone()),
            Standing::Stale if !is_refused && is_new => Step::Use(token.access().clone()),
            _ if token.refresh().is_some() => Step::Refresh(token.clone()),
            Standing::Stale if !is_refused => Step::Use(token.access().clone()),
            _ => login(),
        }
    }

    /// Says in how long the token is to be renewed though nobody asks.
    pub(super) fn due_in(&self, now: u64, margin: Duration) -> Option<Duration> {
        let held = self.held.as_ref().filter(|held| !held.is_given)?;
        held.token.refresh()?;
        let ahead = margin
            .as_secs_f64()
            .max(held.token.life().unwrap_or_default() * 0.2);
        let left = held.token.expires_at()? - ahead - now as f64;
        Duration::try_from_secs_f64(left.clamp(0.0, LONGEST_SLEEP)).ok()
    }

    /// Says how long to wait at least before the token is renewed though nobody asks.
    pub(super) fn rest(&self) -> Duration {
        let new = self.held.as_ref().filter(|held| held.got.is_some());
        new.map_or(SHORTEST_REST, |held| held.rest().max(SHORTEST_REST))
    }
}

const LONGEST_SLEEP: f64 = 86_400.0;
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Whoever has just started is given the time to ask first.
const SHORTEST_REST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use greenroom_actors::clock;

    use super::*;

    const MARGIN: Duration = Duration::from_secs(300);
    const NOW: u64 = 1_000_000;

    fn state(left: i64, refresh: bool) -> State {
        let end = NOW as i64 + left;
        let refresh = if refresh {
            r#","refresh_token":"r""#
        } else {
            ""
        };
        let text =
            format!(r#"{{"access_token":"a","expires_in":86400,"expires_at":{end}{refresh}}}"#);
        let mut state = State::default();
        state.hold(Token::read(text.as_bytes()).unwrap(), false);
        state
    }

    fn step(state: &State, refused: Option<&str>, is_interactive: bool) -> &'static str {
        let refused = refused.map(SecretString::from);
        match state.step(refused.as_ref(), clock::now(), NOW, MARGIN, is_interactive) {
            Step::Use(_) => "use",
            Step::Refresh(_) => "refresh",
            Step::Login => "login",
            Step::Fail(_) => "fail",
        }
    }

    /// MESH-10.
    #[test]
    fn a_token_is_renewed_within_the_margin_and_not_before() {
        for (left, refresh, expected) in [
            (310, true, "use"),
            (300, true, "refresh"),
            (299, true, "refresh"),
            (0, true, "refresh"),
            (-5, true, "refresh"),
            (310, false, "use"),
            (299, false, "use"),
            (0, false, "fail"),
        ] {
            assert_eq!(
                step(&state(left, refresh), None, false),
                expected,
                "{left} {refresh}"
            );
        }
        assert_eq!(step(&state(0, false), None, true), "login");
        assert_eq!(step(&State::default(), None, false), "fail");
        assert_eq!(step(&State::default(), None, true), "login");
    }

    #[test]
    fn a_refused_token_is_renewed_once_for_all_who_held_it() {
        let fresh = state(86_400, true);
        assert_eq!(step(&fresh, Some("a"), false), "refresh");
        assert_eq!(step(&fresh, Some("older"), false), "use");
        assert_eq!(step(&state(86_400, false), Some("a"), false), "fail");
        assert_eq!(step(&state(86_400, false), Some("a"), true), "login");
    }

    #[test]
    fn a_given_token_without_an_end_is_good_and_a_stored_one_is_not() {
        let bare = || Token::bare(&"header.payload.sig".into()).unwrap();
        let mut state = State::default();
        state.hold(bare(), true);
        assert_eq!(step(&state, None, false), "use");
        assert_eq!(state.due_in(NOW, MARGIN), None);
        state.hold(bare(), false);
        assert_eq!(state.standing(NOW, MARGIN), Some(Standing::Ended));
    }

    #[test]
    fn who_waited_for_a_try_gets_its_failure_and_who_comes_later_another_try() {
        let mut state = state(-1, true);
        let asked = clock::now();
        state.failed(&MeshError::transport("x"), asked);
        let step = |asked| state.step(None, asked, NOW, MARGIN, false);
        assert!(matches!(step(asked), Step::Fail(_)));
        assert!(matches!(
            step(asked + Duration::from_nanos(1)),
            Step::Refresh(_)
        ));
    }

    /// A server may give tokens that live shorter than the margin.
    #[test]
    fn what_has_just_come_is_not_renewed_again() {
        let got = clock::now();
        let token = |life: u64| {
            let end = NOW + life;
            let text = format!(
                r#"{{"access_token":"a","refresh_token":"r","expires_in":{life},"expires_at":{end}}}"#
            );
            let mut state = State::default();
            state.receive(Token::read(text.as_bytes()).unwrap(), got);
            state
        };
        let (state, step) = (
            token(40),
            |state: &State, later: u64, refused: Option<&str>| {
                let refused = refused.map(SecretString::from);
                let asked = got + Duration::from_secs(later);
                matches!(
                    state.step(refused.as_ref(), asked, NOW + later, MARGIN, false),
                    Step::Use(_)
                )
            },
        );
        assert!(step(&state, 0, None) && step(&state, 20, None));
        assert!(!step(&state, 21, None) && !step(&state, 0, Some("a")));
        assert!(!step(&token(0), 0, None), "it has ended already");
        assert_eq!(state.due_in(NOW, MARGIN), Some(Duration::ZERO));
        assert_eq!(state.rest(), Duration::from_secs(20));
        assert_eq!(token(250).rest(), Duration::from_secs(60));
        assert_eq!(State::default().rest(), Duration::from_secs(1));
    }

    /// D-07: so that the end of a token is not forgotten, and the background goes on.
    #[test]
    fn it_is_due_a_fifth_of_its_life_ahead_or_a_margin() {
        assert_eq!(
            state(86_400, true).due_in(NOW, MARGIN),
            Some(Duration::from_secs(69_120))
        );
        assert_eq!(state(10, true).due_in(NOW, MARGIN), Some(Duration::ZERO));
        assert_eq!(state(86_400, false).due_in(NOW, MARGIN), None);
    }

    /// D-22: the peer keeps the profile, and keys go to the wrong user.
    #[test]
    fn a_token_of_somebody_else_makes_the_profile_forgotten() {
        let jwt = |subject: &str| {
            let payload = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{subject}"}}"#));
            SecretString::from(format!("e30.{payload}.{}", subject.len()))
        };
        let profile: Profile = serde_json::from_str(r#"{"id":"one"}"#).unwrap();
        let mut state = State::default();
        state.hold(Token::bare(&jwt("one")).unwrap(), true);
        state.know(profile.clone(), &jwt("another"));
        assert!(
            state.profile().is_none(),
            "it was found out with another token"
        );
        state.know(profile, &jwt("one"));
        state.hold(Token::bare(&jwt("one")).unwrap(), true);
        assert!(state.profile().is_some());
        state.hold(Token::bare(&jwt("other")).unwrap(), true);
        assert!(state.profile().is_none());
    }
}
