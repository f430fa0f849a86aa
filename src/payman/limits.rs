//! The limits of the platform, and ours: the values that nobody outside of it can know are changed here.

use std::time::Duration;

/// The longest answer, and the longest event of a stream, in bytes.
pub(super) const MAX_BODY: usize = 16 << 20;
/// How much of the body of a refusal is read, in bytes.
pub(super) const MAX_REFUSAL: usize = 1 << 20;
/// How long before its end a token counts as expired.
pub(super) const MARGIN: Duration = Duration::from_secs(60);
/// How long a request for a token may take.
pub(super) const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to tell the platform that a task is cancelled.
pub(super) const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);
/// How often something is tried in all that surely was not carried out.
pub(super) const ATTEMPTS: u32 = 3;
/// The longest wait that the platform may ask for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The longest wait before another try that nobody asked for.
pub(super) const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// How many asks of one client may be under way; more wait.
pub(super) const MAX_ASKS: usize = 1_024;
/// How many asks that are made once only are remembered.
pub(super) const MAX_REMEMBERED: usize = 4_096;
/// How long open streams may go on once the bot is told to stop.
pub(super) const STREAM_GRACE: Duration = Duration::from_millis(500);

pub(super) const TOKEN_PATH: &str = "/api/oauth2/token";
pub(super) const SEND: (&str, &str) = ("/api/a2a/tasks/send", "tasks.send");
pub(super) const SUBSCRIBE: (&str, &str) = ("/api/a2a/tasks/sendSubscribe", "tasks.sendSubscribe");
pub(super) const GET: (&str, &str) = ("/api/a2a/tasks/get", "tasks.get");
pub(super) const CANCEL: (&str, &str) = ("/api/a2a/tasks/cancel", "tasks.cancel");
