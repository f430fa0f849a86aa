//! The network side: one HTTP server with its websockets around the pure logic.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::dev::Extensions;
use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use bytes::Bytes;
use futures::stream;

use super::failure::Failure;
use super::hub::{Hub, Now, Opening, Out};
use super::line::{Line, Plug};
use super::rest::{Request, Response};
use super::socket::Socket;
use super::world::SocketId;

/// The logic, and the lines to the websockets, behind one lock: what happens has one order.
#[derive(Debug)]
pub(super) struct Server {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    hub: Hub,
    lines: BTreeMap<SocketId, Line>,
    overflows: u64,
}

const BODY_LIMIT: usize = 16 << 20;
/// Longer than clients keep idle connections, so that none is closed while a request is on its way.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

impl Server {
    pub(super) fn new(hub: Hub) -> Self {
        let state = State {
            hub,
            lines: BTreeMap::new(),
            overflows: 0,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Makes the server that accepts connections.
    pub(super) fn serve(
        self: &Arc<Self>,
        listener: TcpListener,
    ) -> std::io::Result<actix_web::dev::Server> {
        let server = Arc::clone(self);
        let factory = move || {
            App::new()
                .app_data(web::Data::from(Arc::clone(&server)))
                .app_data(web::PayloadConfig::new(BODY_LIMIT))
                .route("/ws", web::get().to(open))
                .route("/api/sse/metadata", web::get().to(listen))
                .default_service(web::to(call))
        };
        let server = HttpServer::new(factory)
            .on_connect(plug)
            .workers(1)
            .tcp_nodelay(true)
            .keep_alive(KEEP_ALIVE)
            .disable_signals()
            .listen(listener)?
            .run();
        Ok(server)
    }

    /// Runs the logic, and does what it says.
    pub(super) fn run<T>(&self, run: impl FnOnce(&mut Hub) -> (T, Vec<Out>)) -> T {
        let mut state = self.lock();
        let (result, outs) = run(&mut state.hub);
        for out in outs {
            state.carry_out(out);
        }
        result
    }

    /// Like [`Server::run`] for what can be refused.
    pub(super) fn try_run<T, E>(
        &self,
        run: impl FnOnce(&mut Hub) -> Result<(T, Vec<Out>), E>,
    ) -> Result<T, E> {
        self.run(|hub| match run(hub) {
            Ok((result, outs)) => (Ok(result), outs),
            Err(refusal) => (Err(refusal), Vec::new()),
        })
    }

    /// Looks at the logic.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Hub) -> T) -> T {
        look(&self.lock().hub)
    }

    /// Returns how many websockets were cut because their clients did not read.
    pub(super) fn overflows(&self) -> u64 {
        self.lock().overflows
    }

    pub(super) fn frame(&self, socket: SocketId, bytes: &Bytes) {
        self.run(|hub| ((), hub.frame(Now::read(), socket, bytes)));
    }

    pub(super) fn stall(&self, socket: SocketId) -> Option<Duration> {
        self.look(|hub| hub.stall(Now::read(), socket))
    }

    pub(super) fn closed(&self, socket: SocketId) {
        let mut state = self.lock();
        state.hub.close(socket);
        state.lines.remove(&socket);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carry_out(&mut self, out: Out) {
        match out {
            Out::Frame {
                socket,
                bytes,
                hold,
            } => {
                let line = self.lines.get(&socket);
                if line.is_some_and(|line| line.send(bytes, hold).is_err()) {
                    self.overflow(socket);
                }
            }
            Out::Close { socket, code } => {
                if let Some(line) = self.lines.remove(&socket) {
                    line.close(code);
                }
            }
            Out::Cut { socket } => {
                if let Some(line) = self.lines.remove(&socket) {
                    line.cut();
                }
            }
        }
    }

    /// Cuts a websocket whose client does not read, as the platform does.
    fn overflow(&mut self, socket: SocketId) {
        self.overflows += 1;
        tracing::warn!(
            socket,
            overflows = self.overflows,
            "the queue of a websocket is full: it is cut"
        );
        self.hub.close(socket);
        if let Some(line) = self.lines.remove(&socket) {
            line.cut();
        }
    }
}

/// Remembers the TCP connection of every request, so that it can be cut.
fn plug(stream: &dyn Any, data: &mut Extensions) {
    let stream = stream.downcast_ref::<TcpStream>();
    if let Some(plug) = stream.and_then(Plug::of) {
        data.insert(Arc::new(plug));
    }
}

/// Opens a websocket.
async fn open(http: HttpRequest, payload: web::Payload, server: web::Data<Server>) -> HttpResponse {
    let server = server.into_inner();
    let request = request_of(&http, Bytes::new());
    let mut response = match ws::handshake_with_protocols(&http, &["protobuf"]) {
        Ok(response) => response,
        Err(fault) => {
            let failure = Failure::bad(fault.to_string());
            return response_of(&Response::failed(&failure));
        }
    };
    let plug = http.conn_data::<Arc<Plug>>().cloned();
    let mut state = server.lock();
    match state.hub.open(Now::read(), &request) {
        Opening::Accepted(socket) => {
            let (line, orders, queued) = Line::new(plug);
            state.lines.insert(socket, line);
            drop(state);
            response.streaming(Socket::start(socket, server, orders, queued, payload))
        }
        Opening::Cut => {
            if let Some(plug) = plug {
                plug.pull();
            }
            HttpResponse::ServiceUnavailable().force_close().finish()
        }
        Opening::Refused(refused) => response_of(&refused),
    }
}

/// Opens a stream of an agent's events.
async fn listen(http: HttpRequest, server: web::Data<Server>) -> HttpResponse {
    let request = request_of(&http, Bytes::new());
    let opened = server.run(|hub| {
        let opened = hub.may_listen(&request).and_then(|()| {
            let stream = hub.streams.open();
            stream.map_err(|failure| Response::failed(&failure))
        });
        (opened, Vec::new())
    });
    match opened {
        Ok(mut events) => HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header(("cache-control", "no-cache"))
            .streaming(stream::poll_fn(move |cx| {
                let event = events.poll_recv(cx);
                event.map(|event| event.map(Ok::<_, actix_web::Error>))
            })),
        Err(refused) => response_of(&refused),
    }
}

/// Answers a REST request.
async fn call(
    http: HttpRequest,
    server: web::Data<Server>,
    body: Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    let body = match body {
        Ok(body) => body,
        Err(fault) => {
            let failure = Failure::bad(format!("body: {fault}"));
            return response_of(&Response::failed(&failure));
        }
    };
    let request = request_of(&http, body);
    let gate = server.run(|hub| (hub.begin(&request), Vec::new()));
    if !gate.hold.is_zero() {
        tokio::time::sleep(gate.hold).await;
    }
    let response = server.run(|hub| hub.finish(Now::read(), &request, gate));
    response_of(&response)
}

fn request_of(http: &HttpRequest, body: Bytes) -> Request {
    let headers = http.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let target = http.uri().path_and_query();
    Request {
        method: http.method().as_str().to_owned(),
        target: target.map_or("/", |target| target.as_str()).to_owned(),
        headers: headers.collect(),
        body,
    }
}

fn response_of(response: &Response) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut http = HttpResponse::build(status);
    for (name, value) in &response.headers {
        http.insert_header((name.as_str(), value.as_str()));
    }
    if !response.content_type.is_empty() {
        http.content_type(response.content_type.as_str());
    }
    http.body(response.body.clone())
}
