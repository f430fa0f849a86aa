//! Logins, tokens and the REST calls of both wires.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_proto::mezon::api;
use prost::Message;
use serde_json::{Value, json};

use crate::client::{ALICE, BOB, BOT, CLAN, DM, GENERAL, Stage, bytes};

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    assert!(!payload.contains(['-', '_']));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[actix_rt::test]
async fn the_older_wire_logs_in_with_json() {
    let stage = Stage::open().await;
    let answer = stage.log_in("sim-mezon-key", "application/json").await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "application/json")
    );
    let body = answer.json();
    let mut keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["api_url", "refresh_token", "token", "user_id"]);
    assert_eq!(
        (body["user_id"].as_str(), body["api_url"].as_str()),
        (Some(BOT), Some(stage.url().as_str()))
    );
    let claims = claims(body["token"].as_str().unwrap());
    assert_eq!(claims["uid"], BOT);
    let left = claims["exp"].as_u64().unwrap() - greenroom::actors::clock::unix_seconds();
    assert!((3_590..=3_600).contains(&left), "{left}");
}

#[actix_rt::test]
async fn the_newer_wire_logs_in_with_protobuf() {
    let stage = Stage::open().await;
    let answer = stage
        .log_in("sim-mezon-key", "application/x-protobuf")
        .await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "application/x-protobuf")
    );
    let session = api::Session::decode(answer.body).unwrap();
    assert_eq!(session.user_id.to_string(), BOT);
    assert_eq!(session.api_url, stage.url());
    assert_eq!(session.ws_url, stage.url().replace("http://", "ws://"));
    assert!(!session.id_token.is_empty() && !session.session_id.is_empty());
    assert_eq!(claims(&session.token)["uid"], BOT);
    let body = api::SessionRefreshRequest {
        token: session.refresh_token,
        ..Default::default()
    };
    let answer = stage.v2("SessionRefresh", "", body.encode_to_vec()).await;
    let fresh = api::Session::decode(answer.body).unwrap();
    assert_eq!(
        stage
            .v2("ListClanDescs", &session.token, Vec::new())
            .await
            .status,
        200
    );
    assert_eq!(
        stage
            .v2("ListClanDescs", &fresh.token, Vec::new())
            .await
            .status,
        200
    );
    assert_eq!(
        stage
            .v2("SessionLogout", &fresh.token, Vec::new())
            .await
            .status,
        204
    );
    assert!(stage.try_connect(&fresh.token).await.is_err());
}

#[actix_rt::test]
async fn who_is_not_known_gets_401() {
    let stage = Stage::open().await;
    for accept in ["application/json", "application/x-protobuf"] {
        let answer = stage.log_in("wrong", accept).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_u64()),
            (401, Some(16))
        );
        assert!(answer.json()["message"].is_string() && answer.json()["error"].is_string());
    }
    for token in ["", "nonsense", "a.b.c"] {
        assert_eq!(stage.v1("GET", "/v2/clandesc", token, "").await.status, 401);
        assert_eq!(
            stage.v2("ListClanDescs", token, Vec::new()).await.status,
            401
        );
        let fault = stage.try_connect(token).await.err().unwrap();
        assert!(fault.contains("401"), "{fault}");
    }
    let rows = stage.journal(0).await;
    assert!(
        rows.iter()
            .any(|row| row["path"].as_str().unwrap_or("").starts_with("/ws?")
                && row["status"] == 401)
    );
}

#[actix_rt::test]
async fn wrong_requests_have_the_codes_of_the_platform() {
    let stage = Stage::open().await;
    let (old, new) = (stage.token_v1().await, stage.token_v2().await);
    let cases = [
        (
            stage.v1("GET", "/v2/channeldesc/42", &old, "").await,
            404,
            5,
        ),
        (stage.v1("GET", "/v2/channeldesc/x", &old, "").await, 400, 3),
        (
            stage.v1("POST", "/v2/channeldesc", &old, "{broken").await,
            400,
            3,
        ),
        (
            stage.v1("POST", "/v2/channeldesc", &old, "{}").await,
            400,
            3,
        ),
        (stage.v1("GET", "/v2/nothing", &old, "").await, 501, 12),
        (stage.v1("PATCH", "/v2/clandesc", &old, "").await, 501, 12),
        (
            stage
                .v1("GET", "/v2/channelvoice?limit=501", &old, "")
                .await,
            400,
            3,
        ),
        (stage.v1("PUT", "/v2/roles/9", &old, "{}").await, 404, 5),
        (stage.v1("GET", "/elsewhere", &old, "").await, 404, 5),
        (stage.v2("NoSuchCall", &new, Vec::new()).await, 501, 12),
        (stage.v2("ListClanDescs", &new, vec![0xff]).await, 400, 3),
        (
            stage
                .v1("POST", "/v2/apps/authenticate/token", "", "")
                .await,
            400,
            3,
        ),
    ];
    for (place, (answer, status, code)) in cases.into_iter().enumerate() {
        let body = answer.json();
        assert_eq!(
            (answer.status, body["code"].as_u64()),
            (status, Some(code)),
            "case {place} {body}"
        );
    }
}

#[actix_rt::test]
async fn the_older_wire_lists_the_world() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    let get = async |path: &str| {
        let answer = stage.v1("GET", path, &token, "").await;
        assert_eq!(answer.status, 200, "{path}");
        answer.json()
    };
    for path in [
        "/v2/clandesc",
        "/v2/clandesc?",
        "/v2/clandesc?%7B%22lang%22%3A%20%22en%22%2C%20%22limit%22%3A%20null%7D",
    ] {
        let clan = &get(path).await["clandesc"][0];
        assert_eq!(
            (clan["clan_id"].as_str(), clan["clan_name"].as_str()),
            (Some(CLAN), Some("Green Room"))
        );
        assert_eq!(clan["welcome_channel_id"], GENERAL);
    }
    for path in [
        "/v2/channeldesc?type=3",
        "/v2/channeldesc?channel_type=3&",
        "/v2/channeldesc?%7B%22clan_id%22%3A%20null%2C%20%22type%22%3A%203%7D",
    ] {
        let list = get(path).await;
        assert_eq!(list["cursor"], "");
        let [dm] = list["channeldesc"].as_array().unwrap().as_slice() else {
            panic!("{list}")
        };
        let expected = json!({"clan_id": "0", "channel_id": DM, "channel_label": "", "type": 3, "channel_private": 1, "user_ids": [ALICE], "active": 1});
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&dm[name], value, "{name}");
        }
    }
    let list = get(&format!("/v2/channeldesc?clan_id={CLAN}&type=1")).await;
    let labels: Vec<&str> = list["channeldesc"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["channel_label"].as_str())
        .collect();
    assert_eq!(labels, ["general", "backstage", "stage"]);
    assert_eq!(list["channeldesc"][2]["meeting_code"], "sim-meeting-stage");
    assert_eq!(
        (
            &list["channeldesc"][1]["channel_private"],
            &list["channeldesc"][2]["type"]
        ),
        (&json!(1), &json!(10))
    );
    let detail = get(&format!("/v2/channeldesc/{GENERAL}?")).await;
    assert_eq!(
        (
            &detail["channel_label"],
            &detail["clan_id"],
            &detail["type"]
        ),
        (&json!("general"), &json!(CLAN), &json!(1))
    );
    let voices = get(&format!(
        "/v2/channelvoice?clan_id={CLAN}&channel_id=&channel_type=4&limit=500"
    ))
    .await;
    assert_eq!(
        voices,
        json!({"voice_channel_users": [{"id": "sim-voice-1", "channel_id": "3000000000000000003", "user_id": ALICE, "participant": "alice"}]})
    );
    assert_eq!(get("/healthcheck").await, json!({}));
}

#[actix_rt::test]
async fn the_older_wire_changes_the_world() {
    let stage = Stage::open().await;
    let token = stage.token_v1().await;
    let body = json!({"category_id": "0", "channel_id": "0", "channel_private": 1, "clan_id": "", "user_ids": [BOB]}).to_string();
    for _ in 0..2 {
        let made = stage
            .v1("POST", "/v2/channeldesc", &token, &body)
            .await
            .json();
        assert_eq!(
            (&made["channel_id"], &made["type"]),
            (&json!("5000000000000000002"), &json!(3))
        );
    }
    let friends = async || {
        let list = stage
            .v1("GET", "/v2/friend?limit=10", &token, "")
            .await
            .json();
        list["friends"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| format!("{} {}", row["user"]["username"], row["state"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(friends().await, ["\"alice\" 0"]);
    assert_eq!(
        stage
            .v1(
                "POST",
                &format!("/v2/friend?usernames=bob&ids={BOB}"),
                &token,
                ""
            )
            .await
            .status,
        200
    );
    assert_eq!(friends().await, ["\"alice\" 0", "\"bob\" 1"]);
    let roles = format!("/v2/roles?clan_id={CLAN}");
    let list = stage.v1("GET", &roles, &token, "").await.json();
    assert_eq!(
        (&list["clan_id"], &list["roles"]["roles"][0]["title"]),
        (&json!(CLAN), &json!("crew"))
    );
    let change = r#"{"title":"New","permissions":["SEND_MESSAGE"]}"#;
    assert_eq!(
        stage
            .v1("PUT", "/v2/roles/6000000000000000001", &token, change)
            .await
            .status,
        200
    );
    let list = stage.v1("GET", &roles, &token, "").await.json();
    assert_eq!(list["roles"]["roles"][0]["title"], "New");
}

#[actix_rt::test]
async fn the_newer_wire_does_the_same_with_protobuf() {
    let stage = Stage::open().await;
    let token = stage.token_v2().await;
    let call = async |name: &str, body: Vec<u8>| {
        let answer = stage.v2(name, &token, body).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (200, "application/proto"),
            "{name}"
        );
        answer.body
    };
    let clans = api::ClanDescList::decode(call("ListClanDescs", Vec::new()).await).unwrap();
    assert_eq!(clans.clandesc[0].clan_name, "Green Room");
    let direct =
        api::ChannelDescList::decode(call("ListChannelDescs", vec![0x28, 3]).await).unwrap();
    assert_eq!(direct.channeldesc[0].channel_id.to_string(), DM);
    let body = bytes("088180b0b1af8389d129").to_vec();
    let detail = api::ChannelDescription::decode(call("ListChannelDetail", body).await).unwrap();
    assert_eq!(detail.channel_label, "general");
    assert_eq!(
        stage
            .v2("ListChannelDetail", &token, vec![8, 42])
            .await
            .status,
        204
    );
    let body = bytes("2803380142098280c0ece9d9b6c137").to_vec();
    let made = api::ChannelDescription::decode(call("CreateChannelDesc", body).await).unwrap();
    assert_eq!(made.channel_id, 5_000_000_000_000_000_002);
    let body = bytes("088180a0f6f4acdbe01b180420f403").to_vec();
    let voices =
        api::VoiceChannelUserList::decode(call("ListChannelVoiceUsers", body).await).unwrap();
    let voice = &voices.voice_channel_users[0];
    assert_eq!(
        (voice.user_ids.as_slice(), voice.room_name.as_str()),
        (&[ALICE.to_owned()][..], "sim-meeting-stage")
    );
    let role = api::UpdateRoleRequest {
        role_id: 6_000_000_000_000_000_001,
        title: Some("New".into()),
        description: Some(String::new()),
        ..Default::default()
    };
    assert_eq!(
        stage
            .v2("UpdateRole", &token, role.encode_to_vec())
            .await
            .status,
        204
    );
    let request = api::RoleListEventRequest {
        clan_id: 2_000_000_000_000_000_001,
        ..Default::default()
    };
    let roles =
        api::RoleListEventResponse::decode(call("ListRoles", request.encode_to_vec()).await)
            .unwrap();
    assert_eq!(roles.roles.unwrap().roles[0].title, "New");
}

#[actix_rt::test]
async fn the_journal_shows_requests_in_the_shared_form() {
    let stage = Stage::open().await;
    let token = stage.token_v2().await;
    stage.v2("ListChannelDescs", &token, vec![0x28, 3]).await;
    let rows = stage.journal(0).await;
    let login = &rows[0];
    assert_eq!(
        (
            &login["seq"],
            &login["direction"],
            &login["kind"],
            &login["method"]
        ),
        (&json!(1), &json!("in"), &json!("http"), &json!("POST"))
    );
    assert_eq!(login["path"], "/v2/apps/authenticate/token");
    assert_eq!(
        login["body"],
        json!({"account": {"appid": BOT, "token": "sim-mezon-key"}})
    );
    assert_eq!(login["headers"]["accept"], "application/x-protobuf");
    assert_eq!(
        (&rows[1]["direction"], &rows[1]["status"]),
        (&json!("out"), &json!(200))
    );
    assert!(rows[1]["body"]["hex"].is_string());
    assert_eq!(rows[2]["body"], json!({"hex": "2803"}));
    assert_eq!(stage.journal(3).await[0]["seq"], 4);
}
