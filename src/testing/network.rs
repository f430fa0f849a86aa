//! A network within one process: websockets and HTTP that are answered by the simulated platforms themselves.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use awc::http::header::HeaderValue;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::LocalBoxFuture;
use futures::task::AtomicWaker;
use futures::{FutureExt, StreamExt};
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::connection::{
    DialError, DialRequest, Frame, FrameSink, FrameStream, Link, LinkError, Transport,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Sleep, sleep, sleep_until};
use url::Url;

use crate::platform::Network;
use crate::platform::http::{
    Exchange, HttpError, HttpRequest, RawAnswer, RawStream, Sent, USER_AGENT,
};
use crate::platform::retry_after;
use crate::platform::tls::Trust;
use crate::simulator::line::{Order, Plug, Queued, weight};
use crate::simulator::network::{End, Gate, Opening};
use crate::simulator::server::Server;
use crate::simulator::stream::Events;
use crate::simulator::wire::Departures;
use crate::simulator::{Request, Response, SocketId};

/// Reaches simulated platforms by the host of their URL, and nobody else.
#[derive(Clone)]
pub(super) struct Local {
    servers: Arc<BTreeMap<String, Arc<Server>>>,
    latency: Duration,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Local {
    /// Makes a network of the servers at these hosts; a message takes `latency` in either direction.
    pub(super) fn new(servers: BTreeMap<String, Arc<Server>>, latency: Duration) -> Self {
        Self {
            servers: Arc::new(servers),
            latency,
        }
    }

    fn find(&self, url: &str) -> Result<(Arc<Server>, String), String> {
        let url = Url::parse(url).map_err(|error| format!("the URL is wrong: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let server = self.servers.get(host).cloned();
        let server = server.ok_or_else(|| format!("nobody listens at {host}"))?;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok((server, target))
    }
}

impl Network for Local {
    fn websocket(&self, _: &Trust) -> Rc<dyn Transport> {
        Rc::new(self.clone())
    }

    fn http(&self, _: &Trust) -> Rc<dyn Exchange> {
        Rc::new(self.clone())
    }

    fn is_in_process(&self) -> bool {
        true
    }
}

impl Exchange for Local {
    fn exchange(
        &self,
        request: HttpRequest,
        body_limit: usize,
    ) -> LocalBoxFuture<'static, Result<RawAnswer, HttpError>> {
        let found = self.find(&request.url);
        let latency = self.latency;
        async move {
            let (server, target) = found.map_err(HttpError::Unconnected)?;
            let request = Request {
                method: request.method.to_owned(),
                target,
                headers: headers(&request.headers),
                body: request.body,
            };
            sleep(latency).await;
            let gate = server.begin(&request);
            sleep(gate.hold).await;
            let reply = server.finish(&request, gate);
            sleep(reply.hold + latency).await;
            match reply.end {
                End::Cut => Err(HttpError::Unreachable("the server went away".to_owned())),
                End::Half(response) => {
                    let early = HttpError::Protocol("the answer ended early".to_owned());
                    Ok(answer(response, |_| Err(early)))
                }
                End::Whole(response) => Ok(answer(response, |body| match body.len() {
                    length if length > body_limit => Err(HttpError::BodyTooLarge(body_limit)),
                    _ => Ok(body),
                })),
            }
        }
        .boxed_local()
    }

    fn open(
        &self,
        mut request: HttpRequest,
        query: SecretString,
        sent: Sent,
    ) -> LocalBoxFuture<'static, Result<RawStream, HttpError>> {
        if !query.expose_secret().is_empty() {
            request.url = format!("{}?{}", request.url, query.expose_secret());
        }
        let found = self.find(&request.url);
        let latency = self.latency;
        async move {
            let (server, target) = found.map_err(HttpError::Unconnected)?;
            let request = Request {
                method: request.method.to_owned(),
                target,
                headers: headers(&request.headers),
                body: request.body,
            };
            sent.leaves();
            sleep(latency).await;
            let gate = server.begin(&request);
            sleep(gate.hold).await;
            if server.is_stream(&request) {
                sleep(server.late(&request)).await;
                return events(server, &request, gate, latency).await;
            }
            if Some(request.path()) != server.stream_path() {
                let reply = server.finish(&request, gate);
                sleep(reply.hold + latency).await;
                return whole(reply.end);
            }
            let opened = server.stream(&request, gate);
            sleep(latency).await;
            match opened {
                Ok(mut events) => Ok(RawStream {
                    status: 200,
                    content_type: "text/event-stream".to_owned(),
                    retry_after: None,
                    length: None,
                    body: futures::stream::poll_fn(move |cx| {
                        events.poll_recv(cx).map(|piece| piece.map(Ok))
                    })
                    .boxed_local(),
                }),
                Err(Some(refused)) => whole(End::Whole(refused)),
                Err(None) => whole(End::Cut),
            }
        }
        .boxed_local()
    }
}

/// Opens a stream of events; once it is cut, what is under way arrives nowhere.
async fn events(
    server: Arc<Server>,
    request: &Request,
    gate: Gate,
    latency: Duration,
) -> Result<RawStream, HttpError> {
    let cut = Arc::new(Cut::default());
    let plug: Arc<dyn Plug> = Arc::clone(&cut) as _;
    let opening = server.open(request, gate, Some(plug));
    sleep(latency).await;
    let accepted = match opening {
        Opening::Accepted(accepted) => accepted,
        Opening::Cut => return whole(End::Cut),
        Opening::Refused(refused) => return whole(End::Whole(refused)),
    };
    let mut events = Events::new(accepted, server);
    Ok(RawStream {
        status: 200,
        content_type: "text/event-stream".to_owned(),
        retry_after: None,
        length: None,
        body: futures::stream::poll_fn(move |cx| {
            cut.incoming.register(cx.waker());
            match cut.is_cut() {
                true => Poll::Ready(Some(Err(HttpError::Unreachable(AWAY.to_owned())))),
                false => events.poll_next_unpin(cx).map(|piece| piece.map(Ok)),
            }
        })
        .boxed_local(),
    })
}

/// Makes the answer whose body is read piece by piece of one that is whole.
fn whole(end: End) -> Result<RawStream, HttpError> {
    let (response, body) = match end {
        End::Cut => return Err(HttpError::Unreachable(AWAY.to_owned())),
        End::Half(response) => {
            let early = HttpError::Protocol("the answer ended early".to_owned());
            (response, Err(early))
        }
        End::Whole(response) => {
            let body = response.body.clone();
            (response, Ok(body))
        }
    };
    Ok(RawStream {
        status: response.status,
        retry_after: advice(&response),
        length: Some(response.body.len() as u64),
        content_type: response.content_type,
        body: futures::stream::iter([body]).boxed_local(),
    })
}

const AWAY: &str = "the server went away";

fn answer(response: Response, body: impl FnOnce(Bytes) -> Result<Bytes, HttpError>) -> RawAnswer {
    let location = response
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("location"));
    RawAnswer {
        location: location.map(|(_, value)| value.clone()),
        status: response.status,
        retry_after: advice(&response),
        date: Some(clock::unix_seconds()),
        content_type: response.content_type,
        body: body(response.body),
    }
}

fn advice(response: &Response) -> Option<Duration> {
    let header = |(name, _): &&(String, String)| name == "retry-after";
    let (_, value) = response.headers.iter().find(header)?;
    retry_after::parse(&HeaderValue::from_str(value).ok()?)
}

fn headers(headers: &[(&'static str, secrecy::SecretString)]) -> Vec<(String, String)> {
    let agent = ("user-agent".to_owned(), USER_AGENT.to_owned());
    let own = headers.iter().map(|(name, value)| {
        let value = value.expose_secret().to_owned();
        (name.to_ascii_lowercase(), value)
    });
    [agent].into_iter().chain(own).collect()
}

impl Transport for Local {
    fn dial(&self, request: DialRequest) -> LocalBoxFuture<'static, Result<Link, DialError>> {
        let found = self.find(request.url.expose_secret());
        let latency = self.latency;
        async move {
            let timeout = request.timeout;
            let (server, target) = found.map_err(DialError::Unreachable)?;
            tokio::time::timeout(timeout, open(server, target, request, latency))
                .await
                .unwrap_or(Err(DialError::TimedOut(timeout)))
        }
        .boxed_local()
    }
}

async fn open(
    server: Arc<Server>,
    target: String,
    dial: DialRequest,
    latency: Duration,
) -> Result<Link, DialError> {
    let path = target.split('?').next().unwrap_or_default();
    if !server.socket_paths().contains(&path) {
        return Err(DialError::Refused {
            status: 404,
            retry_after: None,
        });
    }
    let request = Request {
        method: "GET".to_owned(),
        target,
        headers: headers(&dial.headers),
        body: Bytes::new(),
    };
    sleep(latency).await;
    let gate = server.begin_upgrade(&request);
    sleep(gate.hold).await;
    let cut = Arc::new(Cut::default());
    let plug: Arc<dyn Plug> = Arc::clone(&cut) as _;
    let opening = server.open(&request, gate, Some(plug));
    sleep(latency).await;
    let accepted = match opening {
        Opening::Accepted(accepted) => accepted,
        Opening::Cut => return Err(DialError::Unreachable("the server hung up".to_owned())),
        Opening::Refused(response) => {
            return Err(DialError::Refused {
                status: response.status,
                retry_after: advice(&response),
            });
        }
    };
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let reader = Reader {
        server,
        socket: accepted.socket,
        cut: Arc::clone(&cut),
        latency,
    };
    tokio::task::spawn_local(reader.read(receiver));
    Ok(Link {
        incoming: Box::new(Incoming {
            orders: accepted.orders,
            queued: accepted.queued,
            departures: Departures::default(),
            timer: None,
            cut: Arc::clone(&cut),
            max_frame: dial.max_frame,
            end: None,
        }),
        outgoing: Box::new(Outgoing {
            frames: VecDeque::new(),
            sender,
            cut,
        }),
    })
}

/// The cable of a link: once it is cut, what is under way arrives nowhere.
#[derive(Default)]
struct Cut {
    is_cut: AtomicBool,
    incoming: AtomicWaker,
}

impl Cut {
    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }
}

impl Plug for Cut {
    fn pull(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.incoming.wake();
    }
}

/// The platform's reading side of a link: takes one message after another, each when it has arrived.
struct Reader {
    server: Arc<Server>,
    socket: SocketId,
    cut: Arc<Cut>,
    latency: Duration,
}

impl Reader {
    async fn read(self, mut frames: mpsc::Receiver<(Frame, Instant)>) {
        while let Some((frame, sent)) = frames.next().await {
            sleep_until(sent + self.latency).await;
            while let Some(from) = self.server.reads(self.socket) {
                sleep_until(from).await;
            }
            if self.cut.is_cut() {
                break;
            }
            self.server.read(self.socket, weight(&frame));
            match &frame {
                Frame::Binary(_) | Frame::Text(_) => self.server.receive(self.socket, &frame),
                Frame::Ping(payload) => {
                    self.server.heard(self.socket, &frame);
                    self.server.pong(self.socket, payload.clone());
                }
                Frame::Pong(_) => self.server.heard(self.socket, &frame),
                Frame::Close(_) => {
                    self.server.heard(self.socket, &frame);
                    break;
                }
            }
        }
        self.server.closed(self.socket);
    }
}

struct Incoming {
    orders: Receiver<Order>,
    queued: Queued,
    departures: Departures,
    timer: Option<Pin<Box<Sleep>>>,
    cut: Arc<Cut>,
    max_frame: usize,
    end: Option<LinkError>,
}

impl Incoming {
    /// Takes the orders that are there. Returns true once there can be no more.
    fn take_orders(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            match self.orders.poll_recv(cx) {
                Poll::Ready(Some(order)) => self.departures.add(order.at, order.frame),
                Poll::Ready(None) => return true,
                Poll::Pending => return false,
            }
        }
    }

    fn wake_at(&mut self, at: Instant, cx: &mut Context<'_>) {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl FrameStream for Incoming {
    fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut VecDeque<Frame>,
    ) -> Poll<Result<(), LinkError>> {
        self.cut.incoming.register(cx.waker());
        let is_last = self.take_orders(cx);
        let now = clock::now();
        let before = frames.len();
        while self.end.is_none()
            && let Some(frame) = self.departures.take(now)
        {
            self.queued.left(weight(&frame));
            match &frame {
                Frame::Binary(bytes) | Frame::Text(bytes) if bytes.len() > self.max_frame => {
                    self.end = Some(LinkError::Oversized(self.max_frame));
                    break;
                }
                Frame::Close(_) => self.end = Some(LinkError::Ended),
                _ => {}
            }
            frames.push_back(frame);
        }
        let is_over = self.cut.is_cut() || (is_last && self.departures.next().is_none());
        if is_over && self.end.is_none() {
            self.end = Some(LinkError::Ended);
        }
        match &self.end {
            _ if frames.len() > before => Poll::Ready(Ok(())),
            Some(end) => Poll::Ready(Err(end.clone())),
            None => {
                if let Some(at) = self.departures.next() {
                    self.wake_at(at, cx);
                }
                Poll::Pending
            }
        }
    }
}

struct Outgoing {
    frames: VecDeque<(Frame, Instant)>,
    sender: mpsc::Sender<(Frame, Instant)>,
    cut: Arc<Cut>,
}

impl FrameSink for Outgoing {
    fn push(&mut self, frame: Frame) -> Result<(), LinkError> {
        if self.cut.is_cut() || self.sender.is_closed() {
            return Err(LinkError::Ended);
        }
        self.frames.push_back((frame, clock::now()));
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while !self.frames.is_empty() {
            match self.sender.poll_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(LinkError::Ended)),
                Poll::Ready(Ok(())) => {}
            }
            if let Some(frame) = self.frames.pop_front()
                && self.sender.start_send(frame).is_err()
            {
                return Poll::Ready(Err(LinkError::Ended));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// How many messages may be under way to a platform before its client has to wait.
const CAPACITY: usize = 64;
