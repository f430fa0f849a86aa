//! Requests over the socket and their answers, on both wires.

use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::connection::{Class, Frame, RequestError};
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{self, FrameError, Wire, Wired, api, realtime};

use super::raw::RawAnswers;
use super::wide;

/// Something to ask of the platform over the socket.
///
/// It is made of the message that asks, such as `realtime::ChannelMessageSend`; what can be asked is in the messages for which it is
/// `From`.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub(super) message: Message,
    /// Sizes of attachments that only the older wire can write, by their place.
    pub(super) wide: Vec<(usize, i64)>,
    /// Whether the connection is as good without it.
    pub(super) is_optional: bool,
    /// Whether what it joins is joined again after a reconnect.
    pub(super) is_lasting: bool,
}

/// What the platform answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer(Body);

#[derive(Clone, Debug, PartialEq)]
enum Body {
    /// The answer to a call over the socket.
    Api(Bytes),
    /// Done, and nothing to say of it.
    Empty,
    Message(Message),
}

impl Request {
    /// Asks whether the server lives.
    #[must_use]
    pub fn ping() -> Self {
        Self::new(Message::Ping(Box::default()))
    }

    /// Calls the API over the socket; only the newest wire can. `name` is that of the call, such as `ListChannelDetail`.
    #[must_use]
    pub fn api<M: Wired>(name: &str, request: &M) -> Self {
        Self::new(Message::ApiRequestEvent(Box::new(
            realtime::ApiRequestEvent {
                api_index: api_index(name).unwrap_or_default(),
                api_name: name.to_owned(),
                body: mezon::encode(Wire::V2, request).into(),
            },
        )))
    }

    fn new(message: Message) -> Self {
        Self {
            message,
            wide: Vec::new(),
            is_optional: false,
            is_lasting: true,
        }
    }

    /// Marks it as something without which the connection is as good.
    pub(super) fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// Marks a join that is for this link only, since joining the clan covers it.
    pub(super) fn for_this_link(mut self) -> Self {
        self.is_lasting = false;
        self
    }

    /// Adds the sizes of attachments that are too large for the message itself.
    pub(super) fn with_sizes(mut self, wide: Vec<(usize, i64)>) -> Self {
        self.wide = wide;
        self
    }

    /// Says whether its answer is raw frames.
    pub(super) fn is_api(&self) -> bool {
        matches!(self.message, Message::ApiRequestEvent(_))
    }

    /// Returns the message that it sends, if it sends one.
    pub(super) fn message_to_send(&self) -> Option<&realtime::ChannelMessageSend> {
        match &self.message {
            Message::ChannelMessageSend(send) => Some(send),
            Message::EphemeralMessageSend(send) => send.message.as_ref(),
            _ => None,
        }
    }

    /// Writes it as a frame.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if the wire does not have it.
    pub(super) fn encode(&self, wire: Wire, cid: i32) -> Result<Bytes, RequestError> {
        if wire == Wire::V1 && self.is_api() {
            let error = "the API cannot be called over the socket on wire v1";
            return Err(RequestError::Invalid(error.to_owned()));
        }
        let (message, sizes) = wide::mark(self.message.clone(), &self.wide);
        let message = Some(message);
        let frame = mezon::encode(wire, &realtime::Envelope { cid, message });
        match (wire, sizes.as_slice()) {
            (_, []) => Ok(frame.into()),
            (Wire::V1, sizes) => Ok(wide::write(frame, sizes).into()),
            (Wire::V2, [(_, size), ..]) => Err(RequestError::Invalid(format!(
                "an attachment of {size} bytes: wire v2 can say 2147483647 at most"
            ))),
        }
    }
}

/// Makes a request of each message that can ask.
macro_rules! requests {
    ($($variant:ident($message:ty),)*) => {
        $(impl From<$message> for Request {
            fn from(message: $message) -> Self {
                Self::new(Message::$variant(Box::new(message)))
            }
        })*
    };
}

requests! {
    ChannelJoin(realtime::ChannelJoin),
    ChannelLeave(realtime::ChannelLeave),
    ChannelMessageRemove(realtime::ChannelMessageRemove),
    ChannelMessageSend(realtime::ChannelMessageSend),
    ChannelMessageUpdate(realtime::ChannelMessageUpdate),
    CheckNameExistedEvent(realtime::CheckNameExistedEvent),
    ClanJoin(realtime::ClanJoin),
    CustomStatusEvent(realtime::CustomStatusEvent),
    EphemeralMessageSend(realtime::EphemeralMessageSend),
    LastPinMessageEvent(realtime::LastPinMessageEvent),
    LastSeenMessageEvent(realtime::LastSeenMessageEvent),
    MessageReactionEvent(api::MessageReaction),
    MessageTypingEvent(realtime::MessageTypingEvent),
    VoiceJoinedEvent(realtime::VoiceJoinedEvent),
    VoiceLeavedEvent(realtime::VoiceLeavedEvent),
}

/// A message to some users: one request where the wire takes a list of them, else one for each.
pub(super) fn ephemeral(wire: Wire, message: &Request, receivers: &[i64]) -> Vec<Request> {
    let request = |receivers: &[i64]| {
        let request = Request::from(realtime::EphemeralMessageSend {
            message: message.message_to_send().cloned(),
            receiver_ids: receivers.to_vec(),
        });
        request.with_sizes(message.wide.clone())
    };
    match wire {
        Wire::V1 => receivers.chunks(1).map(request).collect(),
        Wire::V2 => vec![request(receivers)],
    }
}

impl Answer {
    pub(super) fn api(payload: Bytes) -> Self {
        Self(Body::Api(payload))
    }

    /// The answer to a request that was refused, and that nobody minds.
    pub(super) fn nothing() -> Self {
        Self(Body::Empty)
    }

    /// The answer to a message that the platform is known to have taken.
    pub(super) fn acknowledged(channel_id: i64, message_id: i64) -> Self {
        let ack = realtime::ChannelMessageAck {
            channel_id,
            message_id,
            ..Default::default()
        };
        Self(Body::Message(Message::ChannelMessageAck(Box::new(ack))))
    }

    /// Reads the answer in a frame that has a correlation id.
    pub(super) fn read(wire: Wire, frame: Bytes) -> Result<Result<Self, RequestError>, FrameError> {
        let envelope: realtime::Envelope = mezon::decode(wire, frame)?;
        Ok(match envelope.message {
            None => Ok(Self(Body::Empty)),
            Some(Message::Error(error)) => Err(refused(*error)),
            Some(message) => Ok(Self(Body::Message(message))),
        })
    }

    /// Returns what the platform says of a message that it took, if this is the answer to one.
    #[must_use]
    pub fn ack(&self) -> Option<&realtime::ChannelMessageAck> {
        match &self.0 {
            Body::Message(Message::ChannelMessageAck(ack)) => Some(ack),
            _ => None,
        }
    }

    /// Returns the id of the message that was written, if one was.
    #[must_use]
    pub fn message_id(&self) -> Option<i64> {
        match &self.0 {
            Body::Message(Message::ChannelMessageAck(ack)) => Some(ack.message_id),
            Body::Message(Message::ChannelMessage(message)) => Some(message.message_id),
            _ => None,
        }
    }

    /// Returns the message that answered, if it was one.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match &self.0 {
            Body::Message(message) => Some(message),
            Body::Api(_) | Body::Empty => None,
        }
    }

    /// Decodes the answer to a call over the socket.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] if this is not the answer to one, or not of this type.
    pub fn decode<M: Wired>(&self) -> Result<M, RequestError> {
        let Body::Api(payload) = &self.0 else {
            let error = "this is not the answer to a call of the API";
            return Err(RequestError::Invalid(error.to_owned()));
        };
        let decoded = mezon::decode(Wire::V2, payload.clone());
        decoded.map_err(|error| RequestError::Invalid(error.to_string()))
    }
}

/// Classifies a frame without decoding it.
pub(super) fn class(wire: Wire, frame: &Frame) -> Class {
    let Frame::Binary(bytes) = frame else {
        return Class::Ignored;
    };
    if RawAnswers::is_part(bytes) {
        return Class::Answer;
    }
    match mezon::route(wire, bytes) {
        Ok(route) if route.cid != 0 => Class::Answer,
        Ok(route) if route.tag == 0 => Class::Ignored,
        // What is broken is reported in its turn.
        Ok(_) | Err(_) => Class::Event,
    }
}

/// The error for an answer that should be an acknowledgement.
pub(super) fn unexpected() -> RequestError {
    let error = "the platform answered with something else than an acknowledgement";
    RequestError::Invalid(error.to_owned())
}

/// Says whether the platform refuses since the channel was not joined before.
pub(super) fn must_join(error: &RequestError) -> bool {
    match error {
        RequestError::Refused { code, message, .. } => {
            *code == BAD_INPUT || message.contains(MUST_JOIN)
        }
        _ => false,
    }
}

fn refused(error: realtime::Error) -> RequestError {
    let context: Vec<_> = error
        .context
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let retry_after = retry_after(&error);
    let message = match context.as_slice() {
        [] => error.message,
        context => format!("{} ({})", error.message, context.join(", ")),
    };
    RequestError::Refused {
        code: error.code.into(),
        message,
        retry_after,
    }
}

/// Finds out whether a request only came too early, and for how long that is so.
fn retry_after(error: &realtime::Error) -> Option<Duration> {
    let number = |name: &str| error.context.get(name)?.trim().parse::<u64>().ok();
    let told = number("retry_after_ms")
        .map(Duration::from_millis)
        .or_else(|| number("retry_after").map(Duration::from_secs));
    let message = error.message.to_ascii_lowercase();
    let too_many = ["too many requests", "rate limit"]
        .iter()
        .any(|words| message.contains(words));
    told.or(too_many.then_some(Duration::from_secs(1)))
}

/// The place of a call in the server's list. A server goes by the name.
fn api_index(name: &str) -> Option<i32> {
    API.iter()
        .find(|(_, known)| *known == name)
        .map(|(index, _)| *index)
}

const API: [(i32, &str); 22] = [
    (0, "ListChannelDescs"),
    (2, "ListClanDescs"),
    (4, "ListRoles"),
    (12, "ListQuickMenuAccess"),
    (14, "ListFriends"),
    (30, "ListChannelMessages"),
    (39, "ListChannelDetail"),
    (44, "ListChannelVoiceUsers"),
    (57, "AddFriends"),
    (66, "CreateChannelDesc"),
    (76, "DeleteFriends"),
    (114, "UpdateRole"),
    (176, "DeleteQuickMenuAccess"),
    (177, "AddQuickMenuAccess"),
    (178, "UpdateQuickMenuAccess"),
    (180, "SendChannelMessage"),
    (181, "UpdateChannelMessage"),
    (182, "DeleteChannelMessage"),
    (196, "ReactChannelMessage"),
    (199, "SessionRefresh"),
    (200, "SessionLogout"),
    (208, "MarkAsRead"),
];
const BAD_INPUT: i64 = 3;
const MUST_JOIN: &str = "Must join channel before sending messages";

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(hex: &str) -> Bytes {
        let digits = hex.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn encoded(wire: Wire, cid: i32, request: impl Into<Request>) -> String {
        hex(&request.into().encode(wire, cid).unwrap())
    }

    const CLAN: i64 = 2_000_000_000_000_000_001;
    const GENERAL: i64 = 3_000_000_000_000_000_001;
    const ALICE: i64 = 4_000_000_000_000_000_001;

    #[test]
    fn requests_are_written_as_the_peers_write_them() {
        let join = realtime::ClanJoin {
            clan_id: CLAN,
            ..Default::default()
        };
        assert_eq!(encoded(Wire::V1, 1, Request::ping()), "0a0131b20100");
        assert_eq!(encoded(Wire::V2, 1, Request::ping()), "0801b20100");
        assert_eq!(
            encoded(Wire::V1, 2, join),
            "0a01321a150a1332303030303030303030303030303030303031"
        );
        assert_eq!(encoded(Wire::V2, 2, join), "08021a0a088180a0f6f4acdbe01b");
        let direct = realtime::ClanJoin::default();
        assert_eq!(encoded(Wire::V1, 3, direct), "0a01331a030a0130");
        assert_eq!(encoded(Wire::V2, 3, direct), "08031a00");
        let call = realtime::ChannelMessageUpdate {
            clan_id: 1,
            ..Default::default()
        };
        let call = Request::api("UpdateChannelMessage", &call);
        assert_eq!(
            encoded(Wire::V2, 513, call.clone()),
            "088104e2051d08b50112145570646174654368616e6e656c4d6573736167651a020801"
        );
        assert!(matches!(
            call.encode(Wire::V1, 1),
            Err(RequestError::Invalid(_))
        ));
    }

    #[test]
    fn ephemeral_messages_go_out_as_the_wire_has_them() {
        let message = realtime::ChannelMessageSend {
            clan_id: CLAN,
            channel_id: GENERAL,
            content: r#"{"t": "psst"}"#.to_owned(),
            mode: 2,
            is_public: true,
            code: 12,
            ..Default::default()
        };
        let message = Request::from(message);
        let v1 = ephemeral(Wire::V1, &message, &[ALICE, ALICE + 1]);
        assert_eq!(v1.len(), 2);
        assert_eq!(
            hex(&v1[0].encode(Wire::V1, 7).unwrap()),
            "0a0137fa04560a3f0a13323030303030303030303030303030303030311213333030303030303030303030303030303030311a0d7b2274223a202270737374227d38025801600c121334303030303030303030303030303030303031"
        );
        let v2 = ephemeral(Wire::V2, &message, &[ALICE]);
        assert_eq!(
            hex(&v2[0].encode(Wire::V2, 9).unwrap()),
            "0809fa04360a29088180a0f6f4acdbe01b108180b0b1af8389d1291a0d7b2274223a202270737374227d38025801600c12098180c0ece9d9b6c137"
        );
    }

    #[test]
    fn answers_are_told_from_refusals() {
        let ack = bytes(
            "0a01353a3b0a13333030303030303030303030303030303030311213373030303030303030303030303030303030311a002209677265656e726f6f6d3a020801",
        );
        let ack = Answer::read(Wire::V1, ack).unwrap().unwrap();
        assert_eq!(ack.message_id(), Some(7_000_000_000_000_000_001));
        assert_eq!(ack.ack().unwrap().username, "greenroom");

        let refusal = bytes(
            "0a0139622d080312294d757374206a6f696e206368616e6e656c206265666f72652073656e64696e67206d65737361676573",
        );
        let refusal = Answer::read(Wire::V1, refusal).unwrap().unwrap_err();
        assert!(must_join(&refusal), "{refusal}");
        assert_eq!(
            refusal.to_string(),
            "the server refused the request: Must join channel before sending messages (code 3)"
        );

        let empty = Answer::read(Wire::V2, bytes("0804")).unwrap().unwrap();
        assert_eq!((empty.message(), empty.message_id()), (None, None));
        assert!(Answer::read(Wire::V2, bytes("ffff")).is_err());
    }

    #[test]
    fn the_context_of_a_refusal_is_not_lost() {
        let error = realtime::Error {
            code: 7,
            message: "no".to_owned(),
            context: [("why".to_owned(), "because".to_owned())].into(),
        };
        assert_eq!(
            refused(error).to_string(),
            "the server refused the request: no (why: because) (code 7)"
        );
    }
}
