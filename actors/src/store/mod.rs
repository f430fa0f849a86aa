//! Small durable state: typed shelves in one folder, for what must outlive the process and fits into memory many times over.
//!
//! A bot has one [`Store`]; dead letters, leftovers and dialogues are shelves of it. Writing only changes memory: a thread of the
//! store's own hands changes to the engine, so no arbiter waits for the disk. Reading sees what was written, on disk or not.
//!
//! | what | when |
//! |---|---|
//! | a read sees it | at once |
//! | the engine has it | milliseconds later, in the order of the writes of one shelf |
//! | it survives `kill -9` and power loss | after `flush_every` (500 ms), or [`Store::flush`] |

pub(crate) mod engine;
mod error;
mod shelf;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the room is named after"
)]
mod store;
mod table;
mod writer;

#[doc(hidden)]
pub use engine::{Gate, open as open_engine, open_in_segments as open_engine_in_segments};
pub use error::StoreError;
pub use shelf::Shelf;
pub use store::{Store, StoreSettings, StoreStats};
pub use table::Bounds;
