//! Clans, channels, users and messages as objects.

use greenroom::mezon::{Button, Content, Embed, OnMessage, QuickMenu, Text};

use super::*;

on_both_wires!(
    a_clan_leads_to_its_channels_users_roles_and_voices,
    a_channel_is_asked_for_once_however_many_want_it,
    a_user_is_written_to_directly_even_if_unknown,
    a_message_can_be_answered_changed_reacted_to_and_taken_back,
    rich_content_arrives_as_it_was_built,
    ephemeral_messages_are_sent_changed_and_taken_back,
    a_message_of_the_older_kind_is_one_frame_as_it_is,
    a_channel_that_was_not_joined_is_joined_and_the_message_sent_once,
    friends_are_invited_accepted_and_listed,
    quick_menus_are_added_and_taken_away,
    messages_are_found_in_memory_and_then_on_disk
);

async fn a_clan_leads_to_its_channels_users_roles_and_voices(wire: Wire) {
    let scene = Scene::open(wire).await;
    let client = &scene.client;
    let clan = client.clans().get(&Id::from(CLAN)).unwrap();
    assert_eq!(
        (clan.name.as_str(), clan.welcome_channel_id),
        ("Green Room", GENERAL)
    );
    assert!(matches!(
        client.clans().fetch(&Id::from(9)),
        Err(ApiError::NotFound { .. })
    ));
    let before = scene.calls().len();
    futures::future::try_join_all((0..10).map(|_| clan.load_channels()))
        .await
        .unwrap();
    assert_eq!(scene.calls().len(), before + 1, "ten share one call");
    clan.load_channels().await.unwrap();
    assert_eq!(scene.calls().len(), before + 1, "and later ones need none");
    assert_eq!(clan.channels().list().len(), 3);
    let general = clan.channels().get(&Id::from(GENERAL)).unwrap();
    assert_eq!(
        Some(&general),
        client.channels().get(&Id::from(GENERAL)).as_ref()
    );
    assert_eq!(general.clan().unwrap().id, CLAN);
    assert!(clan.channels().get(&Id::from(DM)).is_none());
    assert!(matches!(
        clan.channels().fetch(&Id::from(DM)).await,
        Err(ApiError::NotFound { .. })
    ));

    let voices = clan.voice_users(&Id::NONE, 4, 500).await.unwrap();
    assert_eq!(voices[0].user_id, Id::from(ALICE));
    let participant = if wire == Wire::V1 {
        "alice"
    } else {
        "sim-meeting-stage"
    };
    assert_eq!(voices[0].participant, participant);
    let before = scene.calls().len();
    for limit in [0, 501] {
        let error = clan.voice_users(&Id::NONE, 4, limit).await.unwrap_err();
        assert!(error.to_string().contains("0 < limit <= 500"), "{error}");
    }
    assert_eq!(scene.calls().len(), before, "refused without a call");
    let roles = clan.roles(0, 0, "").await.unwrap();
    assert_eq!(roles[0].title, "crew");
    let changes = object(json!({"title": "New", "permissions": ["SEND_MESSAGE"]}));
    let unknown = clan
        .update_role(&Id::from(roles[0].id), changes)
        .await
        .unwrap();
    let expected: &[&str] = if wire == Wire::V1 {
        &[]
    } else {
        &["permissions"]
    };
    assert_eq!(unknown, expected, "what the wire cannot say is told");
    assert_eq!(clan.roles(0, 0, "").await.unwrap()[0].title, "New");

    scene.stage.say("hello");
    scene.hears("hello").await;
    let alice = clan.users().get(&Id::from(ALICE)).unwrap();
    assert_eq!(
        (alice.username.as_str(), alice.shown_name()),
        ("alice", "Alice")
    );
    assert_eq!(client.users().get(&Id::from(ALICE)).unwrap().id, ALICE);
    assert_eq!(alice.direct_channel(), Some(ChannelKey::new(0, DM)));
    scene.stage.close().await;
}

async fn a_channel_is_asked_for_once_however_many_want_it(wire: Wire) {
    let scene = Scene::open(wire).await;
    let channels = scene.client.channels();
    let dm = Id::from(DM);
    assert_eq!(channels.get(&dm).unwrap().channel_type, 3);
    scene.emit(
        "channel_deleted_event",
        json!({"clan_id": "0", "channel_id": DM.to_string()}),
    );
    scene
        .stage
        .until(10, "the channel to be forgotten", |_| {
            channels.get(&dm).is_none()
        })
        .await;
    let before = scene.calls().len();
    let found = futures::future::try_join_all((0..10).map(|_| channels.fetch(&dm)))
        .await
        .unwrap();
    assert_eq!((found.len(), scene.calls().len()), (10, before + 1));
    channels.fetch(&dm).await.unwrap();
    assert_eq!(scene.calls().len(), before + 1);
    let missing = Id::from(9);
    let all = (0..10).map(|_| channels.fetch(&missing));
    let all = futures::future::join_all(all).await;
    assert!(
        all.iter()
            .all(|found| matches!(found, Err(ApiError::NotFound { id: 9, .. })))
    );
    assert_eq!(scene.calls().len(), before + 2);
    scene.stage.close().await;
}

async fn a_user_is_written_to_directly_even_if_unknown(wire: Wire) {
    let scene = Scene::open(wire).await;
    let users = scene.client.users();
    let bob = Id::from(BOB);
    assert!(users.get(&bob).is_none());
    let before = scene.calls().len();
    let all = futures::future::try_join_all((0..5).map(|_| users.fetch(&bob)))
        .await
        .unwrap();
    assert_eq!(scene.calls().len(), before + 1, "five share one call");
    let channel = all[0].open_direct().await.unwrap();
    assert_eq!(all[0].direct_channel(), Some(channel.clone()));
    let ack = all[0].send_dm("hello").await.unwrap();
    assert_eq!(Id::from(ack.channel_id), channel.channel);
    let sent = scene.sent("channel_message_send").pop().unwrap();
    assert_eq!(sent["mode"], 4);
    assert!(!sent["is_public"].as_bool().unwrap_or(false));
    let join = scene.sent("channel_join").pop().unwrap();
    assert_eq!(join["channel_type"], 3);
    scene.stage.close().await;
}

async fn a_message_can_be_answered_changed_reacted_to_and_taken_back(wire: Wire) {
    let (stage, client) = open(wire, |bot| {
        bot.on("act", async |event: Event<api::ChannelMessage>| {
            let message = event.live().unwrap();
            match (message.sender_id == ALICE, message.view().text().as_str()) {
                (true, _) => drop(message.reply("first").await?),
                (false, "first") if !message.view().is_update() => {
                    message.react(4, ":ok:", false).await?;
                    message.update("second").await?;
                    message.delete().await?;
                }
                _ => {}
            }
            Ok(())
        })
    })
    .await;
    let words = json!({"from": "alice", "channel": "general", "text": "hi", "topic_id": "5"});
    stage.mezon.say(object(words)).unwrap();
    stage
        .until(10, "the removal", |stage| {
            !sent(&stage.mezon, "channel_message_remove").is_empty()
        })
        .await;
    let reply = &sent(&stage.mezon, "channel_message_send")[0];
    assert_eq!(reply["topic_id"], "5", "a reply stays in the topic");
    let update = &sent(&stage.mezon, "channel_message_update")[0];
    assert_eq!(
        (&update["is_update_msg_topic"], &update["topic_id"]),
        (&json!(true), &json!("5"))
    );
    let reaction = &sent(&stage.mezon, "message_reaction_event")[0];
    assert_eq!(
        (&reaction["emoji"], &reaction["count"]),
        (&json!(":ok:"), &json!(1))
    );
    assert_eq!(reaction["message_sender_id"], BOT.to_string());
    let removal = &sent(&stage.mezon, "channel_message_remove")[0];
    assert_eq!(removal["topic_id"], "5");
    assert!(client.me() == BOT);
    stage.close().await;
}

async fn rich_content_arrives_as_it_was_built(wire: Wire) {
    let scene = Scene::open(wire).await;
    let (content, mentions) = Text::new().plain("Hi ").user(ALICE, "@alice").finish();
    let content = content
        .row([Button::primary("yes", "Yes"), Button::danger("no", "No")])
        .embed(Embed::new().title("T").field("n", "v", true));
    let message = NewMessage {
        mentions,
        ..NewMessage::from(content)
    };
    scene
        .client
        .channels()
        .fetch(&Id::from(GENERAL))
        .await
        .unwrap()
        .send(message)
        .await
        .unwrap();
    scene.hears("Hi @alice").await;
    let heard = scene.heard.lock().unwrap()[0].clone();
    let content = Content::read(&heard.content).into_value();
    assert_eq!(
        content["components"][0]["components"][1]["component"]["style"],
        4
    );
    assert_eq!(content["embed"][0]["fields"][0]["value"], "v");
    let mentions = MezonMessage::new(&heard).mentions();
    assert_eq!(
        (mentions[0].user_id, mentions[0].s, mentions[0].e),
        (ALICE, 3, 9)
    );
    scene.stage.close().await;
}

async fn ephemeral_messages_are_sent_changed_and_taken_back(wire: Wire) {
    let scene = Scene::open(wire).await;
    let client = &scene.client;
    let ids = client
        .send_ephemeral(&general(), ALICE, "psst")
        .await
        .unwrap();
    client
        .update_ephemeral(&general(), &Id::from(ALICE), &ids[0], "hush")
        .await
        .unwrap();
    client
        .delete_ephemeral(&general(), [Id::from(ALICE)], &ids[0])
        .await
        .unwrap();
    let sent = scene.sent("ephemeral_message_send");
    let codes: Vec<_> = sent
        .iter()
        .map(|sent| sent["message"]["code"].clone())
        .collect();
    assert_eq!(codes, [12, 14, 15]);
    let named: Vec<_> = sent
        .iter()
        .map(|sent| sent["message"]["id"].clone())
        .collect();
    let id = ids[0].to_string();
    assert_eq!(named, [Value::Null, json!(id), json!(id)]);
    assert_eq!(sent[2]["message"]["content"], r#"{"t":"deleteEphemeral"}"#);
    let nobody = client
        .send_ephemeral(&general(), Vec::new(), "psst")
        .await
        .unwrap_err();
    assert!(nobody.to_string().contains("nobody"), "{nobody}");
    scene.stage.close().await;
}

async fn a_message_of_the_older_kind_is_one_frame_as_it_is(wire: Wire) {
    let scene = Scene::open(wire).await;
    // What the bot asks for when it hears of a clan.
    scene.client.load_channels(&Id::from(CLAN)).await.unwrap();
    let before = scene.calls().len();
    let ack = scene
        .client
        .send_message(&general(), 1, true, json!({"t": "x"}))
        .await
        .unwrap();
    assert_ne!(ack.message_id, 0);
    let sent = scene.sent("channel_message_send");
    assert_eq!((sent.len(), &sent[0]["mode"]), (1, &json!(1)));
    assert_eq!(scene.calls().len(), before, "nothing was looked up");
    scene.stage.close().await;
}

async fn a_channel_that_was_not_joined_is_joined_and_the_message_sent_once(wire: Wire) {
    let scene = Scene::open(wire).await;
    let client = &scene.client;
    client.leave(&ChannelKey::new(0, DM)).await.unwrap();
    client.send(&ChannelKey::new(0, DM), "hello").await.unwrap();
    client.join(&general()).await.unwrap();
    let nowhere = client
        .send_message(&ChannelKey::new(CLAN, 99), 2, true, "x")
        .await
        .unwrap_err();
    assert!(nowhere.to_string().contains("code 3"), "{nowhere}");
    scene.stage.close().await;
}

async fn friends_are_invited_accepted_and_listed(wire: Wire) {
    let scene = Scene::open(wire).await;
    let client = &scene.client;
    let before = scene.calls().len();
    let nobody = client.add_friend("", &Id::NONE).await.unwrap_err();
    assert!(matches!(nobody, ApiError::Invalid(_)), "{nobody}");
    assert_eq!(scene.calls().len(), before);
    client.add_friend("bob", &Id::NONE).await.unwrap();
    client.accept_friend(&Id::from(BOB), "").await.unwrap();
    client.accept_friend(&Id::from(BOB), "bob").await.unwrap();
    let calls = scene.calls().split_off(before);
    let expected = match wire {
        Wire::V1 => [
            "POST /v2/friend?usernames=bob",
            "POST /v2/friend?ids=4000000000000000002",
            "POST /v2/friend?usernames=bob&ids=4000000000000000002",
        ],
        Wire::V2 => ["POST /mezon.api.Mezon/AddFriends"; 3],
    };
    assert_eq!(calls, expected);
    let friends = client.friends(100, 0, "").await.unwrap().friends;
    let names: Vec<_> = friends
        .iter()
        .map(|friend| friend.user.as_ref().unwrap().username.as_str())
        .collect();
    assert!(
        names.contains(&"bob") && names.contains(&"alice"),
        "{names:?}"
    );
    scene.stage.close().await;
}

async fn quick_menus_are_added_and_taken_away(wire: Wire) {
    let scene = Scene::open(wire).await;
    let client = &scene.client;
    let menu = QuickMenu {
        name: "Help".to_owned(),
        action: "!help".to_owned(),
        ..QuickMenu::default()
    };
    let added = client
        .add_quick_menu(&Id::from(CLAN), &Id::from(GENERAL), menu)
        .await
        .unwrap();
    assert!(added.id > 0 && added.bot_id == BOT);
    if wire == Wire::V2 {
        let listed = client.quick_menus(&Id::from(GENERAL)).await.unwrap();
        assert_eq!((listed.len(), listed[0].action_msg.as_str()), (1, "!help"));
    }
    client.delete_quick_menus(&Id::NONE).await.unwrap();
    match (wire, client.quick_menus(&Id::from(GENERAL)).await) {
        (Wire::V1, Err(ApiError::Absent { .. })) => {}
        (Wire::V2, Ok(listed)) => assert!(listed.is_empty()),
        (_, other) => panic!("{other:?}"),
    }
    scene.stage.close().await;
}

async fn messages_are_found_in_memory_and_then_on_disk(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let adapter = Mezon::new(settings(&mezon.url(), wire)).cached(CacheOptions::new(folder.path()));
    let client = adapter.client();
    let bot = Bot::builder("test")
        .platform(adapter)
        .build()
        .unwrap()
        .start();
    bot.connected().await.unwrap();
    let stage = Stage::new(simulator, mezon, bot);
    let first = stage.say("the first")["message_id"]
        .as_str()
        .unwrap()
        .to_owned();
    for number in 0..300 {
        stage.say(&format!("message {number}"));
    }
    stage
        .until(20, "the messages", |stage| {
            stage.bot.counters().cached.get() == 301
        })
        .await;
    let channel = client.channels().fetch(&Id::from(GENERAL)).await.unwrap();
    let found = channel
        .messages()
        .get(&Id::from(first.as_str()))
        .await
        .unwrap();
    assert_eq!(found.view().text(), "the first");
    assert!(channel.messages().get(&Id::from(9)).await.is_none());
    stage.close().await;
}
