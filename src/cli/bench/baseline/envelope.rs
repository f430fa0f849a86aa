//! The envelope of the older wire as a bare client would have it: types as `prost-build` makes them of the platform's definition, with the
//! messages that such a client has to know.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Envelope {
    #[prost(string, tag = "1")]
    pub(super) cid: String,
    #[prost(oneof = "Content", tags = "3, 6, 7, 8, 12, 22, 23")]
    pub(super) message: Option<Content>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
#[expect(
    clippy::large_enum_variant,
    reason = "as `prost-build` makes it by default"
)]
pub(super) enum Content {
    #[prost(message, tag = "3")]
    ClanJoin(ClanJoin),
    #[prost(message, tag = "6")]
    ChannelMessage(ChannelMessage),
    #[prost(message, tag = "7")]
    ChannelMessageAck(ChannelMessageAck),
    #[prost(message, tag = "8")]
    ChannelMessageSend(ChannelMessageSend),
    #[prost(message, tag = "12")]
    Error(Empty),
    #[prost(message, tag = "22")]
    Ping(Empty),
    #[prost(message, tag = "23")]
    Pong(Empty),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ClanJoin {
    #[prost(string, tag = "1")]
    pub(super) clan_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ChannelMessageAck {
    #[prost(string, tag = "1")]
    pub(super) channel_id: String,
    #[prost(string, tag = "2")]
    pub(super) message_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ChannelMessageSend {
    #[prost(string, tag = "1")]
    pub(super) clan_id: String,
    #[prost(string, tag = "2")]
    pub(super) channel_id: String,
    #[prost(string, tag = "3")]
    pub(super) content: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ChannelMessage {
    #[prost(string, tag = "1")]
    pub(super) clan_id: String,
    #[prost(string, tag = "2")]
    pub(super) channel_id: String,
    #[prost(string, tag = "3")]
    pub(super) message_id: String,
    #[prost(message, optional, tag = "4")]
    pub(super) code: Option<i32>,
    #[prost(string, tag = "5")]
    pub(super) sender_id: String,
    #[prost(string, tag = "6")]
    pub(super) username: String,
    #[prost(string, tag = "7")]
    pub(super) avatar: String,
    #[prost(string, tag = "8")]
    pub(super) content: String,
    #[prost(message, optional, tag = "9")]
    pub(super) create_time: Option<Timestamp>,
    #[prost(message, optional, tag = "10")]
    pub(super) update_time: Option<Timestamp>,
    #[prost(string, tag = "11")]
    pub(super) channel_label: String,
    #[prost(string, tag = "12")]
    pub(super) clan_logo: String,
    #[prost(string, tag = "13")]
    pub(super) category_name: String,
    #[prost(string, tag = "14")]
    pub(super) display_name: String,
    #[prost(string, tag = "15")]
    pub(super) clan_nick: String,
    #[prost(string, tag = "16")]
    pub(super) clan_avatar: String,
    #[prost(string, tag = "17")]
    pub(super) reactions: String,
    #[prost(string, tag = "18")]
    pub(super) mentions: String,
    #[prost(string, tag = "19")]
    pub(super) attachments: String,
    #[prost(string, tag = "20")]
    pub(super) references: String,
    #[prost(string, tag = "21")]
    pub(super) referenced_message: String,
    #[prost(uint32, tag = "22")]
    pub(super) create_time_seconds: u32,
    #[prost(uint32, tag = "23")]
    pub(super) update_time_seconds: u32,
    #[prost(int32, tag = "24")]
    pub(super) mode: i32,
    #[prost(bool, tag = "25")]
    pub(super) hide_editted: bool,
    #[prost(bool, tag = "26")]
    pub(super) is_public: bool,
    #[prost(string, tag = "27")]
    pub(super) topic_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}
