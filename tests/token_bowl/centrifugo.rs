//! The other line: the protocol of Centrifugo over the websocket, and REST for what is said.

use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, run};
use greenroom::token_bowl::{ApiErrorKind, Protocol};

use super::*;

fn centrifugo(stage: &Stage, user: &str) -> Settings {
    Settings {
        protocol: Protocol::Centrifugo,
        ..settings(stage, user)
    }
}

#[test]
fn tbx_13_both_lines_hear_the_same() {
    run(async |stage: Stage| {
        let alice = User::with(&stage, "alice", centrifugo(&stage, "alice")).await;
        let bob = User::new(&stage, "bob").await;
        assert_eq!(alice.client.username().as_deref(), Some("alice"));
        let sent = alice.client.send_message("hello 🦊", None).await.unwrap();
        bob.hears(&stage, 1).await;
        assert_eq!(bob.heard.message(0).id, sent.id);
        bob.client.send_message("hi", Some("alice")).await.unwrap();
        bob.client.send_message("all", None).await.unwrap();
        alice.hears(&stage, 2).await;
        stage.advance(SECOND).await;
        assert_eq!(alice.heard.texts(), ["hi", "all"], "and not its own");
        bob.client.mark_message_read(&sent.id).await.unwrap();
        alice.notes(&stage, &format!("bob read {}", sent.id)).await;
        bob.client.send_typing_indicator(None).await.unwrap();
        alice.notes(&stage, "bob types to None").await;
        assert_eq!(
            alice.client.get_unread_count().await.unwrap().total_unread,
            2
        );
        alice.client.mark_all_messages_read().await.unwrap();
        alice.notes(&stage, "0 unread").await;
        let error = alice.client.send_message("", None).await.unwrap_err();
        assert_eq!(error.message, "Content must be 1-10000 characters");
        let error = alice
            .client
            .send_message("x", Some("nobody"))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::NotFound);
        alice.client.disconnect().await;
        let error = alice.client.send_message("x", None).await.unwrap_err();
        assert_eq!(
            error.message,
            "WebSocket not connected. Call connect() first."
        );
    });
}

#[test]
fn sends_keep_their_order_over_http() {
    run(async |stage: Stage| {
        let alice = User::with(&stage, "alice", centrifugo(&stage, "alice")).await;
        let bob = User::new(&stage, "bob").await;
        let sends = (0..20).map(|number: i32| {
            let client = alice.client.clone();
            async move { client.send_message(number.to_string(), None).await }
        });
        futures::future::try_join_all(sends).await.unwrap();
        bob.hears(&stage, 20).await;
        let expected: Vec<_> = (0..20).map(|number: i32| number.to_string()).collect();
        assert_eq!(bob.heard.texts(), expected);
    });
}

#[test]
fn d19_recovery_goes_on_where_it_was_left() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let alice = User::with(&stage, "alice", centrifugo(&stage, "alice")).await;
        platform.say("bob", "room", "before");
        alice.hears(&stage, 1).await;
        platform.fault(FaultKind::Disconnect);
        for number in 0..20 {
            let place = if number % 4 == 3 { "@alice" } else { "room" };
            platform.say("bob", place, &number.to_string());
        }
        alice.hears(&stage, 21).await;
        platform.say("bob", "room", "after");
        alice.hears(&stage, 22).await;
        stage.advance(60 * SECOND).await;
        let mut heard = alice.heard.texts();
        assert_eq!(heard.len(), 22);
        heard.dedup();
        assert_eq!(heard.len(), 22);
        let lists = requests(&platform);
        let lists = lists.iter().filter(|path| path.contains("since="));
        assert_eq!(lists.count(), 0, "the server has handed over all of it");
    });
}

#[test]
fn d20_a_token_that_has_ended_is_replaced() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let alice = User::with(&stage, "alice", centrifugo(&stage, "alice")).await;
        for fault in [
            Fault::new(FaultKind::Expire),
            Fault::new(FaultKind::Disconnect).code(3_005),
            Fault::new(FaultKind::Disconnect).code(3_012),
        ] {
            platform.fault(fault);
            platform.fault(FaultKind::Disconnect);
            stage.advance(30 * SECOND).await;
            assert!(alice.client.is_connected());
        }
        // A day and more, over which the token ends.
        stage.advance(30 * 3_600 * SECOND).await;
        assert!(alice.client.is_connected());
        platform.say("bob", "room", "still there");
        alice.hears(&stage, 1).await;
    });
}

#[test]
fn a_bad_key_is_refused_on_this_line_too() {
    run(async |stage: Stage| {
        let settings = Settings {
            api_key: "nonsense".to_owned().into(),
            ..centrifugo(&stage, "alice")
        };
        let refused = User::try_with(&stage, "alice", settings).await;
        let error = refused.err().unwrap().to_string();
        assert!(error.contains("Invalid API key"), "{error}");
    });
}

#[test]
fn auto_finds_out_which_line_it_is() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let auto = || Settings {
            protocol: Protocol::Auto,
            ..settings(&stage, "bob")
        };
        let plain = User::with(&stage, "plain", auto()).await;
        plain.bot.stop().await;
        for status in [404, 403] {
            let no_plain = Fault::new(FaultKind::Http).status(status).path("/ws");
            platform.fault(no_plain);
            let before = requests(&platform).len();
            let other = User::with(&stage, "other", auto()).await;
            let since = requests(&platform).split_off(before);
            let token = since
                .iter()
                .any(|path| path == "/centrifugo/connection-token");
            assert!(token, "{status}: {since:?}");
            platform.say("alice", "room", "hi");
            other.hears(&stage, 1).await;
            other.bot.stop().await;
        }
    });
}

#[test]
fn a_link_that_breaks_before_what_was_missed_is_there_leaves_no_hole() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let settings = Settings {
            history_limit: 1_000,
            ..centrifugo(&stage, "alice")
        };
        let alice = User::with(&stage, "alice", settings).await;
        platform.say("bob", "room", "before");
        alice.hears(&stage, 1).await;
        // More than the server hands over by itself: it is fetched, which takes its time.
        let late = Fault::new(FaultKind::Delay).path("/messages");
        platform.fault(late.lasting(5 * SECOND).count(4));
        platform.fault(FaultKind::Disconnect);
        for number in 0..99 {
            platform.say("bob", "room", &number.to_string());
        }
        for number in 0..60 {
            platform.say("bob", "@alice", &format!("direct {number}"));
        }
        stage.advance(4 * SECOND).await;
        assert!(alice.client.is_connected() && alice.heard.texts().len() == 1);
        platform.fault(FaultKind::Disconnect);
        // The one before, and all that was said on either broken link.
        alice.hears(&stage, 160).await;
        stage.advance(60 * SECOND).await;
        assert_eq!(alice.heard.texts().len(), 160);
    });
}

#[test]
fn what_cannot_be_read_is_fetched_on_a_link_that_went_on_too() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let alice = User::with(&stage, "alice", centrifugo(&stage, "alice")).await;
        platform.say("bob", "room", "before");
        alice.hears(&stage, 1).await;
        platform.fault(FaultKind::Disconnect);
        stage.advance(10 * SECOND).await;
        platform.fault(FaultKind::Truncate);
        platform.say("bob", "room", "broken");
        for number in 0..10 {
            stage.advance(SECOND / 5).await;
            platform.say("bob", "room", &number.to_string());
        }
        alice.hears(&stage, 12).await;
        stage.advance(60 * SECOND).await;
        assert_eq!(alice.heard.texts().len(), 12);
    });
}
