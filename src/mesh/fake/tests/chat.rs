//! What models answer, and what that costs.

use super::*;

#[test]
fn models_answer_in_the_form_of_their_provider() {
    let mut rig = Rig::registered();
    let body = json!({"prompt": "Hello, w\u{f6}rld!", "provider": "openai", "model": "gpt-4", "messages": [{"role": "user", "content": "Hello, w\u{f6}rld!"}], "temperature": 0.7});
    for path in [
        "/api/v1/chat/completions",
        "/v1/mesh/chat",
        "/api/v1/completions",
    ] {
        let (status, said) = rig.post(path, body.clone());
        assert_eq!(status, 200);
        let choice = json!({"index": 0, "message": {"role": "assistant", "content": "[openai/gpt-4] Hello, wörld!"}, "finish_reason": "stop"});
        assert_eq!(
            (&said["choices"], &said["object"], &said["model"]),
            (&json!([choice]), &json!("chat.completion"), &json!("gpt-4"))
        );
        assert_eq!(
            said["usage"],
            json!({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5})
        );
        assert!(said["id"].as_str().unwrap().starts_with("chatcmpl-") && said["created"].is_u64());
    }
    let claude = json!({"prompt": "Hi", "provider": "anthropic", "model": "claude-3-7-sonnet-20250219", "messages": [{"role": "user", "content": "Hi"}], "thinking": true, "thinking_budget": 2000, "max_tokens": 4000, "temperature": 0.7});
    let (_, said) = rig.post("/api/v1/chat/completions", claude.clone());
    let text = json!({"type": "text", "text": "[anthropic/claude-3-7-sonnet-20250219] Hi"});
    assert_eq!(
        said["content"],
        json!([{"type": "thinking", "thinking": "budget=2000", "signature": "sim-signature"}, text])
    );
    assert_eq!(
        (
            &said["type"],
            &said["role"],
            &said["stop_reason"],
            &said["stop_sequence"]
        ),
        (
            &json!("message"),
            &json!("assistant"),
            &json!("end_turn"),
            &Value::Null
        )
    );
    let mut plain = claude;
    plain.as_object_mut().unwrap().remove("thinking");
    assert_eq!(
        rig.post("/v1/mesh/chat", plain.clone()).1["content"],
        json!([text])
    );
    rig.emit("form", json!({"anthropic": "text", "completions": "text"}))
        .unwrap();
    assert_eq!(rig.post("/v1/mesh/chat", plain).1["content"], text["text"]);
    let (_, said) = rig.post("/api/v1/completions", body);
    assert_eq!(
        (
            &said["choices"][0]["text"],
            said["choices"][0].get("message")
        ),
        (&json!("[openai/gpt-4] Hello, wörld!"), None)
    );
    rig.hub
        .say(rig.now, json!({"text": "as you wish"}).as_object().unwrap())
        .unwrap();
    let mut ask = |body: Value| {
        rig.post("/api/v1/chat/completions", body).1["choices"][0]["message"]["content"].clone()
    };
    assert_eq!(ask(json!({"message": "x"})), "as you wish");
    assert_eq!(
        ask(json!({"message": "x", "provider": "Other", "model": "M"})),
        "[Other/M] x"
    );
    assert_eq!(
        ask(json!({"prompt": "p", "message": "x", "messages": []})),
        "[openai/gpt-4] p"
    );
    let parts = json!([{"role": "user", "content": "first"}, {"role": "user", "content": [{"type": "text", "text": "last"}]}]);
    assert_eq!(
        ask(json!({"prompt": "p", "messages": parts})),
        "[openai/gpt-4] last"
    );
}

#[test]
fn chats_cost_credits_of_users_who_are_known() {
    let mut rig = Rig::new();
    let chat = "/api/v1/chat/completions";
    assert_eq!(
        rig.post(chat, json!({"prompt": "x"})),
        (404, error("User not found"))
    );
    for body in [
        json!({}),
        json!({"prompt": ""}),
        json!({"messages": [], "message": null}),
    ] {
        assert_eq!(rig.post(chat, body), (400, error("message is required")));
    }
    for (name, value) in [
        ("model", json!(1)),
        ("thinking", json!("yes")),
        ("thinking_budget", json!(-1)),
        ("temperature", json!("hot")),
        ("max_tokens", json!(0.5)),
    ] {
        let (status, refused) = rig.post(chat, json!({"prompt": "x", name: value}));
        assert!(
            status == 400 && refused["error"].as_str().unwrap().starts_with(name),
            "{refused}"
        );
    }
    rig.emit("user.credits", json!({"credits": 1})).unwrap();
    assert_eq!(
        rig.post(
            chat,
            json!({"prompt": "x", "provider": "anthropic", "model": "claude-2.1"})
        )
        .0,
        200
    );
    assert_eq!(rig.get("/api/v1/auth/profile").1["profile"]["credits"], 0);
    assert_eq!(
        rig.post(chat, json!({"prompt": "x"})),
        (402, error("Insufficient credits"))
    );
    let key = json!({"userId": "u", "keyName": "u_k", "keyValue": "v", "commitment": "c", "proof": "p", "nullifier": "n", "challenge": "c"});
    for path in [
        "/api/v1/storeKey",
        "/api/v1/storeKeyZKP",
        "/v1/mesh/verifyProof",
    ] {
        assert_eq!(
            rig.post(path, key.clone()),
            (402, error("Insufficient credits"))
        );
    }
    let used =
        json!([{"service": "anthropic", "action": "chat", "metadata": {"model": "claude-2.1"}}]);
    assert_eq!(
        rig.get("/api/v1/usage"),
        (200, json!({"success": true, "data": used}))
    );
    rig.emit(
        "form",
        json!({"usage": "usage", "errors": "object", "profile": "root"}),
    )
    .unwrap();
    assert_eq!(
        rig.get("/api/v1/usage").1,
        json!({"success": true, "usage": [{"service": "anthropic", "model": "claude-2.1"}]})
    );
    assert_eq!(
        rig.post(chat, json!({"prompt": "x"})).1,
        json!({"success": false, "error": {"message": "Insufficient credits"}})
    );
    assert_eq!(rig.get("/api/v1/auth/profile").1["id"], "auth0|sim-user");
    let (_, models) = rig.get("/api/v1/models");
    assert_eq!(
        (
            models["models"]["openai"].as_array().unwrap().len(),
            models["models"]["anthropic"].as_array().unwrap().len()
        ),
        (10, 9)
    );
}

#[test]
fn a_chat_streams_word_by_word() {
    let mut rig = Rig::registered();
    let asked = request(
        "POST",
        "/api/v1/chat/completions",
        &jwt("auth0|sim-user"),
        &json!({"prompt": "one two", "stream": true}),
    );
    assert!(rig.hub.is_stream(&asked));
    rig.hub.open(rig.now, &asked, 1).unwrap();
    let outs = rig.hub.opened(rig.now, 1);
    let frames: Vec<Frame> = outs
        .into_iter()
        .map(|out| match out {
            Out::Event(mut frames) => frames.remove(0).1,
            other => unreachable!("{other:?}"),
        })
        .collect();
    let Some((Frame::Close(None), events)) = frames.split_last() else {
        unreachable!()
    };
    let texts: Vec<String> = events
        .iter()
        .map(|frame| match frame {
            Frame::Text(bytes) => {
                let text = std::str::from_utf8(bytes).unwrap();
                text.strip_prefix("data: ")
                    .unwrap()
                    .strip_suffix("\n\n")
                    .unwrap()
                    .to_owned()
            }
            other => unreachable!("{other:?}"),
        })
        .collect();
    let (done, deltas) = texts.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let said: String = deltas
        .iter()
        .map(|delta| {
            let delta: Value = serde_json::from_str(delta).unwrap();
            delta["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!((said.as_str(), deltas.len()), ("[openai/gpt-4] one two", 3));
    let nobody = request(
        "POST",
        "/api/v1/chat/completions",
        "",
        &json!({"prompt": "x", "stream": true}),
    );
    assert_eq!(rig.hub.open(rig.now, &nobody, 2).unwrap_err().status, 401);
}

#[test]
fn what_a_chat_reads_can_be_one_member_only() {
    let mut rig = Rig::registered();
    let all = json!({"prompt": "p", "message": "m", "messages": [{"content": "l"}]});
    for (reads, text) in [
        ("message", "m"),
        ("prompt", "p"),
        ("messages", "l"),
        ("any", "l"),
    ] {
        rig.emit("form", json!({"reads": reads})).unwrap();
        let (_, said) = rig.post("/api/v1/chat/completions", all.clone());
        assert_eq!(
            said["choices"][0]["message"]["content"],
            format!("[openai/gpt-4] {text}")
        );
    }
    rig.emit("form", json!({"reads": "message"})).unwrap();
    assert_eq!(
        rig.post("/v1/mesh/chat", json!({"prompt": "p"})),
        (400, error("message is required"))
    );
}
