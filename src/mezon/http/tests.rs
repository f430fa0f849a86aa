use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use greenroom_actors::event::Id;
use serde_json::json;

use super::*;
use crate::mezon::config::Settings;
use crate::platform::testing::{answer, header, nobody, request, serve};

/// Answers calls one after another and notes what was asked.
struct Server {
    base: String,
    asked: Rc<RefCell<Vec<String>>>,
}

type Answer = (&'static str, &'static str, Vec<u8>);

async fn server(answers: impl IntoIterator<Item = Answer>) -> Server {
    let answers: Rc<RefCell<VecDeque<_>>> = Rc::new(RefCell::new(answers.into_iter().collect()));
    let asked = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&asked);
    let address = serve(move |mut stream| {
        let (answers, notes) = (Rc::clone(&answers), Rc::clone(&notes));
        async move {
            let request = request(&mut stream).await;
            notes.borrow_mut().push(request);
            let next = answers.borrow_mut().pop_front();
            let (status, headers, body) = next.expect("one answer a call");
            answer(stream, status, headers, &body).await;
        }
    })
    .await;
    Server {
        base: format!("http://{address}"),
        asked,
    }
}

impl Server {
    fn line(&self, call: usize) -> String {
        self.asked.borrow()[call].lines().next().unwrap().to_owned()
    }

    fn header(&self, call: usize, name: &str) -> Option<String> {
        header(&self.asked.borrow()[call], name).map(str::to_owned)
    }

    fn body(&self, call: usize) -> String {
        self.asked.borrow()[call]
            .split_once("\r\n\r\n")
            .unwrap()
            .1
            .to_owned()
    }
}

fn client() -> HttpClient {
    HttpClient::new(Duration::from_secs(5), 1 << 20)
}

fn settings(base: &str) -> Settings {
    Settings {
        base_url: base.parse().unwrap(),
        ..Settings::new("1000000000000000001", "sim-mezon-key")
    }
}

async fn log_in_at(server: &Server, wire: Option<Wire>) -> Result<MezonSession, ApiError> {
    let settings = Settings {
        wire,
        ..settings(&server.base)
    };
    MezonSession::log_in(&client(), &settings, 1_000).await
}

fn session_v2() -> Vec<u8> {
    let hex = "1205612e622e631a05642e652e6620818090bbbad6adf00d3215687474703a2f2f3132372e302e302e313a37333530\
               3a05672e682e69420e3132372e302e302e313a37333530";
    let hex = hex.as_bytes();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

const V1: &str = "Content-Type: application/json\r\n";
const V2: &str = "Content-Type: application/proto\r\n";

fn session_v1() -> Vec<u8> {
    br#"{"token":"aaa.bbb.ccc","refresh_token":"ddd.eee.fff","user_id":"1000000000000000001","api_url":"http://127.0.0.1:7350"}"#.to_vec()
}

#[actix_rt::test]
async fn the_answer_to_the_login_tells_the_wire() {
    let server = server([("200 OK", V1, session_v1()), ("200 OK", "", session_v2())]).await;
    let first = log_in_at(&server, None).await.unwrap();
    assert_eq!(
        (first.wire, first.user_id.clone()),
        (Wire::V1, Id::from(1_000_000_000_000_000_001))
    );
    assert_eq!(first.ws_url, "ws://127.0.0.1:7350");
    assert_eq!(server.line(0), "POST /v2/apps/authenticate/token HTTP/1.1");
    assert_eq!(
        server.header(0, "accept").as_deref(),
        Some("application/x-protobuf")
    );
    assert_eq!(
        server.header(0, "authorization").as_deref(),
        Some("Basic c2ltLW1lem9uLWtleTo=")
    );
    assert_eq!(
        server.body(0),
        r#"{"account":{"appid":"1000000000000000001","token":"sim-mezon-key"}}"#
    );

    let second = log_in_at(&server, None).await.unwrap();
    assert_eq!((second.wire, second.user_id), (Wire::V2, first.user_id));
    assert_eq!(second.id_token.expose_secret(), "g.h.i");
    assert_eq!(second.ws_url, "ws://127.0.0.1:7350");
}

#[actix_rt::test]
async fn a_wire_can_be_demanded() {
    let answers = [
        ("200 OK", V1, session_v1()),
        ("200 OK", V2, session_v2()),
        ("200 OK", V2, session_v2()),
    ];
    let server = server(answers).await;
    assert_eq!(
        log_in_at(&server, Some(Wire::V1)).await.unwrap().wire,
        Wire::V1
    );
    assert_eq!(
        server.header(0, "accept").as_deref(),
        Some("application/json")
    );
    assert_eq!(
        log_in_at(&server, Some(Wire::V2)).await.unwrap().wire,
        Wire::V2
    );
    assert_eq!(
        server.header(1, "accept").as_deref(),
        Some("application/x-protobuf")
    );
    assert_eq!(
        server.header(1, "content-type").as_deref(),
        Some("application/proto")
    );
    let error = log_in_at(&server, Some(Wire::V1)).await.unwrap_err();
    assert!(matches!(error, ApiError::WrongWire { .. }), "{error:?}");
}

#[actix_rt::test]
async fn every_bad_answer_to_a_login_says_what_is_wrong() {
    const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
    let refusal = br#"{"code":16,"error":"x","message":"wrong id or key: sim-mezon-key"}"#.to_vec();
    let truncated = session_v2()[..20].to_vec();
    let cases: Vec<(Answer, &str)> = vec![
        (
            ("401 Unauthorized", V1, refusal),
            "the login: the server answered HTTP 401 (code 16): wrong id or key",
        ),
        (
            ("400 Bad Request", "", vec![]),
            "the login: the server answered HTTP 400",
        ),
        (
            ("404 Not Found", HTML, b"<html><h1>gone</h1>".to_vec()),
            "the login: the server answered HTTP 404: an HTML page",
        ),
        (
            ("503 Unavailable", "", b"come\nback".to_vec()),
            "the login: the server answered HTTP 503: come back",
        ),
        (
            ("302 Found", "Location: /x\r\n", vec![]),
            "the login: the server answered HTTP 302",
        ),
        (
            ("200 OK", HTML, b"<html>".to_vec()),
            "not Mezon's: its content type is \"text/html; charset=utf-8\"",
        ),
        (
            ("200 OK", "", b"\n <!doctype html>".to_vec()),
            "not Mezon's",
        ),
        (
            ("200 OK", "Content-Type: image/png\r\n", b"\x89PNG".to_vec()),
            "not Mezon's: its content type is \"image/png\"",
        ),
        (("200 OK", V1, vec![]), "the answer to the login is empty"),
        (
            ("204 No Content", "", vec![]),
            "the answer to the login is empty",
        ),
        (
            ("200 OK", V1, session_v1()[..40].to_vec()),
            "cannot be decoded: EOF while parsing",
        ),
        (("200 OK", V2, truncated), "cannot be decoded"),
        (
            ("200 OK", V1, b"{}".to_vec()),
            "the answer to the login has no token",
        ),
        (
            ("200 OK", V1, b"[1]".to_vec()),
            "the answer to the login has no token",
        ),
        (("200 OK", V2, b"\x0a\x01x".to_vec()), "cannot be decoded"),
        (
            ("200 OK", V1, br#"{"token":"t"}"#.to_vec()),
            "the answer to the login has no user_id",
        ),
        (
            ("200 OK", V2, b"\x12\x01t".to_vec()),
            "the answer to the login has no user_id",
        ),
    ];
    for (answer, expected) in cases {
        let server = server([answer.clone()]).await;
        let error = log_in_at(&server, None).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{answer:?}: {text}");
        assert!(!text.contains("sim-mezon-key"), "{text}");
        assert_eq!(
            error.is_unauthorized(),
            answer.0.starts_with("401"),
            "{text}"
        );
    }
}

#[actix_rt::test]
async fn a_server_that_is_absent_silent_or_cut_off_is_told_apart() {
    let address = nobody().await;
    let error = MezonSession::log_in(&client(), &settings(&format!("http://{address}")), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::Unreachable(_),
                ..
            }
        ),
        "{error:?}"
    );

    let address = serve(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let hasty = HttpClient::new(Duration::from_millis(50), 1_000);
    let error = MezonSession::log_in(&hasty, &settings(&format!("http://{address}")), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::TimedOut(_),
                ..
            }
        ),
        "{error:?}"
    );

    let address = serve(|mut stream| async move {
        request(&mut stream).await;
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"token\"";
        tokio::io::AsyncWriteExt::write_all(&mut stream, cut)
            .await
            .unwrap();
    })
    .await;
    let error = MezonSession::log_in(&client(), &settings(&format!("http://{address}")), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::Protocol(_),
                ..
            }
        ),
        "{error:?}"
    );

    let server = server([("200 OK", V1, vec![b' '; 2_000])]).await;
    let small = HttpClient::new(Duration::from_secs(5), 1_000);
    let error = MezonSession::log_in(&small, &settings(&server.base), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::BodyTooLarge(1_000),
                ..
            }
        ),
        "{error:?}"
    );
}

#[actix_rt::test]
async fn a_refresh_keeps_what_the_server_does_not_repeat() {
    let new = br#"{"token":"new","refresh_token":"next"}"#.to_vec();
    let server = server([("200 OK", V1, new), ("200 OK", V2, b"\x12\x03new".to_vec())]).await;
    for (wire, line, body) in [
        (
            Wire::V1,
            "POST /v2/apps/authenticate/refresh HTTP/1.1",
            r#"{"refresh_token":"old refresh"}"#,
        ),
        (
            Wire::V2,
            "POST /mezon.api.Mezon/SessionRefresh HTTP/1.1",
            "\n\u{b}old refresh",
        ),
    ] {
        let old = session(wire, &server);
        let new = old
            .refresh(&client(), &settings("http://127.0.0.1:1"), 50)
            .await
            .unwrap();
        let call = server.asked.borrow().len() - 1;
        assert_eq!(
            (server.line(call).as_str(), server.body(call).as_str()),
            (line, body)
        );
        assert_eq!(
            server.header(call, "authorization").as_deref(),
            Some("Basic c2ltLW1lem9uLWtleTo=")
        );
        assert_eq!(
            (new.token.expose_secret(), &new.user_id),
            ("new", &old.user_id)
        );
        assert_eq!(
            (&new.api_url, &new.ws_url, new.wire),
            (&old.api_url, &old.ws_url, wire)
        );
    }
    let mut old = session(Wire::V1, &server);
    old.refresh_expires_at = Some(49);
    let error = old
        .refresh(&client(), &settings("http://127.0.0.1:1"), 50)
        .await
        .unwrap_err();
    assert!(matches!(error, ApiError::Invalid(_)), "{error:?}");
}

fn session(wire: Wire, server: &Server) -> MezonSession {
    MezonSession {
        wire,
        token: "token".into(),
        refresh_token: "old refresh".into(),
        id_token: "".into(),
        user_id: Id::from(42),
        api_url: server.base.clone(),
        ws_url: "ws://127.0.0.1:9".to_owned(),
        expires_at: None,
        refresh_expires_at: None,
        created_at: 0,
    }
}

fn api(wire: Wire, server: &Server) -> Api {
    Api::new(&client(), &session(wire, server))
}

fn json_answer(body: &Value) -> Answer {
    ("200 OK", V1, body.to_string().into_bytes())
}

fn proto_answer<M: Wired>(message: &M) -> Answer {
    ("200 OK", V2, mezon::encode(Wire::V2, message))
}

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
