//! The REST side of the server: request in, response and events out. Pure.

use serde_json::{Value, json};

use super::event::Event;
use super::failure::{Failure, json_response};
use super::query::Query;
use super::routes::{Access, Found, find};
use super::sockets::Sockets;
use super::tokens::Tokens;
use super::world::{User, UserNo, World};
use crate::simulator::{Now, Request, Response};

/// What a request needs of the server.
#[derive(Debug)]
pub(super) struct Rest<'a> {
    pub(super) world: &'a mut World,
    pub(super) sockets: &'a Sockets,
    pub(super) tokens: &'a Tokens,
    /// Where websockets are found, e.g. `ws://127.0.0.1:4001`.
    pub(super) ws_url: &'a str,
    pub(super) now: Now,
    /// What follows from the request.
    pub(super) events: Vec<Event>,
}

/// A request that has found its row.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    /// Who calls; 0 where nobody needs to say.
    pub(super) caller: UserNo,
    /// What stands in the places of the path.
    pub(super) places: Vec<String>,
}

/// The answer to a request: its status and JSON.
pub(super) type Outcome = Result<(u16, Value), Failure>;

/// An answer without a body.
pub(super) const DONE: (u16, Value) = (204, Value::Null);

impl Rest<'_> {
    /// Answers a request.
    pub(super) fn answer(&mut self, request: &Request) -> Response {
        let (route, places) = match find(&request.method, request.path()) {
            Found::Row(route, places) => (route, places),
            Found::Method(methods) => {
                let mut response = Failure::new(405, "Method Not Allowed").response();
                let allowed = ("allow".into(), methods.join(", "));
                response.headers.push(allowed);
                return response;
            }
            Found::Slash => return redirect(request),
            Found::Nothing => return Failure::missing("Not Found").response(),
        };
        let outcome = self.admit(request, route.access).and_then(|caller| {
            let call = Call {
                request,
                caller,
                places,
            };
            (route.run)(self, &call)
        });
        match outcome {
            Ok((204, _)) => Response {
                status: 204,
                ..Response::default()
            },
            Ok((status, value)) => json_response(status, &value),
            Err(failure) => failure.response(),
        }
    }

    fn admit(&self, request: &Request, access: Access) -> Result<UserNo, Failure> {
        if matches!(access, Access::Open) {
            return Ok(0);
        }
        let caller = self
            .world
            .authenticate(request)
            .ok_or_else(Failure::unauthorized)?;
        if let Access::Role(allows) = access {
            allows(self.user(caller)?.role)?;
        }
        Ok(caller)
    }

    pub(super) fn user(&self, no: UserNo) -> Result<&User, Failure> {
        self.world.user(no).ok_or_else(Failure::unauthorized)
    }
}

impl World {
    /// Says who makes a request, by the header of the key or of a session.
    pub(super) fn authenticate(&self, request: &Request) -> Option<UserNo> {
        let key = request.header("x-api-key");
        if !key.is_empty() {
            return self.of_key(key);
        }
        let token = request.header("authorization").strip_prefix("Bearer ")?;
        self.sessions.get(token.trim()).copied()
    }
}

impl Call<'_> {
    pub(super) fn place(&self) -> &str {
        self.places.first().map_or("", String::as_str)
    }

    pub(super) fn query(&self) -> Query {
        Query::of(self.request)
    }
}

/// Sends a client to the path without its last slash.
fn redirect(request: &Request) -> Response {
    let path = request.path().trim_end_matches('/');
    let query = request.target.strip_prefix(request.path()).unwrap_or("");
    let host = request.header("host");
    let origin = match host {
        "" => String::new(),
        host => format!("http://{host}"),
    };
    Response {
        status: 307,
        headers: vec![("location".into(), format!("{origin}{path}{query}"))],
        ..Response::default()
    }
}

/// Answers with JSON.
pub(super) fn ok(value: Value) -> Outcome {
    Ok((200, value))
}

/// Answers with rows.
pub(super) fn rows(rows: impl Iterator<Item = Value>) -> Outcome {
    ok(json!(rows.collect::<Vec<Value>>()))
}
