//! What the simulated Mesh answers, and how it refuses.

mod chat;
mod keys;
mod login;
mod tokens;
mod world;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::auth0::Auth0;
use super::defaults;
use super::hub::Hub;
use super::identity::Shared;
use crate::mesh::commitment::{CHALLENGE, VECTORS};
use crate::simulator::{Host, Now, Out, Request, Response, TokenFault, World};

const SCOPE: &str = "openid profile email offline_access";
const DEVICE: &str = super::oauth::DEVICE;
const CALLBACK: &str = "http://localhost:18765/callback";

struct Rig {
    hub: Hub,
    auth0: Auth0,
    now: Now,
}

#[expect(clippy::needless_pass_by_value, reason = "literals are passed")]
impl Rig {
    fn new() -> Self {
        Self::with("")
    }

    fn with(world: &str) -> Self {
        let world = World::parse(world).unwrap();
        let section = world.section("mesh");
        let tenant = "http://127.0.0.1:4000";
        let (world, identity) = defaults::load(section, tenant, &Entropy::seeded(1)).unwrap();
        let identity = Shared::new(identity);
        Self {
            hub: Hub::new(world, identity.clone()),
            auth0: Auth0::new(identity),
            now: Now::read(),
        }
    }

    fn mesh(&mut self, method: &str, target: &str, token: &str, body: Value) -> (u16, Value) {
        let request = request(method, target, token, &body);
        read(&self.hub.call(self.now, &request).0)
    }

    fn get(&mut self, target: &str) -> (u16, Value) {
        let token = jwt("auth0|sim-user");
        self.mesh("GET", target, &token, Value::Null)
    }

    fn post(&mut self, target: &str, body: Value) -> (u16, Value) {
        let token = jwt("auth0|sim-user");
        self.mesh("POST", target, &token, body)
    }

    fn auth0(&mut self, method: &str, target: &str, body: Value) -> (u16, Value) {
        let request = request(method, target, "", &body);
        read(&self.auth0.call(self.now, &request).0)
    }

    fn grant(&mut self, kind: &str, name: &str, value: &str) -> (u16, Value) {
        let body = json!({"client_id": "sim-mesh-client", "grant_type": kind, name: value});
        self.auth0("POST", "/oauth/token", body)
    }

    fn begin(&mut self, scope: &str) -> Value {
        let body = json!({"client_id": "sim-mesh-client", "scope": scope, "audience": "a"});
        let (status, begun) = self.auth0("POST", "/oauth/device/code", body);
        assert_eq!(status, 200, "{begun}");
        begun
    }

    fn poll(&mut self, begun: &Value) -> (u16, Value) {
        self.grant(
            DEVICE,
            "device_code",
            begun["device_code"].as_str().unwrap(),
        )
    }

    /// Sends a browser for a code; returns what is in the query of the address to which it is led.
    fn browse(&mut self, more: &str) -> Vec<(String, String)> {
        let target = format!(
            "/authorize?response_type=code&client_id=sim-mesh-client&redirect_uri={CALLBACK}&scope=openid%20offline_access&state=s1{more}"
        );
        let request = request("GET", &target, "", &Value::Null);
        let response = self.auth0.call(self.now, &request).0;
        assert_eq!(response.status, 302, "{response:?}");
        let location = &response.headers[0];
        assert_eq!(location.0, "location");
        let url = Url::parse(&location.1).unwrap();
        assert!(url.as_str().starts_with(CALLBACK));
        url.query_pairs().into_owned().collect()
    }

    fn exchange(&mut self, code: &str, redirect_uri: &str) -> (u16, Value) {
        let body = json!({"code": code, "redirect_uri": redirect_uri});
        self.mesh("POST", "/api/v1/auth/exchange-token", "", body)
    }

    fn emit(&mut self, event: &str, data: Value) -> Result<Value, String> {
        let body = json!({"event": event, "data": data});
        let body = body.as_object().cloned().unwrap();
        let emitted = self.hub.emit(self.now, body);
        emitted
            .map(|(value, _)| value)
            .map_err(|refusal| refusal.text)
    }

    fn emit_at_tenant(&mut self, event: &str, data: Value) -> Result<Value, String> {
        let body = json!({"event": event, "data": data});
        let body = body.as_object().cloned().unwrap();
        let emitted = self.auth0.emit(self.now, body);
        emitted
            .map(|(value, _)| value)
            .map_err(|refusal| refusal.text)
    }

    fn registered() -> Self {
        let mut rig = Self::new();
        assert_eq!(rig.get("/api/v1/auth/profile").0, 200);
        rig
    }
}

fn request(method: &str, target: &str, token: &str, body: &Value) -> Request {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if !token.is_empty() {
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    let body = match body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: body.into(),
    }
}

fn read(response: &Response) -> (u16, Value) {
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    match response.content_type.starts_with("application/json") {
        true => (response.status, serde_json::from_str(&text).unwrap()),
        false => (response.status, text.into()),
    }
}

/// Makes a token of any user, signed by nobody.
fn jwt(user: &str) -> String {
    signed(&json!({"sub": user, "exp": 4_000_000_000_u64}))
}

fn signed(claims: &Value) -> String {
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn error(text: &str) -> Value {
    json!({"success": false, "error": text})
}

fn code_of(refused: &(u16, Value)) -> (u16, &str) {
    assert!(refused.1["error_description"].is_string(), "{refused:?}");
    (refused.0, refused.1["error"].as_str().unwrap())
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
