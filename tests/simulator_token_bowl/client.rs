//! A client that knows JSON only, so that the tests see what is really on the wire.

use std::time::Duration;

use actix_codec::Framed;
use awc::BoxedSocket;
use awc::ws::{CloseReason, Codec, Frame, Message};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use greenroom::simulator::{Simulator, World};
use serde_json::{Value, json};

pub(crate) const ALICE: &str = "sim-alice-key";
pub(crate) const BOB: &str = "sim-bob-key";
pub(crate) const BOT: &str = "sim-greenroom-key";
pub(crate) const ADMIN: &str = "sim-admin-key";

const WAIT: Duration = Duration::from_secs(20);

/// A running simulator, and an HTTP client for it.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) http: awc::Client,
}

/// The answer of an HTTP request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns the text of an error.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{:?}", self.body);
        self.json()["detail"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.json()
    }
}

/// An open websocket.
pub(crate) struct Socket(Framed<BoxedSocket, Codec>);

impl Stage {
    pub(crate) async fn open() -> Self {
        Self::of_world("").await
    }

    /// A simulator whose world is extended by a file.
    pub(crate) async fn of_world(text: &str) -> Self {
        let world = World::parse(text).unwrap();
        let simulator = Simulator::builder().seed(1).world(world);
        Self {
            simulator: simulator.start().await.unwrap(),
            http: awc::Client::builder()
                .timeout(WAIT)
                .disable_redirects()
                .finish(),
        }
    }

    pub(crate) fn url(&self) -> String {
        self.simulator.url("token_bowl").unwrap()
    }

    /// Sends a request; a body that is no text is sent as JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, key: &str, body: Value) -> Answer {
        let bytes = match body {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            other => other.to_string().into_bytes(),
        };
        let method = method.parse::<awc::http::Method>().unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url()))
            .insert_header(("content-type", "application/json"));
        if let Some(token) = key.strip_prefix("Bearer ") {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        } else if !key.is_empty() {
            request = request.insert_header(("x-api-key", key));
        }
        let mut response = request.send_body(bytes).await.unwrap();
        let headers = response.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Answer {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: response.body().limit(32 << 20).await.unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.call("GET", path, key, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        self.call("POST", path, key, body).await
    }

    pub(crate) async fn patch(&self, path: &str, key: &str, body: Value) -> Answer {
        self.call("PATCH", path, key, body).await
    }

    pub(crate) async fn delete(&self, path: &str, key: &str) -> Answer {
        self.call("DELETE", path, key, Value::Null).await
    }

    /// Returns the id of a user.
    pub(crate) async fn id_of(&self, name: &str) -> String {
        let users = self.get("/admin/users", ADMIN).await.ok();
        let users = users.as_array().unwrap();
        let user = users.iter().find(|user| user["username"] == name).unwrap();
        user["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn try_connect(
        &self,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Socket, u16> {
        let url = format!("{}{target}", self.url().replace("http://", "ws://"));
        let mut request = self.http.ws(url).max_frame_size(32 << 20);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match request.connect().await {
            Ok((_, framed)) => Ok(Socket(framed)),
            Err(awc::error::WsClientError::InvalidResponseStatus(status)) => Err(status.as_u16()),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Opens the plain line.
    pub(crate) async fn connect(&self, key: &str) -> Socket {
        let target = format!("/ws?api_key={key}");
        self.try_connect(&target, &[]).await.unwrap()
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.control_url());
        let mut response = self.http.post(url).send_json(&body).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) async fn journal(&self) -> Vec<Value> {
        let url = format!("{}/token_bowl/journal", self.simulator.control_url());
        let mut response = self.http.get(url).send().await.unwrap();
        response.json().limit(64 << 20).await.unwrap()
    }

    pub(crate) async fn health(&self) -> Value {
        let url = format!("{}/health", self.simulator.control_url());
        let mut response = self.http.get(url).send().await.unwrap();
        let mut health: Value = response.json().await.unwrap();
        health["platforms"]["token_bowl"].take()
    }
}

impl Socket {
    pub(crate) async fn send(&mut self, value: Value) {
        self.send_text(&value.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.0
            .send(Message::Text(text.to_owned().into()))
            .await
            .unwrap();
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// Waits for the next frame of any kind; none if the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let frame = tokio::time::timeout(WAIT, self.0.next()).await;
        frame.expect("no frame came").and_then(Result::ok)
    }

    /// Waits for the next text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Frame::Text(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("expected a text, got {other:?}"),
        }
    }

    pub(crate) async fn receive(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
    }

    /// Sends a frame and waits for the next one.
    pub(crate) async fn ask(&mut self, value: Value) -> Value {
        self.send(value).await;
        self.receive().await
    }

    /// Waits for the end: the close frame, or none.
    pub(crate) async fn end(&mut self) -> Option<Option<CloseReason>> {
        loop {
            match self.next().await {
                Some(Frame::Close(reason)) => return Some(reason),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Checks that nothing has come, by an answer that must be the next.
    #[track_caller]
    pub(crate) fn nothing(&mut self) -> impl Future<Output = ()> + '_ {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.ask(json!({"type": "get_unread_count"})).await;
            assert_eq!(answer["type"], "unread_count", "{place}: {answer}");
        }
    }
}
