//! The REST side of the server, both wires: request in, response out. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use greenroom_proto::mezon::{Wire, api};
use prost::Message;
use serde_json::{Map, Value, json};

use super::calls::Caller;
use super::chat::Effect;
use super::failure::{Failure, code_of};
use super::query::Query;
use super::routes::{Call, object};
use super::token::{Claims, Tokens, Use};
use super::world::World;

use crate::simulator::decode;
pub(super) use crate::simulator::{Request, Response};

impl Request {
    pub(super) fn query(&self) -> Query {
        Query::parse(self.target.split_once('?').map_or("", |(_, query)| query))
    }
}

impl Response {
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self {
            status,
            content_type: "application/json".into(),
            headers: Vec::new(),
            body: value.to_string().into(),
        }
    }

    /// Makes an answer of the newer wire; an empty one has status 204.
    fn proto(body: Vec<u8>, accept: &str) -> Self {
        if body.is_empty() {
            return Self {
                status: 204,
                ..Self::default()
            };
        }
        let kinds = ["application/x-protobuf", "application/protobuf"];
        let kind = kinds.into_iter().find(|kind| accept.contains(kind));
        Self {
            status: 200,
            content_type: kind.unwrap_or("application/proto").into(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(super) fn failed(failure: &Failure) -> Self {
        Self::json(failure.status(), &failure.to_json())
    }

    /// Makes the answer of a call that came too early.
    pub(super) fn limited(wait: Duration) -> Self {
        let mut response = Self::failed(&Failure::new(8, "Too many requests"));
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        response
            .headers
            .push(("retry-after".into(), seconds.to_string()));
        response
    }

    /// Makes an error that a test asked for.
    pub(super) fn erroneous(status: u16, text: &str) -> Self {
        let body = json!({"code": code_of(status), "error": text, "message": text});
        Self::json(status, &body)
    }
}

/// Where the server is found, for the answers of logins.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    pub(super) api_url: String,
    pub(super) ws_url: String,
}

/// What a REST request needs of the server.
#[derive(Debug)]
pub(super) struct Rest<'a> {
    pub(super) world: &'a mut World,
    pub(super) tokens: &'a mut Tokens,
    pub(super) addresses: &'a Addresses,
    /// Seconds since 1970.
    pub(super) now: u64,
}

impl Rest<'_> {
    /// Answers a request; the events go to sockets.
    pub(super) fn answer(&mut self, request: &Request) -> (Response, Vec<Effect>) {
        let mut events = Vec::new();
        let outcome = self.dispatch(request, &mut events);
        (
            outcome.unwrap_or_else(|failure| Response::failed(&failure)),
            events,
        )
    }

    fn dispatch(
        &mut self,
        request: &Request,
        events: &mut Vec<Effect>,
    ) -> Result<Response, Failure> {
        let path = request.path();
        let parts: Vec<String> = path.split('/').skip(1).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["healthcheck" | "readycheck"]) => Ok(Response::json(200, &json!({}))),
            ("POST", ["v2", "apps", "authenticate", "token"]) => self.log_in(request),
            ("POST", ["v2", "apps", "authenticate", "refresh"]) => {
                let body = object(&request.body)?;
                let token = body.get("refresh_token").and_then(Value::as_str);
                self.refresh(request, token.unwrap_or(""), BTreeMap::new())
            }
            ("POST", ["mezon.api.Mezon", "SessionRefresh"]) => {
                self.refresh_call(request, request.body.clone())
            }
            ("POST", ["v2", "apps", "authenticate", "logout"]) => {
                let claims = self.authenticate(request)?;
                self.tokens.revoke(&claims.tid);
                Ok(Response::json(200, &json!({})))
            }
            ("POST", ["mezon.api.Mezon", "SessionLogout"]) => {
                let claims = self.authenticate(request)?;
                self.tokens.revoke(&claims.tid);
                Ok(Response::proto(Vec::new(), ""))
            }
            ("POST", ["mezon.api.Mezon", name]) => {
                let caller = self.caller(request)?;
                let reply = self.world.call(caller, name, request.body.clone())?;
                events.extend(reply.events);
                Ok(Response::proto(reply.body, request.header("accept")))
            }
            ("POST", ["mmn-api"] | ["mmn-api", ""]) => {
                let (answer, sent) = self.world.ledger.answer(&request.body);
                events.extend(sent.map(|sent| self.world.token_sent(sent)));
                Ok(Response::json(200, &answer))
            }
            ("POST", ["zk-api", "prove"] | ["zk-api", "", "prove"]) => {
                let (tokens, now) = (&*self.tokens, self.now);
                let knows = |jwt: &str| {
                    let of = |purpose| tokens.check(jwt, purpose, now).is_some();
                    of(Use::Access) || of(Use::Identity)
                };
                let proof = self.world.ledger.prove(&request.body, knows)?;
                Ok(Response::json(200, &proof))
            }
            ("POST", ["api", "playmedia"]) => {
                self.authenticate(request)?;
                object(&request.body)?;
                Ok(Response::json(200, &json!({})))
            }
            (method, ["v2", path @ ..]) => {
                let caller = self.caller(request)?;
                let query = request.query();
                let call = Call {
                    method,
                    path,
                    query: &query,
                    body: &request.body,
                };
                self.world
                    .route(caller, call, events)
                    .map(|value| Response::json(200, &value))
            }
            (_, ["mezon.api.Mezon", ..]) => Err(Failure::unimplemented()),
            _ => Err(Failure::missing("Not Found")),
        }
    }

    /// Carries out a call about sessions that came over a websocket; none if `name` is another call.
    pub(super) fn session_call(
        &mut self,
        name: &str,
        body: Bytes,
    ) -> Option<Result<Vec<u8>, Failure>> {
        match name {
            "SessionRefresh" => {
                let answer = self.refresh_call(&Request::default(), body);
                Some(answer.map(|answer| answer.body.into()))
            }
            "SessionLogout" => {
                let request = api::SessionLogoutRequest::decode(body).unwrap_or_default();
                let claims = self.tokens.check(&request.token, Use::Access, self.now);
                if let Some(claims) = claims {
                    self.tokens.revoke(&claims.tid);
                }
                Some(Ok(Vec::new()))
            }
            _ => None,
        }
    }

    fn refresh_call(&mut self, request: &Request, body: Bytes) -> Result<Response, Failure> {
        let body = api::SessionRefreshRequest::decode(body);
        let body = body.map_err(|fault| Failure::bad(format!("body: {fault}")))?;
        self.refresh(request, &body.token, body.vars)
    }

    fn log_in(&mut self, request: &Request) -> Result<Response, Failure> {
        let body = object(&request.body)?;
        let account = body.get("account").and_then(Value::as_object);
        let account = account.ok_or_else(|| Failure::bad("account is required"))?;
        let text = |name: &str| account.get(name).and_then(text_of).unwrap_or_default();
        let known = text("appid").parse().ok().filter(|bot| {
            let key = self.world.bots.get(bot);
            key.is_some_and(|key| *key == text("token"))
        });
        let bot = known.ok_or_else(|| Failure::unauthenticated("Invalid app id or token"))?;
        let wire = if request.header("accept").contains("proto") {
            Wire::V2
        } else {
            Wire::V1
        };
        let vars = account.get("vars").and_then(Value::as_object);
        Ok(self.session(bot, wire, vars.map(texts).unwrap_or_default(), request))
    }

    fn refresh(
        &mut self,
        request: &Request,
        token: &str,
        vars: BTreeMap<String, String>,
    ) -> Result<Response, Failure> {
        let claims = self.tokens.check(token, Use::Refresh, self.now);
        let claims =
            claims.ok_or_else(|| Failure::unauthenticated("Refresh token invalid or expired"))?;
        let vars = if vars.is_empty() {
            claims.vrs.clone()
        } else {
            vars
        };
        Ok(self.session(claims.user(), claims.wire, vars, request))
    }

    /// Makes the tokens of a login, and the answer that tells them.
    fn session(
        &mut self,
        bot: i64,
        wire: Wire,
        vrs: BTreeMap<String, String>,
        request: &Request,
    ) -> Response {
        let date = self.tokens.date(self.now);
        let access = Claims {
            tid: self.tokens.next_login(),
            uid: bot.to_string(),
            usn: self.world.user(bot).username,
            exp: date + Tokens::LIFE,
            purpose: Use::Access,
            wire,
            vrs,
        };
        let refresh = Claims {
            exp: date + Tokens::REFRESH_LIFE,
            purpose: Use::Refresh,
            ..access.clone()
        };
        let identity = Claims {
            purpose: Use::Identity,
            ..access.clone()
        };
        let (token, refresh_token) = (self.tokens.issue(&access), self.tokens.issue(&refresh));
        let api_url = self.addresses.api_url.clone();
        match wire {
            Wire::V1 => Response::json(
                200,
                &json!({
                    "token": token,
                    "refresh_token": refresh_token,
                    "user_id": access.uid,
                    "api_url": api_url,
                }),
            ),
            Wire::V2 => {
                let session = api::Session {
                    token,
                    refresh_token,
                    user_id: bot,
                    api_url,
                    id_token: self.tokens.issue(&identity),
                    ws_url: self.addresses.ws_url.clone(),
                    session_id: access.tid,
                    ..Default::default()
                };
                Response::proto(session.encode_to_vec(), request.header("accept"))
            }
        }
    }

    fn caller(&self, request: &Request) -> Result<Caller, Failure> {
        Ok(Caller {
            bot: self.authenticate(request)?.user(),
            socket: None,
            now: u32::try_from(self.now).unwrap_or(u32::MAX),
        })
    }

    fn authenticate(&self, request: &Request) -> Result<Claims, Failure> {
        let token = request
            .header("authorization")
            .strip_prefix("Bearer ")
            .map(str::trim);
        let token = token.ok_or_else(|| Failure::unauthenticated("Auth token required"))?;
        let claims = self.tokens.check(token, Use::Access, self.now);
        claims.ok_or_else(|| Failure::unauthenticated("Auth token invalid or expired"))
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn texts(object: &Map<String, Value>) -> BTreeMap<String, String> {
    let pairs = object
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), text_of(value)?)));
    pairs.take(100).collect()
}
