//! What clients before this one got wrong, and is right here; each test names the defect.

use std::sync::atomic::{AtomicU64, Ordering};

use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, run};
use greenroom::token_bowl::ApiErrorKind;
use serde_json::json;

use super::*;

#[test]
fn d01_and_tbc_17_handlers_run_whatever_they_wait_for() {
    run(async |stage: Stage| {
        let ran = Arc::new(AtomicU64::new(0));
        let (waits, does_not) = (Arc::clone(&ran), Arc::clone(&ran));
        let bot = Bot::builder("bob")
            .platform(TokenBowl::new(settings(&stage, "bob")))
            .on_message("waits", async move |_| {
                tokio::time::sleep(SECOND).await;
                waits.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
            .on_message("does not", async move |_| {
                does_not.fetch_add(10, Ordering::Relaxed);
                Ok(())
            });
        let _bot = stage.start(bot).await;
        stage.platform("token_bowl").say("alice", "room", "x");
        stage.advance(2 * SECOND).await;
        assert_eq!(ran.load(Ordering::Relaxed), 11);
    });
}

#[test]
fn d05_and_tbc_19_a_refused_key_is_said_to_be_one() {
    run(async |stage: Stage| {
        let bad = || Settings {
            api_key: "nonsense & more".to_owned().into(),
            ..settings(&stage, "bob")
        };
        let platform = stage.platform("token_bowl");
        let refused = User::try_with(&stage, "bob", bad()).await;
        let error = refused.err().unwrap().to_string();
        assert!(error.contains("Invalid API key"), "{error}");
        assert!(!error.contains("nonsense"));
        let upgrade = &requests(&platform)[0];
        assert_eq!(upgrade, "/ws?api_key=nonsense%20%26%20more", "D-12");
        for status in [401, 403] {
            platform.fault(Fault::new(FaultKind::Http).status(status).path("/ws"));
            let refused = User::try_with(&stage, "bob", settings(&stage, "bob")).await;
            let error = refused.err().unwrap().to_string();
            assert!(error.contains("Invalid API key"), "{status}: {error}");
        }
    });
}

#[test]
fn tbc_19_a_key_that_is_revoked_ends_it() {
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        let closed = Fault::new(FaultKind::Disconnect).code(1_008);
        stage.platform("token_bowl").fault(closed);
        let exit = bob.bot.running().ended().await;
        assert!(exit.to_string().contains("Invalid API key"), "{exit}");
    });
}

#[test]
fn tbc_02_without_a_key_nothing_is_asked() {
    run(async |stage: Stage| {
        let settings = Settings {
            api_key: String::new().into(),
            ..settings(&stage, "bob")
        };
        let refused = User::try_with(&stage, "bob", settings).await;
        let error = refused.err().unwrap().to_string();
        let said = "API key required. Provide api_key parameter or set TOKEN_BOWL_CHAT_API_KEY environment variable.";
        assert!(error.contains(said), "{error}");
        assert!(requests(&stage.platform("token_bowl")).is_empty());
    });
}

#[test]
fn tbc_20_other_failures_of_a_first_connect_are_told_and_not_tried_again() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        platform.fault(Fault::new(FaultKind::Http).status(500).path("/ws"));
        let failed = User::try_with(&stage, "bob", settings(&stage, "bob")).await;
        let error = failed.err().unwrap().to_string();
        assert!(
            error.contains("Connection failed with status 500"),
            "{error}"
        );
        assert_eq!(requests(&platform).len(), 1);
        let nowhere = Settings {
            base_url: "http://nowhere.test".parse().unwrap(),
            ..settings(&stage, "bob")
        };
        let failed = User::try_with(&stage, "bob", nowhere).await;
        let error = failed.err().unwrap().to_string();
        assert!(error.contains("Failed to connect: "), "{error}");
        // Unless that is wanted.
        platform.fault(Fault::new(FaultKind::Http).status(500).count(3).path("/ws"));
        let patient = Settings {
            retry_initial: true,
            ..settings(&stage, "bob")
        };
        let bob = User::with(&stage, "bob", patient).await;
        assert!(bob.client.is_connected());
    });
}

#[test]
fn tbc_21_d06_and_d08_what_goes_wrong_is_told_and_the_connection_stays() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        platform.emit("error", json!({"error": "T"}));
        bob.notes(&stage, "Server: T").await;
        for (text, told) in [
            ("no json", "Decode: not JSON"),
            ("[1]", "Decode: not a JSON object"),
            (r#"{"error":"an old server"}"#, "Server: an old server"),
            (
                r#"{"type":"read_receipt","read_by":"x"}"#,
                "Protocol: read_receipt has no field `message_id`",
            ),
            (
                r#"{"from_username":"x","content":"y","message_type":"room","timestamp":"never"}"#,
                "Protocol: message has",
            ),
        ] {
            platform.emit("raw", json!({"text": text}));
            bob.notes(&stage, told).await;
        }
        for text in ["{}", r#"{"type":"carrier_pigeon"}"#] {
            platform.emit("raw", json!({"text": text}));
        }
        platform.say("alice", "room", "still there");
        bob.hears(&stage, 1).await;
        assert_eq!(bob.count("disconnected"), 0);
        assert_eq!(bob.heard.rest().len(), 7, "{:?}", bob.heard.rest());
        assert!(bob.bot.running().counters().ignored.get() >= 2);
    });
}

#[test]
fn d07_and_d10_handlers_that_fail_are_nothing_to_the_connection() {
    run(async |stage: Stage| {
        let heard = Heard::default();
        let bot = Bot::builder("bob")
            .platform(TokenBowl::new(settings(&stage, "bob")))
            .on_error("fails", async |_| Err(std::io::Error::other("no").into()))
            .on_connect("panics", async |_| panic!("no way"));
        let bot = stage.start(heard.on(bot)).await;
        let platform = stage.platform("token_bowl");
        platform.emit("error", json!({"error": "T"}));
        platform.say("alice", "room", "1");
        stage.advance(60 * SECOND).await;
        platform.say("alice", "room", "2");
        stage.advance(SECOND).await;
        assert_eq!(heard.texts(), ["1", "2"]);
        let rest = heard.rest();
        let failed: Vec<_> = rest
            .iter()
            .filter(|note| note.contains("Handler"))
            .collect();
        assert_eq!(
            failed.len(),
            1,
            "a failing `on_error` is only logged: {rest:?}"
        );
        assert!(failed[0].contains("\"panics\"") && failed[0].contains("no way"));
        let letters = bot.running().router().dead_letters();
        assert_eq!(letters.total(), 3, "and all of it is kept");
    });
}

#[test]
fn d13_and_tbc_27_a_slow_handler_holds_up_nobody() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let slow = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::clone(&slow);
        let bot = Bot::builder("bob")
            .platform(TokenBowl::new(settings(&stage, "bob")))
            .on_message("slow", async move |message: Event<Message>| {
                tokio::time::sleep(5 * SECOND).await;
                done.lock().unwrap().push(message.content.clone());
                Ok(())
            });
        let _bob = stage.start(bot).await;
        let alice = User::new(&stage, "alice").await;
        for number in 0..10 {
            platform.say("admin", "room", &number.to_string());
        }
        stage.advance(SECOND).await;
        assert_eq!(alice.heard.texts().len(), 10, "others hear it at once");
        stage.advance(100 * SECOND).await;
        let expected: Vec<_> = (0..10).map(|number: i32| number.to_string()).collect();
        assert_eq!(*slow.lock().unwrap(), expected, "in order");
        let pongs = sent(&platform)
            .iter()
            .filter(|frame| frame["type"] == "pong")
            .count();
        assert!(pongs >= 6, "both answered their pings: {pongs}");
    });
}

#[test]
fn d28_messages_beyond_a_mebibyte_are_read_and_larger_ones_reported() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        let long = "x".repeat(2 * 1024 * 1024);
        platform.emit("message", json!({"content": long}));
        bob.hears(&stage, 1).await;
        assert_eq!(bob.count("disconnected"), 0);
        platform.fault(FaultKind::Oversize);
        bob.notes(&stage, "a message was larger than").await;
        stage.advance(10 * SECOND).await;
        assert!(bob.client.is_connected());
    });
}

#[test]
fn d26_the_events_of_a_user_stay_its_own_after_a_rename() {
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        bob.client.update_my_username("robert").await.unwrap();
        stage.platform("token_bowl").say("alice", "@robert", "hi");
        bob.hears(&stage, 1).await;
        let error = bob.client.update_my_username("alice").await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::Conflict);
    });
}
