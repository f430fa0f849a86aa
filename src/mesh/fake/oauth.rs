//! Requests for codes and tokens, as the tenant answers them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use super::answer::{answer, page, refusal};
use super::identity::{Identity, Poll};
use crate::platform::json;
use crate::simulator::{Now, Request, Response};

/// The parameters of a request.
#[derive(Debug, Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query.
    pub(super) fn of_query(request: &Request) -> Self {
        let (_, query) = request.target.split_once('?').unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// Reads a body: JSON, or a form.
    ///
    /// # Errors
    ///
    /// The response with which a body is refused that is neither.
    pub(super) fn of_body(request: &Request) -> Result<Self, Response> {
        let is_form = request
            .header("content-type")
            .starts_with("application/x-www-form-urlencoded");
        if is_form || request.body.is_empty() {
            let pairs = url::form_urlencoded::parse(&request.body);
            return Ok(Self(pairs.into_owned().collect()));
        }
        let wrong = |text: &str| refusal(400, "invalid_request", text);
        let body = json::parse(&request.body)
            .map_err(|fault| wrong(&format!("the body is not JSON: {fault}")))?;
        let Value::Object(body) = body else {
            return Err(wrong("the body must be an object"));
        };
        let mut all = BTreeMap::new();
        for (name, value) in body {
            match value {
                Value::String(text) => drop(all.insert(name, text)),
                Value::Null => {}
                _ => return Err(wrong(&format!("{name} must be a text"))),
            }
        }
        Ok(Self(all))
    }

    /// Returns a parameter; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    fn require(&self, name: &str) -> Result<&str, Response> {
        self.get(name).ok_or_else(|| {
            let text = format!("Missing required parameter: {name}");
            refusal(400, "invalid_request", &text)
        })
    }
}

/// Begins a device flow.
pub(super) fn device(identity: &mut Identity, now: Now, request: &Request) -> Response {
    let done = || -> Result<Response, Response> {
        let parameters = Parameters::of_body(request)?;
        check_client(identity, parameters.require("client_id")?)?;
        let scope = parameters.get("scope").unwrap_or_default();
        let grant = identity.grant(scope, parameters.get("audience"));
        let (device_code, user_code) = identity.begin_device(now, grant);
        let page = format!("{}/activate", identity.url);
        let body = json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user_code}"),
            "expires_in": identity.device.expires_in,
            "interval": identity.device.interval,
        });
        Ok(answer(200, &body))
    };
    done_or_refused(done)
}

/// Answers a request for a token.
pub(super) fn token(identity: &mut Identity, now: Now, request: &Request) -> Response {
    let done = || -> Result<Response, Response> {
        let mut parameters = Parameters::of_body(request)?;
        parameters.add_basic(request.header("authorization"));
        let kind = parameters.require("grant_type")?;
        check_client(identity, parameters.require("client_id")?)?;
        if identity.secret.is_some()
            && identity.secret.as_deref() != parameters.get("client_secret")
        {
            return Err(refusal(401, "access_denied", "Unauthorized"));
        }
        let tokens = match kind {
            "authorization_code" => {
                let code = parameters.require("code")?;
                let redirect_uri = parameters.get("redirect_uri").unwrap_or_default();
                let verifier = parameters.get("code_verifier");
                by_code(identity, now, code, redirect_uri, verifier)?
            }
            "refresh_token" => by_refresh(identity, now, parameters.require("refresh_token")?)?,
            DEVICE => match identity.poll(now, parameters.require("device_code")?) {
                Poll::Granted(grant) => identity.issue(now, &grant, true),
                Poll::Refused(code, status) => {
                    return Err(refusal(status, code, description(code)));
                }
            },
            _ => {
                let text = format!("Unsupported grant type: {kind}");
                return Err(refusal(403, "unsupported_grant_type", &text));
            }
        };
        Ok(answer(200, &tokens))
    };
    done_or_refused(done)
}

/// Gives tokens for a code.
///
/// # Errors
///
/// The response with which it is refused.
pub(super) fn by_code(
    identity: &mut Identity,
    now: Now,
    code: &str,
    redirect_uri: &str,
    verifier: Option<&str>,
) -> Result<Value, Response> {
    let grant = identity.redeem(now, code, redirect_uri, verifier);
    let grant = grant.map_err(|text| refusal(403, "invalid_grant", text))?;
    Ok(identity.issue(now, &grant, true))
}

/// Gives tokens for a refresh token.
///
/// # Errors
///
/// The response with which it is refused.
pub(super) fn by_refresh(
    identity: &mut Identity,
    now: Now,
    refresh: &str,
) -> Result<Value, Response> {
    let tokens = identity.renew(now, refresh);
    tokens.ok_or_else(|| refusal(403, "invalid_grant", "Unknown or invalid refresh token."))
}

/// Answers a browser that wants a code.
pub(super) fn authorize(identity: &mut Identity, now: Now, request: &Request) -> Response {
    let parameters = Parameters::of_query(request);
    let wrong = |text: &str| {
        page(
            400,
            &format!("<h1>Oops!</h1><p>invalid_request: {text}</p>"),
        )
    };
    let redirect_uri = parameters.get("redirect_uri").unwrap_or_default();
    let Some(mut url) = Url::parse(redirect_uri).ok().filter(Url::has_host) else {
        return wrong("redirect_uri must be the URL of a host");
    };
    if parameters.get("client_id") != Some(&identity.client) {
        return wrong("client_id is unknown");
    }
    if parameters.get("response_type") != Some("code") {
        return wrong("response_type must be code");
    }
    let challenge = parameters.get("code_challenge");
    match (challenge, parameters.get("code_challenge_method")) {
        (None, None) => {}
        (Some(challenge), Some("S256")) if challenge.len() == CHALLENGE => {}
        (Some(_), Some("S256")) => return wrong("code_challenge must be a SHA-256 in base64url"),
        _ => return wrong("code_challenge and code_challenge_method S256 belong together"),
    }
    if identity.agrees {
        let scope = parameters.get("scope").unwrap_or_default();
        let grant = identity.grant(scope, parameters.get("audience"));
        let code = identity.hand_code(now, grant, redirect_uri, challenge);
        url.query_pairs_mut().append_pair("code", &code);
    } else {
        url.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", description("access_denied"));
    }
    if let Some(state) = parameters.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    let mut response = page(302, "Found. Redirecting");
    response.headers.push(("location".into(), url.into()));
    response
}

/// Shows the page where a user types the code of a device.
pub(super) fn activate(identity: &mut Identity, request: &Request) -> Response {
    match Parameters::of_query(request).get("user_code") {
        None => page(
            200,
            "<h1>Device Activation</h1><p>Enter the code of your device.</p>",
        ),
        Some(code) if identity.knows_user_code(code) => page(
            200,
            "<h1>Congratulations, you're all set!</h1><p>Your device is now connected.</p>",
        ),
        Some(_) => page(400, "<h1>Device Activation</h1><p>The code is unknown.</p>"),
    }
}

/// Tells whose token is shown.
pub(super) fn userinfo(identity: &mut Identity, now: Now, request: &Request) -> Response {
    match identity.judge(now, request.header("authorization")) {
        Ok(user) => {
            let email = user.email();
            let name = email.split('@').next().unwrap_or_default();
            answer(
                200,
                &json!({"sub": user.id, "name": name, "nickname": name, "email": email, "email_verified": true}),
            )
        }
        Err(text) => {
            let mut response = refusal(401, "invalid_token", text);
            let challenge = "Bearer realm=\"Users\", error=\"invalid_token\"".to_owned();
            response
                .headers
                .push(("www-authenticate".into(), challenge));
            response
        }
    }
}

impl Parameters {
    /// Adds the name and the secret of a client that shows them in a header.
    fn add_basic(&mut self, authorization: &str) {
        let Some((scheme, encoded)) = authorization.split_once(' ') else {
            return;
        };
        let decoded = STANDARD.decode(encoded.trim()).unwrap_or_default();
        let pair = String::from_utf8(decoded).unwrap_or_default();
        if let Some((id, secret)) = pair.split_once(':')
            && scheme.eq_ignore_ascii_case("basic")
        {
            let decode = crate::simulator::decode;
            self.0.insert("client_id".to_owned(), decode(id));
            self.0.insert("client_secret".to_owned(), decode(secret));
        }
    }
}

fn check_client(identity: &Identity, client: &str) -> Result<(), Response> {
    match client == identity.client {
        true => Ok(()),
        false => {
            let text = format!("Unknown client: {client}");
            Err(refusal(403, "unauthorized_client", &text))
        }
    }
}

fn done_or_refused(done: impl FnOnce() -> Result<Response, Response>) -> Response {
    done().unwrap_or_else(|refused| refused)
}

fn description(code: &str) -> &'static str {
    match code {
        "access_denied" => "User cancelled the confirmation prompt",
        "authorization_pending" => "User has yet to authorize device code.",
        "expired_token" => "The device code has expired.",
        "slow_down" => "You are polling faster than the specified interval.",
        _ => "Invalid or expired device code.",
    }
}

pub(super) const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The length of a SHA-256 in base64url.
const CHALLENGE: usize = 43;
