//! The cloud: configurations of agents, variables of devices, summaries.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::simulator::{Located, Request, Response, Section, SimulatorError};

/// What the cloud knows.
#[derive(Clone, Debug)]
pub(super) struct Cloud {
    key: String,
    agents: BTreeMap<String, Value>,
    variables: Map<String, Value>,
    /// What devices have sent over websockets.
    heard: u64,
}

impl Cloud {
    /// Reads the section of a world file.
    pub(super) fn load(mut section: Section<'_>) -> Result<Self, SimulatorError> {
        let mut cloud = Self::default();
        if section.value("replace") == Some(true) {
            cloud.agents.clear();
        }
        if let Some(key) = section.value("key") {
            cloud.key = key;
        }
        for Located { line, value } in section.list::<Agent>("agent") {
            match value.config.is_object() {
                true => drop(cloud.agents.insert(value.id, value.config)),
                false => section.fault(line, "agent: config must be a table"),
            }
        }
        section.finish()?;
        Ok(cloud)
    }

    /// Answers a request over HTTP.
    pub(super) fn answer(&mut self, request: &Request) -> Response {
        let path = request.path();
        match (request.method.as_str(), path) {
            ("GET", _) if path.starts_with("/v1/agents/") => self.agent(request),
            ("POST", "/variables") => self.set_variables(request),
            ("POST", "/summarize") => self.summarize(request),
            (_, "/variables" | "/summarize") => refused(405, "Method Not Allowed"),
            _ => refused(404, "Not Found"),
        }
    }

    /// Says whether a device may open a websocket.
    pub(super) fn may_open(&self, request: &Request) -> Result<(), Response> {
        self.known(request, &["proxy-authorization", "authorization"])?;
        match request.header("openai-beta") {
            "realtime=v1" => Ok(()),
            _ => Err(refused(400, "the header OpenAI-Beta is missing")),
        }
    }

    pub(super) fn heard(&mut self, _: &Bytes) {
        self.heard += 1;
    }

    fn known(&self, request: &Request, headers: &[&str]) -> Result<(), Response> {
        let expected = format!("Bearer {}", self.key);
        let known = headers.iter().any(|name| request.header(name) == expected);
        known
            .then_some(())
            .ok_or_else(|| refused(401, "Unauthorized"))
    }

    fn agent(&self, request: &Request) -> Response {
        if let Err(refused) = self.known(request, &["authorization"]) {
            return refused;
        }
        let id = request.path().trim_start_matches("/v1/agents/");
        match self.agents.get(id) {
            Some(config) => json_response(200, &json!({"id": id, "config": config})),
            None => refused(404, "agent not found"),
        }
    }

    fn set_variables(&mut self, request: &Request) -> Response {
        if let Err(refused) = self.known(request, &["proxy-authorization", "authorization"]) {
            return refused;
        }
        let priority = query(request, "priority").unwrap_or_else(|| "low".to_owned());
        if !matches!(&*priority, "low" | "medium" | "high") {
            return refused(422, "priority is neither low, medium nor high");
        }
        let Ok(Value::Object(given)) = serde_json::from_slice(&request.body) else {
            return refused(422, "the body is no JSON object");
        };
        for (name, value) in given {
            match value {
                // A variable that is null is deleted.
                Value::Null => drop(self.variables.remove(&name)),
                value => drop(self.variables.insert(name, value)),
            }
        }
        json_response(
            200,
            &json!({"status": "success", "variables": self.variables}),
        )
    }

    fn summarize(&self, request: &Request) -> Response {
        if let Err(refused) = self.known(request, &["proxy-authorization", "authorization"]) {
            return refused;
        }
        match summary(&request.body) {
            Ok(summary) => json_response(200, &json!({"summary": summary})),
            Err(wrong) => refused(422, wrong),
        }
    }
}

/// An agent in a world file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agent {
    id: String,
    config: Value,
}

impl Default for Cloud {
    fn default() -> Self {
        let config = json!({
            "model": {"max_response_output_tokens": 1_000, "provider": "sim"},
            "speech": {"voice": "sim"},
        });
        Self {
            key: "sim-ticos-key".to_owned(),
            agents: BTreeMap::from([("26".to_owned(), config)]),
            variables: Map::new(),
            heard: 0,
        }
    }
}

/// Checks a request as strictly as it is specified, and makes short sentences of the history.
fn summary(body: &[u8]) -> Result<Vec<String>, &'static str> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Err("the body is no JSON object");
    };
    let history = body.get("conversation_history").and_then(Value::as_array);
    let history = history.ok_or("conversation_history is no list")?;
    let parameters = body.get("parameters").and_then(Value::as_object);
    let parameters = parameters.ok_or("parameters is no object")?;
    let length = parameters.get("max_length").and_then(Value::as_u64);
    let length = length.ok_or("parameters.max_length is no number")?;
    if !parameters
        .get("summarize_prompt")
        .is_some_and(Value::is_string)
    {
        return Err("parameters.summarize_prompt is no text");
    }
    let mut parts = Vec::new();
    for row in history {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let (role, content) = (text("role"), text("content"));
        match (role, content) {
            (Some("user"), Some(content)) if !content.is_empty() => {
                parts.push(format!("The user said: {content}."));
            }
            (Some(_), Some(_)) => {}
            _ => return Err("a row of conversation_history has no role or no content"),
        }
    }
    if parts.is_empty() {
        parts.push("Nothing was said.".to_owned());
    }
    let room = usize::try_from(length).unwrap_or(usize::MAX);
    for part in &mut parts {
        let end = part.floor_char_boundary(room);
        part.truncate(end);
    }
    // The newest are enough.
    Ok(parts.split_off(parts.len().saturating_sub(3)))
}

fn query(request: &Request, name: &str) -> Option<String> {
    let (_, query) = request.target.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned())
}

/// Makes an error in the platform's words.
pub(super) fn refused(status: u16, text: &str) -> Response {
    json_response(status, &json!({"detail": text}))
}

fn json_response(status: u16, body: &Value) -> Response {
    Response {
        status,
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        body: body.to_string().into(),
    }
}
