//! What the device answers over HTTP.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix::Arbiter;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use greenroom_actors::supervisor::SupervisorRef;
use greenroom_actors::telemetry::Counters;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use super::agent::Agent;
use super::desk::Desk;
use super::limits::PAGE;
use super::link::Hub;
use super::socket::Socket;
use super::store::{Message, StorageService};

/// Who may do what.
#[derive(Debug, Default)]
pub(super) struct Access {
    /// Agents have to know it, if there is one.
    pub(super) token: Option<SecretString>,
    /// Conversations are shown to other machines, too.
    pub(super) is_open: bool,
}

/// What the answers are made of.
pub(super) struct Served {
    pub(super) hub: Hub,
    pub(super) desk: Arc<Desk>,
    pub(super) counters: Arc<Counters>,
    pub(super) agents: SupervisorRef,
    pub(super) access: Arc<Access>,
}

/// Answers every request.
pub(super) async fn answer(
    request: HttpRequest,
    payload: web::Payload,
    served: web::Data<Served>,
) -> HttpResponse {
    let is_upgrade = has_token(request.headers(), header::UPGRADE, "websocket");
    match request.path() {
        "/realtime" if is_upgrade => open(&request, payload, &served),
        _ if is_upgrade => refused_upgrade(),
        "/health" => only_get(&request, || {
            let health = r#"{"status":"ok"}"#;
            HttpResponse::Ok()
                .content_type("application/json")
                .body(health)
        }),
        "/health/" => HttpResponse::TemporaryRedirect()
            .insert_header((header::LOCATION, "/health"))
            .finish(),
        "/messages" => private(&request, &served, messages).await,
        "/memories" => private(&request, &served, memories).await,
        "/memories/latest" => private(&request, &served, latest).await,
        "/stats" => private(&request, &served, stats).await,
        _ => detail(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// Opens the websocket of an agent.
fn open(request: &HttpRequest, payload: web::Payload, served: &Served) -> HttpResponse {
    if served.hub.is_closing() || !is_allowed(request, &served.access) {
        return refused_upgrade();
    }
    let mut response = match ws::handshake(request) {
        Ok(response) => response,
        Err(error) => {
            return HttpResponse::BadRequest()
                .force_close()
                .json(json!({"detail": error.to_string()}));
        }
    };
    let link = served.hub.open();
    let agent = Agent::child(
        Arc::clone(&link),
        served.hub.clone(),
        Arc::clone(&served.desk),
        Arc::clone(&served.counters),
    );
    // It runs beside its socket; its supervisor is on the thread of the bot.
    let agent = match Arbiter::try_current() {
        Some(here) => agent.on_arbiter(here),
        None => agent,
    };
    if let Err(error) = served.agents.try_start(agent) {
        tracing::error!(%error, "an agent was sent away");
        served.hub.remove(link.id);
        return HttpResponse::ServiceUnavailable().force_close().finish();
    }
    let (hub, desk) = (served.hub.clone(), Arc::clone(&served.desk));
    response.streaming(Socket::start(link, hub, desk, payload))
}

fn refused_upgrade() -> HttpResponse {
    HttpResponse::Forbidden().force_close().finish()
}

/// Says whether an agent knows the token, if one is needed.
fn is_allowed(request: &HttpRequest, access: &Access) -> bool {
    let Some(token) = &access.token else {
        return true;
    };
    let token = token.expose_secret().as_bytes();
    let header = request.headers().get(header::AUTHORIZATION);
    let header = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if header.is_some_and(|given| is_same(given, token)) {
        return true;
    }
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.any(|(name, value)| name == "terminal_secret" && is_same(value.as_bytes(), token))
}

/// Compares in a time that does not tell where two secrets differ.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given
        .iter()
        .zip(expected)
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == expected.len() && differences == 0
}

fn only_get(request: &HttpRequest, answer: impl FnOnce() -> HttpResponse) -> HttpResponse {
    match *request.method() == Method::GET {
        true => answer(),
        false => {
            let mut refused = detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
            let allow = HeaderValue::from_static("GET");
            refused.headers_mut().insert(header::ALLOW, allow);
            refused
        }
    }
}

/// What is read for an answer: it may block.
type Read = fn(&str, &Desk) -> Result<Value, (StatusCode, String)>;

/// Answers those on this machine alone, and no web page from elsewhere.
async fn private(request: &HttpRequest, served: &Served, read: Read) -> HttpResponse {
    if *request.method() != Method::GET {
        return only_get(request, || HttpResponse::Ok().finish());
    }
    let is_near = request.peer_addr().is_some_and(|peer| is_loopback(&peer));
    if !served.access.is_open && (!is_near || is_foreign(request.headers())) {
        return detail(StatusCode::FORBIDDEN, "Forbidden");
    }
    let (query, desk) = (request.query_string().to_owned(), Arc::clone(&served.desk));
    // A long page must not hold up agents.
    match web::block(move || read(&query, &desk).map(|answer| answer.to_string())).await {
        Ok(Ok(answer)) => HttpResponse::Ok()
            .content_type("application/json")
            .body(answer),
        Ok(Err((status, what))) => detail(status, &what),
        Err(_) => detail(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

fn is_loopback(peer: &SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// Says whether a page asks that did not come from this machine.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| url::Url::parse(origin).ok());
    let host = origin.as_ref().and_then(url::Url::host_str);
    !host.is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// A page of rows, as the query asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    offset: u64,
    limit: u64,
    desc: bool,
}

impl Page {
    fn read(query: &str) -> Result<Self, String> {
        let mut page = Self {
            offset: 0,
            limit: 10,
            desc: true,
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let wrong = |what: &str| format!("{name}: {value:?} is not {what}");
            match &*name {
                "offset" => {
                    page.offset = whole(&value).ok_or_else(|| wrong("a whole number from 0"))?;
                }
                "limit" => {
                    let limit = whole(&value).filter(|limit| *limit <= PAGE);
                    page.limit = limit.ok_or_else(|| wrong("a whole number from 0 to 100000"))?;
                }
                "desc" => {
                    page.desc = value.parse().map_err(|_| wrong("`true` or `false`"))?;
                }
                _ => {}
            }
        }
        Ok(page)
    }

    fn answer<R: Serialize>(self, what: &str, rows: &[R], total: u64) -> Value {
        json!({
            "status": "success",
            "message": format!("{} of {total} {what}", rows.len()),
            "data": rows,
            "total": total,
            "offset": self.offset,
            "limit": self.limit,
        })
    }

    fn signed(self) -> (i64, i64) {
        let signed = |number| i64::try_from(number).unwrap_or(i64::MAX);
        (signed(self.offset), signed(self.limit))
    }
}

fn whole(text: &str) -> Option<u64> {
    // Whatever is beyond what is stored is an empty page.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(i64::MAX as u64).min(i64::MAX as u64))
}

fn messages(query: &str, desk: &Desk) -> Result<Value, (StatusCode, String)> {
    let (page, store) = (Page::read(query).map_err(wrong)?, storage(desk)?);
    let (offset, limit) = page.signed();
    let rows = store.get_messages(offset, limit, page.desc);
    Ok(page.answer("messages", &rows, store.count_messages()))
}

fn memories(query: &str, desk: &Desk) -> Result<Value, (StatusCode, String)> {
    let (page, store) = (Page::read(query).map_err(wrong)?, storage(desk)?);
    let (offset, limit) = page.signed();
    let rows = store.get_memories(offset, limit, page.desc);
    Ok(page.answer("memories", &rows, store.count_memories()))
}

/// The newest messages, oldest first.
fn latest(query: &str, desk: &Desk) -> Result<Value, (StatusCode, String)> {
    let mut count = 4;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name == "count" {
            let asked = value.parse::<i64>();
            count = asked.map_err(|_| wrong(format!("count: {value:?} is not a whole number")))?;
        }
    }
    let mut rows = storage(desk)?.get_messages(0, count.clamp(1, 100), true);
    rows.reverse();
    let row = |row: Message| json!({"role": row.role.name(), "content": row.content});
    Ok(rows.into_iter().map(row).collect())
}

fn stats(_: &str, desk: &Desk) -> Result<Value, (StatusCode, String)> {
    Ok(json!(desk.figures.stats()))
}

fn storage(desk: &Desk) -> Result<&dyn StorageService, (StatusCode, String)> {
    let unavailable = || {
        let what = "Storage service not available".to_owned();
        (StatusCode::SERVICE_UNAVAILABLE, what)
    };
    let keeper = desk.keeper.as_ref().ok_or_else(unavailable)?;
    Ok(keeper.service())
}

fn wrong(what: String) -> (StatusCode, String) {
    (StatusCode::UNPROCESSABLE_ENTITY, what)
}

fn detail(status: StatusCode, what: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"detail": what}))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .filter_map(|value| value.to_str().ok());
    let mut tokens = values.flat_map(|value| value.split(','));
    tokens.any(|one| one.trim().eq_ignore_ascii_case(token))
}

/// Lets web pages from anywhere ask.
pub(super) async fn cross_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN).cloned() else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let is_preflight = *request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        let mut answer = HttpResponse::Ok();
        answer
            .content_type("text/plain; charset=utf-8")
            .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin))
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"))
            .insert_header((header::VARY, "Origin"));
        if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone()));
        }
        let answer = answer.body("OK");
        return Ok(request.into_response(answer).map_into_right_body());
    }
    let mut response = next.call(request).await?.map_into_left_body();
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let headers = response.headers_mut();
        let any = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
        let yes = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    Ok(response)
}

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_or_refused() {
        let page = |query| Page::read(query).map(|page| (page.offset, page.limit, page.desc));
        assert_eq!(page(""), Ok((0, 10, true)));
        assert_eq!(page("offset=3&limit=0&desc=false"), Ok((3, 0, false)));
        assert_eq!(page("limit=100000"), Ok((0, 100_000, true)));
        for query in [
            "offset=-1",
            "offset=x",
            "offset=",
            "limit=100001",
            "limit=1.5",
            "desc=1",
            "desc=True",
        ] {
            assert!(page(query).is_err(), "{query}");
        }
    }

    #[test]
    fn secrets_are_compared_whole() {
        assert!(is_same(b"secret", b"secret"));
        for given in ["", "secre", "secrets", "Secret"] {
            assert!(!is_same(given.as_bytes(), b"secret"), "{given}");
        }
    }
}
