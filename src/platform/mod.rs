//! What every adapter gives to a bot, and what the adapters share: a websocket client and an HTTP client.

mod adapter;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
pub(crate) mod environment;
#[cfg(feature = "client")]
pub mod http;
#[cfg(any(feature = "simulator", feature = "ticos"))]
pub(crate) mod json;
#[cfg(feature = "client")]
pub(crate) mod network;
#[cfg(feature = "client")]
pub mod proxy;
#[cfg(any(feature = "mezon", feature = "token-bowl"))]
pub(crate) mod reach;
#[cfg(any(feature = "mesh", feature = "payman"))]
pub(crate) mod redact;
#[cfg(feature = "client")]
pub(crate) mod retry_after;
#[cfg(feature = "client")]
pub mod sse;
#[cfg(all(test, feature = "client"))]
pub(crate) mod testing;
#[cfg(feature = "client")]
pub mod tls;
#[cfg(feature = "client")]
pub mod websocket;

pub use adapter::{Adapter, Assembly, Source};
#[cfg(feature = "client")]
pub use network::{Network, Sockets};
