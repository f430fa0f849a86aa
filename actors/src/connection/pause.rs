//! Closing a connection on purpose, and opening it again.

use actix::{Context, Handler, Message};

use super::RequestError;
use super::actor::Connection;
use super::protocol::Protocol;
use super::state::{Input, State};
use crate::clock;

/// Closes the link in order and stays without one until [`Resume`].
///
/// Requests that wait fail with [`RequestError::Closed`], as do all that come later; those in flight with
/// [`RequestError::OutcomeUnknown`]. Handlers stay, and get what was received before.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct HangUp;

/// Connects again after [`HangUp`].
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Resume;

impl<P: Protocol> Handler<HangUp> for Connection<P> {
    type Result = ();

    fn handle(&mut self, _: HangUp, ctx: &mut Context<Self>) {
        if self.closing || self.paused {
            return;
        }
        self.paused = true;
        self.leave();
        self.backoff_until = None;
        self.feed(Input::HangUp, None, ctx);
        self.requests.fail_waiting(&RequestError::Closed);
        self.fail_unconfirmed();
        self.wake();
    }
}

impl<P: Protocol> Handler<Resume> for Connection<P> {
    type Result = ();

    fn handle(&mut self, _: Resume, ctx: &mut Context<Self>) {
        if !std::mem::take(&mut self.paused) || self.machine.state() != State::Idle {
            return;
        }
        self.feed(Input::Start, None, ctx);
        self.wake();
    }
}

impl<P: Protocol> Connection<P> {
    /// Fails requests whose answers were lost with a link that does not come back in time to find out about them.
    pub(super) fn give_up_unconfirmed(&mut self) {
        let is_due = |due| due <= clock::now();
        if self.unconfirmed_until.is_some_and(is_due) {
            self.unconfirmed_until = None;
            self.fail_unconfirmed();
        }
    }
}
