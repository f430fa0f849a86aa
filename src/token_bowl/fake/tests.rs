//! What happens by itself, under stopped time, and that a seed repeats.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::MAKER;
use crate::simulator::line::{Order, Plug};
use crate::simulator::network::{End, Gate, Opening};
use crate::simulator::server::Server;
use crate::simulator::{Request, Simulator, SocketId};

/// A server that keeps its own time, and what happens on one websocket of it.
struct Stage {
    server: Arc<Server>,
    begin: Instant,
}

#[derive(Default)]
struct Cable(std::sync::atomic::AtomicBool);

impl Plug for Cable {
    fn pull(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

struct Wire {
    socket: SocketId,
    orders: mpsc::Receiver<Order>,
    cable: Arc<Cable>,
}

impl Stage {
    fn open(seed: u64) -> Self {
        clock::set_date(1_767_225_600);
        let entropy = Entropy::seeded(seed);
        let url = "http://token_bowl.test".to_owned();
        let servers = Simulator::builder().servers(&MAKER, &[url], &entropy);
        let (_, server) = servers.unwrap().remove(0);
        tokio::spawn(Arc::clone(&server).keep_time());
        Self {
            server,
            begin: clock::now(),
        }
    }

    fn dial(&self, target: &str) -> Wire {
        let request = Request {
            method: "GET".to_owned(),
            target: target.to_owned(),
            ..Request::default()
        };
        let cable = Arc::new(Cable::default());
        let plug = Arc::clone(&cable) as Arc<dyn Plug>;
        match self.server.open(&request, Gate::default(), Some(plug)) {
            Opening::Accepted(accepted) => Wire {
                socket: accepted.socket,
                orders: accepted.orders,
                cable,
            },
            _ => panic!("refused"),
        }
    }

    fn call(&self, method: &str, target: &str, key: &str, body: &Value) -> Value {
        let request = Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("x-api-key".to_owned(), key.to_owned())],
            body: body.to_string().into(),
        };
        match self.server.finish(&request, Gate::default()).end {
            End::Whole(response) => serde_json::from_slice(&response.body).unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    fn say(&self, wire: &Wire, text: &str) {
        let frame = Frame::Text(Bytes::copy_from_slice(text.as_bytes()));
        self.server.receive(wire.socket, &frame);
    }

    fn seconds(&self) -> u64 {
        self.begin.elapsed().as_secs()
    }
}

impl Wire {
    /// Waits for the next frame; none if the connection was cut.
    async fn next(&mut self) -> Option<Frame> {
        self.orders.recv().await.map(|order| order.frame)
    }

    async fn json(&mut self) -> Value {
        match self.next().await {
            Some(Frame::Text(text)) => serde_json::from_slice(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn ending(&mut self) -> u16 {
        loop {
            match self.next().await {
                Some(Frame::Close(Some((code, _)))) => return code,
                Some(_) => {}
                None => panic!("cut"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn plain_connections_are_pinged_and_silent_ones_are_given_up() {
    let stage = Stage::open(1);
    let mut wire = stage.dial("/ws?api_key=sim-bob-key");
    for ping in 1..=5 {
        let frame = wire.json().await;
        assert_eq!(
            (&frame["type"], stage.seconds()),
            (&json!("ping"), 30 * ping)
        );
        assert!(
            frame["timestamp"]
                .as_str()
                .unwrap()
                .starts_with("2026-01-01T00:")
        );
        stage.say(&wire, "{\"type\":\"pong\"}");
    }
    // the last sign of the client was at 150 s; it is pinged twice more, then the connection is cut without a close frame
    for _ in 0..2 {
        assert_eq!(wire.json().await["type"], "ping");
    }
    assert_eq!(wire.next().await, None);
    assert_eq!(stage.seconds(), 240);
    assert!(wire.cable.0.load(std::sync::atomic::Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn pong_frames_show_that_a_client_is_there() {
    let stage = Stage::open(1);
    let mut wire = stage.dial("/ws?api_key=sim-bob-key");
    for ping in 1..=20 {
        assert_eq!(wire.json().await["type"], "ping", "{ping}");
        stage.server.heard(wire.socket, &Frame::Pong(Bytes::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn centrifugo_pings_must_be_answered_in_time_and_tokens_end() {
    let stage = Stage::open(1);
    let login = |wire: &Wire| {
        let token = stage.call(
            "GET",
            "/centrifugo/connection-token",
            "sim-bob-key",
            &json!({}),
        );
        let command = json!({"id": 1, "connect": {"token": token["token"]}});
        stage.say(wire, &command.to_string());
    };
    let mut stranger = stage.dial("/connection/websocket");
    assert_eq!((stranger.ending().await, stage.seconds()), (3_502, 25));

    let mut wire = stage.dial("/connection/websocket");
    login(&wire);
    assert!(wire.json().await["connect"].is_object());
    for _ in 0..4 {
        assert_eq!(wire.json().await, json!({}));
        stage.say(&wire, "{}");
    }
    assert_eq!(wire.json().await, json!({}));
    let pinged = stage.seconds();
    assert_eq!((wire.ending().await, stage.seconds() - pinged), (3_012, 8));

    let mut wire = stage.dial("/connection/websocket");
    let begin = stage.seconds();
    login(&wire);
    let mut pings = 0;
    let code = loop {
        match wire.next().await {
            Some(Frame::Text(text)) if text == "{}" => {
                pings += 1;
                stage.say(&wire, "{}");
            }
            Some(Frame::Close(Some((code, _)))) => break code,
            Some(_) => {}
            None => panic!("cut"),
        }
    };
    let day = 24 * 3_600;
    assert_eq!(
        (code, stage.seconds() - begin, pings),
        (3_005, day, day / 25 - 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_every_byte() {
    let run = |seed| {
        let stage = Stage::open(seed);
        let wire = stage.dial("/ws?api_key=sim-bob-key");
        let mut all = Vec::new();
        let body = json!({"username": "x", "content": "y"});
        for (method, target) in [
            ("POST", "/register"),
            ("POST", "/messages"),
            ("POST", "/bots"),
            ("GET", "/centrifugo/connection-token"),
            ("POST", "/users/me/regenerate-api-key"),
        ] {
            all.push(stage.call(method, target, "sim-alice-key", &body));
        }
        stage.say(&wire, "{\"content\":\"z\"}");
        let journal = crate::simulator::Platform::journal(&*stage.server, 0);
        let rows = journal.iter().map(crate::simulator::Entry::to_json);
        (all, rows.collect::<Vec<_>>())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_in_one_moment_has_an_order() {
    let stage = Stage::open(1);
    let stamps: Vec<String> = (0..3)
        .map(|_| {
            let sent = stage.call("POST", "/messages", "sim-bob-key", &json!({"content": "x"}));
            sent["timestamp"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(stamps.is_sorted() && stamps[0] != stamps[1] && stamps[1] != stamps[2]);
    tokio::time::advance(Duration::from_secs(1)).await;
    let sent = stage.call("POST", "/messages", "sim-bob-key", &json!({"content": "x"}));
    assert!(sent["timestamp"].as_str().unwrap() > stamps[2].as_str());
}
