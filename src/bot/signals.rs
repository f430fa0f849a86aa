//! How a person or the system tells the program to stop.

use futures::future::{Either, select};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::BotError;

/// Listens for SIGTERM and Ctrl-C.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Begins to listen: from now on the signals no longer end the process by themselves.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn listen() -> Result<Self, BotError> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn received(&mut self) {
        let (interrupt, terminate) = (self.interrupt.recv(), self.terminate.recv());
        select(std::pin::pin!(interrupt), std::pin::pin!(terminate)).await;
    }

    /// Runs `stop` to its end; `None` if another signal comes: then the person does not want to wait for it.
    pub(crate) async fn unless_again<R>(&mut self, stop: impl Future<Output = R>) -> Option<R> {
        let again = self.received();
        match select(std::pin::pin!(stop), std::pin::pin!(again)).await {
            Either::Left((stopped, _)) => Some(stopped),
            Either::Right(_) => None,
        }
    }
}
