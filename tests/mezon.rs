//! What the Mezon adapter promises, against the simulated platform on both wires.
#![cfg(all(feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::mezon::{
    AnyEvent, ApiError, Attachment, CacheOptions, Mezon, MezonClient, MezonMessage, NewMessage,
    OnMezon, proto,
};
use greenroom::prelude::*;
use greenroom::simulator::{Platform, Simulator};
use greenroom_proto::mezon::{Wire, api, realtime};
use serde_json::{Value, json};
use stage::{Stage, object, settings};

const BOT: i64 = 1_000_000_000_000_000_001;
const CLAN: i64 = 2_000_000_000_000_000_001;
const GENERAL: i64 = 3_000_000_000_000_000_001;
const ALICE: i64 = 4_000_000_000_000_000_001;
const BOB: i64 = 4_000_000_000_000_000_002;
const DM: i64 = 5_000_000_000_000_000_001;

fn general() -> ChannelKey {
    ChannelKey::new(CLAN, GENERAL)
}

/// Starts a bot and returns the client of its adapter.
async fn open(
    wire: Wire,
    compose: impl FnOnce(greenroom::bot::BotBuilder) -> greenroom::bot::BotBuilder,
) -> (Stage, MezonClient) {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let adapter = Mezon::new(settings(&mezon.url(), wire));
    let client = adapter.client();
    let bot = compose(Bot::builder("test").seed(1).platform(adapter));
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    (Stage::new(simulator, mezon, bot), client)
}

/// Lists what the bot has sent under this name, each as the body of its envelope.
fn sent(platform: &Arc<dyn Platform>, name: &str) -> Vec<Value> {
    let entries = platform.journal(0).into_iter().map(|entry| entry.to_json());
    let from_bot = entries.filter(|entry| entry["direction"] == "in" && entry["kind"] == "ws");
    from_bot
        .map(|entry| entry["body"][name].clone())
        .filter(|body| !body.is_null())
        .collect()
}

/// Lists the requests over HTTP, each as method and path.
fn called(platform: &Arc<dyn Platform>) -> Vec<String> {
    let entries = platform.journal(0).into_iter().map(|entry| entry.to_json());
    let calls = entries.filter(|entry| entry["direction"] == "in" && entry["kind"] == "http");
    calls
        .map(|entry| {
            format!(
                "{} {}",
                entry["method"].as_str().unwrap_or_default(),
                entry["path"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

#[actix_rt::test]
async fn a_login_joins_every_clan_and_the_direct_conversations() {
    for wire in [Wire::V1, Wire::V2] {
        let (stage, client) = open(wire, |bot| bot).await;
        let joined: Vec<_> = sent(&stage.mezon, "clan_join")
            .iter()
            .map(|join| join["clan_id"].as_str().unwrap_or("0").to_owned())
            .collect();
        assert_eq!(joined, [CLAN.to_string(), "0".to_owned()], "{wire}");
        assert_eq!(client.me(), Id::from(BOT));
        assert_eq!(client.wire(), wire);
        let names: Vec<_> = client.clans().into_iter().map(|clan| clan.name).collect();
        assert_eq!(names, ["Green Room", "DM"]);
        assert_eq!(
            client.direct_channel(&Id::from(ALICE)),
            Some(ChannelKey::new(0, DM))
        );
        stage.close().await;
    }
}

#[actix_rt::test]
async fn every_event_arrives_typed_and_by_its_wire_name() {
    for wire in [Wire::V1, Wire::V2] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let typed = Arc::new(Mutex::new(Vec::new()));
        let typed_log = Arc::clone(&typed);
        let (stage, _) = open(wire, |bot| {
            bot.on("any", async move |event: Event<AnyEvent>| {
                log.lock().unwrap().push(event.name.clone());
                Ok(())
            })
            .on(
                "typed",
                async move |event: Event<realtime::VoiceStartedEvent>| {
                    typed_log.lock().unwrap().push((
                        event.clan_id,
                        event.voice_channel_id,
                        event.envelope().channel.clone(),
                    ));
                    Ok(())
                },
            )
        })
        .await;
        let mut names = Vec::new();
        for (_, name) in proto::events() {
            // Emitting it would log in anew.
            if name == "refresh_session_event" {
                continue;
            }
            let event = json!({"event": name, "data": {}});
            if let Ok(answer) = stage.mezon.emit(object(event))
                && answer["delivered"] != 0
            {
                names.push(name.to_owned());
            }
        }
        let started = json!({"event": "voice_started_event", "data": {"clan_id": CLAN.to_string(), "voice_channel_id": "7"}});
        stage.mezon.emit(object(started)).unwrap();
        names.push("voice_started_event".to_owned());
        stage
            .until(10, "all events", |_| {
                seen.lock().unwrap().len() >= names.len()
            })
            .await;
        let mut seen = std::mem::take(&mut *seen.lock().unwrap());
        seen.sort();
        names.sort();
        assert_eq!(seen, names, "{wire}");
        assert!(names.len() > 80, "{wire}: {}", names.len());
        let expected = (CLAN, 7, ChannelKey::new(CLAN, 7));
        assert_eq!(typed.lock().unwrap().last(), Some(&expected));
        assert_eq!(stage.bot.counters().malformed.get(), 0);
        stage.close().await;
    }
}

#[actix_rt::test]
async fn a_message_arrives_with_all_that_it_has() {
    for wire in [Wire::V1, Wire::V2] {
        let seen = Arc::new(Mutex::new(None));
        let log = Arc::clone(&seen);
        let (stage, _) = open(wire, |bot| {
            bot.on("message", async move |event: Event<api::ChannelMessage>| {
                *log.lock().unwrap() = Some(event.payload().clone());
                Ok(())
            })
        })
        .await;
        let words = json!({
            "from": "alice", "channel": "general", "text": "hi \u{1F44B}",
            "mentions": [{"user_id": BOT.to_string(), "s": 0, "e": 2}],
            "attachments": [{"filename": "a.png", "url": "https://cdn.invalid/a.png", "size": 3}],
            "references": [{"message_ref_id": "9", "content": "{}"}],
            "topic_id": "5",
        });
        stage.mezon.say(object(words)).unwrap();
        stage
            .until(10, "the message", |_| seen.lock().unwrap().is_some())
            .await;
        let received = seen.lock().unwrap().clone().unwrap();
        let message = MezonMessage::new(&received);
        assert_eq!(
            (message.clan(), message.channel()),
            (Id::from(CLAN), Id::from(GENERAL))
        );
        assert_eq!(
            (message.sender(), message.sender_name()),
            (Id::from(ALICE), "Alice")
        );
        assert_eq!(message.text(), "hi \u{1F44B}");
        assert_eq!(message.mentions()[0].user_id, BOT);
        assert_eq!(message.attachments()[0].filename, "a.png");
        assert_eq!(message.references()[0].message_ref_id, 9);
        assert_eq!(
            (message.topic(), received.mode, received.is_public),
            (Id::from(5), 2, true)
        );
        assert!(received.create_time_seconds > 0);
        stage.close().await;
    }
}

#[actix_rt::test]
async fn what_a_bot_can_do_with_messages_reaches_the_platform() {
    for wire in [Wire::V1, Wire::V2] {
        let (stage, client) = open(wire, |bot| {
            bot.on("reply", async |event: Event<api::ChannelMessage>| {
                if event.sender_id == ALICE {
                    event
                        .mezon()
                        .unwrap()
                        .reply(event.payload(), "pong")
                        .await?;
                }
                Ok(())
            })
        })
        .await;
        stage.say("!ping");
        stage
            .until(10, "the reply", |stage| stage.said().contains_key("pong"))
            .await;
        let reply = &sent(&stage.mezon, "channel_message_send")[0];
        let reference = &reply["references"][0];
        assert_eq!(reference["message_sender_id"], ALICE.to_string());
        assert_eq!(reference["message_sender_username"], "Alice");
        assert_eq!(reference["content"], r#"{"t":"!ping"}"#);
        assert_eq!(
            (&reply["mode"], &reply["is_public"]),
            (&json!(2), &json!(true))
        );

        let mut message = NewMessage::from(json!({"t": "look", "mk": []}));
        message.attachments.push(Attachment {
            filename: "big".to_owned(),
            size: 3_000_000_000,
            ..Attachment::default()
        });
        let large = client.send(&general(), message).await;
        match wire {
            Wire::V1 => {
                large.unwrap();
                let sent = sent(&stage.mezon, "channel_message_send");
                assert_eq!(sent[1]["attachments"][0]["size"], "3000000000");
            }
            Wire::V2 => drop(large.unwrap_err()),
        }
        let ack = client.send(&general(), "first").await.unwrap();
        let message = Id::from(ack.message_id);
        assert_eq!(
            client
                .update(&general(), &message, "second")
                .await
                .unwrap()
                .message_id,
            ack.message_id
        );
        let reaction = api::MessageReaction {
            message_id: ack.message_id,
            emoji_id: 4,
            emoji: ":ok:".to_owned(),
            count: 1,
            message_sender_id: BOT,
            ..Default::default()
        };
        client.react(&general(), reaction).await.unwrap();
        client.typing(&general()).await.unwrap();
        client.delete(&general(), &message).await.unwrap();
        assert!(
            client.delete(&general(), &message).await.is_err(),
            "it is gone"
        );
        for name in [
            "channel_message_update",
            "message_reaction_event",
            "message_typing_event",
        ] {
            assert_eq!(sent(&stage.mezon, name).len(), 1, "{wire} {name}");
        }

        let receivers = [Id::from(ALICE), Id::from(BOB)];
        let ids = client
            .send_ephemeral(&general(), &receivers, "psst")
            .await
            .unwrap();
        let whispers = sent(&stage.mezon, "ephemeral_message_send");
        let expected = if wire == Wire::V1 { 2 } else { 1 };
        assert_eq!((ids.len(), whispers.len()), (expected, expected));
        assert_eq!(whispers[0]["message"]["code"], 12);

        let ack = client.send_direct(&Id::from(BOB), "hello").await.unwrap();
        assert_ne!((ack.channel_id, ack.channel_id), (0, DM));
        let direct = sent(&stage.mezon, "channel_message_send").pop().unwrap();
        assert_eq!(
            (&direct["mode"], &direct["clan_id"]),
            (
                &json!(4),
                if wire == Wire::V1 {
                    &direct["clan_id"]
                } else {
                    &Value::Null
                }
            )
        );
        let long = client
            .send(&general(), "x".repeat(4_000))
            .await
            .unwrap_err();
        assert!(long.to_string().contains("the limit is 4000"), "{long}");
        let nowhere = client
            .send(&ChannelKey::new(CLAN, 9), "x")
            .await
            .unwrap_err();
        assert!(
            nowhere.to_string().contains("there is no channel 9"),
            "{nowhere}"
        );
        stage.close().await;
    }
}

#[actix_rt::test]
async fn the_bot_follows_what_happens_to_clans_channels_and_friends() {
    for wire in [Wire::V1, Wire::V2] {
        let (stage, client) = open(wire, |bot| bot).await;
        let emit = |name: &str, data: Value| {
            let event = json!({"event": name, "data": data});
            stage.mezon.emit(object(event)).unwrap();
        };
        let clan = CLAN.to_string();
        emit(
            "channel_created_event",
            json!({"clan_id": clan, "channel_id": "301", "channel_label": "new", "channel_type": 1, "channel_private": 1}),
        );
        emit(
            "channel_updated_event",
            json!({"clan_id": clan, "channel_id": "302", "channel_label": "thread", "channel_type": 7, "status": 1}),
        );
        emit(
            "channel_updated_event",
            json!({"clan_id": clan, "channel_id": "303", "channel_label": "sleeping", "channel_type": 7}),
        );
        let users = json!([{"user_id": BOT.to_string(), "username": "greenroom"}]);
        emit(
            "user_channel_added_event",
            json!({"clan_id": clan, "users": users, "channel_desc": {"clan_id": clan, "channel_id": "304", "type": 1, "channel_private": 0}}),
        );
        let other = json!({"user_id": "41", "username": "carol"});
        emit(
            "add_clan_user_event",
            json!({"clan_id": clan, "user": other}),
        );
        emit(
            "clan_updated_event",
            json!({"clan_id": clan, "clan_name": "Red Room"}),
        );
        let friend = json!({"username": "bob"}).to_string();
        let request = |content: &str| json!({"notifications": [{"code": -2, "sender_id": BOB.to_string(), "content": content}]});
        emit("notifications", request("not json"));
        emit("notifications", request(&friend));
        stage
            .until(10, "three joins", |stage| {
                sent(&stage.mezon, "channel_join").len() >= 3
            })
            .await;
        let joins: BTreeMap<_, _> = sent(&stage.mezon, "channel_join")
            .into_iter()
            .map(|join| {
                (
                    join["channel_id"].as_str().unwrap().to_owned(),
                    (
                        join["channel_type"].clone(),
                        join["is_public"].as_bool().unwrap_or(false),
                    ),
                )
            })
            .collect();
        let expected = [
            ("301", (json!(1), false)),
            ("302", (json!(7), false)),
            ("304", (json!(1), true)),
        ];
        assert_eq!(
            joins,
            expected.map(|(id, join)| (id.to_owned(), join)).into(),
            "{wire}"
        );
        assert_eq!(client.channel(&Id::from(303)).unwrap().name, "sleeping");
        assert_eq!(client.user(&Id::from(41)).unwrap().username, "carol");
        assert_eq!(client.clan(&Id::from(CLAN)).unwrap().name, "Red Room");
        let accepted = match wire {
            Wire::V1 => "POST /v2/friend?usernames=bob&ids=4000000000000000002",
            Wire::V2 => "POST /mezon.api.Mezon/AddFriends",
        };
        stage
            .until(10, "the friend", |stage| {
                called(&stage.mezon).contains(&accepted.to_owned())
            })
            .await;
        emit(
            "channel_deleted_event",
            json!({"clan_id": clan, "channel_id": "303"}),
        );
        emit(
            "user_clan_removed_event",
            json!({"clan_id": clan, "user_ids": ["41"]}),
        );
        stage
            .until(10, "forgotten", |_| {
                client.channel(&Id::from(303)).is_none() && client.user(&Id::from(41)).is_none()
            })
            .await;

        emit(
            "add_clan_user_event",
            json!({"clan_id": "77", "user": {"user_id": BOT.to_string()}}),
        );
        stage
            .until(10, "the new clan", |stage| {
                sent(&stage.mezon, "clan_join")
                    .iter()
                    .any(|join| join["clan_id"] == "77")
            })
            .await;
        assert_eq!(client.clan(&Id::from(77)).unwrap().name, "unknown");
        stage.close().await;
    }
}

#[actix_rt::test]
async fn calls_are_shared_and_typed_on_both_wires() {
    for wire in [Wire::V1, Wire::V2] {
        let (stage, client) = open(wire, |bot| bot).await;
        let clan = Id::from(CLAN);
        let before = called(&stage.mezon).len();
        let loads = (0..10).map(|_| client.load_channels(&clan));
        futures::future::try_join_all(loads).await.unwrap();
        assert_eq!(called(&stage.mezon).len(), before + 1);
        assert_eq!(client.channels_of(&clan).len(), 3);
        let missing = client.fetch_channel(&Id::from(9)).await.unwrap_err();
        assert!(matches!(missing, ApiError::NotFound { .. }), "{missing:?}");
        let before = called(&stage.mezon).len();
        let dm = Id::from(DM);
        let fetches = (0..5).map(|_| client.fetch_channel(&dm));
        futures::future::try_join_all(fetches).await.unwrap();
        assert_eq!(
            called(&stage.mezon).len(),
            before,
            "it was known since the login"
        );

        let voices = client.voice_users(&clan, &Id::NONE, 4, 500).await.unwrap();
        assert_eq!((voices.len(), &voices[0].user_id), (1, &Id::from(ALICE)));
        assert!(client.voice_users(&clan, &Id::NONE, 4, 501).await.is_err());
        let roles = client.roles(&clan, 0, 0, "").await.unwrap();
        assert_eq!(roles[0].title, "crew");
        let changes = object(json!({"title": "New"}));
        client
            .update_role(&clan, &Id::from(roles[0].id), changes)
            .await
            .unwrap();
        assert_eq!(client.roles(&clan, 0, 0, "").await.unwrap()[0].title, "New");
        client.add_friend("bob", &Id::NONE).await.unwrap();
        let friends = client.friends(100, 0, "").await.unwrap().friends;
        let names: Vec<_> = friends
            .iter()
            .map(|friend| friend.user.as_ref().unwrap().username.as_str())
            .collect();
        assert!(names.contains(&"bob"), "{names:?}");

        stage.fault(json!({"kind": "expire"}));
        assert_eq!(
            client.roles(&clan, 0, 0, "").await.unwrap().len(),
            1,
            "a refused token costs one login"
        );
        stage.close().await;
    }
}

#[actix_rt::test]
async fn messages_are_kept_on_disk_as_they_come() {
    for wire in [Wire::V1, Wire::V2] {
        let folder = tempfile::tempdir().unwrap();
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        let adapter =
            Mezon::new(settings(&mezon.url(), wire)).cached(CacheOptions::new(folder.path()));
        let client = adapter.client();
        let bot = Bot::builder("test")
            .platform(adapter)
            .build()
            .unwrap()
            .start();
        bot.connected().await.unwrap();
        let stage = Stage::new(simulator, mezon, bot);
        let mut last = Value::Null;
        for number in 0..50 {
            last = stage.say(&format!("message {number}"));
        }
        stage
            .until(10, "fifty messages", |stage| {
                stage.bot.counters().cached.get() == 50
            })
            .await;
        let last = Id::from(last["message_id"].as_str().unwrap());
        let kept = client.message(&general(), &last).await.unwrap();
        assert_eq!(MezonMessage::new(&kept).text(), "message 49");
        let cache = client.cache().unwrap();
        assert_eq!(cache.count_in(&general()).await.unwrap(), 50);
        stage.close().await;
    }
}

#[actix_rt::test]
async fn a_session_is_restored_from_a_file_that_only_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.json");
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    for life in 0..2 {
        let mut settings = settings(&mezon.url(), Wire::V2);
        settings.session_file = Some(file.clone());
        let bot = Bot::builder("test")
            .platform(Mezon::new(settings))
            .build()
            .unwrap()
            .start();
        bot.connected().await.unwrap();
        bot.shutdown().await;
        let logins = called(&mezon)
            .iter()
            .filter(|call| call.contains("authenticate"))
            .count();
        assert_eq!(logins, 1, "life {life}");
    }
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    simulator.stop().await;
}

#[actix_rt::test]
async fn a_refused_key_and_a_server_that_is_not_there_end_the_bot_with_a_reason() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let url = simulator.url("mezon").unwrap();
    let mut wrong = greenroom::mezon::Settings::new(BOT, "not the key");
    wrong.base_url = url.parse().unwrap();
    let bot = Bot::builder("test")
        .platform(Mezon::new(wrong))
        .build()
        .unwrap()
        .start();
    let exit = tokio::time::timeout(Duration::from_secs(10), bot.ended())
        .await
        .unwrap();
    let reason = exit.to_string();
    assert!(
        reason.contains("401") && !reason.contains("not the key"),
        "{reason}"
    );
    simulator.stop().await;

    let mut nowhere = settings(&url, Wire::V2);
    nowhere.backoff = greenroom::actors::supervisor::Backoff::exponential(
        Duration::from_millis(10),
        Duration::from_millis(20),
    );
    let bot = Bot::builder("test")
        .platform(Mezon::new(nowhere))
        .build()
        .unwrap()
        .start();
    let exit = tokio::time::timeout(Duration::from_secs(60), bot.ended())
        .await
        .unwrap();
    assert!(
        exit.to_string().contains("cannot reach the server"),
        "{exit}"
    );
}

#[actix_rt::test]
async fn a_silent_server_is_found_out_by_the_heartbeat() {
    for wire in [Wire::V1, Wire::V2] {
        let missed = Arc::new(Mutex::new(0));
        let log = Arc::clone(&missed);
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        let mut settings = settings(&mezon.url(), wire);
        settings.heartbeat = Duration::from_millis(200);
        let bot = Bot::builder("test").seed(1).platform(Mezon::new(settings));
        let bot = bot.on(
            "missed",
            async move |_: Event<greenroom::actors::connection::HeartbeatMissed>| {
                *log.lock().unwrap() += 1;
                Ok(())
            },
        );
        let bot = bot.build().unwrap().start();
        bot.connected().await.unwrap();
        let stage = Stage::new(simulator, mezon, bot);
        stage.fault(json!({"kind": "stall", "ms": 2_000}));
        stage
            .until(10, "the reconnect", |stage| {
                stage.bot.counters().reconnects.get() == 1
            })
            .await;
        assert_eq!(*missed.lock().unwrap(), 1);
        stage.close().await;
    }
}
