//! Writing over a socket that stands alone, as the platform's own clients name it.

use greenroom_actors::connection::RequestError;
use greenroom_proto::mezon::{api, realtime};

use super::Socket;
use crate::mezon::codec::{Answer, unexpected};

impl Socket {
    /// Joins a clan and with it its channels; 0 is the one of direct conversations.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn join_clan(&self, clan_id: i64) -> Result<Answer, RequestError> {
        let join = realtime::ClanJoin {
            clan_id,
            ..Default::default()
        };
        self.request(join).await
    }

    /// Joins a channel.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn join_chat(
        &self,
        clan_id: i64,
        channel_id: i64,
        channel_type: i32,
        is_public: bool,
    ) -> Result<Answer, RequestError> {
        let join = realtime::ChannelJoin {
            clan_id,
            channel_id,
            channel_type,
            is_public,
        };
        self.request(join).await
    }

    /// Leaves a channel.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn leave_chat(
        &self,
        clan_id: i64,
        channel_id: i64,
        channel_type: i32,
        is_public: bool,
    ) -> Result<Answer, RequestError> {
        let leave = realtime::ChannelLeave {
            clan_id,
            channel_id,
            channel_type,
            is_public,
        };
        self.request(leave).await
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn write_chat_message(
        &self,
        message: realtime::ChannelMessageSend,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let answer = self.request(message).await?;
        answer.ack().cloned().ok_or_else(unexpected)
    }

    /// Changes a message.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn update_chat_message(
        &self,
        update: realtime::ChannelMessageUpdate,
    ) -> Result<realtime::ChannelMessageAck, RequestError> {
        let answer = self.request(update).await?;
        answer.ack().cloned().ok_or_else(unexpected)
    }

    /// Takes a message back.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn remove_chat_message(
        &self,
        removal: realtime::ChannelMessageRemove,
    ) -> Result<Answer, RequestError> {
        self.request(removal).await
    }

    /// Sends a message that only some see.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn write_ephemeral_message(
        &self,
        message: realtime::EphemeralMessageSend,
    ) -> Result<Answer, RequestError> {
        self.request(message).await
    }

    /// Reacts to a message, or takes the reaction back.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn write_message_reaction(
        &self,
        reaction: api::MessageReaction,
    ) -> Result<Answer, RequestError> {
        self.request(reaction).await
    }

    /// Shows that somebody is typing.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn write_message_typing(
        &self,
        typing: realtime::MessageTypingEvent,
    ) -> Result<Answer, RequestError> {
        self.request(typing).await
    }

    /// Says up to where a channel was read.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn write_last_seen_message(
        &self,
        seen: realtime::LastSeenMessageEvent,
    ) -> Result<Answer, RequestError> {
        self.request(seen).await
    }

    /// Pins a message, or takes it from the board.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn write_last_pin_message(
        &self,
        pin: realtime::LastPinMessageEvent,
    ) -> Result<Answer, RequestError> {
        self.request(pin).await
    }

    /// Sets the status that stands beside the name.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn write_custom_status(
        &self,
        status: realtime::CustomStatusEvent,
    ) -> Result<Answer, RequestError> {
        self.request(status).await
    }
}
