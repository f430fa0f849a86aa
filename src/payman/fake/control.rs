//! What a test does to the platform.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::agent::{Speech, status, text_part};
use super::hub::Hub;
use crate::simulator::{Out, Refusal, SocketId};

/// Queues what the agent says next to an ordinary prompt.
pub(super) fn say(hub: &mut Hub, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
    match body.get("from") {
        None | Some(Value::Null) => {}
        Some(Value::String(from)) if from == "agent" => {}
        Some(from) => {
            return Err(Refusal::bad(format!(
                "say: unknown user {from}, known is \"agent\""
            )));
        }
    }
    let text = text(body, "text")?;
    let text = text.ok_or_else(|| Refusal::bad("say: text is required, a text"))?;
    if hub.world.replies.len() >= MOST_REPLIES {
        return Err(Refusal::bad("say: too many replies wait"));
    }
    hub.world.replies.push_back(text.to_owned());
    Ok((
        json!({"ok": true, "queued": hub.world.replies.len()}),
        Vec::new(),
    ))
}

/// Lets something happen.
pub(super) fn emit(hub: &mut Hub, body: &Map<String, Value>) -> Result<(Value, Vec<Out>), Refusal> {
    let event = text(body, "event")?.ok_or_else(|| Refusal::bad(unknown("nothing")))?;
    let empty = Map::new();
    let data = match body.get("data") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(data)) => data,
        Some(_) => return Err(Refusal::bad("emit: data must be an object")),
    };
    let outs = match event {
        "status_update" => {
            let state = text(data, "state")?
                .ok_or_else(|| Refusal::bad("emit: state is required, a text"))?;
            let status = status(state, text(data, "text")?);
            let is_final = flag(data, "final")?;
            let streams = streams(hub, data)?;
            let update = |call: &_| Speech { call }.status_update(&status, is_final);
            hub.say(&streams, &update, is_final)
        }
        "artifact_update" => {
            let chunk = chunk(data)?;
            let streams = streams(hub, data)?;
            hub.say(
                &streams,
                &|call| Speech { call }.artifact_update(&chunk),
                false,
            )
        }
        "error" => {
            let code = match data.get("code") {
                None | Some(Value::Null) => -32603,
                Some(code) => code
                    .as_i64()
                    .ok_or_else(|| Refusal::bad("emit: code must be a whole number"))?,
            };
            let text = text(data, "message")?.unwrap_or("Internal error");
            let streams = streams(hub, data)?;
            hub.say(&streams, &|call| call.error(code, text), true)
        }
        "revoke_tokens" => {
            hub.world.revoke(false);
            Vec::new()
        }
        "set_expires_in" => {
            let seconds = data
                .get("seconds")
                .and_then(Value::as_u64)
                .filter(|seconds| *seconds <= LONGEST_LIFE);
            let seconds = seconds.ok_or_else(|| {
                Refusal::bad("emit: seconds is required, a whole number, 0 or more")
            })?;
            hub.world.life = Duration::from_secs(seconds);
            Vec::new()
        }
        other => return Err(Refusal::bad(unknown(&format!("\"{other}\"")))),
    };
    Ok((json!({"ok": true}), outs))
}

fn chunk(data: &Map<String, Value>) -> Result<Value, Refusal> {
    let said = text(data, "text")?.ok_or_else(|| Refusal::bad("emit: text is required, a text"))?;
    let index = match data.get("index") {
        None | Some(Value::Null) => 0,
        Some(index) => index
            .as_u64()
            .ok_or_else(|| Refusal::bad("emit: index must be a whole number"))?,
    };
    Ok(json!({
        "name": text(data, "name")?.unwrap_or("response"),
        "description": "AI Assistant Response",
        "parts": [text_part(said)],
        "index": index,
        "append": flag(data, "append")?,
        "lastChunk": flag(data, "last_chunk")?,
    }))
}

/// Finds the held stream of a task, or all of them if none is named.
fn streams(hub: &Hub, data: &Map<String, Value>) -> Result<Vec<SocketId>, Refusal> {
    let Some(task) = text(data, "task_id")? else {
        return Ok(hub.held.keys().copied().collect());
    };
    let found = hub.held.iter().find(|(_, call)| call.task == task);
    found.map(|(stream, _)| vec![*stream]).ok_or_else(|| {
        let known: Vec<&str> = hub.held.values().map(|call| call.task.as_str()).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        Refusal::bad(format!(
            "emit: no stream of task \"{task}\" is held, held are: {known}"
        ))
    })
}

fn text<'a>(data: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Refusal::bad(format!("{name}: {other} is no text"))),
    }
}

fn flag(data: &Map<String, Value>, name: &str) -> Result<bool, Refusal> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(Refusal::bad(format!(
            "{name}: {other} is neither true nor false"
        ))),
    }
}

fn unknown(event: &str) -> String {
    format!(
        "emit: unknown event {event}, known are artifact_update, error, revoke_tokens, set_expires_in, status_update"
    )
}

const MOST_REPLIES: usize = 10_000;
/// Ten years, in seconds.
const LONGEST_LIFE: u64 = 315_360_000;
