//! The control API: what a test or a person at a terminal does to the simulated world.
//!
//! | request | does |
//! |---|---|
//! | `GET /health` | names the platforms, with a few figures |
//! | `POST /{platform}/emit` | pushes a realtime event |
//! | `POST /{platform}/say` | lets a user speak |
//! | `POST /{platform}/fault` | lets something go wrong |
//! | `POST /{platform}/chaos` | lets faults happen by themselves, `{"rate": 0.01}`; 0 ends it |
//! | `GET /{platform}/journal?since=N` | lists what went over the wires |

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::fault::Fault;
use super::platform::Platform;
use crate::platform::json;

/// The platforms that run, by name.
pub(super) type Platforms = Arc<Vec<(&'static str, Arc<dyn Platform>)>>;

const BODY_LIMIT: usize = 16 << 20;
/// Longer than clients keep idle connections, so that none is closed while a request is on its way.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Starts the server of the control API.
pub(super) fn serve(listener: TcpListener, platforms: Platforms) -> std::io::Result<Server> {
    let factory = move || {
        App::new()
            .app_data(web::Data::new(Arc::clone(&platforms)))
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .default_service(web::to(handle))
    };
    let server = HttpServer::new(factory)
        .workers(1)
        .tcp_nodelay(true)
        .keep_alive(KEEP_ALIVE)
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(server)
}

async fn handle(
    request: HttpRequest,
    platforms: web::Data<Platforms>,
    body: Result<web::Bytes, actix_web::Error>,
) -> HttpResponse {
    let dial = dialing(&request, &platforms, body.as_ref().ok());
    let answer = match &body {
        _ if dial.is_some() => match dial {
            Some(Ok(dial)) => dial.await,
            Some(Err(refusal)) => Err(refusal),
            None => Ok(Value::Null),
        },
        Ok(body) => answer(
            &platforms,
            request.method().as_str(),
            request.path(),
            request.query_string(),
            body,
        ),
        Err(fault) => Err(Refusal::bad(fault.to_string())),
    };
    match answer {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
            HttpResponse::build(status).json(json!({"ok": false, "error": refusal.text}))
        }
    }
}

/// Begins to dial, if that is what is asked of a platform that does.
fn dialing(
    request: &HttpRequest,
    platforms: &Platforms,
    body: Option<&web::Bytes>,
) -> Option<Result<LocalBoxFuture<'static, Result<Value, Refusal>>, Refusal>> {
    let name = request.path().trim_matches('/').strip_suffix("/connect")?;
    let (_, platform) = platforms.iter().find(|(known, _)| *known == name)?;
    let body = match object(body?) {
        Ok(body) => body,
        Err(refusal) => return Some(Err(refusal)),
    };
    if let Err(refusal) = expect(request.method().as_str(), "POST") {
        return Some(Err(refusal));
    }
    Arc::clone(platform).dial(body).map(Ok)
}

/// Answers one request.
fn answer(
    platforms: &Platforms,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<Value, Refusal> {
    let mut parts = path.trim_matches('/').splitn(2, '/');
    let (name, command) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    if name == "health" && command.is_empty() {
        expect(method, "GET")?;
        return Ok(health(platforms));
    }
    let platform = platforms
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, platform)| platform)
        .ok_or_else(|| unknown_platform(platforms, name))?;
    if command == "journal" {
        expect(method, "GET")?;
        let entries = platform.journal(since(query)?);
        return Ok(entries.iter().map(super::Entry::to_json).collect());
    }
    expect(method, "POST")?;
    let body = object(body)?;
    match command {
        "emit" => platform.emit(body),
        "say" => platform.say(body),
        "fault" => platform.fault(Fault::parse(body, platform.faults())?),
        "chaos" => match body.get("rate").and_then(Value::as_f64) {
            Some(rate) => platform.chaos(rate),
            None => Err(Refusal::bad(
                "chaos: rate is required, a number from 0 to 1",
            )),
        },
        other => platform.command_with_query(other, query, body),
    }
}

fn health(platforms: &Platforms) -> Value {
    let figures: Map<String, Value> = platforms
        .iter()
        .map(|(name, platform)| ((*name).to_owned(), platform.health()))
        .collect();
    json!({"status": "ok", "platforms": figures})
}

fn unknown_platform(platforms: &Platforms, name: &str) -> Refusal {
    let known: Vec<&str> = platforms.iter().map(|(name, _)| *name).collect();
    Refusal::unknown(format!(
        "unknown platform \"{name}\", known are {}",
        known.join(", ")
    ))
}

fn expect(method: &str, expected: &str) -> Result<(), Refusal> {
    if method == expected {
        return Ok(());
    }
    Err(Refusal {
        status: 405,
        text: format!("method {method}: this takes {expected}"),
    })
}

fn since(query: &str) -> Result<u64, Refusal> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let value = pairs.filter(|(name, _)| name == "since").last();
    value.map_or(Ok(0), |(_, text)| {
        text.parse()
            .map_err(|_| Refusal::bad(format!("since: \"{text}\" is not a number")))
    })
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match json::parse(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::bad("body: must be a JSON object")),
        Err(fault) => Err(Refusal::bad(format!("body is not JSON: {fault}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::FaultKind;
    use super::super::journal::Entry;
    use super::*;

    #[derive(Debug)]
    struct Echo;

    impl Platform for Echo {
        fn url(&self) -> String {
            "http://127.0.0.1:1".into()
        }

        fn emit(&self, body: Map<String, Value>) -> Result<Value, Refusal> {
            Ok(Value::Object(body))
        }

        fn say(&self, _: Map<String, Value>) -> Result<Value, Refusal> {
            Err(Refusal::bad("say: unknown user \"x\""))
        }

        fn fault(&self, fault: Fault) -> Result<Value, Refusal> {
            Ok(json!({"kind": fault.kind.name()}))
        }

        fn faults(&self) -> &'static [FaultKind] {
            &[FaultKind::Stall]
        }

        fn chaos(&self, rate: f64) -> Result<Value, Refusal> {
            Ok(rate.into())
        }

        fn journal(&self, _: u64) -> Vec<Entry> {
            Vec::new()
        }

        fn health(&self) -> Value {
            json!({"sockets": 0})
        }

        fn stop(&self) {}
    }

    fn ask(method: &str, path: &str, body: &str) -> (u16, Value) {
        let platforms: Platforms = Arc::new(vec![("echo", Arc::new(Echo))]);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        match answer(&platforms, method, path, query, body.as_bytes()) {
            Ok(value) => (200, value),
            Err(refusal) => (refusal.status, refusal.text.into()),
        }
    }

    #[test]
    fn routes_reach_their_platform() {
        assert_eq!(
            ask("GET", "/health", ""),
            (
                200,
                json!({"status": "ok", "platforms": {"echo": {"sockets": 0}}})
            )
        );
        assert_eq!(
            ask("POST", "/echo/emit", r#"{"event":"x"}"#),
            (200, json!({"event": "x"}))
        );
        assert_eq!(
            ask("POST", "/echo/fault", r#"{"kind":"stall"}"#),
            (200, json!({"kind": "stall"}))
        );
        assert_eq!(ask("GET", "/echo/journal?since=3", ""), (200, json!([])));
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        for (method, path, body, status, part) in [
            ("GET", "/nowhere/journal", "", 404, "known are echo"),
            ("POST", "/", "", 404, "known are echo"),
            ("POST", "/echo/fly", "{}", 404, "fly"),
            ("POST", "/echo/emit", "{\n  broken", 400, "line 2"),
            ("POST", "/echo/emit", "[]", 400, "object"),
            (
                "POST",
                "/echo/fault",
                r#"{"kind":"http"}"#,
                400,
                "known are stall",
            ),
            ("POST", "/echo/fault", "{}", 400, "kind"),
            ("POST", "/echo/say", "{}", 400, "unknown user"),
            ("POST", "/echo/chaos", "{}", 400, "rate"),
            ("GET", "/echo/say", "", 405, "POST"),
            ("POST", "/health", "", 405, "GET"),
            ("GET", "/echo/journal?since=x", "", 400, "since"),
        ] {
            let (found, text) = ask(method, path, body);
            assert_eq!(found, status, "{path} {text}");
            assert!(text.to_string().contains(part), "{path} {text}");
        }
    }
}
