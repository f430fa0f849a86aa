//! Raw bytes over the websocket: the vectors of the specification, and what is wrong.

use actix_http::ws::Item;
use awc::ws::{Frame, Message};
use greenroom_proto::mezon::{api, realtime};
use prost::Message as _;
use serde_json::json;

use crate::client::{DM, FIRST_MESSAGE, GENERAL, Stage, bytes};

const SEND_V1: &str = "0a013542a0010a13323030303030303030303030303030303030311213333030303030303030303030303030303030311a1b7b2274223a202248656c6c6f205c75643833645c7564633462227d221e1213343030303030303030303030303030303030311a05616c69636540052a330a05612e706e6710031a1968747470733a2f2f63646e2e696e76616c69642f612e706e672209696d6167652f706e672801300238025801";
const SEND_V2: &str = "0805427f088180a0f6f4acdbe01b108180b0b1af8389d1291a1b7b2274223a202248656c6c6f205c75643833645c7564633462227d2213108180c0ece9d9b6c1371a05616c69636540052a330a05612e706e6710031a1968747470733a2f2f63646e2e696e76616c69642f612e706e672209696d6167652f706e672801300238025801";

#[actix_rt::test]
async fn the_older_wire_speaks_the_vectors() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v1().await;
    assert_eq!(socket.ask("0a0131b20100").await, "0a0131ba0100");
    assert_eq!(socket.ask("0a01331a030a0130").await, "0a01331a030a0130");
    socket
        .send("0a0134221a0a01301213353030303030303030303030303030303030311803")
        .await;
    socket.receive().await;
    // any text is a good id
    assert_eq!(socket.ask("0a03612d62b20100").await, "0a03612d62ba0100");
    socket.send(SEND_V1).await;
    // the event comes before the acknowledgement
    socket.receive().await;
    socket.receive().await;
    let out = stage.frames("out").await;
    let channel = &out[3]["channel"];
    assert_eq!(
        (&channel["id"], &channel["self"]["username"]),
        (&json!(DM), &json!("greenroom"))
    );
    let event = &out[5]["channel_message"];
    assert_eq!(out[5].get("cid"), None);
    assert_eq!(event["content"], "{\"t\": \"Hello \\ud83d\\udc4b\"}");
    assert_eq!(
        event["mentions"],
        "[{\"e\":5,\"s\":0,\"user_id\":\"4000000000000000001\",\"username\":\"alice\"}]"
    );
    assert_eq!(
        (&event["code"], &event["mode"], &event["is_public"]),
        (&json!(0), &json!(2), &json!(true))
    );
    let ack = &out[6]["channel_message_ack"];
    assert_eq!(out[6]["cid"], "5");
    assert_eq!(
        (&ack["message_id"], &ack["code"], &ack["persistent"]),
        (&json!(FIRST_MESSAGE), &json!(0), &json!(true))
    );
    assert_eq!(
        (&ack["channel_id"], &ack["username"]),
        (&json!(GENERAL), &json!("greenroom"))
    );
    let sent = &stage.frames("in").await[5];
    assert_eq!(sent["channel_message_send"]["attachments"][0]["size"], "3");
}

#[actix_rt::test]
async fn the_newer_wire_speaks_the_vectors() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    assert_eq!(socket.ask("0801b20100").await, "0801ba0100");
    assert_eq!(socket.ask("08031a00").await, "08031a00");
    socket.send("0804220c108180d0a7a4b0e4b1451803").await;
    socket.receive().await;
    socket.send(SEND_V2).await;
    socket.receive().await;
    socket.receive().await;
    let out = stage.frames("out").await;
    assert_eq!(out[3]["channel"]["id"], DM);
    let event = &out[4]["channel_message"];
    assert_eq!(event["mentions"], "ChMQgYDA7OnZtsE3GgVhbGljZUAF");
    assert_eq!(event.get("code"), None);
    assert_eq!(
        (&out[5]["cid"], &out[5]["channel_message_ack"]["message_id"]),
        (&json!(5), &json!(FIRST_MESSAGE))
    );
}

#[actix_rt::test]
async fn messages_change_go_away_and_get_reactions() {
    let stage = Stage::open().await;
    let (mut old, mut socket) = (stage.joined_v1().await, stage.joined_v2().await);
    socket.send(SEND_V2).await;
    socket.receive().await;
    socket.receive().await;
    old.receive().await;
    // an update of the message, then a reaction, then its end
    socket.send("08064a2e088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf9261220a7b2274223a202278227d38024001").await;
    socket.receive().await;
    socket.receive().await;
    old.receive().await;
    socket.send("0807d2013610041a043a6f6b3a4001488180b0b1af8389d129508180f09d99ddbf9261588180a0f6f4acdbe01b6002688180c0ece9d9b6c1377001").await;
    // the own socket gets the answer only
    socket.receive().await;
    old.receive().await;
    socket
        .send("08085222088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf926120022801")
        .await;
    socket.receive().await;
    socket.receive().await;
    old.receive().await;
    let out = stage.frames("out").await;
    let find = |cid: u64| out.iter().find(|row| row["cid"] == cid).unwrap();
    assert_eq!(find(6)["channel_message_ack"]["code"], 1);
    assert_eq!(find(8)["channel_message_ack"]["code"], 2);
    let reaction = &find(7)["message_reaction_event"];
    assert_eq!(reaction["sender_id"], "1000000000000000001");
    assert!(reaction["id"].is_string());
    let events: Vec<_> = out
        .iter()
        .filter_map(|row| row.get("channel_message"))
        .collect();
    assert_eq!(
        (&events[2]["content"], &events[4]["code"]),
        (&json!("{\"t\": \"x\"}"), &json!(2))
    );
    // what is gone cannot be changed
    socket
        .send("08085222088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf926120022801")
        .await;
    socket.receive().await;
    assert_eq!(
        stage.frames("out").await.last().unwrap()["error"]["code"],
        3
    );
}

#[actix_rt::test]
async fn ephemeral_messages_are_answered_with_themselves() {
    let stage = Stage::open().await;
    let mut old = stage.joined_v1().await;
    old.send("0a0137fa04560a3f0a13323030303030303030303030303030303030311213333030303030303030303030303030303030311a0d7b2274223a202270737374227d38025801600c121334303030303030303030303030303030303031").await;
    old.receive().await;
    let mut new = stage.joined_v2().await;
    new.send("0809fa04360a29088180a0f6f4acdbe01b108180b0b1af8389d1291a0d7b2274223a202270737374227d38025801600c12098180c0ece9d9b6c137").await;
    new.receive().await;
    let out = stage.frames("out").await;
    let answers: Vec<_> = out
        .iter()
        .filter(|row| row.get("channel_message").is_some())
        .collect();
    assert_eq!(
        (&answers[0]["cid"], &answers[1]["cid"]),
        (&json!("7"), &json!(9))
    );
    for answer in answers {
        let message = &answer["channel_message"];
        assert_eq!(
            (&message["code"], &message["sender_id"]),
            (&json!(12), &json!("1000000000000000001"))
        );
    }
}

#[actix_rt::test]
async fn who_has_not_joined_may_not_write() {
    let stage = Stage::open().await;
    let mut old = stage.connect(&stage.token_v1().await).await;
    let refused = "62 2d 08 03 12 29".replace(' ', "")
        + "4d757374206a6f696e206368616e6e656c206265666f72652073656e64696e67206d65737361676573";
    assert_eq!(old.ask(SEND_V1).await, format!("0a0135{refused}"));
    let mut new = stage.connect(&stage.token_v2().await).await;
    assert_eq!(new.ask(SEND_V2).await, format!("0805{refused}"));
    // the channel alone is enough, until it is left
    new.send("080922148180a0f6f4acdbe01b").await;
    assert!(new.receive().await.starts_with("62"));
    let join = realtime::ChannelJoin {
        channel_id: 3_000_000_000_000_000_001,
        channel_type: 1,
        ..Default::default()
    };
    let body: String = crate::client::hex(&join.encode_to_vec());
    new.send(&format!("080a22{:02x}{body}", body.len() / 2))
        .await;
    new.receive().await;
    new.send(SEND_V2).await;
    new.receive().await;
    new.receive().await;
    assert_eq!(
        new.ask(&format!("080b2a{:02x}{body}", body.len() / 2))
            .await,
        "080b"
    );
    assert_eq!(new.ask(SEND_V2).await, format!("0805{refused}"));
}

#[actix_rt::test]
async fn errors_have_their_codes_and_the_socket_stays() {
    let stage = Stage::open().await;
    let mut old = stage.joined_v1().await;
    let mut new = stage.joined_v2().await;
    let code = async |hex: String| {
        let frame = bytes(&hex);
        let envelope = realtime::Envelope::decode(frame).unwrap();
        match envelope.message {
            Some(realtime::envelope::Message::Error(error)) => (envelope.cid, error.code),
            other => panic!("{other:?}"),
        }
    };
    // nothing in it, something unknown, something that only servers send, nonsense
    assert_eq!(code(new.ask("0809").await).await, (9, 2));
    assert_eq!(code(new.ask("0809c23e00").await).await, (9, 1));
    assert_eq!(code(new.ask("08093200").await).await, (9, 1));
    assert_eq!(code(new.ask("0809ba0100").await).await, (9, 1));
    assert_eq!(code(new.ask("32ff").await).await, (0, 1));
    assert_eq!(code(new.ask("0a0131b20100").await).await, (0, 1));
    assert!(old.ask("0a0139").await.starts_with("0a013962"));
    assert!(old.ask("08").await.starts_with("62"));
    // an id that is not a number is wrong input, and the request is known
    assert!(old.ask("0a01391a040a026162").await.starts_with("0a013962"));
    let out = stage.frames("out").await;
    assert_eq!(out[out.len() - 1]["error"]["code"], 3);
    // text frames are ignored
    new.send_message(Message::Text("hello".into())).await;
    assert_eq!(new.ask("0801b20100").await, "0801ba0100");
}

#[actix_rt::test]
async fn fragments_are_joined_and_pings_answered() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    for part in [
        Item::FirstBinary(bytes("0801")),
        Item::Continue(bytes("b2")),
        Item::Last(bytes("0100")),
    ] {
        socket.send_message(Message::Continuation(part)).await;
    }
    assert_eq!(socket.receive().await, "0801ba0100");
    socket.send_message(Message::Ping("x".into())).await;
    assert!(matches!(socket.next().await, Some(Frame::Pong(payload)) if payload == "x"));
    // a large message
    let send = realtime::Envelope {
        cid: 5,
        message: Some(realtime::envelope::Message::ChannelMessageSend(Box::new(
            realtime::ChannelMessageSend {
                clan_id: 2_000_000_000_000_000_001,
                channel_id: 3_000_000_000_000_000_001,
                content: "x".repeat(1 << 20),
                ..Default::default()
            },
        ))),
    };
    socket
        .send_message(Message::Binary(send.encode_to_vec().into()))
        .await;
    assert!(socket.receive().await.len() > 2 << 20);
    socket.receive().await;
    // a close is answered
    socket
        .send_message(Message::Close(Some(awc::ws::CloseCode::Normal.into())))
        .await;
    assert!(
        matches!(socket.next().await, Some(Frame::Close(Some(reason))) if u16::from(reason.code) == 1000)
    );
}

#[actix_rt::test]
async fn calls_over_the_socket_get_raw_answers() {
    let stage = Stage::open().await;
    let mut socket = stage.joined_v2().await;
    let ask = |cid: i32, name: &str, body: Vec<u8>| {
        let call = realtime::ApiRequestEvent {
            api_name: name.into(),
            body: body.into(),
            ..Default::default()
        };
        let envelope = realtime::Envelope {
            cid,
            message: Some(realtime::envelope::Message::ApiRequestEvent(Box::new(call))),
        };
        crate::client::hex(&envelope.encode_to_vec())
    };
    let answer = socket.ask(&ask(513, "ListClanDescs", Vec::new())).await;
    assert_eq!(&answer[..14], "ff0201000000ff");
    let clans = api::ClanDescList::decode(bytes(&answer[14..])).unwrap();
    assert_eq!(clans.clandesc.len(), 1);
    assert_eq!(
        &socket.ask(&ask(2, "NoSuchCall", Vec::new())).await[..14],
        "ff0002000c00ff"
    );
    assert_eq!(
        &socket.ask(&ask(3, "ListChannelDetail", Vec::new())).await,
        "ff0003000000ff"
    );
    let login = stage
        .log_in("sim-mezon-key", "application/x-protobuf")
        .await;
    let refresh = api::SessionRefreshRequest {
        token: api::Session::decode(login.body).unwrap().refresh_token,
        ..Default::default()
    };
    let answer = socket
        .ask(&ask(5, "SessionRefresh", refresh.encode_to_vec()))
        .await;
    let session = api::Session::decode(bytes(&answer[14..])).unwrap();
    assert_eq!(
        stage
            .v2("ListClanDescs", &session.token, Vec::new())
            .await
            .status,
        200
    );
    let send = realtime::ChannelMessageSend {
        channel_id: 3_000_000_000_000_000_001,
        content: "{}".into(),
        ..Default::default()
    };
    // event, then answer
    assert!(
        socket
            .ask(&ask(4, "SendChannelMessage", send.encode_to_vec()))
            .await
            .starts_with("32")
    );
    let answer = socket.receive().await;
    let ack = realtime::ChannelMessageAck::decode(bytes(&answer[14..])).unwrap();
    assert_eq!(ack.message_id.to_string(), FIRST_MESSAGE);
}
