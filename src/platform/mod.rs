//! What every adapter gives to a bot.

mod adapter;

pub use adapter::{Adapter, Assembly, Source};
