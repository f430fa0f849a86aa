//! Requests for tokens.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::rpc::answer;
use super::world::{Issued, World};
use crate::simulator::{Now, Request, Response};

/// Answers a request for a token.
pub(super) fn token(world: &mut World, now: Now, request: &Request) -> Response {
    let parameters = Parameters::of(request);
    let Some(client) = client(world, request, &parameters) else {
        return invalid_client();
    };
    let is_user = match parameters.get("grant_type") {
        None => return refused(400, "invalid_request", "grant_type is required"),
        Some("client_credentials") if client.is_public => return invalid_client(),
        Some("client_credentials") => false,
        Some("authorization_code") if client.is_public => return invalid_client(),
        Some("authorization_code") => {
            let code = world
                .clients
                .get(&client.id)
                .and_then(|known| known.code.as_deref());
            if code.is_none() || code != parameters.get("code") {
                return refused(400, "invalid_grant", "the authorization code is unknown");
            }
            true
        }
        Some("refresh_token") => {
            let token = parameters.get("refresh_token").unwrap_or_default();
            if !world.redeem(token, &client.id) {
                return refused(
                    400,
                    "invalid_grant",
                    "the refresh token is unknown or was used",
                );
            }
            true
        }
        Some(_) => {
            let text = "known are client_credentials, authorization_code and refresh_token";
            return refused(400, "unsupported_grant_type", text);
        }
    };
    let Issued {
        access,
        refresh,
        life,
    } = world.issue(&client.id, is_user, now.at);
    let mut body = json!({
        "accessToken": access,
        "tokenType": "Bearer",
        "expiresIn": life.as_secs(),
        "scope": SCOPE,
    });
    if let Some(refresh) = refresh {
        body["refreshToken"] = Value::from(refresh);
    }
    answer(200, &body)
}

/// The application that asks.
struct Asking {
    id: String,
    /// It has not shown its secret.
    is_public: bool,
}

fn client(world: &World, request: &Request, parameters: &Parameters) -> Option<Asking> {
    let authorization = request.header("authorization");
    if authorization.is_empty() {
        // Only for a refresh token, which belongs to the application.
        let id = parameters.get("client_id")?;
        let known = world.clients.get(id)?;
        let secret = parameters.get("client_secret");
        let is_right = secret.is_none_or(|secret| secret == known.secret);
        return is_right.then(|| Asking {
            id: id.to_owned(),
            is_public: secret.is_none(),
        });
    }
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let is_right = world.clients.get(id)?.secret == secret;
    is_right.then(|| Asking {
        id: id.to_owned(),
        is_public: false,
    })
}

/// The parameters of a request: those of the query, and of the form where the query says nothing.
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn of(request: &Request) -> Self {
        let query = request
            .target
            .split_once('?')
            .map_or("", |(_, query)| query);
        let mut all = BTreeMap::new();
        if request
            .header("content-type")
            .starts_with("application/x-www-form-urlencoded")
        {
            all.extend(url::form_urlencoded::parse(&request.body).into_owned());
        }
        all.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
        Self(all)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn refused(status: u16, code: &str, text: &str) -> Response {
    answer(status, &json!({"error": code, "error_description": text}))
}

fn invalid_client() -> Response {
    let mut response = refused(401, "invalid_client", "the client or its secret is unknown");
    let challenge = (
        "www-authenticate".to_owned(),
        "Basic realm=\"payman\"".to_owned(),
    );
    response.headers.push(challenge);
    response
}

const SCOPE: &str = "read_balance,read_list_wallets,read_list_payees,read_list_transactions,\
                     write_create_payee,write_send_payment,write_create_wallet";
