//! The actor of one real websocket.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix::{Actor, ActorContext, AsyncContext, SpawnHandle, StreamHandler};
use actix_http::ws::{CloseCode, CloseReason, Codec, Item, Message, ProtocolError};
use actix_web::error::PayloadError;
use actix_web::web;
use actix_web_actors::ws::WebsocketContext;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use greenroom_actors::clock;
use greenroom_actors::connection::Frame;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::host::SocketId;
use super::line::{Order, weight};
use super::network::Accepted;
use super::server::Server;
use super::wire::Departures;

/// Carries messages between one websocket and a simulated platform.
///
/// * **Who starts it**: the request that opens the websocket.
/// * **What ends it**: either side closes, or the connection is cut.
/// * **What happens to its mailbox then**: it has none of its own use; orders come by a bounded line.
/// * **What it may lose**: what waits on the line then, as when a server loses a connection.
#[derive(Debug)]
pub(super) struct Socket {
    id: SocketId,
    server: Arc<Server>,
    orders: Option<mpsc::Receiver<Order>>,
    departures: Departures,
    timer: Option<SpawnHandle>,
    /// The weight of what was handed to the context and did not leave it yet.
    in_context: Rc<Cell<usize>>,
    fragments: BytesMut,
    is_text: bool,
}

/// The largest message, and the largest sum of its fragments.
const FRAME_LIMIT: usize = 16 << 20;

impl Socket {
    /// Starts the actor; the result is the body of the response that opens the websocket.
    pub(super) fn start(
        accepted: Accepted,
        server: Arc<Server>,
        payload: web::Payload,
    ) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        let Accepted {
            socket: id,
            orders,
            queued,
        } = accepted;
        let in_context = Rc::new(Cell::new(0));
        let reader = Reader {
            id,
            server: Arc::clone(&server),
            payload,
            pause: None,
        };
        let socket = Self {
            id,
            server,
            orders: Some(orders),
            departures: Departures::default(),
            timer: None,
            in_context: Rc::clone(&in_context),
            fragments: BytesMut::new(),
            is_text: false,
        };
        let codec = Codec::new().max_size(FRAME_LIMIT);
        // each part of the body carries all frames that the context had
        WebsocketContext::with_codec(socket, reader, codec)
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
            return close(ctx, Some((CloseCode::Size.into(), String::new())));
        }
        self.fragments.extend_from_slice(&part);
        if is_last {
            let bytes = self.fragments.split().freeze();
            let frame = match self.is_text {
                true => Frame::Text(bytes),
                false => Frame::Binary(bytes),
            };
            self.server.receive(self.id, &frame);
        }
    }

    /// Sends what is due, and comes back for the rest.
    fn depart(&mut self, ctx: &mut WebsocketContext<Self>) {
        let now = clock::now();
        while let Some(frame) = self.departures.take(now) {
            self.in_context.set(self.in_context.get() + weight(&frame));
            match frame {
                Frame::Binary(bytes) => ctx.binary(bytes),
                Frame::Text(bytes) => ctx.text(String::from_utf8_lossy(&bytes).into_owned()),
                Frame::Ping(bytes) => ctx.ping(&bytes),
                Frame::Pong(bytes) => ctx.pong(&bytes),
                Frame::Close(reason) => return close(ctx, reason),
            }
        }
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let next = self.departures.next();
        self.timer = next.map(|at| ctx.run_later(at - now, Self::depart));
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
        self.departures.add(order.at, order.frame);
        self.depart(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Result<Message, ProtocolError>> for Socket {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(Message::Binary(bytes)) => self.server.receive(self.id, &Frame::Binary(bytes)),
            Ok(Message::Text(text)) => {
                self.server
                    .receive(self.id, &Frame::Text(text.into_bytes()));
            }
            Ok(Message::Continuation(item)) => self.join(item, ctx),
            Ok(Message::Ping(payload)) if self.server.stalled(self.id).is_none() => {
                ctx.pong(&payload);
                self.server.heard(self.id, &Frame::Ping(payload));
            }
            Ok(Message::Pong(payload)) if self.server.stalled(self.id).is_none() => {
                self.server.heard(self.id, &Frame::Pong(payload));
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(reason)) => match self.server.stalled(self.id) {
                None => {
                    let frame = reason.clone().map(|reason| {
                        let text = reason.description.unwrap_or_default();
                        (reason.code.into(), text)
                    });
                    self.server.heard(self.id, &Frame::Close(frame));
                    ctx.close(reason);
                    ctx.stop();
                }
                Some(left) => {
                    ctx.run_later(left, |_, ctx| ctx.stop());
                }
            },
            Err(ProtocolError::Overflow) => {
                close(ctx, Some((CloseCode::Size.into(), String::new())));
            }
            Err(ProtocolError::Io(fault)) => {
                tracing::debug!(socket = self.id, %fault, "the websocket was cut");
                ctx.stop();
            }
            Err(fault) => {
                tracing::debug!(socket = self.id, %fault, "the client broke the protocol");
                close(ctx, Some((CloseCode::Protocol.into(), String::new())));
            }
        }
    }
}

fn close(ctx: &mut WebsocketContext<Socket>, reason: Option<(u16, String)>) {
    ctx.close(reason.map(|(code, description)| CloseReason {
        code: CloseCode::from(code),
        description: Some(description).filter(|text| !text.is_empty()),
    }));
    ctx.stop();
}

/// Reads from a client, and pauses while the platform's side reads slowly or not at all: TCP makes the client wait.
struct Reader {
    id: SocketId,
    server: Arc<Server>,
    payload: web::Payload,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Stream for Reader {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while let Some(from) = this.server.reads(this.id) {
            let pause = this
                .pause
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(from)));
            if pause.deadline() != from {
                pause.as_mut().reset(from);
            }
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        this.pause = None;
        let polled = this.payload.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            this.server.read(this.id, bytes.len());
        }
        polled
    }
}
