//! The server of the benchmarks: it answers a bot as the platform does, and then sends as fast as the bot takes, or at a given rate.
//!
//! It is a process of its own. What it has to say it prints, one JSON object a line: where it listens, that everybody has joined, when it
//! sends the first byte, and when it has sent the last one. It ends when its standard input does.

mod http;
mod socket;

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use greenroom_actors::clock::{self, Instant};
use serde_json::json;
use tokio::sync::Notify;

use self::http::Platform;
use super::dialect::Dialect;
use super::load::{Load, nanos};
use super::process;
use super::scene::Scene;
use crate::cli::Failure;

/// What is to be sent, and to whom.
#[derive(Args, Clone, Debug)]
pub(super) struct BlasterArgs {
    #[arg(long)]
    pub(super) wire: Dialect,
    /// How many events in all
    #[arg(long)]
    pub(super) events: u64,
    /// How many sockets they are spread over; nothing is sent before all of them have joined
    #[arg(long, default_value_t = 1)]
    pub(super) connections: usize,
    #[arg(long, default_value_t = 64)]
    pub(super) channels: usize,
    /// Events a second; 0 is as fast as they are taken
    #[arg(long, default_value_t = 0)]
    pub(super) rate: u64,
    /// How many times everybody is cut off, once all have joined
    #[arg(long, default_value_t = 0)]
    pub(super) cuts: usize,
    /// Take channels and people from a world of the simulator
    #[arg(long)]
    pub(super) world: Option<PathBuf>,
    /// What people say there, in turn
    #[arg(long)]
    pub(super) say: Vec<String>,
}

/// What all sockets of the blaster share.
#[derive(Debug)]
struct Blast {
    args: BlasterArgs,
    load: Load,
    /// How many sockets have joined.
    joined: Cell<usize>,
    start: Notify,
    /// Nanoseconds since 1970 of the start, once there was one.
    started: Cell<Option<u64>>,
    /// Sockets that still have something to send.
    sending: Cell<usize>,
    /// Cuts every socket off.
    cut: Notify,
    cuts: Cell<usize>,
    cut_at: Cell<Option<Instant>>,
    /// The next event, for the sockets together.
    next: Cell<u64>,
    /// Whether a socket has taken the events that cannot be shared out evenly.
    has_rest: Cell<bool>,
}

/// Serves until standard input ends.
pub(super) async fn run(args: BlasterArgs) -> Result<(), Failure> {
    let listener = http::listen().await.map_err(|error| network(&error))?;
    let address = listener
        .local_addr()
        .map_err(|error| network(&error))?
        .to_string();
    let scene = match &args.world {
        Some(world) => Scene::of_world(world, &args.say)?,
        None => Scene::standard(args.channels).saying(&args.say),
    };
    let blast = Rc::new(Blast {
        load: Load::new(args.wire, &scene),
        joined: Cell::new(0),
        start: Notify::new(),
        started: Cell::new(None),
        sending: Cell::new(args.connections),
        cut: Notify::new(),
        cuts: Cell::new(0),
        cut_at: Cell::new(None),
        next: Cell::new(0),
        has_rest: Cell::new(false),
        args,
    });
    let platform = Rc::new(Platform {
        dialect: blast.args.wire,
        address: address.clone(),
        scene,
    });
    process::say(
        &json!({"listening": format!("http://{address}"), "frame": blast.load.frame_size()}),
    )?;
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await.map_err(|error| network(&error))?;
            let (platform, blast) = (Rc::clone(&platform), Rc::clone(&blast));
            tokio::task::spawn_local(async move {
                // A client that breaks off is noticed by whoever waits for its report.
                if let Ok(Some(stream)) = http::serve(stream, &platform).await {
                    let _ = socket::run(stream, blast).await;
                }
            });
        }
    };
    tokio::select! {
        failed = accept => failed,
        () = process::until_told() => Ok(()),
    }
}

impl Blast {
    /// Notes that a socket has joined; once all have, the blast starts or everybody is cut off.
    fn join(self: &Rc<Self>) {
        self.joined.set(self.joined.get() + 1);
        if self.joined.get() < self.args.connections {
            return;
        }
        if let Some(at) = self.cut_at.take() {
            let ms = at.elapsed().as_secs_f64() * 1e3;
            let _ = process::say(&json!({"rejoined_ms": ms}));
        }
        let blast = Rc::clone(self);
        tokio::task::spawn_local(async move {
            // The bot may still be busy with its start.
            tokio::time::sleep(SETTLE).await;
            if blast.started.get().is_none() {
                let _ = process::say(&json!({"started": true}));
                blast.started.set(Some(nanos()));
                blast.start.notify_waiters();
            }
            if blast.cuts.get() < blast.args.cuts {
                blast.cuts.set(blast.cuts.get() + 1);
                blast.joined.set(0);
                blast.cut_at.set(Some(clock::now()));
                blast.cut.notify_waiters();
            }
        });
    }

    fn done(&self) {
        self.sending.set(self.sending.get() - 1);
        if self.sending.get() == 0 {
            let _ = process::say(&json!({"written": true}));
        }
    }
}

fn network(error: &io::Error) -> Failure {
    Failure::new(crate::cli::FailureKind::Network, error.to_string())
}

/// How long everybody has to become quiet before the first byte.
const SETTLE: Duration = Duration::from_millis(150);
