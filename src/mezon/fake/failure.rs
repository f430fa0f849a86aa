//! How calls fail: a gRPC code and a text, on every way to the server.

use std::time::Duration;

use greenroom_proto::mezon::realtime;
use serde_json::{Value, json};

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The code of gRPC.
    pub(super) code: u16,
    /// What is wrong.
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// The request is wrong.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(3, text)
    }

    /// What the request names does not exist.
    pub(super) fn missing(text: impl Into<String>) -> Self {
        Self::new(5, text)
    }

    /// The caller did not prove who it is.
    pub(super) fn unauthenticated(text: impl Into<String>) -> Self {
        Self::new(16, text)
    }

    /// The server does not know the call.
    pub(super) fn unimplemented() -> Self {
        Self::new(12, "Method Not Allowed")
    }

    /// Returns the HTTP status that belongs to the code.
    #[must_use]
    pub(super) fn status(&self) -> u16 {
        match self.code {
            3 | 9 => 400,
            5 => 404,
            7 => 403,
            8 => 429,
            12 => 501,
            14 => 503,
            16 => 401,
            _ => 500,
        }
    }

    /// Returns the body of a REST answer.
    #[must_use]
    pub(super) fn to_json(&self) -> Value {
        json!({"code": self.code, "error": self.text, "message": self.text})
    }
}

/// Returns the code of gRPC that belongs to an HTTP status.
pub(super) fn code_of(status: u16) -> u16 {
    match status {
        401 => 16,
        403 => 7,
        404 => 5,
        409 => 6,
        429 => 8,
        501 => 12,
        503 => 14,
        504 => 4,
        400..=499 => 3,
        500.. => 13,
        _ => 0,
    }
}

/// Makes the error that a socket request is answered with.
pub(super) fn refused(code: realtime::error::Code, text: &str) -> realtime::envelope::Message {
    realtime::envelope::Message::Error(Box::new(realtime::Error {
        code: code as i32,
        message: text.to_owned(),
        ..Default::default()
    }))
}

/// Makes the error of a request that came too early.
pub(super) fn limited(wait: Duration) -> realtime::envelope::Message {
    let millis = ("retry_after_ms".to_owned(), wait.as_millis().to_string());
    realtime::envelope::Message::Error(Box::new(realtime::Error {
        code: realtime::error::Code::RuntimeException as i32,
        message: "Too many requests".to_owned(),
        context: [millis].into(),
    }))
}
