//! A client of websockets and HTTP that does exactly what it is told, right or wrong.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

pub(super) struct Agent {
    socket: TcpStream,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request, head as it is, and reads the answer.
pub(super) async fn ask(address: SocketAddr, method: &str, target: &str, headers: &str) -> Answer {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(super) async fn get(address: SocketAddr, target: &str) -> Answer {
    ask(address, "GET", target, "").await
}

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Agent {
    /// Opens a websocket; the error is the status of the refusal.
    pub(super) async fn dial(address: SocketAddr, target: &str) -> Result<Self, u16> {
        Self::dial_with(address, target, "").await
    }

    pub(super) async fn dial_with(
        address: SocketAddr,
        target: &str,
        headers: &str,
    ) -> Result<Self, u16> {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}{headers}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        match head.split(' ').nth(1).unwrap().parse().unwrap() {
            101 => Ok(Self { socket }),
            status => Err(status),
        }
    }

    pub(super) async fn send(&mut self, object: &Value) {
        self.text(&object.to_string()).await;
    }

    pub(super) async fn text(&mut self, text: &str) {
        self.frame(TEXT, true, text.as_bytes()).await.unwrap();
    }

    pub(super) async fn binary(&mut self, bytes: &[u8]) {
        self.frame(BINARY, true, bytes).await.unwrap();
    }

    /// Sends one frame; opcode 0 continues a message.
    pub(super) async fn frame(
        &mut self,
        opcode: u8,
        is_last: bool,
        payload: &[u8],
    ) -> io::Result<()> {
        let mut head = vec![opcode | if is_last { 0x80 } else { 0 }];
        match payload.len() {
            short @ 0..126 => head.push(0x80 | short as u8),
            middle @ 126..65_536 => {
                head.push(0x80 | 126);
                head.extend((middle as u16).to_be_bytes());
            }
            long => {
                head.push(0x80 | 127);
                head.extend((long as u64).to_be_bytes());
            }
        }
        // A mask of zeros changes nothing.
        head.extend([0; 4]);
        self.socket.write_all(&head).await?;
        self.socket.write_all(payload).await
    }

    /// Reads one frame.
    pub(super) async fn read(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let read = async {
            let head = self.socket.read_u8().await?;
            let length = match self.socket.read_u8().await? {
                126 => u64::from(self.socket.read_u16().await?),
                127 => self.socket.read_u64().await?,
                short => short.into(),
            };
            let mut payload = vec![0; length as usize];
            self.socket.read_exact(&mut payload).await?;
            Ok((head & 0x0f, payload))
        };
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        read.unwrap_or_else(|_| Err(io::Error::other("nothing came")))
    }

    /// Reads the next text.
    pub(super) async fn receive(&mut self) -> Value {
        loop {
            match self.read().await.unwrap() {
                (TEXT, text) => return serde_json::from_slice(&text).unwrap(),
                (PING, _) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads until a close frame comes, and returns its code.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.read().await {
                Ok((CLOSE, payload)) => {
                    let code = payload
                        .first_chunk::<2>()
                        .map(|code| u16::from_be_bytes(*code));
                    let _ = self.frame(CLOSE, true, &payload).await;
                    return code;
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Says goodbye, and returns the code of the answer.
    pub(super) async fn close(mut self, code: u16) -> Option<u16> {
        self.frame(CLOSE, true, &code.to_be_bytes()).await.unwrap();
        self.closed().await
    }
}
