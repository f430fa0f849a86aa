//! Web hooks: calls that a platform makes of its own accord, in the background, so that no dead receiver holds anybody up.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use tokio::sync::mpsc;

use super::host::Post;
use crate::platform::http::{Exchange, HttpRequest};

/// The calls on their way; every receiver gets its own one after another.
#[derive(Debug)]
pub(super) struct Hooks {
    calls: mpsc::Sender<Post>,
    listener: Option<mpsc::Receiver<Post>>,
    figures: Arc<Figures>,
}

/// What became of the calls.
#[derive(Debug, Default)]
struct Figures {
    delivered: AtomicU64,
    /// Every attempt failed, or too many calls waited.
    failed: AtomicU64,
}

/// The end that makes the calls.
pub(super) struct Calls {
    posts: mpsc::Receiver<Post>,
    figures: Arc<Figures>,
}

impl Default for Hooks {
    fn default() -> Self {
        let (calls, listener) = mpsc::channel(WAITING);
        Self {
            calls,
            listener: Some(listener),
            figures: Arc::default(),
        }
    }
}

impl Hooks {
    /// Hands a call over; one for which there is no room has failed.
    pub(super) fn call(&self, post: Post) {
        if self.calls.try_send(post).is_err() {
            self.figures.fail("too many calls of web hooks wait");
        }
    }

    /// Takes the other end; there is one.
    pub(super) fn listen(&mut self) -> Option<Calls> {
        let posts = self.listener.take()?;
        let figures = Arc::clone(&self.figures);
        Some(Calls { posts, figures })
    }

    /// Returns how many calls were delivered, and how many failed for good.
    pub(super) fn figures(&self) -> (u64, u64) {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        (read(&self.figures.delivered), read(&self.figures.failed))
    }
}

impl Figures {
    fn fail(&self, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(why, "a call of a web hook failed");
    }
}

/// Makes the calls for as long as there may be some; `connect` is asked for a network at the first one.
pub(super) async fn run(mut calls: Calls, connect: impl FnOnce() -> Rc<dyn Exchange>) {
    let Some(mut post) = calls.posts.recv().await else {
        return;
    };
    let exchange = connect();
    let mut lanes: BTreeMap<String, Lane> = BTreeMap::new();
    loop {
        lanes.retain(|url, lane| *url == post.url || lane.left.get() > 0);
        if lanes.len() >= RECEIVERS && !lanes.contains_key(&post.url) {
            calls.figures.fail("too many receivers are behind");
        } else {
            let lane = lanes.entry(post.url.clone()).or_insert_with(|| {
                let (bodies, waiting) = mpsc::channel(WAITING);
                let left = Rc::new(Cell::new(0));
                let figures = Arc::clone(&calls.figures);
                let receiver = Receiver {
                    url: post.url.clone(),
                    left: Rc::clone(&left),
                    exchange: Rc::clone(&exchange),
                    figures,
                };
                tokio::task::spawn_local(receiver.deliver(waiting));
                Lane { bodies, left }
            });
            match lane.bodies.try_send(post.body) {
                Ok(()) => lane.left.set(lane.left.get() + 1),
                Err(_) => calls.figures.fail("the receiver is too far behind"),
            }
        }
        match calls.posts.recv().await {
            Some(next) => post = next,
            None => return,
        }
    }
}

/// The way to one receiver.
struct Lane {
    bodies: mpsc::Sender<Bytes>,
    /// How many calls wait or are being made.
    left: Rc<Cell<usize>>,
}

struct Receiver {
    url: String,
    left: Rc<Cell<usize>>,
    exchange: Rc<dyn Exchange>,
    figures: Arc<Figures>,
}

impl Receiver {
    /// Makes one call after another.
    async fn deliver(self, mut bodies: mpsc::Receiver<Bytes>) {
        while let Some(body) = bodies.recv().await {
            match self.succeeds(&body).await {
                true => _ = self.figures.delivered.fetch_add(1, Ordering::Relaxed),
                false => self.figures.fail("no attempt was answered with success"),
            }
            self.left.set(self.left.get() - 1);
        }
    }

    async fn succeeds(&self, body: &Bytes) -> bool {
        for pause in PAUSES {
            if attempt(&*self.exchange, &self.url, body.clone()).await {
                return true;
            }
            tokio::time::sleep(pause).await;
        }
        attempt(&*self.exchange, &self.url, body.clone()).await
    }
}

async fn attempt(exchange: &dyn Exchange, url: &str, body: Bytes) -> bool {
    let request = HttpRequest {
        method: "POST",
        url: url.to_owned(),
        headers: vec![("content-type", SecretString::from("application/json"))],
        body,
        secrets: Vec::new(),
    };
    let answer = tokio::time::timeout(PATIENCE, exchange.exchange(request, ANSWER_LIMIT)).await;
    matches!(answer, Ok(Ok(answer)) if (200..300).contains(&answer.status))
}

/// How long the platform waits before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: usize = 1 << 20;
/// How many calls may wait for a receiver.
const WAITING: usize = 1_024;
/// How many receivers may be behind.
const RECEIVERS: usize = 256;
