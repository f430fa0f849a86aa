//! What a frame of Mezon costs: to find out what it is, to decode all of it, to decode its body, and to decode that into a message that was
//! used before; on both wires.
//!
//! `cargo bench -p greenroom-proto --bench decode`

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greenroom_proto::mezon::realtime::Envelope;
use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::{self, Wire, api::ChannelMessage};
use prost::Message as _;

fn frame(wire: Wire) -> Bytes {
    let message = ChannelMessage {
        clan_id: 2_000_000_000_000_000_001,
        channel_id: 3_000_000_000_000_000_007,
        message_id: 1_879_048_192_000_000_042,
        sender_id: 4_000_000_000_000_000_123,
        username: "user123".to_owned(),
        avatar: "https://cdn.example.org/avatars/123.png".to_owned(),
        content: r#"{"t":"the stage is set, the lights are on, and somebody has to say something: who goes first?"}"#.to_owned(),
        channel_label: "channel-07".to_owned(),
        display_name: "User 123".to_owned(),
        clan_nick: "nick123".to_owned(),
        mentions: b"[]"[..].into(),
        attachments: b"[]"[..].into(),
        create_time_seconds: 1_790_000_000,
        update_time_seconds: 1_790_000_000,
        mode: 2,
        is_public: true,
        ..Default::default()
    };
    let message = Some(Message::ChannelMessage(Box::new(message)));
    mezon::encode(wire, &Envelope { cid: 0, message }).into()
}

fn decode(criterion: &mut Criterion) {
    for wire in [Wire::V1, Wire::V2] {
        let frame = frame(wire);
        let body = mezon::route(wire, &frame).map(|route| frame.slice(route.body));
        let body = body.unwrap_or_default();
        let mut group = criterion.benchmark_group(format!("decode/{wire}"));
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function("tag scan", |bench| {
            bench.iter(|| mezon::route(wire, black_box(&frame)));
        });
        group.bench_function("envelope", |bench| {
            bench.iter(|| mezon::decode::<Envelope>(wire, black_box(frame.clone())));
        });
        group.bench_function("body", |bench| {
            bench.iter(|| mezon::decode::<ChannelMessage>(wire, black_box(body.clone())));
        });
        group.bench_function("body into a used message", |bench| {
            let mut message = ChannelMessage::default();
            bench.iter(|| {
                message.clear();
                mezon::merge(wire, black_box(body.clone()), &mut message)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
