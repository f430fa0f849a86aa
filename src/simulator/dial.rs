//! Platforms that dial the bot: the simulator opens the websocket, and what goes over it is as on any other.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::clock;
use greenroom_actors::connection::{DialRequest, Frame, FrameSink, FrameStream, Link, Transport};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::error::Refusal;
use super::line::{Plug, weight};
use super::network::Accepted;
use super::server::Server;
use super::wire::Departures;
use crate::platform::websocket::Websocket;

/// Dials the URL that a command names, and carries what goes over the link from then on.
pub(super) async fn connect(
    server: Arc<Server>,
    body: Map<String, Value>,
) -> Result<Value, Refusal> {
    let url = match body.get("url") {
        Some(Value::String(url)) if url.starts_with("ws://") || url.starts_with("wss://") => {
            url.clone()
        }
        Some(Value::String(url)) => {
            return Err(Refusal::bad(format!(
                "connect: \"{url}\" does not begin with ws:// or wss://"
            )));
        }
        _ => return Err(Refusal::bad("connect: url is required, a text")),
    };
    let dialed = Websocket::new().dial(DialRequest {
        url: url.into(),
        headers: Vec::new(),
        subprotocol: None,
        timeout: TIMEOUT,
        max_frame: FRAME_LIMIT,
    });
    let link = dialed.await.map_err(|error| Refusal {
        status: 502,
        text: format!("connect: {error}"),
    })?;
    let cord = Arc::new(Cord::default());
    let (accepted, connections) = server.dialed(Arc::clone(&cord) as Arc<dyn Plug>);
    actix_rt::spawn(carry(server, accepted, link, cord));
    Ok(json!({"ok": true, "connections": connections}))
}

/// Ends a link without a word.
#[derive(Default)]
struct Cord(Notify);

impl Plug for Cord {
    fn pull(&self) {
        self.0.notify_one();
    }
}

async fn carry(server: Arc<Server>, accepted: Accepted, link: Link, cord: Arc<Cord>) {
    let Accepted {
        socket,
        mut orders,
        queued,
    } = accepted;
    let Link {
        mut incoming,
        mut outgoing,
    } = link;
    let mut departures = Departures::default();
    let (mut must_flush, mut is_closing) = (false, false);
    let mut frames = VecDeque::new();
    loop {
        let now = clock::now();
        let mut batch = 0;
        while batch < AT_ONCE && !must_flush && !is_closing {
            let Some(frame) = departures.take(now) else {
                break;
            };
            batch += weight(&frame);
            queued.left(weight(&frame));
            is_closing = matches!(frame, Frame::Close(_));
            if outgoing.push(frame).is_err() {
                return server.closed(socket);
            }
        }
        must_flush |= batch > 0;
        let (due, reads) = (departures.next(), server.reads(socket));
        tokio::select! {
            biased;
            () = cord.0.notified() => break,
            flushed = flush(&mut *outgoing), if must_flush => match flushed {
                true if is_closing => {
                    let _ = tokio::time::timeout(GOODBYE, until_closed(&mut *incoming)).await;
                    break;
                }
                true => must_flush = false,
                false => break,
            },
            order = orders.recv(), if !is_closing => match order {
                Some(order) => departures.add(order.at, order.frame),
                None => break,
            },
            () = until(due), if due.is_some() && !must_flush => {}
            () = until(reads), if reads.is_some() => {}
            read = read(&mut *incoming, &mut frames), if reads.is_none() => {
                if !read {
                    break;
                }
                for frame in frames.drain(..) {
                    match frame {
                        Frame::Close(_) => {
                            let _ = outgoing.push(Frame::Close(None));
                            let _ = tokio::time::timeout(GOODBYE, flush(&mut *outgoing)).await;
                            return server.closed(socket);
                        }
                        Frame::Ping(_) | Frame::Pong(_) => {}
                        frame => {
                            server.read(socket, frame.len());
                            server.receive(socket, &frame);
                        }
                    }
                }
            }
        }
    }
    server.closed(socket);
}

async fn until(moment: Option<clock::Instant>) {
    if let Some(moment) = moment {
        tokio::time::sleep_until(moment).await;
    }
}

async fn flush(outgoing: &mut dyn FrameSink) -> bool {
    poll_fn(|cx| outgoing.poll_flush(cx)).await.is_ok()
}

async fn read(incoming: &mut dyn FrameStream, frames: &mut VecDeque<Frame>) -> bool {
    poll_fn(|cx| incoming.poll_frames(cx, frames)).await.is_ok()
}

async fn until_closed(incoming: &mut dyn FrameStream) {
    let mut frames = VecDeque::new();
    while read(incoming, &mut frames).await {
        if frames
            .drain(..)
            .any(|frame| matches!(frame, Frame::Close(_)))
        {
            return;
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(5);
const GOODBYE: Duration = Duration::from_secs(1);
const FRAME_LIMIT: usize = 16 << 20;
/// So many bytes are written before anything else gets its turn.
const AT_ONCE: usize = 1 << 20;
