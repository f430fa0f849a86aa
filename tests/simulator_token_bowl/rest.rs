//! REST: the table of requests, roles, and what is wrong with bodies and queries.

use serde_json::{Value, json};

use crate::client::{ADMIN, ALICE, BOB, BOT, Stage};

#[actix_rt::test]
async fn what_needs_no_key_and_what_does() {
    let stage = Stage::open().await;
    assert_eq!(
        stage.get("/health", "").await.ok(),
        json!({"status": "healthy"})
    );
    assert_eq!(stage.get("/logos", "").await.ok()[0], "claude-color.png");
    for key in ["", "wrong", "Bearer wrong"] {
        let answer = stage.get("/users/me", key).await;
        assert_eq!(
            answer.refused(401),
            "Invalid or missing authentication credentials"
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(stage.get("/nowhere", "").await.refused(404), "Not Found");
    assert_eq!(
        stage.post("/users/me", ALICE, json!({})).await.refused(405),
        "Method Not Allowed"
    );
    let answer = stage.get("/users/?a=1", ALICE).await;
    assert_eq!(answer.status, 307);
    assert_eq!(
        answer.header("location"),
        format!("{}/users?a=1", stage.url())
    );
    assert_eq!(stage.get("/ws", "").await.status, 404);
}

#[actix_rt::test]
async fn messages_go_to_the_room_and_to_users() {
    let stage = Stage::open().await;
    let answer = stage
        .post("/messages", ALICE, json!({"content": " hé 🦊\n"}))
        .await;
    let (status, message) = (answer.status, answer.json());
    assert_eq!((status, &message["content"]), (201, &json!(" hé 🦊\n")));
    for (field, value) in [
        ("from_username", json!("alice")),
        ("from_user_logo", json!("claude-color.png")),
        ("from_user_emoji", Value::Null),
        ("from_user_bot", json!(false)),
        ("to_user_id", Value::Null),
        ("to_username", Value::Null),
        ("message_type", json!("room")),
    ] {
        assert_eq!(message[field], value, "{field}");
    }
    let direct = stage
        .post(
            "/messages",
            BOT,
            json!({"content": "psst", "to_username": "bob"}),
        )
        .await;
    let direct = direct.json();
    assert_eq!(
        (&direct["message_type"], &direct["from_user_bot"]),
        (&json!("direct"), &json!(true))
    );
    assert_eq!(direct["to_user_id"], stage.id_of("bob").await);
    let page = stage.get("/messages", BOB).await.ok();
    assert_eq!(page["messages"], json!([message]));
    assert_eq!(
        page["pagination"],
        json!({"total": 1, "offset": 0, "limit": 50, "has_more": false})
    );
    let page = stage.get("/messages/direct", BOB).await.ok();
    assert_eq!(page["messages"], json!([direct]));
    assert_eq!(
        stage.get("/messages/direct", ALICE).await.ok()["messages"],
        json!([])
    );
    let path = format!("/messages/{}", direct["id"].as_str().unwrap());
    assert_eq!(stage.get(&path, BOB).await.ok(), direct);
    let text = "You don't have permission to access this message";
    assert_eq!(stage.get(&path, ALICE).await.refused(403), text);
    let missing = "00000000-0000-4000-8000-000000000000";
    let text = format!("Message {missing} not found");
    assert_eq!(
        stage
            .get(&format!("/messages/{missing}"), ALICE)
            .await
            .refused(404),
        text
    );
}

#[actix_rt::test]
async fn pages_since_a_moment_newest_first() {
    let stage = Stage::open().await;
    let mut stamps = Vec::new();
    for number in 0..5 {
        let content = json!({"content": number.to_string()});
        let sent = stage.post("/messages", ALICE, content).await.json();
        stamps.push(sent["timestamp"].as_str().unwrap().to_owned());
    }
    let contents = |page: &Value| -> String {
        let rows = page["messages"].as_array().unwrap();
        rows.iter()
            .map(|row| row["content"].as_str().unwrap())
            .collect()
    };
    for (query, expected, has_more) in [
        ("limit=2", "43", true),
        ("limit=2&offset=3", "10", false),
        ("limit=-1", "43210", false),
        ("limit=0", "", true),
        ("offset=9", "", false),
    ] {
        let page = stage.get(&format!("/messages?{query}"), BOB).await.ok();
        assert_eq!(contents(&page), expected, "{query}");
        assert_eq!(page["pagination"]["has_more"], has_more, "{query}");
    }
    let since = stamps[2].replace(':', "%3A").replace('+', "%2B");
    let page = stage
        .get(&format!("/messages?since={since}"), BOB)
        .await
        .ok();
    assert_eq!(
        (contents(&page).as_str(), &page["pagination"]["total"]),
        ("43", &json!(2))
    );
    let zulu = stamps[2].replace("+00:00", "Z");
    let page = stage
        .get(&format!("/messages?since={zulu}"), BOB)
        .await
        .ok();
    assert_eq!(contents(&page), "43");
    // D-27: the same moment, as clocks elsewhere show it on the same day.
    let hour: u32 = stamps[2][11..13].parse().unwrap();
    let (there, zone) = match hour {
        ..12 => (hour + 11, "%2B11:00"),
        _ => (hour - 11, "-11:00"),
    };
    let elsewhere = format!("{}{there:02}{}", &stamps[2][..11], &stamps[2][13..]);
    let elsewhere = elsewhere.replace("+00:00", zone);
    let page = stage
        .get(&format!("/messages?since={elsewhere}"), BOB)
        .await
        .ok();
    assert_eq!(contents(&page), "43", "{elsewhere}");
    for wrong in [stamps[2].as_str(), "yesterday"] {
        let answer = stage.get(&format!("/messages?since={wrong}"), BOB).await;
        assert_eq!(
            answer.refused(400),
            "Invalid timestamp format. Use ISO 8601 format."
        );
    }
    let answer = stage.get("/messages?limit=x", BOB).await;
    let fault = &answer.json()["detail"][0];
    assert_eq!(
        (answer.status, &fault["type"], &fault["loc"]),
        (422, &json!("int_parsing"), &json!(["query", "limit"]))
    );
}

#[actix_rt::test]
async fn unread_messages_are_counted_and_marked() {
    let stage = Stage::open().await;
    let send = |content: &str, to: Value| {
        let body = json!({"content": content, "to_username": to});
        stage.post("/messages", ALICE, body)
    };
    let first = send("1", Value::Null).await.json();
    send("2", Value::Null).await;
    send("3", json!("bob")).await;
    let count = |room: u64, direct: u64| json!({"unread_room_messages": room, "unread_direct_messages": direct, "total_unread": room + direct});
    for path in ["/messages/unread/count", "/unread"] {
        assert_eq!(stage.get(path, BOB).await.ok(), count(2, 1));
        assert_eq!(stage.get(path, ALICE).await.ok(), count(0, 0));
    }
    let rows = stage.get("/messages/unread?limit=1", BOB).await.ok();
    assert_eq!(rows, json!([first]));
    let rows = stage.get("/messages/direct/unread", BOB).await.ok();
    assert_eq!(rows[0]["content"], "3");
    let path = format!("/messages/{}/read", first["id"].as_str().unwrap());
    for _ in 0..2 {
        let answer = stage.post(&path, BOB, Value::Null).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
    }
    assert_eq!(stage.get("/unread", BOB).await.ok(), count(1, 1));
    let answer = stage.post("/messages/x/read", BOB, Value::Null).await;
    assert_eq!(answer.refused(404), "Message x not found");
    let answer = stage
        .post("/messages/mark-all-read", BOB, Value::Null)
        .await;
    assert_eq!(answer.ok(), json!({"marked_as_read": 2}));
    assert_eq!(stage.get("/unread", BOB).await.ok(), count(0, 0));
    // the newest hundred are kept, and the others are in no count
    for number in 0..101 {
        let to = if number % 2 == 0 {
            Value::Null
        } else {
            json!("bob")
        };
        send("x", to).await;
    }
    assert_eq!(stage.get("/unread", BOB).await.ok(), count(50, 50));
    assert_eq!(
        stage.get("/messages", BOB).await.ok()["pagination"]["total"],
        50
    );
}

/// What is wrong: a request, and the type, place and text of the first entry of the list.
#[actix_rt::test]
async fn wrong_bodies_are_answered_with_lists() {
    let stage = Stage::open().await;
    let string = "Input should be a valid string";
    let logos = "Value error, Logo must be one of: claude-color.png, deepseek-color.png, gemini-color.png, gemma-color.png, grok.png, kimi-color.png, mistral-color.png, openai.png, qwen-color.png";
    for (path, body, kind, place, text) in [
        (
            "/messages",
            json!({}),
            "missing",
            json!(["body", "content"]),
            "Field required",
        ),
        (
            "/messages",
            Value::Null,
            "missing",
            json!(["body"]),
            "Field required",
        ),
        (
            "/messages",
            json!("null"),
            "missing",
            json!(["body"]),
            "Field required",
        ),
        (
            "/messages",
            json!([1]),
            "model_attributes_type",
            json!(["body"]),
            "Input should be a valid dictionary or object to extract fields from",
        ),
        (
            "/messages",
            json!("{\"content\":"),
            "json_invalid",
            json!(["body", 11]),
            "JSON decode error",
        ),
        (
            "/messages",
            json!("nonsense"),
            "json_invalid",
            json!(["body", 0]),
            "JSON decode error",
        ),
        (
            "/messages",
            json!({"content": 5}),
            "string_type",
            json!(["body", "content"]),
            string,
        ),
        (
            "/messages",
            json!({"content": null}),
            "string_type",
            json!(["body", "content"]),
            string,
        ),
        (
            "/messages",
            json!({"content": ""}),
            "string_too_short",
            json!(["body", "content"]),
            "String should have at least 1 character",
        ),
        (
            "/messages",
            json!({"content": "🦊".repeat(10_001)}),
            "string_too_long",
            json!(["body", "content"]),
            "String should have at most 10000 characters",
        ),
        (
            "/messages",
            json!({"content": "x", "to_username": ""}),
            "string_too_short",
            json!(["body", "to_username"]),
            "String should have at least 1 character",
        ),
        (
            "/register",
            json!({"username": "x".repeat(51)}),
            "string_too_long",
            json!(["body", "username"]),
            "String should have at most 50 characters",
        ),
        (
            "/register",
            json!({"username": "x", "role": "king"}),
            "enum",
            json!(["body", "role"]),
            "Input should be 'admin', 'member', 'viewer' or 'bot'",
        ),
        (
            "/register",
            json!({"username": "x", "webhook_url": "ftp://h/"}),
            "url_scheme",
            json!(["body", "webhook_url"]),
            "URL scheme should be 'http' or 'https'",
        ),
        (
            "/register",
            json!({"username": "x", "webhook_url": "nonsense"}),
            "url_parsing",
            json!(["body", "webhook_url"]),
            "Input should be a valid URL, relative URL without a base",
        ),
        (
            "/register",
            json!({"username": "x", "logo": "y"}),
            "value_error",
            json!(["body", "logo"]),
            logos,
        ),
        (
            "/register",
            json!({"username": "x", "emoji": "12345678901"}),
            "value_error",
            json!(["body", "emoji"]),
            "Value error, Emoji must be 10 characters or less",
        ),
        (
            "/register",
            json!({"username": "x", "bot": true, "logo": "grok.png"}),
            "value_error",
            json!(["body"]),
            "Value error, Bots can only use emoji for avatars, not logos",
        ),
        (
            "/register",
            json!({"username": "x", "viewer": "maybe"}),
            "bool_parsing",
            json!(["body", "viewer"]),
            "Input should be a valid boolean, unable to interpret input",
        ),
        (
            "/conversations",
            json!({"message_ids": ["x"]}),
            "value_error",
            json!(["body", "message_ids"]),
            "Value error, Invalid UUID format for message_id: x",
        ),
        (
            "/auth/magic-link/authenticate",
            json!({"token": ""}),
            "string_too_short",
            json!(["body", "token"]),
            "String should have at least 1 character",
        ),
        (
            "/auth/magic-link/send",
            json!({"email": "ab"}),
            "string_too_short",
            json!(["body", "email"]),
            "String should have at least 3 characters",
        ),
    ] {
        let shown = body.to_string();
        let shown: String = shown.chars().take(60).collect();
        let answer = stage.post(path, ALICE, body).await;
        assert_eq!(answer.status, 422, "{shown}: {:?}", answer.body);
        let fault = &answer.json()["detail"][0];
        let found = (
            fault["type"].as_str().unwrap(),
            &fault["loc"],
            fault["msg"].as_str().unwrap(),
        );
        assert_eq!(found, (kind, &place, text), "{shown}");
    }
    for (path, kind, text) in [
        (
            "/conversations?limit=101",
            "less_than_equal",
            "Input should be less than or equal to 100",
        ),
        (
            "/conversations?limit=0",
            "greater_than_equal",
            "Input should be greater than or equal to 1",
        ),
        (
            "/conversations?limit=ten",
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
    ] {
        let fault = stage.get(path, ALICE).await.json()["detail"][0].take();
        assert_eq!(
            (&fault["type"], &fault["msg"]),
            (&json!(kind), &json!(text))
        );
    }
    let exact = stage
        .post("/messages", ALICE, json!({"content": ""}))
        .await
        .json();
    assert_eq!(
        exact,
        json!({"detail": [{"type": "string_too_short", "loc": ["body", "content"], "msg": "String should have at least 1 character", "input": "", "ctx": {"min_length": 1}}]})
    );
    let content = "🦊".repeat(10_000);
    let answer = stage
        .post("/messages", ALICE, json!({"content": content}))
        .await;
    assert_eq!(
        (answer.status, answer.json()["content"] == content),
        (201, true)
    );
}

#[actix_rt::test]
async fn users_register_and_change_themselves() {
    let stage = Stage::open().await;
    let body = json!({"username": "user1", "viewer": false, "admin": false, "bot": false});
    let answer = stage.post("/register", "", body.clone()).await;
    let user = answer.json();
    assert_eq!((answer.status, &user["role"]), (201, &json!("member")));
    let key = user["api_key"].as_str().unwrap().to_owned();
    assert!(key.len() == 64 && key.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(
        stage.post("/register", "", body).await.refused(409),
        "Username user1 already exists"
    );
    let bot = stage
        .post("/register", "", json!({"username": "b", "bot": true}))
        .await;
    assert_eq!(
        bot.refused(400),
        "Bots cannot be created via /register. Please use POST /bots to create bots."
    );
    let viewer = json!({"username": "v", "viewer": true, "bot": true});
    assert_eq!(
        stage.post("/register", "", viewer).await.json()["role"],
        "viewer"
    );

    stage
        .post("/messages", &key, json!({"content": "old"}))
        .await;
    let profile = stage
        .patch("/users/me/username", &key, json!({"username": "user2"}))
        .await
        .ok();
    assert_eq!(
        (&profile["username"], &profile["api_key"]),
        (&json!("user2"), &json!(key))
    );
    assert_eq!(
        stage.get("/messages", BOB).await.ok()["messages"][0]["from_username"],
        "user2"
    );
    let own = stage
        .patch("/users/me/username", &key, json!({"username": "user2"}))
        .await;
    assert_eq!(own.refused(409), "Username user2 already exists");
    let logo = |logo: Value| stage.patch("/users/me/logo", &key, logo);
    assert_eq!(
        logo(json!({"logo": "grok.png"})).await.ok(),
        json!({"message": "Logo updated successfully", "logo": "grok.png"})
    );
    assert_eq!(
        stage.get("/messages", BOB).await.ok()["messages"][0]["from_user_logo"],
        "grok.png"
    );
    assert_eq!(
        logo(json!({})).await.ok(),
        json!({"message": "Logo updated successfully", "logo": ""})
    );
    let hook = |url: Value| stage.patch("/users/me/webhook", &key, json!({"webhook_url": url}));
    assert_eq!(
        hook(json!("http://h.invalid")).await.ok()["webhook_url"],
        "http://h.invalid/"
    );
    assert_eq!(
        hook(Value::Null).await.ok(),
        json!({"message": "Webhook URL updated successfully", "webhook_url": ""})
    );
    let renewed = stage
        .post("/users/me/regenerate-api-key", &key, Value::Null)
        .await
        .ok();
    assert_eq!(stage.get("/users/me", &key).await.status, 401);
    let key = renewed["api_key"].as_str().unwrap();
    assert_eq!(stage.get("/users/me", key).await.ok()["username"], "user2");

    let names = |users: &Value| -> Vec<String> {
        let users = users.as_array().unwrap().iter();
        users
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect()
    };
    let users = stage.get("/users", BOB).await.ok();
    assert_eq!(
        names(&users),
        ["greenroom", "alice", "bob", "admin", "user2"]
    );
    let _socket = stage.connect(BOB).await;
    assert_eq!(names(&stage.get("/users/online", BOB).await.ok()), ["bob"]);
    let path = format!("/users/{}", users[1]["id"].as_str().unwrap());
    assert_eq!(stage.get(&path, BOB).await.ok(), users[1]);
    assert_eq!(
        stage.get("/users/bob", BOB).await.refused(400),
        "Invalid user ID format: bob"
    );
    let missing = "00000000-0000-4000-8000-000000000000";
    assert_eq!(
        stage
            .get(&format!("/users/{missing}"), BOB)
            .await
            .refused(404),
        format!("User {missing} not found")
    );
}

#[actix_rt::test]
async fn d26_a_rename_keeps_what_was_read_and_a_flag_taken_away_makes_a_member() {
    let stage = Stage::open().await;
    let unread = async |key: &str| stage.get("/messages/unread/count", key).await.ok();
    for content in ["one", "two"] {
        stage
            .post("/messages", ALICE, json!({"content": content}))
            .await;
    }
    stage
        .post("/messages/mark-all-read", BOB, Value::Null)
        .await
        .ok();
    stage
        .post("/messages", ALICE, json!({"content": "three"}))
        .await;
    for (key, name) in [(BOB, "robert"), (ALICE, "alicia")] {
        stage
            .patch("/users/me/username", key, json!({"username": name}))
            .await
            .ok();
    }
    assert_eq!(
        unread(BOB).await["total_unread"],
        1,
        "as before the renames"
    );
    assert_eq!(unread(ALICE).await["total_unread"], 0, "her own");

    // Anybody may be an admin: what is tested with it needs that.
    let body = json!({"username": "boss", "admin": true});
    let boss = stage.post("/register", "", body).await.json();
    assert_eq!(boss["role"], "admin");
    let path = format!("/admin/users/{}", boss["id"].as_str().unwrap());
    for (flag, role) in [("admin", "admin"), ("viewer", "viewer"), ("bot", "bot")] {
        let assign = json!({"role": role});
        stage
            .patch(&format!("{path}/role"), ADMIN, assign)
            .await
            .ok();
        let other = if flag == "viewer" { "admin" } else { "viewer" };
        let kept = stage.patch(&path, ADMIN, json!({other: false})).await.ok();
        assert_eq!(kept["role"], role, "{other} is not what the user is");
        let taken = stage.patch(&path, ADMIN, json!({flag: false})).await.ok();
        assert_eq!(taken["role"], "member", "{flag}");
    }
}

#[actix_rt::test]
async fn roles_bound_what_users_may_do() {
    let stage =
        Stage::of_world("[[token_bowl.user]]\nname = \"eve\"\nkey = \"eve\"\nrole = \"viewer\"\n")
            .await;
    let send = |to: Value| json!({"content": "x", "to_username": to});
    let room = "Your role 'viewer' does not have permission to send room messages";
    assert_eq!(
        stage
            .post("/messages", "eve", send(Value::Null))
            .await
            .refused(403),
        room
    );
    let direct = "Your role 'viewer' does not have permission to send direct messages";
    assert_eq!(
        stage
            .post("/messages", "eve", send(json!("bob")))
            .await
            .refused(403),
        direct
    );
    let text = "Cannot send messages to viewer user eve";
    assert_eq!(
        stage
            .post("/messages", ALICE, send(json!("eve")))
            .await
            .refused(400),
        text
    );
    let text = "User nobody not found";
    assert_eq!(
        stage
            .post("/messages", ALICE, send(json!("nobody")))
            .await
            .refused(404),
        text
    );
    let own =
        "Permission 'users:update:own' required. Your role 'viewer' does not have this permission.";
    for path in ["/users/me/logo", "/users/me/webhook", "/users/me/username"] {
        assert_eq!(stage.patch(path, "eve", json!({})).await.refused(403), own);
    }
    for (key, role) in [("eve", "viewer"), (BOT, "bot")] {
        let text = format!(
            "Permission 'bots:create' required. Your role '{role}' does not have this permission."
        );
        assert_eq!(
            stage
                .post("/bots", key, json!({"username": "b"}))
                .await
                .refused(403),
            text
        );
    }
    assert_eq!(
        stage.get("/admin/users", ALICE).await.refused(403),
        "Admin privileges required"
    );
    let path = format!("/admin/users/{}/role", stage.id_of("bob").await);
    let text = "Permission 'users:assign_roles' required. Your role 'member' does not have this permission.";
    assert_eq!(
        stage
            .patch(&path, ALICE, json!({"role": "admin"}))
            .await
            .refused(403),
        text
    );
    // a viewer sees all direct messages
    stage.post("/messages", ALICE, send(json!("bob"))).await;
    assert_eq!(
        stage.get("/messages/direct", "eve").await.ok()["pagination"]["total"],
        1
    );

    let strict = Stage::of_world("[token_bowl]\nstrict_roles = true\n").await;
    let text = "Your role 'bot' does not have permission to send direct messages";
    assert_eq!(
        strict
            .post("/messages", BOT, send(json!("bob")))
            .await
            .refused(403),
        text
    );
    assert_eq!(
        strict
            .post("/messages", BOT, send(Value::Null))
            .await
            .status,
        201
    );
}

#[actix_rt::test]
async fn admins_change_everything() {
    let stage = Stage::open().await;
    let bob = stage.id_of("bob").await;
    let path = format!("/admin/users/{bob}");
    let profile = stage.get(&path, ADMIN).await.ok();
    assert_eq!(
        (&profile["api_key"], &profile["email"]),
        (&json!(BOB), &Value::Null)
    );
    let empty = stage.patch(&path, ADMIN, json!({})).await;
    assert_eq!(
        empty.refused(400),
        "No valid fields provided to update. Valid fields: username, email, webhook_url, logo, viewer, admin, bot, emoji"
    );
    let changed = stage
        .patch(
            &path,
            ADMIN,
            json!({"username": "rob", "email": "r@h.invalid", "viewer": true}),
        )
        .await
        .ok();
    assert_eq!(
        (&changed["username"], &changed["role"], &changed["viewer"]),
        (&json!("rob"), &json!("viewer"), &json!(true))
    );
    assert_eq!(changed["emoji"], "🦊");
    let changed = stage
        .patch(&path, ADMIN, json!({"viewer": false}))
        .await
        .ok();
    assert_eq!(changed["role"], "member");
    assert_eq!(
        stage
            .patch(&path, ADMIN, json!({"username": "alice"}))
            .await
            .refused(409),
        "Username alice already exists"
    );
    assert_eq!(
        stage.get("/admin/users/x", ADMIN).await.refused(400),
        "Invalid user ID format: x"
    );
    let role = stage
        .patch(&format!("{path}/role"), ADMIN, json!({"role": "admin"}))
        .await
        .ok();
    assert_eq!(
        role,
        json!({"username": "rob", "role": "admin", "message": "Successfully assigned role 'admin' to user rob"})
    );
    let renewed = stage
        .post(&format!("{path}/regenerate-api-key"), ADMIN, Value::Null)
        .await
        .ok();
    assert_eq!(
        renewed["message"],
        "API key regenerated successfully for user rob"
    );
    let key = renewed["api_key"].as_str().unwrap();

    let message = stage
        .post("/messages", key, json!({"content": "first"}))
        .await
        .json();
    let message = format!("/admin/messages/{}", message["id"].as_str().unwrap());
    assert_eq!(
        stage
            .patch(&message, ADMIN, json!({"content": "second"}))
            .await
            .ok()["content"],
        "second"
    );
    assert_eq!(stage.get(&message, ADMIN).await.ok()["content"], "second");
    let mut socket = stage.connect(key).await;
    let report = stage.get("/admin/websocket/connections", ADMIN).await.ok();
    assert_eq!(
        (&report["total_users"], &report["total_connections"]),
        (&json!(1), &json!(1))
    );
    let row = &report["connections"][0];
    assert_eq!(
        (&row["username"], &row["is_healthy"]),
        (&json!("rob"), &json!(true))
    );
    assert!(
        row["seconds_since_pong"].is_number() && row["last_pong"].is_string(),
        "{row}"
    );

    assert_eq!(stage.delete(&path, ADMIN).await.status, 204);
    assert_eq!(
        socket
            .end()
            .await
            .flatten()
            .map(|reason| u16::from(reason.code)),
        Some(1_008)
    );
    assert_eq!(stage.get("/users/me", key).await.status, 401);
    let left = stage.get("/messages", ALICE).await.ok()["messages"][0].take();
    assert_eq!(
        (&left["from_user_id"], &left["from_username"]),
        (&json!(""), &json!("rob"))
    );
    assert_eq!(stage.delete(&message, ADMIN).await.status, 204);
    assert!(
        stage
            .delete(&message, ADMIN)
            .await
            .refused(404)
            .ends_with("not found")
    );
}

#[actix_rt::test]
async fn users_have_bots() {
    let stage = Stage::open().await;
    let made = stage
        .post("/bots", ALICE, json!({"username": "helper", "emoji": "🐙"}))
        .await;
    let bot = made.json();
    assert_eq!(
        (made.status, &bot["created_by"], bot.get("created_at")),
        (201, &json!("alice"), None)
    );
    assert_eq!(bot["created_by_id"], stage.id_of("alice").await);
    let mine = stage.get("/bots/me", ALICE).await.ok();
    assert!(mine[0]["created_at"].is_string());
    assert_eq!(
        (
            mine[0]["id"].as_str(),
            stage.get("/bots/me", BOB).await.ok()
        ),
        (bot["id"].as_str(), json!([]))
    );
    let path = format!("/bots/{}", bot["id"].as_str().unwrap());
    let updated = stage
        .patch(&path, ALICE, json!({"webhook_url": "http://h.invalid/x"}))
        .await
        .ok();
    assert_eq!(
        (&updated["emoji"], &updated["webhook_url"]),
        (&json!("🐙"), &json!("http://h.invalid/x"))
    );
    for (answer, what) in [
        (stage.patch(&path, BOB, json!({})).await, "update bot"),
        (stage.delete(&path, BOB).await, "delete bot"),
        (
            stage
                .post(&format!("{path}/regenerate-api-key"), BOB, Value::Null)
                .await,
            "regenerate API key for bot",
        ),
    ] {
        assert_eq!(
            answer.refused(403),
            format!("You don't have permission to {what} helper")
        );
    }
    assert_eq!(
        stage.delete("/bots/x", ALICE).await.refused(400),
        "Invalid bot ID format: x"
    );
    let alice = stage.id_of("alice").await;
    assert_eq!(
        stage
            .delete(&format!("/bots/{alice}"), ADMIN)
            .await
            .refused(404),
        format!("Bot {alice} not found")
    );
    let renewed = stage
        .post(&format!("{path}/regenerate-api-key"), ADMIN, Value::Null)
        .await
        .ok();
    assert_eq!(renewed["message"], "Bot API key regenerated successfully");
    let key = renewed["api_key"].as_str().unwrap();
    assert_eq!(stage.get("/users/me", key).await.ok()["bot"], true);
    assert_eq!(stage.delete(&path, ALICE).await.status, 204);
    assert_eq!(stage.get("/users/me", key).await.status, 401);
}

#[actix_rt::test]
async fn conversations_select_messages() {
    let stage = Stage::open().await;
    let message = stage
        .post("/messages", ALICE, json!({"content": "x"}))
        .await
        .json();
    let id = message["id"].as_str().unwrap();
    let made = stage
        .post(
            "/conversations",
            ALICE,
            json!({"title": "t", "message_ids": [id]}),
        )
        .await;
    let conversation = made.json();
    assert_eq!(
        (
            made.status,
            &conversation["message_ids"],
            &conversation["created_by_username"]
        ),
        (201, &json!([id]), &json!("alice"))
    );
    let missing = "00000000-0000-4000-8000-000000000000";
    let answer = stage
        .post("/conversations", ALICE, json!({"message_ids": [missing]}))
        .await;
    assert_eq!(answer.refused(404), format!("Message {missing} not found"));
    let list = stage.get("/conversations", ALICE).await.ok();
    assert_eq!(list["conversations"], json!([conversation]));
    assert_eq!(
        (&list["total"], &list["limit"], &list["offset"]),
        (&json!(1), &json!(50), &json!(0))
    );
    assert_eq!(
        list["pagination"],
        json!({"total": 1, "offset": 0, "limit": 50, "has_more": false})
    );
    let path = format!("/conversations/{}", conversation["id"].as_str().unwrap());
    assert_eq!(stage.get(&path, ALICE).await.ok(), conversation);
    assert_eq!(
        stage.get(&path, BOB).await.refused(403),
        "You can only view your own conversations"
    );
    assert_eq!(
        stage.delete(&path, BOB).await.refused(403),
        "You can only delete your own conversations"
    );
    assert_eq!(
        stage.patch(&path, ALICE, json!({})).await.refused(500),
        "Failed to update conversation"
    );
    let changed = stage
        .patch(&path, ALICE, json!({"description": "d"}))
        .await
        .ok();
    assert_eq!(
        (&changed["title"], &changed["description"]),
        (&json!("t"), &json!("d"))
    );
    assert_eq!(stage.delete(&path, ALICE).await.status, 204);
    let text = stage.get(&path, ALICE).await.refused(404);
    assert_eq!(
        text,
        format!(
            "Conversation {} not found",
            conversation["id"].as_str().unwrap()
        )
    );
}

#[actix_rt::test]
async fn magic_links_log_people_in() {
    let stage = Stage::open().await;
    let token = |token: &str| json!({"token": token});
    let authenticate = "/auth/magic-link/authenticate";
    let early = stage.post(authenticate, "", token("sim-magic-token")).await;
    assert_eq!(early.refused(401), "Invalid or expired magic link token");
    let sent = stage
        .post(
            "/auth/magic-link/send",
            "",
            json!({"email": "alice@h.invalid"}),
        )
        .await
        .ok();
    assert_eq!(
        sent,
        json!({"message": "Magic link sent! Check your email to continue.", "email": "alice@h.invalid"})
    );
    assert_eq!(stage.post(authenticate, "", token("x")).await.status, 401);
    let login = stage
        .post(authenticate, "", token("sim-magic-token"))
        .await
        .ok();
    assert_eq!(login["username"], "alice1");
    let session = format!("Bearer {}", login["session_token"].as_str().unwrap());
    let profile = stage.get("/users/me", &session).await.ok();
    assert_eq!(
        (&profile["email"], &profile["api_key"]),
        (&json!("alice@h.invalid"), &login["api_key"])
    );
    let again = stage
        .post(authenticate, "", token("sim-magic-token"))
        .await
        .ok();
    assert_eq!(again["username"], "alice1");
    let invite =
        json!({"email": "zoe@h.invalid", "signup_url": "http://h.invalid/", "role": "viewer"});
    assert_eq!(
        stage.post("/admin/invite", ADMIN, invite).await.ok()["role"],
        "viewer"
    );
    let login = stage
        .post(authenticate, "", token("sim-magic-token"))
        .await
        .ok();
    let profile = stage
        .get("/users/me", login["api_key"].as_str().unwrap())
        .await
        .ok();
    assert_eq!(
        (&profile["username"], &profile["role"]),
        (&json!("zoe"), &json!("viewer"))
    );
    assert!(
        stage
            .try_connect("/ws", &[("authorization", &session)])
            .await
            .is_ok()
    );

    let stage = Stage::of_world("[token_bowl]\nmagic_links = false\n").await;
    let answer = stage
        .post("/auth/magic-link/send", "", json!({"email": "a@h.invalid"}))
        .await;
    assert_eq!(
        answer.refused(503),
        "Stytch authentication is not configured"
    );
}
