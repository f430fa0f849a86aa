//! Stable addresses: they survive the restarts of the actor behind them.

use std::fmt;
use std::sync::{Arc, PoisonError};

use actix::{Actor, Context, Handler, Message};
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::inbox::{Answer, Fate, Inbox, Letter, Post, Returned, put_away};
use super::{Accepted, Refused};
use crate::error::Retry;

/// Sending failed; the message comes back.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox is full. Trying again later can help.
    #[error("the mailbox is full")]
    Full(M),
    /// The actor has ended for good.
    #[error("the actor has stopped")]
    Stopped(M),
}

impl<M> SendError<M> {
    /// Returns the message.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Stopped(message) => message,
        }
    }

    /// Changes the message, such as to unpack it.
    pub fn map<N>(self, change: impl FnOnce(M) -> N) -> SendError<N> {
        match self {
            Self::Full(message) => SendError::Full(change(message)),
            Self::Stopped(message) => SendError::Stopped(change(message)),
        }
    }

    /// Says whether sending again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Full(_) => Retry::Now,
            Self::Stopped(_) => Retry::Never,
        }
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Stopped(_) => "Stopped(..)",
        })
    }
}

/// Asking failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AskError<M> {
    /// The mailbox overflowed and its policy dropped the message: nobody has seen it. Asking again later can help.
    #[error("the mailbox overflowed and dropped the message")]
    Dropped(M),
    /// The actor died, or dropped the request, before it answered. What it had done by then is unknown: do not ask again blindly.
    #[error("the actor ended before it answered; the outcome is unknown")]
    Interrupted,
    /// The message was not sent; or the actor ended for good while it waited, and has not seen it.
    #[error(transparent)]
    NotSent(#[from] SendError<M>),
}

impl<M> AskError<M> {
    /// Returns the message, if the actor has not seen it.
    pub fn into_message(self) -> Option<M> {
        match self {
            Self::Dropped(message) => Some(message),
            Self::Interrupted => None,
            Self::NotSent(error) => Some(error.into_message()),
        }
    }

    /// Changes the message, such as to unpack it.
    pub fn map<N>(self, change: impl FnOnce(M) -> N) -> AskError<N> {
        match self {
            Self::Dropped(message) => AskError::Dropped(change(message)),
            Self::Interrupted => AskError::Interrupted,
            Self::NotSent(error) => AskError::NotSent(error.map(change)),
        }
    }

    /// Says whether asking again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Dropped(_) => Retry::Now,
            Self::Interrupted => Retry::Never,
            Self::NotSent(error) => error.retry(),
        }
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped(_) => f.write_str("Dropped(..)"),
            Self::Interrupted => f.write_str("Interrupted"),
            Self::NotSent(error) => error.fmt(f),
        }
    }
}

/// The stable address of an actor of type `A`.
///
/// It is cheap to clone and can be sent to any thread. It survives restarts: what is sent while the actor is down waits in the
/// mailbox for the next incarnation. [`ActorRef::narrow`] gives an address for one message type only.
pub struct ActorRef<A: Actor> {
    inbox: Arc<Inbox<A>>,
}

impl<A: Actor> Clone for ActorRef<A> {
    fn clone(&self) -> Self {
        Self {
            inbox: Arc::clone(&self.inbox),
        }
    }
}

impl<A: Actor> fmt::Debug for ActorRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef<{}>", crate::event::short_type_name::<A>())
    }
}

impl<A: Actor<Context = Context<A>>> ActorRef<A> {
    pub(crate) fn new(inbox: Arc<Inbox<A>>) -> Self {
        Self { inbox }
    }

    /// Says whether both lead to the same actor.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inbox, &other.inbox)
    }

    /// Narrows the address to one message type.
    #[must_use]
    pub fn narrow<M>(&self) -> Ref<M>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Ref {
            door: Arc::clone(&self.inbox) as Arc<dyn Door<M>>,
        }
    }

    /// Says whether the actor has ended for good.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.inbox.letters.is_closed()
    }

    /// Puts a message into the mailbox without waiting.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if there is no room and the policy keeps old and new; [`SendError::Stopped`] if the actor has ended.
    pub fn tell<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.inbox.tell(message)
    }

    /// Puts a message into the mailbox, waiting for room if the policy is [`Block`](super::Overflow::Block).
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell), but `Full` only under the policy [`Reject`](super::Overflow::Reject).
    pub async fn send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Door::<M>::send(&*self.inbox, message).await
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`AskError::NotSent`] as [`send`](Self::send), also if the actor ends for good before it has seen the message;
    /// [`AskError::Dropped`] if the mailbox drops it under [`DropOldest`](super::Overflow::DropOldest) or
    /// [`DropNewest`](super::Overflow::DropNewest); [`AskError::Interrupted`] if the actor died while it was at it, or never answers.
    pub async fn ask<M>(&self, message: M) -> Result<M::Result, AskError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Door::<M>::ask(&*self.inbox, message).await
    }
}

/// The stable address of whoever handles `M`; see [`ActorRef`].
pub struct Ref<M: Message> {
    door: Arc<dyn Door<M>>,
}

impl<M: Message> Clone for Ref<M> {
    fn clone(&self) -> Self {
        Self {
            door: Arc::clone(&self.door),
        }
    }
}

impl<M: Message> fmt::Debug for Ref<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ref<{}>", crate::event::short_type_name::<M>())
    }
}

impl<M> Ref<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// Puts a message into the mailbox without waiting.
    ///
    /// # Errors
    ///
    /// As [`ActorRef::tell`].
    pub fn tell(&self, message: M) -> Result<(), SendError<M>> {
        self.door.tell(message)
    }

    /// Puts a message into the mailbox, waiting for room if the policy is to block.
    ///
    /// # Errors
    ///
    /// As [`ActorRef::send`].
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.door.send(message).await
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`ActorRef::ask`].
    pub async fn ask(&self, message: M) -> Result<M::Result, AskError<M>> {
        self.door.ask(message).await
    }
}

trait Door<M: Message>: Send + Sync {
    fn tell(&self, message: M) -> Result<(), SendError<M>>;
    fn send(&self, message: M) -> BoxFuture<'_, Result<(), SendError<M>>>;
    fn ask(&self, message: M) -> BoxFuture<'_, Result<M::Result, AskError<M>>>;
}

impl<A, M> Door<M> for Inbox<A>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn tell(&self, message: M) -> Result<(), SendError<M>> {
        posted(self.letters.offer(letter(message, None)))
    }

    fn send(&self, message: M) -> BoxFuture<'_, Result<(), SendError<M>>> {
        Box::pin(async move { posted(self.letters.push(letter(message, None)).await) })
    }

    fn ask(&self, message: M) -> BoxFuture<'_, Result<M::Result, AskError<M>>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let returned = Returned::<M>::default();
            let way_back = Answer {
                reply,
                returned: Arc::clone(&returned),
            };
            posted(self.letters.push(letter(message, Some(way_back))).await)?;
            answer.await.map_err(|_| {
                let mut returned = returned.lock().unwrap_or_else(PoisonError::into_inner);
                match returned.take() {
                    Some((message, Fate::Dropped)) => AskError::Dropped(message),
                    Some((message, Fate::Stopped)) => SendError::Stopped(message).into(),
                    None => AskError::Interrupted,
                }
            })
        })
    }
}

fn letter<A, M>(message: M, answer: Option<Answer<M>>) -> Letter<A>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    Box::new(Post { message, answer })
}

fn posted<A, M>(
    outcome: Result<Accepted<Letter<A>>, Refused<Letter<A>>>,
) -> Result<(), SendError<M>>
where
    A: Actor,
    M: Message + 'static,
{
    match outcome {
        Ok(Accepted::Queued) => Ok(()),
        Ok(Accepted::Dropped(letter)) => {
            put_away(letter, Fate::Dropped);
            Ok(())
        }
        Err(Refused::Full(letter)) => Err(SendError::Full(unseal(letter))),
        Err(Refused::Closed(letter)) => Err(SendError::Stopped(unseal(letter))),
    }
}

fn unseal<A: Actor, M: Message + 'static>(letter: Letter<A>) -> M {
    match letter.into_any().downcast::<Post<M>>() {
        Ok(post) => post.message,
        // The letter that a queue gives back is the one that its caller sealed a moment ago.
        Err(_) => unreachable!("a refused letter holds its sender's message"),
    }
}
