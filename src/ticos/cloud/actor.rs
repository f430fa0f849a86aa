//! The actor that calls the cloud.

use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use greenroom_actors::telemetry::Counters;
use serde_json::Value;
use tokio::sync::watch;

use super::calls::{Calls, Priority};
use crate::ticos::store::Message as Row;

/// Calls the cloud, each call for itself.
///
/// * **Who starts it**: the branch of the platform. At its first start it fetches the agent's configuration and sends the variables.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: what waits is done first, within its deadline.
/// * **What it may lose**: the calls that are under way when it is killed.
pub(in crate::ticos) struct Cloud {
    calls: Rc<Calls>,
    /// True once what the cloud says of the agent is known, or will not come.
    ready: Arc<watch::Sender<bool>>,
    counters: Arc<Counters>,
}

impl Cloud {
    pub(in crate::ticos) fn new(
        calls: Calls,
        ready: Arc<watch::Sender<bool>>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            calls: Rc::new(calls),
            ready,
            counters,
        }
    }

    /// Runs once the configuration is complete.
    fn when_ready<R: 'static>(
        &self,
        run: impl AsyncFnOnce(Rc<Calls>) -> R + 'static,
    ) -> ResponseFuture<R> {
        let (mut ready, calls) = (self.ready.subscribe(), Rc::clone(&self.calls));
        self.counters.sent.add(1);
        Box::pin(async move {
            // The actor holds the other end.
            let _ = ready.wait_for(|ready| *ready).await;
            run(calls).await
        })
    }
}

impl Actor for Cloud {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if *self.ready.borrow() {
            return;
        }
        let (calls, ready) = (Rc::clone(&self.calls), Arc::clone(&self.ready));
        let begin = async move {
            if let Some(config) = calls.agent_config().await {
                calls.files().merge(config);
            }
            ready.send_replace(true);
            calls.variables(Priority::Low).await;
        };
        ctx.spawn(begin.into_actor(self));
    }
}

/// Sends the variables of the session; answers whether the cloud took them.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(in crate::ticos) struct Variables(pub(in crate::ticos) Priority);

impl Handler<Variables> for Cloud {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, Variables(priority): Variables, _: &mut Self::Context) -> Self::Result {
        let calls = Rc::clone(&self.calls);
        Box::pin(async move { calls.variables(priority).await })
    }
}

/// Sends a realtime message; answers whether that worked.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(in crate::ticos) struct Realtime(pub(in crate::ticos) Value);

impl Handler<Realtime> for Cloud {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, Realtime(message): Realtime, _: &mut Self::Context) -> Self::Result {
        let calls = Rc::clone(&self.calls);
        Box::pin(async move {
            let Value::Object(mut message) = message else {
                return false;
            };
            if !message.contains_key("event_id") {
                message.insert("event_id".to_owned(), calls.event_id().into());
            }
            calls.realtime(vec![Value::Object(message)]).await
        })
    }
}

/// Tells the cloud what is remembered, if anything is; answers whether that worked.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(in crate::ticos) struct Push(pub(in crate::ticos) Option<String>);

impl Handler<Push> for Cloud {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, Push(latest): Push, _: &mut Self::Context) -> Self::Result {
        self.when_ready(async move |calls| {
            if !calls.files().makes_memories() || calls.files().agent_id().is_empty() {
                return false;
            }
            match calls.push(latest.as_deref()) {
                Some(messages) => calls.realtime(messages).await,
                None => false,
            }
        })
    }
}

/// Has a conversation summarized; answers with the summary, if there is one.
#[derive(Debug, Message)]
#[rtype(result = "Summary")]
pub(in crate::ticos) struct Summarize {
    pub(in crate::ticos) history: Vec<Row>,
    pub(in crate::ticos) latest: Option<String>,
}

/// What became of a summary.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ticos) enum Summary {
    /// There is nothing to ask with.
    Impossible,
    /// There is none.
    None,
    Text(String),
}

impl Handler<Summarize> for Cloud {
    type Result = ResponseFuture<Summary>;

    fn handle(&mut self, ask: Summarize, _: &mut Self::Context) -> Self::Result {
        self.when_ready(async move |calls| {
            if !calls.can_summarize() {
                return Summary::Impossible;
            }
            let summary = calls.summarize(&ask.history, ask.latest.as_deref());
            summary.await.map_or(Summary::None, Summary::Text)
        })
    }
}
