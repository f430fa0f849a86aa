//! One socket: what the client asks is answered, and events are sent between the answers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use actix_codec::{Decoder, Encoder};
use actix_http::ws::{Codec, Frame, Message as Out};
use bytes::{Bytes, BytesMut};
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::realtime::{ChannelMessageAck, Envelope};
use greenroom_proto::mezon::{self, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

use super::Blast;
use crate::cli::bench::dialect::Dialect;
use crate::cli::bench::load::nanos;

/// Serves a socket until either side closes it.
pub(super) async fn run(stream: TcpStream, blast: Rc<Blast>) -> io::Result<()> {
    let (read, write) = stream.into_split();
    let answers = Rc::new(Answers::default());
    let reading = answer(read, Rc::clone(&answers), Rc::clone(&blast));
    tokio::select! {
        ended = reading => ended,
        () = blast.cut.notified() => Ok(()),
        ended = send(write, answers, Rc::clone(&blast)) => ended,
    }
}

/// Answers that wait to be written.
#[derive(Debug, Default)]
struct Answers {
    bytes: RefCell<BytesMut>,
    more: Notify,
    room: Notify,
}

async fn answer(
    mut stream: OwnedReadHalf,
    answers: Rc<Answers>,
    blast: Rc<Blast>,
) -> io::Result<()> {
    let Dialect::Mezon(wire) = blast.args.wire else {
        return ignore(stream, &blast).await;
    };
    let (mut codec, mut received) = (Codec::new(), BytesMut::new());
    let mut acked = 0;
    loop {
        received.reserve(READ);
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
        while let Some(frame) = codec.decode(&mut received).map_err(io::Error::other)? {
            let reply = match frame {
                Frame::Binary(bytes) => {
                    let envelope: Envelope =
                        mezon::decode(wire, bytes).map_err(io::Error::other)?;
                    if matches!(&envelope.message, Some(Message::ClanJoin(join)) if join.clan_id == 0)
                    {
                        blast.join();
                    }
                    acked += 1;
                    Out::Binary(reply(wire, envelope, acked))
                }
                Frame::Ping(payload) => Out::Pong(payload),
                Frame::Close(_) => return Ok(()),
                _ => continue,
            };
            let encoded = codec.encode(reply, &mut answers.bytes.borrow_mut());
            encoded.map_err(io::Error::other)?;
        }
        answers.more.notify_one();
        while answers.bytes.borrow().len() > ANSWERS {
            answers.room.notified().await;
        }
    }
}

/// On this platform nobody joins, and a client that only listens is answered nothing.
async fn ignore(mut stream: OwnedReadHalf, blast: &Rc<Blast>) -> io::Result<()> {
    blast.join();
    let mut received = [0; 1_024];
    while stream.read(&mut received).await? > 0 {}
    Ok(())
}

/// What the platform answers: an acknowledgement to a message, a pong to a ping, and to anything else what was asked.
fn reply(wire: Wire, asked: Envelope, number: i64) -> Bytes {
    let message = match asked.message {
        Some(Message::ChannelMessageSend(send)) => {
            Message::ChannelMessageAck(Box::new(ChannelMessageAck {
                channel_id: send.channel_id,
                message_id: FIRST_REPLY + number,
                ..Default::default()
            }))
        }
        Some(Message::Ping(_)) => Message::Pong(Box::default()),
        Some(other) => other,
        None => Message::Pong(Box::default()),
    };
    let answer = Envelope {
        cid: asked.cid,
        message: Some(message),
    };
    mezon::encode(wire, &answer).into()
}

async fn send(
    mut stream: OwnedWriteHalf,
    answers: Rc<Answers>,
    blast: Rc<Blast>,
) -> io::Result<()> {
    let mut out = Vec::new();
    let mut left = share(&blast);
    let start = async {
        while blast.started.get().is_none() {
            let started = blast.start.notified();
            if blast.started.get().is_none() {
                started.await;
            }
        }
    };
    let mut start = std::pin::pin!(start);
    let mut is_started = false;
    loop {
        let waiting = answers.bytes.borrow_mut().split();
        if !waiting.is_empty() {
            stream.write_all(&waiting).await?;
            answers.room.notify_one();
        }
        if !is_started {
            tokio::select! {
                () = &mut start => is_started = true,
                () = answers.more.notified() => {}
            }
            continue;
        }
        let due = due(&blast).min(left);
        if due == 0 {
            if left > 0 {
                // Close enough to the rate, and others get their turn.
                tokio::task::yield_now().await;
            } else {
                answers.more.notified().await;
            }
            continue;
        }
        out.clear();
        let from = blast.next.get();
        let time = |number| (blast.args.rate > 0).then(|| planned(&blast, number));
        let written = blast
            .load
            .write(&mut out, from, from + due, block(&blast), time);
        blast.next.set(from + written);
        left -= written;
        stream.write_all(&out).await?;
        if left == 0 {
            blast.done();
        }
    }
}

/// How many events this socket sends: all have the same share, and whoever joined first what remains.
fn share(blast: &Blast) -> u64 {
    let (events, sockets) = (blast.args.events, blast.args.connections as u64);
    match blast.has_rest.replace(true) {
        true => events / sockets,
        false => events / sockets + events % sockets,
    }
}

/// How many events may be sent now.
fn due(blast: &Blast) -> u64 {
    if blast.args.rate == 0 {
        return u64::MAX / 2;
    }
    let elapsed = nanos().saturating_sub(blast.started.get().unwrap_or_default());
    let planned = u128::from(elapsed) * u128::from(blast.args.rate) / 1_000_000_000;
    u64::try_from(planned)
        .unwrap_or(u64::MAX)
        .saturating_sub(blast.next.get())
}

/// When an event should be sent, whether or not the client let it be: so its wait counts if the client was busy.
fn planned(blast: &Blast, number: u64) -> u64 {
    let since = u128::from(number) * 1_000_000_000 / u128::from(blast.args.rate.max(1));
    blast.started.get().unwrap_or_default() + u64::try_from(since).unwrap_or_default()
}

/// How much is written at once. Many sockets take less each, so that the blaster stays small.
fn block(blast: &Blast) -> usize {
    (BLOCK / blast.args.connections).max(16 << 10)
}

const BLOCK: usize = 256 << 10;
const READ: usize = 64 << 10;
/// How many bytes of answers may wait before no more questions are read.
const ANSWERS: usize = 4 << 20;
const FIRST_REPLY: i64 = 1_900_000_000_000_000_000;
