//! The calls that a bot makes before it opens its socket.

use std::io;

use actix_http::ws::hash_key;
use bytes::Bytes;
use greenroom_proto::mezon::{self, Wire, api};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cli::bench::dialect::Dialect;
use crate::cli::bench::scene::Scene;

/// Opens a port of this machine.
pub(super) async fn listen() -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// What the platform looks like to a bot.
#[derive(Debug)]
pub(super) struct Platform {
    pub(super) dialect: Dialect,
    pub(super) scene: Scene,
    /// Host and port.
    pub(super) address: String,
}

/// Answers calls until the client opens a websocket: then the stream is that. `None` if it went away before.
pub(super) async fn serve(
    mut stream: TcpStream,
    platform: &Platform,
) -> io::Result<Option<TcpStream>> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        let Some(request) = read(&mut stream, &mut received).await? else {
            return Ok(None);
        };
        if let Some(key) = request.key {
            let accept = hash_key(key.as_bytes());
            let accept = String::from_utf8_lossy(&accept);
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            return Ok(Some(stream));
        }
        let (kind, body) = platform.answer(&request.target, &request.body);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
    }
}

impl Platform {
    fn answer(&self, target: &str, body: &[u8]) -> (&'static str, Vec<u8>) {
        let path = target.split('?').next().unwrap_or_default();
        match self.dialect {
            Dialect::V1 => ("application/json", self.older(path, target)),
            Dialect::V2 => ("application/x-protobuf", self.newest(path, body)),
            Dialect::TokenBowl => ("application/json", token_bowl(path)),
        }
    }

    fn older(&self, path: &str, target: &str) -> Vec<u8> {
        let answer = match path {
            "/v2/apps/authenticate/token" | "/v2/apps/authenticate/refresh" => json!({
                "token": TOKEN,
                "refresh_token": TOKEN,
                "user_id": BOT.to_string(),
                "api_url": format!("http://{}", self.address),
            }),
            "/v2/clandesc" => {
                let clans = self.scene.clans.iter().map(|clan| {
                    json!({
                        "clan_id": clan.clan_id.to_string(),
                        "clan_name": clan.clan_name,
                        "welcome_channel_id": clan.welcome_channel_id.to_string(),
                    })
                });
                json!({"clandesc": clans.collect::<Vec<_>>()})
            }
            "/v2/channeldesc" => {
                let channels = self.channels(number(target, "clan_id=")).map(|channel| {
                    json!({
                        "clan_id": channel.clan_id.to_string(),
                        "channel_id": channel.channel_id.to_string(),
                        "channel_label": channel.channel_label,
                        "type": channel.r#type,
                    })
                });
                json!({"channeldesc": channels.collect::<Vec<_>>()})
            }
            _ => json!({}),
        };
        answer.to_string().into_bytes()
    }

    fn newest(&self, path: &str, body: &[u8]) -> Vec<u8> {
        match path.rsplit('/').next() {
            Some("token" | "SessionRefresh") => mezon::encode(
                Wire::V2,
                &api::Session {
                    token: TOKEN.to_owned(),
                    refresh_token: TOKEN.to_owned(),
                    user_id: BOT,
                    api_url: format!("http://{}", self.address),
                    ws_url: self.address.clone(),
                    ..Default::default()
                },
            ),
            Some("ListClanDescs") => mezon::encode(
                Wire::V2,
                &api::ClanDescList {
                    clandesc: self.scene.clans.clone(),
                },
            ),
            Some("ListChannelDescs") => {
                let body = Bytes::copy_from_slice(body);
                let asked = mezon::decode::<api::ListChannelDescsRequest>(Wire::V2, body);
                let clan = asked.map_or(0, |asked| asked.clan_id);
                let answer = api::ChannelDescList {
                    channeldesc: self.channels(clan).cloned().collect(),
                };
                mezon::encode(Wire::V2, &answer)
            }
            _ => Vec::new(),
        }
    }

    fn channels(&self, clan: i64) -> impl Iterator<Item = &api::ChannelDescription> {
        let channels = self.scene.channels.iter();
        channels.filter(move |channel| channel.clan_id == clan)
    }
}

/// Finds a number in a query.
fn number(target: &str, name: &str) -> i64 {
    let value = target.split_once(name).map(|(_, value)| value);
    let value = value.and_then(|value| value.split('&').next());
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

fn token_bowl(path: &str) -> Vec<u8> {
    let answer = match path {
        "/users/me" => json!({
            "id": "5f0c1d2e-3b4a-4c5d-8e6f-ffffffffffff",
            "username": "bench",
            "role": "bot",
            "bot": true,
            "viewer": false,
            "created_at": "2026-09-21T08:53:20+00:00",
        }),
        _ => json!({
            "messages": [],
            "pagination": {"total": 0, "offset": 0, "limit": 50, "has_more": false},
        }),
    };
    answer.to_string().into_bytes()
}

struct Request {
    target: String,
    body: Vec<u8>,
    /// The key of a websocket, if one is asked for.
    key: Option<String>,
}

/// Reads one request; `None` at the end of the stream.
async fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some((mut request, head, length)) = parse(received)? {
            while received.len() < head + length {
                if length > LIMIT || stream.read_buf(received).await? == 0 {
                    return Ok(None);
                }
            }
            request.body = received.drain(..head + length).skip(head).collect();
            return Ok(Some(request));
        }
        if received.len() > LIMIT || stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// Returns the request and the lengths of its head and its body, if the head has arrived.
fn parse(received: &[u8]) -> io::Result<Option<(Request, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let status = head.parse(received).map_err(io::Error::other)?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let header = |name: &str| {
        let header = head
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let body: usize = header("content-length")
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or_default();
    let request = Request {
        target: head.path.unwrap_or_default().to_owned(),
        body: Vec::new(),
        key: header("sec-websocket-key").map(str::to_owned),
    };
    Ok(Some((request, length, body)))
}

const BOT: i64 = 1_000_000_000_000_000_001;
const TOKEN: &str = "bench.e30.bench";
/// How long a head may be, and a body.
const LIMIT: usize = 64 << 10;
