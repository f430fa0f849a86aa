//! What the simulated agent says and how it refuses.

use std::time::Duration;

use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value, json};

use super::defaults;
use super::hub::Hub;
use crate::simulator::{Host, Now, Out, Request, Response, World};

pub(super) struct Rig {
    hub: Hub,
    token: String,
    streams: u64,
}

impl Rig {
    fn new() -> Self {
        let world = World::parse("").unwrap();
        let world = defaults::load(world.section("payman"), Entropy::seeded(1)).unwrap();
        let mut rig = Self {
            hub: Hub::new(world),
            token: String::new(),
            streams: 0,
        };
        let body = rig.grant("grant_type=client_credentials").1;
        rig.token = body["accessToken"].as_str().unwrap().to_owned();
        rig
    }

    fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let request = request(method, target, headers, body);
        self.hub.call(Now::read(), &request).0
    }

    fn grant(&mut self, query: &str) -> (u16, Value) {
        let basic = "Basic c2ltLXBheW1hbi1jbGllbnQ6c2ltLXBheW1hbi1zZWNyZXQ=";
        let target = format!("/api/oauth2/token?{query}");
        let response = self.send("POST", &target, &[("authorization", basic)], "");
        (response.status, json_of(&response))
    }

    fn task(&mut self, method: &str, body: &str) -> (u16, Value) {
        let token = self.token.clone();
        let target = format!("/api/a2a/tasks/{method}");
        let response = self.send("POST", &target, &[("x-payman-access-token", &token)], body);
        (response.status, json_of(&response))
    }

    fn ask(&mut self, prompt: &str) -> Value {
        let (status, body) = self.task("send", &ask("tasks.send", prompt));
        assert_eq!((status, &body["id"]), (200, &json!("req-1")));
        body
    }

    /// Opens a stream; returns its events, and whether it has ended.
    fn stream(&mut self, prompt: &str) -> (Vec<Value>, bool) {
        let token = self.token.clone();
        let body = ask("tasks/sendSubscribe", prompt);
        let request = request(
            "POST",
            "/api/a2a/tasks/sendSubscribe",
            &[("x-payman-access-token", &token)],
            &body,
        );
        self.streams += 1;
        self.hub.open(Now::read(), &request, self.streams).unwrap();
        events(self.hub.opened(Now::read(), self.streams))
    }

    #[expect(clippy::needless_pass_by_value, reason = "literals are passed")]
    fn emit(&mut self, event: &str, data: Value) -> Result<(Vec<Value>, bool), String> {
        let body = json!({"event": event, "data": data})
            .as_object()
            .cloned()
            .unwrap();
        let emitted = self.hub.emit(Now::read(), body);
        emitted
            .map(|(_, outs)| events(outs))
            .map_err(|refusal| refusal.text)
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.collect(),
        body: body.to_owned().into(),
    }
}

fn ask(method: &str, prompt: &str) -> String {
    let message = json!({"role": "user", "parts": [{"type": "text", "text": prompt, "metadata": null}], "metadata": null});
    let params =
        json!({"id": "tsk-1", "message": message, "sessionId": "ses-1", "metadata": {"a": 1}});
    json!({"jsonrpc": "2.0", "id": "req-1", "method": method, "params": params}).to_string()
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn events(outs: Vec<Out>) -> (Vec<Value>, bool) {
    let (mut events, mut ended) = (Vec::new(), false);
    for out in outs {
        let Out::Event(frames) = out else {
            unreachable!()
        };
        for (_, frame) in frames {
            match frame {
                Frame::Text(bytes) => {
                    let text = std::str::from_utf8(&bytes).unwrap();
                    let data = text
                        .strip_prefix("data: ")
                        .unwrap()
                        .strip_suffix("\n\n")
                        .unwrap();
                    events.push(serde_json::from_str(data).unwrap());
                }
                _ => ended = true,
            }
        }
    }
    (events, ended)
}

fn texts(result: &Value) -> Vec<String> {
    let artifacts = result["artifacts"].as_array().unwrap().iter();
    artifacts
        .flat_map(|artifact| artifact["parts"].as_array().unwrap())
        .map(|part| part["text"].as_str().unwrap_or("-").to_owned())
        .collect()
}

#[test]
fn the_agent_follows_the_commands_of_its_prompts() {
    let mut rig = Rig::new();
    let echo = rig.ask("Hi there")["result"].clone();
    assert_eq!(texts(&echo), ["echo: Hi there"]);
    assert_eq!(
        (&echo["id"], &echo["sessionId"]),
        (&json!("tsk-1"), &json!("ses-1"))
    );
    assert_eq!(
        echo["metadata"],
        json!({"a": 1, "agentId": "ai-sim", "orgId": "org-sim"})
    );
    assert_eq!(
        echo["status"]["message"]["parts"][0]["text"],
        "Processing completed successfully"
    );
    let artifact = &echo["artifacts"][0];
    assert_eq!(
        (&artifact["name"], &artifact["description"]),
        (&json!("response"), &json!("AI Assistant Response"))
    );

    let state = rig.ask("!state INPUT_REQUIRED which wallet?")["result"].clone();
    assert_eq!(
        (&state["status"]["state"], &state["artifacts"]),
        (&json!("INPUT_REQUIRED"), &json!([]))
    );
    assert_eq!(
        state["status"]["message"]["parts"][0]["text"],
        "which wallet?"
    );
    assert_eq!(
        rig.ask("!state failed")["result"]["status"]["message"]["parts"][0]["text"],
        "failed"
    );
    assert_eq!(
        rig.ask("!error -32603 no luck")["error"],
        json!({"code": -32603, "message": "no luck"})
    );
    assert_eq!(rig.ask("!empty")["result"], Value::Null);
    let bare = rig.ask("!bare")["result"].clone();
    let keys: Vec<&String> = bare.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "sessionId", "status"]);
    assert!(
        rig.ask("!nostamp")["result"]["status"]
            .get("timestamp")
            .is_none()
    );
    assert_eq!(texts(&rig.ask("!parts a|b|c")["result"]), ["a", "b", "c"]);
    let many = rig.ask("!artifacts 2")["result"].clone();
    assert_eq!(texts(&many), ["part 1", "part 2"]);
    assert_eq!(
        (
            &many["artifacts"][1]["name"],
            &many["artifacts"][1]["index"]
        ),
        (&json!("artifact-2"), &json!(1))
    );
    assert!(many["artifacts"][1].get("description").is_none());
    let data = rig.ask("!data {\"x\":[1]}")["result"].clone();
    assert_eq!(
        data["artifacts"][0]["parts"][1],
        json!({"type": "data", "data": {"x": [1]}})
    );
    assert_eq!(
        texts(&rig.ask("!stream 3")["result"]),
        ["chunk 1 chunk 2 chunk 3 "]
    );
    assert_eq!(rig.ask("!hold")["result"]["status"]["state"], "working");
    assert_eq!(
        super::agent::thinks("!slow 250"),
        Duration::from_millis(250)
    );
    assert_eq!(texts(&rig.ask("!slow 250")["result"]), ["echo: !slow 250"]);
    let say = json!({"from": "agent", "text": "as you wish"})
        .as_object()
        .cloned()
        .unwrap();
    Host::say(&mut rig.hub, Now::read(), &say).unwrap();
    assert_eq!(texts(&rig.ask("!parts x")["result"]), ["x"]);
    assert_eq!(texts(&rig.ask("Anything")["result"]), ["as you wish"]);
    assert_eq!(texts(&rig.ask("Anything")["result"]), ["echo: Anything"]);
}

#[test]
fn a_session_is_recalled_in_order() {
    let mut rig = Rig::new();
    assert_eq!(texts(&rig.ask("!recall")["result"]), ["(nothing)"]);
    rig.ask("one");
    rig.stream("two");
    assert_eq!(
        texts(&rig.ask("What did we talk about earlier?")["result"]),
        ["!recall\none\ntwo"]
    );
}

#[test]
fn streams_come_in_pieces_and_end() {
    let mut rig = Rig::new();
    let (events, ended) = rig.stream("flow");
    assert!(
        ended
            && events
                .iter()
                .all(|event| event["id"] == "req-1" && event["result"]["metadata"].is_object())
    );
    assert_eq!(
        events[0]["result"]["status"]["message"]["parts"][0]["text"],
        "Processing"
    );
    let chunk = |event: &Value| {
        let artifact = &event["result"]["artifact"];
        (
            artifact["parts"][0]["text"].as_str().unwrap().to_owned(),
            artifact["append"] == true,
            artifact["lastChunk"] == true,
        )
    };
    assert_eq!(chunk(&events[1]), ("echo: ".to_owned(), false, false));
    assert_eq!(chunk(&events[2]), ("flow".to_owned(), true, true));
    assert_eq!(
        (
            &events[3]["result"]["status"]["state"],
            &events[3]["result"]["final"]
        ),
        (&json!("completed"), &json!(true))
    );
    let (chunks, _) = rig.stream("!stream 3");
    let chunks: Vec<_> = chunks[1..4].iter().map(chunk).collect();
    assert_eq!(chunks[0], ("chunk 1 ".to_owned(), false, false));
    assert_eq!(chunks[2], ("chunk 3 ".to_owned(), true, true));
    assert_eq!(rig.stream("!empty"), (vec![], true));
    assert_eq!(
        rig.stream("!error -32001 gone").0[0]["error"]["code"],
        -32001
    );
    let (states, _) = rig.stream("!state rejected");
    assert_eq!(
        (states.len(), &states[1]["result"]["final"]),
        (2, &json!(true))
    );
}

#[test]
fn a_held_stream_gets_what_is_emitted_until_it_is_ended_or_cancelled() {
    let mut rig = Rig::new();
    let (events, ended) = rig.stream("!hold");
    assert_eq!((events.len(), ended), (1, false));
    let (events, ended) = rig
        .emit(
            "artifact_update",
            json!({"text": "x", "index": 2, "append": true}),
        )
        .unwrap();
    assert_eq!(
        (&events[0]["result"]["artifact"]["index"], ended),
        (&json!(2), false)
    );
    let error = rig
        .emit(
            "status_update",
            json!({"task_id": "tsk-9", "state": "working"}),
        )
        .unwrap_err();
    assert!(error.contains("held are: tsk-1"), "{error}");
    assert!(
        rig.emit("fly", json!({}))
            .unwrap_err()
            .contains("known are")
    );
    assert!(
        rig.emit("status_update", json!({}))
            .unwrap_err()
            .contains("state")
    );
    let (events, ended) = rig
        .emit(
            "status_update",
            json!({"state": "completed", "final": true}),
        )
        .unwrap();
    assert!(ended && events[0]["result"]["final"] == true);
    assert_eq!(
        rig.emit("error", json!({})).unwrap(),
        (vec![], false),
        "nobody is held"
    );
    rig.stream("!hold");
    let cancel = json!({"jsonrpc": "2.0", "id": "req-2", "method": "tasks.cancel", "params": {"id": "tsk-1"}}).to_string();
    let (status, body) = rig.task("cancel", &cancel);
    assert_eq!(
        (status, &body["result"]["status"]["state"]),
        (200, &json!("canceled"))
    );
    assert_eq!(rig.task("cancel", &cancel).1["error"]["code"], -32002);
    let unknown = cancel.replace("tsk-1", "tsk-7").replace("cancel", "get");
    assert_eq!(rig.task("get", &unknown).1["error"]["code"], -32001);
    assert_eq!(
        rig.task("get", &unknown.replace("tsk-7", "tsk-1")).1["result"]["status"]["state"],
        "canceled"
    );
}

#[test]
fn tokens_are_given_checked_and_taken_away() {
    let mut rig = Rig::new();
    let (_, user) = rig.grant("grant_type=authorization_code&code=sim-auth-code");
    assert_eq!(
        (&user["expiresIn"], &user["tokenType"]),
        (&json!(3600), &json!("Bearer"))
    );
    let refresh = format!(
        "grant_type=refresh_token&refresh_token={}",
        user["refreshToken"].as_str().unwrap()
    );
    let (_, next) = rig.grant(&refresh);
    assert!(
        next["refreshToken"] != user["refreshToken"] && next["accessToken"] != user["accessToken"]
    );
    assert_eq!(
        rig.grant(&refresh),
        (
            400,
            json!({"error": "invalid_grant", "error_description": "the refresh token is unknown or was used"})
        )
    );
    for (query, status, code) in [
        ("", 400, "invalid_request"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x", 400, "invalid_grant"),
    ] {
        let (found, body) = rig.grant(query);
        assert_eq!((found, &body["error"]), (status, &json!(code)));
    }
    let (_, own) = rig.grant("grant_type=client_credentials");
    assert!(own.get("refreshToken").is_none());
    let refused = rig.send(
        "POST",
        "/api/oauth2/token?grant_type=client_credentials",
        &[("authorization", "Basic eDp5")],
        "",
    );
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers[0].0, "www-authenticate");
    assert_eq!(rig.send("GET", "/api/oauth2/token", &[], "").status, 405);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body =
        "grant_type=client_credentials&client_id=sim-payman-client&client_secret=sim-payman-secret";
    assert_eq!(
        rig.send("POST", "/api/oauth2/token", &form, body).status,
        200
    );
    rig.emit("revoke_tokens", json!({})).unwrap();
    let (status, body) = rig.task("send", &ask("tasks.send", "x"));
    assert_eq!(
        (status, &body["errorCode"]),
        (401, &json!("not_authorized"))
    );
    rig.emit("set_expires_in", json!({"seconds": 0})).unwrap();
    let (_, dead) = rig.grant("grant_type=client_credentials");
    assert_eq!(dead["expiresIn"], 0);
    rig.token = dead["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(rig.task("send", &ask("tasks.send", "x")).0, 401);
}

#[test]
fn requests_that_are_wrong_are_refused_as_the_platform_does() {
    let mut rig = Rig::new();
    let right = ask("tasks.send", "x");
    let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut body: Value = serde_json::from_str(&right).unwrap();
        change(body.as_object_mut().unwrap());
        body.to_string()
    };
    for (body, code) in [
        ("{".to_owned(), -32700),
        ("[]".to_owned(), -32600),
        (changed(&|body| drop(body.remove("jsonrpc"))), -32600),
        (changed(&|body| drop(body.remove("id"))), -32600),
        (
            changed(&|body| drop(body.insert("method".into(), "tasks.get".into()))),
            -32601,
        ),
        (
            changed(&|body| drop(body.insert("params".into(), json!([])))),
            -32602,
        ),
        (
            changed(&|body| body["params"]["message"]["parts"] = json!([])),
            -32602,
        ),
        (
            changed(&|body| body["params"]["metadata"] = json!("x")),
            -32602,
        ),
    ] {
        let (status, answer) = rig.task("send", &body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!(code)),
            "{body}"
        );
    }
    assert_eq!(rig.send("POST", "/nowhere", &[], "").status, 404);
    let get = rig.send("GET", "/api/a2a/tasks/send", &[], "");
    assert_eq!((get.status, get.headers[0].1.as_str()), (405, "POST"));
}
