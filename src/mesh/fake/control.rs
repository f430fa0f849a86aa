//! What a test does to either server.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::auth0::Auth0;
use super::forms::Forms;
use super::hub::Hub;
use super::identity::{DevicePlan, Outcome, User};
use super::routes::Paths;
use crate::simulator::{Body, Out, Refusal};

type Done = Result<(Value, Vec<Out>), Refusal>;

/// Names a user; without one it is whoever logs in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    #[serde(alias = "userId", alias = "user_id", alias = "user")]
    id: Option<String>,
    credits: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    #[serde(alias = "access_token")]
    token: Option<String>,
    #[serde(alias = "userId", alias = "user_id", alias = "user")]
    id: Option<String>,
    #[serde(default)]
    refresh: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hide {
    #[serde(rename = "userId", alias = "user_id", alias = "user")]
    user: Option<String>,
    #[serde(rename = "keyName", alias = "key_name", alias = "key")]
    key: Option<String>,
    #[serde(default = "yes")]
    hidden: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    outcome: Option<Outcome>,
    pending_polls: Option<u32>,
    slow_down_on: Option<Vec<u32>>,
    pending_status: Option<u16>,
    slow_down_status: Option<u16>,
    error_status: Option<u16>,
    interval: Option<u64>,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    expires_in: Option<u64>,
    rotate: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    #[serde(alias = "sub", alias = "userId", alias = "user_id", alias = "user")]
    id: String,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authorize {
    outcome: Outcome,
}

/// Lets something happen at the API.
///
/// | event | data |
/// |---|---|
/// | `user.delete` | `id`: a user is unknown again; default is who logs in |
/// | `user.credits` | `id`, `credits` |
/// | `token.revoke` | `token`, or `id`: those of a user; default all that were given out or shown. `refresh` true: the refresh tokens too |
/// | `route.disable` | `path` or `paths`: they are missing, with `status` 404 (default), 405 or 501; one that ends with a slash stands for all below |
/// | `route.enable` | `path` or `paths`: they are back; default all |
/// | `commitment.hide` | `userId` and `keyName`, or all commitments; `hidden` false shows them again |
/// | `form` | how answers look that differ between releases, see [`Forms`] |
pub(super) fn emit(hub: &mut Hub, body: Map<String, Value>) -> Done {
    let (event, data) = event(body)?;
    match event.as_str() {
        "user.delete" => {
            let of = read::<OfUser>(data)?;
            let id = of.id.unwrap_or_else(|| hub.identity.lock().user.id.clone());
            let deleted = hub.world.delete(&id);
            return Ok((json!({"ok": true, "deleted": deleted}), Vec::new()));
        }
        "user.credits" => {
            let of = read::<OfUser>(data)?;
            let credits = of.credits.ok_or_else(|| {
                Refusal::bad("emit: credits is required, a whole number, 0 or more")
            })?;
            let id = of.id.unwrap_or_else(|| hub.identity.lock().user.id.clone());
            hub.world.register(&id, None).credits = credits;
        }
        "token.revoke" => {
            let which = read::<Revoke>(data)?;
            let identity = &mut *hub.identity.lock();
            identity.revoke(which.token.as_deref(), which.id.as_deref(), which.refresh);
        }
        "route.disable" => hub.world.routes.disable_all(read::<Paths>(data)?)?,
        "route.enable" => hub.world.routes.enable(read::<Paths>(data)?),
        "commitment.hide" => match read::<Hide>(data)? {
            Hide {
                user: None,
                key: None,
                hidden,
            } => hub.world.hide_all(hidden),
            Hide {
                user,
                key: Some(key),
                hidden,
            } => {
                let user = user.unwrap_or_else(|| hub.identity.lock().user.id.clone());
                if !hub.world.hide(&user, &key, hidden) {
                    let text = format!("emit: \"{user}\" has no commitment \"{key}\"");
                    return Err(Refusal::bad(text));
                }
            }
            Hide { key: None, .. } => {
                return Err(Refusal::bad("emit: keyName is required with userId"));
            }
        },
        "form" => hub.world.forms = read::<Forms>(data)?,
        other => {
            return Err(unknown(
                other,
                "commitment.hide, form, route.disable, route.enable, token.revoke, user.credits, user.delete",
            ));
        }
    }
    done()
}

/// Lets something happen at the tenant.
///
/// | event | data |
/// |---|---|
/// | `device` | `outcome` (`approve`, `deny`, `expire`, `never`), `pending_polls` 2, `slow_down_on` [], `pending_status` 400; `slow_down_status`: 429 if pending is not 400; `error_status`: as pending; `interval` 1, `expires_in` 900 seconds: of flows that begin later |
/// | `authorize` | `outcome` `approve` or `deny` |
/// | `tokens` | `expires_in` seconds of those to come; `rotate` false: a refresh gives no refresh token, and the old one stays good |
/// | `login` | `id`, `email`: who logs in from now on |
/// | `token.revoke`, `route.disable`, `route.enable` | as at the API |
pub(super) fn emit_at_tenant(auth0: &mut Auth0, body: Map<String, Value>) -> Done {
    let (event, data) = event(body)?;
    let identity = &mut *auth0.identity.lock();
    match event.as_str() {
        "device" => identity.device = plan(read::<Device>(data)?)?,
        "authorize" => {
            identity.agrees = match read::<Authorize>(data)?.outcome {
                Outcome::Approve => true,
                Outcome::Deny => false,
                Outcome::Expire | Outcome::Never => {
                    return Err(Refusal::bad("emit: outcome: known are approve, deny"));
                }
            };
        }
        "tokens" => {
            let tokens = read::<Tokens>(data)?;
            identity.life = within(tokens.expires_in.unwrap_or(identity.life))?;
            identity.rotates = tokens.rotate.unwrap_or(identity.rotates);
        }
        "login" => {
            let login = read::<Login>(data)?;
            if login.id.is_empty() {
                return Err(Refusal::bad("emit: id is empty"));
            }
            identity.user = User {
                id: login.id,
                email: login.email,
            };
        }
        "token.revoke" => {
            let which = read::<Revoke>(data)?;
            identity.revoke(which.token.as_deref(), which.id.as_deref(), which.refresh);
        }
        "route.disable" => auth0.routes.disable_all(read::<Paths>(data)?)?,
        "route.enable" => auth0.routes.enable(read::<Paths>(data)?),
        other => {
            return Err(unknown(
                other,
                "authorize, device, login, route.disable, route.enable, token.revoke, tokens",
            ));
        }
    }
    done()
}

/// Lets a model say something in place of its next answer.
pub(super) fn say(hub: &mut Hub, body: &Map<String, Value>) -> Done {
    let text = body.get("text").and_then(Value::as_str);
    let text = text.ok_or_else(|| Refusal::bad("say: text is required, a text"))?;
    match body.get("from") {
        None | Some(Value::Null) => {}
        Some(Value::String(from)) if from == "model" => {}
        Some(from) => {
            let text = format!("say: unknown user {from}, known is \"model\"");
            return Err(Refusal::bad(text));
        }
    }
    if hub.world.replies.len() >= MOST_REPLIES {
        return Err(Refusal::bad("say: too many replies wait"));
    }
    hub.world.replies.push_back(text.to_owned());
    let queued = hub.world.replies.len();
    Ok((json!({"ok": true, "queued": queued}), Vec::new()))
}

/// What the journal shows of a frame that carries nothing.
pub(super) fn no_frame() -> Body {
    Body::Frame {
        bytes: Bytes::new(),
        show: |_| Value::Null,
    }
}

fn plan(data: Device) -> Result<DevicePlan, Refusal> {
    let default = DevicePlan::default();
    let pending_status = data.pending_status.unwrap_or(default.pending_status);
    let slow = match pending_status == default.pending_status {
        true => default.slow_down_status,
        false => 429,
    };
    let plan = DevicePlan {
        outcome: data.outcome.unwrap_or_default(),
        pending_polls: data.pending_polls.unwrap_or(default.pending_polls),
        slow_down_on: data.slow_down_on.unwrap_or_default(),
        pending_status,
        slow_down_status: data.slow_down_status.unwrap_or(slow),
        error_status: data.error_status.unwrap_or(pending_status),
        interval: within(data.interval.unwrap_or(default.interval))?,
        expires_in: within(data.expires_in.unwrap_or(default.expires_in))?,
    };
    let statuses = [
        plan.pending_status,
        plan.slow_down_status,
        plan.error_status,
    ];
    match statuses.iter().find(|status| !(400..600).contains(*status)) {
        None => Ok(plan),
        Some(status) => Err(Refusal::bad(format!(
            "emit: status {status} is not from 400 to 599"
        ))),
    }
}

fn within(seconds: u64) -> Result<u64, Refusal> {
    match seconds <= LONGEST {
        true => Ok(seconds),
        false => Err(Refusal::bad(format!(
            "emit: {seconds} seconds are too many"
        ))),
    }
}

fn event(mut body: Map<String, Value>) -> Result<(String, Value), Refusal> {
    let data = match body.remove("data") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(data @ Value::Object(_)) => data,
        Some(_) => return Err(Refusal::bad("emit: data must be an object")),
    };
    match body.remove("event") {
        Some(Value::String(event)) => Ok((event, data)),
        _ => Err(Refusal::bad("emit: event is required, a text")),
    }
}

fn read<T: DeserializeOwned>(data: Value) -> Result<T, Refusal> {
    T::deserialize(data).map_err(|fault| Refusal::bad(format!("emit: data: {fault}")))
}

fn done() -> Done {
    Ok((json!({"ok": true}), Vec::new()))
}

fn unknown(event: &str, known: &str) -> Refusal {
    Refusal::bad(format!(
        "emit: unknown event \"{event}\", known are {known}"
    ))
}

fn yes() -> bool {
    true
}

const MOST_REPLIES: usize = 10_000;
/// Ten years, in seconds.
const LONGEST: u64 = 315_360_000;
