//! What is asked.

use std::fmt;
use std::sync::Arc;

use greenroom_actors::event::{Event, Payload, stable_hash};
use serde::{Deserialize, Serialize};

use super::error::PaymanError;
use super::json::Json;

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// As it came: a JSON-RPC response.
    Json,
    /// As a [`FormattedTaskResponse`](super::FormattedTaskResponse); the default.
    #[default]
    Markdown,
}

/// Something to ask the agent, in plain language, with what shall be known beside.
///
/// # Examples
///
/// ```
/// use greenroom::payman::Ask;
/// use serde_json::json;
///
/// let ask = Ask::new("Pay 10 TSD to Anna").new_session().metadata(json!({"order": 17}));
/// # drop(ask);
/// ```
#[derive(Clone)]
#[must_use = "nothing is asked until a client gets it"]
pub struct Ask {
    pub(super) text: String,
    pub(super) new_session: bool,
    pub(super) metadata: Option<Json>,
    pub(super) part_metadata: Option<Json>,
    pub(super) message_metadata: Option<Json>,
    pub(super) format: OutputFormat,
    pub(super) once: Option<Arc<str>>,
    pub(super) fault: Option<PaymanError>,
}

/// Shows how much is asked, and not what.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("bytes", &self.text.len())
            .field("new_session", &self.new_session)
            .field("format", &self.format)
            .field("once", &self.once)
            .finish_non_exhaustive()
    }
}

impl Ask {
    /// Asks this text, unchanged; an empty one is asked as well.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            new_session: false,
            metadata: None,
            part_metadata: None,
            message_metadata: None,
            format: OutputFormat::default(),
            once: None,
            fault: None,
        }
    }

    /// Begins a new session before: it is the client's session from then on.
    pub fn new_session(mut self) -> Self {
        self.new_session = true;
        self
    }

    /// Sends an object along with the task; nothing by default.
    pub fn metadata(mut self, metadata: impl Serialize) -> Self {
        self.metadata = self.object("metadata", &metadata);
        self
    }

    /// Sends an object along with the text.
    pub fn part_metadata(mut self, metadata: impl Serialize) -> Self {
        self.part_metadata = self.object("part_metadata", &metadata);
        self
    }

    /// Sends an object along with the message.
    pub fn message_metadata(mut self, metadata: impl Serialize) -> Self {
        self.message_metadata = self.object("message_metadata", &metadata);
        self
    }

    /// Sets the form of the answer.
    pub fn output_format(mut self, format: OutputFormat) -> Self {
        self.format = format;
        self
    }

    /// Asks this once only for `key`: whoever asks with the same key again, such as a handler that was restarted, waits for the same
    /// answer or gets it once more. A client remembers the keys of its newest 4,096 asks, in memory; an ask that surely was not carried out
    /// is forgotten.
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.once = Some(key.into().into());
        self
    }

    /// Asks this once only for an event, however often that is handled: for handlers, which are restarted and then get their event again.
    /// The text belongs to the key, so that a handler may ask several things.
    ///
    /// # Examples
    ///
    /// ```
    /// use greenroom::payman::{Ask, PaymanClient};
    /// use greenroom::prelude::*;
    ///
    /// async fn pay(client: &PaymanClient, event: &Event<ChatMessage>) -> Outcome {
    ///     let answer = client.ask(Ask::new(&event.text).once_for(event)).await?;
    ///     event.reply(answer.text()).await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn once_for<T: Payload>(self, event: &Event<T>) -> Self {
        let about = event.envelope();
        let key = format!(
            "{} {} {} {:x} {:x}",
            about.origin.platform(),
            about.origin.bot(),
            about.sequence,
            about.trace,
            stable_hash(self.text.as_bytes())
        );
        self.once(key)
    }

    fn object(&mut self, what: &str, value: &impl Serialize) -> Option<Json> {
        match Json::of(value) {
            Ok(json) if json.is_null() => None,
            Ok(json) if json.is_object() => Some(json),
            Ok(_) => {
                let fault = format!("{what} must be an object");
                self.fault.get_or_insert(PaymanError::validation(fault));
                None
            }
            Err(error) => {
                let fault = format!("{what} cannot be written as JSON: {error}");
                self.fault.get_or_insert(PaymanError::validation(fault));
                None
            }
        }
    }
}

impl<T: Into<String>> From<T> for Ask {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_are_objects() {
        let fine = Ask::new("x")
            .metadata(json!({"a": null}))
            .part_metadata(json!(null));
        assert!(fine.fault.is_none() && fine.part_metadata.is_none());
        let wrong = Ask::new("x").message_metadata("text").metadata(json!([1]));
        assert_eq!(
            wrong.fault.unwrap().to_string(),
            "message_metadata must be an object"
        );
    }
}
