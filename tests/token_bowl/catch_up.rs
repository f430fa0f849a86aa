//! Nothing is lost and nothing comes twice, whatever happens to the connection.

use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::{Stage, run};
use greenroom::token_bowl::{ApiErrorKind, Gap, TokenBowlEvents};

use super::*;

#[test]
fn tbx_11_what_was_said_meanwhile_comes_once_and_in_order() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        platform.say("alice", "room", "before");
        bob.hears(&stage, 1).await;
        platform.fault(Fault::new(FaultKind::Maintenance).lasting(SECOND));
        for number in 0..20 {
            let place = if number % 4 == 3 { "@bob" } else { "room" };
            platform.say("alice", place, &number.to_string());
            stage.advance(SECOND / 100).await;
        }
        assert!(!bob.client.is_connected());
        bob.hears(&stage, 21).await;
        platform.say("alice", "room", "after");
        bob.hears(&stage, 22).await;
        stage.advance(60 * SECOND).await;
        let numbers = (0..20).map(|number: i32| number.to_string());
        let expected: Vec<_> = ["before".to_owned()]
            .into_iter()
            .chain(numbers)
            .chain(["after".to_owned()])
            .collect();
        assert_eq!(bob.heard.texts(), expected);
    });
}

#[test]
fn what_was_missed_comes_before_what_is_new_and_without_ones_own() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        platform.fault(Fault::new(FaultKind::Disconnect));
        platform.say("alice", "room", "missed");
        platform.say("bob", "room", "own");
        // The list comes late, after what is said on the new connection.
        platform.fault(
            Fault::new(FaultKind::Delay)
                .lasting(5 * SECOND)
                .count(2)
                .path("/messages"),
        );
        stage
            .until("the reconnect", 30 * SECOND, || bob.client.is_connected())
            .await;
        platform.say("alice", "room", "new");
        bob.hears(&stage, 2).await;
        stage.advance(30 * SECOND).await;
        assert_eq!(bob.heard.texts(), ["missed", "new"]);
    });
}

#[test]
fn nothing_from_before_the_first_connect_is_delivered() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        platform.say("alice", "room", "long ago");
        stage.advance(5 * SECOND).await;
        let bob = User::new(&stage, "bob").await;
        platform.fault(FaultKind::Disconnect);
        platform.say("alice", "room", "missed");
        bob.hears(&stage, 1).await;
        stage.advance(30 * SECOND).await;
        assert_eq!(bob.heard.texts(), ["missed"]);
    });
}

#[test]
fn a_gap_is_told() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let told = Arc::new(Mutex::new(Vec::new()));
        let gaps = Arc::clone(&told);
        let heard = Heard::default();
        let bot = Bot::builder("bob").platform(TokenBowl::new(settings(&stage, "bob")));
        let bot = heard.on(bot).on_gap("gaps", async move |gap: Event<Gap>| {
            gaps.lock().unwrap().push(gap.kept);
            Ok(())
        });
        let _bot = stage.start(bot).await;
        platform.fault(FaultKind::Disconnect);
        for number in 0..120 {
            platform.say("alice", "room", &number.to_string());
        }
        stage
            .until("the newest message", 60 * SECOND, || {
                heard.texts().last().is_some_and(|text| text == "119")
            })
            .await;
        assert_eq!(*told.lock().unwrap(), [100]);
        assert_eq!(heard.texts().len(), 100);
    });
}

#[test]
fn a_send_whose_answer_is_lost_is_looked_for() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        let alice = User::new(&stage, "alice").await;
        // The answer is held back, and the connection cut meanwhile.
        platform.fault(Fault::new(FaultKind::Stall).lasting(SECOND));
        let send = bob.client.send_message("where am I?", None);
        let cut = async {
            stage.advance(SECOND / 10).await;
            platform.fault(FaultKind::Disconnect);
        };
        let (sent, ()) = futures::join!(send, cut);
        // Her connection was cut as well, and may take longer to come back.
        stage.advance(5 * SECOND).await;
        alice.client.send_message("x", None).await.unwrap();
        match sent {
            Ok(sent) => assert_eq!(sent.content, "where am I?"),
            Err(error) => assert_eq!(error.kind, ApiErrorKind::Unconfirmed),
        }
        stage.advance(30 * SECOND).await;
        let said = alice.heard.texts();
        assert!(said.len() <= 1, "never twice: {said:?}");
    });
}

#[test]
fn faults_lose_nothing() {
    let meets = |fault: Fault| {
        run(async |stage: Stage| {
            let platform = stage.platform("token_bowl");
            let bob = User::new(&stage, "bob").await;
            platform.say("alice", "room", "before");
            bob.hears(&stage, 1).await;
            platform.fault(fault.clone());
            for number in 0..10 {
                platform.say("alice", "room", &number.to_string());
                stage.advance(SECOND / 2).await;
            }
            stage.advance(180 * SECOND).await;
            platform.say("alice", "room", "after");
            bob.hears(&stage, 12).await;
            let numbers = (0..10).map(|number: i32| number.to_string());
            let mut expected: Vec<_> = numbers.collect();
            expected.push("after".to_owned());
            expected.push("before".to_owned());
            let mut heard = bob.heard.texts();
            heard.sort();
            expected.sort();
            assert_eq!(heard, expected, "{fault:?}");
            bob.bot.assert_restarts(0);
        });
    };
    for fault in [
        Fault::new(FaultKind::Disconnect).count(3),
        Fault::new(FaultKind::Close).code(1_012),
        Fault::new(FaultKind::Duplicate).count(3),
        Fault::new(FaultKind::Garbage).count(3),
        Fault::new(FaultKind::Jitter).lasting(SECOND).count(5),
        Fault::new(FaultKind::Oversize),
        Fault::new(FaultKind::Stall).lasting(60 * SECOND),
        Fault::new(FaultKind::Truncate).count(3),
        Fault::new(FaultKind::Maintenance).lasting(20 * SECOND),
    ] {
        meets(fault);
    }
}

#[test]
fn lists_that_fail_are_fetched_again() {
    run(async |stage: Stage| {
        let platform = stage.platform("token_bowl");
        let bob = User::new(&stage, "bob").await;
        platform.fault(FaultKind::Disconnect);
        platform.say("alice", "room", "missed");
        platform.fault(
            Fault::new(FaultKind::Http)
                .status(500)
                .count(4)
                .path("/messages"),
        );
        bob.hears(&stage, 1).await;
        platform.say("alice", "room", "new");
        bob.hears(&stage, 2).await;
        assert_eq!(bob.heard.texts(), ["missed", "new"]);
    });
}
