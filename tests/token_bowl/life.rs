//! Connecting, staying connected, and ending.

use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, run};
use greenroom::token_bowl::{ApiErrorKind, Auth};

use super::*;

#[test]
fn tbc_01_a_user_connects_once() {
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        stage.advance(SECOND).await;
        assert_eq!(bob.heard.rest(), ["connected"]);
        assert_eq!(bob.client.username().as_deref(), Some("bob"));
        let upgrades = requests(&stage.platform("token_bowl"));
        let upgrades: Vec<_> = upgrades
            .iter()
            .filter(|path| path.starts_with("/ws"))
            .collect();
        assert_eq!(upgrades, ["/ws?api_key=sim-bob-key"]);
    });
}

#[test]
fn tbc_04_and_05_ending_is_orderly_and_twice_is_harmless() {
    run(async |stage: Stage| {
        let platform = TokenBowl::new(settings(&stage, "bob"));
        let client = platform.client();
        assert!(!client.is_connected());
        let heard = Heard::default();
        let bot = heard.on(Bot::builder("bob").platform(platform));
        let bot = stage.start(bot).await;
        assert!(client.is_connected());
        client.disconnect().await;
        client.disconnect().await;
        stage.advance(60 * SECOND).await;
        assert!(!client.is_connected());
        assert_eq!(
            heard.rest(),
            ["connected", "disconnected"],
            "and no reconnect"
        );
        client.connect().await.unwrap();
        assert!(client.is_connected());
        // D-09: no second websocket.
        client.connect().await.unwrap();
        assert_eq!(stage.platform("token_bowl").health()["sockets"], 1);
        stage.platform("token_bowl").say("alice", "room", "once");
        stage.advance(SECOND).await;
        assert_eq!(heard.texts(), ["once"]);
        bot.stop().await;
        stage.advance(SECOND).await;
        assert_eq!(stage.platform("token_bowl").health()["sockets"], 0);
        let rest = ["connected", "disconnected"].repeat(2);
        assert_eq!(
            heard.rest(),
            rest,
            "it is told of the end of the bot as well"
        );
        let closes = sent(&stage.platform("token_bowl"));
        let closes: Vec<_> = closes
            .iter()
            .filter(|frame| frame.get("code").is_some())
            .collect();
        assert_eq!(closes.len(), 2);
        assert!(
            closes.iter().all(|close| close["code"] == 1_000),
            "{closes:?}"
        );
    });
}

#[test]
fn tbc_06_every_form_of_the_base_leads_to_the_same_path() {
    run(async |stage: Stage| {
        let host = stage.platform("token_bowl").url();
        let host = host.strip_prefix("http://").unwrap().to_owned();
        for form in ["http://H", "ws://H", "ws://H/", "http://H/ws", "ws://H/ws/"] {
            let settings = Settings {
                base_url: form.replace('H', &host).parse().unwrap(),
                ..settings(&stage, "bob")
            };
            let bob = User::with(&stage, "bob", settings).await;
            let profile = bob.client.get_my_profile().await.unwrap();
            assert_eq!(
                profile.username, "bob",
                "TBC-26: one key and one base for both"
            );
            bob.bot.stop().await;
        }
        let upgrades = requests(&stage.platform("token_bowl"));
        let upgrades: Vec<_> = upgrades
            .iter()
            .filter(|path| path.starts_with("/ws"))
            .collect();
        assert_eq!(upgrades, ["/ws?api_key=sim-bob-key"; 5]);
    });
}

#[test]
fn tbc_12_nothing_is_sent_without_a_connection() {
    run(async |stage: Stage| {
        let platform = TokenBowl::new(settings(&stage, "bob"));
        let client = platform.client();
        let text = "WebSocket not connected. Call connect() first.";
        let error = client.send_message("x", None).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ApiErrorKind::Validation, text)
        );
        let bot = stage.start(Bot::builder("bob").platform(platform)).await;
        client.send_message("x", None).await.unwrap();
        client.disconnect().await;
        let error = client.send_message("x", None).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ApiErrorKind::Validation, text)
        );
        client.connect().await.unwrap();
        client.send_message("x", None).await.unwrap();
        bot.stop().await;
        let error = client.send_message("x", None).await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::Validation);
    });
}

#[test]
fn tbc_22_a_lost_connection_comes_back() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        platform.fault(FaultKind::Disconnect);
        bob.notes(&stage, "disconnected").await;
        stage
            .until("the reconnect", 60 * SECOND, || bob.client.is_connected())
            .await;
        platform.say("alice", "room", "after");
        bob.hears(&stage, 1).await;
        let rest = bob.heard.rest();
        assert_eq!(rest.iter().filter(|note| *note == "connected").count(), 2);
        assert_eq!(bob.count("disconnected"), 1);
        let problem = rest
            .iter()
            .find(|note| note.starts_with("Connection"))
            .unwrap();
        assert!(problem.contains("connection"), "{problem}");
    });
}

#[test]
fn d03_and_d04_every_close_is_a_loss_and_told_once() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        for (number, code) in [1_000, 1_001, 1_009, 1_011, 1_012].into_iter().enumerate() {
            platform.fault(Fault::new(FaultKind::Disconnect).code(code));
            stage.advance(10 * SECOND).await;
            assert!(bob.client.is_connected(), "{code}");
            assert_eq!(bob.count("disconnected"), number + 1, "{code}");
        }
        bob.client.disconnect().await;
        stage.advance(SECOND).await;
        assert_eq!(bob.count("disconnected"), 6);
        let connects = bob.heard.rest();
        assert_eq!(
            connects.iter().filter(|note| *note == "connected").count(),
            6
        );
    });
}

#[test]
fn tbc_24_pings_are_answered_for_as_long_as_it_takes() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        stage.advance(3_600 * SECOND).await;
        assert_eq!(bob.heard.rest(), ["connected"]);
        let pongs = sent(&platform);
        let pongs = pongs.iter().filter(|frame| frame["type"] == "pong").count();
        assert!(
            (118..=121).contains(&pongs),
            "TBX-05: {pongs} pongs in an hour"
        );
    });
}

#[test]
fn d24_a_connection_that_is_silent_is_made_again() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        // Once pings have come, they are waited for.
        stage.advance(45 * SECOND).await;
        platform.fault(Fault::new(FaultKind::Stall).lasting(200 * SECOND));
        stage.advance(80 * SECOND).await;
        assert_eq!(bob.count("disconnected"), 1);
        assert!(bob.client.is_connected());
        platform.say("alice", "room", "still there");
        bob.hears(&stage, 1).await;
    });
}

#[test]
fn a_silent_server_is_noticed_before_its_first_ping() {
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        let stall = Fault::new(FaultKind::Stall).lasting(200 * SECOND);
        stage.platform("token_bowl").fault(stall);
        stage.advance(45 * SECOND).await;
        assert_eq!(bob.count("disconnected"), 1);
    });
}

#[test]
fn tbc_25_a_timer_speaks_beside_receiving() {
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        let alice = User::new(&stage, "alice").await;
        for number in 0..5 {
            stage.advance(30 * SECOND).await;
            bob.client
                .send_message(format!("tick {number}"), None)
                .await
                .unwrap();
            alice.client.send_message("tock", None).await.unwrap();
        }
        stage.advance(SECOND).await;
        assert_eq!(alice.heard.texts().len(), 5);
        assert_eq!(bob.heard.texts(), ["tock"; 5]);
    });
}

#[test]
fn d12_the_key_can_stay_out_of_the_url() {
    run(async |stage: Stage| {
        let settings = Settings {
            auth: Auth::Header,
            ..settings(&stage, "bob")
        };
        let bob = User::with(&stage, "bob", settings).await;
        assert_eq!(bob.client.username().as_deref(), Some("bob"));
        let upgrades = requests(&stage.platform("token_bowl"));
        assert!(upgrades.contains(&"/ws".to_owned()), "{upgrades:?}");
    });
}

#[test]
fn a_new_key_is_used_from_then_on() {
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        bob.client.regenerate_my_api_key().await.unwrap();
        bob.client.get_my_profile().await.unwrap();
        stage.platform("token_bowl").fault(FaultKind::Disconnect);
        stage.advance(10 * SECOND).await;
        assert!(bob.client.is_connected());
        bob.client.update_my_username("robert").await.unwrap();
        assert_eq!(bob.client.username().as_deref(), Some("robert"));
    });
}
