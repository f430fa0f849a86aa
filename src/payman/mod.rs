//! The Payman adapter: [`Payman`] puts a bot on the platform, [`PaymanClient`] asks its agent, which moves money.
//!
#![doc = include_str!("../../docs/platforms/payman.md")]

mod adapter;
mod authenticator;
mod caller;
mod client;
mod codec;
mod config;
mod content;
mod environment;
mod error;
mod event;
#[cfg(feature = "simulator")]
pub(crate) mod fake;
mod http;
mod json;
mod limits;
mod model;
mod once;
mod outgoing;
mod protocol;
mod register;
mod state;
mod stream;
mod tries;
mod wallet;
mod work;

pub use adapter::Payman;
pub use client::{AccessTokenInfo, PaymanClient};
pub use config::{Environment, Settings, TokenInfo};
pub use error::{ErrorBody, ErrorKind, PaymanError};
pub use event::{
    ArtifactUpdate, ArtifactUpdateTag, AskEvent, ChangedArtifact, StatusUpdate, StatusUpdateTag,
};
pub use json::Json;
pub use model::{
    Answer, ArtifactKind, FormattedArtifact, FormattedTaskResponse, TaskIds, TaskProgress,
    TaskResponse, TaskState, TaskStatus,
};
pub use outgoing::{Ask, OutputFormat};
pub use register::{OnPayman, PaymanEvents};
pub use stream::{AskStream, Canceller};
#[cfg(feature = "cli")]
pub(crate) use wallet::is_payee;
pub use wallet::{Amount, AmountError, Limits, Wallet, WalletActor};
