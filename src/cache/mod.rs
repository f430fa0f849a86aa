//! The message cache of a bot that runs, for other processes.
//!
//! The engine lets one process at a time have the folder. So whoever has it opens a door: a socket beside the folder, which only the
//! same user may use. Through it another process reads and changes the very same cache, what was not written yet included.
//!
//! ```text
//! bot ── Cache ── shards ── folder        mezon-cache/
//!          └───── CacheDoor ── socket     mezon-cache.sock ── Remote ── Cache of another process
//! ```

mod door;
mod remote;
mod transport;
mod words;

pub use door::CacheDoor;
pub use remote::Remote;
