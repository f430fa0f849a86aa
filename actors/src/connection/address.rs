//! What a connection can be asked, and by what address.

use std::fmt;

use actix::{Context, Handler, Message};
use tokio::sync::oneshot;

use super::RequestError;
use super::actor::Connection;
use super::lifecycle::Disconnected;
use super::protocol::Protocol;
use super::requests::{Purpose, Request};
use super::state::State;
use crate::mailbox::Ref;
use crate::telemetry::Cause;

/// Sends a request; the answer, or why there is none, goes to `reply`.
pub struct Submit<P: Protocol> {
    request: P::Request,
    reply: oneshot::Sender<Result<P::Answer, RequestError>>,
    cause: Cause,
}

impl<P: Protocol> fmt::Debug for Submit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Submit")
    }
}

impl<P: Protocol> Message for Submit<P> {
    type Result = ();
}

impl<P: Protocol> Handler<Submit<P>> for Connection<P> {
    type Result = ();

    fn handle(&mut self, submit: Submit<P>, _: &mut Context<Self>) {
        if self.paused {
            Request::new(submit.request, Purpose::Asked(submit.reply))
                .settle(Err(RequestError::Closed));
            return;
        }
        let purpose = Purpose::Asked(submit.reply);
        self.requests.submit(Request {
            cause: submit.cause,
            ..Request::new(submit.request, purpose)
        });
        self.wake();
    }
}

/// Takes no further events from the platform; requests and heartbeats go on. The first phase of a shutdown.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Quiesce;

impl<P: Protocol> Handler<Quiesce> for Connection<P> {
    type Result = ();

    fn handle(&mut self, _: Quiesce, _: &mut Context<Self>) {
        self.quiet = true;
        self.wake();
    }
}

/// Tells handlers that the connection ends, as long as they can hear it: the last thing before everything stops.
///
/// They hear [`Disconnected`] if it is live, and nothing more of the connection itself. It goes on until it is stopped, so that what
/// handlers say then still leaves.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct TakeLeave;

impl<P: Protocol> Handler<TakeLeave> for Connection<P> {
    type Result = ();

    fn handle(&mut self, _: TakeLeave, _: &mut Context<Self>) {
        if matches!(self.machine.state(), State::Live(_)) {
            self.announce(Disconnected::stopping());
        }
        self.has_taken_leave = true;
        self.wake();
    }
}

/// Asks things of a connection; survives its restarts.
pub struct ConnectionRef<P: Protocol> {
    submit: Ref<Submit<P>>,
}

impl<P: Protocol> Clone for ConnectionRef<P> {
    fn clone(&self) -> Self {
        Self {
            submit: self.submit.clone(),
        }
    }
}

impl<P: Protocol> fmt::Debug for ConnectionRef<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionRef")
    }
}

impl<P: Protocol> ConnectionRef<P> {
    /// Wraps the address of a connection.
    #[must_use]
    pub fn new(submit: Ref<Submit<P>>) -> Self {
        Self { submit }
    }

    /// Sends a request in the order of the calls, and waits for its answer. While the connection is down, it waits.
    ///
    /// # Errors
    ///
    /// [`RequestError`] says whether trying again can help without harm.
    pub async fn ask(&self, request: P::Request) -> Result<P::Answer, RequestError> {
        let (reply, answer) = oneshot::channel();
        let submitted = self.submit.send(Submit {
            request,
            reply,
            cause: Cause::current(),
        });
        let submitted = submitted.await;
        submitted.map_err(|_| RequestError::Closed)?;
        // The connection actor itself died with the request.
        answer.await.unwrap_or(Err(RequestError::OutcomeUnknown))
    }
}
