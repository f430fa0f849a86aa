//! What the platform's own clients do wrong (the specification's table of defects), and what is done here instead: what is said and
//! asked. Those of the connection are in `defects_link.rs`; D-16, D-20 and D-29 are the cache's, D-18, D-21, D-24, D-27 and D-28 have
//! tests beside their code as well.

use greenroom::mezon::{Content, QuickMenu};

use super::*;

on_both_wires!(
    d04_a_message_is_handled_whatever_its_channel_and_content,
    d06_a_message_does_not_wait_for_what_is_looked_up_and_all_share_one_call,
    d08_what_was_said_can_be_changed_reacted_to_and_taken_back,
    d09_the_key_goes_out_as_the_platform_wants_it,
    d09_the_refresh_token_is_used_before_the_key_is,
    d09_a_token_that_is_refused_again_is_not_tried_for_ever,
    d10_queries_are_pairs,
    d11_a_direct_conversation_is_opened_as_one,
    d12_a_message_of_an_unknown_user_can_be_answered,
    d13_objects_are_sent_as_they_are_and_quotes_are_json,
    d14_what_is_absent_is_not_sent_as_null,
    d15_nothing_is_lost_on_the_way_and_types_stay_the_same,
    d17_only_threads_that_became_active_are_joined_and_not_as_public,
    d18_a_notification_that_cannot_be_read_reaches_its_handler,
    d23_a_quick_menu_that_was_added_is_no_error
);

async fn d04_a_message_is_handled_whatever_its_channel_and_content(wire: Wire) {
    let scene = Scene::open(wire).await;
    scene
        .stage
        .fault(json!({"kind": "http", "status": 500, "count": 2, "path": "/v2/channeldesc"}));
    scene.stage.fault(
        json!({"kind": "http", "status": 500, "count": 2, "path": "/mezon.api.Mezon/ListChannel"}),
    );
    for (id, content) in [
        ("1", "[1]"),
        ("2", "plain"),
        ("3", "7"),
        ("4", "{\"t\":\"cut"),
    ] {
        let event = json!({"clan_id": CLAN.to_string(), "channel_id": "999", "message_id": id, "sender_id": "77", "content": content});
        scene.emit("channel_message", event);
    }
    for text in ["[1]", "plain", "7", "{\"t\":\"cut"] {
        scene.hears(text).await;
    }
    scene.stage.close().await;
}

async fn d06_a_message_does_not_wait_for_what_is_looked_up_and_all_share_one_call(wire: Wire) {
    let scene = Scene::open(wire).await;
    let lists = |direction: &str| {
        let entries = scene
            .stage
            .mezon
            .journal(0)
            .into_iter()
            .map(|entry| entry.to_json());
        let lists = entries.filter(|entry| {
            let path = entry["path"].as_str().unwrap_or_default();
            entry["direction"] == direction
                && entry["kind"] == "http"
                && (path.contains("clan_id=77") || path.ends_with("ListChannelDescs"))
        });
        lists.count()
    };
    let (asked, answered) = (lists("in"), lists("out"));
    scene
        .stage
        .fault(json!({"kind": "delay", "count": 1, "ms": 800, "path": "/v2/channeldesc"}));
    scene.stage.fault(json!({"kind": "delay", "count": 1, "ms": 800, "path": "/mezon.api.Mezon/ListChannelDescs"}));
    for id in 1..=20 {
        let content = json!({"t": format!("message {id}")}).to_string();
        let event = json!({"clan_id": "77", "channel_id": "777", "message_id": id.to_string(), "sender_id": "9", "content": content});
        scene.emit("channel_message", event);
    }
    scene.hears("message 20").await;
    assert_eq!(scene.texts().len(), 20);
    assert_eq!(
        lists("out"),
        answered,
        "handled before the answer was there"
    );
    scene
        .stage
        .until(10, "the answer", |_| lists("out") > answered)
        .await;
    assert_eq!(lists("in"), asked + 1, "twenty messages share one call");
    scene.stage.close().await;
}

async fn d08_what_was_said_can_be_changed_reacted_to_and_taken_back(wire: Wire) {
    let scene = Scene::open(wire).await;
    let (client, channel) = (&scene.client, general());
    let ack = client.send(&channel, "first").await.unwrap();
    let message = Id::from(ack.message_id);
    let reaction = api::MessageReaction {
        message_id: ack.message_id,
        emoji_id: 4,
        emoji: ":ok:".to_owned(),
        count: 1,
        ..Default::default()
    };
    assert_eq!(
        client
            .update(&channel, &message, "second")
            .await
            .unwrap()
            .message_id,
        ack.message_id
    );
    client.react(&channel, reaction).await.unwrap();
    client.delete(&channel, &message).await.unwrap();
    scene
        .stage
        .until(10, "the removal", |_| {
            scene
                .heard
                .lock()
                .unwrap()
                .iter()
                .any(|heard| heard.code == 2)
        })
        .await;
    let codes: Vec<_> = scene
        .heard
        .lock()
        .unwrap()
        .iter()
        .map(|heard| heard.code)
        .collect();
    assert_eq!(codes, [0, 1, 2]);
    scene.stage.close().await;
}

async fn d09_the_key_goes_out_as_the_platform_wants_it(wire: Wire) {
    let scene = Scene::open(wire).await;
    let entries = scene
        .stage
        .mezon
        .journal(0)
        .into_iter()
        .map(|entry| entry.to_json());
    let mut logins = entries.filter(|entry| {
        entry["path"] == "/v2/apps/authenticate/token" && entry["direction"] == "in"
    });
    assert_eq!(
        logins.next().unwrap()["headers"]["authorization"],
        "Basic c2ltLW1lem9uLWtleTo="
    );
    scene.stage.fault(json!({"kind": "expire"}));
    let asks = (0..5).map(|_| scene.client.friends(0, 0, ""));
    futures::future::try_join_all(asks).await.unwrap();
    let logins = scene
        .calls()
        .iter()
        .filter(|call| call.contains("authenticate/token"))
        .count();
    assert_eq!(
        logins, 2,
        "a refused token costs one login, however many met it"
    );
    scene.stage.close().await;
}

async fn d09_the_refresh_token_is_used_before_the_key_is(wire: Wire) {
    let (simulator, mezon, mut settings, mut session) = socket::log_in(wire).await;
    // It was good for an hour, and has a few seconds left.
    session.expires_at = Some(session.created_at + 5);
    settings.session = Some(session);
    let adapter = Mezon::new(settings);
    let client = adapter.client();
    let bot = Bot::builder("test").platform(adapter).build().unwrap();
    let bot = bot.start();
    bot.connected().await.unwrap();
    let stage = Stage::new(simulator, mezon, bot);
    let of = |name: &str| {
        let calls = called(&stage.mezon).into_iter();
        calls.filter(|call| call.contains(name)).count()
    };
    let refresh = match wire {
        Wire::V1 => "authenticate/refresh",
        Wire::V2 => "SessionRefresh",
    };
    stage.until(10, "the refresh", |_| of(refresh) == 1).await;
    client.friends(0, 0, "").await.unwrap();
    assert_eq!(of("authenticate/token"), 1, "only the one before the bot");
    stage.close().await;
}

async fn d09_a_token_that_is_refused_again_is_not_tried_for_ever(wire: Wire) {
    let scene = Scene::open(wire).await;
    let path = match wire {
        Wire::V1 => "/v2/friend",
        Wire::V2 => "/mezon.api.Mezon/ListFriends",
    };
    let refusals = json!({"kind": "http", "status": 401, "count": 1_000, "path": path});
    scene.stage.fault(refusals);
    let error = scene.client.friends(0, 0, "").await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    let of = |part: &str| {
        let calls = scene.calls().into_iter();
        calls.filter(|call| call.contains(part)).count()
    };
    assert_eq!(of(path), 2, "once more, with a new token");
    assert_eq!(of("authenticate/token"), 2);
    scene.stage.close().await;
}

async fn d10_queries_are_pairs(wire: Wire) {
    let scene = Scene::open(wire).await;
    scene.client.roles(&Id::from(CLAN), 7, 0, "").await.unwrap();
    let mut calls = scene.calls();
    calls.retain(|call| !call.starts_with("GET /ws"));
    match wire {
        Wire::V1 => {
            assert!(
                calls.contains(&"GET /v2/channeldesc?type=3".to_owned()),
                "{calls:?}"
            );
            assert!(
                calls.contains(&format!("GET /v2/roles?clan_id={CLAN}&limit=7")),
                "{calls:?}"
            );
        }
        Wire::V2 => assert!(calls.iter().all(|call| !call.contains('?')), "{calls:?}"),
    }
    scene.stage.close().await;
}

async fn d11_a_direct_conversation_is_opened_as_one(wire: Wire) {
    let scene = Scene::open(wire).await;
    scene.client.open_direct(&Id::from(BOB)).await.unwrap();
    let entries = scene
        .stage
        .mezon
        .journal(0)
        .into_iter()
        .map(|entry| entry.to_json());
    let asked = entries.filter(|entry| entry["direction"] == "in" && entry["method"] == "POST");
    let asked = asked.filter(|entry| {
        entry["path"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("channeldesc")
    });
    let body = asked.last().unwrap()["body"].clone();
    match wire {
        Wire::V1 => assert_eq!(
            (&body["type"], &body["user_ids"]),
            (&json!(3), &json!([BOB.to_string()]))
        ),
        Wire::V2 => {
            let text = body.to_string();
            let is_direct = body["type"] == 3 || text.contains("2803380142098280c0ece9d9b6c137");
            assert!(is_direct, "{text}");
        }
    }
    scene.stage.close().await;
}

async fn d12_a_message_of_an_unknown_user_can_be_answered(wire: Wire) {
    let scene = Scene::open(wire).await;
    let unknown = json!({"clan_id": CLAN.to_string(), "channel_id": GENERAL.to_string(), "message_id": "55", "sender_id": "987654321", "content": "{\"t\":\"who am I?\"}"});
    let event = unknown.clone();
    scene.emit("channel_message", event);
    scene.hears("who am I?").await;
    let heard = scene.heard.lock().unwrap()[0].clone();
    let before = scene.calls().len();
    scene.client.reply(&heard, "nobody I know").await.unwrap();
    assert_eq!(
        scene.calls().len(),
        before,
        "no conversation was opened to learn of them"
    );
    let reference = scene.sent("channel_message_send")[0]["references"][0].clone();
    assert_eq!(reference["message_sender_id"], "987654321");
    scene.stage.close().await;
}

async fn d13_objects_are_sent_as_they_are_and_quotes_are_json(wire: Wire) {
    let scene = Scene::open(wire).await;
    let client = &scene.client;
    client
        .send(
            &general(),
            json!({"t": "x", "mk": [{"type": "b", "s": 0, "e": 1}]}),
        )
        .await
        .unwrap();
    scene.hears("x").await;
    let quoted = scene.heard.lock().unwrap()[0].clone();
    let whisper = NewMessage::from("psst").quoting(&MezonMessage::new(&quoted));
    client
        .send_ephemeral(&general(), ALICE, whisper)
        .await
        .unwrap();
    let sent = scene.sent("channel_message_send")[0]["content"].clone();
    assert_eq!(
        serde_json::from_str::<Value>(sent.as_str().unwrap()).unwrap()["t"],
        "x"
    );
    let quote =
        scene.sent("ephemeral_message_send")[0]["message"]["references"][0]["content"].clone();
    let quote: Value = serde_json::from_str(quote.as_str().unwrap()).unwrap();
    assert_eq!(quote["mk"][0]["type"], "b");
    scene.stage.close().await;
}

async fn d14_what_is_absent_is_not_sent_as_null(wire: Wire) {
    let scene = Scene::open(wire).await;
    let content = Content::from(json!({"t": "x", "mk": null, "embed": null, "hg": []}));
    scene.client.send(&general(), content).await.unwrap();
    assert_eq!(
        scene.sent("channel_message_send")[0]["content"],
        r#"{"hg":[],"t":"x"}"#
    );
    scene.stage.close().await;
}

async fn d15_nothing_is_lost_on_the_way_and_types_stay_the_same(wire: Wire) {
    let notified = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&notified);
    let (stage, client) = open(wire, |bot| {
        bot.on(
            "notified",
            async move |event: Event<realtime::Notifications>| {
                log.lock().unwrap().push(event.payload().clone());
                Ok(())
            },
        )
    })
    .await;
    let clan = Id::from(CLAN);
    let role = client.roles(&clan, 0, 0, "").await.unwrap()[0].id;
    client
        .update_role(&clan, &Id::from(role), object(json!({"title": "New"})))
        .await
        .unwrap();
    assert_eq!(client.roles(&clan, 0, 0, "").await.unwrap()[0].title, "New");
    let voices = client.voice_users(&clan, &Id::NONE, 4, 500).await.unwrap();
    assert_eq!(voices[0].user_id, Id::from(ALICE));
    let ack = client.send(&general(), "x").await.unwrap();
    assert_eq!(ack.persistent, Some(true));
    assert!(ack.create_time_seconds > 0 && ack.channel_id == GENERAL);
    let emit = |data: Value| {
        stage
            .mezon
            .emit(object(json!({"event": "notifications", "data": data})))
            .unwrap();
    };
    emit(
        json!({"notifications": [{"id": "1", "subject": "s", "content": "{\"a\":1}", "sender_id": ALICE.to_string()}]}),
    );
    emit(json!({"notifications": []}));
    stage
        .until(10, "both", |_| notified.lock().unwrap().len() == 2)
        .await;
    let first = notified.lock().unwrap()[0].clone();
    assert_eq!(
        (
            first.notifications[0].subject.as_str(),
            first.notifications[0].sender_id
        ),
        ("s", ALICE)
    );
    assert_eq!(first.notifications[0].content, r#"{"a":1}"#);
    stage.close().await;
}

async fn d17_only_threads_that_became_active_are_joined_and_not_as_public(wire: Wire) {
    let scene = Scene::open(wire).await;
    let updated = |id: &str, kind: i32, status: i32| json!({"clan_id": CLAN.to_string(), "channel_id": id, "channel_label": id, "channel_type": kind, "status": status});
    let joined = |id: &str| {
        scene
            .sent("channel_join")
            .into_iter()
            .find(|join| join["channel_id"] == id)
    };
    scene.emit("channel_updated_event", updated("301", 1, 1));
    scene.emit("channel_updated_event", updated("302", 7, 0));
    scene.emit("channel_updated_event", updated("303", 7, 1));
    scene
        .stage
        .until(10, "the join", |_| joined("303").is_some())
        .await;
    let join = joined("303").unwrap();
    assert_eq!(join["channel_type"], 7);
    assert!(!join["is_public"].as_bool().unwrap_or(false));
    assert!(joined("301").is_none() && joined("302").is_none());
    scene.stage.close().await;
}

async fn d18_a_notification_that_cannot_be_read_reaches_its_handler(wire: Wire) {
    let seen = Arc::new(Mutex::new(0));
    let log = Arc::clone(&seen);
    let (stage, _) = open(wire, |bot| {
        bot.on(
            "notified",
            async move |_: Event<realtime::Notifications>| {
                *log.lock().unwrap() += 1;
                Ok(())
            },
        )
    })
    .await;
    let request = |content: &str| {
        let invitation = json!({"code": -2, "sender_id": BOB.to_string(), "content": content});
        let event = json!({"event": "notifications", "data": {"notifications": [invitation]}});
        stage.mezon.emit(object(event)).unwrap();
    };
    request("{not json");
    request(r#"{"username":"bob"}"#);
    let accepted = || {
        called(&stage.mezon)
            .into_iter()
            .filter(|call| call.to_lowercase().contains("friend"))
            .collect::<Vec<_>>()
    };
    stage
        .until(10, "the acceptance", |_| {
            !accepted().is_empty() && *seen.lock().unwrap() == 2
        })
        .await;
    let expected = match wire {
        Wire::V1 => "POST /v2/friend?usernames=bob&ids=4000000000000000002",
        Wire::V2 => "POST /mezon.api.Mezon/AddFriends",
    };
    assert_eq!(accepted(), [expected]);
    stage.close().await;
}

async fn d23_a_quick_menu_that_was_added_is_no_error(wire: Wire) {
    let scene = Scene::open(wire).await;
    let menu = QuickMenu {
        name: "Help".to_owned(),
        ..QuickMenu::default()
    };
    let added = scene
        .client
        .add_quick_menu(&Id::from(CLAN), &Id::from(GENERAL), menu)
        .await
        .unwrap();
    assert_ne!(added.id, 0);
    scene.stage.close().await;
}
