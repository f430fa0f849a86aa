//! Websockets as a client: a [`Transport`](greenroom_actors::connection::Transport) over awc.
//!
//! awc shakes hands; the frames are read and written here. Its own codec waits for all of an oversized frame before it refuses it,
//! reads 8 KiB at a time, joins no fragments and answers no pings.

mod apart;
mod decode;
mod link;
#[cfg(test)]
mod tests;
mod transport;

pub(crate) use apart::Apart;
pub use transport::Websocket;
