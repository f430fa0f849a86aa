//! JSON-RPC: requests of the tasks, checked as the platform does, and the forms of answers.

use serde_json::{Map, Value, json};

use crate::payman::content;
use crate::simulator::Response;

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Cancel,
    Get,
    Send,
    Subscribe,
}

impl Method {
    /// Finds the endpoint at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/api/a2a/tasks/cancel" => Some(Self::Cancel),
            "/api/a2a/tasks/get" => Some(Self::Get),
            "/api/a2a/tasks/send" => Some(Self::Send),
            "/api/a2a/tasks/sendSubscribe" => Some(Self::Subscribe),
            _ => None,
        }
    }

    /// Says whether the endpoint takes a method of this name.
    fn takes(self, name: &str) -> bool {
        let Some(name) = name
            .strip_prefix("tasks")
            .and_then(|rest| rest.strip_prefix(['.', '/']))
        else {
            return false;
        };
        match self {
            Self::Cancel => name == "cancel",
            Self::Get => name == "get",
            Self::Send => name == "send",
            Self::Subscribe => matches!(name, "sendSubscribe" | "send"),
        }
    }
}

/// A request that is right.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) id: Value,
    pub(super) task: String,
    /// As it was given: a text, or null.
    pub(super) session: Value,
    pub(super) prompt: String,
    pub(super) metadata: Map<String, Value>,
}

impl Call {
    /// Reads the body of a request.
    pub(super) fn read(method: Method, body: &[u8]) -> Result<Self, Response> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|fault| wrong(&Value::Null, -32700, &format!("Parse error: {fault}")))?;
        let id = match body.get("id") {
            Some(id @ (Value::String(_) | Value::Number(_))) => id.clone(),
            _ => Value::Null,
        };
        let invalid = |text: &str| wrong(&id, -32600, &format!("Invalid request: {text}"));
        if !body.is_object() || body.get("jsonrpc") != Some(&json!("2.0")) {
            return Err(invalid("jsonrpc must be \"2.0\""));
        }
        if id.is_null() {
            return Err(invalid("id must be a text or a number"));
        }
        let name = body.get("method").and_then(Value::as_str);
        let name = name.ok_or_else(|| invalid("method must be a text"))?;
        if !method.takes(name) {
            return Err(wrong(&id, -32601, &format!("Method not found: {name}")));
        }
        let bad = |text: &str| wrong(&id, -32602, &format!("Invalid params: {text}"));
        let params = body.get("params").and_then(Value::as_object);
        let params = params.ok_or_else(|| bad("params must be an object"))?;
        let task = params
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty());
        let task = task
            .ok_or_else(|| bad("params.id must be a text"))?
            .to_owned();
        let mut call = Self {
            id: id.clone(),
            task,
            session: Value::Null,
            prompt: String::new(),
            metadata: Map::new(),
        };
        if matches!(method, Method::Cancel | Method::Get) {
            return Ok(call);
        }
        call.session = match params.get("sessionId").or_else(|| params.get("session_id")) {
            None | Some(Value::Null) => Value::Null,
            Some(session @ Value::String(_)) => session.clone(),
            Some(_) => return Err(bad("params.sessionId must be a text")),
        };
        call.metadata = object(params.get("metadata"))
            .ok_or_else(|| bad("params.metadata must be an object"))?;
        let message = params.get("message").and_then(Value::as_object);
        let message = message.ok_or_else(|| bad("params.message must be an object"))?;
        if !message.get("role").is_some_and(Value::is_string) {
            return Err(bad("params.message.role must be a text"));
        }
        object(message.get("metadata"))
            .ok_or_else(|| bad("params.message.metadata must be an object"))?;
        let parts = message
            .get("parts")
            .and_then(Value::as_array)
            .filter(|parts| !parts.is_empty());
        let parts = parts.ok_or_else(|| bad("params.message.parts must be a list of parts"))?;
        let mut texts = Vec::new();
        for part in parts {
            match (part.get("type").and_then(Value::as_str), part.get("text")) {
                (Some("text"), Some(Value::String(text))) => texts.push(text.as_str()),
                (Some("text"), _) => return Err(bad("a part of type text must have a text")),
                (Some(_), _) => {}
                (None, _) => return Err(bad("a part must have a type")),
            }
            object(part.get("metadata"))
                .ok_or_else(|| bad("the metadata of a part must be an object"))?;
        }
        call.prompt = texts.join("\n");
        Ok(call)
    }

    /// Makes the answer with a result.
    pub(super) fn result(&self, result: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": self.id, "result": result})
    }

    /// Makes the answer with an error.
    pub(super) fn error(&self, code: i64, text: &str) -> Value {
        json!({"jsonrpc": "2.0", "id": self.id, "error": {"code": code, "message": text}})
    }

    /// Returns the metadata of the task, with what the agent adds.
    pub(super) fn metadata(&self) -> Value {
        let mut metadata = self.metadata.clone();
        metadata.insert("agentId".into(), "ai-sim".into());
        metadata.insert("orgId".into(), "org-sim".into());
        Value::Object(metadata)
    }
}

fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(object)) => Some(object.clone()),
        Some(_) => None,
    }
}

fn wrong(id: &Value, code: i64, text: &str) -> Response {
    answer(
        400,
        &json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}}),
    )
}

/// Makes a response with a JSON body.
pub(super) fn answer(status: u16, body: &Value) -> Response {
    Response {
        status,
        content_type: "application/json".into(),
        headers: Vec::new(),
        body: body.to_string().into(),
    }
}

/// Makes a response with the platform's own error object.
pub(super) fn failure(status: u16, code: &str, text: &str, trace: &str) -> Response {
    answer(
        status,
        &json!({
            "status": status,
            "timestamp": content::now(),
            "errorCode": code,
            "errorMessage": text,
            "context": {},
            "traceId": trace,
        }),
    )
}
