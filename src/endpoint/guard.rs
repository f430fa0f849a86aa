//! Keeps web pages from elsewhere away: a browser on this machine would let them ask a loopback address in its user's name.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::routes::refusal;

/// Whether only this machine can reach the endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loopback(pub(super) bool);

/// Refuses requests of foreign pages, and tells browsers to trust the answers with nothing.
pub(super) async fn protect(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let loopback = request
        .app_data::<web::Data<Loopback>>()
        .is_some_and(|loopback| loopback.0);
    let mut response = match loopback && is_foreign(request.headers()) {
        true => {
            let message = "requests of web pages from elsewhere are refused";
            let refused = refusal(StatusCode::FORBIDDEN, "forbidden", message);
            request.into_response(refused).map_into_right_body()
        }
        false => next.call(request).await?.map_into_left_body(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    Ok(response)
}

/// A foreign page is known by the name it was reached under, or by the origin it comes from.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_ascii_lowercase();
    let host = headers.get(HOST).map(text);
    let origin = headers.get(ORIGIN).map(text);
    let named_elsewhere = host.as_deref().is_some_and(|host| !is_own_name(host));
    let comes_from_elsewhere = origin.is_some_and(|origin| {
        let own = host.map(|host| format!("http://{host}"));
        own != Some(origin)
    });
    named_elsewhere || comes_from_elsewhere
}

fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<IpAddr>().is_ok()
}

const HEADERS: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    ),
    ("x-content-type-options", "nosniff"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_endpoint_itself_may_ask() {
        for (host, origin, foreign) in [
            (Some("127.0.0.1:9100"), None, false),
            (Some("localhost:9100"), Some("http://localhost:9100"), false),
            (Some("[::1]:9100"), None, false),
            (Some("[::1]"), None, false),
            (None, None, false),
            (Some("evil.example:9100"), None, true),
            (Some("evil.example"), None, true),
            (Some("127.0.0.1:9100"), Some("http://evil.example"), true),
            (Some("127.0.0.1:9100"), Some("null"), true),
            (Some("127.0.0.1.evil.example"), None, true),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(HOST, host), (ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(is_foreign(&headers), foreign, "{host:?} {origin:?}");
        }
    }
}
