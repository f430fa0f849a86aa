//! The bare client that everything is measured against: one thread, tokio-tungstenite, each frame decoded into the whole envelope by prost,
//! and nothing done with it but looking at its content.

mod envelope;
mod json;
mod transport;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::rc::Rc;

use bytes::Bytes;
use clap::Args;
use futures::{FutureExt, SinkExt, StreamExt};
use greenroom_actors::clock::{self, Instant};
use greenroom_proto::mezon::realtime;
use greenroom_proto::mezon::realtime::envelope::Message as Newest;
use greenroom_proto::mezon::{self, Wire};
use prost::Message as _;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

use self::envelope::{ChannelMessageSend, ClanJoin, Content, Envelope};
use super::dialect::Dialect;
use super::report::{Latencies, Report, Thirds};
use super::scene::CLAN;
use super::{load, process};
use crate::cli::Failure;

/// What the bare client does.
#[derive(Args, Clone, Debug)]
pub(super) struct BaselineArgs {
    /// Where to connect
    #[arg(long)]
    url: String,
    #[arg(long)]
    wire: Dialect,
    /// How many events end it
    #[arg(long)]
    events: u64,
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Answer each event, and count it when that was acknowledged
    #[arg(long)]
    reply: bool,
    /// Take the time that each event was on its way
    #[arg(long)]
    latency: bool,
}

/// What all connections of the client share.
struct Tally {
    args: BaselineArgs,
    events: Cell<u64>,
    acknowledged: Cell<u64>,
    sum: Cell<u64>,
    first: Cell<Option<Instant>>,
    thirds: RefCell<Thirds>,
    latencies: RefCell<Latencies>,
    done: Notify,
}

/// Receives, reports, and waits until it is told to end.
pub(super) async fn run(args: BaselineArgs) -> Result<(), Failure> {
    let tally = Rc::new(Tally {
        events: Cell::new(0),
        acknowledged: Cell::new(0),
        sum: Cell::new(0),
        first: Cell::new(None),
        thirds: RefCell::new(Thirds::new(args.events)),
        latencies: RefCell::default(),
        done: Notify::new(),
        args,
    });
    for _ in 0..tally.args.connections {
        let tally = Rc::clone(&tally);
        tokio::task::spawn_local(async move {
            if let Err(error) = receive(&tally).await {
                tracing::error!(error, "the bare client has lost its connection");
            }
        });
    }
    tally.done.notified().await;
    let seconds = tally.first.get().map(|first| first.elapsed());
    let report = Report {
        events: tally.events.get(),
        seconds: seconds.unwrap_or_default().as_secs_f64(),
        sum: tally.sum.get(),
        thirds: tally.thirds.borrow().rates(),
        latency_us: tally.latencies.take().quantiles(),
        ..Report::default()
    };
    report.print()?;
    process::until_told().await;
    Ok(())
}

async fn receive(tally: &Tally) -> Result<(), Box<dyn Error>> {
    let address = tally.args.url.trim_start_matches("http://");
    let mut socket = transport::connect(address).await?;
    if let Dialect::Mezon(wire) = tally.args.wire {
        for (cid, clan) in [(1, CLAN), (2, 0)] {
            socket.send(Message::Binary(join(wire, cid, clan))).await?;
        }
    }
    loop {
        // What is written leaves when there is nothing to read.
        let next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        let Some(message) = next else {
            return Err("the server hung up".into());
        };
        match (tally.args.wire, message?) {
            (Dialect::Mezon(wire), Message::Binary(frame)) => {
                if let Some(reply) = tally.take(wire, frame)? {
                    socket.feed(Message::Binary(reply)).await?;
                }
            }
            (Dialect::TokenBowl, Message::Text(frame)) => {
                let message: json::Message = serde_json::from_str(&frame)?;
                tally.count(&message.content);
            }
            _ => {}
        }
    }
}

impl Tally {
    /// Decodes a frame and counts it; returns what is to be answered.
    fn take(&self, wire: Wire, frame: Bytes) -> Result<Option<Bytes>, prost::DecodeError> {
        match wire {
            Wire::V1 => match Envelope::decode(frame)?.message {
                Some(Content::ChannelMessage(message)) => {
                    self.count(&message.content);
                    let reply = || ChannelMessageSend {
                        clan_id: message.clan_id.clone(),
                        channel_id: message.channel_id.clone(),
                        content: REPLY.to_owned(),
                    };
                    return Ok(self.reply(|cid| {
                        let message = Some(Content::ChannelMessageSend(reply()));
                        Envelope {
                            cid: cid.to_string(),
                            message,
                        }
                        .encode_to_vec()
                    }));
                }
                Some(Content::ChannelMessageAck(_)) => self.acknowledge(),
                _ => {}
            },
            Wire::V2 => match realtime::Envelope::decode(frame)?.message {
                Some(Newest::ChannelMessage(message)) => {
                    self.count(&message.content);
                    let reply = || realtime::ChannelMessageSend {
                        clan_id: message.clan_id,
                        channel_id: message.channel_id,
                        content: REPLY.to_owned(),
                        ..Default::default()
                    };
                    return Ok(self.reply(|cid| {
                        let message = Some(Newest::ChannelMessageSend(Box::new(reply())));
                        realtime::Envelope { cid, message }.encode_to_vec()
                    }));
                }
                Some(Newest::ChannelMessageAck(_)) => self.acknowledge(),
                _ => {}
            },
        }
        Ok(None)
    }

    fn count(&self, content: &str) {
        let events = self.events.get() + 1;
        self.events.set(events);
        self.sum.set(self.sum.get() + content.len() as u64);
        if events == 1 {
            self.first.set(Some(clock::now()));
        }
        if self.args.latency
            && let Some(sent) = load::sent_at(content)
        {
            self.latencies
                .borrow_mut()
                .add(load::nanos().saturating_sub(sent));
        }
        self.thirds.borrow_mut().count(events);
        if events == self.args.events && !self.args.reply {
            self.done.notify_one();
        }
    }

    fn reply(&self, write: impl FnOnce(i32) -> Vec<u8>) -> Option<Bytes> {
        let cid = i32::try_from(self.events.get() + 2).unwrap_or(i32::MAX);
        self.args.reply.then(|| write(cid).into())
    }

    fn acknowledge(&self) {
        self.acknowledged.set(self.acknowledged.get() + 1);
        if self.acknowledged.get() == self.args.events {
            self.done.notify_one();
        }
    }
}

fn join(wire: Wire, cid: i32, clan_id: i64) -> Bytes {
    let frame = match wire {
        Wire::V1 => {
            let join = ClanJoin {
                clan_id: clan_id.to_string(),
            };
            let message = Some(Content::ClanJoin(join));
            Envelope {
                cid: cid.to_string(),
                message,
            }
            .encode_to_vec()
        }
        Wire::V2 => {
            let join = realtime::ClanJoin {
                clan_id,
                ..Default::default()
            };
            let message = Some(Newest::ClanJoin(Box::new(join)));
            mezon::encode(wire, &realtime::Envelope { cid, message })
        }
    };
    frame.into()
}

/// What an event is answered with.
pub(super) const REPLY: &str = r#"{"t":"noted"}"#;
