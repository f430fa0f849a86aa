//! What every adapter gives to a bot, and what the adapters share: a websocket client and an HTTP client.

mod adapter;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
pub mod http;
#[cfg(feature = "client")]
pub(crate) mod network;
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
