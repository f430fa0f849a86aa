use super::*;

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
