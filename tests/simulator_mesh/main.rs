//! The simulated Mesh and its tenant over real sockets, as foreign clients see them.
#![cfg(all(feature = "mesh", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall fail")]
#![allow(clippy::needless_pass_by_value, reason = "literals are passed")]

mod chat;
mod faults;
mod login;
mod raw;
mod world;

use std::time::Duration;

use awc::Client;
use awc::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom::simulator::{Simulator, World};
use serde_json::{Value, json};

const USER: &str = "auth0|sim-user";

/// A running simulator, with a client.
struct Rig {
    simulator: Simulator,
    http: Client,
    mesh: String,
    auth0: String,
    token: String,
}

/// What came back: a status, a content type, a body as JSON or as text.
#[derive(Debug)]
struct Answer {
    status: u16,
    kind: String,
    location: Option<String>,
    body: Value,
}

impl Rig {
    async fn start() -> Self {
        Self::with("").await
    }

    async fn with(world: &str) -> Self {
        let simulator = Simulator::builder()
            .seed(1)
            .world(World::parse(world).unwrap())
            .start()
            .await
            .unwrap();
        Self {
            http: Client::builder()
                .timeout(Duration::from_secs(10))
                .disable_redirects()
                .finish(),
            mesh: simulator.url("mesh").unwrap(),
            auth0: simulator.url("auth0").unwrap(),
            token: token_of(USER),
            simulator,
        }
    }

    /// Asks the API, with the token.
    async fn mesh(&self, method: &str, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.mesh);
        self.send(method, &url, &self.token, body).await.unwrap()
    }

    /// Asks the tenant, without a token.
    async fn auth0(&self, method: &str, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.auth0);
        self.send(method, &url, "", body).await.unwrap()
    }

    async fn send(
        &self,
        method: &str,
        url: &str,
        token: &str,
        body: Value,
    ) -> Result<Answer, String> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let sent = match body {
            Value::Null => request.send().await,
            body => request.send_json(&body).await,
        };
        let mut answer = sent.map_err(|error| error.to_string())?;
        let header = |name| {
            let value = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let (kind, location) = (header("content-type"), header("location"));
        let bytes = answer.body().await.map_err(|error| error.to_string())?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
        Ok(Answer {
            status: answer.status().as_u16(),
            kind: kind.unwrap_or_default(),
            location,
            body,
        })
    }

    async fn control(&self, command: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/{command}", self.simulator.control_url());
        let answer = self.send("POST", &url, "", body).await.unwrap();
        (answer.status, answer.body)
    }

    async fn journal(&self, server: &str) -> Vec<Value> {
        let url = format!("{}/{server}/journal?since=0", self.simulator.control_url());
        let answer = self.send("GET", &url, "", Value::Null).await.unwrap();
        answer.body.as_array().cloned().unwrap()
    }

    async fn chat(&self, path: &str, text: &str) -> Answer {
        let messages = json!([{"role": "user", "content": text}]);
        let body = json!({"prompt": text, "provider": "openai", "model": "gpt-4", "messages": messages, "temperature": 0.7});
        self.mesh("POST", path, body).await
    }
}

/// Makes a token of any user, as the simulator takes them: nobody has signed it.
fn token_of(user: &str) -> String {
    signed(json!({"sub": user, "exp": 4_000_000_000_u64}))
}

fn signed(claims: Value) -> String {
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn error(text: &str) -> Value {
    json!({"success": false, "error": text})
}
