//! An answer while it comes.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::client;
use super::error::PaymanError;
use super::event::AskEvent;
use super::model::Answer;
use super::once::Awaited;

/// An answer of the agent that comes piece by piece. Dropping it closes the connection, unless the ask was to be made once only.
///
/// # Examples
///
/// ```no_run
/// # async fn example(client: greenroom::payman::PaymanClient) -> Result<(), greenroom::payman::PaymanError> {
/// let mut stream = client.stream("Pay 10 TSD to Anna").await?;
/// while let Some(event) = stream.next().await {
///     println!("{}", serde_json::to_string(&event).unwrap_or_default());
/// }
/// let answer = stream.finish().await?;
/// # drop(answer);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it closes the connection"]
pub struct AskStream {
    events: mpsc::Receiver<AskEvent>,
    outcome: Awaited,
    canceller: Canceller,
}

impl fmt::Debug for AskStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskStream").finish_non_exhaustive()
    }
}

/// Cancels an ask whose answer is streamed, from anywhere.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<watch::Sender<bool>>);

impl Canceller {
    /// Closes the connection and tells the platform that the task is not wanted any more. The ask ends with a `cancelled` error, unless it
    /// has ended already. What the agent has done by then stays done.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl AskStream {
    pub(super) fn new(
        events: mpsc::Receiver<AskEvent>,
        outcome: Awaited,
        cancel: watch::Sender<bool>,
    ) -> Self {
        Self {
            events,
            outcome,
            canceller: Canceller(Arc::new(cancel)),
        }
    }

    /// Waits for the next event; none once the answer is whole or the ask has failed.
    pub async fn next(&mut self) -> Option<AskEvent> {
        self.events.recv().await
    }

    /// Returns what cancels the ask, for somebody else.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Cancels the ask; see [`Canceller::cancel`].
    pub fn cancel(&self) {
        self.canceller.cancel();
    }

    /// Waits for the end and returns the whole answer. Events that were not taken are left out.
    ///
    /// # Errors
    ///
    /// As [`PaymanClient::ask`](super::PaymanClient::ask).
    pub async fn finish(mut self) -> Result<Answer, PaymanError> {
        let drained = async {
            while self.events.recv().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = client::outcome(self.outcome.clone()) => outcome,
            () = drained => unreachable!("it never ends"),
        }
    }
}
