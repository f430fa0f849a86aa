//! Commands and dialogues for chat messages.

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{Event, Id};
use greenroom_actors::utterance::{Mention, Utterance};
use greenroom_actors::{command, dialogue};

use super::{ChatMessage, Outgoing, Reply, Sent, Speak};

/// One call of a command; see [`command::Call`].
pub type Call = command::Call<ChatMessage>;
/// Who may use a command, and where; see [`command::Check`].
pub type Check = command::Check<ChatMessage>;
/// A command that people can call; see [`command::Command`].
pub type Command = command::Command<ChatMessage>;
/// All commands with their prefix; see [`command::Commands`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom::prelude::*;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Tip { who: Mention, amount: u64, note: Option<Rest> }
///
/// let commands = Commands::new("!").command(
///     Command::new("tip", async |call: Call, tip: Tip| {
///         call.reply(format!("{} tokens for {}", tip.amount, tip.who.name)).await?;
///         Ok(())
///     })
///     .about("Gives tokens to somebody")
///     .cooldown(Duration::from_secs(10)),
/// );
/// let bot = Bot::builder("tips").commands("commands", commands);
/// # drop(bot);
/// ```
pub type Commands = command::Commands<ChatMessage>;
/// A conversation in several steps; see [`dialogue::Dialogue`].
///
/// # Examples
///
/// ```
/// use greenroom::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Order { Begin, Size }
///
/// let order = Dialogue::new("order", async |message: Event<ChatMessage>, order: Order| {
///     match order {
///         Order::Begin => {
///             message.reply("Which size?").await?;
///             Ok(Next::To(Order::Size))
///         }
///         Order::Size => {
///             message.reply(format!("A {} one, coming up.", message.text)).await?;
///             Ok(Next::Done)
///         }
///     }
/// })
/// .begins(|message| message.command("!order").map(|_| Order::Begin));
/// let bot = Bot::builder("orders").dialogue(order);
/// # drop(bot);
/// ```
pub type Dialogue<S> = dialogue::Dialogue<S, ChatMessage>;
/// Begins, sees and ends dialogues from elsewhere; see [`dialogue::DialogueRef`].
pub type DialogueRef<S> = dialogue::DialogueRef<S, ChatMessage>;

impl Utterance for ChatMessage {
    fn text(&self) -> &str {
        &self.text
    }

    fn speaker(&self) -> &Id {
        &self.author.id
    }

    fn is_own(&self) -> bool {
        self.is_own
    }

    fn is_direct(&self) -> bool {
        self.is_direct
    }

    fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    fn answer(event: &Event<Self>, text: String) -> BoxFuture<'static, Result<(), RequestError>> {
        event.reply(text).map(|sent| sent.map(drop)).boxed()
    }
}

impl Speak for Call {
    fn say(&self, message: impl Into<Outgoing>) -> BoxFuture<'static, Result<Sent, RequestError>> {
        self.saying(self.event().say(message))
    }

    fn has_buttons(&self) -> bool {
        self.event().has_buttons()
    }
}

impl Reply for Call {
    fn reply(
        &self,
        message: impl Into<Outgoing>,
    ) -> BoxFuture<'static, Result<Sent, RequestError>> {
        self.saying(self.event().reply(message))
    }
}
