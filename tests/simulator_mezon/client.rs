//! A client that knows bytes only, so that the tests see what is really on the wire.

use std::pin::Pin;
use std::time::Duration;

use actix_codec::Framed;
use awc::BoxedSocket;
use awc::error::PayloadError;
use awc::ws::{Codec, Frame, Message};
use bytes::Bytes;
use futures::{SinkExt, Stream, StreamExt};
use greenroom::simulator::{Simulator, World};
use greenroom_proto::mezon::api::Session;
use prost::Message as _;
use serde_json::{Value, json};

pub(crate) const BOT: &str = "1000000000000000001";
pub(crate) const CLAN: &str = "2000000000000000001";
pub(crate) const GENERAL: &str = "3000000000000000001";
pub(crate) const ALICE: &str = "4000000000000000001";
pub(crate) const BOB: &str = "4000000000000000002";
pub(crate) const DM: &str = "5000000000000000001";
pub(crate) const FIRST_MESSAGE: &str = "7000000000000000001";

const WAIT: Duration = Duration::from_secs(20);

/// A running simulator, and an HTTP client for it.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    http: awc::Client,
}

/// The answer of an HTTP request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// An open websocket.
pub(crate) struct Socket(Framed<BoxedSocket, Codec>);

impl Stage {
    pub(crate) async fn open() -> Self {
        Self {
            simulator: Simulator::builder().seed(1).start().await.unwrap(),
            http: awc::Client::builder()
                .timeout(WAIT)
                .disable_redirects()
                .finish(),
        }
    }

    /// A simulator whose world is extended by a file.
    pub(crate) async fn of_world(text: &str) -> Self {
        let world = World::parse(text).unwrap();
        let simulator = Simulator::builder().seed(1).world(world);
        Self {
            simulator: simulator.start().await.unwrap(),
            http: awc::Client::builder().timeout(WAIT).finish(),
        }
    }

    /// Opens an answer that goes on.
    pub(crate) async fn listen(&self, path: &str) -> Listening {
        let response = self
            .http
            .get(format!("{}{path}", self.url()))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 200);
        Listening(Box::pin(response))
    }

    pub(crate) fn url(&self) -> String {
        self.simulator.url("mezon").unwrap()
    }

    /// Sends a request to the platform; `token` is one of a login, or empty.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> Answer {
        self.try_call(method, path, token, accept, body)
            .await
            .unwrap()
    }

    pub(crate) async fn try_call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let method = method.parse::<awc::http::Method>().unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url()))
            .insert_header(("accept", accept));
        if !token.is_empty() {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        let mut response = request
            .send_body(body)
            .await
            .map_err(|fault| fault.to_string())?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        Ok(Answer {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
            body: response.body().await.map_err(|fault| fault.to_string())?,
        })
    }

    /// Calls the older wire.
    pub(crate) async fn v1(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        self.call(
            method,
            path,
            token,
            "application/json",
            body.as_bytes().to_vec(),
        )
        .await
    }

    /// Calls the newer wire.
    pub(crate) async fn v2(&self, name: &str, token: &str, body: Vec<u8>) -> Answer {
        let path = format!("/mezon.api.Mezon/{name}");
        self.call("POST", &path, token, "application/proto", body)
            .await
    }

    pub(crate) async fn log_in(&self, key: &str, accept: &str) -> Answer {
        let body = json!({"account": {"appid": BOT, "token": key}});
        let path = "/v2/apps/authenticate/token";
        self.call("POST", path, "", accept, body.to_string().into_bytes())
            .await
    }

    /// Logs in on the older wire; returns the token.
    pub(crate) async fn token_v1(&self) -> String {
        let answer = self.log_in("sim-mezon-key", "application/json").await;
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Logs in on the newer wire; returns the token.
    pub(crate) async fn token_v2(&self) -> String {
        let answer = self.log_in("sim-mezon-key", "application/x-protobuf").await;
        Session::decode(answer.body).unwrap().token
    }

    pub(crate) async fn try_connect(&self, token: &str) -> Result<Socket, String> {
        let url = self.url().replace("http://", "ws://");
        let url = format!("{url}/ws?lang=en&status=true&token={token}&format=protobuf");
        let opening = self.http.ws(url).max_frame_size(32 << 20).connect().await;
        opening
            .map(|(_, framed)| Socket(framed))
            .map_err(|fault| format!("{fault:?}"))
    }

    pub(crate) async fn connect(&self, token: &str) -> Socket {
        self.try_connect(token).await.unwrap()
    }

    /// A socket of the older wire that has joined the clan.
    pub(crate) async fn joined_v1(&self) -> Socket {
        let mut socket = self.connect(&self.token_v1().await).await;
        let join = "0a01321a150a1332303030303030303030303030303030303031";
        assert_eq!(socket.ask(join).await, join);
        socket
    }

    /// A socket of the newer wire that has joined the clan.
    pub(crate) async fn joined_v2(&self) -> Socket {
        let mut socket = self.connect(&self.token_v2().await).await;
        let join = "08021a0a088180a0f6f4acdbe01b";
        assert_eq!(socket.ask(join).await, join);
        socket
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.control_url());
        let mut response = self.http.post(url).send_json(&body).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) async fn journal(&self, since: u64) -> Vec<Value> {
        let url = format!(
            "{}/mezon/journal?since={since}",
            self.simulator.control_url()
        );
        let mut response = self.http.get(url).send().await.unwrap();
        response.json().limit(64 << 20).await.unwrap()
    }

    /// Returns the bodies of the websocket frames in the journal.
    pub(crate) async fn frames(&self, direction: &str) -> Vec<Value> {
        let rows = self.journal(0).await;
        let frames = rows
            .into_iter()
            .filter(|row| row["kind"] == "ws" && row["direction"] == direction);
        frames.map(|mut row| row["body"].take()).collect()
    }
}

/// An answer that goes on.
pub(crate) struct Listening(Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>);

impl Listening {
    /// Waits for the next part; none at the end.
    pub(crate) async fn next_part(&mut self) -> Option<String> {
        let part = tokio::time::timeout(WAIT, self.0.next())
            .await
            .expect("nothing came");
        part.map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap())
    }
}

impl Socket {
    /// Sends a binary frame, written in hexadecimal digits.
    pub(crate) async fn send(&mut self, hex: &str) {
        self.0.send(Message::Binary(bytes(hex))).await.unwrap();
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// Waits for the next frame of any kind; none if the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let frame = tokio::time::timeout(WAIT, self.0.next()).await;
        frame.expect("no frame came").and_then(Result::ok)
    }

    /// Waits for the next binary frame.
    pub(crate) async fn receive(&mut self) -> String {
        match self.next().await {
            Some(Frame::Binary(bytes)) => hex(&bytes),
            other => panic!("expected a binary frame, got {other:?}"),
        }
    }

    /// Sends a frame and waits for the next one.
    pub(crate) async fn ask(&mut self, hex: &str) -> String {
        self.send(hex).await;
        self.receive().await
    }
}

pub(crate) fn bytes(hex: &str) -> Bytes {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len())
        .step_by(2)
        .map(digits)
        .collect::<Vec<u8>>()
        .into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
