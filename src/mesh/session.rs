//! The actor that owns the login of a client: its token, the profile of its owner, and the timer that renews it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures::FutureExt;
use greenroom_actors::clock::{self, Instant};
use secrecy::{ExposeSecret, SecretString};

use super::authenticator::{Authenticator, Unrenewed};
use super::client::Shared;
use super::config::Settings;
use super::error::MeshError;
use super::http::Http;
use super::limits::REFRESH_PAUSE;
use super::login::Login;
use super::model::Profile;
use super::state::{Standing, State, Step};
use super::token::Token;

/// Owns the login of one client.
///
/// It does one thing at a time: whoever asks while a token is renewed waits in its mailbox and then finds the new one. So one renewal
/// serves any number of callers, and a crash in the middle of it loses none of them.
///
/// * **Who starts it**: the platform's supervisor, before the client.
/// * **What ends it**: its supervisor.
/// * **What happens to its mailbox then**: it outlives a restart; the next life reads the login from the store and goes on.
/// * **What it may lose**: the request that it was at when it died, which the client makes again; a token that could not be stored.
pub(super) struct Session {
    authenticator: Authenticator,
    state: State,
    timer: Option<SpawnHandle>,
    /// When it rings.
    due: Instant,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(http: Http, client: Arc<Shared>) -> Self {
        Self {
            authenticator: Authenticator { http, client },
            state: State::default(),
            timer: None,
            due: clock::now(),
        }
    }

    fn client(&self) -> &Shared {
        &self.authenticator.client
    }

    fn settings(&self) -> &Settings {
        &self.client().settings
    }

    /// Returns a token that can be used, after renewing it or logging in if that is what it takes.
    fn token(&mut self, wanted: &Acquire) -> Answer<SecretString> {
        let settings = self.settings();
        let (margin, is_interactive) = (settings.refresh_margin, settings.interactive);
        let refused = wanted.refused.as_ref();
        match self.state.step(
            refused,
            wanted.asked,
            clock::unix_seconds(),
            margin,
            is_interactive,
        ) {
            Step::Use(token) => done(Ok(token)),
            Step::Fail(error) => done(Err(error)),
            Step::Login => self.login(Login::default(), true),
            Step::Refresh(token) => self.refresh(token, wanted.refused.is_some()),
        }
    }

    fn refresh(&mut self, old: Token, is_refused: bool) -> Answer<SecretString> {
        let authenticator = self.authenticator.clone();
        let refresh = async move { (authenticator.refresh(&old).await, old) };
        let refresh = refresh.boxed_local().into_actor(self);
        Box::pin(
            refresh.then(move |(outcome, old), session, ctx| match outcome {
                Ok(token) => done(Ok(session.accept(token, ctx))),
                Err(unrenewed) => session.unrenewed(unrenewed, old, is_refused, ctx),
            }),
        )
    }

    /// A token that has not ended yet may still be used.
    fn unrenewed(
        &mut self,
        unrenewed: Unrenewed,
        old: Token,
        is_refused: bool,
        ctx: &mut Context<Self>,
    ) -> Answer<SecretString> {
        let is_good = !is_refused
            && self.state.standing(clock::unix_seconds(), Duration::ZERO) != Some(Standing::Ended);
        let is_interactive = self.settings().interactive;
        let (Unrenewed::Refused(error) | Unrenewed::Trouble(error)) = &unrenewed;
        tracing::warn!(%error, "could not renew a token");
        match unrenewed {
            Unrenewed::Refused(error) => {
                // Another program that keeps its login in the same place may have renewed it.
                if let Some(newer) = self.newer(&old) {
                    let access = newer.access().clone();
                    self.state.hold(newer, false);
                    self.schedule(ctx);
                    return done(Ok(access));
                }
                let access = old.access().clone();
                self.accept(old.without_refresh(), ctx);
                match () {
                    () if is_good => done(Ok(access)),
                    () if is_interactive => self.login(Login::default(), true),
                    () => self.fail(error),
                }
            }
            Unrenewed::Trouble(error) => {
                if self.settings().auto_refresh {
                    self.tick_after(REFRESH_PAUSE, ctx);
                }
                match is_good {
                    true => done(Ok(old.access().clone())),
                    false => self.fail(error),
                }
            }
        }
    }

    /// Returns the token that is stored, if it is another one than `old` and good.
    fn newer(&self, old: &Token) -> Option<Token> {
        let stored = self.client().store.load()?;
        let is_new = stored.access().expose_secret() != old.access().expose_secret();
        let now = clock::unix_seconds() as f64;
        let is_good = stored.expires_at().is_some_and(|end| end > now);
        (is_new && is_good).then_some(stored)
    }

    /// Lets somebody log in, for a call that waits for it or by itself.
    fn login(&mut self, way: Login, is_for_call: bool) -> Answer<SecretString> {
        let authenticator = self.authenticator.clone();
        let login = async move { authenticator.login(way).await }
            .boxed_local()
            .into_actor(self);
        Box::pin(login.then(move |outcome, session, ctx| match outcome {
            Ok(token) => done(Ok(session.accept(token, ctx))),
            Err(error) if is_for_call => session.fail(error.before_call()),
            Err(error) => session.fail(error),
        }))
    }

    fn fail(&mut self, error: MeshError) -> Answer<SecretString> {
        self.state.failed(&error, clock::now());
        done(Err(error))
    }

    /// Takes a new token, keeps it, and says when it is to be renewed.
    fn accept(&mut self, token: Token, ctx: &mut Context<Self>) -> SecretString {
        let access = token.access().clone();
        if let Err(error) = self.client().store.save(&token) {
            tracing::warn!(%error, "a login is not kept");
        }
        self.state.receive(token, clock::now());
        self.schedule(ctx);
        access
    }

    fn schedule(&mut self, ctx: &mut Context<Self>) {
        let due = self
            .state
            .due_in(clock::unix_seconds(), self.settings().refresh_margin);
        match due.filter(|_| self.settings().auto_refresh) {
            Some(due) => self.tick_after(due.max(self.state.rest()), ctx),
            None => {
                if let Some(timer) = self.timer.take() {
                    ctx.cancel_future(timer);
                }
            }
        }
    }

    /// D-14: one timer for the whole session.
    fn tick_after(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let due = clock::now() + wait;
        self.due = due;
        self.timer = Some(ctx.run_later(wait, move |session, ctx| {
            // One that was put off while the actor waited may ring once more.
            if session.due == due {
                session.timer = None;
                session.tick(ctx);
            }
        }));
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let due = self
            .state
            .due_in(clock::unix_seconds(), self.settings().refresh_margin);
        match (due, self.state.token().cloned()) {
            (Some(Duration::ZERO), Some(token)) => {
                let refresh = self.refresh(token, false);
                // Requests wait meanwhile, as they do for a renewal of their own.
                ctx.wait(refresh.map(|_, _, _| ()));
            }
            (Some(due), Some(_)) => self.tick_after(due.max(self.state.rest()), ctx),
            _ => {}
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let given = self.settings().auth_token.as_ref().and_then(Token::bare);
        match given {
            // What was given is never stored: the login that is kept stays as it is.
            Some(token) => self.state.hold(token, true),
            None => {
                if let Some(token) = self.client().store.load() {
                    self.state.hold(token, false);
                }
            }
        }
        self.schedule(ctx);
    }
}

type Answer<T> = ResponseActFuture<Session, Result<T, MeshError>>;

fn done<T: 'static>(outcome: Result<T, MeshError>) -> Answer<T> {
    Box::pin(fut::ready(outcome))
}

/// Asks for a token that can be used.
#[derive(Clone, Message)]
#[rtype(result = "Result<SecretString, MeshError>")]
pub(super) struct Acquire {
    /// The token that a server has refused, if that is why.
    pub(super) refused: Option<SecretString>,
    pub(super) asked: Instant,
}

impl Acquire {
    pub(super) fn any() -> Self {
        Self {
            refused: None,
            asked: clock::now(),
        }
    }

    pub(super) fn instead_of(token: &SecretString) -> Self {
        Self {
            refused: Some(token.clone()),
            ..Self::any()
        }
    }
}

impl Handler<Acquire> for Session {
    type Result = AtomicResponse<Self, Result<SecretString, MeshError>>;

    fn handle(&mut self, acquire: Acquire, _: &mut Context<Self>) -> Self::Result {
        AtomicResponse::new(self.token(&acquire))
    }
}

/// Asks whose token it is, as far as that is known.
#[derive(Message)]
#[rtype(result = "Option<Profile>")]
pub(super) struct WhoIsIt;

impl Handler<WhoIsIt> for Session {
    type Result = Option<Profile>;

    fn handle(&mut self, _: WhoIsIt, _: &mut Context<Self>) -> Option<Profile> {
        self.state.profile().cloned()
    }
}

/// Tells whose token it is.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ItIs {
    pub(super) profile: Profile,
    pub(super) token: SecretString,
}

impl Handler<ItIs> for Session {
    type Result = ();

    fn handle(&mut self, ItIs { profile, token }: ItIs, _: &mut Context<Self>) {
        self.state.know(profile, &token);
    }
}

/// Lets somebody log in, whatever token there is.
#[derive(Message)]
#[rtype(result = "Result<(), MeshError>")]
pub(super) struct LogIn(pub(super) Login);

impl Handler<LogIn> for Session {
    type Result = AtomicResponse<Self, Result<(), MeshError>>;

    fn handle(&mut self, LogIn(way): LogIn, _: &mut Context<Self>) -> Self::Result {
        AtomicResponse::new(Box::pin(
            self.login(way, false)
                .map(|outcome, _, _| outcome.map(drop)),
        ))
    }
}

/// Forgets the login, also on the disk.
#[derive(Message)]
#[rtype(result = "Result<(), MeshError>")]
pub(super) struct LogOut;

impl Handler<LogOut> for Session {
    type Result = Result<(), MeshError>;

    fn handle(&mut self, _: LogOut, ctx: &mut Context<Self>) -> Result<(), MeshError> {
        self.state.forget();
        self.schedule(ctx);
        self.client().store.forget()
    }
}

/// Asks how it is with the token.
#[derive(Message)]
#[rtype(result = "LoginState")]
pub(super) struct Report;

/// How it is with a login.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoginState {
    /// Whether there is a token that can be used now.
    pub is_valid: bool,
    /// Whether it can be renewed.
    pub is_renewable: bool,
    /// When it ends, in seconds since 1970, if that is known.
    pub expires_at: Option<f64>,
    /// Whether it was given by the caller, and is not stored.
    pub is_given: bool,
    /// Whose it is, as the token says.
    pub subject: Option<String>,
}

impl Handler<Report> for Session {
    type Result = MessageResult<Report>;

    fn handle(&mut self, _: Report, _: &mut Context<Self>) -> Self::Result {
        let standing = self.state.standing(clock::unix_seconds(), Duration::ZERO);
        let token = self.state.token();
        MessageResult(LoginState {
            is_valid: standing == Some(Standing::Good),
            is_renewable: token.is_some_and(|token| token.refresh().is_some()),
            expires_at: token.and_then(Token::expires_at),
            is_given: self.state.is_given(),
            subject: token.and_then(Token::subject),
        })
    }
}
