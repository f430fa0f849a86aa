//! How requests fail: a status and what is wrong, as a text or as a list.

use serde_json::{Value, json};

use crate::simulator::Response;

/// A refused request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) detail: Value,
}

impl Failure {
    pub(super) fn new(status: u16, detail: impl Into<Value>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    pub(super) fn bad(detail: impl Into<Value>) -> Self {
        Self::new(400, detail)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Invalid or missing authentication credentials")
    }

    pub(super) fn forbidden(detail: impl Into<Value>) -> Self {
        Self::new(403, detail)
    }

    pub(super) fn missing(detail: impl Into<Value>) -> Self {
        Self::new(404, detail)
    }

    pub(super) fn taken(name: &str) -> Self {
        Self::new(409, format!("Username {name} already exists"))
    }

    pub(super) fn no_user(name: &str) -> Self {
        Self::missing(format!("User {name} not found"))
    }

    pub(super) fn no_message(id: &str) -> Self {
        Self::missing(format!("Message {id} not found"))
    }

    /// Returns what is wrong in one line, for the answers of a websocket.
    pub(super) fn text(&self) -> String {
        match &self.detail {
            Value::String(text) => text.clone(),
            list => {
                let first = list.pointer("/0/msg").and_then(Value::as_str);
                first.unwrap_or("Invalid request").to_owned()
            }
        }
    }

    /// Returns the response that it makes.
    pub(super) fn response(&self) -> Response {
        let mut response = json_response(self.status, &json!({"detail": self.detail}));
        if self.status == 401 {
            let bearer = ("www-authenticate".into(), "Bearer".into());
            response.headers.push(bearer);
        }
        response
    }
}

/// Makes a response of JSON.
pub(super) fn json_response(status: u16, value: &Value) -> Response {
    Response {
        status,
        content_type: "application/json".into(),
        headers: Vec::new(),
        body: value.to_string().into(),
    }
}
