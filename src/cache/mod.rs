//! The message cache of a bot: what each platform keeps of what was said, and the door to it for other processes.
//!
//! Messages go into a log that writes them off the path of the events, one for each platform and folder.
//!
//! The engine lets one process at a time have the folder. So whoever has it opens a door: a socket beside the folder, which only the
//! same user may use. Through it another process reads and changes the very same cache, what was not written yet included.
//!
//! ```text
//! connection ── MessageLog ─┐
//! bot ─────────────────── Cache ── shards ── folder      mezon-cache/
//!                           └─── CacheDoor ── socket     mezon-cache.sock ── Remote ── Cache of another process
//! ```

#[cfg(unix)]
mod door;
mod kept;
mod log;
mod options;
#[cfg(unix)]
mod remote;
#[cfg(test)]
mod tests;
#[cfg(unix)]
mod transport;
#[cfg(unix)]
mod words;
mod writer;

#[cfg(unix)]
pub use door::CacheDoor;
pub(crate) use kept::Kept;
pub(crate) use log::{Key, MessageLog, News, Noted};
pub use options::CacheOptions;
#[cfg(unix)]
pub use remote::Remote;
