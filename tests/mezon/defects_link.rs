//! What the platform's own clients do wrong with their connection, and what is done here instead.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{Either, LocalBoxFuture, select};
use greenroom::actors::connection::{HeartbeatMissed, RequestError, Transport};
use greenroom::platform::http::{Exchange, HttpError, HttpRequest, RawAnswer};
use greenroom::platform::tls::Trust;
use greenroom::platform::{Network, Sockets};
use tokio::net::{TcpListener, TcpStream};

use super::*;

on_both_wires!(
    d01_a_lost_connection_comes_back_by_itself,
    d02_a_request_that_is_not_answered_fails_and_a_lost_heartbeat_is_told_once,
    d03_a_frame_that_cannot_be_read_is_skipped_and_counted,
    d05_events_wait_within_bounds_and_keep_their_order,
    d07_an_answer_that_is_late_holds_up_nothing,
    d19_events_from_before_the_joins_are_handled,
    d22_what_is_known_is_kept_over_a_reconnect,
    d25_what_was_missed_is_fetched_and_nothing_is_handled_twice,
    d26_a_request_in_flight_does_not_outlive_its_connection,
    d27_it_tries_until_it_succeeds,
    channels_joined_by_hand_are_joined_again_and_no_others,
    d30_closing_the_socket_keeps_the_handlers
);

async fn d01_a_lost_connection_comes_back_by_itself(wire: Wire) {
    let scene = Scene::open(wire).await;
    scene.stage.fault(json!({"kind": "disconnect"}));
    scene
        .stage
        .until(10, "the reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 1
        })
        .await;
    scene.stage.say("are you there?");
    scene.hears("are you there?").await;
    scene.client.send(&general(), "yes").await.unwrap();
    let joined: Vec<_> = scene.sent("clan_join");
    assert_eq!(joined.len(), 4, "both clans are joined again");
    scene.stage.close().await;
}

async fn d02_a_request_that_is_not_answered_fails_and_a_lost_heartbeat_is_told_once(wire: Wire) {
    let missed = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&missed);
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let mut settings = settings(&mezon.url(), wire);
    (settings.heartbeat, settings.heartbeat_timeout) =
        (Duration::from_millis(600), Duration::from_millis(300));
    settings.request_timeout = Duration::from_millis(100);
    let adapter = Mezon::new(settings);
    let client = adapter.client();
    let bot = Bot::builder("test").seed(1).platform(adapter).on(
        "missed",
        async move |event: Event<HeartbeatMissed>| {
            log.lock().unwrap().push(event.limit_ms);
            Ok(())
        },
    );
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    let stage = Stage::new(simulator, mezon, bot);
    stage.fault(json!({"kind": "stall", "ms": 3_000}));
    let error = client.send(&general(), "x").await.unwrap_err();
    assert!(matches!(error, RequestError::TimedOut(_)), "{error:?}");
    stage
        .until(10, "the reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 1
        })
        .await;
    assert_eq!(*missed.lock().unwrap(), [300]);
    stage.close().await;
}

async fn d03_a_frame_that_cannot_be_read_is_skipped_and_counted(wire: Wire) {
    let scene = Scene::open(wire).await;
    scene.stage.fault(json!({"kind": "garbage", "count": 3}));
    scene.stage.say("still here?");
    scene.hears("still here?").await;
    assert_eq!(scene.stage.bot.counters().malformed.get(), 3);
    assert_eq!(scene.stage.bot.counters().reconnects.get(), 0);
    scene.stage.close().await;
}

async fn d05_events_wait_within_bounds_and_keep_their_order(wire: Wire) {
    let seen = Arc::new(Mutex::new(BTreeMap::<i64, Vec<String>>::new()));
    let log = Arc::clone(&seen);
    let most = Arc::new(Mutex::new((0, 0)));
    let running = Arc::clone(&most);
    let (stage, _) = open(wire, |bot| {
        bot.on("slow", async move |event: Event<api::ChannelMessage>| {
            {
                let mut running = running.lock().unwrap();
                running.0 += 1;
                running.1 = running.1.max(running.0);
            }
            tokio::task::yield_now().await;
            let text = MezonMessage::new(&event).text();
            log.lock()
                .unwrap()
                .entry(event.channel_id)
                .or_default()
                .push(text);
            running.lock().unwrap().0 -= 1;
            Ok(())
        })
    })
    .await;
    for number in 0..300 {
        let channel = ["general", "backstage"][number % 2];
        let words = json!({"from": "alice", "channel": channel, "text": number.to_string()});
        stage.mezon.say(object(words)).unwrap();
    }
    stage
        .until(20, "all of them", |_| {
            seen.lock().unwrap().values().map(Vec::len).sum::<usize>() == 300
        })
        .await;
    for (at, texts) in seen.lock().unwrap().values().enumerate() {
        let expected: Vec<_> = (0..300)
            .filter(|number| number % 2 == at)
            .map(|number| number.to_string())
            .collect();
        assert_eq!(*texts, expected);
    }
    assert!(
        most.lock().unwrap().1 <= 256,
        "no more at once than allowed"
    );
    stage.close().await;
}

async fn d07_an_answer_that_is_late_holds_up_nothing(wire: Wire) {
    let scene = Scene::open(wire).await;
    // Else the first call over HTTP would be the late one.
    scene.client.load_channels(&Id::from(CLAN)).await.unwrap();
    scene
        .stage
        .fault(json!({"kind": "delay", "count": 1, "ms": 700}));
    let (client, channel) = (&scene.client, general());
    let slow = Box::pin(client.send(&channel, "slow"));
    let quick = Box::pin(client.send(&channel, "quick"));
    match select(slow, quick).await {
        Either::Right((quick, slow)) => {
            quick.unwrap();
            slow.await.unwrap();
        }
        Either::Left(_) => panic!("the second waited for the first"),
    }
    let texts: Vec<_> = scene
        .sent("channel_message_send")
        .iter()
        .map(|sent| sent["content"].clone())
        .collect();
    assert_eq!(
        texts,
        [r#"{"t":"slow"}"#, r#"{"t":"quick"}"#],
        "they left in order"
    );
    scene.stage.close().await;
}

async fn d19_events_from_before_the_joins_are_handled(wire: Wire) {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let heard = Arc::new(Mutex::new(0));
    let log = Arc::clone(&heard);
    let bot = Bot::builder("test")
        .seed(1)
        .platform(Mezon::new(settings(&mezon.url(), wire)))
        .on("heard", async move |_: Event<api::GiveCoffeeEvent>| {
            *log.lock().unwrap() += 1;
            Ok(())
        });
    // The answers to the first calls and joins are held back.
    let delay = json!({"kind": "delay", "count": 100, "ms": 300});
    let delay = greenroom::simulator::Fault::parse(object(delay), mezon.faults()).unwrap();
    mezon.fault(delay).unwrap();
    let bot = bot.build().unwrap().start();
    let stage = Stage::new(simulator, mezon, bot);
    let coffee = || {
        stage
            .mezon
            .emit(object(json!({"event": "give_coffee_event", "data": {}})))
            .unwrap()
    };
    let delivered = Mutex::new(0);
    stage
        .until(20, "the socket", |_| {
            let mut delivered = delivered.lock().unwrap();
            *delivered += coffee()["delivered"].as_u64().unwrap();
            *delivered > 0
        })
        .await;
    assert_eq!(
        stage.bot.counters().connects.get(),
        0,
        "nothing is joined yet"
    );
    stage.bot.connected().await.unwrap();
    let all = *delivered.lock().unwrap();
    stage
        .until(10, "the events", |_| *heard.lock().unwrap() == all)
        .await;
    stage.close().await;
}

async fn d22_what_is_known_is_kept_over_a_reconnect(wire: Wire) {
    let scene = Scene::open(wire).await;
    scene.client.load_channels(&Id::from(CLAN)).await.unwrap();
    scene.stage.say("hello");
    scene.hears("hello").await;
    let known = || {
        let client = &scene.client;
        (
            client.channels_of(&Id::from(CLAN)).len(),
            client.user(&Id::from(ALICE)).is_some(),
            client.clans().list().len(),
        )
    };
    assert_eq!(known(), (3, true, 2));
    scene.stage.fault(json!({"kind": "disconnect"}));
    assert_eq!(known(), (3, true, 2));
    scene
        .stage
        .until(10, "the reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 1
        })
        .await;
    assert_eq!(known(), (3, true, 2));
    scene.stage.close().await;
}

async fn d25_what_was_missed_is_fetched_and_nothing_is_handled_twice(wire: Wire) {
    let scene = Scene::open(wire).await;
    scene.stage.say("before");
    scene.hears("before").await;
    scene.stage.fault(json!({"kind": "disconnect", "count": 3}));
    scene.stage.say("meanwhile");
    scene
        .stage
        .until(10, "the reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 1
        })
        .await;
    scene.stage.say("after");
    scene.hears("after").await;
    let expected: &[&str] = match wire {
        // The older wire has no call for it.
        Wire::V1 => &["before", "after"],
        Wire::V2 => &["before", "meanwhile", "after"],
    };
    assert_eq!(scene.texts(), expected);
    scene.stage.close().await;
}

async fn d26_a_request_in_flight_does_not_outlive_its_connection(wire: Wire) {
    let scene = Scene::with(wire, |settings| {
        settings.request_timeout = Duration::from_secs(60);
        settings.heartbeat = Duration::from_secs(60);
    })
    .await;
    scene.stage.fault(json!({"kind": "stall", "ms": 60_000}));
    let channel = general();
    let send = scene.client.send(&channel, "x");
    let cut = async {
        scene
            .stage
            .until(10, "the message", |_| {
                !scene.sent("channel_message_send").is_empty()
            })
            .await;
        scene.stage.fault(json!({"kind": "disconnect"}));
    };
    let (sent, ()) =
        tokio::time::timeout(Duration::from_secs(20), futures::future::join(send, cut))
            .await
            .unwrap();
    match wire {
        Wire::V1 => assert_eq!(sent.unwrap_err(), RequestError::OutcomeUnknown),
        // It is known from what was missed that the message is not there, so it is sent again.
        Wire::V2 => drop(sent.unwrap()),
    }
    scene.stage.close().await;
}

async fn d27_it_tries_until_it_succeeds(wire: Wire) {
    let scene = Scene::with(wire, |settings| {
        let moment = Duration::from_millis(5);
        settings.backoff = greenroom::actors::supervisor::Backoff::exponential(moment, moment);
    })
    .await;
    scene
        .stage
        .fault(json!({"kind": "disconnect", "count": 15}));
    scene
        .stage
        .until(20, "the reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 1
        })
        .await;
    assert!(scene.stage.bot.counters().reconnect_attempts.get() >= 15);
    scene.stage.say("back");
    scene.hears("back").await;
    scene.stage.close().await;
}

/// The network of this machine, except that each login names another address for the socket: a port that leads to the simulator.
struct Moving {
    doors: Arc<Vec<u16>>,
    logins: Arc<Mutex<usize>>,
}

impl Network for Moving {
    fn websocket(&self, trust: &Trust) -> Rc<dyn Transport> {
        Sockets.websocket(trust)
    }

    fn http(&self, trust: &Trust) -> Rc<dyn Exchange> {
        Rc::new(MovingLogins {
            inner: Sockets.http(trust),
            doors: Arc::clone(&self.doors),
            logins: Arc::clone(&self.logins),
        })
    }
}

struct MovingLogins {
    inner: Rc<dyn Exchange>,
    doors: Arc<Vec<u16>>,
    logins: Arc<Mutex<usize>>,
}

impl Exchange for MovingLogins {
    fn exchange(
        &self,
        request: HttpRequest,
        body_limit: usize,
    ) -> LocalBoxFuture<'static, Result<RawAnswer, HttpError>> {
        let is_login = request.url.ends_with("/authenticate/token");
        let answer = self.inner.exchange(request, body_limit);
        let (doors, logins) = (Arc::clone(&self.doors), Arc::clone(&self.logins));
        Box::pin(async move {
            let mut answer = answer.await?;
            if is_login {
                let mut logins = logins.lock().unwrap();
                let body = answer.body.clone()?;
                let mut session: api::Session =
                    greenroom_proto::mezon::decode(Wire::V2, body).unwrap();
                session.ws_url = format!("ws://127.0.0.1:{}", doors[*logins]);
                *logins += 1;
                answer.body = Ok(greenroom_proto::mezon::encode(Wire::V2, &session).into());
            }
            Ok(answer)
        })
    }
}

/// Opens a port that leads to `target`, and counts who comes.
async fn door(target: std::net::SocketAddr) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::default());
    let visits: Arc<AtomicUsize> = Arc::clone(&count);
    actix_rt::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            visits.fetch_add(1, Ordering::Relaxed);
            actix_rt::spawn(async move {
                let mut server = TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (port, count)
}

#[actix_rt::test]
async fn d27_a_new_login_names_a_new_address_of_the_socket() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let url: url::Url = mezon.url().parse().unwrap();
    let target = url.socket_addrs(|| None).unwrap()[0];
    let (old, new) = (door(target).await, door(target).await);
    let network = Moving {
        doors: Arc::new(vec![old.0, new.0]),
        logins: Arc::default(),
    };
    let bot = Bot::builder("test")
        .seed(1)
        .platform(Mezon::new(settings(&mezon.url(), Wire::V2)))
        .network(network);
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    let visits = || (old.1.load(Ordering::Relaxed), new.1.load(Ordering::Relaxed));
    assert_eq!(visits(), (1, 0));
    let stage = Stage::new(simulator, mezon, bot);
    stage.fault(json!({"kind": "expire"}));
    stage.fault(json!({"kind": "disconnect"}));
    stage
        .until(10, "the reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 1
        })
        .await;
    assert_eq!(visits().1, 1, "the address of the new login is used");
    let old = visits().0;
    stage.fault(json!({"kind": "disconnect"}));
    stage
        .until(10, "another reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 2
        })
        .await;
    assert_eq!(visits(), (old, 2), "and stays the one");
    stage.close().await;
}

async fn channels_joined_by_hand_are_joined_again_and_no_others(wire: Wire) {
    let scene = Scene::open(wire).await;
    for number in 0..5 {
        let channel = (8_000_000_000_000_000_000_i64 + number).to_string();
        let created =
            json!({"clan_id": CLAN.to_string(), "channel_id": channel, "channel_type": 1});
        scene.emit("channel_created_event", created);
    }
    scene.client.open_direct(&Id::from(BOB)).await.unwrap();
    scene.client.join(&general()).await.unwrap();
    scene
        .stage
        .until(10, "all joins", |_| scene.sent("channel_join").len() == 7)
        .await;
    scene.stage.fault(json!({"kind": "disconnect"}));
    scene
        .stage
        .until(10, "the reconnect", |stage| {
            stage.bot.counters().reconnects.get() == 1
        })
        .await;
    let joins = scene.sent("channel_join");
    let again: Vec<_> = joins[7..].iter().map(|join| &join["channel_id"]).collect();
    assert_eq!(again, [&json!(GENERAL.to_string())]);
    assert_eq!(scene.sent("clan_join").len(), 4, "both clans again");
    scene.stage.close().await;
}

async fn d30_closing_the_socket_keeps_the_handlers(wire: Wire) {
    let scene = Scene::open(wire).await;
    let closed = |scene: &Scene| {
        let said = json!({"from": "alice", "channel": "general", "text": "?"});
        scene.stage.mezon.say(object(said)).unwrap()["delivered"] == 0
    };
    scene.client.close_socket().await;
    scene
        .stage
        .until(10, "the socket to be closed", |_| closed(&scene))
        .await;
    let refused = scene.client.send(&general(), "x").await.unwrap_err();
    assert_eq!(refused, RequestError::Closed);
    assert_eq!(
        scene.stage.bot.counters().reconnect_attempts.get(),
        0,
        "no reconnect"
    );
    scene.client.connect().await.unwrap();
    scene
        .stage
        .until(10, "the socket to be open", |stage| {
            stage.bot.counters().connects.get() == 2
        })
        .await;
    scene.stage.say("welcome back");
    scene.hears("welcome back").await;
    scene.client.disconnect().await;
    scene.stage.close().await;
}
