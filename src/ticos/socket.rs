//! The websocket of one agent: frames in and out, nothing else.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use actix::{Actor, ActorContext, AsyncContext, StreamHandler};
use actix_http::ws::{Codec, Item, ProtocolError};
use actix_web::error::PayloadError;
use actix_web::web;
use actix_web_actors::ws::{CloseCode, CloseReason, Message, WebsocketContext};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures::{Stream, StreamExt, stream};
use greenroom_actors::clock::{self, Instant};

use super::desk::Desk;
use super::lane::Frame;
use super::limits::{DRAIN, LINGER, MESSAGE};
use super::link::{Hub, Link, Out};

/// Reads and writes the frames of one agent.
///
/// * **Who starts it**: the upgrade of its connection.
/// * **What ends it**: the end of the connection on either side; the actor of the agent closes it when the device stops.
/// * **What happens to its mailbox then**: it has none; the link ends, which ends the actor of the agent.
/// * **What it may lose**: what had not left yet.
pub(super) struct Socket {
    link: Arc<Link>,
    hub: Hub,
    desk: Arc<Desk>,
    flow: Rc<Flow>,
    joining: Joining,
    pinged: Option<Instant>,
}

/// A message that comes in fragments.
#[derive(Default)]
struct Joining {
    parts: BytesMut,
    is_text: bool,
    is_open: bool,
}

/// What the socket and its two streams know of one another; all on one thread.
struct Flow {
    /// Whole messages, and what else came of frames.
    handled: Cell<u64>,
    /// Frames and bytes that were handed to the context and have not left it.
    frames: Cell<usize>,
    bytes: Cell<usize>,
    writer: RefCell<Option<Waker>>,
    reader: RefCell<Option<Waker>>,
    heard: Cell<Instant>,
    /// A close frame was sent: what still comes is not looked at.
    is_closing: Cell<bool>,
    /// The stream is broken: not even a close frame can be found in it.
    is_deaf: Cell<bool>,
    is_paused: Cell<bool>,
}

impl Socket {
    /// Starts the actor; the result is the body of the answer that opens the websocket.
    pub(super) fn start(
        link: Arc<Link>,
        hub: Hub,
        desk: Arc<Desk>,
        payload: web::Payload,
    ) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        let flow = Rc::new(Flow {
            handled: Cell::new(0),
            frames: Cell::new(0),
            bytes: Cell::new(0),
            writer: RefCell::default(),
            reader: RefCell::default(),
            heard: Cell::new(clock::now()),
            is_closing: Cell::new(false),
            is_deaf: Cell::new(false),
            is_paused: Cell::new(false),
        });
        let reader = Reader {
            payload,
            link: Arc::clone(&link),
            hub: hub.clone(),
            flow: Rc::clone(&flow),
            refused: None,
        };
        desk.figures.connections.set(hub.len() as u64);
        let socket = Self {
            link: Arc::clone(&link),
            hub,
            desk,
            flow: Rc::clone(&flow),
            joining: Joining::default(),
            pinged: None,
        };
        let codec = Codec::new().max_size(MESSAGE);
        // Each part of the body carries all frames that the context had.
        WebsocketContext::with_codec(socket, reader, codec).inspect(move |_| {
            link.outbox.left(flow.frames.take(), flow.bytes.take());
            wake(&flow.writer);
        })
    }

    fn take(&self, message: Frame) {
        self.desk.figures.received.add(1);
        self.link.lane.push(message);
    }

    fn join(&mut self, item: Item, ctx: &mut WebsocketContext<Self>) {
        let (part, is_last) = match item {
            Item::FirstText(part) | Item::FirstBinary(part) if self.joining.is_open => {
                drop(part);
                return self.close(ctx, CloseCode::Protocol, true);
            }
            Item::FirstText(part) => {
                self.joining.is_text = true;
                self.joining.is_open = true;
                (part, false)
            }
            Item::FirstBinary(part) => {
                self.joining.is_text = false;
                self.joining.is_open = true;
                (part, false)
            }
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        if self.joining.parts.len() + part.len() > MESSAGE {
            return self.close(ctx, CloseCode::Size, true);
        }
        self.joining.parts.extend_from_slice(&part);
        if !is_last {
            return;
        }
        self.joining.is_open = false;
        let whole = self.joining.parts.split().freeze();
        match self.joining.is_text {
            false => self.take(Frame::Binary(whole)),
            true => match ByteString::try_from(whole) {
                Ok(text) => self.take(Frame::Text(text)),
                Err(_) => self.close(ctx, CloseCode::Invalid, true),
            },
        }
    }

    /// Sends a close frame, and reads on for a while so that it arrives; `deaf` if nothing sensible will come.
    fn close(&mut self, ctx: &mut WebsocketContext<Self>, code: CloseCode, deaf: bool) {
        if self.flow.is_closing.replace(true) {
            return;
        }
        self.flow.is_deaf.set(deaf);
        ctx.close(Some(CloseReason {
            code,
            description: None,
        }));
        self.link.lane.close();
        wake(&self.flow.reader);
        let most = if deaf { DRAIN } else { LINGER };
        self.linger(ctx, clock::now() + most);
    }

    /// Ends once nothing has come for a moment.
    fn linger(&self, ctx: &mut WebsocketContext<Self>, until: Instant) {
        ctx.run_later(QUIET, move |socket, ctx| {
            let now = clock::now();
            let quiet = now.saturating_duration_since(socket.flow.heard.get());
            // Whoever can answer the frame has a little more time for that.
            let is_over = socket.flow.is_deaf.get() && quiet >= QUIET;
            match is_over || now >= until {
                true => ctx.stop(),
                false => socket.linger(ctx, until),
            }
        });
    }

    /// Pings the agent; one that has said nothing since the last ping is gone.
    fn tick(&mut self, ctx: &mut WebsocketContext<Self>) {
        if self.flow.is_closing.get() {
            return;
        }
        let now = clock::now();
        // While we do not read, its silence says nothing.
        if self.flow.is_paused.get() {
            self.flow.heard.set(now);
        }
        if self.pinged.is_some_and(|at| self.flow.heard.get() < at) {
            tracing::debug!(agent = self.link.id, "no sign of life: closed");
            return self.close(ctx, CloseCode::Error, false);
        }
        self.pinged = Some(now);
        ctx.ping(b"");
    }
}

impl Actor for Socket {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (link, flow) = (Arc::clone(&self.link), Rc::clone(&self.flow));
        let orders = stream::poll_fn(move |cx| {
            if flow.bytes.get() > IN_CONTEXT {
                *flow.writer.borrow_mut() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            link.outbox.poll_next(cx)
        });
        ctx.add_stream(orders);
        ctx.run_interval(self.desk.ping, Self::tick);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.link.end();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Also if the connection is gone before the context could stop.
        self.hub.remove(self.link.id);
        self.link.end();
        let connections = &self.desk.figures.connections;
        connections.set(self.hub.len() as u64);
    }
}

impl StreamHandler<Out> for Socket {
    fn handle(&mut self, out: Out, ctx: &mut Self::Context) {
        match out {
            Out::Text(text) if !self.flow.is_closing.get() => {
                self.flow.frames.set(self.flow.frames.get() + 1);
                self.flow.bytes.set(self.flow.bytes.get() + text.len());
                self.desk.counters.sent.add(1);
                ctx.text(text);
            }
            Out::Text(_) => {}
            Out::Close(code) => self.close(ctx, CloseCode::from(code), false),
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Result<Message, ProtocolError>> for Socket {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        self.flow
            .handled
            .set(self.flow.handled.get().wrapping_add(1));
        if self.flow.is_closing.get() {
            if let Ok(Message::Close(_)) = message {
                ctx.stop();
            }
            return;
        }
        match message {
            Ok(Message::Text(text)) => self.take(Frame::Text(text)),
            Ok(Message::Binary(bytes)) => self.take(Frame::Binary(bytes)),
            Ok(Message::Continuation(item)) => self.join(item, ctx),
            Ok(Message::Ping(payload)) => ctx.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(reason)) => {
                let code = reason.map_or(CloseCode::Normal, |reason| reason.code);
                self.flow.is_closing.set(true);
                ctx.close(Some(CloseReason::from(code)));
                ctx.stop();
            }
            Err(ProtocolError::Overflow) => self.close(ctx, CloseCode::Size, true),
            Err(ProtocolError::Io(error)) if error.to_string().contains("utf-8") => {
                self.close(ctx, CloseCode::Invalid, true);
            }
            Err(ProtocolError::Io(error)) => {
                tracing::debug!(agent = self.link.id, %error, "the connection was cut");
                ctx.stop();
            }
            Err(error) => {
                tracing::warn!(agent = self.link.id, %error, "it broke the protocol");
                self.close(ctx, CloseCode::Protocol, true);
            }
        }
    }
}

/// Reads from an agent as fast as its messages are handled: otherwise TCP makes it wait.
struct Reader {
    payload: web::Payload,
    link: Arc<Link>,
    hub: Hub,
    flow: Rc<Flow>,
    /// How many messages there were when the next piece was refused, if one was given before.
    refused: Option<Option<u64>>,
}

impl Reader {
    /// Says whether what was given last may still have a whole message in it. The context asks for more before it looks, without an end.
    fn has_enough(&mut self, cx: &Context<'_>) -> bool {
        let handled = Some(self.flow.handled.get());
        match self.refused {
            // Nothing came of it since: it was too little.
            Some(refused) if refused == handled => false,
            Some(_) => {
                self.refused = Some(handled);
                cx.waker().wake_by_ref();
                true
            }
            None => false,
        }
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        *this.flow.reader.borrow_mut() = Some(cx.waker().clone());
        loop {
            let is_closing = this.flow.is_closing.get();
            let must_wait = this.hub.is_closing() || this.link.lane.poll_room(cx).is_pending();
            if !is_closing && must_wait {
                this.flow.is_paused.set(true);
                return Poll::Pending;
            }
            this.flow.is_paused.set(false);
            if !is_closing && this.has_enough(cx) {
                return Poll::Pending;
            }
            let polled = ready!(this.payload.poll_next_unpin(cx));
            this.flow.heard.set(clock::now());
            match polled {
                Some(Ok(_)) if this.flow.is_deaf.get() => {}
                other => {
                    this.refused = Some(None);
                    return Poll::Ready(other);
                }
            }
        }
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = waker.borrow_mut().take() {
        waker.wake();
    }
}

/// So many bytes are in the context at most, beside the frame that goes beyond.
const IN_CONTEXT: usize = 256 << 10;
const QUIET: std::time::Duration = std::time::Duration::from_millis(100);
