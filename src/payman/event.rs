//! What comes while the agent answers.

use serde::{Deserialize, Serialize};

use super::json::Json;
use super::model::{ArtifactKind, TaskIds, TaskProgress};

/// Something that came while the agent answered.
///
/// It serializes as the platform's own clients know it: an object with `type`, or with raw answers the JSON-RPC response.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum AskEvent {
    /// A part of the answer.
    Artifact(Box<ArtifactUpdate>),
    /// With raw answers: what came, as it came.
    Raw(Json),
    /// The task's state.
    Status(Box<StatusUpdate>),
}

/// The state of a task, while the agent answers. In a bot it is also an event of its own: `Event<StatusUpdate>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StatusUpdate {
    /// Always `status_update`.
    #[serde(rename = "type")]
    pub kind: StatusUpdateTag,
    /// Which task it is about; in JSON its fields are here.
    #[serde(flatten)]
    pub ids: TaskIds,
    /// How it is with the task, where `is_final` says that nothing comes after it; in JSON its fields are here.
    #[serde(flatten)]
    pub progress: TaskProgress,
    /// What is known beside, an object.
    pub metadata: Json,
    /// The agent's error, if that is what came.
    pub error: Option<Json>,
}

/// A part of the answer, while the agent answers. In a bot it is also an event of its own: `Event<ArtifactUpdate>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArtifactUpdate {
    /// Always `artifact_update`.
    #[serde(rename = "type")]
    pub kind: ArtifactUpdateTag,
    /// Which task it is about; in JSON its fields are here.
    #[serde(flatten)]
    pub ids: TaskIds,
    /// Always false: what ends a stream is a state.
    pub is_final: bool,
    /// The artifact that this event has changed; exactly one.
    pub artifacts: Vec<ChangedArtifact>,
}

/// An artifact that has changed: all of it so far, and what is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangedArtifact {
    /// Its name; `artifact` if it has none.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// All of it so far: the parts, joined by line feeds.
    pub content: String,
    /// Of what kind its parts are.
    #[serde(rename = "type")]
    pub kind: ArtifactKind,
    /// When this event was received: RFC 3339, UTC, with milliseconds.
    pub timestamp: String,
    /// What is known beside, an object.
    pub metadata: Json,
    /// Its place among the artifacts.
    pub index: i64,
    /// The text that this event has brought.
    pub delta: String,
    /// Whether the event has added to what was there.
    pub append: bool,
    /// Whether the platform says that nothing more is added.
    pub last_chunk: bool,
}

/// The tag of a [`StatusUpdate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusUpdateTag {
    /// `status_update`.
    #[default]
    StatusUpdate,
}

/// The tag of an [`ArtifactUpdate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactUpdateTag {
    /// `artifact_update`.
    #[default]
    ArtifactUpdate,
}
