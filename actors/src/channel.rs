//! One actor a conversation: what is said there leaves in the order it was said.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::clock::{self, Instant};
use crate::connection::RequestError;
use crate::event::ChannelKey;
use crate::limiter::Window;
use crate::mailbox::{Overflow, SendError};
use crate::supervisor::{ChildSpec, NodeKind, OnDemand, Supervised as _, SupervisorRef};
use crate::telemetry::{Cause, Counters, spans};

/// Carries messages out of the bot: the platform's side of a channel.
pub trait Outlet: Send + Sync + 'static {
    /// What is said.
    type Message: Clone + Send + 'static;
    /// What the platform says of it.
    type Receipt: Send + 'static;

    /// Sends one message. Calls are started in order; the futures run side by side.
    fn send(
        &self,
        channel: &ChannelKey,
        message: Self::Message,
    ) -> BoxFuture<'static, Result<Self::Receipt, RequestError>>;
}

/// How the channels of a platform behave.
#[derive(Clone, Copy, Debug)]
pub struct ChannelSettings {
    /// How many messages of one channel may wait; 1,024.
    pub queue: usize,
    /// At most so many messages in any second and channel; none by default.
    pub per_second: Option<usize>,
    /// A channel in which nothing was said for this long is stopped; 5 min.
    pub idle: Duration,
    /// So many channels may be open at once; 10,000.
    pub open: usize,
    /// How often a message is sent again that the server asks to send later; 3.
    pub retries: u32,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            queue: 1_024,
            per_second: None,
            idle: Duration::from_secs(300),
            open: 10_000,
            retries: 3,
        }
    }
}

/// The conversation actor.
///
/// * **Who starts it**: [`Channels`], when something is said.
/// * **What ends it**: silence, or shutdown, after what waits was sent.
/// * **What happens to its mailbox then**: a message that comes meanwhile starts it, or the next actor of that conversation.
/// * **What it may lose**: nothing without a word: whoever said something learns what became of it; what was under way when it crashed
///   ends with [`RequestError::OutcomeUnknown`], since nobody knows.
pub struct Channel<O: Outlet> {
    key: ChannelKey,
    outlet: Arc<O>,
    settings: ChannelSettings,
    window: Option<Window>,
    waiting: VecDeque<Say<O>>,
    in_flight: usize,
    paused_until: Option<Instant>,
    timer: Option<SpawnHandle>,
}

impl<O: Outlet> fmt::Debug for Channel<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<O: Outlet> Unpin for Channel<O> {}

impl<O: Outlet> Channel<O> {
    fn new(key: ChannelKey, outlet: Arc<O>, settings: ChannelSettings) -> Self {
        Self {
            key,
            outlet,
            settings,
            window: settings
                .per_second
                .map(|limit| Window::new(limit, Duration::from_secs(1))),
            waiting: VecDeque::new(),
            in_flight: 0,
            paused_until: None,
            timer: None,
        }
    }

    fn send_waiting(&mut self, ctx: &mut Context<Self>) {
        loop {
            // Whoever gave up waiting does not want it said any more.
            while self
                .waiting
                .front()
                .is_some_and(|say| say.receipt.is_closed())
            {
                self.waiting.pop_front();
            }
            if self.waiting.is_empty() {
                if self.is_done() && ctx.is_told_to_stop() {
                    ctx.stop();
                }
                return;
            }
            let now = clock::now();
            let paused = self
                .paused_until
                .filter(|until| *until > now)
                .map_or(Ok(()), Err);
            let allowed = paused.and_then(|()| {
                self.window
                    .as_mut()
                    .map_or(Ok(()), |window| window.admit(now))
            });
            if let Err(when) = allowed {
                if let Some(timer) = self.timer.take() {
                    ctx.cancel_future(timer);
                }
                self.timer =
                    Some(ctx.run_later(when - now, |channel, ctx| channel.send_waiting(ctx)));
                return;
            }
            let Some(say) = self.waiting.pop_front() else {
                return;
            };
            self.in_flight += 1;
            let receipt = say.cause.scope(|| {
                let receipt = self.outlet.send(&self.key, say.message.clone());
                Cause::current().follow(receipt)
            });
            ctx.spawn(
                receipt
                    .into_actor(self)
                    .map(|receipt, channel, ctx| channel.sent(say, receipt, ctx)),
            );
        }
    }

    fn sent(
        &mut self,
        mut say: Say<O>,
        receipt: Result<O::Receipt, RequestError>,
        ctx: &mut Context<Self>,
    ) {
        self.in_flight -= 1;
        match receipt {
            Err(RequestError::Refused {
                retry_after: Some(wait),
                ..
            }) if say.tries < self.settings.retries => {
                say.tries += 1;
                self.paused_until = Some(clock::now() + wait);
                self.waiting.push_front(say);
            }
            // Whoever said it may not care.
            receipt => drop(say.receipt.send(receipt)),
        }
        self.send_waiting(ctx);
    }

    fn is_done(&self) -> bool {
        self.in_flight == 0 && self.waiting.is_empty()
    }
}

impl<O: Outlet> Actor for Channel<O> {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        match self.is_done() {
            true => Running::Stop,
            false => Running::Continue,
        }
    }
}

struct Say<O: Outlet> {
    message: O::Message,
    receipt: oneshot::Sender<Result<O::Receipt, RequestError>>,
    tries: u32,
    /// What led to it.
    cause: Cause,
}

impl<O: Outlet> Message for Say<O> {
    type Result = ();
}

impl<O: Outlet> Handler<Say<O>> for Channel<O> {
    type Result = ();

    fn handle(&mut self, say: Say<O>, ctx: &mut Self::Context) {
        if self.waiting.len() >= self.settings.queue {
            drop(say.receipt.send(Err(RequestError::QueueFull)));
            return;
        }
        self.waiting.push_back(say);
        self.send_waiting(ctx);
    }
}

/// The channels of one platform, started on demand. Clones share them.
pub struct Channels<O: Outlet> {
    outlet: Arc<O>,
    settings: ChannelSettings,
    children: OnDemand<ChannelKey, Channel<O>>,
    counters: Arc<Counters>,
}

impl<O: Outlet> Clone for Channels<O> {
    fn clone(&self) -> Self {
        Self {
            outlet: Arc::clone(&self.outlet),
            settings: self.settings,
            children: self.children.clone(),
            counters: Arc::clone(&self.counters),
        }
    }
}

impl<O: Outlet> fmt::Debug for Channels<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<O: Outlet> Channels<O> {
    /// Makes the channels that send through `outlet` and are children of `supervisor`.
    pub fn new(outlet: O, settings: ChannelSettings, supervisor: SupervisorRef) -> Self {
        let outlet = Arc::new(outlet);
        let carrier = Arc::clone(&outlet);
        let describe = move |key: &ChannelKey| {
            let (carrier, key) = (Arc::clone(&carrier), key.clone());
            ChildSpec::new(format!("channel {key}"), move || {
                Channel::new(key.clone(), Arc::clone(&carrier), settings)
            })
            .kind(NodeKind::Channel)
            .mailbox(settings.queue, Overflow::Block)
        };
        let children = OnDemand::new(supervisor, describe)
            .idle_after(settings.idle)
            .limit(settings.open);
        Self {
            outlet,
            settings,
            children,
            counters: Arc::default(),
        }
    }

    /// Counts what does not leave in these counters; by default nobody sees it.
    #[must_use]
    pub fn counted_in(mut self, counters: &Arc<Counters>) -> Self {
        self.counters = Arc::clone(counters);
        self
    }

    /// Returns what carries the messages.
    #[must_use]
    pub fn outlet(&self) -> &Arc<O> {
        &self.outlet
    }

    /// Says something in a conversation: after what was said there before. Returns what the platform says of it.
    ///
    /// # Errors
    ///
    /// As the platform answers; [`RequestError::QueueFull`] if too much is said or in too many channels;
    /// [`RequestError::OutcomeUnknown`] if the channel's actor died with it; [`RequestError::Closed`] if the bot has stopped.
    pub async fn say(
        &self,
        key: &ChannelKey,
        message: O::Message,
    ) -> Result<O::Receipt, RequestError> {
        self.children.node().calls().count();
        let mut unsent = Unsent(Some(Arc::clone(&self.counters)));
        let (receipt, answer) = oneshot::channel();
        let say = Say {
            message,
            receipt,
            tries: 0,
            cause: spans::say(key),
        };
        match self.children.send(key, say).await {
            Ok(()) => {
                let Ok(receipt) = answer.await else {
                    return Err(RequestError::OutcomeUnknown);
                };
                if !matches!(
                    &receipt,
                    Err(RequestError::Closed
                        | RequestError::OutcomeUnknown
                        | RequestError::TimedOut(_))
                ) {
                    unsent.0 = None;
                }
                receipt
            }
            Err(SendError::Full(_)) => Err(RequestError::QueueFull),
            Err(SendError::Stopped(_)) => Err(RequestError::Closed),
        }
    }
}

/// Counts a message that did not leave, unless it was answered.
struct Unsent(Option<Arc<Counters>>);

impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(counters) = &self.0 {
            counters.unsent.add(1);
        }
    }
}
