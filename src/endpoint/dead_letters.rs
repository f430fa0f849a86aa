//! Looking into the dead letters of a running bot, replaying and purging them.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use greenroom_actors::router::Selection;
use greenroom_actors::store::StoreError;
use serde::Deserialize;
use serde_json::json;

use super::guard::Loopback;
use super::routes::{Watched, refusal};

/// Enters the routes. What people wrote is in the letters, so they answer on a loopback address only.
pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(
        web::resource("/dead-letters")
            .route(web::get().to(list))
            .route(web::delete().to(purge))
            .default_service(web::to(|request| wrong_method(request, "GET, DELETE"))),
    )
    .service(
        web::resource("/dead-letters/replay")
            .route(web::post().to(replay))
            .default_service(web::to(|request| wrong_method(request, "POST"))),
    )
    .service(
        web::resource("/dead-letters/{number}")
            .route(web::get().to(show))
            .default_service(web::to(|request| wrong_method(request, "GET"))),
    );
}

/// A selection as a query writes it: `?numbers=1,2&handler=tips&limit=20`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    numbers: String,
    handler: Option<String>,
    event: Option<String>,
    reason: Option<String>,
    since: Option<u64>,
    before: Option<u64>,
    offset: usize,
    limit: Option<usize>,
    all: bool,
}

impl Asked {
    /// Reads the query of a request; `narrow` demands that it chooses something, or says `all=true`.
    fn read(request: &HttpRequest, narrow: bool) -> Result<Selection, HttpResponse> {
        let loopback = request.app_data::<Data<Loopback>>();
        if !loopback.is_some_and(|loopback| loopback.0) {
            let message = "the dead letters can be seen on a loopback address only";
            return Err(refusal(StatusCode::FORBIDDEN, "forbidden", message));
        }
        let wrong = |message: &str| refusal(StatusCode::BAD_REQUEST, "bad_query", message);
        let Query(asked) = Query::<Self>::from_query(request.query_string())
            .map_err(|error| wrong(&error.to_string()))?;
        let numbers = asked.numbers.split(',').filter(|part| !part.is_empty());
        let numbers: Result<Vec<u64>, _> = numbers.map(str::parse).collect();
        let numbers = numbers.map_err(|_| wrong("numbers must be numbers, with commas between"))?;
        let mut selection = Selection::default().numbers(numbers).offset(asked.offset);
        selection.handler = asked.handler;
        selection.event = asked.event;
        selection.reason = asked.reason;
        selection.since = asked.since;
        selection.before = asked.before;
        selection.limit = asked.limit;
        if narrow && !asked.all && selection == Selection::default() {
            return Err(wrong("choose letters, or say all=true"));
        }
        Ok(selection)
    }
}

async fn list(request: HttpRequest, watched: Data<Watched>) -> HttpResponse {
    let selection = match Asked::read(&request, false) {
        Ok(selection) => selection,
        Err(refused) => return refused,
    };
    let dead = watched.bot.router().dead_letters();
    match dead.select(&selection) {
        Ok(letters) => HttpResponse::Ok().json(json!({"letters": letters, "kept": dead.kept()})),
        Err(error) => failed(&error),
    }
}

async fn show(request: HttpRequest, number: Path<String>, watched: Data<Watched>) -> HttpResponse {
    if let Err(refused) = Asked::read(&request, false) {
        return refused;
    }
    let found = number
        .parse()
        .map(|number| watched.bot.router().dead_letters().show(number));
    match found {
        Ok(Ok(Some(letter))) => HttpResponse::Ok().json(letter),
        Ok(Err(error)) => failed(&error),
        Ok(Ok(None)) | Err(_) => {
            let message = format!("there is no dead letter {number}");
            refusal(StatusCode::NOT_FOUND, "not_found", &message)
        }
    }
}

async fn replay(request: HttpRequest, watched: Data<Watched>) -> HttpResponse {
    let selection = match Asked::read(&request, true) {
        Ok(selection) => selection,
        Err(refused) => return refused,
    };
    match watched.bot.router().replay_all(&selection) {
        Ok(done) => HttpResponse::Ok().json(done),
        Err(error) => failed(&error),
    }
}

async fn purge(request: HttpRequest, watched: Data<Watched>) -> HttpResponse {
    let selection = match Asked::read(&request, true) {
        Ok(selection) => selection,
        Err(refused) => return refused,
    };
    match watched.bot.router().dead_letters().purge(&selection) {
        Ok(purged) => HttpResponse::Ok().json(json!({"purged": purged})),
        Err(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> HttpResponse {
    let message = error.to_string();
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "store", &message)
}

async fn wrong_method(request: HttpRequest, allowed: &'static str) -> HttpResponse {
    let message = format!("{} takes {allowed} only", request.path());
    let mut refused = refusal(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", &message);
    let allow = HeaderValue::from_static(allowed);
    refused.headers_mut().insert(ALLOW, allow);
    refused
}
