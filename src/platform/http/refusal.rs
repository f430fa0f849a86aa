//! What an answer that is an error says, in one short line without a secret.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::error::HttpError;

/// Makes an error of an answer with a status from 300 on.
pub(super) fn refused(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    secrets: &[SecretString],
) -> HttpError {
    let refusal = Refusal::read(body, secrets.iter());
    HttpError::Status {
        status,
        code: refusal.code,
        message: refusal.message,
        retry_after,
    }
}

/// What an answer that is an error says.
#[derive(Default)]
struct Refusal {
    code: Option<i64>,
    message: String,
}

impl Refusal {
    fn read<'a>(body: &[u8], secrets: impl Iterator<Item = &'a SecretString>) -> Self {
        let mut refusal = Self::default();
        let text = String::from_utf8_lossy(body);
        if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
            refusal.code = fields.get("code").and_then(Value::as_i64);
            // Some, such as our own endpoint, put the words into an object: `{"error": {"message": "…"}}`.
            let inside = fields.get("error").and_then(|error| error.get("message"));
            let said = ["message", "error_description", "error"]
                .into_iter()
                .filter_map(|name| fields.get(name))
                .chain(inside)
                .find_map(|value| value.as_str().filter(|text| !text.is_empty()));
            refusal.message = one_line(said.unwrap_or_default());
        } else if text.trim_start().starts_with('<') {
            refusal.message = "an HTML page".to_owned();
        } else {
            refusal.message = one_line(&text);
        }
        for secret in secrets {
            let secret = secret.expose_secret();
            // "Bearer <token>": a server that quotes the header mostly quotes the token alone.
            let secret = secret.rsplit(' ').next().unwrap_or(secret);
            if secret.len() >= 8 {
                refusal.message = refusal.message.replace(secret, "[redacted]");
            }
        }
        refusal
    }
}

/// Shortens a text and replaces what would break a line of a log.
fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(MESSAGE_LIMIT).map(clean).collect()
}

pub(super) fn shown(code: Option<i64>, message: &str) -> String {
    match (code, message) {
        (None, "") => String::new(),
        (None, message) => format!(": {message}"),
        (Some(code), "") => format!(" (code {code})"),
        (Some(code), message) => format!(" (code {code}): {message}"),
    }
}

const MESSAGE_LIMIT: usize = 300;
