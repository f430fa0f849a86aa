//! How an answer is formatted. Pure; whatever is missing or odd in an answer, the rest of it is not lost.

use std::time::{Duration, UNIX_EPOCH};

use greenroom_actors::clock;

use super::codec::Ids;
use super::json::Json;
use super::model::{
    ArtifactKind, FormattedArtifact, FormattedTaskResponse, TaskIds, TaskProgress, TaskState,
};
use crate::calendar::Moment;

/// The kinds of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartKind {
    Data,
    File,
    Other,
    Text,
}

impl PartKind {
    fn of(part: &Json) -> Self {
        let named = part.get("type").or_else(|| part.get("kind"));
        let has = |name: &str| part.get(name).is_some_and(|value| !value.is_null());
        match named.and_then(|kind| kind.string()).as_deref() {
            Some("text") => Self::Text,
            Some("data") => Self::Data,
            Some("file") => Self::File,
            Some(_) => Self::Other,
            None if has("text") => Self::Text,
            None if has("data") => Self::Data,
            None if has("file") => Self::File,
            None => Self::Other,
        }
    }
}

/// Returns the text of a part, if it is one.
pub(super) fn text_of(part: &Json) -> Option<String> {
    match PartKind::of(part) {
        PartKind::Text => Some(
            part.get("text")
                .and_then(|text| text.string())
                .unwrap_or_default(),
        ),
        _ => None,
    }
}

/// Shows a part as text.
fn show(part: &Json) -> String {
    match PartKind::of(part) {
        PartKind::Text => text_of(part).unwrap_or_default(),
        PartKind::Data => part
            .get("data")
            .map_or_else(String::new, |data| data.text().to_owned()),
        PartKind::File => {
            let file = part.get("file");
            let named = |name: &str| {
                let text = file.as_ref()?.get(name)?.string()?;
                Some(text).filter(|text| !text.is_empty())
            };
            named("name")
                .or_else(|| named("uri"))
                .unwrap_or_else(|| "[file]".to_owned())
        }
        // A kind that is not known here may still say something.
        PartKind::Other => part
            .get("text")
            .and_then(|text| text.string())
            .unwrap_or_default(),
    }
}

/// Formats an artifact that was received at `received`; `place` is its index if it names none.
pub(super) fn artifact(artifact: &Json, place: i64, received: &str) -> FormattedArtifact {
    let text = |name: &str| artifact.get(name).and_then(|value| value.string());
    let parts = list(artifact.get("parts"));
    let kinds: Vec<PartKind> = parts.iter().map(PartKind::of).collect();
    let all = |kind: PartKind| kinds.iter().all(|other| *other == kind);
    let kind = match () {
        () if all(PartKind::Text) => ArtifactKind::Text,
        () if all(PartKind::Data) => ArtifactKind::Data,
        () if all(PartKind::File) => ArtifactKind::File,
        () => ArtifactKind::Mixed,
    };
    let shown: Vec<String> = parts.iter().map(show).collect();
    FormattedArtifact {
        name: text("name")
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "artifact".to_owned()),
        description: text("description"),
        content: shown.join("\n"),
        kind,
        timestamp: received.to_owned(),
        metadata: object(artifact.get("metadata")),
        index: index(artifact).unwrap_or(place),
    }
}

/// What a task, or an update of its state, says of that.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    state: TaskState,
    message: Option<String>,
    timestamp: Option<String>,
}

impl Said {
    /// Reads a `status`.
    pub(super) fn read(status: Option<&Json>) -> Self {
        let Some(status) = status else {
            return Self::default();
        };
        let text = |name: &str| status.get(name).and_then(|value| value.string());
        let message = status.get("message").filter(|message| !message.is_null());
        Self {
            state: text("state").map_or(TaskState::Unknown, |state| TaskState::parse(&state)),
            message: message.map(|message| match message.string() {
                Some(text) => text,
                None => {
                    let parts = list(message.get("parts"));
                    let texts: Vec<String> = parts.iter().filter_map(text_of).collect();
                    texts.join("\n")
                }
            }),
            timestamp: text("timestamp"),
        }
    }

    /// What an error says, which is no status.
    pub(super) fn failed() -> Self {
        Self {
            state: TaskState::Failed,
            ..Self::default()
        }
    }

    /// Returns the progress of the task; it is final as the rule says.
    pub(super) fn progress(self, is_final: impl FnOnce(TaskState) -> bool) -> TaskProgress {
        TaskProgress {
            status: self.state.status(),
            state: self.state,
            is_final: is_final(self.state),
            status_message: self.message,
            timestamp: self.timestamp,
        }
    }
}

/// Formats the answer to a plain ask.
pub(super) fn answer(
    task: &Json,
    request: Option<String>,
    ids: &Ids,
    received: &str,
) -> FormattedTaskResponse {
    let said = Said::read(task.get("status").as_ref());
    let artifacts = list(task.get("artifacts"));
    let artifacts = artifacts.iter().zip(0..);
    FormattedTaskResponse {
        ids: TaskIds::new(
            task_of(task).unwrap_or_else(|| (*ids.task).to_owned()),
            request.unwrap_or_else(|| (*ids.request).to_owned()),
            session_of(task).unwrap_or_else(|| (*ids.session).to_owned()),
        ),
        progress: said.progress(TaskState::is_final),
        artifacts: artifacts
            .map(|(one, place)| artifact(one, place, received))
            .collect(),
        metadata: object(task.get("metadata")),
        error: None,
    }
}

pub(super) fn task_of(result: &Json) -> Option<String> {
    result.get("id")?.string().filter(|id| !id.is_empty())
}

pub(super) fn session_of(result: &Json) -> Option<String> {
    let named = |name: &str| result.get(name)?.string().filter(|id| !id.is_empty());
    named("sessionId").or_else(|| named("session_id"))
}

pub(super) fn index(artifact: &Json) -> Option<i64> {
    artifact.get("index")?.read().ok()
}

/// Returns the items of a list, none for whatever is none.
pub(super) fn list(value: Option<Json>) -> Vec<Json> {
    value.and_then(|value| value.items()).unwrap_or_default()
}

/// Returns an object, an empty one for whatever is none.
pub(super) fn object(value: Option<Json>) -> Json {
    value.filter(Json::is_object).unwrap_or_else(Json::empty)
}

/// Writes the date: RFC 3339, UTC, with milliseconds.
pub(super) fn now() -> String {
    let since = clock::date().duration_since(UNIX_EPOCH);
    stamp(since.unwrap_or_default())
}

/// Writes a date, given as the time since 1970.
pub(super) fn stamp(since: Duration) -> String {
    let Moment {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = Moment::at(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payman::codec;

    fn ids() -> Ids {
        Ids {
            request: "req-mine".into(),
            task: "tsk-mine".into(),
            session: "ses-mine".into(),
        }
    }

    fn formatted(body: &str) -> serde_json::Value {
        let response = codec::response(body.as_bytes()).unwrap();
        let task = codec::task(&response).unwrap();
        let answer = answer(&task, response.id(), &ids(), "NOW");
        serde_json::to_value(answer).unwrap()
    }

    #[test]
    fn vector_5_becomes_what_it_should() {
        let body = r#"{"jsonrpc":"2.0","id":"req-f2","result":{"id":"tsk-95","sessionId":"ses-63","status":{"state":"completed","message":{"role":"agent","parts":[{"type":"text","text":"Processing completed successfully"}]},"timestamp":"2025-06-27T16:31:41.510422505Z"},"artifacts":[{"name":"response","description":"AI Assistant Response","parts":[{"type":"text","text":"echo"},{"type":"text","text":"line2"}],"index":0}],"metadata":{"agentId":"ai-fake"}}}"#;
        let expected = r#"{"task_id":"tsk-95","request_id":"req-f2","session_id":"ses-63","sessionId":"ses-63","status":"completed","state":"completed","is_final":true,"status_message":"Processing completed successfully","timestamp":"2025-06-27T16:31:41.510422505Z","artifacts":[{"name":"response","description":"AI Assistant Response","content":"echo\nline2","type":"text","timestamp":"NOW","metadata":{},"index":0}],"metadata":{"agentId":"ai-fake"},"error":null}"#;
        assert_eq!(
            formatted(body),
            serde_json::from_str::<serde_json::Value>(expected).unwrap()
        );
    }

    #[test]
    fn whatever_is_missing_or_odd_the_rest_stays() {
        let bare = formatted(r#"{"result":{"status":{}}}"#);
        assert_eq!(bare["task_id"], "tsk-mine");
        assert_eq!(
            (&bare["request_id"], &bare["session_id"]),
            (&"req-mine".into(), &"ses-mine".into())
        );
        assert_eq!(
            (&bare["state"], &bare["timestamp"]),
            (&"unknown".into(), &serde_json::Value::Null)
        );
        for odd in [
            r#"{"result":{"artifacts":null,"status":7}}"#,
            r#"{"result":{"artifacts":{"a":1},"status":null,"metadata":[],"id":5}}"#,
            r#"{"result":{"artifacts":[null,7,{"parts":3,"name":1}]}}"#,
        ] {
            formatted(odd);
        }
        let parts = r#"[{"type":"text","text":"a"},{"type":"data","data":{"b":1.50,"a":[1]}},{"type":"file","file":{"name":"x.pdf"}},
            {"type":"file","file":{"uri":"http://u"}},{"type":"file","file":{"bytes":"AA=="}},{"type":"new","text":"n"},{"type":"new"}]"#;
        let mixed = formatted(&format!(
            r#"{{"result":{{"artifacts":[{{"parts":{parts}}}]}}}}"#
        ));
        let artifact = &mixed["artifacts"][0];
        assert_eq!(
            artifact["content"],
            "a\n{\"b\":1.50,\"a\":[1]}\nx.pdf\nhttp://u\n[file]\nn\n"
        );
        assert_eq!(
            (&artifact["name"], &artifact["type"]),
            (&"artifact".into(), &"mixed".into())
        );
    }

    #[test]
    fn the_type_of_an_artifact_is_that_of_all_its_parts() {
        for (parts, kind) in [
            ("[]", "text"),
            (r#"[{"type":"text"}]"#, "text"),
            (r#"[{"type":"data","data":1},{"type":"data"}]"#, "data"),
            (r#"[{"type":"file"}]"#, "file"),
            (r#"[{"type":"file"},{"type":"text"}]"#, "mixed"),
            (r#"[{"type":"odd"}]"#, "mixed"),
        ] {
            let answer = formatted(&format!(
                r#"{{"result":{{"artifacts":[{{"parts":{parts}}}]}}}}"#
            ));
            assert_eq!(answer["artifacts"][0]["type"], kind, "{parts}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, date) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_007, "2000-02-29T00:00:00.007Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (1_795_170_087_511, "2026-11-20T10:21:27.511Z"),
        ] {
            assert_eq!(stamp(Duration::from_millis(millis)), date);
        }
    }
}
