//! How the answer of a stream is put together. Pure: events in, what to tell and the whole answer out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::SerializeMap;

use super::codec::{self, Ids};
use super::content::{self, Said};
use super::error::PaymanError;
use super::event::{
    ArtifactUpdate, ArtifactUpdateTag, ChangedArtifact, StatusUpdate, StatusUpdateTag,
};
use super::json::Json;
use super::model::{FormattedArtifact, FormattedTaskResponse, TaskIds, TaskProgress, TaskResponse};

/// The answer so far.
#[derive(Debug)]
pub(super) struct Assembly {
    ids: Ids,
    jsonrpc: Option<Json>,
    request: Option<Json>,
    task: Option<Json>,
    session: Option<Json>,
    status: Option<Json>,
    metadata: Option<Json>,
    artifacts: BTreeMap<i64, Kept>,
}

/// What came.
#[derive(Debug)]
pub(super) struct Came {
    /// As it came.
    pub(super) raw: Json,
    /// In a form that is easy to use.
    pub(super) update: Update,
    /// How the stream ends with it, if it does.
    pub(super) end: Option<Result<(), PaymanError>>,
}

#[derive(Debug)]
pub(super) enum Update {
    Artifact(ArtifactUpdate),
    Status(StatusUpdate),
}

/// An artifact so far.
#[derive(Debug)]
struct Kept {
    fields: BTreeMap<String, Json>,
    parts: Vec<Part>,
    received: String,
}

/// A part; texts can grow.
#[derive(Debug)]
enum Part {
    Other(Json),
    Text {
        fields: BTreeMap<String, Json>,
        text: String,
    },
}

impl Part {
    fn of(json: Json) -> Self {
        match (content::text_of(&json), json.fields()) {
            (Some(text), Some(mut fields)) => {
                fields.remove("text");
                Self::Text { fields, text }
            }
            _ => Self::Other(json),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Other(json) => json.serialize(serializer),
            Self::Text { fields, text } => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.serialize_entry("text", text)?;
                map.end()
            }
        }
    }
}

impl Serialize for Kept {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("parts", &self.parts)?;
        map.end()
    }
}

impl Kept {
    fn new(artifact: &Json, received: &str) -> Self {
        let mut fields = artifact.fields().unwrap_or_default();
        for flag in ["append", "lastChunk", "last_chunk", "parts"] {
            fields.remove(flag);
        }
        let parts = content::list(artifact.get("parts"));
        Self {
            fields,
            parts: parts.into_iter().map(Part::of).collect(),
            received: received.to_owned(),
        }
    }

    /// Adds the parts of another chunk; what it says anew replaces what was said.
    fn append(&mut self, chunk: Self) {
        for (name, value) in chunk.fields {
            if !value.is_null() || !self.fields.contains_key(&name) {
                self.fields.insert(name, value);
            }
        }
        let mut parts = chunk.parts.into_iter().peekable();
        if let (Some(Part::Text { text, .. }), Some(Part::Text { .. })) =
            (self.parts.last_mut(), parts.peek())
            && let Some(Part::Text { text: more, .. }) = parts.next()
        {
            text.push_str(&more);
        }
        self.parts.extend(parts);
        self.received = chunk.received;
    }

    fn formatted(&self, place: i64) -> FormattedArtifact {
        // What was read as JSON can be written as JSON.
        let whole = Json::of(self).unwrap_or_else(|_| Json::empty());
        content::artifact(&whole, place, &self.received)
    }
}

impl Assembly {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            jsonrpc: None,
            request: None,
            task: None,
            session: None,
            status: None,
            metadata: None,
            artifacts: BTreeMap::new(),
        }
    }

    /// Takes in the data of one event, received at `received`.
    ///
    /// # Errors
    ///
    /// Why it is none; the stream goes on.
    pub(super) fn take(&mut self, data: &str, received: &str) -> Result<Came, &'static str> {
        let raw = Json::parse(data).map_err(|_| "it is not JSON")?;
        let mut fields = raw.fields().ok_or("it is no object")?;
        self.request = fields
            .remove("id")
            .filter(|id| !id.is_null())
            .or(self.request.take());
        self.jsonrpc = fields.remove("jsonrpc").or(self.jsonrpc.take());
        if let Some(error) = fields.remove("error").filter(|error| !error.is_null()) {
            return Ok(self.fail(raw, &error));
        }
        let result = fields.remove("result").filter(Json::is_object);
        let result = result.ok_or("it has neither a result nor an error")?;
        let named = |name: &str| result.get(name).filter(|value| !value.is_null());
        let (status, artifact) = (named("status"), named("artifact").filter(Json::is_object));
        if status.is_none() && artifact.is_none() {
            return Err("it tells neither a status nor an artifact");
        }
        self.task = named("id").or(self.task.take());
        self.session = named("sessionId")
            .or_else(|| named("session_id"))
            .or(self.session.take());
        let metadata = named("metadata")
            .filter(|metadata| metadata.fields().is_some_and(|fields| !fields.is_empty()));
        self.metadata = metadata.or(self.metadata.take());
        let flagged = ["final", "isFinal", "is_final"]
            .into_iter()
            .any(|name| result.get(name).is_some_and(|flag| flag.is_true()));
        let (update, is_over) = match (status, artifact) {
            (Some(status), _) => {
                let update =
                    self.status_update(&status, flagged, content::object(named("metadata")));
                self.status = Some(status);
                let is_over = update.progress.is_final;
                (Update::Status(update), is_over)
            }
            (None, Some(artifact)) => (
                Update::Artifact(self.artifact_update(&artifact, received)),
                flagged,
            ),
            (None, None) => return Err("it tells neither a status nor an artifact"),
        };
        Ok(Came {
            raw,
            update,
            end: is_over.then_some(Ok(())),
        })
    }

    fn fail(&self, raw: Json, error: &Json) -> Came {
        let update = StatusUpdate {
            kind: StatusUpdateTag::StatusUpdate,
            ids: self.names(),
            progress: Said::failed().progress(|_| true),
            metadata: Json::empty(),
            error: Some(error.clone()),
        };
        Came {
            raw,
            update: Update::Status(update),
            end: Some(Err(PaymanError::of_agent(error).running(true))),
        }
    }

    fn status_update(&self, status: &Json, flagged: bool, metadata: Json) -> StatusUpdate {
        StatusUpdate {
            kind: StatusUpdateTag::StatusUpdate,
            ids: self.names(),
            progress: Said::read(Some(status)).progress(|state| flagged || state.ends_stream()),
            metadata,
            error: None,
        }
    }

    fn artifact_update(&mut self, artifact: &Json, received: &str) -> ArtifactUpdate {
        let flag = |names: [&str; 2]| {
            names
                .into_iter()
                .any(|name| artifact.get(name).is_some_and(|flag| flag.is_true()))
        };
        let (append, last_chunk) = (
            flag(["append", "append"]),
            flag(["lastChunk", "last_chunk"]),
        );
        let place = content::index(artifact).unwrap_or(0);
        let delta = content::artifact(artifact, place, received).content;
        let chunk = Kept::new(artifact, received);
        match self.artifacts.get_mut(&place).filter(|_| append) {
            Some(kept) => kept.append(chunk),
            None => {
                self.artifacts.insert(place, chunk);
            }
        }
        let whole = self.artifacts.get(&place).map(|kept| kept.formatted(place));
        let whole = whole.unwrap_or_else(|| content::artifact(artifact, place, received));
        ArtifactUpdate {
            kind: ArtifactUpdateTag::ArtifactUpdate,
            ids: self.names(),
            is_final: false,
            artifacts: vec![ChangedArtifact {
                name: whole.name,
                description: whole.description,
                content: whole.content,
                kind: whole.kind,
                timestamp: whole.timestamp,
                metadata: whole.metadata,
                index: whole.index,
                delta,
                append,
                last_chunk,
            }],
        }
    }

    /// The ids of the task, the request and the session, as far as they were said.
    fn names(&self) -> TaskIds {
        let said = |json: &Option<Json>, own: &str| {
            let text = json
                .as_ref()
                .and_then(Json::string)
                .filter(|text| !text.is_empty());
            text.unwrap_or_else(|| own.to_owned())
        };
        TaskIds::new(
            said(&self.task, &self.ids.task),
            said(&self.request, &self.ids.request),
            said(&self.session, &self.ids.session),
        )
    }

    /// Returns the whole answer, as a plain ask would have given it.
    pub(super) fn raw(&self) -> TaskResponse {
        let names = self.names();
        let whole = Whole {
            jsonrpc: "2.0",
            id: &names.request_id,
            result: Task {
                id: &names.task_id,
                session_id: &names.session_id,
                status: self.status.as_ref(),
                artifacts: self.artifacts.values().collect(),
                metadata: self.metadata.as_ref(),
            },
        };
        TaskResponse {
            // What was read as JSON can be written as JSON.
            json: Json::of(&whole).unwrap_or_else(|_| Json::empty()),
        }
    }

    /// As [`raw`](Self::raw), formatted.
    pub(super) fn formatted(&self) -> FormattedTaskResponse {
        let task = codec::task(&self.raw()).unwrap_or_else(|_| Json::empty());
        let mut answer = content::answer(&task, Some(self.names().request_id), &self.ids, "");
        let artifacts = self.artifacts.iter();
        answer.artifacts = artifacts
            .map(|(place, kept)| kept.formatted(*place))
            .collect();
        answer
    }
}

/// Makes the one event of an answer that came whole where a stream was asked for.
pub(super) fn whole(answer: &TaskResponse, formatted: FormattedTaskResponse) -> Came {
    let update = StatusUpdate {
        kind: StatusUpdateTag::StatusUpdate,
        ids: formatted.ids,
        progress: TaskProgress {
            is_final: true,
            ..formatted.progress
        },
        metadata: formatted.metadata,
        error: None,
    };
    Came {
        raw: answer.json.clone(),
        update: Update::Status(update),
        end: Some(Ok(())),
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    jsonrpc: &'a str,
    id: &'a str,
    result: Task<'a>,
}

#[derive(Serialize)]
struct Task<'a> {
    id: &'a str,
    #[serde(rename = "sessionId")]
    session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Json>,
    artifacts: Vec<&'a Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Json>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::payman::error::ErrorKind;
    use crate::payman::model::{TaskState, TaskStatus};

    fn assembly() -> Assembly {
        Assembly::new(Ids {
            request: "req-1".into(),
            task: "tsk-1".into(),
            session: "ses-1".into(),
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "literals are passed")]
    fn take(assembly: &mut Assembly, result: Value) -> Came {
        let data = json!({"jsonrpc": "2.0", "id": "req-1", "result": result});
        assembly.take(&data.to_string(), "NOW").unwrap()
    }

    fn artifact(came: &Came) -> Value {
        match &came.update {
            Update::Artifact(update) => serde_json::to_value(&update.artifacts[0]).unwrap(),
            Update::Status(_) => Value::Null,
        }
    }

    fn status(came: &Came) -> (TaskState, bool) {
        match &came.update {
            Update::Status(update) => (update.progress.state, update.progress.is_final),
            Update::Artifact(_) => unreachable!(),
        }
    }

    #[test]
    fn vector_7_gives_its_events_and_its_answer() {
        let lines = [
            r#"{"jsonrpc":"2.0","id":"req-1","result":{"id":"tsk-1","sessionId":"ses-1","status":{"state":"working","message":{"role":"agent","parts":[{"type":"text","text":"Processing"}]},"timestamp":"2026-01-02T03:04:05.000001Z"},"final":false,"metadata":{}}}"#,
            r#"{"jsonrpc":"2.0","id":"req-1","result":{"id":"tsk-1","sessionId":"ses-1","artifact":{"name":"response","description":"AI Assistant Response","parts":[{"type":"text","text":"echo: "}],"index":0,"append":false,"lastChunk":false},"metadata":{}}}"#,
            r#"{"jsonrpc":"2.0","id":"req-1","result":{"id":"tsk-1","sessionId":"ses-1","artifact":{"name":"response","description":"AI Assistant Response","parts":[{"type":"text","text":"flow"}],"index":0,"append":true,"lastChunk":true},"metadata":{}}}"#,
            r#"{"jsonrpc":"2.0","id":"req-1","result":{"id":"tsk-1","sessionId":"ses-1","status":{"state":"completed","message":{"role":"agent","parts":[{"type":"text","text":"Processing completed successfully"}]},"timestamp":"2026-01-02T03:04:05.100001Z"},"final":true,"metadata":{}}}"#,
        ];
        let mut assembly = assembly();
        let came: Vec<Came> = lines
            .iter()
            .map(|line| assembly.take(line, "NOW").unwrap())
            .collect();
        assert_eq!(came[0].raw.text(), lines[0]);
        assert_eq!(status(&came[0]), (TaskState::Working, false));
        let second = artifact(&came[2]);
        assert_eq!(
            (&second["content"], &second["delta"]),
            (&"echo: flow".into(), &"flow".into())
        );
        assert_eq!(
            (&second["append"], &second["last_chunk"], &second["index"]),
            (&true.into(), &true.into(), &0.into())
        );
        assert_eq!(status(&came[3]), (TaskState::Completed, true));
        assert!(came[..3].iter().all(|came| came.end.is_none()) && came[3].end.is_some());
        let answer = assembly.formatted();
        assert_eq!(
            (answer.text().as_str(), answer.progress.status),
            ("echo: flow", TaskStatus::Completed)
        );
        assert_eq!(
            answer.progress.status_message.as_deref(),
            Some("Processing completed successfully")
        );
        let raw: Value = assembly.raw().json.read().unwrap();
        assert_eq!(
            raw["result"]["artifacts"],
            json!([{"name": "response", "description": "AI Assistant Response", "index": 0, "parts": [{"type": "text", "text": "echo: flow"}]}])
        );
    }

    #[test]
    fn chunks_are_added_where_they_belong() {
        let mut assembly = assembly();
        let mut add =
            |artifact_: Value| artifact(&take(&mut assembly, json!({"artifact": artifact_})));
        add(
            json!({"index": 1, "name": "b", "parts": [{"type": "text", "text": "x"}], "metadata": {"a": 1}}),
        );
        let grown = add(
            json!({"index": 1, "append": true, "name": null, "description": "d", "metadata": null,
            "parts": [{"type": "text", "text": "y"}, {"type": "data", "data": 5}, {"type": "text", "text": "z"}]}),
        );
        assert_eq!(
            (&grown["content"], &grown["delta"]),
            (&"xy\n5\nz".into(), &"y\n5\nz".into())
        );
        assert_eq!(
            (&grown["name"], &grown["description"], &grown["metadata"]),
            (&"b".into(), &"d".into(), &json!({"a": 1}))
        );
        assert_eq!(
            add(json!({"index": 1, "append": true, "parts": [{"type": "data", "data": 6}]}))["content"],
            "xy\n5\nz\n6"
        );
        assert_eq!(
            add(json!({"index": 0, "append": true, "parts": [{"type": "text", "text": "first"}]}))
                ["content"],
            "first",
            "an unknown index begins one"
        );
        assert_eq!(
            add(json!({"index": 1, "parts": [{"type": "text", "text": "new"}]}))["content"],
            "new"
        );
        let answer = assembly.formatted();
        let contents: Vec<_> = answer
            .artifacts
            .iter()
            .map(|one| one.content.as_str())
            .collect();
        assert_eq!(contents, ["first", "new"]);
    }

    #[test]
    fn a_stream_ends_with_a_flag_a_state_or_an_error() {
        let ends = |result: Value| take(&mut assembly(), result).end.is_some();
        for flag in ["final", "isFinal", "is_final"] {
            assert!(ends(json!({"status": {"state": "working"}, flag: true})));
            assert!(ends(json!({"artifact": {"parts": []}, flag: true})));
        }
        for state in ["COMPLETED", "failed", "canceled", "cancelled", "rejected"] {
            assert!(ends(json!({"status": {"state": state}})), "{state}");
        }
        for state in [
            "working",
            "submitted",
            "input-required",
            "auth-required",
            "odd",
        ] {
            assert!(
                !ends(json!({"status": {"state": state}, "final": false})),
                "{state}"
            );
        }
        let mut assembly = assembly();
        let failed = assembly
            .take(
                r#"{"id":"req-1","error":{"code":-32603,"message":"no"}}"#,
                "NOW",
            )
            .unwrap();
        assert_eq!(status(&failed), (TaskState::Failed, true));
        let error = failed.end.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.code(), error.may_have_run()),
            (ErrorKind::Agent, Some(-32603), true)
        );
    }

    #[test]
    fn what_is_no_event_is_left_out_and_the_last_metadata_count() {
        let mut assembly = assembly();
        for odd in [
            "not json {",
            "[]",
            "{}",
            "{\"result\":null}",
            "{\"result\":{}}",
            "{\"result\":{\"artifact\":5}}",
        ] {
            assert!(assembly.take(odd, "NOW").is_err(), "{odd}");
        }
        take(
            &mut assembly,
            json!({"id": "tsk-9", "session_id": "ses-9", "status": {"state": "working"}, "metadata": {"a": 1}}),
        );
        take(
            &mut assembly,
            json!({"status": {"state": "completed"}, "metadata": {}}),
        );
        let answer = assembly.formatted();
        assert_eq!(
            (answer.ids.task_id.as_str(), answer.ids.session_id.as_str()),
            ("tsk-9", "ses-9")
        );
        assert_eq!(answer.metadata.text(), r#"{"a":1}"#);
    }
}
