use super::*;

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
