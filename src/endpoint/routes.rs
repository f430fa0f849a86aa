//! Which path answers what.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use greenroom_actors::mailbox::Ref;
use greenroom_actors::telemetry::metrics;
use serde_json::json;

use super::accept::choose;
use super::http::Pulse;
use super::page;
use crate::bot::{Health, Running};

/// What the endpoint shows.
pub(super) struct Watched {
    pub(super) bot: Running,
    pub(super) pulse: Ref<Pulse>,
}

/// Enters all routes.
pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(look("/", page))
        .service(look("/health", health))
        .service(look("/health/live", live))
        .service(look("/health/ready", health))
        .service(look("/metrics", figures))
        .service(look("/graph", negotiated))
        .configure(super::dead_letters::configure)
        .default_service(web::to(unknown));
    for form in Form::ALL {
        let path = format!("/graph.{}", form.extension());
        app.service(look(&path, move |watched: Data<Watched>| {
            std::future::ready(form.answer(&watched.bot))
        }));
    }
}

/// A path that can only be looked at.
fn look<F, Args>(path: &str, handler: F) -> Resource
where
    F: actix_web::Handler<Args, Output: actix_web::Responder + 'static>,
    Args: actix_web::FromRequest + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(wrong_method))
}

/// Answers a request that is refused.
pub(super) fn refusal(status: StatusCode, kind: &str, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"error": {"kind": kind, "message": message}}))
}

async fn unknown(request: HttpRequest) -> HttpResponse {
    let message = format!("there is nothing at {}", request.path());
    refusal(StatusCode::NOT_FOUND, "not_found", &message)
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    let message = format!("{} takes GET only", request.path());
    let mut refused = refusal(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", &message);
    refused
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    refused
}

async fn page(watched: Data<Watched>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(page::html(&watched.bot))
}

async fn health(watched: Data<Watched>) -> HttpResponse {
    let health = watched.health().await;
    answer(health.ready, &health)
}

async fn live(watched: Data<Watched>) -> HttpResponse {
    let health = watched.health().await;
    answer(health.live, &health)
}

fn answer(well: bool, health: &Health) -> HttpResponse {
    match well {
        true => HttpResponse::Ok().json(health),
        false => HttpResponse::ServiceUnavailable().json(health),
    }
}

async fn figures(watched: Data<Watched>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE))
        .body(watched.bot.metrics())
}

async fn negotiated(request: HttpRequest, watched: Data<Watched>) -> HttpResponse {
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let offers = Form::ALL.map(Form::media_type);
    match choose(accept, &offers) {
        Some(place) => Form::ALL[place].answer(&watched.bot),
        None => {
            let message = format!("the graph is there as {}", offers.join(", "));
            refusal(StatusCode::NOT_ACCEPTABLE, "not_acceptable", &message)
        }
    }
}

impl Watched {
    /// Says how the bot is, and asks its thread for a sign of life.
    async fn health(&self) -> Health {
        let health = self.bot.health();
        match actix_rt::time::timeout(PATIENCE, self.pulse.ask(Pulse)).await {
            Ok(Ok(())) => health,
            Ok(Err(_)) | Err(_) => health.unanswered(),
        }
    }
}

/// The forms in which the graph is there.
#[derive(Clone, Copy, Debug)]
enum Form {
    Json,
    Svg,
    Text,
    Dot,
    Mermaid,
}

impl Form {
    /// In the order in which they are offered.
    const ALL: [Self; 5] = [Self::Json, Self::Svg, Self::Text, Self::Dot, Self::Mermaid];

    fn extension(self) -> &'static str {
        match self {
            Self::Dot => "dot",
            Self::Json => "json",
            Self::Mermaid => "mmd",
            Self::Svg => "svg",
            Self::Text => "txt",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Dot => "text/vnd.graphviz",
            Self::Json => "application/json",
            Self::Mermaid => "text/vnd.mermaid",
            Self::Svg => "image/svg+xml",
            Self::Text => "text/plain",
        }
    }

    fn answer(self, bot: &Running) -> HttpResponse {
        let graph = bot.graph();
        let body = match self {
            Self::Dot => graph.to_dot(),
            Self::Json => graph.to_json(),
            Self::Mermaid => graph.to_mermaid(),
            Self::Svg => graph.to_svg(),
            Self::Text => format!("{}\n", graph.to_text()),
        };
        let media_type = match self {
            Self::Json => self.media_type().to_owned(),
            text => format!("{}; charset=utf-8", text.media_type()),
        };
        HttpResponse::Ok().content_type(media_type).body(body)
    }
}

/// How long the thread of the bot may take for a sign of life.
const PATIENCE: Duration = Duration::from_secs(1);
