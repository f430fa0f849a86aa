//! Servers of a few lines, on a port of this machine.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::future::Future;

use actix_http::ws::hash_key;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves connections with `script` and returns `127.0.0.1:PORT`.
pub(crate) async fn serve<F>(mut script: impl FnMut(TcpStream) -> F + 'static) -> String
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            actix_rt::spawn(script(stream));
        }
    });
    address
}

/// Returns an address at which nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Reads the head of a request, and its body if it says how long that is. A character of the text is one byte.
pub(crate) async fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.unwrap();
        text.extend(bytes[..read].iter().map(|byte| char::from(*byte)));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "the request ended early: {text}");
            continue;
        };
        let length = header(head, "content-length").map_or(0, |value| value.parse().unwrap());
        if body.chars().count() >= length {
            return text;
        }
    }
}

/// Finds a header of a request.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Answers the upgrade of a websocket and returns the request.
pub(crate) async fn upgrade(stream: &mut TcpStream) -> String {
    let request = request(stream).await;
    let key = header(&request, "sec-websocket-key").unwrap();
    let accept = String::from_utf8(hash_key(key.as_bytes()).to_vec()).unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    request
}

/// Answers a request over HTTP, and closes.
pub(crate) async fn answer(mut stream: TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream.shutdown().await.unwrap();
}
