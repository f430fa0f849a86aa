//! Chats: registration, bodies, endpoints, and the forms of messages.

use greenroom::mesh::{Chat, Thought, Turn};
use serde_json::{Value, json};

use super::script::{Plan, Script};
use super::{CHAT, PROFILE, asked, client, on_stage, requests, settings};

/// MESH-19, MESH-20.
#[test]
fn the_first_chat_registers_and_the_second_does_not() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        client.chat("Hello").await.unwrap();
        client.chat("Hello").await.unwrap();
        let (profile, chat) = (format!("GET {PROFILE}"), format!("POST {CHAT}"));
        assert_eq!(asked(stage.mesh()), [profile, chat.clone(), chat]);
        let body = &requests(stage.mesh())[1]["body"];
        assert_eq!(
            *body,
            json!({"prompt": "Hello", "provider": "openai", "model": "gpt-4",
                "messages": [{"role": "user", "content": "Hello"}], "temperature": 0.7})
        );
    });
}

#[test]
fn the_legacy_profile_is_asked_where_the_new_one_is_missing() {
    on_stage(async |stage| {
        stage.mesh().emit("route.disable", json!({"path": PROFILE}));
        client(&stage, settings()).chat("Hello").await.unwrap();
        assert_eq!(asked(stage.mesh())[1], "GET /v1/mesh/auth/profile");
    });
}

#[test]
fn without_a_profile_nothing_is_said() {
    on_stage(async |_| {
        let script = Script::new(|_, _| Plan::json(400, json!({"success": false, "error": "no"})));
        let error = script.client(settings()).chat("Hello").await.unwrap_err();
        let object = serde_json::to_value(&error).unwrap();
        assert_eq!(
            object["error"],
            "Failed to register user. Chat requires user registration."
        );
        assert_eq!(object["troubleshooting"].as_array().unwrap().len(), 3);
        assert_eq!(script.paths(), [PROFILE]);
    });
}

#[test]
fn a_user_who_was_forgotten_is_registered_again() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        client.chat("one").await.unwrap();
        stage.mesh().emit("user.delete", json!({}));
        assert_eq!(
            client.chat("two").await.unwrap().text(),
            "[openai/gpt-4] two"
        );
        let (profile, chat) = (format!("GET {PROFILE}"), format!("POST {CHAT}"));
        assert_eq!(asked(stage.mesh())[2..], [chat.clone(), profile, chat]);
    });
}

/// MESH-21, MESH-23, D-19: defaults are those of one client.
#[test]
fn defaults_of_one_client_are_none_of_another() {
    on_stage(async |stage| {
        let (one, other) = (client(&stage, settings()), client(&stage, settings()));
        one.set_default_model("openai", "gpt4o").unwrap();
        assert_eq!(one.chat("x").await.unwrap().text(), "[openai/gpt-4o] x");
        assert_eq!(other.chat("x").await.unwrap().text(), "[openai/gpt-4] x");
        let anthropic = other
            .chat(Chat::new("x").provider("Anthropic"))
            .await
            .unwrap();
        assert_eq!(anthropic.text(), "[anthropic/claude-3-opus-20240229] x");
        one.reset_default_models();
        assert_eq!(one.chat("x").await.unwrap().text(), "[openai/gpt-4] x");
        assert!(std::env::var_os("DEFAULT_OPENAI_MODEL_OVERRIDE").is_none());
    });
}

/// MESH-25, D-09, D-10.
#[test]
fn text_and_thoughts_both_come_out() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        let answer = client
            .chat(Chat::new("x").with_small_thinking())
            .await
            .unwrap();
        assert_eq!(answer.text(), "[anthropic/claude-3-7-sonnet-20250219] x");
        let [Thought::Thinking { content, signature }] = answer.thinking.as_slice() else {
            panic!("{answer:?}");
        };
        assert_eq!(
            (content.as_str(), signature.as_str()),
            ("budget=2000", "sim-signature")
        );
        let cheap = client
            .chat(Chat::new("x").with_cheapest_model("openai"))
            .await
            .unwrap();
        assert_eq!(cheap.text(), "[openai/gpt-3.5-turbo] x");
        let before = asked(stage.mesh()).len();
        assert!(
            client
                .chat(Chat::new("x").thinking_budget(1_000))
                .await
                .is_err()
        );
        assert_eq!(
            asked(stage.mesh()).len(),
            before,
            "refused before it is sent"
        );
    });
}

/// MESH-26.
#[test]
fn the_original_response_is_the_servers_json() {
    on_stage(async |stage| {
        let by_call = client(&stage, settings())
            .chat(Chat::new("x").original_response(true))
            .await
            .unwrap();
        assert_eq!(
            by_call.result()["choices"][0]["message"]["content"],
            "[openai/gpt-4] x"
        );
        let mut original = settings();
        original.original_response = true;
        let client = client(&stage, original);
        assert!(client.chat("x").await.unwrap().result().is_object());
        let plain = client
            .chat(Chat::new("x").original_response(false))
            .await
            .unwrap();
        assert_eq!(plain.result(), Value::from("[openai/gpt-4] x"));
    });
}

/// MESH-27.
#[test]
fn the_other_form_of_a_message_is_sent_only_where_it_is_asked_for() {
    on_stage(async |_| {
        let both = Script::chats(|seen, _| match seen.body.get("message") {
            Some(_) => Plan::said("fine"),
            None => Plan::json(
                400,
                json!({"success": false, "error": "message is required"}),
            ),
        });
        assert_eq!(
            both.client(settings()).chat("x").await.unwrap().text(),
            "fine"
        );
        assert_eq!(both.paths(), [PROFILE, CHAT, CHAT]);
        assert_eq!(both.seen()[2].body["message"], "x");
        let unable =
            Script::chats(|_, _| Plan::json(400, json!({"error": {"message": "invalid model"}})));
        assert!(unable.client(settings()).chat("x").await.is_err());
        assert_eq!(
            unable.paths(),
            [PROFILE, CHAT],
            "it says nothing of a message"
        );
        let prompt = Script::chats(|seen, _| Plan::said(seen.body["prompt"].as_str().unwrap()));
        assert_eq!(
            prompt.client(settings()).chat("x").await.unwrap().text(),
            "x"
        );
        assert_eq!(prompt.paths(), [PROFILE, CHAT]);
    });
}

/// MESH-28.
#[test]
fn each_endpoint_is_asked_once_and_only_if_the_one_before_is_missing() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        stage.mesh().emit("route.disable", json!({"path": CHAT}));
        client.chat("x").await.unwrap();
        assert_eq!(
            asked(stage.mesh())[1..],
            [&format!("POST {CHAT}"), "POST /v1/mesh/chat"]
        );
        stage
            .mesh()
            .emit("route.disable", json!({"path": "/v1/mesh/chat"}));
        assert_eq!(client.chat("x").await.unwrap().text(), "[openai/gpt-4] x");
        stage
            .mesh()
            .emit("route.disable", json!({"path": "/api/v1/completions"}));
        let before = asked(stage.mesh()).len();
        let error = serde_json::to_value(client.chat("x").await.unwrap_err()).unwrap();
        assert_eq!(asked(stage.mesh()).len(), before + 3);
        assert_eq!(error["error"], "Request failed: All endpoints failed");
        assert_eq!(
            error["help"],
            "Make sure the server is running and accessible"
        );
        assert_eq!(error["details"]["error"], "Request failed: 404");
        assert_eq!(
            error["details"]["details"]["text"],
            "Cannot POST /api/v1/completions"
        );
        assert_eq!(
            error["details"]["url"],
            "http://mesh.test/api/v1/completions"
        );
    });
}

#[test]
fn what_was_said_before_goes_along() {
    on_stage(async |stage| {
        let chat = Chat::new("and now?").after([
            Turn::system("be brief"),
            Turn::user("a"),
            Turn::assistant("b"),
        ]);
        client(&stage, settings()).chat(chat).await.unwrap();
        let body = &requests(stage.mesh())[1]["body"];
        let roles: Vec<_> = body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|turn| turn["role"].clone())
            .collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert_eq!(body["prompt"], "and now?");
    });
}
