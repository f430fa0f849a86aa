//! Saying and hearing.

use greenroom::testing::{Stage, run};
use greenroom::token_bowl::ApiErrorKind;
use greenroom::token_bowl::model::MessageType;
use serde_json::json;

use super::*;

#[test]
fn tbc_07_and_08_the_room_hears_it_unchanged_and_the_speaker_does_not() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let bob = User::new(&stage, "bob").await;
        let texts = [
            "hello room",
            " two\n lines \t",
            "héllo 🦊 ☃",
            "\u{202e}\"\\ \u{0}",
        ];
        for text in texts {
            let sent = alice.client.send_message(text, None).await.unwrap();
            assert_eq!(sent.content, text);
        }
        bob.hears(&stage, texts.len()).await;
        assert_eq!(bob.heard.texts(), texts);
        assert!(alice.heard.texts().is_empty());
        let first = bob.heard.message(0);
        assert_eq!(first.message_type, MessageType::Room);
        assert_eq!(first.from_username, "alice");
        assert_eq!(first.from_user_logo.as_deref(), Some("claude-color.png"));
        assert!(!first.from_user_bot && first.to_username.is_none());
    });
}

#[test]
fn tbc_09_and_10_direct_messages_reach_their_recipients_only() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let bob = User::new(&stage, "bob").await;
        let admin = User::new(&stage, "admin").await;
        let bot = User::new(&stage, "greenroom").await;
        for (to, text) in [
            ("bob", "1"),
            ("admin", "2"),
            ("greenroom", "3"),
            ("bob", "4"),
        ] {
            let sent = alice.client.send_message(text, Some(to)).await.unwrap();
            assert_eq!(sent.to_username.as_deref(), Some(to));
        }
        bob.hears(&stage, 2).await;
        stage.advance(SECOND).await;
        assert_eq!(bob.heard.texts(), ["1", "4"]);
        assert_eq!(admin.heard.texts(), ["2"]);
        assert_eq!(bot.heard.texts(), ["3"]);
        let message = bob.heard.message(0);
        assert_eq!(message.message_type, MessageType::Direct);
        assert!(message.to_user_id.is_some());
    });
}

#[test]
fn tbc_11_contents_out_of_bounds_never_leave() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let alice = User::new(&stage, "alice").await;
        let bob = User::new(&stage, "bob").await;
        for text in [String::new(), "x".repeat(10_001), "🦊".repeat(10_001)] {
            let error = alice.client.send_message(text, None).await.unwrap_err();
            assert_eq!(error.kind, ApiErrorKind::Validation);
            assert_eq!(error.message, "Content must be 1-10000 characters");
        }
        let name = "n".repeat(51);
        let error = alice
            .client
            .send_message("x", Some(&name))
            .await
            .unwrap_err();
        assert_eq!(error.message, "to_username must be 1-50 characters");
        assert!(sent(&platform).is_empty());
        // Beyond 64 KiB, also where every character is escaped.
        let long = "🦊".repeat(10_000);
        for text in ["x", "  ", &"x".repeat(10_000), &long] {
            alice.client.send_message(text, Some("")).await.unwrap();
        }
        bob.hears(&stage, 4).await;
        assert_eq!(bob.heard.texts()[3], long);
    });
}

#[test]
fn tbx_10_and_d11_each_send_has_its_own_answer() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let bob = User::new(&stage, "bob").await;
        let (nobody, somebody) = futures::join!(
            alice.client.send_message("x", Some("nobody")),
            alice.client.send_message("x", Some("bob")),
        );
        let error = nobody.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::NotFound);
        assert_eq!(error.message, "User nobody not found");
        bob.hears(&stage, 1).await;
        assert_eq!(somebody.unwrap().id, bob.heard.message(0).id);
        alice.notes(&stage, "Server: User nobody not found").await;
    });
}

#[test]
fn tbc_14_messages_of_the_server_are_told_apart() {
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        let platform = stage.platform("token_bowl");
        platform.emit(
            "message",
            json!({"content": "maintenance", "message_type": "system"}),
        );
        platform.emit(
            "message",
            json!({"content": "x", "message_type": "carrier pigeon"}),
        );
        bob.hears(&stage, 2).await;
        assert_eq!(bob.heard.message(0).message_type, MessageType::System);
        assert_eq!(bob.heard.message(1).message_type.name(), "carrier pigeon");
    });
}

#[test]
fn tbx_01_to_04_receipts_counts_and_typing() {
    run(async |stage: Stage| {
        let alice = User::new(&stage, "alice").await;
        let bob = User::new(&stage, "bob").await;
        let first = alice.client.send_message("1", None).await.unwrap();
        alice.client.send_message("2", None).await.unwrap();
        alice.client.send_message("3", Some("bob")).await.unwrap();
        bob.hears(&stage, 3).await;
        assert_eq!(bob.client.get_unread_count().await.unwrap().total_unread, 3);
        bob.client.mark_message_read(&first.id).await.unwrap();
        bob.client.mark_message_read(&first.id).await.unwrap();
        alice.notes(&stage, &format!("bob read {}", first.id)).await;
        bob.client.mark_direct_messages_read("alice").await.unwrap();
        assert_eq!(bob.client.get_unread_count().await.unwrap().total_unread, 1);
        bob.client.mark_room_messages_read().await.unwrap();
        assert_eq!(bob.client.mark_all_messages_read().await.unwrap(), 0);
        assert_eq!(bob.client.get_unread_count().await.unwrap().total_unread, 0);
        let error = bob.client.mark_message_read("nothing").await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::NotFound);
        assert_eq!(error.message, "Message nothing not found");
        bob.client.send_typing_indicator(None).await.unwrap();
        bob.client
            .send_typing_indicator(Some("alice"))
            .await
            .unwrap();
        alice.notes(&stage, "bob types to None").await;
        alice.notes(&stage, "bob types to Some(\"alice\")").await;
        assert_eq!(alice.count(&first.id), 1, "one receipt");
        bob.notes(&stage, "3 unread").await;
        bob.notes(&stage, "0 unread").await;
    });
}

#[test]
fn a_server_without_typing_is_left_alone_with_it() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        let refusal = json!({"error": "Unknown message type: typing"});
        platform.emit("error", refusal.clone());
        platform.emit("error", refusal);
        stage.advance(SECOND).await;
        bob.client.send_typing_indicator(None).await.unwrap();
        stage.advance(SECOND).await;
        assert!(sent(&platform).is_empty());
        assert_eq!(bob.count("Unknown message type: typing"), 1);
    });
}

#[test]
fn own_messages_come_back_only_if_that_is_wanted() {
    run(async |stage: Stage| {
        let first = User::new(&stage, "bob").await;
        let second = User::with(
            &stage,
            "bob 2",
            Settings {
                deliver_own: true,
                ..settings(&stage, "bob")
            },
        )
        .await;
        let platform = stage.platform("token_bowl");
        let own = json!({"from_username": "bob", "content": "mine", "message_type": "room"});
        platform.emit("message", own);
        platform.say("alice", "room", "hers");
        second.hears(&stage, 2).await;
        assert_eq!(second.heard.texts(), ["mine", "hers"]);
        assert_eq!(first.heard.texts(), ["hers"]);
    });
}
