//! Dialogues: conversations in several steps, with a typed state that outlives the actor and the process.
//!
//! A dialogue is one async closure: it gets a message and the state, and returns what comes [`Next`]. Between two messages the state is
//! in a [`Store`](crate::store::Store).
//!
//! What the step says leaves before the new state is kept, and the message counts as handled when that is on the disk. So a crash
//! between the two never loses a state: the message is delivered once more, and at worst a question is repeated.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use greenroom_actors::dialogue::{Dialogue, Next};
//! use greenroom_actors::event::Event;
//! use greenroom_actors::utterance::Utterance;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! enum Order { Begin, Size, Address { size: String } }
//!
//! # fn order<T: Utterance>() -> Dialogue<Order, T> {
//! Dialogue::new("order", async |message: Event<T>, order: Order| {
//!     let answer = message.text().to_owned();
//!     let (say, next) = match order {
//!         Order::Begin => ("Which size?".to_owned(), Next::To(Order::Size)),
//!         Order::Size => ("Where to?".to_owned(), Next::To(Order::Address { size: answer })),
//!         Order::Address { size } => (format!("A {size} one to {answer}."), Next::Done),
//!     };
//!     T::answer(&message, say).await?;
//!     Ok(next)
//! })
//! .begins(|message| (message.text() == "!order").then_some(Order::Begin))
//! .cancelled_by("stop", "Never mind.")
//! .expires_after(Duration::from_secs(600))
//! # }
//! ```

mod actor;
mod book;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the room is named after"
)]
mod dialogue;
mod error;
mod keyed;
mod outcome;
mod reference;

pub use actor::DialogueActor;
pub use dialogue::{Dialogue, Registered, State};
pub use error::DialogueError;
pub use outcome::{DialogueDropped, DialogueExpired, DialogueFigures, Next};
pub use reference::DialogueRef;
