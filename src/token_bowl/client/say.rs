//! Saying things, and what goes with it.

use std::any::Any;

use futures::future::{BoxFuture, FutureExt};
use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Id};

use super::TokenBowlClient;
use crate::chat::{Abilities, Outgoing, Sent, Speaker};
use crate::token_bowl::codec::{Answer, Request};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::limits::{NOT_CONNECTED, check_content, check_recipient};
use crate::token_bowl::message::{conversation, direct, recipient, room};
use crate::token_bowl::model::{Message, Unread};

impl TokenBowlClient {
    /// Says something: in the room, or to one user if `to` is not empty. Returns the message as the server has stored it.
    ///
    /// # Errors
    ///
    /// [`Validation`](crate::token_bowl::ApiErrorKind::Validation) and nothing is sent if the websocket is not connected, or if the text
    /// has no or more than 10,000 characters; what the server says of this very message; or
    /// [`Unconfirmed`](crate::token_bowl::ApiErrorKind::Unconfirmed) if the connection broke before it was known to be stored.
    pub async fn send_message(
        &self,
        content: impl Into<String>,
        to: Option<&str>,
    ) -> Result<Message, ApiError> {
        self.check_connected()?;
        let content = content.into();
        check_content(&content)?;
        let to = check_recipient(to)?.map(str::to_owned);
        match self.command(Request::Send { content, to }).await? {
            Answer::Sent(message) => Ok(*message),
            other => Err(unexpected(&other)),
        }
    }

    /// Marks a message as read; its sender gets a receipt.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message).
    pub async fn mark_message_read(&self, message_id: &str) -> Result<(), ApiError> {
        self.check_connected()?;
        let message_id = message_id.to_owned();
        self.command(Request::MarkRead { message_id }).await?;
        Ok(())
    }

    /// Marks everything as read, and returns how many messages became so.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message).
    pub async fn mark_all_messages_read(&self) -> Result<u64, ApiError> {
        self.marked(Request::MarkAllRead).await
    }

    /// Marks the messages of the room as read. What is returned is the server's count, which is not reliable.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message).
    pub async fn mark_room_messages_read(&self) -> Result<u64, ApiError> {
        self.marked(Request::MarkRoomRead).await
    }

    /// Marks the direct messages of a user as read. What is returned is the server's count, which is not reliable.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message).
    pub async fn mark_direct_messages_read(&self, from: &str) -> Result<u64, ApiError> {
        let from = from.to_owned();
        self.marked(Request::MarkDirectRead { from }).await
    }

    /// Counts what is unread; the answer is also an event.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message).
    pub async fn get_unread_count(&self) -> Result<Unread, ApiError> {
        self.check_connected()?;
        match self.command(Request::UnreadCount).await? {
            Answer::Unread(unread) => Ok(unread),
            other => Err(unexpected(&other)),
        }
    }

    /// Shows the room, or one user, that the user types. A server of the plain line may not know that; from its first word to that
    /// effect on, until the next connect, nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message).
    pub async fn send_typing_indicator(&self, to: Option<&str>) -> Result<(), ApiError> {
        self.check_connected()?;
        let to = check_recipient(to)?.map(str::to_owned);
        if self.state().lock().typing_is_off {
            return Ok(());
        }
        self.command(Request::Typing { to }).await?;
        Ok(())
    }

    fn check_connected(&self) -> Result<(), ApiError> {
        match self.is_connected() {
            true => Ok(()),
            false => Err(ApiError::validation(NOT_CONNECTED)),
        }
    }

    async fn marked(&self, request: Request) -> Result<u64, ApiError> {
        self.check_connected()?;
        match self.command(request).await? {
            Answer::Marked(number) => Ok(number),
            _ => Ok(0),
        }
    }

    /// Carries out a command after those before it of the same conversation.
    async fn command(&self, request: Request) -> Result<Answer, RequestError> {
        let channel = match &request {
            Request::Send { to: Some(name), .. } | Request::Typing { to: Some(name) } => {
                direct(name)
            }
            _ => room(),
        };
        self.doors()?.channels.say(&channel, request).await
    }

    async fn say_in(self, channel: ChannelKey, text: String) -> Result<Sent, RequestError> {
        check_content(&text)?;
        let to = recipient(&channel);
        let to = check_recipient(to.as_deref())?.map(str::to_owned);
        let request = Request::Send { content: text, to };
        match self.doors()?.channels.say(&channel, request).await? {
            Answer::Sent(message) => Ok(Sent {
                id: Id::from(message.id),
            }),
            _ => Ok(Sent::default()),
        }
    }
}

fn unexpected(answer: &Answer) -> ApiError {
    ApiError::new(
        crate::token_bowl::ApiErrorKind::Decode,
        format!("the server answered something else: {answer:?}"),
    )
}

impl Speaker for TokenBowlClient {
    fn say(
        &self,
        channel: &ChannelKey,
        message: Outgoing,
    ) -> BoxFuture<'static, Result<Sent, RequestError>> {
        // The platform has no quotes.
        self.clone().say_in(channel.clone(), message.text).boxed()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn conversation(&self, name: &str) -> BoxFuture<'static, Result<ChannelKey, RequestError>> {
        let found = conversation(name).ok_or_else(|| {
            let wrong = format!("`{name}` is neither `room` nor `@NAME`, and Token Bowl Chat has no other conversations");
            RequestError::Invalid(wrong)
        });
        async { found }.boxed()
    }

    fn me(&self) -> Id {
        let state = self.state().lock();
        state.me.as_ref().map_or(Id::NONE, |me| Id::from(&me.id))
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            calls_names: true,
            ..Abilities::default()
        }
    }

    fn fits(&self, text: &str) -> bool {
        text.is_empty() || check_content(text).is_ok()
    }
}
