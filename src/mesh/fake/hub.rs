//! The API as a whole: requests in, answers and events out.

use std::collections::BTreeMap;

use bytes::Bytes;
use greenroom_actors::connection::Frame;
use serde_json::{Map, Value, json};

use super::answer::{answer, failure, nothing, refusal};
use super::chat::{Ask, Reply, models};
use super::forms::{Errors, KeyMember, KeyNames, Profile};
use super::identity::{Shared, User};
use super::oauth::{self, Parameters};
use super::rest::{Endpoint, Route};
use super::world::{Account, Proof, World};
use super::{FAULTS, control};
use crate::platform::json;
use crate::simulator::{
    Body, FaultKind, Host, Now, Out, Refusal, Request, Response, SocketId, TokenFault,
};

/// The simulated API.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) world: World,
    pub(super) identity: Shared,
    /// What streams get, until they do.
    streams: BTreeMap<SocketId, Vec<String>>,
    chats: u64,
}

impl Hub {
    pub(super) fn new(world: World, identity: Shared) -> Self {
        Self {
            world,
            identity,
            streams: BTreeMap::new(),
            chats: 0,
        }
    }

    fn serve(&mut self, now: Now, request: &Request) -> Result<Response, Response> {
        let (route, user) = self.admit(now, request)?;
        let Some(user) = user else {
            return self.serve_anybody(now, &route, request);
        };
        match route {
            Route::Chat(endpoint) => {
                let (ask, text) = self.ask(&user, request)?;
                let id = self.world.draw();
                let reply = Reply {
                    id: &id,
                    created: now.unix,
                    text: &text,
                };
                Ok(answer(200, &ask.answer(&reply, endpoint, self.world.forms)))
            }
            Route::Credits(id) => match self.world.user(&id) {
                Some(account) => {
                    let credits = account.credits;
                    Ok(answer(
                        200,
                        &json!({"success": true, "userId": id, "credits": credits}),
                    ))
                }
                None => Err(failure(404, "User not found")),
            },
            Route::Models => Ok(answer(200, &json!({"success": true, "models": models()}))),
            Route::Profile => {
                let account = self.world.register(&user.id, user.email.as_deref());
                let profile = show(&user.id, account);
                let body = match self.world.forms.profile {
                    Profile::Member => json!({"success": true, "profile": profile}),
                    Profile::Root => profile,
                };
                Ok(answer(200, &body))
            }
            Route::Usage => {
                let member = self.world.forms.usage.member();
                Ok(answer(
                    200,
                    &json!({"success": true, member: self.world.usage(&user.id)}),
                ))
            }
            Route::StoreKey | Route::StoreCommitment | Route::Verify => {
                self.change(&route, &user, request)
            }
            _ => self.look_up(&route, request),
        }
    }

    /// Checks what comes before the body of a request.
    fn admit(&self, now: Now, request: &Request) -> Result<(Route, Option<User>), Response> {
        if let Some(missing) = self.world.routes.refuse(request) {
            return Err(missing);
        }
        let route =
            Route::of(request).ok_or_else(|| nothing(404, &request.method, request.path()))?;
        if !route.needs_token() {
            return Ok((route, None));
        }
        let judged = self
            .identity
            .lock()
            .judge(now, request.header("authorization"));
        match judged {
            Ok(user) => Ok((route, Some(user))),
            Err(text) => Err(failure(401, text)),
        }
    }

    /// Answers what needs no token.
    fn serve_anybody(
        &mut self,
        now: Now,
        route: &Route,
        request: &Request,
    ) -> Result<Response, Response> {
        let identity = &mut *self.identity.lock();
        match route {
            Route::Config => {
                let (_, host) = identity
                    .url
                    .split_once("://")
                    .unwrap_or(("", &identity.url));
                let mut config = json!({
                    "domain": host,
                    "client_id": identity.client,
                    "audience": identity.audience,
                });
                if let Some(secret) = &identity.secret {
                    config["client_secret"] = secret.as_str().into();
                }
                Ok(answer(200, &config))
            }
            Route::AuthUrl => {
                let body = object(request)?;
                let redirect_uri = text(&body, "redirect_uri")?;
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query
                    .append_pair("response_type", "code")
                    .append_pair("client_id", &identity.client)
                    .append_pair("redirect_uri", redirect_uri)
                    .append_pair("audience", &identity.audience);
                for name in ["scope", "state"] {
                    if let Some(value) = body.get(name).and_then(Value::as_str) {
                        query.append_pair(name, value);
                    }
                }
                let url = format!("{}/authorize?{}", identity.url, query.finish());
                Ok(answer(200, &json!({"auth_url": url})))
            }
            Route::Register => {
                let body = object(request)?;
                let id = text(&body, "id")?;
                let email = body.get("email").and_then(Value::as_str);
                let user = show(id, self.world.register(id, email));
                Ok(answer(200, &json!({"success": true, "user": user})))
            }
            _ => {
                let parameters = Parameters::of_body(request)?;
                let tokens = match (parameters.get("code"), parameters.get("refresh_token")) {
                    (Some(code), _) if *route == Route::Exchange => {
                        let redirect_uri = parameters.get("redirect_uri").unwrap_or_default();
                        oauth::by_code(identity, now, code, redirect_uri, None)?
                    }
                    (_, Some(refresh)) => oauth::by_refresh(identity, now, refresh)?,
                    _ => {
                        let text = "code or refresh_token is required";
                        return Err(refusal(400, "invalid_request", text));
                    }
                };
                Ok(answer(200, &tokens))
            }
        }
    }

    /// Answers what stores something, or proves that it is there.
    fn change(
        &mut self,
        route: &Route,
        user: &User,
        request: &Request,
    ) -> Result<Response, Response> {
        let body = object(request)?;
        let (id, key) = (text(&body, "userId")?, text(&body, "keyName")?);
        let paid = || match self.world.can_pay(&user.id) {
            true => Ok(()),
            false => Err(failure(402, "Insufficient credits")),
        };
        let message = match route {
            Route::StoreKey => {
                let value = text(&body, "keyValue")?;
                paid()?;
                self.world.store(id, key, value);
                "Key stored"
            }
            Route::StoreCommitment => {
                let commitment = text(&body, "commitment")?;
                paid()?;
                self.world.commit(id, key, commitment);
                "Commitment stored"
            }
            _ => {
                let proof = Proof {
                    proof: text(&body, "proof")?,
                    nullifier: text(&body, "nullifier")?,
                    challenge: text(&body, "challenge")?,
                };
                paid()?;
                let verified = self.world.verify(id, key, &proof);
                let verified =
                    verified.ok_or_else(|| failure(400, "Challenge is unknown or was used"))?;
                return Ok(answer(200, &json!({"success": true, "verified": verified})));
            }
        };
        Ok(answer(
            200,
            &json!({"success": true, "message": message, "userId": id, "keyName": key}),
        ))
    }

    /// Answers what asks for something that is stored.
    fn look_up(&mut self, route: &Route, request: &Request) -> Result<Response, Response> {
        let query = Parameters::of_query(request);
        let require = |name| query.get(name).ok_or_else(|| required(name));
        let id = require("userId")?;
        let body = match route {
            Route::GetKey => {
                let value = self.world.key(id, require("keyName")?);
                let value = value.ok_or_else(|| failure(404, "Key not found"))?;
                let member = match self.world.forms.get_key {
                    KeyMember::KeyValue => "keyValue",
                    KeyMember::Key => "key",
                };
                json!({"success": true, member: value})
            }
            Route::ListKeys => {
                let prefix = format!("{id}_");
                let name = |path| match self.world.forms.list_keys {
                    KeyNames::Plain => str::strip_prefix(path, &prefix).unwrap_or(path),
                    KeyNames::Prefixed => path,
                };
                let names: Vec<&str> = self.world.paths(id).map(name).collect();
                json!({"success": true, "keys": names})
            }
            Route::Challenge => {
                let challenge = self.world.challenge(id, require("keyName")?);
                let challenge = challenge.ok_or_else(|| failure(404, "Key not found"))?;
                json!({"success": true, "challenge": challenge})
            }
            _ => {
                let commitment = self.world.commitment(id, require("keyName")?);
                let commitment = commitment.ok_or_else(|| failure(404, "Commitment not found"))?;
                json!({"success": true, "commitment": commitment})
            }
        };
        Ok(answer(200, &body))
    }

    /// Takes a question to a model; returns what it says.
    fn ask(&mut self, user: &User, request: &Request) -> Result<(Ask, String), Response> {
        let body = object(request)?;
        let ask = Ask::read(&body, self.world.forms.reads).map_err(|text| failure(400, &text))?;
        let account = self.world.user_mut(&user.id);
        let account = account.ok_or_else(|| failure(404, "User not found"))?;
        if account.credits == 0 {
            return Err(failure(402, "Insufficient credits"));
        }
        account.pay(&ask.provider, &ask.model);
        self.chats += 1;
        let text = self.world.replies.pop_front().unwrap_or_else(|| ask.echo());
        Ok((ask, text))
    }

    /// Puts an error into the form that the server has.
    fn formed(&self, mut response: Response) -> Response {
        if self.world.forms.errors == Errors::Object
            && let Ok(mut body) = serde_json::from_slice::<Value>(&response.body)
            && body["success"] == false
        {
            body["error"] = json!({"message": body["error"]});
            response.body = body.to_string().into();
        }
        response
    }
}

impl Host for Hub {
    fn faults(&self) -> &'static [FaultKind] {
        FAULTS
    }

    fn meets_one_fault(&self) -> bool {
        true
    }

    fn stalls_for_good(&self) -> bool {
        true
    }

    fn is_login(&self, request: &Request) -> bool {
        matches!(Route::of(request), Some(Route::Exchange | Route::Refresh))
    }

    fn is_stream(&self, request: &Request) -> bool {
        Route::of(request) == Some(Route::Chat(Endpoint::Chat))
            && json::parse(&request.body).is_ok_and(|body| body["stream"] == true)
    }

    fn call(&mut self, now: Now, request: &Request) -> (Response, Vec<Out>) {
        let response = match self.serve(now, request) {
            Ok(response) => response,
            Err(refused) => self.formed(refused),
        };
        (response, Vec::new())
    }

    fn open(&mut self, now: Now, request: &Request, socket: SocketId) -> Result<(), Response> {
        let admitted = self.admit(now, request);
        let asked = admitted.and_then(|(_, user)| match user {
            Some(user) => self.ask(&user, request),
            None => Err(failure(401, "No token provided")),
        });
        let (ask, text) = asked.map_err(|refused| self.formed(refused))?;
        let id = self.world.draw();
        let reply = Reply {
            id: &id,
            created: now.unix,
            text: &text,
        };
        self.streams.insert(socket, ask.events(&reply));
        Ok(())
    }

    fn opened(&mut self, _: Now, socket: SocketId) -> Vec<Out> {
        let events = self.streams.remove(&socket).unwrap_or_default();
        let frames = events
            .into_iter()
            .map(|event| Frame::Text(format!("data: {event}\n\n").into()))
            .chain([Frame::Close(None)]);
        frames
            .map(|frame| Out::Event(vec![(socket, frame)]))
            .collect()
    }

    fn receive(&mut self, _: Now, _: SocketId, _: &Frame) -> Vec<Out> {
        Vec::new()
    }

    fn close(&mut self, socket: SocketId) {
        self.streams.remove(&socket);
    }

    fn error(&self, status: u16, text: &str) -> Response {
        self.formed(failure(status, text))
    }

    fn tokens(&mut self, fault: TokenFault) {
        self.identity.lock().suffer(fault);
    }

    fn garbage(&self, _: SocketId, _: u64) -> Frame {
        Frame::Text(Bytes::from_static(b"data: not json {\n\n"))
    }

    fn show(&self, _: SocketId, frame: &Frame) -> Body {
        match frame {
            Frame::Text(bytes) => Body::Frame {
                bytes: bytes.clone(),
                show: show_event,
            },
            _ => control::no_frame(),
        }
    }

    fn emit(&mut self, _: Now, body: Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        control::emit(self, body)
    }

    fn say(&mut self, _: Now, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
        control::say(self, body)
    }

    fn health(&self) -> Map<String, Value> {
        let mut figures = self.world.figures();
        figures["chats"] = self.chats.into();
        figures.as_object().cloned().unwrap_or_default()
    }
}

/// Reads the body of a request.
fn object(request: &Request) -> Result<Map<String, Value>, Response> {
    match json::parse(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(failure(400, "the body must be an object")),
        Err(fault) => Err(failure(400, &format!("the body is not JSON: {fault}"))),
    }
}

/// Reads a member that must be there.
fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Response> {
    match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(required(name)),
    }
}

fn required(name: &str) -> Response {
    failure(400, &format!("{name} is required"))
}

fn show(id: &str, account: &Account) -> Value {
    json!({"id": id, "email": account.email, "credits": account.credits})
}

/// Shows the data of an event.
fn show_event(bytes: &Bytes) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let data = text.trim().strip_prefix("data: ").unwrap_or(&text);
    serde_json::from_str(data).unwrap_or_else(|_| data.into())
}
