//! The Mezon adapter: [`Mezon`] puts a bot on the platform, [`MezonClient`] is what its handlers use there.
//!
//! Every realtime event arrives as an event of its own type of [`proto`], such as `Event<proto::api::ChannelMessage>`, those that all
//! platforms have also as those of [`chat`](crate::chat), and all of them as [`AnyEvent`] for those who know their names only.
//! [`MezonEvents`] has a method for each.
//!
#![doc = include_str!("../../docs/platforms/mezon.md")]

mod adapter;
mod agent;
mod auth;
mod authenticator;
mod caches;
mod caller;
mod client;
mod codec;
mod config;
mod content;
mod error;
mod event;
#[cfg(feature = "simulator")]
pub(crate) mod fake;
mod fifo;
mod http;
mod interactive;
mod lenient;
mod limits;
mod log;
mod mention;
mod message;
mod model;
mod outgoing;
mod protocol;
mod raw;
mod recent;
mod register;
mod scan;
mod socket;
mod state;
mod text;
mod tokens;
mod trail;
mod wide;

pub use crate::cache::CacheOptions;
pub use adapter::Mezon;
pub use agent::{AgentEvent, AgentRoom, AgentState, RoomSummaryDone, SessionEnded, SessionStarted};
pub use auth::MezonSession;
pub use authenticator::MezonAuthenticator;
pub use client::{
    ChannelMessages, Channels, ClanChannels, ClanUsers, Clans, Live, MezonClient, OnMessage,
    OnMezon, QuickMenu, Receivers, Users,
};
pub use codec::{Answer, Request};
pub use config::Settings;
pub use content::Content;
pub use error::ApiError;
pub use event::{AnyEvent, EventName, UnknownEvent, event_name};
pub use greenroom_proto::mezon as proto;
pub use http::{Api, Media, VoiceUser};
pub use interactive::{
    Animation, Button, ButtonStyle, Choice, Component, DatePicker, Embed, EmbedAuthor, EmbedField,
    EmbedFooter, EmbedImage, Grid, Input, Radio, Select,
};
pub use limits::{mode_of, type_of};
#[cfg(feature = "sqlite-import")]
pub(crate) use log::FORMAT_V2 as V2_FORMAT;
pub use log::read_record;
#[cfg(feature = "cli")]
pub(crate) use log::wire_of;
pub use message::MezonMessage;
pub use model::{Channel, Clan, User};
pub use outgoing::{Attachment, NewMessage};
pub use protocol::MezonProtocol;
pub use register::MezonEvents;
pub use socket::Socket;
pub use text::{Mark, Text};
pub use tokens::{TokenTransfer, TransferError, TransferReceipt};
