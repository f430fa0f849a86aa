//! A simulated platform behind real sockets: one HTTP server with its websockets.

use std::any::Any;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::dev::Extensions;
use actix_web::guard;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::exchange::{Request, Response};
use super::line::Plug;
use super::network::{End, Opening};
use super::server::Server;
use super::socket::Socket;
use super::stream::Events;

const BODY_LIMIT: usize = 16 << 20;
/// Longer than clients keep idle connections, so that none is closed while a request is on its way.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Makes the server that accepts connections.
pub(super) fn serve(
    server: &Arc<Server>,
    listener: TcpListener,
) -> io::Result<actix_web::dev::Server> {
    let server = Arc::clone(server);
    let factory = move || {
        let mut app = App::new().app_data(web::Data::from(Arc::clone(&server)));
        for path in server.socket_paths() {
            let upgrade = guard::fn_guard(|request| request.head().upgrade());
            app = app.route(path, web::get().guard(upgrade).to(open));
        }
        // a path that no request has, if there are no streams
        let events = server.stream_path().unwrap_or("/ /");
        app.route(events, web::get().to(listen))
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

/// The TCP connection under a request.
struct TcpPlug(TcpStream);

impl Plug for TcpPlug {
    fn pull(&self) {
        if let Err(fault) = self.0.shutdown(Shutdown::Both) {
            tracing::debug!(%fault, "the connection had ended");
        }
    }

    fn is_unplugged(&self) -> bool {
        // The socket does not block: there is nothing to read while the client is there.
        matches!(self.0.peek(&mut [0]), Ok(0))
    }
}

/// Remembers the TCP connection of every request, so that it can be cut.
fn plug(stream: &dyn Any, data: &mut Extensions) {
    let stream = stream.downcast_ref::<actix_web::rt::net::TcpStream>();
    if let Some(stream) = stream.and_then(|stream| duplicate(stream).ok()) {
        let plug: Arc<dyn Plug> = Arc::new(TcpPlug(stream));
        data.insert(plug);
    }
}

/// Opens a websocket.
async fn open(http: HttpRequest, payload: web::Payload, server: web::Data<Server>) -> HttpResponse {
    let server = server.into_inner();
    let request = request_of(&http, Bytes::new());
    let mut response = match ws::handshake_with_protocols(&http, server.subprotocols()) {
        Ok(response) => response,
        Err(fault) => return HttpResponse::BadRequest().body(fault.to_string()),
    };
    let gate = server.begin_upgrade(&request);
    wait(gate.hold).await;
    let plug = http.conn_data::<Arc<dyn Plug>>().cloned();
    match server.open(&request, gate, plug.clone()) {
        Opening::Accepted(accepted) => response.streaming(Socket::start(accepted, server, payload)),
        Opening::Cut => cut(plug),
        Opening::Refused(refused) => response_of(&refused),
    }
}

/// Opens a stream of events.
async fn listen(http: HttpRequest, server: web::Data<Server>) -> HttpResponse {
    let request = request_of(&http, Bytes::new());
    let gate = server.begin(&request);
    wait(gate.hold).await;
    match server.stream(&request, gate) {
        Ok(mut events) => HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header(("cache-control", "no-cache"))
            .streaming(stream::poll_fn(move |cx| {
                let event = events.poll_recv(cx);
                event.map(|event| event.map(Ok::<_, actix_web::Error>))
            })),
        Err(Some(refused)) => response_of(&refused),
        Err(None) => cut(http.conn_data::<Arc<dyn Plug>>().cloned()),
    }
}

/// Answers a request over HTTP.
async fn call(http: HttpRequest, payload: web::Payload, server: web::Data<Server>) -> HttpResponse {
    let body = match http.head().upgrade() {
        // what follows is no body, and has no end
        true => Bytes::new(),
        false => match payload.to_bytes_limited(BODY_LIMIT).await {
            Ok(Ok(body)) => body,
            Ok(Err(fault)) => return HttpResponse::BadRequest().body(format!("body: {fault}")),
            Err(_) => return response_of(&server.error(413, "Request body is too large")),
        },
    };
    let request = request_of(&http, body);
    let gate = server.begin(&request);
    wait(gate.hold).await;
    let plug = http.conn_data::<Arc<dyn Plug>>().cloned();
    if server.is_stream(&request) {
        wait(server.late(&request)).await;
        return match server.open(&request, gate, plug.clone()) {
            Opening::Accepted(accepted) => HttpResponse::Ok()
                .content_type("text/event-stream")
                .insert_header(("cache-control", "no-cache"))
                .force_close()
                .streaming(
                    Events::new(accepted, server.into_inner()).map(Ok::<_, actix_web::Error>),
                ),
            Opening::Cut => cut(plug),
            Opening::Refused(refused) => response_of(&refused),
        };
    }
    let reply = server.finish(&request, gate);
    wait(reply.hold).await;
    match reply.end {
        End::Whole(response) => response_of(&response),
        End::Half(response) => half_of(&response),
        End::Cut => cut(plug),
    }
}

async fn wait(hold: Duration) {
    if !hold.is_zero() {
        tokio::time::sleep(hold).await;
    }
}

fn cut(plug: Option<Arc<dyn Plug>>) -> HttpResponse {
    if let Some(plug) = plug {
        plug.pull();
    }
    HttpResponse::ServiceUnavailable().force_close().finish()
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
    head_of(response).body(response.body.clone())
}

/// Announces a whole body and sends the first half of it.
fn half_of(response: &Response) -> HttpResponse {
    let whole = &response.body;
    let parts = [
        Ok(whole.slice(..whole.len() / 2)),
        Err(io::Error::other("the answer is cut short")),
    ];
    let size = whole.len().max(1) as u64;
    let body = SizedStream::new(size, stream::iter(parts));
    head_of(response).force_close().body(body)
}

fn head_of(response: &Response) -> actix_web::HttpResponseBuilder {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut http = HttpResponse::build(status);
    for (name, value) in &response.headers {
        http.insert_header((name.as_str(), value.as_str()));
    }
    if !response.content_type.is_empty() {
        http.content_type(response.content_type.as_str());
    }
    http
}

#[cfg(unix)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> io::Result<TcpStream> {
    use std::os::fd::AsFd;

    stream.as_fd().try_clone_to_owned().map(TcpStream::from)
}

#[cfg(windows)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> io::Result<TcpStream> {
    use std::os::windows::io::AsSocket;

    stream.as_socket().try_clone_to_owned().map(TcpStream::from)
}
