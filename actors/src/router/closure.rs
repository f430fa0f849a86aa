//! Closures as handlers.

use std::sync::Arc;

use actix::{Actor, ActorFutureExt, Context, Handler, ResponseActFuture, WrapFuture};
use futures::future::LocalBoxFuture;

use super::{Outcome, Registration};
use crate::event::{Event, Payload};

/// A handler actor around a closure; made by [`closure`].
pub struct Closure<T> {
    call: Arc<dyn Fn(Event<T>) -> LocalBoxFuture<'static, Outcome> + Send + Sync>,
}

impl<T> std::fmt::Debug for Closure<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Closure<{}>", crate::event::short_type_name::<T>())
    }
}

impl<T: Payload> Actor for Closure<T> {
    type Context = Context<Self>;
}

impl<T: Payload> Handler<Event<T>> for Closure<T> {
    type Result = ResponseActFuture<Self, Outcome>;

    fn handle(&mut self, event: Event<T>, _: &mut Self::Context) -> Self::Result {
        // Run inside the actor's context, so that a panic in it is the actor's.
        Box::pin(
            (self.call)(event)
                .into_actor(self)
                .map(|outcome, _, _| outcome),
        )
    }
}

/// Registers an async closure for events of type `T`. It has no state of its own; what needs state is better an actor.
///
/// # Examples
///
/// ```
/// use greenroom_actors::event::Event;
/// use greenroom_actors::router::{Router, closure};
///
/// let child = closure("shout", async |text: Event<String>| {
///     text.emit(text.len()).await;
///     Ok(())
/// })
/// .register(&Router::default());
/// # drop(child);
/// ```
pub fn closure<T, F>(name: &str, handle: F) -> Registration<Closure<T>>
where
    T: Payload,
    F: AsyncFn(Event<T>) -> Outcome + Send + Sync + 'static,
{
    let handle = Arc::new(handle);
    let call: Arc<dyn Fn(Event<T>) -> LocalBoxFuture<'static, Outcome> + Send + Sync> =
        Arc::new(move |event| {
            let handle = Arc::clone(&handle);
            Box::pin(async move { handle(event).await })
        });
    Registration::new(name, move || Closure {
        call: Arc::clone(&call),
    })
    .on::<T>()
}
