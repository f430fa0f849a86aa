//! Registering handlers by the names that the platform's own clients have for that.

use greenroom_actors::connection::{Connected, Disconnected};
use greenroom_actors::event::{Event, Payload};
use greenroom_actors::router::{Closure, Delivery, Order, Outcome, Registration, closure};

use super::complaints::errors;
use super::event::{Gap, Problem, ReadReceipt, Typing};
use super::model::{Message, Unread};
use crate::bot::BotBuilder;

macro_rules! registrations {
    ($($(#[doc = $doc:literal])* ($method:ident, $Type:ty, $register:path),)*) => {
        /// Registers handlers for the events of Token Bowl Chat, each by a method of its own.
        ///
        /// They are the same as [`BotBuilder::on`] with the type of the event, but for the order: events are handled one after another in
        /// the order in which they came, whatever their conversation. `name` is the handler's, as in the tree of the bot; it
        /// must be its own. Each is optional. A handler that fails or panics is nothing to the others, and to the connection; `on_error`
        /// hears of it.
        ///
        /// # Examples
        ///
        /// ```
        /// use greenroom::prelude::*;
        /// use greenroom::token_bowl::TokenBowlEvents;
        ///
        /// let bot = Bot::builder("example")
        ///     .on_message("print", async |message| {
        ///         println!("{}: {}", message.from_username, message.content);
        ///         Ok(())
        ///     })
        ///     .on_error("complain", async |problem| {
        ///         eprintln!("{}", problem.text);
        ///         Ok(())
        ///     });
        /// # drop(bot);
        /// ```
        pub trait TokenBowlEvents: Sized {
            $(
                $(#[doc = $doc])*
                #[must_use]
                fn $method<F>(self, name: &str, handle: F) -> Self
                where
                    F: AsyncFn(Event<$Type>) -> Outcome + Send + Sync + 'static;
            )*
        }

        impl TokenBowlEvents for BotBuilder {
            $(
                fn $method<F>(self, name: &str, handle: F) -> Self
                where
                    F: AsyncFn(Event<$Type>) -> Outcome + Send + Sync + 'static,
                {
                    self.handler($register(name, handle))
                }
            )*
        }
    };
}

fn serial<T, F>(name: &str, handle: F) -> Registration<Closure<T>>
where
    T: Payload,
    F: AsyncFn(Event<T>) -> Outcome + Send + Sync + 'static,
{
    closure(name, handle).delivery(one_after_another())
}

pub(super) fn one_after_another() -> Delivery {
    Delivery {
        order: Order::Serial,
        ..Delivery::default()
    }
}

registrations! {
    /// Registers a handler that is called once for each connection that is established, before its messages.
    (on_connect, Connected, serial),
    /// Registers a handler that is called once for each connection that was established, when it is gone for whatever reason.
    (on_disconnect, Disconnected, serial),
    /// Registers a handler for what goes wrong: errors of the server, frames that cannot be used, losses of the connection, handlers that
    /// give up what came from there. Its own failures are only logged, and kept as dead letters.
    (on_error, Problem, errors),
    /// Registers a handler for the news that messages may have been lost.
    (on_gap, Gap, serial),
    /// Registers a handler for messages: of the room, of users, of the server itself.
    (on_message, Message, serial),
    /// Registers a handler for the news that somebody has read a message of the user.
    (on_read_receipt, ReadReceipt, serial),
    /// Registers a handler for the news that somebody types.
    (on_typing, Typing, serial),
    /// Registers a handler for the number of unread messages, asked for or not.
    (on_unread_count, Unread, serial),
}
