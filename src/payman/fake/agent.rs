//! What the agent says to a prompt: commands begin with `!`, anything else is echoed. Pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::rpc::Call;
use super::world::World;
use crate::payman::content;

/// What the agent says, in plain and in pieces.
#[derive(Debug)]
pub(super) struct Turn {
    /// The JSON-RPC response to a plain request.
    pub(super) plain: Value,
    /// The JSON-RPC responses of a stream.
    pub(super) pieces: Vec<Value>,
    /// Whether the stream stays open after them.
    pub(super) is_held: bool,
}

/// Returns how long the agent thinks about a prompt.
pub(super) fn thinks(prompt: &str) -> Duration {
    let millis = command(prompt).and_then(|(name, rest)| match name {
        "!slow" => rest.trim().parse().ok(),
        _ => None,
    });
    Duration::from_millis(millis.unwrap_or(0).min(LONGEST))
}

/// Answers a prompt.
pub(super) fn answer(world: &mut World, call: &Call) -> Turn {
    let session = call.session.as_str().unwrap_or_default();
    let earlier = world.remember(session, &call.prompt);
    let speech = Speech { call };
    let done = |artifacts: &[Value], updates: &[Value]| speech.completed(artifacts, updates);
    let one = |artifact: &Value| {
        done(
            std::slice::from_ref(artifact),
            &[chunk(artifact, false, true)],
        )
    };
    let said = |text: &str| one(&response(&[text_part(text)]));
    if call.prompt.trim() == RECALL {
        return said(&recalled(&earlier));
    }
    match command(&call.prompt) {
        Some(("!state", rest)) => {
            let (state, text) = split(rest);
            let text = if text.is_empty() { state } else { text };
            speech.state(state, text)
        }
        Some(("!error", rest)) => match split(rest) {
            (code, text) if code.parse::<i64>().is_ok() => {
                let error = call.error(code.parse().unwrap_or_default(), text);
                Turn {
                    plain: error.clone(),
                    pieces: vec![error],
                    is_held: false,
                }
            }
            _ => speech.echo(world),
        },
        Some(("!empty", "")) => Turn {
            plain: call.result(&Value::Null),
            pieces: Vec::new(),
            is_held: false,
        },
        Some(("!bare", "")) => speech.bare(),
        Some(("!nostamp", "")) => speech.without_stamp(),
        Some(("!parts", rest)) => one(&response(
            &rest.split('|').map(text_part).collect::<Vec<_>>(),
        )),
        Some(("!artifacts", rest)) => match rest.trim().parse::<usize>() {
            Ok(count) => {
                let artifacts: Vec<Value> = (1..=count.min(MOST)).map(numbered).collect();
                let chunks: Vec<Value> = artifacts
                    .iter()
                    .map(|one| chunk(one, false, true))
                    .collect();
                done(&artifacts, &chunks)
            }
            Err(_) => speech.echo(world),
        },
        Some(("!data", rest)) => {
            let data: Value = serde_json::from_str(rest).unwrap_or_else(|_| rest.into());
            let part = json!({"type": "data", "data": data});
            one(&response(&[text_part("data follows"), part]))
        }
        Some(("!stream", rest)) => match rest.trim().parse::<usize>() {
            Ok(count) => {
                let count = count.min(MOST);
                let texts: Vec<String> = (1..=count)
                    .map(|number| format!("chunk {number} "))
                    .collect();
                let pieces = texts.iter().zip(1..).map(|(text, number)| {
                    let artifact = response(&[text_part(text)]);
                    chunk(&artifact, number > 1, number == count)
                });
                let pieces: Vec<Value> = pieces.collect();
                done(&[response(&[text_part(&texts.concat())])], &pieces)
            }
            Err(_) => speech.echo(world),
        },
        Some(("!slow", rest)) if rest.trim().parse::<u64>().is_ok() => {
            let whole = format!("echo: {}", call.prompt);
            speech.echoed(&whole, &call.prompt)
        }
        Some(("!hold", "")) => {
            let status = status("working", Some("Holding"));
            Turn {
                plain: call.result(&speech.task(&status, &[])),
                pieces: vec![speech.status_update(&status, false)],
                is_held: true,
            }
        }
        Some(("!recall", "")) => said(&recalled(&earlier)),
        _ => speech.echo(world),
    }
}

/// How the agent puts what it says to one call.
pub(super) struct Speech<'a> {
    pub(super) call: &'a Call,
}

impl Speech<'_> {
    /// Echoes the prompt, or says what was queued.
    fn echo(&self, world: &mut World) -> Turn {
        match world.replies.pop_front() {
            Some(reply) => {
                let artifact = response(&[text_part(&reply)]);
                let pieces = vec![chunk(&artifact, false, true)];
                self.completed(&[artifact], &pieces)
            }
            None => self.echoed(&format!("echo: {}", self.call.prompt), &self.call.prompt),
        }
    }

    fn echoed(&self, whole: &str, prompt: &str) -> Turn {
        let first = chunk(&response(&[text_part("echo: ")]), false, false);
        let second = chunk(&response(&[text_part(prompt)]), true, true);
        self.completed(&[response(&[text_part(whole)])], &[first, second])
    }

    fn completed(&self, artifacts: &[Value], chunks: &[Value]) -> Turn {
        let done = status("completed", Some(DONE));
        let mut pieces = vec![self.status_update(&status("working", Some(WORKING)), false)];
        pieces.extend(chunks.iter().map(|chunk| self.artifact_update(chunk)));
        pieces.push(self.status_update(&done, true));
        Turn {
            plain: self.call.result(&self.task(&done, artifacts)),
            pieces,
            is_held: false,
        }
    }

    fn state(&self, state: &str, text: &str) -> Turn {
        let end = status(state, Some(text));
        Turn {
            plain: self.call.result(&self.task(&end, &[])),
            pieces: vec![
                self.status_update(&status("working", Some(WORKING)), false),
                self.status_update(&end, true),
            ],
            is_held: false,
        }
    }

    fn bare(&self) -> Turn {
        let bare = status("completed", None);
        let (id, session) = (&self.call.task, &self.call.session);
        Turn {
            plain: self
                .call
                .result(&json!({"id": id, "sessionId": session, "status": bare})),
            pieces: vec![
                self.status_update(&status("working", Some(WORKING)), false),
                self.status_update(&bare, true),
            ],
            is_held: false,
        }
    }

    fn without_stamp(&self) -> Turn {
        let mut done = status("completed", Some(DONE));
        if let Some(fields) = done.as_object_mut() {
            fields.remove("timestamp");
        }
        let artifact = response(&[text_part("no timestamp")]);
        Turn {
            plain: self
                .call
                .result(&self.task(&done, std::slice::from_ref(&artifact))),
            pieces: vec![
                self.status_update(&status("working", Some(WORKING)), false),
                self.artifact_update(&chunk(&artifact, false, true)),
                self.status_update(&done, true),
            ],
            is_held: false,
        }
    }

    /// Makes a task.
    pub(super) fn task(&self, status: &Value, artifacts: &[Value]) -> Value {
        json!({
            "id": self.call.task,
            "sessionId": self.call.session,
            "status": status,
            "artifacts": artifacts,
            "metadata": self.call.metadata(),
        })
    }

    /// Makes the event of a state.
    pub(super) fn status_update(&self, status: &Value, is_final: bool) -> Value {
        self.call.result(&json!({
            "id": self.call.task,
            "sessionId": self.call.session,
            "status": status,
            "final": is_final,
            "metadata": self.call.metadata(),
        }))
    }

    /// Makes the event of a part of the answer.
    pub(super) fn artifact_update(&self, chunk: &Value) -> Value {
        self.call.result(&json!({
            "id": self.call.task,
            "sessionId": self.call.session,
            "artifact": chunk,
            "metadata": self.call.metadata(),
        }))
    }
}

/// Makes a status, now.
pub(super) fn status(state: &str, text: Option<&str>) -> Value {
    let mut status = json!({"state": state, "timestamp": content::now()});
    if let Some(text) = text {
        status["message"] = json!({"role": "agent", "parts": [text_part(text)]});
    }
    status
}

pub(super) fn text_part(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn response(parts: &[Value]) -> Value {
    json!({"name": "response", "description": "AI Assistant Response", "parts": parts, "index": 0})
}

fn numbered(number: usize) -> Value {
    let part = text_part(&format!("part {number}"));
    json!({"name": format!("artifact-{number}"), "parts": [part], "index": number - 1})
}

fn chunk(artifact: &Value, append: bool, is_last: bool) -> Value {
    let mut chunk = artifact.clone();
    chunk["append"] = append.into();
    chunk["lastChunk"] = is_last.into();
    chunk
}

fn recalled(earlier: &[String]) -> String {
    match earlier {
        [] => "(nothing)".to_owned(),
        earlier => earlier.join("\n"),
    }
}

/// Splits a prompt that is a command into its name and what follows the space.
fn command(prompt: &str) -> Option<(&str, &str)> {
    prompt.starts_with('!').then(|| split(prompt))
}

fn split(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

const RECALL: &str = "What did we talk about earlier?";
const WORKING: &str = "Processing";
const DONE: &str = "Processing completed successfully";
const MOST: usize = 10_000;
/// A day, in milliseconds.
const LONGEST: u64 = 86_400_000;
