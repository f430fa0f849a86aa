//! The kinds of handlers that this bot has beside the ready-made ones.

mod cheers;

use greenroom::compose::Kinds;
use greenroom::prelude::*;

pub use cheers::{Cheers, Options};

/// Names the kinds; `greenroom.toml` says of which handlers the bot is composed. A kind without options has a struct without fields: `struct NoOptions {}`.
pub fn kinds() -> Kinds {
    Kinds::default().with("cheers", |options: Options, entry| {
        let cheers = entry.actor(move || Cheers::new(&options));
        cheers.on::<ChatMessage>()
    })
}
