use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value, json};

use super::cloud::Cloud;
use super::hub::Hub;
use crate::simulator::{Host, Now, Out, Request};

fn hub() -> Hub {
    let mut hub = Hub::new(Cloud::default(), Entropy::seeded(1));
    hub.dialed(1);
    hub.dialed(2);
    hub
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The frames of every message, each to the same devices.
fn frames(outs: Vec<Out>) -> Vec<(Vec<u64>, Frame)> {
    outs.into_iter()
        .map(|out| match out {
            Out::Event(copies) => {
                let devices = copies.iter().map(|(device, _)| *device).collect();
                (devices, copies[0].1.clone())
            }
            _ => panic!("nothing but events"),
        })
        .collect()
}

fn asked(method: &str, target: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    let request = Request {
        method: method.into(),
        target: target.into(),
        headers: headers.collect(),
        body: body.to_string().into(),
    };
    let (response, _) = hub().call(Now::read(), &request);
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    (response.status, body)
}

#[test]
fn an_object_goes_to_every_device_as_it_is() {
    let sent = json!({"n": 9_007_199_254_740_993_i64, "t": "你"});
    let (answer, outs) = hub()
        .command_with_query(Now::read(), "send", "as=binary", object(sent.clone()))
        .unwrap();
    assert_eq!(answer, json!({"ok": true, "sent": 2}));
    let expected = Frame::Binary(sent.to_string().into());
    assert_eq!(frames(outs), [(vec![1, 2], expected)]);
    let refused = hub().command_with_query(Now::read(), "send", "as=x", Map::new());
    assert_eq!(refused.unwrap_err().status, 400);
}

#[test]
fn turns_have_their_messages() {
    let said = |from: &str| {
        let body = object(json!({"from": from, "text": "hello there"}));
        let (_, outs) = hub().say(Now::read(), &body).unwrap();
        let texts = frames(outs).into_iter().map(|(_, frame)| match frame {
            Frame::Text(text) => serde_json::from_slice::<Value>(&text).unwrap(),
            other => panic!("{other:?}"),
        });
        texts.collect::<Vec<_>>()
    };
    let user = said("alice");
    assert_eq!(user.len(), 2);
    assert_eq!(user[0]["item"]["id"], user[1]["item_id"]);
    assert_eq!(user[1]["transcript"], "hello there");
    let agent = said("agent");
    assert!(agent.len() >= 3, "{agent:?}");
    assert_eq!(agent.last().unwrap()["type"], "response.done");
    let nobody = hub().say(Now::read(), &object(json!({"from": "x", "text": ""})));
    assert!(nobody.unwrap_err().text.contains("known are agent"));
}

#[test]
fn the_cloud_is_strict() {
    let bearer = [("authorization", "Bearer sim-ticos-key")];
    let proxy = [("proxy-authorization", "Bearer sim-ticos-key")];
    let (status, body) = asked("GET", "/v1/agents/26", &bearer, &Value::Null);
    assert_eq!(status, 200);
    assert!(body["config"].is_object());
    for (method, target, headers, expected) in [
        ("GET", "/v1/agents/26", &[][..], 401),
        (
            "GET",
            "/v1/agents/26",
            &[("authorization", "Bearer x")][..],
            401,
        ),
        ("GET", "/v1/agents/27", &bearer[..], 404),
        ("POST", "/variables?priority=low", &[][..], 401),
        ("POST", "/variables?priority=never", &proxy[..], 422),
        ("POST", "/summarize", &[][..], 401),
        ("POST", "/summarize", &bearer[..], 422),
        ("GET", "/summarize", &bearer[..], 405),
        ("GET", "/elsewhere", &bearer[..], 404),
    ] {
        let (status, body) = asked(method, target, headers, &json!({}));
        assert_eq!(status, expected, "{method} {target} {body}");
    }
    let history = json!({
        "conversation_history": [{"role": "user", "content": "I like tea"}, {"role": "assistant", "content": ""}],
        "parameters": {"max_length": 500, "summarize_prompt": "p", "history_in_conversation": true},
    });
    let (status, body) = asked("POST", "/summarize?agent_id=26", &proxy, &history);
    assert_eq!(
        (status, &body["summary"][0]),
        (200, &json!("The user said: I like tea."))
    );
}
