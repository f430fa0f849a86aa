//! What a connection promises, tried with a toy platform over links in memory.
//!
//! The toy speaks text: `r<cid>:<body>` asks, `a<cid>:<body>` answers, `e<n>` is event number n.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::System;
use bytes::Bytes;
use futures::future::{FutureExt, LocalBoxFuture};
use greenroom_actors::connection::memory::{self, MemoryServer, MemoryTransport, Peer};
use greenroom_actors::connection::{
    Class, Confirmation, Connected, Connection, ConnectionRef, DialError, DialRequest,
    Disconnected, Frame, HangUp, Protocol, Reception, RequestError, Settings, TakeLeave, Transport,
    Trouble,
};
use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::mailbox::Ref;
use greenroom_actors::router::{Router, Topic, closure};
use greenroom_actors::supervisor::{ChildSpec, Exit, Root, Strategy, Supervisor};
use greenroom_actors::telemetry::Counters;

thread_local! {
    /// Transports cannot be sent, so the factory finds them here.
    static TRANSPORT: RefCell<Option<MemoryTransport>> = const { RefCell::new(None) };
    /// What the toy's server has on record: events by number, and requests that it has carried out.
    static RECORD: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static DONE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// So many times what was missed cannot be fetched.
    static FAILING: Cell<u32> = const { Cell::new(0) };
    /// How long it takes to find out what to join.
    static PLANNING: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

struct Toy {
    origin: Arc<Origin>,
    topic: Topic<u64>,
    seen: Arc<Mutex<BTreeSet<u64>>>,
    refuse: bool,
}

enum Missed {
    Event(u64),
    Done(String),
}

impl Toy {
    fn deliver(&self, number: u64, reception: &mut Reception<String, String>) {
        if self.seen.lock().unwrap().insert(number) {
            reception.count_event();
            let event = Event::new(&self.origin, number as i64, ChannelKey::default(), number);
            reception.publish(&self.topic, event);
        }
    }
}

impl Protocol for Toy {
    type Session = ();
    type Request = String;
    type Answer = String;
    type Missed = Missed;

    fn transport(&self) -> Rc<dyn Transport> {
        Rc::new(
            TRANSPORT
                .with(|transport| transport.borrow().clone())
                .unwrap(),
        )
    }

    fn settings(&self) -> Settings {
        Settings {
            read_ahead: 16,
            ..Settings::default()
        }
    }

    fn authenticate(&self, _: bool) -> LocalBoxFuture<'static, Result<(), Trouble>> {
        let refuse = self.refuse;
        async move {
            if refuse {
                Err(Trouble::fatal("the key was refused"))
            } else {
                Ok(())
            }
        }
        .boxed_local()
    }

    fn dial(&self, (): &()) -> DialRequest {
        DialRequest {
            url: "ws://toy".to_owned().into(),
            headers: Vec::new(),
            subprotocol: None,
            timeout: Duration::from_secs(30),
            max_frame: 1_024,
        }
    }

    fn dial_trouble(&self, error: DialError) -> Trouble {
        Trouble::retry(error, None)
    }

    fn join(&mut self, (): &()) -> LocalBoxFuture<'static, Result<Vec<String>, Trouble>> {
        let wait = PLANNING.get();
        async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            Ok(vec!["join 1".to_owned(), "join 2".to_owned()])
        }
        .boxed_local()
    }

    fn heartbeat(&self) -> String {
        "ping".to_owned()
    }

    fn encode(&mut self, correlation: u32, request: &String) -> Result<Frame, RequestError> {
        if request.is_empty() {
            return Err(RequestError::Invalid("empty".to_owned()));
        }
        Ok(Frame::Text(format!("r{correlation}:{request}").into()))
    }

    fn class(&self, frame: &Frame) -> Class {
        match frame {
            Frame::Text(text) if text.starts_with(b"a") => Class::Answer,
            Frame::Text(_) => Class::Event,
            _ => Class::Ignored,
        }
    }

    fn receive(&mut self, frame: Frame, reception: &mut Reception<String, String>) {
        let Frame::Text(bytes) = frame else { return };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        if let Some((correlation, body)) =
            text.strip_prefix('a').and_then(|rest| rest.split_once(':'))
        {
            reception.answer(correlation.parse().unwrap(), Ok(body.to_owned()));
        } else if let Some(number) = text.strip_prefix('e').and_then(|rest| rest.parse().ok()) {
            self.deliver(number, reception);
        } else {
            reception.malformed("neither answer nor event", &bytes);
        }
    }

    fn catch_up(
        &mut self,
        (): &(),
        _: Duration,
    ) -> LocalBoxFuture<'static, Result<Vec<Missed>, Trouble>> {
        async {
            // Asking takes a while.
            later(100).await;
            if FAILING.get() > 0 {
                FAILING.set(FAILING.get() - 1);
                return Err(Trouble::retry("the list is not there", None));
            }
            let events = RECORD.with(|record| {
                record
                    .borrow()
                    .iter()
                    .copied()
                    .map(Missed::Event)
                    .collect::<Vec<_>>()
            });
            let done = DONE.with(|done| {
                done.borrow()
                    .iter()
                    .cloned()
                    .map(Missed::Done)
                    .collect::<Vec<_>>()
            });
            Ok(events.into_iter().chain(done).collect())
        }
        .boxed_local()
    }

    fn replay(&mut self, missed: Missed, reception: &mut Reception<String, String>) {
        if let Missed::Event(number) = missed {
            self.deliver(number, reception);
        }
    }

    fn confirm(&self, request: &String, missed: &[Missed]) -> Confirmation<String> {
        if request.starts_with("risky") {
            return Confirmation::Unknown;
        }
        match missed
            .iter()
            .any(|missed| matches!(missed, Missed::Done(done) if done == request))
        {
            true => Confirmation::Done(format!("{request} (found)")),
            false => Confirmation::Absent,
        }
    }
}

struct Stage {
    server: MemoryServer,
    root: Root,
    connection: ConnectionRef<Toy>,
    take_leave: Ref<TakeLeave>,
    hang_up: Ref<HangUp>,
    handled: Arc<Mutex<Vec<u64>>>,
    lifecycle: Arc<Mutex<Vec<String>>>,
    counters: Arc<Counters>,
}

impl Stage {
    fn new(nap: Duration, refuse: bool) -> Self {
        let (transport, server) = memory::network();
        TRANSPORT.with(|slot| *slot.borrow_mut() = Some(transport));
        RECORD.with(|record| record.borrow_mut().clear());
        DONE.with(|done| done.borrow_mut().clear());
        FAILING.set(0);
        let (router, counters) = (Router::default(), Arc::new(Counters::default()));
        let (handled, lifecycle) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(Mutex::new(Vec::new())),
        );
        let (log, ups, downs) = (
            Arc::clone(&handled),
            Arc::clone(&lifecycle),
            Arc::clone(&lifecycle),
        );
        let handlers = Supervisor::new("handlers", Strategy::OneForOne)
            .child(
                closure("handler", async move |event: Event<u64>| {
                    tokio::time::sleep(nap).await;
                    log.lock().unwrap().push(*event.payload());
                    Ok(())
                })
                .register(&router),
            )
            .child(
                closure("up", async move |event: Event<Connected>| {
                    ups.lock().unwrap().push(format!("up {}", event.reconnects));
                    Ok(())
                })
                .register(&router),
            )
            .child(
                closure("down", async move |_: Event<Disconnected>| {
                    downs.lock().unwrap().push("down".to_owned());
                    Ok(())
                })
                .register(&router),
            );
        let origin = Origin::new("toy", "bot", &router);
        let (seen, counted) = (Arc::default(), Arc::clone(&counters));
        let spec = ChildSpec::new("connection", move || {
            let toy = Toy {
                topic: origin.router().topic(),
                origin: Arc::clone(&origin),
                seen: Arc::clone(&seen),
                refuse,
            };
            Connection::new(
                toy,
                Arc::clone(&origin),
                &Entropy::seeded(1),
                Arc::clone(&counted),
            )
        });
        let connection = ConnectionRef::new(spec.address().narrow());
        let (take_leave, hang_up) = (spec.address().narrow(), spec.address().narrow());
        let root = Root::start(
            Supervisor::new("root", Strategy::OneForOne)
                .child(spec)
                .child(handlers),
        );
        Self {
            server,
            root,
            connection,
            take_leave,
            hang_up,
            handled,
            lifecycle,
            counters,
        }
    }

    /// Accepts a dial and answers the joins.
    async fn accept(&mut self) -> Peer {
        let peer = self.server.accept().await.unwrap().open();
        for expected in ["r1:join 1", "r2:join 2"] {
            assert_eq!(read(&peer).await.unwrap(), expected);
        }
        for answer in ["a2:joined", "a1:joined"] {
            say(&peer, answer).await;
        }
        peer
    }
}

/// What ends a link in order.
const GOODBYE: &str = r#"Close(Some((1000, "")))"#;

async fn read(peer: &Peer) -> Option<String> {
    match peer.receive().await? {
        Frame::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
        frame => Some(format!("{frame:?}")),
    }
}

async fn say(peer: &Peer, text: &str) {
    peer.send(Frame::Text(Bytes::copy_from_slice(text.as_bytes())))
        .await;
}

/// Sends an event and puts it on record.
async fn happen(peer: &Peer, number: u64) {
    RECORD.with(|record| record.borrow_mut().push(number));
    say(peer, &format!("e{number}")).await;
}

fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    System::new().block_on(async {
        tokio::time::pause();
        test().await;
    });
}

async fn later(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Only then the adapter knows who the bot is, and so whom a message means.
#[test]
fn events_wait_until_it_is_known_what_to_join() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        PLANNING.set(Duration::from_millis(500));
        let peer = stage.server.accept().await.unwrap().open();
        happen(&peer, 1).await;
        happen(&peer, 2).await;
        later(300).await;
        assert!(stage.handled.lock().unwrap().is_empty());
        assert_eq!(read(&peer).await.unwrap(), "r1:join 1");
        later(10).await;
        assert_eq!(*stage.handled.lock().unwrap(), [1, 2]);
        stage.root.shutdown().await;
    });
}

#[test]
fn requests_find_their_answers_in_any_order() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        let (connection, other) = (stage.connection.clone(), stage.connection.clone());
        let both = async { futures::join!(connection.ask("one".into()), other.ask("two".into())) };
        let server = async {
            assert_eq!(read(&peer).await.unwrap(), "r3:one");
            assert_eq!(read(&peer).await.unwrap(), "r4:two");
            say(&peer, "a4:second").await;
            say(&peer, "a99:nobody waits for this").await;
            say(&peer, "a3:first").await;
        };
        let ((one, two), ()) = futures::join!(both, server);
        assert_eq!((one, two), (Ok("first".into()), Ok("second".into())));
        assert_eq!(stage.counters.late_answers.get(), 1);
        assert_eq!(
            connection.ask(String::new()).await,
            Err(RequestError::Invalid("empty".into()))
        );
        assert_eq!(
            connection.ask("silence".into()).await,
            Err(RequestError::TimedOut(Duration::from_secs(10)))
        );
        // Cut, so that the shutdown does not wait for the heartbeat.
        peer.cut();
        stage.root.shutdown().await;
    });
}

#[test]
fn garbage_is_counted_and_ends_nothing() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        say(&peer, "x").await;
        say(&peer, "").await;
        peer.send(Frame::Binary(Bytes::from_static(b"\xff"))).await;
        happen(&peer, 1).await;
        later(1).await;
        assert_eq!(*stage.handled.lock().unwrap(), [1]);
        assert_eq!(
            (stage.counters.malformed.get(), stage.counters.ignored.get()),
            (2, 1)
        );
    });
}

#[test]
fn a_silent_peer_is_found_by_the_heartbeat_and_the_first_retry_comes_within_a_second() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        let start = tokio::time::Instant::now();
        assert_eq!(read(&peer).await.unwrap(), "r3:ping");
        say(&peer, "a3:pong").await;
        assert_eq!(read(&peer).await.unwrap(), "r4:ping");
        let _again = stage.accept().await;
        let found = start.elapsed();
        assert!(
            found >= Duration::from_millis(30_000) && found <= Duration::from_millis(31_010),
            "{found:?}"
        );
        later(10).await;
        assert_eq!(*stage.lifecycle.lock().unwrap(), ["up 0", "down", "up 1"]);
    });
}

#[test]
fn each_event_on_record_is_handled_once_over_ten_cuts() {
    paused(|| async {
        let mut stage = Stage::new(Duration::from_millis(1), false);
        let mut number = 0;
        for round in 0..11 {
            let peer = stage.accept().await;
            for _ in 0..100 {
                number += 1;
                match number % 3 {
                    // On record, never sent over the link: only catching up can find it.
                    0 if round < 10 => RECORD.with(|record| record.borrow_mut().push(number)),
                    _ => happen(&peer, number).await,
                }
            }
            later(u64::from(round % 3 == 0)).await;
            if round < 10 {
                peer.cut();
            } else {
                later(5_000).await;
            }
        }
        let mut handled = stage.handled.lock().unwrap().clone();
        handled.sort_unstable();
        assert_eq!(handled, (1..=1_100).collect::<Vec<_>>());
        assert_eq!(stage.counters.reconnects.get(), 10);
    });
}

#[test]
fn requests_of_unknown_outcome_are_confirmed_or_reported_and_never_repeated_blindly() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        let ask = |text: &str| {
            let (connection, text) = (stage.connection.clone(), text.to_owned());
            async move { connection.ask(text).await }
        };
        let answers: Vec<_> = ["done", "risky", "absent"]
            .map(ask)
            .into_iter()
            .map(tokio::task::spawn_local)
            .collect();
        for expected in ["r3:done", "r4:risky", "r5:absent"] {
            assert_eq!(read(&peer).await.unwrap(), expected);
        }
        DONE.with(|done| done.borrow_mut().push("done".to_owned()));
        peer.cut();
        let queued = tokio::task::spawn_local(ask("meanwhile"));
        let peer = stage.accept().await;
        assert_eq!(read(&peer).await.unwrap(), "r3:absent");
        assert_eq!(read(&peer).await.unwrap(), "r4:meanwhile");
        say(&peer, "a3:now").await;
        say(&peer, "a4:then").await;
        let mut outcomes = Vec::new();
        for answer in answers {
            outcomes.push(answer.await.unwrap());
        }
        assert_eq!(
            outcomes,
            [
                Ok("done (found)".to_owned()),
                Err(RequestError::OutcomeUnknown),
                Ok("now".to_owned())
            ]
        );
        assert_eq!(queued.await.unwrap(), Ok("then".to_owned()));
    });
}

#[test]
fn a_slow_handler_holds_up_the_socket_but_neither_answers_nor_heartbeats() {
    paused(|| async {
        let mut stage = Stage::new(Duration::from_secs(20), false);
        let peer = stage.accept().await;
        let flood = peer.clone();
        let flooding = tokio::task::spawn_local(async move {
            for number in 0..20_000 {
                happen(&flood, number).await;
            }
        });
        later(100).await;
        assert!(!flooding.is_finished(), "back-pressure reaches the peer");
        let taken = || RECORD.with(|record| record.borrow().len());
        let before = taken();
        assert!(before < 10_000, "{before} events are held in memory");
        later(1_000).await;
        assert_eq!(taken(), before, "nothing more is read");
        assert_eq!(stage.counters.unread.get(), 0, "and nothing is dropped");
        let connection = stage.connection.clone();
        let asked =
            tokio::task::spawn_local(async move { connection.ask("still there?".into()).await });
        let mut pings = 0;
        loop {
            let request = read(&peer).await.unwrap();
            let correlation = request[1..].split(':').next().unwrap().to_owned();
            let answering = peer.clone();
            tokio::task::spawn_local(async move {
                say(&answering, &format!("a{correlation}:yes")).await;
            });
            if request.ends_with("ping") {
                pings += 1;
            }
            if pings == 3 {
                break;
            }
        }
        assert!(asked.is_finished());
        assert_eq!(
            *stage.lifecycle.lock().unwrap(),
            ["up 0"],
            "never disconnected"
        );
        flooding.abort();
    });
}

#[test]
fn a_refused_key_ends_the_tree_at_once() {
    paused(|| async {
        let stage = Stage::new(Duration::ZERO, true);
        let exit = stage.root.ended().await;
        assert!(exit.is_fatal());
        assert_eq!(exit, Exit::fatal("the key was refused"));
        assert_eq!(
            stage.connection.ask("anything".into()).await,
            Err(RequestError::Closed)
        );
    });
}

#[test]
fn a_server_that_was_never_reached_ends_the_tree_after_three_tries() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        for _ in 0..3 {
            stage
                .server
                .accept()
                .await
                .unwrap()
                .refuse(DialError::Unreachable("nobody".to_owned()));
        }
        let exit = stage.root.ended().await;
        assert!(
            exit.failure()
                .unwrap()
                .source()
                .downcast_ref::<DialError>()
                .is_some(),
            "{exit}"
        );
    });
}

#[test]
fn shutdown_sends_what_waits_and_says_goodbye() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        let connection = stage.connection.clone();
        let asked =
            tokio::task::spawn_local(async move { connection.ask("last words".into()).await });
        later(1).await;
        let root = stage.root.clone();
        let shutdown = tokio::task::spawn_local(async move { root.shutdown().await });
        assert_eq!(read(&peer).await.unwrap(), "r3:last words");
        say(&peer, "a3:heard").await;
        assert_eq!(asked.await.unwrap(), Ok("heard".to_owned()));
        assert_eq!(read(&peer).await.unwrap(), GOODBYE);
        later(1_000).await;
        assert!(!shutdown.is_finished(), "it waits for the answer");
        say(&peer, "e1").await;
        peer.send(Frame::Close(Some((1_000, String::new())))).await;
        later(1).await;
        assert!(shutdown.is_finished(), "and no longer than that");
        assert_eq!(shutdown.await.unwrap(), Exit::Shutdown);
        assert_eq!(read(&peer).await, None);
        assert_eq!(stage.counters.unread.get(), 1, "what came too late");
    });
}

#[test]
fn a_peer_that_does_not_close_is_waited_for_so_long_and_no_longer() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        let begin = tokio::time::Instant::now();
        assert_eq!(stage.root.shutdown().await, Exit::Shutdown);
        assert_eq!(begin.elapsed().as_secs(), 4);
        assert_eq!(read(&peer).await.unwrap(), GOODBYE);
        assert_eq!(read(&peer).await, None);

        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        let hung_up = stage.hang_up.send(HangUp);
        hung_up.await.unwrap();
        assert_eq!(read(&peer).await.unwrap(), GOODBYE);
        later(3_000).await;
        let begin = tokio::time::Instant::now();
        stage.root.shutdown().await;
        assert_eq!(begin.elapsed().as_secs(), 1, "it was closed before");
    });
}

#[test]
fn handlers_hear_of_the_end_once_while_what_they_say_still_leaves() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        later(1).await;
        stage.take_leave.send(TakeLeave).await.unwrap();
        stage.take_leave.send(TakeLeave).await.unwrap();
        later(1).await;
        assert_eq!(*stage.lifecycle.lock().unwrap(), ["up 0", "down"]);
        let connection = stage.connection.clone();
        let asked = tokio::task::spawn_local(async move { connection.ask("bye".into()).await });
        assert_eq!(read(&peer).await.unwrap(), "r3:bye");
        say(&peer, "a3:bye").await;
        assert_eq!(asked.await.unwrap(), Ok("bye".to_owned()));
        peer.cut();
        let peer = stage.accept().await;
        later(1_000).await;
        assert_eq!(*stage.lifecycle.lock().unwrap(), ["up 0", "down"]);
        peer.cut();
        stage.root.shutdown().await;
        assert_eq!(*stage.lifecycle.lock().unwrap(), ["up 0", "down"]);
    });
}

#[test]
fn retries_go_on_for_ever_and_never_too_fast() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        stage.accept().await.cut();
        let start = tokio::time::Instant::now();
        for _ in 0..20 {
            let refused = DialError::Refused {
                status: 503,
                retry_after: None,
            };
            stage.server.accept().await.unwrap().refuse(refused);
        }
        // 1 + 2 + ... + 32 s, then 60 s each, at least half of it.
        assert!(
            start.elapsed() > Duration::from_secs(400),
            "{:?}",
            start.elapsed()
        );
        stage.accept().await;
    });
}

#[test]
fn what_was_missed_is_fetched_again_until_it_is_there_and_comes_before_newer_events() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        happen(&peer, 1).await;
        later(10).await;
        peer.cut();
        RECORD.with(|record| record.borrow_mut().push(2));
        FAILING.set(3);
        let peer = stage.accept().await;
        later(50).await;
        happen(&peer, 3).await;
        later(500).await;
        assert_eq!(*stage.handled.lock().unwrap(), [1], "3 waits for 2");
        later(30_000).await;
        assert_eq!(*stage.handled.lock().unwrap(), [1, 2, 3]);
        assert_eq!(stage.counters.failed_catch_ups.get(), 0);
        drop(peer);
    });
}

#[test]
fn a_gap_stays_open_if_the_next_link_is_lost_before_it_is_filled() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        happen(&peer, 1).await;
        later(10).await;
        peer.cut();
        RECORD.with(|record| record.borrow_mut().push(2));
        FAILING.set(1);
        let peer = stage.accept().await;
        happen(&peer, 3).await;
        later(50).await;
        peer.cut();
        let peer = stage.accept().await;
        later(30_000).await;
        assert_eq!(*stage.handled.lock().unwrap(), [1, 2, 3]);
        drop(peer);
    });
}

#[test]
fn an_event_that_cannot_be_read_is_fetched_on_the_live_link() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        happen(&peer, 1).await;
        RECORD.with(|record| record.borrow_mut().push(2));
        say(&peer, "garbled").await;
        later(2_000).await;
        assert_eq!(*stage.handled.lock().unwrap(), [1, 2]);
        assert_eq!(stage.counters.reconnects.get(), 0);
        assert_eq!(stage.counters.malformed.get(), 1);
    });
}

#[test]
fn what_a_silent_server_may_still_read_is_not_sent_again() {
    paused(|| async {
        let mut stage = Stage::new(Duration::ZERO, false);
        let peer = stage.accept().await;
        let connection = stage.connection.clone();
        // Sent shortly before the heartbeat is missed, so that it does not run out of time by itself.
        later(15_000).await;
        let asked = tokio::task::spawn_local(async move { connection.ask("one".into()).await });
        let silent = async {
            while let Some(text) = read(&peer).await {
                assert!(text.contains("ping") || text.contains("one"), "{text}");
            }
        };
        silent.await;
        let peer = stage.accept().await;
        later(1_000).await;
        assert_eq!(asked.await.unwrap(), Err(RequestError::OutcomeUnknown));
        let again = tokio::time::timeout(Duration::from_secs(5), read(&peer)).await;
        assert!(again.is_err(), "{again:?}");
    });
}
