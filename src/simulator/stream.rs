//! The body of a stream of server-sent events: whatever leaves on its line, each piece at its moment.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use greenroom_actors::clock;
use greenroom_actors::connection::Frame;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep_until};

use super::host::SocketId;
use super::line::{Order, Queued, weight};
use super::network::Accepted;
use super::server::Server;
use super::wire::Departures;

/// The pieces of a stream; dropping it tells the platform that the client has gone.
pub(crate) struct Events {
    id: SocketId,
    server: Arc<Server>,
    orders: mpsc::Receiver<Order>,
    queued: Queued,
    departures: Departures,
    timer: Option<Pin<Box<Sleep>>>,
    is_last: bool,
}

impl Events {
    pub(crate) fn new(accepted: Accepted, server: Arc<Server>) -> Self {
        Self {
            id: accepted.socket,
            server,
            orders: accepted.orders,
            queued: accepted.queued,
            departures: Departures::default(),
            timer: None,
            is_last: false,
        }
    }
}

impl Stream for Events {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        while !this.is_last {
            match this.orders.poll_recv(cx) {
                Poll::Ready(Some(order)) => this.departures.add(order.at, order.frame),
                Poll::Ready(None) => this.is_last = true,
                Poll::Pending => break,
            }
        }
        loop {
            if let Some(frame) = this.departures.take(clock::now()) {
                this.queued.left(weight(&frame));
                match frame {
                    Frame::Binary(bytes) | Frame::Text(bytes) => return Poll::Ready(Some(bytes)),
                    Frame::Close(_) => return Poll::Ready(None),
                    Frame::Ping(_) | Frame::Pong(_) => continue,
                }
            }
            let Some(at) = this.departures.next() else {
                return match this.is_last {
                    true => Poll::Ready(None),
                    false => Poll::Pending,
                };
            };
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if timer.deadline() != at {
                timer.as_mut().reset(at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.server.closed(self.id);
    }
}
