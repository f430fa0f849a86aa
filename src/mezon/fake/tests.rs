//! The server without sockets, under a clock of the test's own.

use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use greenroom_proto::mezon::api::Session;
use proptest::prelude::*;
use prost::Message;

use super::defaults::{Settings, default_world};
use super::hub::Hub;
use super::rest::{Request, Response};
use crate::simulator::{Host, Now, Out, SocketId};

struct Stage {
    hub: Hub,
    start: Instant,
    passed: Duration,
    sockets: SocketId,
}

impl Stage {
    fn new(seed: u64) -> Self {
        let (world, settings) = (default_world(), Settings::default());
        Self {
            hub: Hub::new(
                world,
                &settings,
                "http://127.0.0.1:1",
                &Entropy::seeded(seed),
            ),
            start: clock::now(),
            passed: Duration::ZERO,
            sockets: 0,
        }
    }

    fn now(&self) -> Now {
        Now {
            at: self.start + self.passed,
            unix: 1_000_000 + self.passed.as_secs(),
            micros: 0,
        }
    }

    fn call(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let request = request(method, target, headers, body);
        self.hub.call(self.now(), &request).0
    }

    fn log_in(&mut self, accept: &str) -> String {
        let body = r#"{"account":{"appid":"1000000000000000001","token":"sim-mezon-key"}}"#;
        let path = "/v2/apps/authenticate/token";
        let answer = self.call("POST", path, &[("accept", accept)], body);
        match serde_json::from_slice::<serde_json::Value>(&answer.body) {
            Ok(session) => session["token"].as_str().unwrap().to_owned(),
            Err(_) => Session::decode(answer.body).unwrap().token,
        }
    }

    fn connect(&mut self, token: &str) -> Option<SocketId> {
        let target = format!("/ws?lang=en&status=true&token={token}&format=protobuf");
        let request = request("GET", &target, &[], "");
        self.sockets += 1;
        let opened = self.hub.open(self.now(), &request, self.sockets);
        opened.ok().map(|()| self.sockets)
    }

    fn send(&mut self, socket: SocketId, frame: &[u8]) -> Vec<Out> {
        self.hub
            .frame(self.now(), socket, &Bytes::copy_from_slice(frame))
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.iter().map(own).collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

#[test]
fn a_token_ends_after_an_hour() {
    let mut stage = Stage::new(1);
    let token = stage.log_in("application/json");
    let bearer = format!("Bearer {token}");
    let clans = |stage: &mut Stage| {
        stage
            .call("GET", "/v2/clandesc", &[("authorization", &bearer)], "")
            .status
    };
    stage.passed = Duration::from_secs(3_599);
    assert_eq!(clans(&mut stage), 200);
    let socket = stage.connect(&token);
    assert!(socket.is_some());
    stage.passed = Duration::from_secs(3_600);
    assert_eq!(clans(&mut stage), 401);
    assert_eq!(stage.connect(&token), None);
    // what is open stays open
    let ping = [0x0a, 1, b'1', 0xb2, 1, 0];
    assert_eq!(stage.send(socket.unwrap(), &ping).len(), 1);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut stage = Stage::new(seed);
        let tokens =
            ["application/json", "application/x-protobuf"].map(|accept| stage.log_in(accept));
        let sockets = tokens.clone().map(|token| stage.connect(&token).unwrap());
        let ping = [0x0a, 1, b'1', 0xb2, 1, 0];
        let outs = sockets.map(|socket| stage.send(socket, &ping));
        (tokens, sockets, outs)
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7).0, trace(8).0);
}

/// A frame that looks like an envelope: a field of any number, often with fields inside.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let inner = prop::collection::vec((1_u8..28, any::<u64>(), any::<Vec<u8>>()), 0..6);
    let bytes = prop::collection::vec(any::<u8>(), 0..80);
    let envelope = (1_u32..=101, any::<bool>(), inner).prop_map(|(tag, older, inner)| {
        let mut body = Vec::new();
        for (number, value, text) in inner {
            if value % 2 == 0 {
                prost::encoding::uint64::encode(u32::from(number), &value, &mut body);
            } else {
                prost::encoding::bytes::encode(u32::from(number), &text, &mut body);
            }
        }
        let mut frame = if older {
            vec![0x0a, 1, b'7']
        } else {
            vec![8, 7]
        };
        prost::encoding::bytes::encode(tag, &body, &mut frame);
        frame
    });
    prop_oneof![bytes, envelope]
}

proptest! {
    #[test]
    fn nothing_that_a_client_sends_makes_it_panic(frames in prop::collection::vec(frame(), 1..30)) {
        let mut stage = Stage::new(1);
        let sockets = ["application/json", "application/x-protobuf"].map(|accept| {
            let token = stage.log_in(accept);
            stage.connect(&token).unwrap()
        });
        for frame in &frames {
            for socket in sockets {
                // whatever it was, it is answered
                prop_assert!(!stage.send(socket, frame).is_empty());
            }
        }
        for (frame, socket) in frames.iter().zip(sockets.into_iter().cycle()) {
            let frame = Frame::Binary(Bytes::copy_from_slice(frame));
            let shown = stage.hub.show(socket, &frame).to_json();
            prop_assert!(shown.is_object());
        }
    }

    #[test]
    fn nothing_that_is_asked_makes_it_panic(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]),
        path in prop::sample::select(vec![
            "/v2/clandesc", "/v2/channeldesc", "/v2/channeldesc/1", "/v2/channelvoice", "/v2/roles", "/v2/roles/1", "/v2/friend",
            "/v2/quickmenuaccess", "/v2/apps/authenticate/token", "/v2/apps/authenticate/refresh", "/mmn-api", "/zk-api/prove",
            "/mezon.api.Mezon/ListChannelMessages", "/mezon.api.Mezon/SendChannelMessage", "/mezon.api.Mezon/UpdateRole",
        ]),
        query in ".{0,40}",
        body in prop_oneof![".{0,60}", Just(r#"{"account":{}}"#.to_owned()), Just(r#"{"user_ids":["4000000000000000002"]}"#.to_owned())],
    ) {
        let mut stage = Stage::new(1);
        let bearer = format!("Bearer {}", stage.log_in("application/json"));
        let answer = stage.call(method, &format!("{path}?{query}"), &[("authorization", &bearer)], &body);
        prop_assert!((200..=501).contains(&answer.status));
    }
}
