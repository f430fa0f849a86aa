use super::*;

#[actix_rt::test]
async fn calls_of_the_first_wire_are_as_its_clients_make_them() {
    let direct = json!({"channeldesc": [{"channel_id": "5", "type": 3, "user_ids": ["4"]}, null]});
    let server = server([
        json_answer(&json!({"clandesc": [{"clan_id": "2", "clan_name": "Green Room", "banner": null}]})),
        json_answer(&direct),
        json_answer(&direct),
        json_answer(&json!({"channel_id": "5", "clan_id": "0"})),
        json_answer(&json!({"channel_id": "6"})),
        json_answer(&json!({"voice_channel_users": [{"id": "x", "channel_id": "3", "user_id": "4", "participant": "alice"}]})),
        json_answer(&json!({"roles": {"roles": [{"id": "6", "title": "crew"}]}})),
        json_answer(&json!({"friends": [{"user": {"id": "4", "username": "alice"}, "state": 2}], "cursor": "c"})),
        ("200 OK", "", vec![]),
        json_answer(&json!({})),
    ])
    .await;
    let api = api(Wire::V1, &server);
    let clans = api.clans().await.unwrap();
    assert_eq!(
        (clans[0].clan_id, clans[0].clan_name.as_str()),
        (2, "Green Room")
    );
    assert_eq!(api.direct_channels().await.unwrap()[0].user_ids, [4]);
    assert_eq!(api.channels(2).await.unwrap()[0].channel_id, 5);
    assert_eq!(api.channel(5).await.unwrap().channel_id, 5);
    assert_eq!(api.create_direct_channel(4).await.unwrap().channel_id, 6);
    let users = api.voice_users(2, 0, 4, 500).await.unwrap();
    assert_eq!(
        (users[0].user_id.clone(), users[0].participant.as_str()),
        (Id::from(4), "alice")
    );
    assert_eq!(api.roles(2, 0, 0, "").await.unwrap()[0].title, "crew");
    let friends = api.friends(10, 0, "b c").await.unwrap();
    assert_eq!(
        (friends.friends[0].state, friends.cursor.as_str()),
        (2, "c")
    );
    assert_eq!(friends.friends[0].user.as_ref().unwrap().username, "alice");
    api.add_friends(&[4], &["bob"]).await.unwrap();
    let changes = json!({"title": "New", "permissions": ["SEND_MESSAGE"]});
    api.update_role(2, 6, changes.as_object().unwrap())
        .await
        .unwrap();

    let lines: Vec<_> = (0..10)
        .map(|call| server.line(call).replace(" HTTP/1.1", ""))
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v2/clandesc",
            "GET /v2/channeldesc?type=3",
            "GET /v2/channeldesc?clan_id=2&type=1",
            "GET /v2/channeldesc/5",
            "POST /v2/channeldesc",
            "GET /v2/channelvoice?clan_id=2&channel_id=&channel_type=4&limit=500",
            "GET /v2/roles?clan_id=2",
            "GET /v2/friend?limit=10&cursor=b+c",
            "POST /v2/friend?usernames=bob&ids=4",
            "PUT /v2/roles/6",
        ]
    );
    assert_eq!(
        server.header(0, "accept").as_deref(),
        Some("application/json")
    );
    assert_eq!(
        server.header(0, "authorization").as_deref(),
        Some("Bearer token")
    );
    let created: Value = serde_json::from_str(&server.body(4)).unwrap();
    let expected = json!({"category_id": "0", "channel_id": "0", "channel_private": 1, "clan_id": "", "type": 3, "user_ids": ["4"]});
    assert_eq!(created, expected);
    assert_eq!(
        serde_json::from_str::<Value>(&server.body(9)).unwrap(),
        changes
    );
}

#[actix_rt::test]
async fn calls_of_the_newest_wire_are_protobuf_both_ways() {
    use greenroom_proto::mezon::api::{
        ChannelDescList, ChannelDescription, ClanDesc, ClanDescList, VoiceChannelUser,
        VoiceChannelUserList,
    };

    let channel = ChannelDescription {
        channel_id: 5,
        ..Default::default()
    };
    let list = ChannelDescList {
        channeldesc: vec![channel.clone()],
    };
    let clan = ClanDesc {
        clan_id: 2,
        ..Default::default()
    };
    let room = VoiceChannelUser {
        user_ids: vec!["4".to_owned(), "7".to_owned()],
        channel_id: 3,
        room_name: "room".to_owned(),
        ..Default::default()
    };
    let text = (
        "200 OK",
        "Content-Type: text/plain; charset=utf-8\r\n",
        mezon::encode(Wire::V2, &list),
    );
    let server = server([
        proto_answer(&ClanDescList {
            clandesc: vec![clan],
        }),
        text,
        json_answer(&json!({"channeldesc": [{"channel_id": "5"}]})),
        proto_answer(&channel),
        proto_answer(&channel),
        proto_answer(&VoiceChannelUserList {
            voice_channel_users: vec![room],
        }),
        ("204 No Content", "", vec![]),
        ("204 No Content", "", vec![]),
        ("200 OK", V2, vec![]),
        proto_answer(&ChannelDescription::default()),
    ])
    .await;
    let api = api(Wire::V2, &server);
    assert_eq!(api.clans().await.unwrap()[0].clan_id, 2);
    assert_eq!(api.direct_channels().await.unwrap()[0].channel_id, 5);
    assert_eq!(
        api.channels(2_000_000_000_000_000_001).await.unwrap()[0].channel_id,
        5
    );
    assert_eq!(api.channel(5).await.unwrap().channel_id, 5);
    assert_eq!(
        api.create_direct_channel(4_000_000_000_000_000_002)
            .await
            .unwrap()
            .channel_id,
        5
    );
    let users = api.voice_users(2, 0, 4, 500).await.unwrap();
    assert_eq!(
        (
            users.len(),
            users[1].user_id.clone(),
            users[1].participant.as_str()
        ),
        (2, Id::from(7), "room")
    );
    assert!(api.roles(2, 0, 0, "").await.unwrap().is_empty());
    assert!(api.friends(0, 0, "").await.unwrap().friends.is_empty());
    let changes = json!({"title": "", "permissions": []});
    assert_eq!(
        api.update_role(2, 6, changes.as_object().unwrap())
            .await
            .unwrap(),
        ["permissions"]
    );
    let missing = api.channel(9).await.unwrap_err();
    assert_eq!(
        missing,
        ApiError::NotFound {
            what: "channel",
            id: 9
        }
    );

    assert_eq!(
        server.line(0),
        "POST /mezon.api.Mezon/ListClanDescs HTTP/1.1"
    );
    assert_eq!(
        server.header(0, "accept").as_deref(),
        Some("application/proto")
    );
    assert_eq!(
        server.header(0, "content-type").as_deref(),
        Some("application/proto")
    );
    assert_eq!(
        (server.body(0), server.body(1)),
        (String::new(), "\x28\x03".to_owned())
    );
}

#[actix_rt::test]
async fn bounds_are_checked_before_a_call() {
    let server = server([]).await;
    let api = api(Wire::V1, &server);
    for limit in [0, 501, -1] {
        let error = api.voice_users(2, 0, 4, limit).await.unwrap_err();
        assert!(error.to_string().contains("0 < limit <= 500"), "{error}");
    }
    assert!(matches!(
        api.add_friends(&[], &[]).await.unwrap_err(),
        ApiError::Invalid(_)
    ));
    let error = api.messages(&Default::default()).await.unwrap_err();
    assert!(matches!(error, ApiError::Absent { .. }), "{error:?}");
    assert!(server.asked.borrow().is_empty());
}

#[actix_rt::test]
async fn a_limited_call_waits_as_long_as_it_is_told_and_no_longer() {
    let busy = |headers| ("429 Too Many Requests", headers, vec![]);
    let answers = [
        busy("Retry-After: 0\r\n"),
        busy("Retry-After: 0\r\n"),
        ("204 No Content", "", vec![]),
        busy("Retry-After: 31\r\n"),
    ];
    let server = server(answers).await;
    let api = api(Wire::V2, &server);
    assert!(api.clans().await.unwrap().is_empty());
    let error = api.clans().await.unwrap_err();
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(31)));
    assert_eq!(server.asked.borrow().len(), 4);
}

#[actix_rt::test]
async fn a_call_with_a_token_that_is_no_longer_good_is_told_apart() {
    let server = server([(
        "401 Unauthorized",
        V1,
        br#"{"code":16,"error":"","message":"expired"}"#.to_vec(),
    )])
    .await;
    let error = api(Wire::V1, &server).clans().await.unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(
        error.to_string(),
        "ListClanDescs: the server answered HTTP 401 (code 16): expired"
    );
}
