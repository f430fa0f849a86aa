//! Messages that only some see.

use greenroom_actors::connection::RequestError;
use greenroom_actors::event::{ChannelKey, Id};

use super::MezonClient;
use crate::mezon::codec;
use crate::mezon::limits::{EPHEMERAL, EPHEMERAL_REMOVED, EPHEMERAL_UPDATED};
use crate::mezon::outgoing::{NewMessage, number};

/// Who is to see an ephemeral message: one user, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receivers(Vec<Id>);

impl MezonClient {
    /// Sends a message that only `receivers` see, one id or several. Its code is 12 unless another is set.
    ///
    /// Returns the messages as the platform made them: one, or on the older wire one for each receiver.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`RequestError::Invalid`] without a receiver; on the older wire, receivers before the one that
    /// failed have got theirs.
    pub async fn send_ephemeral(
        &self,
        channel: &ChannelKey,
        receivers: impl Into<Receivers>,
        message: impl Into<NewMessage>,
    ) -> Result<Vec<Id>, RequestError> {
        let mut message = message.into();
        if message.code == 0 {
            message.code = EPHEMERAL;
        }
        self.whisper(channel, receivers.into(), message).await
    }

    /// Changes an ephemeral message. Its code is 14.
    ///
    /// # Errors
    ///
    /// As [`send_ephemeral`](Self::send_ephemeral). Servers of the older wire that do not know this show another message.
    pub async fn update_ephemeral(
        &self,
        channel: &ChannelKey,
        receivers: impl Into<Receivers>,
        message: &Id,
        new: impl Into<NewMessage>,
    ) -> Result<Vec<Id>, RequestError> {
        let new = NewMessage {
            code: EPHEMERAL_UPDATED,
            changes: message.clone(),
            ..new.into()
        };
        self.whisper(channel, receivers.into(), new).await
    }

    /// Takes an ephemeral message back. Its code is 15.
    ///
    /// # Errors
    ///
    /// As [`update_ephemeral`](Self::update_ephemeral).
    pub async fn delete_ephemeral(
        &self,
        channel: &ChannelKey,
        receivers: impl Into<Receivers>,
        message: &Id,
    ) -> Result<Vec<Id>, RequestError> {
        let removal = NewMessage {
            code: EPHEMERAL_REMOVED,
            changes: message.clone(),
            ..NewMessage::from("deleteEphemeral")
        };
        self.whisper(channel, receivers.into(), removal).await
    }

    async fn whisper(
        &self,
        channel: &ChannelKey,
        Receivers(receivers): Receivers,
        message: NewMessage,
    ) -> Result<Vec<Id>, RequestError> {
        let receivers = receivers.iter().map(number);
        let receivers = receivers.collect::<Result<Vec<_>, _>>()?;
        if receivers.is_empty() {
            let error = "nobody is to see the message";
            return Err(RequestError::Invalid(error.to_owned()));
        }
        let request = self.prepare(channel, message).await?;
        let mut ids = Vec::new();
        for request in codec::ephemeral(self.wire(), &request, &receivers) {
            let answer = self.request(channel, request).await?;
            ids.push(answer.message_id().unwrap_or_default().into());
        }
        Ok(ids)
    }
}

impl From<Id> for Receivers {
    fn from(one: Id) -> Self {
        Self(vec![one])
    }
}

impl From<&Id> for Receivers {
    fn from(one: &Id) -> Self {
        Self(vec![one.clone()])
    }
}

impl From<i64> for Receivers {
    fn from(one: i64) -> Self {
        Self(vec![one.into()])
    }
}

impl From<Vec<Id>> for Receivers {
    fn from(all: Vec<Id>) -> Self {
        Self(all)
    }
}

impl From<&[Id]> for Receivers {
    fn from(all: &[Id]) -> Self {
        Self(all.to_vec())
    }
}

impl<const N: usize> From<[Id; N]> for Receivers {
    fn from(all: [Id; N]) -> Self {
        Self(all.to_vec())
    }
}

impl<const N: usize> From<&[Id; N]> for Receivers {
    fn from(all: &[Id; N]) -> Self {
        Self(all.to_vec())
    }
}

impl FromIterator<Id> for Receivers {
    fn from_iter<I: IntoIterator<Item = Id>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}
