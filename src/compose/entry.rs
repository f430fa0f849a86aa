//! Kinds of handlers that a program of one's own adds.

use std::fmt;

use actix::{Actor, Context};
use greenroom_actors::event::{Event, Payload};
use greenroom_actors::router::{Closure, Delivery, Outcome, Registration, closure};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::filters::around;
use crate::config::{Handler, Kinds};

/// What the configuration says of a handler beside its options, when the handler is made.
#[derive(Clone)]
pub struct Entry {
    name: String,
    delivery: Delivery,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Returns the name of the handler.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how events are handed to it.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Registers the actor that `factory` makes, a new value at each start; say with [`Registration::on`] what it handles.
    pub fn actor<A: Actor<Context = Context<A>>>(
        &self,
        factory: impl Fn() -> A + Send + Sync + 'static,
    ) -> Registration<A> {
        Registration::new(&self.name, factory).delivery(self.delivery)
    }

    /// Registers an async closure for events of type `T`.
    pub fn closure<T, F>(&self, handle: F) -> Registration<Closure<T>>
    where
        T: Payload,
        F: AsyncFn(Event<T>) -> Outcome + Send + Sync + 'static,
    {
        closure(&self.name, handle).delivery(self.delivery)
    }
}

impl Kinds {
    /// Adds a kind of handlers, in place of one that had this name. `make` is called for each handler of that kind when the bot is
    /// composed, with its options and with what else is said of it; the filters and the cooldown are put around what it returns.
    ///
    /// What `check --print` shows of the options is what serde writes; a secret is kept back with
    /// `#[serde(serialize_with = "greenroom::config::redacted")]`. The names of what every handler has, such as `channels`, cannot be
    /// those of options.
    ///
    /// # Examples
    ///
    /// See [`compose`](crate::compose).
    #[must_use]
    pub fn with<O, A>(
        mut self,
        name: &str,
        make: impl Fn(O, &Entry) -> Registration<A> + Send + Sync + 'static,
    ) -> Self
    where
        O: Clone + DeserializeOwned + Serialize + Send + Sync + 'static,
        A: Actor<Context = Context<A>>,
    {
        self.own(name, move |options: O, bot, handler: &Handler| {
            let entry = Entry {
                name: handler.name.clone(),
                delivery: Delivery::from(&handler.delivery),
            };
            bot.handler(around(make(options, &entry), handler))
        });
        self
    }
}
