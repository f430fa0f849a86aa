//! The bounds of the platform, and ours.

use std::time::Duration;

/// The biggest message, fragments joined.
pub(super) const MESSAGE: usize = 16 << 20;
/// How many messages of one agent may wait for handlers before its socket is no longer read.
pub(super) const QUEUE: usize = 1_024;
/// How many bytes of messages of one agent may wait for handlers, beside the message that goes beyond.
pub(super) const QUEUE_BYTES: usize = MESSAGE;
/// How many messages of one agent are handled before another one gets its turn on a busy machine.
pub(super) const BATCH: usize = 256;
/// How many frames may wait for an agent that does not read.
pub(super) const OUT_FRAMES: usize = 4_096;
/// How many bytes may wait for an agent that does not read.
pub(super) const OUT_BYTES: usize = 8 << 20;
/// How often an agent is pinged by default; it is gone if nothing came until the next time.
pub(super) const PING: Duration = Duration::from_secs(20);
/// How long broadcasts may take to leave when the device stops.
pub(super) const FLUSH: Duration = Duration::from_secs(1);
/// How long a socket is read on after a close frame was sent, so that the frame arrives and is answered.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// How long what an agent goes on sending is thrown away after a close frame, so that the frame arrives.
pub(super) const DRAIN: Duration = Duration::from_secs(5);
/// How long an agent gets to finish when the device stops.
pub(super) const AGENT_STOP: Duration = Duration::from_millis(2_500);
/// After how long without progress the system ends a connection whose agent does not read.
pub(super) const STUCK: Duration = Duration::from_secs(45);
/// How long one transcript may grow, in bytes.
pub(super) const TRANSCRIPT: usize = MESSAGE;
/// How many items of one agent may be open at once.
pub(super) const OPEN_ITEMS: usize = 64;
/// How many items of users are remembered while nothing is stored.
pub(super) const SEEN_ITEMS: usize = 10_000;
/// How much of a cloud's answer is read.
pub(super) const CLOUD_BODY: usize = 8 << 20;
/// How long a job of memory generation, which gives up then, may take for what is on this machine.
pub(super) const MEMORY_STOP: Duration = Duration::from_secs(2);
/// The most rows of one page over HTTP.
pub(super) const PAGE: u64 = 100_000;
