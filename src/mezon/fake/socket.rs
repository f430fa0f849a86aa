//! The actor of one websocket.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, StreamHandler};
use actix_http::ws::{CloseCode, CloseReason, Codec, Item, Message, ProtocolError};
use actix_web::web;
use actix_web_actors::ws::WebsocketContext;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

use super::line::{Order, Queued};
use super::server::Server;
use super::world::SocketId;

/// Carries frames between one websocket and the server's logic.
///
/// * **Who starts it**: the request that opens the websocket.
/// * **What ends it**: either side closes, or the connection is cut.
/// * **What happens to its mailbox then**: it has none of its own use: orders come by a bounded line.
/// * **What it may lose**: what waits in that line, as it is when a server loses a connection.
#[derive(Debug)]
pub(super) struct Socket {
    id: SocketId,
    server: Arc<Server>,
    orders: Option<mpsc::Receiver<Order>>,
    /// The bytes that were handed to the context and did not leave it yet.
    in_context: Rc<Cell<usize>>,
    fragments: BytesMut,
    /// The fragments belong to a text, which is ignored.
    is_text: bool,
}

/// The largest frame, and the largest sum of its fragments.
const FRAME_LIMIT: usize = 16 << 20;

impl Socket {
    /// Starts the actor; the result is the body of the response that opens the websocket.
    pub(super) fn start(
        id: SocketId,
        server: Arc<Server>,
        orders: mpsc::Receiver<Order>,
        queued: Queued,
        payload: web::Payload,
    ) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        let in_context = Rc::new(Cell::new(0));
        let socket = Self {
            id,
            server,
            orders: Some(orders),
            in_context: Rc::clone(&in_context),
            fragments: BytesMut::new(),
            is_text: false,
        };
        let codec = Codec::new().max_size(FRAME_LIMIT);
        // each part of the body carries all frames that the context had
        WebsocketContext::with_codec(socket, payload, codec)
            .inspect(move |_| queued.left(in_context.take()))
    }

    fn join(&mut self, item: Item, ctx: &mut WebsocketContext<Self>) {
        let (part, is_last) = match item {
            Item::FirstText(part) => {
                self.is_text = true;
                (part, false)
            }
            Item::FirstBinary(part) => {
                self.is_text = false;
                (part, false)
            }
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        if self.fragments.len() + part.len() > FRAME_LIMIT {
            return close(ctx, CloseCode::Size);
        }
        self.fragments.extend_from_slice(&part);
        if is_last {
            let bytes = self.fragments.split().freeze();
            if !self.is_text {
                self.server.frame(self.id, &bytes);
            }
        }
    }

    fn send(&mut self, bytes: Bytes, ctx: &mut WebsocketContext<Self>) {
        self.in_context.set(self.in_context.get() + bytes.len());
        ctx.binary(bytes);
    }
}

impl Actor for Socket {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(mut orders) = self.orders.take() {
            ctx.add_stream(stream::poll_fn(move |cx| orders.poll_recv(cx)));
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.server.closed(self.id);
    }
}

impl StreamHandler<Order> for Socket {
    fn handle(&mut self, order: Order, ctx: &mut Self::Context) {
        match order {
            Order::Send(bytes, hold) if hold.is_zero() => self.send(bytes, ctx),
            Order::Send(bytes, hold) => {
                ctx.run_later(hold, move |socket, ctx| socket.send(bytes, ctx));
            }
            Order::Close(code) => close(ctx, CloseCode::from(code)),
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Result<Message, ProtocolError>> for Socket {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(Message::Binary(bytes)) => self.server.frame(self.id, &bytes),
            Ok(Message::Continuation(item)) => self.join(item, ctx),
            Ok(Message::Ping(payload)) if self.server.stall(self.id).is_none() => {
                ctx.pong(&payload);
            }
            Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(reason)) => match self.server.stall(self.id) {
                None => {
                    ctx.close(reason);
                    ctx.stop();
                }
                Some(left) => {
                    ctx.run_later(left, |_, ctx| ctx.stop());
                }
            },
            Err(ProtocolError::Overflow) => close(ctx, CloseCode::Size),
            Err(ProtocolError::Io(fault)) => {
                tracing::debug!(socket = self.id, %fault, "the websocket was cut");
                ctx.stop();
            }
            Err(fault) => {
                tracing::debug!(socket = self.id, %fault, "the client broke the protocol");
                close(ctx, CloseCode::Protocol);
            }
        }
    }
}

fn close(ctx: &mut WebsocketContext<Socket>, code: CloseCode) {
    ctx.close(Some(CloseReason {
        code,
        description: None,
    }));
    ctx.stop();
}
