//! Commands: `!tip @bob 10` becomes a call of an async closure with a plain struct.
//!
//! A vocabulary of chat implements [`Utterance`](crate::utterance::Utterance); the rest is here. [`Words`] splits a text, serde reads
//! the words into the arguments, [`Check`] and cooldowns say who may, and the help is written from what a [`Command`] is.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use greenroom_actors::command::{Call, Command, Commands, Rest};
//! use greenroom_actors::utterance::{Mention, Utterance};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Tip { who: Mention, amount: u64, note: Option<Rest> }
//!
//! # fn commands<T: Utterance>() -> Commands<T> {
//! Commands::new("!").command(
//!     Command::new("tip", async |call: Call<T>, tip: Tip| {
//!         let text = format!("{} tokens for {}", tip.amount, tip.who.name);
//!         call.saying(T::answer(&call, text)).await?;
//!         Ok(())
//!     })
//!     .about("Gives tokens to somebody")
//!     .cooldown(Duration::from_secs(10)),
//! )
//! # }
//! ```

mod actor;
mod argument;
mod call;
mod check;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the room is named after"
)]
mod command;
mod commands;
mod duration;
mod help;
mod probe;
mod progress;
mod reader;
mod refusal;
mod shape;
#[cfg(test)]
mod tests;
mod words;

pub use actor::CommandActor;
pub use argument::{ArgumentError, ChannelMention, Kind, Problem, Rest, RoleMention};
pub use call::Call;
pub use check::Check;
pub use command::Command;
pub use commands::{CommandFaults, Commands};
pub use duration::parse_duration;
pub use refusal::Refusal;
pub use words::{Word, Words, quote};
