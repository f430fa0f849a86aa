//! Making memories of what was said.

use std::sync::Arc;

use actix::prelude::*;
use greenroom_actors::mailbox::Ref;
use greenroom_actors::supervisor::Supervised as _;
use tokio::sync::{oneshot, watch};

use super::cloud::{Push, Summarize, Summary};
use super::files::Files;
use super::paths::Folders;
use super::session;
use super::store::Keeper;

/// What a memory is made with.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) folders: Arc<Folders>,
    pub(super) files: Files,
    pub(super) keeper: Arc<Keeper>,
    pub(super) summarize: Ref<Summarize>,
    pub(super) push: Ref<Push>,
    pub(super) ready: watch::Receiver<bool>,
}

/// Makes a memory after so many turns, one job after another.
///
/// * **Who starts it**: the branch of the platform, if messages are stored.
/// * **What ends it**: shutdown. A job that waits for the cloud is given up then, since its summary would be dropped.
/// * **What happens to its mailbox then**: turns that were not counted yet are.
/// * **What it may lose**: the job that it is at when it is killed; the messages are there for the next one.
pub(super) struct MemoryKeeper {
    parts: Parts,
    turns: u64,
    is_busy: bool,
    /// Another job is due, and who waits for it.
    due: bool,
    waiting: Vec<oneshot::Sender<bool>>,
    /// Told when nobody waits for the cloud any more.
    stopping: watch::Sender<bool>,
}

impl MemoryKeeper {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            turns: 0,
            is_busy: false,
            due: false,
            waiting: Vec::new(),
            stopping: watch::Sender::new(false),
        }
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        if self.is_busy {
            self.due = true;
            return;
        }
        self.is_busy = true;
        self.due = false;
        let waiting = std::mem::take(&mut self.waiting);
        let job = self.parts.clone().job(self.stopping.subscribe());
        let job = job.into_actor(self);
        ctx.spawn(job.map(move |made, keeper, ctx| {
            for one in waiting {
                let _ = one.send(made);
            }
            keeper.is_busy = false;
            match (keeper.due, ctx.is_told_to_stop()) {
                (_, true) => ctx.stop(),
                (true, false) => keeper.begin(ctx),
                (false, false) => {}
            }
        }));
    }
}

impl Actor for MemoryKeeper {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.stopping.send_replace(true);
        match self.is_busy {
            true => Running::Continue,
            false => Running::Stop,
        }
    }
}

/// So many messages of the assistant were completed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Turn(pub(super) u64);

impl Handler<Turn> for MemoryKeeper {
    type Result = ();

    fn handle(&mut self, Turn(turns): Turn, ctx: &mut Self::Context) {
        let files = &self.parts.files;
        self.turns += turns;
        let window = u64::try_from(files.window()).unwrap_or(u64::MAX);
        if self.turns.saturating_mul(2) < window {
            return;
        }
        self.turns = 0;
        if files.makes_memories() {
            self.begin(ctx);
        }
    }
}

/// Makes a memory now; answers whether there is a new one.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(super) struct Generate;

impl Handler<Generate> for MemoryKeeper {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: Generate, ctx: &mut Self::Context) -> Self::Result {
        if !self.parts.files.makes_memories() {
            return Box::pin(async { false });
        }
        let (made, answer) = oneshot::channel();
        self.waiting.push(made);
        self.begin(ctx);
        Box::pin(async move { answer.await.unwrap_or(false) })
    }
}

/// A conversation begins at the agent: the cloud is told what is remembered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Begun;

impl Handler<Begun> for MemoryKeeper {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Begun, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.parts.clone().pushed())
    }
}

/// Writes the session file now; answers whether that worked.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(super) struct WriteSession;

impl Handler<WriteSession> for MemoryKeeper {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: WriteSession, _: &mut Self::Context) -> Self::Result {
        let parts = self.parts.clone();
        Box::pin(async move { parts.apart(Parts::write_session).await.unwrap_or(false) })
    }
}

impl Parts {
    /// Runs what blocks on a thread where it may.
    async fn apart<R: Send + 'static>(
        &self,
        run: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> Option<R> {
        let parts = self.clone();
        let done = tokio::task::spawn_blocking(move || run(&parts)).await;
        done.inspect_err(|error| tracing::error!(%error, "the memory"))
            .ok()
    }

    pub(super) fn write_session(&self) -> bool {
        let written = session::write_messages(&self.folders, &self.files, &self.keeper);
        if let Err(error) = &written {
            tracing::warn!(%error, "the session file was not written");
        }
        written.is_ok()
    }

    fn latest(&self) -> Option<String> {
        let latest = self.keeper.service().get_latest_memory();
        latest
            .map(|memory| memory.content)
            .filter(|text| !text.is_empty())
    }

    /// Makes a memory; gives up when the device stops while the cloud has the word.
    async fn job(mut self, mut stopping: watch::Receiver<bool>) -> bool {
        let stopped = async {
            // Without the sender nothing runs any more.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let mut stopped = std::pin::pin!(stopped);
        // The cloud may have a say in how long the window is.
        let ready = async {
            let _ = self.ready.wait_for(|ready| *ready).await;
        };
        tokio::select! {
            biased;
            () = &mut stopped => return false,
            () = ready => {}
        }
        let read = |parts: &Self| {
            parts.write_session();
            let history = parts.keeper.tail(parts.files.window());
            (history, parts.latest())
        };
        let Some((history, latest)) = self.apart(read).await else {
            return false;
        };
        let summary = self.summarize.ask(Summarize { history, latest });
        let summary = tokio::select! {
            biased;
            () = &mut stopped => {
                tracing::warn!("no memory is made: the device stops before there is a summary");
                return false;
            }
            summary = summary => summary,
        };
        match summary {
            Ok(Summary::Text(text)) => {
                let kept = self.apart(move |parts| parts.keeper.remember(&text)).await;
                if kept == Some(true) {
                    tokio::select! {
                        biased;
                        () = &mut stopped => {}
                        () = self.pushed() => {}
                    }
                }
                kept.unwrap_or(false)
            }
            Ok(Summary::Impossible) => {
                tracing::warn!("no memory is made: the key or the agent's id is missing");
                false
            }
            Ok(Summary::None) | Err(_) => false,
        }
    }

    async fn pushed(self) {
        if let Some(latest) = self.apart(Self::latest).await {
            // What went wrong was told by whom it was asked.
            let _ = self.push.ask(Push(latest)).await;
        }
    }
}
