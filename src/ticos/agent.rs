//! The actor of one agent.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Restart, Supervised as _};
use greenroom_actors::telemetry::Counters;

use super::desk::{Desk, Emission};
use super::event::{AgentConnected, AgentDisconnected};
use super::limits::{AGENT_STOP, BATCH, FLUSH, LINGER};
use super::link::{Hub, Link};
use super::transcript::Transcripts;

/// Handles what one agent sends, in order.
///
/// * **Who starts it**: the server, when an agent has connected; on the thread of its socket.
/// * **What ends it**: the end of the socket, and shutdown; before that it handles what waits and saves what was being said.
/// * **What happens to its mailbox then**: its messages are in a lane that outlives its incarnations.
/// * **What it may lose**: the messages that it was at when it crashed; on shutdown, what it could not handle in time.
pub(super) struct Agent {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    link: Arc<Link>,
    hub: Hub,
    desk: Arc<Desk>,
    counters: Arc<Counters>,
    transcripts: Mutex<Transcripts>,
    is_known: std::sync::atomic::AtomicBool,
}

impl Agent {
    /// Describes the actor of an agent that has just connected.
    pub(super) fn child(
        link: Arc<Link>,
        hub: Hub,
        desk: Arc<Desk>,
        counters: Arc<Counters>,
    ) -> ChildSpec<Self> {
        let name = format!("agent {}", link.id);
        let parts = Arc::new(Parts {
            link,
            hub,
            desk,
            counters,
            transcripts: Mutex::default(),
            is_known: std::sync::atomic::AtomicBool::new(false),
        });
        let make = move || Self {
            parts: Arc::clone(&parts),
        };
        ChildSpec::new(name, make)
            .kind(NodeKind::Connection)
            .restart(Restart::Transient)
            .shutdown_within(AGENT_STOP)
    }
}

impl Actor for Agent {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let work = Arc::clone(&self.parts).work();
        let work = work.into_actor(self).map(|(), _, ctx| ctx.stop());
        ctx.spawn(work);
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        let link = &self.parts.link;
        if ctx.is_told_to_stop() && !link.lane.is_closed() {
            link.lane.close();
            return Running::Continue;
        }
        // Whoever has work left stops itself when it is done.
        match self.parts.is_done() {
            true => Running::Stop,
            false => Running::Continue,
        }
    }
}

impl Parts {
    fn is_done(&self) -> bool {
        self.link.lane.is_closed() && self.link.lane.is_idle() && !self.hub.has(self.link.id)
    }

    async fn work(self: Arc<Self>) {
        let id = self.link.id;
        let events = &self.desk.events;
        if !self
            .is_known
            .swap(true, std::sync::atomic::Ordering::Relaxed)
        {
            let connected = Emission::Connected(AgentConnected { agent: id });
            events.publish(id, connected).await;
        }
        while let Some(batch) = poll_fn(|cx| self.link.lane.poll_batch(cx, BATCH)).await {
            self.counters.frames.add(batch.len() as u64);
            let emissions = match self.desk.may_block() {
                true => {
                    let parts = Arc::clone(&self);
                    let handled = tokio::task::spawn_blocking(move || {
                        let mut transcripts = parts.lock();
                        parts.desk.handle(id, batch, &mut transcripts)
                    });
                    handled.await.unwrap_or_else(|error| {
                        tracing::error!(agent = id, %error, "messages were not handled to the end");
                        Vec::new()
                    })
                }
                false => self.desk.handle(id, batch, &mut self.lock()),
            };
            for emission in emissions {
                events.publish(id, emission).await;
            }
        }
        if self.desk.keeper.is_some() {
            let parts = Arc::clone(&self);
            let finish = move || parts.desk.finish(&mut parts.lock());
            if let Err(error) = tokio::task::spawn_blocking(finish).await {
                tracing::error!(agent = id, %error, "what was being said is lost");
            }
        }
        self.part().await;
        let gone = Emission::Disconnected(AgentDisconnected { agent: id });
        events.publish(id, gone).await;
    }

    /// Lets the socket go, after what waits for the agent has left.
    async fn part(&self) {
        let flushed = poll_fn(|cx| self.link.outbox.poll_flushed(cx));
        let ended = self.link.ended();
        tokio::select! {
            biased;
            () = ended => {}
            _ = tokio::time::timeout(FLUSH, flushed) => {
                self.link.outbox.close(RESTART, false);
                // A socket that does not end is cut with the server.
                let _ = tokio::time::timeout(LINGER, self.link.ended()).await;
            }
        }
        self.hub.remove(self.link.id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Transcripts> {
        self.transcripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The device stops.
const RESTART: u16 = 1_012;
