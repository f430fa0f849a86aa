//! Random frames: the bot neither crashes nor grows, and still hears.

use std::sync::{Arc, Mutex};

use greenroom::actors::entropy::Entropy;
use greenroom::prelude::*;
use greenroom_proto::mezon::{Wire, api, realtime};
use serde_json::json;

use crate::stage::{Stage, object};
use crate::{ALICE, CLAN, GENERAL};

const FRAMES: usize = 20_000;
const BATCH: usize = 500;

/// Makes frames that are noise, and frames that nearly are events, answers and parts of raw answers.
struct Noise {
    entropy: Entropy,
    models: Vec<Vec<u8>>,
}

impl Noise {
    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.entropy.next_u64() % limit.max(1) as u64).unwrap()
    }

    fn bytes(&self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    fn frame(&self) -> Vec<u8> {
        let mut frame = match self.below(4) {
            0 => return self.bytes(self.below(200)),
            1 => {
                let mut raw = vec![0xff];
                raw.extend(self.bytes(self.below(40)));
                return raw;
            }
            // A field of the envelope with anything in it.
            2 => {
                let body = self.bytes(self.below(60));
                let mut frame = Vec::new();
                let tag = ((2 + self.below(99)) << 3) | 2;
                for value in [tag, body.len()] {
                    let mut value = value;
                    while value >= 0x80 {
                        frame.push((value & 0x7f) as u8 | 0x80);
                        value >>= 7;
                    }
                    frame.push(value as u8);
                }
                frame.extend(body);
                return frame;
            }
            _ => self.models[self.below(self.models.len())].clone(),
        };
        for _ in 0..=self.below(4) {
            if frame.is_empty() {
                break;
            }
            let place = self.below(frame.len());
            match self.below(4) {
                0 => frame[place] = self.below(256) as u8,
                1 => frame.truncate(place),
                2 => frame.insert(place, self.below(256) as u8),
                _ => drop(frame.remove(place)),
            }
        }
        frame
    }
}

/// Events with something in them, by which the noise is modelled.
fn models(wire: Wire) -> Vec<Vec<u8>> {
    let message = api::ChannelMessage {
        clan_id: CLAN,
        channel_id: GENERAL,
        message_id: 7_000_000_000_000_000_777,
        sender_id: ALICE,
        content: r#"{"t":"hi","mk":[{"type":"b","s":0,"e":1}]}"#.into(),
        username: "alice".into(),
        mentions: br#"[{"user_id":"1","s":0,"e":1}]"#.as_slice().into(),
        ..Default::default()
    };
    let created = realtime::ChannelCreatedEvent {
        clan_id: CLAN,
        channel_id: 99,
        channel_label: "new".into(),
        ..Default::default()
    };
    let notice = realtime::Notifications {
        notifications: vec![api::Notification {
            code: 3,
            content: br#"{"username":"bob"}"#.as_slice().into(),
            ..Default::default()
        }],
    };
    let clicked = realtime::MessageButtonClicked {
        channel_id: GENERAL,
        button_id: "yes".into(),
        ..Default::default()
    };
    use realtime::envelope::Message;
    let contents = [
        Message::ChannelMessage(Box::new(message)),
        Message::ChannelCreatedEvent(Box::new(created)),
        Message::Notifications(Box::new(notice)),
        Message::MessageButtonClicked(Box::new(clicked)),
        Message::Pong(Box::default()),
    ];
    let frames = contents.into_iter().enumerate().map(|(place, message)| {
        let envelope = realtime::Envelope {
            cid: if place == 4 { 9 } else { 0 },
            message: Some(message),
        };
        greenroom_proto::mezon::encode(wire, &envelope)
    });
    frames.collect()
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}

#[actix_rt::test]
async fn random_frames_neither_end_a_bot_nor_make_it_grow() {
    let seed = std::env::var("GREENROOM_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(54);
    println!("GREENROOM_TEST_SEED={seed}");
    for wire in [Wire::V1, Wire::V2] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let stage = Stage::open(wire, |bot| {
            bot.on("ears", async move |message: Event<ChatMessage>| {
                if message.text.starts_with("still") {
                    ears.lock().unwrap().push(message.text.clone());
                }
                Ok(())
            })
        })
        .await;
        let noise = Noise {
            entropy: Entropy::seeded(seed),
            models: models(wire),
        };
        let mut early = 0.0;
        for round in 0..FRAMES / BATCH {
            let frames: Vec<String> = (0..BATCH)
                .map(|_| {
                    noise
                        .frame()
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect()
                })
                .collect();
            let before = stage.bot.counters().frames.get();
            stage
                .mezon
                .command("raw", object(json!({"hex": frames})))
                .unwrap();
            let due = before + BATCH as u64;
            stage
                .until(60, "the noise is read", |stage| {
                    stage.bot.counters().frames.get() >= due
                })
                .await;
            if round == 9 {
                early = resident_mib();
            }
        }
        let grown = resident_mib() - early;
        assert!(
            grown < 24.0,
            "{wire}: {grown:.1} MiB more after three quarters of the noise"
        );
        let text = format!("still there on {wire}");
        stage.say(&text);
        stage
            .until(60, "it still hears", |_| {
                heard.lock().unwrap().contains(&text)
            })
            .await;
        let counters = stage.bot.counters();
        assert!(counters.malformed.get() > 0 && counters.reconnects.get() == 0);
        let restarts = stage.bot.tree().to_string();
        assert_eq!(stage.bot.report().tree.restarts, 0, "{restarts}");
        stage.close().await;
    }
}
