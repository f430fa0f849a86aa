//! The forms of answers.

use serde_json::{Value, json};

use crate::simulator::Response;

/// Makes a response with a JSON body.
pub(super) fn answer(status: u16, body: &Value) -> Response {
    Response {
        status,
        content_type: "application/json; charset=utf-8".into(),
        headers: Vec::new(),
        body: body.to_string().into(),
    }
}

/// Makes a response with the error object of the API.
pub(super) fn failure(status: u16, text: &str) -> Response {
    answer(status, &json!({"success": false, "error": text}))
}

/// Makes a response with the error object of OAuth.
pub(super) fn refusal(status: u16, code: &str, text: &str) -> Response {
    answer(status, &json!({"error": code, "error_description": text}))
}

/// Makes a page.
pub(super) fn page(status: u16, text: &str) -> Response {
    Response {
        status,
        content_type: "text/html; charset=utf-8".into(),
        headers: Vec::new(),
        body: text.to_owned().into(),
    }
}

/// Answers a request for what does not exist: no JSON, as the real server's framework does.
pub(super) fn nothing(status: u16, method: &str, path: &str) -> Response {
    page(status, &format!("Cannot {method} {path}"))
}
