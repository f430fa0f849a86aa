//! The device as a client of the cloud.

mod actor;
mod calls;

pub(super) use actor::{Cloud, Push, Realtime, Summarize, Summary, Variables};
pub(super) use calls::Calls;
pub use calls::Priority;
