//! The calls themselves: what is sent, and what an answer means.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::connection::{DialRequest, Frame, Link, Transport};
use greenroom_actors::entropy::Entropy;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::super::files::Files;
use super::super::limits::CLOUD_BODY;
use super::super::store::Message;
use crate::platform::http::{Exchange, HttpClient, HttpError, HttpRequest};

/// How urgent variables are for the cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Not urgent.
    #[default]
    Low,
    /// In between.
    Medium,
    /// Urgent.
    High,
}

impl Priority {
    /// Returns the name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Makes the calls; stays on the thread that made it.
pub(in crate::ticos) struct Calls {
    files: Files,
    exchange: Rc<dyn Exchange>,
    transport: Rc<dyn Transport>,
    entropy: Entropy,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Calls {
    pub(in crate::ticos) fn new(
        files: Files,
        exchange: Rc<dyn Exchange>,
        transport: Rc<dyn Transport>,
        entropy: Entropy,
    ) -> Self {
        Self {
            files,
            exchange,
            transport,
            entropy,
        }
    }

    /// Gets the cloud's configuration of the agent; none if there is nothing to ask with.
    pub(super) async fn agent_config(&self) -> Option<Value> {
        let (agent, key) = (self.files.agent_id(), self.files.api_key());
        if agent.is_empty() || key.expose_secret().is_empty() {
            return None;
        }
        let url = format!("{}/v1/agents/{}", self.files.console(), encoded(&agent));
        for attempt in 0..=PAUSES.len() {
            let asked = self.get(&url, &key).await;
            match asked {
                Ok(answer) => return config_of(&answer),
                Err(error) => {
                    tracing::warn!(attempt = attempt + 1, %error, "the agent's configuration was not fetched");
                }
            }
            if let Some(pause) = PAUSES.get(attempt) {
                tokio::time::sleep(*pause).await;
            }
        }
        tracing::warn!("going on with the local configuration");
        None
    }

    async fn get(&self, url: &str, key: &SecretString) -> Result<Bytes, HttpError> {
        let request = HttpRequest {
            method: "GET",
            url: url.to_owned(),
            headers: vec![
                ("authorization", bearer(key)),
                ("user-agent", "Ticos-Client/1.0".to_owned().into()),
            ],
            body: Bytes::new(),
            secrets: Vec::new(),
        };
        self.send(request, CONFIG_TIMEOUT).await
    }

    async fn post(&self, path: &str, body: &Value, within: Duration) -> Result<Bytes, HttpError> {
        let key = self.files.api_key();
        let request = HttpRequest {
            method: "POST",
            url: format!("{}{path}", self.files.api().0),
            headers: vec![
                ("proxy-authorization", bearer(&key)),
                ("content-type", "application/json".to_owned().into()),
            ],
            body: body.to_string().into(),
            secrets: Vec::new(),
        };
        self.send(request, within).await
    }

    async fn send(&self, request: HttpRequest, within: Duration) -> Result<Bytes, HttpError> {
        let http = HttpClient::over(Rc::clone(&self.exchange), within, CLOUD_BODY);
        http.redirected(REDIRECTS)
            .send(request)
            .await
            .map(|answer| answer.body)
    }

    /// Sends the variables of the session; says whether the cloud took them.
    pub(super) async fn variables(&self, priority: Priority) -> bool {
        let Some(variables) = self.files.variables() else {
            return false;
        };
        if self.files.api_key().expose_secret().is_empty() {
            return false;
        }
        let path = format!("/variables?priority={}", priority.name());
        let sent = self
            .post(&path, &Value::Object(variables), VARIABLES_TIMEOUT)
            .await;
        if let Err(error) = &sent {
            tracing::warn!(%error, "the variables were not sent");
        }
        sent.is_ok()
    }

    /// Says whether memories can be made at all.
    pub(super) fn can_summarize(&self) -> bool {
        !self.files.agent_id().is_empty() && !self.files.api_key().expose_secret().is_empty()
    }

    /// Has the conversation summarized; none if there is no summary.
    pub(super) async fn summarize(
        &self,
        history: &[Message],
        latest: Option<&str>,
    ) -> Option<String> {
        let path = format!("/summarize?agent_id={}", encoded(&self.files.agent_id()));
        let body = summary_request(&self.files, history, latest);
        match self.post(&path, &body, SUMMARY_TIMEOUT).await {
            Ok(answer) => {
                let summary = summary_of(&answer);
                if summary.is_none() {
                    tracing::warn!("the cloud's answer has no summary");
                }
                summary
            }
            Err(error) => {
                tracing::warn!(%error, "no summary");
                None
            }
        }
    }

    /// Sends messages over a new websocket; says whether that worked.
    pub(super) async fn realtime(&self, messages: Vec<Value>) -> bool {
        let sending = tokio::time::timeout(REALTIME_TIMEOUT, self.send_all(messages));
        let sent = sending
            .await
            .unwrap_or_else(|_| Err(format!("nothing within {REALTIME_TIMEOUT:?}")));
        if let Err(error) = &sent {
            tracing::warn!(error, "not sent to the cloud");
        }
        sent.is_ok()
    }

    async fn send_all(&self, messages: Vec<Value>) -> Result<(), String> {
        let dialed = self.transport.dial(DialRequest {
            url: format!("{}/realtime", self.files.api().1).into(),
            headers: vec![
                ("proxy-authorization", bearer(&self.files.api_key())),
                ("openai-beta", "realtime=v1".to_owned().into()),
            ],
            subprotocol: None,
            timeout: REALTIME_TIMEOUT,
            max_frame: super::super::limits::MESSAGE,
        });
        let mut link = dialed.await.map_err(|error| error.to_string())?;
        let frames = messages
            .iter()
            .map(|message| Frame::Text(message.to_string().into()));
        let close = Frame::Close(Some((1_000, String::new())));
        for frame in frames.chain([close]) {
            link.outgoing
                .push(frame)
                .map_err(|error| error.to_string())?;
        }
        flush(&mut link).await.map_err(|error| error.to_string())?;
        // Nothing is awaited, but that the other side has read it all.
        let _ = tokio::time::timeout(GOODBYE, closed(&mut link)).await;
        Ok(())
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Makes the two messages that tell the cloud what is remembered; none if that is nothing.
    pub(super) fn push(&self, latest: Option<&str>) -> Option<Vec<Value>> {
        let own = self.files.own_memory();
        let parts = [latest.unwrap_or_default(), &own];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return None;
        }
        let item = |previous: &str, role: &str, text: &str| {
            json!({
                "event_id": self.event_id(),
                "type": "conversation.item.create",
                "previous_item_id": previous,
                "item": {
                    "id": format!("msg_{}", self.hex()),
                    "type": "message",
                    "role": role,
                    "content": [{"type": "input_text", "text": text}],
                },
            })
        };
        Some(vec![
            item("initial_user_prompt", "user", &parts.join("\n\n")),
            item("initial_assistant_prompt", "assistant", "OK"),
        ])
    }

    pub(super) fn event_id(&self) -> String {
        format!("evt_{}", self.hex())
    }

    fn hex(&self) -> String {
        format!("{:08x}", self.entropy.next_u64() >> 32)
    }
}

async fn flush(link: &mut Link) -> Result<(), greenroom_actors::connection::LinkError> {
    std::future::poll_fn(|cx| link.outgoing.poll_flush(cx)).await
}

/// Waits until the other side has closed.
async fn closed(link: &mut Link) {
    let mut frames = std::collections::VecDeque::new();
    while std::future::poll_fn(|cx| link.incoming.poll_frames(cx, &mut frames))
        .await
        .is_ok()
    {
        if frames
            .drain(..)
            .any(|frame| matches!(frame, Frame::Close(_)))
        {
            return;
        }
    }
}

fn bearer(key: &SecretString) -> SecretString {
    format!("Bearer {}", key.expose_secret()).into()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn config_of(answer: &[u8]) -> Option<Value> {
    let answer: Option<Map<String, Value>> = serde_json::from_slice(answer).ok();
    let config = answer.and_then(|mut answer| answer.remove("config"));
    match config {
        Some(config @ Value::Object(_)) => Some(config),
        _ => {
            tracing::warn!("the cloud's answer has no configuration: going on with the local one");
            None
        }
    }
}

fn summary_request(files: &Files, history: &[Message], latest: Option<&str>) -> Value {
    let length = files.summary_length();
    let own = files.text("model.memory_instructions");
    let own = own.filter(|prompt| !prompt.trim().is_empty());
    let prompt = own.as_deref().unwrap_or(INSTRUCTIONS);
    let rows = history
        .iter()
        .map(|message| json!({"role": message.role.name(), "content": message.content}));
    let mut parameters = json!({
        "max_length": length,
        "summarize_prompt": prompt,
        "history_in_conversation": !prompt.contains("{{conversation}}"),
    });
    if let Some(latest) = latest {
        parameters["latest_memory"] = format!(
            "{latest}\n\nKeep the key facts of this and of what is new, in {length} characters at most."
        )
        .into();
    }
    json!({"conversation_history": rows.collect::<Value>(), "parameters": parameters})
}

/// Reads a summary: a list of parts, or one text.
fn summary_of(answer: &[u8]) -> Option<String> {
    let mut answer: Map<String, Value> = serde_json::from_slice(answer).ok()?;
    let text = match answer.remove("summary")? {
        Value::String(text) => text,
        Value::Array(parts) => {
            let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            parts?.join(" ")
        }
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

const INSTRUCTIONS: &str = "You keep the long-term memory of a device that talks with people. What it remembers so far: {{latest_memory}}\n\nWhat was said since: {{conversation}}\n\nWrite down what will matter in later conversations: who the people are, what they like, what was agreed. Leave out small talk, and replace what is not true any more.";
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
const CONFIG_TIMEOUT: Duration = Duration::from_secs(10);
const VARIABLES_TIMEOUT: Duration = Duration::from_secs(30);
const SUMMARY_TIMEOUT: Duration = Duration::from_secs(180);
const REALTIME_TIMEOUT: Duration = Duration::from_secs(10);
const GOODBYE: Duration = Duration::from_secs(1);
const REDIRECTS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_a_list_or_a_text() {
        for (answer, summary) in [
            (
                r#"{"summary":["likes tea","drinks tea"]}"#,
                Some("likes tea drinks tea"),
            ),
            (r#"{"summary":"likes tea"}"#, Some("likes tea")),
            (r#"{"summary":[]}"#, None),
            (r#"{"summary":[""]}"#, None),
            (r#"{"summary":[5]}"#, None),
            (r#"{"summary":null}"#, None),
            (r"[]", None),
            ("nonsense", None),
        ] {
            assert_eq!(
                summary_of(answer.as_bytes()).as_deref(),
                summary,
                "{answer}"
            );
        }
    }
}
