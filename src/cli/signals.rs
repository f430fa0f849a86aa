//! How a person or the system tells the program to stop.

use std::io;

use futures::future::{Either, select};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// Listens for SIGTERM and Ctrl-C.
#[derive(Debug)]
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Begins to listen: from now on the signals no longer end the process by themselves.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(super) fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            let refused =
                |error: io::Error| Failure::failed(format!("cannot listen for signals: {error}"));
            signal(kind).map_err(refused)
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn received(&mut self) {
        let (interrupt, terminate) = (self.interrupt.recv(), self.terminate.recv());
        select(std::pin::pin!(interrupt), std::pin::pin!(terminate)).await;
    }

    /// Runs `stop` to its end, unless another signal comes: then the person does not want to wait for it.
    ///
    /// # Errors
    ///
    /// The second signal came.
    pub(super) async fn unless_again(
        &mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let again = self.received();
        match select(std::pin::pin!(stop), std::pin::pin!(again)).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => Err(Failure::failed("stopped by a second signal")),
        }
    }
}
