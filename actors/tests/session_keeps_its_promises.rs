//! What a session promises to those who need tokens. The platform is a script of answers; time is paused.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use futures::future::{LocalBoxFuture, join_all};
use greenroom_actors::clock;
use greenroom_actors::error::Retry;
use greenroom_actors::event::Id;
use greenroom_actors::session::{
    Acquire, AuthError, AuthErrorKind, Authenticator, Current, Invalidate, Lease, LoginBudget,
    Report, Session, SessionReport, SessionSettings, SessionStore, TryAgain, expose_secret,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

#[derive(Clone, Deserialize, Serialize)]
struct Tokens {
    user: Id,
    expires_at: Option<u64>,
    #[serde(serialize_with = "expose_secret")]
    access: SecretString,
}

#[derive(Clone)]
enum Answer {
    Error(AuthError),
    Never,
    Panic,
    Tokens(i64, Option<u64>),
}

/// A platform that takes a second for each call and gives the scripted answers, then sessions of user 1 that live for an hour.
#[derive(Clone, Default)]
struct Platform {
    account: &'static str,
    logins: Rc<RefCell<VecDeque<Answer>>>,
    refreshes: Rc<RefCell<VecDeque<Answer>>>,
    calls: Rc<RefCell<Vec<&'static str>>>,
}

impl Platform {
    fn login_with(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.logins.borrow_mut().extend(answers);
        self
    }

    fn refresh_with(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.refreshes.borrow_mut().extend(answers);
        self
    }

    fn calls(&self, kind: &str) -> usize {
        self.calls
            .borrow()
            .iter()
            .filter(|call| **call == kind)
            .count()
    }

    fn answer(
        &self,
        kind: &'static str,
        answer: Option<Answer>,
    ) -> LocalBoxFuture<'static, Result<Tokens, AuthError>> {
        self.calls.borrow_mut().push(kind);
        let access = format!("{kind}-{}", self.calls.borrow().len());
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            match answer.unwrap_or(Answer::Tokens(1, Some(3_600))) {
                Answer::Error(error) => Err(error),
                Answer::Never => std::future::pending().await,
                Answer::Panic => panic!("scripted"),
                Answer::Tokens(user, lifetime) => Ok(Tokens {
                    user: Id::from(user),
                    expires_at: lifetime.map(|lifetime| clock::unix_seconds() + lifetime),
                    access: access.into(),
                }),
            }
        })
    }
}

impl Authenticator for Platform {
    type Session = Tokens;

    fn login(&self) -> LocalBoxFuture<'static, Result<Tokens, AuthError>> {
        let answer = self.logins.borrow_mut().pop_front();
        self.answer("login", answer)
    }

    fn refresh(&self, _: &Tokens) -> LocalBoxFuture<'static, Result<Tokens, AuthError>> {
        let answer = self.refreshes.borrow_mut().pop_front();
        self.answer("refresh", answer)
    }

    fn identity(session: &Tokens) -> Id {
        session.user.clone()
    }

    fn expires_at(session: &Tokens) -> Option<u64> {
        session.expires_at
    }

    fn account(&self) -> String {
        self.account.to_owned()
    }
}

type Address = Addr<Session<Platform>>;

fn start(platform: &Platform, settings: SessionSettings) -> Address {
    Session::new(platform.clone(), settings).start()
}

async fn acquire(session: &Address) -> Result<Lease<Tokens>, AuthError> {
    session.send(Acquire::any()).await.expect("the actor lives")
}

async fn instead_of(session: &Address, lease: &Lease<Tokens>) -> Result<Lease<Tokens>, AuthError> {
    let answer = session.send(Acquire::instead_of(lease)).await;
    answer.expect("the actor lives")
}

async fn report(session: &Address) -> SessionReport {
    session.send(Report).await.expect("the actor lives")
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn access(lease: &Lease<Tokens>) -> &str {
    lease.access.expose_secret()
}

fn failed(outcome: Result<Lease<Tokens>, AuthError>) -> AuthError {
    outcome.expect_err("an error")
}

#[actix_rt::test]
async fn a_hundred_callers_make_one_login() {
    tokio::time::pause();
    let platform = Platform::default();
    let session = start(&platform, SessionSettings::default());
    let leases = join_all((0..100).map(|_| acquire(&session))).await;
    for lease in &leases {
        assert_eq!(access(lease.as_ref().expect("a session")), "login-1");
    }
    acquire(&session).await.expect("a session");
    assert_eq!(platform.calls("login"), 1);
}

#[actix_rt::test]
async fn a_rejected_session_is_replaced_once_for_all_who_held_it() {
    tokio::time::pause();
    let platform = Platform::default();
    let session = start(&platform, SessionSettings::default());
    let old = acquire(&session).await.expect("a session");
    let leases = join_all((0..100).map(|_| instead_of(&session, &old))).await;
    for lease in leases {
        assert_eq!(access(&lease.expect("a session")), "login-2");
    }
    let late = instead_of(&session, &old).await.expect("a session");
    assert_eq!(access(&late), "login-2");
    assert_eq!((platform.calls("login"), platform.calls("refresh")), (2, 0));
}

#[actix_rt::test]
async fn a_session_is_refreshed_ahead_of_its_expiry() {
    tokio::time::pause();
    let platform = Platform::default();
    let session = start(&platform, SessionSettings::default());
    acquire(&session).await.expect("a session");
    pass(3_230).await;
    assert_eq!(platform.calls("refresh"), 0);
    pass(20).await;
    assert_eq!(platform.calls("refresh"), 1);
    let lease = acquire(&session).await.expect("a session");
    assert_eq!((access(&lease), lease.number()), ("refresh-2", 2));
    pass(10 * 3_600).await;
    assert_eq!(platform.calls("login"), 1);
    assert_eq!(platform.calls("refresh"), 12);
}

#[actix_rt::test]
async fn a_refresh_that_fails_is_tried_again_while_the_session_lives() {
    tokio::time::pause();
    let down = Answer::Error(AuthError::unavailable("down"));
    let platform = Platform::default().refresh_with(vec![down; 4]);
    let session = start(&platform, SessionSettings::default());
    acquire(&session).await.expect("a session");
    for _ in 0..330 {
        pass(10).await;
        acquire(&session)
            .await
            .expect("the old session, or the new one");
    }
    assert_eq!((platform.calls("login"), platform.calls("refresh")), (1, 5));
    assert_eq!(report(&session).await.failures, 4);
}

#[actix_rt::test]
async fn an_expired_session_is_never_handed_out() {
    tokio::time::pause();
    let down = Answer::Error(AuthError::unavailable("down"));
    let platform = Platform::default()
        .login_with([Answer::Tokens(1, Some(100))])
        .refresh_with(vec![down; 1_000]);
    let session = start(&platform, SessionSettings::default());
    acquire(&session).await.expect("a session");
    pass(120).await;
    assert!(session.send(Current::new()).await.expect("lives").is_none());
    let error = failed(acquire(&session).await);
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
}

#[actix_rt::test]
async fn a_refused_refresh_becomes_a_login() {
    tokio::time::pause();
    let refused = Answer::Error(AuthError::refused("refresh token expired"));
    let platform = Platform::default()
        .login_with([Answer::Tokens(1, Some(100))])
        .refresh_with([refused]);
    let session = start(&platform, SessionSettings::default());
    acquire(&session).await.expect("a session");
    pass(70).await;
    assert_eq!((platform.calls("login"), platform.calls("refresh")), (2, 1));
    assert_eq!(
        access(&acquire(&session).await.expect("a session")),
        "login-3"
    );
}

#[actix_rt::test]
async fn a_refusal_is_remembered_until_told_to_try_again() {
    tokio::time::pause();
    let platform = Platform::default().login_with([Answer::Error(AuthError::refused("wrong key"))]);
    let session = start(&platform, SessionSettings::default());
    for outcome in join_all((0..10).map(|_| acquire(&session))).await {
        assert_eq!(failed(outcome).kind(), AuthErrorKind::Refused);
    }
    pass(86_400).await;
    let error = failed(acquire(&session).await);
    assert_eq!(
        (error.kind(), error.retry()),
        (AuthErrorKind::Refused, Retry::Never)
    );
    assert_eq!(platform.calls("login"), 1);
    session.send(TryAgain).await.expect("lives");
    acquire(&session).await.expect("a session");
    assert_eq!(platform.calls("login"), 2);
}

#[actix_rt::test]
async fn a_pause_that_the_platform_asks_for_is_kept() {
    tokio::time::pause();
    let busy = AuthError::unavailable("429").with_retry(Retry::After(Duration::from_secs(40)));
    let platform = Platform::default().login_with([Answer::Error(busy)]);
    let session = start(&platform, SessionSettings::default());
    failed(acquire(&session).await);
    pass(30).await;
    let error = failed(acquire(&session).await);
    let Retry::After(left) = error.retry() else {
        panic!("{error:?}");
    };
    assert!(
        left <= Duration::from_secs(10) && left >= Duration::from_secs(8),
        "{left:?}"
    );
    assert_eq!(platform.calls("login"), 1);
    tokio::time::sleep(left).await;
    acquire(&session).await.expect("a session");
}

#[actix_rt::test]
async fn no_more_logins_than_the_budget_allows() {
    tokio::time::pause();
    let down = Answer::Error(AuthError::unavailable("down"));
    let platform = Platform::default().login_with(vec![down; 1_000]);
    let budget = LoginBudget::new(3, Duration::from_secs(60));
    let settings = SessionSettings::default().budget(budget);
    let session = start(&platform, settings.clone());
    let mut last = None;
    for _ in 0..100 {
        last = Some(failed(acquire(&session).await));
    }
    let last = last.expect("an error");
    assert_eq!(last.kind(), AuthErrorKind::Budget);
    assert!(matches!(last.retry(), Retry::After(_)));
    assert_eq!(platform.calls("login"), 3);

    let next = start(&platform, settings);
    assert_eq!(
        failed(acquire(&next).await).kind(),
        AuthErrorKind::Budget,
        "a restart gives none"
    );
    pass(61).await;
    failed(acquire(&next).await);
    assert_eq!(platform.calls("login"), 4);
}

#[actix_rt::test]
async fn the_identity_never_changes() {
    tokio::time::pause();
    let platform = Platform::default()
        .login_with([Answer::Tokens(1, Some(1_000))])
        .refresh_with([Answer::Tokens(2, Some(1_000))]);
    let session = start(&platform, SessionSettings::default());
    let lease = acquire(&session).await.expect("a session");
    pass(950).await;
    assert_eq!(platform.calls("refresh"), 1);
    let kept = acquire(&session).await.expect("the old one is still valid");
    assert_eq!((kept.number(), &kept.user), (lease.number(), &Id::from(1)));
    pass(100).await;
    let error = failed(acquire(&session).await);
    assert_eq!(
        (error.kind(), error.retry()),
        (AuthErrorKind::Identity, Retry::Never)
    );
    assert_eq!(platform.calls("login"), 1);
}

#[actix_rt::test]
async fn a_panic_in_the_authenticator_is_an_error_for_its_callers() {
    tokio::time::pause();
    let platform = Platform::default().login_with([Answer::Panic]);
    let session = start(&platform, SessionSettings::default());
    for outcome in join_all((0..10).map(|_| acquire(&session))).await {
        assert_eq!(failed(outcome).kind(), AuthErrorKind::Panicked);
    }
    pass(31).await;
    acquire(&session).await.expect("a session");
    assert_eq!(platform.calls("login"), 2);
}

#[actix_rt::test]
async fn a_login_without_answer_ends() {
    tokio::time::pause();
    let platform = Platform::default().login_with([Answer::Never]);
    let session = start(&platform, SessionSettings::default());
    let error = failed(acquire(&session).await);
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    acquire(&session).await.expect("a session");
}

#[actix_rt::test]
async fn who_waits_when_the_actor_ends_gets_an_error() {
    tokio::time::pause();
    let platform = Platform::default().login_with([Answer::Never]);
    let context = Context::<Session<Platform>>::new();
    let session = context.address();
    let actor = Session::new(platform, SessionSettings::default());
    let task = tokio::task::spawn_local(context.into_future(actor));
    let waiting = tokio::task::spawn_local({
        let session = session.clone();
        async move { session.send(Acquire::any()).await }
    });
    pass(5).await;
    assert_eq!(report(&session).await.waiting, 1);
    task.abort();
    let answer = waiting.await.expect("no panic").expect("an answer");
    let error = failed(answer);
    assert_eq!(
        (error.kind(), error.retry()),
        (AuthErrorKind::Stopped, Retry::Now)
    );
}

#[actix_rt::test]
async fn invalidating_forgets_and_breaks_off() {
    tokio::time::pause();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.json");
    let platform = Platform::default().login_with([Answer::Never]);
    let settings = SessionSettings::default().store(SessionStore::new(&path));
    let session = start(&platform, settings);
    let waiting = acquire(&session);
    let invalidate = async {
        pass(5).await;
        session.send(Invalidate).await.expect("lives");
    };
    let (lease, ()) = futures::join!(waiting, invalidate);
    assert_eq!(access(&lease.expect("of the second login")), "login-2");
    assert!(path.exists());
    session.send(Invalidate).await.expect("lives");
    assert!(!path.exists());
    assert!(session.send(Current::new()).await.expect("lives").is_none());
    assert_eq!(
        access(&acquire(&session).await.expect("a session")),
        "login-3"
    );
}

fn stored(path: &Path) -> SessionSettings {
    SessionSettings::default().store(SessionStore::new(path))
}

#[actix_rt::test]
async fn a_stored_session_is_used_while_it_is_valid() {
    tokio::time::pause();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state").join("session.json");
    let platform = Platform::default();
    let lease = acquire(&start(&platform, stored(&path)))
        .await
        .expect("a session");
    let again = start(&platform, stored(&path));
    let restored = acquire(&again).await.expect("a session");
    assert_eq!(access(&restored), access(&lease));
    assert_eq!(platform.calls("login"), 1);

    pass(3_300).await;
    assert_eq!(
        platform.calls("refresh"),
        2,
        "each of the two refreshed ahead"
    );
    let third = start(&platform, stored(&path));
    pass(4_000).await;
    acquire(&third).await.expect("a session");
    assert_eq!(platform.calls("login"), 1);
}

#[actix_rt::test]
async fn a_stored_session_of_another_account_is_not_used() {
    tokio::time::pause();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.json");
    let platform = Platform {
        account: "first",
        ..Platform::default()
    };
    acquire(&start(&platform, stored(&path)))
        .await
        .expect("a session");
    let other = Platform {
        account: "second",
        ..Platform::default()
    }
    .login_with([Answer::Tokens(2, None)]);
    let lease = acquire(&start(&other, stored(&path)))
        .await
        .expect("a session");
    assert_eq!(lease.user, Id::from(2));
}

#[actix_rt::test]
async fn a_damaged_file_is_replaced() {
    tokio::time::pause();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.json");
    std::fs::write(&path, "{\"account\":").expect("writes");
    let platform = Platform::default();
    acquire(&start(&platform, stored(&path)))
        .await
        .expect("a session");
    acquire(&start(&platform, stored(&path)))
        .await
        .expect("a session");
    assert_eq!(platform.calls("login"), 1);
}

#[cfg(unix)]
#[actix_rt::test]
async fn the_file_is_for_its_owner_only() {
    tokio::time::pause();
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| {
        let meta = std::fs::metadata(path).expect("a file");
        meta.permissions().mode() & 0o777
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state").join("session.json");
    let platform = Platform::default();
    acquire(&start(&platform, stored(&path)))
        .await
        .expect("a session");
    assert_eq!(
        (mode(&path), mode(path.parent().expect("a folder"))),
        (0o600, 0o700)
    );
    assert_eq!(
        std::fs::read_dir(folder.path().join("state"))
            .expect("a folder")
            .count(),
        1
    );

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("opens");
    acquire(&start(&platform, stored(&path)))
        .await
        .expect("a session");
    assert_eq!(
        mode(&path),
        0o600,
        "a file that was opened to others is closed"
    );
    assert_eq!(platform.calls("login"), 1);
}

#[actix_rt::test]
async fn no_debug_output_has_a_secret() {
    tokio::time::pause();
    let platform = Platform::default();
    let session = start(&platform, SessionSettings::default());
    let lease = acquire(&session).await.expect("a session");
    let text = format!(
        "{lease:?} {:?} {:?}",
        report(&session).await,
        Acquire::instead_of(&lease)
    );
    assert!(!text.contains("login-1"), "{text}");
}
