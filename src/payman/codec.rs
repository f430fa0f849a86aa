//! Requests and answers of the tasks, as bytes.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_actors::entropy::Entropy;
use serde::Serialize;

use super::error::{ErrorKind, PaymanError};
use super::json::Json;
use super::model::TaskResponse;
use super::outgoing::Ask;

/// The ids of one ask: however often it is sent, they stay.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    pub(super) request: Arc<str>,
    pub(super) task: Arc<str>,
    pub(super) session: Arc<str>,
}

impl Ids {
    pub(super) fn new(entropy: &Entropy, session: Arc<str>) -> Self {
        Self {
            request: new_id("req-", entropy).into(),
            task: new_id("tsk-", entropy).into(),
            session,
        }
    }
}

/// Makes an id: the prefix and a UUID of version 4.
pub(super) fn new_id(prefix: &str, entropy: &Entropy) -> String {
    let high = entropy.next_u64() & !0xf000 | 0x4000;
    let low = entropy.next_u64() >> 2 | 1 << 63;
    format!(
        "{prefix}{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'a str,
    id: &'a str,
    method: &'a str,
    params: P,
}

#[derive(Serialize)]
struct Params<'a> {
    id: &'a str,
    message: Message<'a>,
    #[serde(rename = "sessionId")]
    session_id: &'a str,
    metadata: Option<&'a Json>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    parts: [Part<'a>; 1],
    metadata: Option<&'a Json>,
}

#[derive(Serialize)]
struct Part<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    text: &'a str,
    metadata: Option<&'a Json>,
}

#[derive(Serialize)]
struct TaskId<'a> {
    id: &'a str,
}

/// Writes an ask.
pub(super) fn ask(ask: &Ask, ids: &Ids, method: &str) -> Result<Bytes, PaymanError> {
    write(&Request {
        jsonrpc: "2.0",
        id: &ids.request,
        method,
        params: Params {
            id: &ids.task,
            message: Message {
                role: "user",
                parts: [Part {
                    kind: "text",
                    text: &ask.text,
                    metadata: ask.part_metadata.as_ref(),
                }],
                metadata: ask.message_metadata.as_ref(),
            },
            session_id: &ids.session,
            metadata: ask.metadata.as_ref(),
        },
    })
}

/// Writes a request about a task that there is.
pub(super) fn about_task(request: &str, task: &str, method: &str) -> Result<Bytes, PaymanError> {
    write(&Request {
        jsonrpc: "2.0",
        id: request,
        method,
        params: TaskId { id: task },
    })
}

fn write(request: &impl Serialize) -> Result<Bytes, PaymanError> {
    let body = serde_json::to_vec(request);
    body.map(Bytes::from)
        .map_err(|error| PaymanError::validation(format!("it cannot be written as JSON: {error}")))
}

/// Reads a JSON-RPC response of which nothing but its form is known.
pub(super) fn response(body: &[u8]) -> Result<TaskResponse, PaymanError> {
    let wrong = |what: &str| PaymanError::new(ErrorKind::Decode, what).running(true);
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|_| wrong("the answer is not UTF-8"))?;
    // The text is not quoted, since it may hold anything.
    let json = Json::parse(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        wrong(&format!(
            "the answer is not JSON (line {line}, column {column})"
        ))
    })?;
    match json.is_object() {
        true => Ok(TaskResponse { json }),
        false => Err(wrong("the answer is no JSON object")),
    }
}

/// Takes the task out of an answer.
pub(super) fn task(answer: &TaskResponse) -> Result<Json, PaymanError> {
    if let Some(error) = answer.error() {
        return Err(PaymanError::of_agent(&error));
    }
    let empty =
        || PaymanError::new(ErrorKind::NoResponse, "the agent gave no answer").running(true);
    let task = answer.result().ok_or_else(empty)?;
    match task.fields() {
        None => {
            let what = "the result is no object";
            Err(PaymanError::new(ErrorKind::Decode, what).running(true))
        }
        Some(fields) if fields.is_empty() => Err(empty()),
        Some(_) => Ok(task),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn ids() -> Ids {
        Ids {
            request: "req-1".into(),
            task: "tsk-1".into(),
            session: "ses-1".into(),
        }
    }

    #[test]
    fn an_ask_has_every_key_in_its_order() {
        let plain = ask(&Ask::new("Héllo \"wörld\" 😀\n/"), &ids(), "tasks.send").unwrap();
        assert_eq!(
            std::str::from_utf8(&plain).unwrap(),
            "{\"jsonrpc\":\"2.0\",\"id\":\"req-1\",\"method\":\"tasks.send\",\"params\":{\"id\":\"tsk-1\",\"message\":\
             {\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"Héllo \\\"wörld\\\" 😀\\n/\",\"metadata\":null}],\
             \"metadata\":null},\"sessionId\":\"ses-1\",\"metadata\":null}}"
        );
        let full = Ask::new("Hi")
            .metadata(json!({"source": "web-app", "n": 1, "z": null}))
            .part_metadata(json!({"currency": "USD"}))
            .message_metadata(json!({"priority": "high"}));
        let full = ask(&full, &ids(), "tasks.send").unwrap();
        let full: serde_json::Value = serde_json::from_slice(&full).unwrap();
        let params = &full["params"];
        assert_eq!(
            params["metadata"],
            json!({"source": "web-app", "n": 1, "z": null})
        );
        assert_eq!(params["message"]["metadata"], json!({"priority": "high"}));
        assert_eq!(
            params["message"]["parts"][0]["metadata"],
            json!({"currency": "USD"})
        );
    }

    #[test]
    fn ids_are_uuids_of_version_4_and_never_the_same() {
        let entropy = Entropy::seeded(7);
        let mut seen = BTreeSet::new();
        for _ in 0..10_000 {
            let id = new_id("ses-", &entropy);
            let uuid = id.strip_prefix("ses-").unwrap();
            let parts: Vec<_> = uuid.split('-').collect();
            let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert!(
                parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]),
                "{id}"
            );
            assert!(
                uuid.bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
            );
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn answers_that_are_none_are_told_apart() {
        let kind = |body: &str| {
            response(body.as_bytes())
                .and_then(|answer| task(&answer))
                .map_err(|error| (error.kind(), error.may_have_run()))
        };
        assert_eq!(kind("not json {"), Err((ErrorKind::Decode, true)));
        assert_eq!(kind("[]"), Err((ErrorKind::Decode, true)));
        assert_eq!(kind("{\"result\":[]}"), Err((ErrorKind::Decode, true)));
        assert_eq!(response(b"\xff").unwrap_err().kind(), ErrorKind::Decode);
        for empty in [
            "{}",
            "{\"result\":null}",
            "{\"result\":{}}",
            "{\"error\":null}",
        ] {
            assert_eq!(kind(empty), Err((ErrorKind::NoResponse, true)), "{empty}");
        }
        assert_eq!(
            kind("{\"error\":{\"code\":-32603}}"),
            Err((ErrorKind::Agent, true))
        );
        assert_eq!(
            kind("{\"error\":{\"code\":-32602}}"),
            Err((ErrorKind::Agent, false))
        );
        assert!(kind("\u{feff}{\"result\":{\"id\":1}}").is_ok());
    }
}
