//! What the agent answers: tasks, artifacts and states, typed.

use serde::{Deserialize, Serialize};

use super::error::PaymanError;
use super::json::Json;

/// The state of a task as the platform names it, in one spelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TaskState {
    /// The user must authenticate before it goes on.
    AuthRequired,
    /// It was cancelled.
    Canceled,
    /// It is done.
    Completed,
    /// It failed; that is an answer.
    Failed,
    /// The agent waits for the user: ask again in the same session.
    InputRequired,
    /// The agent does not want to do it.
    Rejected,
    /// It has not begun.
    Submitted,
    /// The platform names a state that is not known here; the raw answer keeps it.
    #[default]
    Unknown,
    /// It is under way.
    Working,
}

impl TaskState {
    /// Reads a state, without regard to case; `_` equals `-`.
    ///
    /// # Examples
    ///
    /// ```
    /// use greenroom::payman::TaskState;
    ///
    /// assert_eq!(TaskState::parse("INPUT_REQUIRED"), TaskState::InputRequired);
    /// assert_eq!(TaskState::parse("cancelled"), TaskState::Canceled);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim().to_lowercase().replace('_', "-").as_str() {
            "auth-required" => Self::AuthRequired,
            "canceled" | "cancelled" => Self::Canceled,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "input-required" => Self::InputRequired,
            "rejected" => Self::Rejected,
            "submitted" => Self::Submitted,
            "working" => Self::Working,
            _ => Self::Unknown,
        }
    }

    /// Returns the state in three values.
    #[must_use]
    pub fn status(self) -> TaskStatus {
        match self {
            Self::Completed => TaskStatus::Completed,
            Self::Canceled | Self::Failed | Self::Rejected => TaskStatus::Failed,
            _ => TaskStatus::InProgress,
        }
    }

    /// Says whether a plain answer with this state is the last word of the agent for now.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.ends_stream() || matches!(self, Self::AuthRequired | Self::InputRequired)
    }

    /// Says whether nothing comes after it in a stream, whatever the flag says.
    pub(super) fn ends_stream(self) -> bool {
        self.status() != TaskStatus::InProgress
    }
}

/// How it is with a task, in three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It is done.
    Completed,
    /// It failed, was cancelled or rejected.
    Failed,
    /// It is under way, or waits for the user.
    InProgress,
}

/// Which task something is about, and in which session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskIds {
    /// The id of the task.
    pub task_id: String,
    /// The id of the request.
    pub request_id: String,
    /// The session. In JSON it has two names, as clients of the platform know either.
    pub session_id: String,
    #[serde(rename = "sessionId")]
    again: String,
}

impl TaskIds {
    pub(super) fn new(task_id: String, request_id: String, session_id: String) -> Self {
        Self {
            task_id,
            request_id,
            again: session_id.clone(),
            session_id,
        }
    }
}

/// How it is with a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskProgress {
    /// The state in three values.
    pub status: TaskStatus,
    /// The state.
    pub state: TaskState,
    /// Whether nothing more is to be expected.
    pub is_final: bool,
    /// What the agent says of the state.
    pub status_message: Option<String>,
    /// When the state was reached, as the platform writes it.
    pub timestamp: Option<String>,
}

/// The agent's answer in a form that is easy to use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FormattedTaskResponse {
    /// Which task it is about; in JSON its fields are here.
    #[serde(flatten)]
    pub ids: TaskIds,
    /// How it is with the task, where `is_final` says that the agent has nothing to add by itself; in JSON its fields are here.
    #[serde(flatten)]
    pub progress: TaskProgress,
    /// What the agent made: texts, data, files.
    pub artifacts: Vec<FormattedArtifact>,
    /// What is known beside, an object.
    pub metadata: Json,
    /// The agent's error, if it answered with one.
    pub error: Option<Json>,
}

impl FormattedTaskResponse {
    /// Returns the contents of all artifacts, one after another.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(client: greenroom::payman::PaymanClient) -> Result<(), greenroom::payman::PaymanError> {
    /// let answer = client.ask("How much is in my wallet?").await?;
    /// println!("{}", answer.text());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        let contents: Vec<&str> = self
            .artifacts
            .iter()
            .map(|one| one.content.as_str())
            .collect();
        contents.join("\n")
    }
}

/// An artifact as one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FormattedArtifact {
    /// Its name; `artifact` if it has none.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Its parts, joined by line feeds: texts, data as JSON, files by their names.
    pub content: String,
    /// Of what kind its parts are.
    #[serde(rename = "type")]
    pub kind: ArtifactKind,
    /// When it was received: RFC 3339, UTC, with milliseconds.
    pub timestamp: String,
    /// What is known beside, an object.
    pub metadata: Json,
    /// Its place among the artifacts.
    pub index: i64,
}

/// Of what kind the parts of an artifact are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// All are data.
    Data,
    /// All are files.
    File,
    /// They are of several kinds.
    Mixed,
    /// All are texts, or there are none.
    Text,
}

/// The agent's answer as it came: a JSON-RPC response.
///
/// It serializes as exactly that, unknown fields included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskResponse {
    pub(super) json: Json,
}

impl TaskResponse {
    /// Returns the answer as JSON.
    #[must_use]
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Returns the version of JSON-RPC that it names.
    #[must_use]
    pub fn jsonrpc(&self) -> Option<String> {
        self.json.get("jsonrpc")?.string()
    }

    /// Returns the id of the request.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.json.get("id")?.string()
    }

    /// Returns the task.
    #[must_use]
    pub fn result(&self) -> Option<Json> {
        self.json.get("result").filter(|result| !result.is_null())
    }

    /// Returns the error object.
    #[must_use]
    pub fn error(&self) -> Option<Json> {
        self.json.get("error").filter(|error| !error.is_null())
    }

    /// Returns the task's state; [`TaskState::Unknown`] if it names none.
    #[must_use]
    pub fn state(&self) -> TaskState {
        let state = self
            .result()
            .and_then(|task| task.get("status")?.get("state")?.string());
        state.map_or(TaskState::Unknown, |state| TaskState::parse(&state))
    }
}

/// What an ask gave, in the form that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// For [`OutputFormat::Markdown`](super::OutputFormat::Markdown).
    Formatted(Box<FormattedTaskResponse>),
    /// For [`OutputFormat::Json`](super::OutputFormat::Json).
    Raw(TaskResponse),
}

impl Answer {
    /// Returns the formatted answer.
    ///
    /// # Errors
    ///
    /// A `validation` error if the raw answer was asked for.
    pub fn formatted(self) -> Result<FormattedTaskResponse, PaymanError> {
        match self {
            Self::Formatted(answer) => Ok(*answer),
            Self::Raw(_) => Err(PaymanError::validation("the raw answer was asked for")),
        }
    }

    /// Returns the raw answer.
    ///
    /// # Errors
    ///
    /// A `validation` error if the formatted answer was asked for.
    pub fn raw(self) -> Result<TaskResponse, PaymanError> {
        match self {
            Self::Raw(answer) => Ok(answer),
            Self::Formatted(_) => Err(PaymanError::validation(
                "the formatted answer was asked for",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_row() {
        use TaskStatus::{Completed, Failed, InProgress};

        for (wire, state, status, is_final, ends) in [
            ("submitted", "submitted", InProgress, false, false),
            ("WORKING", "working", InProgress, false, false),
            ("paused", "unknown", InProgress, false, false),
            ("", "unknown", InProgress, false, false),
            ("INPUT_REQUIRED", "input-required", InProgress, true, false),
            ("auth-required", "auth-required", InProgress, true, false),
            ("COMPLETED", "completed", Completed, true, true),
            ("failed", "failed", Failed, true, true),
            ("cancelled", "canceled", Failed, true, true),
            ("CANCELED", "canceled", Failed, true, true),
            ("Rejected", "rejected", Failed, true, true),
        ] {
            let read = TaskState::parse(wire);
            assert_eq!(serde_json::to_value(read).unwrap(), state, "{wire}");
            assert_eq!(read.status(), status, "{wire}");
            assert_eq!(
                (read.is_final(), read.ends_stream()),
                (is_final, ends),
                "{wire}"
            );
        }
    }
}
