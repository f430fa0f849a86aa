//! What the adapters share: a websocket client and an HTTP client.

mod client;
pub mod http;
mod retry_after;
#[cfg(test)]
pub(crate) mod testing;
pub mod websocket;
