//! Logging in, which also tells the wire.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use greenroom_proto::mezon::{self, Wire, api};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{JSON, PROTO, headers, is_html, message, mime, parse};
use crate::mezon::auth::MezonSession;
use crate::mezon::config::Settings;
use crate::mezon::error::ApiError;
use crate::mezon::lenient;
use crate::platform::http::{HttpAnswer, HttpClient, HttpRequest};

/// What a server answered to a login or a refresh.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) wire: Wire,
    pub(crate) session: api::Session,
}

/// Logs in with the bot's id and key.
pub(crate) async fn log_in(http: &HttpClient, settings: &Settings) -> Result<Login, ApiError> {
    let body = json!({
        "account": {
            "appid": settings.client_id.to_string(),
            "token": settings.api_key.expose_secret(),
        }
    });
    let (accept, content_type) = match settings.wire {
        // The body is JSON in any case; only the answer tells the wire.
        None => (X_PROTOBUF, JSON),
        Some(Wire::V1) => (JSON, JSON),
        Some(Wire::V2) => (X_PROTOBUF, PROTO),
    };
    let request = HttpRequest {
        method: "POST",
        url: format!("{}/v2/apps/authenticate/token", origin(&settings.base_url)),
        headers: headers(accept, content_type, basic(&settings.api_key)),
        body: Bytes::from(body.to_string()),
        secrets: vec![settings.api_key.clone()],
    };
    let answer = http.send(request).await.map_err(ApiError::http(LOGIN))?;
    let wire = found(&answer, settings.wire)?;
    let session = read(LOGIN, wire, answer)?;
    Ok(Login { wire, session })
}

/// Gets new tokens for those of `session`. What the server leaves out stays as it was.
pub(crate) async fn refresh(
    http: &HttpClient,
    settings: &Settings,
    session: &MezonSession,
) -> Result<Login, ApiError> {
    let (token, wire) = (session.refresh_token.expose_secret(), session.wire);
    let (path, kind, body) = match wire {
        Wire::V1 => {
            let body = json!({ "refresh_token": token });
            (
                "/v2/apps/authenticate/refresh",
                JSON,
                body.to_string().into(),
            )
        }
        Wire::V2 => {
            let request = api::SessionRefreshRequest {
                token: token.to_owned(),
                ..Default::default()
            };
            (
                "/mezon.api.Mezon/SessionRefresh",
                PROTO,
                mezon::encode(wire, &request),
            )
        }
    };
    let request = HttpRequest {
        method: "POST",
        url: format!("{}{path}", session.api_url),
        headers: headers(kind, kind, basic(&settings.api_key)),
        body: body.into(),
        secrets: vec![session.refresh_token.clone()],
    };
    let answer = http.send(request).await.map_err(ApiError::http(REFRESH))?;
    let session = read(REFRESH, wire, answer)?;
    Ok(Login { wire, session })
}

/// Returns scheme, host and port of a URL, ready for a path.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn found(answer: &HttpAnswer, wanted: Option<Wire>) -> Result<Wire, ApiError> {
    if answer.body.is_empty() {
        return Err(ApiError::Empty { call: LOGIN });
    }
    if is_html(&answer.content_type, &answer.body) {
        return Err(ApiError::NotMezon {
            call: LOGIN,
            content_type: answer.content_type.clone(),
        });
    }
    let is_json = is_json(answer);
    match wanted {
        Some(Wire::V1) if !is_json => Err(ApiError::WrongWire {
            call: LOGIN,
            wire: Wire::V1,
        }),
        Some(wire) => Ok(wire),
        None if is_json => Ok(Wire::V1),
        None => Ok(Wire::V2),
    }
}

fn is_json(answer: &HttpAnswer) -> bool {
    mime(&answer.content_type) == JSON || answer.body.trim_ascii_start().starts_with(b"{")
}

fn read(call: &'static str, wire: Wire, answer: HttpAnswer) -> Result<api::Session, ApiError> {
    let session = if wire == Wire::V1 || is_json(&answer) {
        from_json(&parse(call, &answer.content_type, &answer.body)?)
    } else {
        message(call, answer)?
    };
    if session.token.is_empty() {
        return Err(ApiError::Incomplete {
            call,
            field: "token",
        });
    }
    Ok(session)
}

fn from_json(answer: &Value) -> api::Session {
    let text = |name| lenient::text(answer, name);
    api::Session {
        token: text("token"),
        refresh_token: text("refresh_token"),
        user_id: lenient::number(answer, "user_id"),
        api_url: text("api_url"),
        id_token: text("id_token"),
        ws_url: text("ws_url"),
        session_id: text("session_id"),
        ..Default::default()
    }
}

fn basic(api_key: &SecretString) -> SecretString {
    let credentials = BASE64_STANDARD.encode(format!("{}:", api_key.expose_secret()));
    format!("Basic {credentials}").into()
}

const LOGIN: &str = "the login";
const REFRESH: &str = "the refresh of the session";
const X_PROTOBUF: &str = "application/x-protobuf";
