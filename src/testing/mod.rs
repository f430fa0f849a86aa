//! Tests of bots: a bot, the simulated platforms and all that can go wrong, in one process and in no time.
//!
//! A test sets a [`Stage`], starts a bot on it, lets users speak and says what it expects. There are no sockets and no waiting: the
//! clock is stopped while anybody has something to do, and jumps to the next thing that is due when nobody has. Hours take
//! milliseconds. All of it runs on one thread and from one seed, so that the same happens each time.
//!
//! The program needs it for `greenroom chaos`; a bot with fewer features switches it on for its tests only:
//!
//! ```toml
//! [dev-dependencies]
//! greenroom = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # Say and expect
//!
//! ```
//! use greenroom::prelude::*;
//!
//! greenroom::testing::run(async |world| {
//!     let bot = Bot::builder("b").on("ping", async |message: Event<ChatMessage>| {
//!         if message.text == "!ping" {
//!             message.reply("Pong!").await?;
//!         }
//!         Ok(())
//!     });
//!     let bot = world.start(bot).await;
//!     world.say("alice", "general", "!ping");
//!     bot.expect_reply("Pong!").await;
//! });
//! ```
//!
//! This is the body of a plain `#[test]`. The bot is on all simulated platforms, with the accounts of their [default
//! worlds](crate::simulator); a bot that has a platform of its own is left there, at [`TestPlatform::url`].
//!
//! # Let it go wrong
//!
//! [`TestPlatform::fault`] takes any [`Fault`](crate::simulator::Fault), [`TestPlatform::chaos`] a rate at which they happen by themselves.
//!
//! ```
//! use std::time::Duration;
//! use greenroom::handlers::Echo;
//! use greenroom::prelude::*;
//! use greenroom::simulator::FaultKind;
//!
//! greenroom::testing::run(async |world| {
//!     let echo = Registration::new("echo", || Echo::new("!echo")).on::<ChatMessage>();
//!     let bot = world.start(Bot::builder("b").handler(echo)).await;
//!     world.mezon().fault(FaultKind::Disconnect);
//!     world.say("alice", "general", "!echo still there?");
//!     bot.expect_reply("still there?").await;
//!     bot.assert_reconnects(1);
//!
//!     world.advance(Duration::from_secs(24 * 3_600)).await;
//!     bot.assert_nothing_lost();
//!     bot.assert_no_dead_letters();
//!     bot.assert_restarts(0);
//! });
//! ```
//!
//! # Look, save and run again
//!
//! [`Stage::trace`] has everything that happened, in virtual time. A failed test prints its end and the seed; set `GREENROOM_SEED` to run the
//! test again with the same or another one. A trace that was [saved](Trace::save) can be [replayed](replay()) against the bot as it is now.
//!
//! # What to keep in mind
//!
//! * Time goes by only while the test waits: for a reply, in [`Stage::advance`], in any `sleep` of tokio.
//! * A thread of one's own, or blocking work, makes the clock jump too early. Adapters start none here.
//! * Handlers that read the time or draw random numbers do it by [`clock`](crate::actors::clock) and
//!   [`Entropy`](crate::actors::entropy::Entropy), or the same will not happen each time.
//! * Branches of `tokio::select!` are tried in a random order unless it is `biased`.

mod bot;
mod chaos;
mod heard;
mod network;
mod platform;
mod probe;
mod replay;
mod stage;
mod trace;

pub use self::bot::{Losses, TestBot};
pub use self::chaos::{ChaosReport, ChaosRun, Line, Recovery, Sample as ChaosSample, timeline};
pub use self::heard::Said;
pub use self::platform::TestPlatform;
pub use self::replay::{Replay, ReplayError, replay};
pub use self::stage::{Stage, StageBuilder, run};
pub use self::trace::Trace;
