//! What goes over real sockets.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use greenroom::payman::{ErrorKind, PaymanClient, Settings, TokenInfo};
use serde_json::json;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{CLIENT, SECOND, SECRET, completed, facts, on_stage, secrets};

/// What a server answers: bytes, and whether it closes then.
type Answer = (Vec<u8>, bool);

/// A server of a few lines.
struct Server {
    url: String,
    connections: Rc<Cell<usize>>,
    requests: Rc<RefCell<Vec<String>>>,
}

impl Server {
    /// Answers tokens by itself, and tasks with `answer`.
    async fn start(answer: impl Fn(&str) -> Answer + 'static) -> Self {
        secrets::log_everything();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            connections: Rc::default(),
            requests: Rc::default(),
        };
        let (connections, requests) = (Rc::clone(&server.connections), Rc::clone(&server.requests));
        let answer = Rc::new(answer);
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.set(connections.get() + 1);
                let (answer, requests) = (Rc::clone(&answer), Rc::clone(&requests));
                actix_rt::spawn(serve(stream, answer, requests));
            }
        });
        server
    }

    async fn client(&self) -> PaymanClient {
        let mut settings = Settings::new(CLIENT, SECRET).base_url(self.url.parse().unwrap());
        settings.retry_base = Duration::from_millis(10);
        PaymanClient::connect(settings).await.unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Rc<impl Fn(&str) -> Answer>,
    requests: Rc<RefCell<Vec<String>>>,
) {
    while let Some(request) = read(&mut stream).await {
        requests.borrow_mut().push(request.clone());
        let (bytes, closes) = match request.starts_with("POST /api/oauth2/token") {
            true => (
                http(
                    200,
                    "",
                    &json!({"accessToken": "at-wire", "expiresIn": 3600}).to_string(),
                ),
                false,
            ),
            false => answer(&request),
        };
        if stream.write_all(&bytes).await.is_err() || closes {
            return;
        }
    }
}

/// Reads one request, head and body.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")
                    .map(|length| length.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let mut piece = [0; 4_096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn good() -> Vec<u8> {
    http(200, "", &completed("fine").to_string())
}

fn headers(request: &str) -> Vec<String> {
    let head = request.split("\r\n\r\n").next().unwrap();
    head.lines().skip(1).map(str::to_ascii_lowercase).collect()
}

#[actix_rt::test]
async fn vectors_1_and_2_are_what_is_sent() {
    let server = Server::start(|_| (good(), false)).await;
    let client = server.client().await;
    client.ask("Héllo").await.unwrap();
    let requests = server.requests.borrow().clone();
    assert!(
        requests[0]
            .starts_with("POST /api/oauth2/token?grant_type=client_credentials HTTP/1.1\r\n")
    );
    let token = headers(&requests[0]);
    for wanted in [
        "content-type: application/json",
        "content-length: 0",
        "authorization: basic c2ltlxbhew1hbi1jbgllbnq6c2ltlxbhew1hbi1zzwnyzxq=",
    ] {
        assert!(
            token.iter().any(|header| header == wanted),
            "{wanted}: {token:?}"
        );
    }
    assert!(
        token
            .iter()
            .any(|header| header.starts_with("user-agent: greenroom/"))
    );
    assert!(requests[1].starts_with("POST /api/a2a/tasks/send HTTP/1.1\r\n"));
    let task = headers(&requests[1]);
    assert!(
        task.iter()
            .any(|header| header == "x-payman-access-token: at-wire")
    );
    assert!(
        !task
            .iter()
            .any(|header| header.starts_with("authorization"))
    );
    assert!(
        !task
            .iter()
            .any(|header| header.starts_with("transfer-encoding"))
    );
}

#[actix_rt::test]
async fn asks_one_after_another_use_one_connection() {
    let server = Server::start(|_| (good(), false)).await;
    let client = server.client().await;
    for _ in 0..20 {
        client.ask("x").await.unwrap();
    }
    assert_eq!(
        (server.connections.get(), server.requests.borrow().len()),
        (1, 21)
    );
}

#[actix_rt::test]
async fn a_redirect_leads_nowhere() {
    let elsewhere = Server::start(|_| (good(), false)).await;
    let location = format!("Location: {}/api/a2a/tasks/send\r\n", elsewhere.url);
    let server = Server::start(move |_| (http(307, &location, ""), false)).await;
    let error = server.client().await.ask("x").await.unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Http, Some(307), false));
    assert_eq!(
        (server.requests.borrow().len(), elsewhere.connections.get()),
        (2, 0)
    );
}

#[actix_rt::test]
async fn a_connection_that_is_lost_after_the_request_is_told_from_one_that_never_was() {
    for (answer, kind) in [
        (Vec::new(), ErrorKind::Transport),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"jsonrpc\"".to_vec(),
            ErrorKind::Transport,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"jso".to_vec(),
            ErrorKind::Transport,
        ),
        (b"nonsense\r\n\r\n".to_vec(), ErrorKind::Transport),
    ] {
        let server = Server::start(move |_| (answer.clone(), true)).await;
        let error = server.client().await.ask("x").await.unwrap_err();
        assert!(error.may_have_run());
        assert!(
            error.kind() == kind || error.kind() == ErrorKind::Decode,
            "{error:?}"
        );
        assert_eq!(server.requests.borrow().len(), 2, "it is not sent again");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut settings = Settings::new(CLIENT, SECRET).base_url(url.parse().unwrap());
    settings.retry_base = Duration::from_millis(1);
    let client = PaymanClient::connect(settings).await.unwrap();
    assert_eq!(
        facts(&client.ask("x").await.unwrap_err()),
        (ErrorKind::Connect, None, false)
    );
}

#[actix_rt::test]
async fn a_server_that_goes_away_between_two_asks_is_connected_to_again() {
    let server = Server::start(|_| {
        let mut answer = good();
        let head = String::from_utf8(std::mem::take(&mut answer)).unwrap();
        (
            head.replacen("\r\n", "\r\nConnection: close\r\n", 1)
                .into_bytes(),
            true,
        )
    })
    .await;
    let client = server.client().await;
    for _ in 0..3 {
        client.ask("x").await.unwrap();
    }
    assert_eq!(server.requests.borrow().len(), 4);
}

#[actix_rt::test]
async fn a_stream_is_read_from_chunks_and_closed_by_the_client() {
    let event = json!({"jsonrpc": "2.0", "id": "r", "result": {"id": "t", "status": {"state": "completed"}, "final": true}});
    let server = Server::start(move |request| {
        assert!(headers(request).iter().any(|header| header == "accept: text/event-stream"));
        let data = format!("data: {event}\r\n\r\n");
        let chunks: String = data.as_bytes().chunks(7).map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap())).collect();
        (format!("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes(), false)
    }).await;
    let client = server.client().await;
    let mut events = 0;
    let answer = client.ask_with("x", async |_| events += 1).await.unwrap();
    assert_eq!(
        (events, answer.formatted().unwrap().ids.task_id.as_str()),
        (1, "t")
    );
}

/// A server that swallows packets: nobody accepts, its queue is full, and the system drops what else wants to connect.
struct Swallowing {
    address: SocketAddr,
    _listener: Socket,
    _queue: Vec<std::net::TcpStream>,
}

impl Swallowing {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100));
        let queue: Vec<_> = (0..8).map_while(|_| connect().ok()).collect();
        assert!(queue.len() < 8, "the queue never gets full");
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }

    fn settings(&self) -> Settings {
        let url = format!("http://{}", self.address);
        Settings::new(CLIENT, SECRET).base_url(url.parse().unwrap())
    }
}

#[test]
fn connecting_has_a_limit_of_its_own() {
    let server = Swallowing::new();
    // Time is stopped, so that a limit is reached as soon as there is nothing else to do.
    on_stage(async |_| {
        let mut short = server.settings();
        short.connect_timeout = 2 * SECOND;
        for (settings, limit) in [(server.settings(), 10), (short, 2)] {
            let given = TokenInfo {
                access_token: Some("at-given".into()),
                expires_in: Some(3_600.0),
                ..TokenInfo::default()
            };
            let given = settings.clone().token(given).unwrap();
            for settings in [settings, given] {
                let client = PaymanClient::connect(settings).await.unwrap();
                for stream in [false, true] {
                    let begun = greenroom::actors::clock::now();
                    let failed = match stream {
                        false => client.answer("x").await,
                        true => client.ask_with("x", async |_| ()).await,
                    };
                    assert_eq!(
                        facts(&failed.unwrap_err()),
                        (ErrorKind::Connect, None, false)
                    );
                    // Three tries, and the waits between them.
                    let took = begun.elapsed().as_secs();
                    assert!((3 * limit..=3 * limit + 1).contains(&took), "{took} s");
                }
            }
        }
    });
}
