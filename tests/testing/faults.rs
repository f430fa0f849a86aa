//! Each fault, and what a bot makes of it.

use greenroom::simulator::{Direction, Fault, FaultKind};
use greenroom::testing::{Stage, TestBot, run};

use super::*;

/// Lets one fault happen while users speak, and checks that each message is handled and answered once.
fn survives(fault: Fault) -> TestFigures {
    meets(fault, check)
}

fn meets(fault: Fault, check: fn(&TestBot)) -> TestFigures {
    run(async |world: Stage| {
        let bot = world.start(answers("b")).await;
        world.say("alice", "general", "before");
        bot.expect_reply("re before").await;
        world.mezon().fault(fault);
        for number in 0..20 {
            world.say("alice", "general", &number.to_string());
            world.advance(SECOND / 4).await;
        }
        world.advance(120 * SECOND).await;
        world.say("alice", "general", "after");
        bot.expect_reply("re after").await;
        check(&bot);
        TestFigures {
            reconnects: bot.reconnects(),
            malformed: bot.running().counters().malformed.get(),
        }
    })
}

struct TestFigures {
    reconnects: u64,
    malformed: u64,
}

fn check(bot: &TestBot) {
    bot.assert_nothing_lost();
    let numbers = (0..20).map(|number| format!("re {number}"));
    bot.assert_said(numbers.chain(["re before".to_owned(), "re after".to_owned()]));
    bot.assert_no_dead_letters();
    bot.assert_restarts(0);
}

/// What is on its way to a server that does not answer may or may not arrive: then it is not said again, and told as a dead letter.
fn check_at_most_once(bot: &TestBot) {
    bot.assert_nothing_lost();
    let replies = bot.replies();
    let texts: std::collections::BTreeSet<_> = replies.iter().map(|said| &said.text).collect();
    assert_eq!(texts.len(), replies.len(), "nothing is said twice");
    let letters = bot.running().router().dead_letters();
    assert!(replies.len() as u64 + letters.total() >= 22);
    for letter in letters.list() {
        let reason = format!("{:?}", letter.reason);
        assert!(
            reason.contains("whether it was carried out is unknown"),
            "{reason}"
        );
    }
}

#[test]
fn cuts_with_and_without_a_close_frame_or_code() {
    let cut = Fault::new(FaultKind::Disconnect);
    assert_eq!(survives(cut.clone()).reconnects, 1);
    assert_eq!(survives(cut.clone().count(3)).reconnects, 1);
    assert_eq!(survives(cut.code(1_005)).reconnects, 1);
    for code in [1_000, 1_001, 1_005, 1_006, 1_011, 4_000, 4_001] {
        let close = Fault::new(FaultKind::Close).code(code);
        assert_eq!(survives(close).reconnects, 1, "{code}");
    }
}

#[test]
fn a_server_that_is_silent_stuck_or_slow() {
    let stall = Fault::new(FaultKind::Stall).lasting(SECOND * 60);
    assert_eq!(meets(stall, check_at_most_once).reconnects, 1);
    for direction in [Direction::In, Direction::Out] {
        let clog = Fault::new(FaultKind::Clog).direction(direction);
        assert_eq!(survives(clog.clone()).reconnects, 0);
        let long = clog.lasting(SECOND * 60);
        assert_eq!(meets(long, check_at_most_once).reconnects, 1);
    }
    let slow = Fault::new(FaultKind::Slow).bytes(400).lasting(SECOND * 20);
    meets(slow, check_at_most_once);
}

#[test]
fn messages_that_are_late_doubled_mixed_up_or_broken() {
    survives(Fault::new(FaultKind::Jitter).lasting(SECOND).count(20));
    survives(Fault::new(FaultKind::Delay).lasting(SECOND * 2).count(20));
    survives(Fault::new(FaultKind::Reorder).count(3));
    survives(Fault::new(FaultKind::Duplicate).count(5));
    assert_eq!(
        survives(Fault::new(FaultKind::Garbage).count(3)).malformed,
        3
    );
    assert!(survives(Fault::new(FaultKind::Truncate).count(3)).malformed > 0);
    assert_eq!(survives(FaultKind::Oversize.into()).reconnects, 1);
}

#[test]
fn requests_that_fail_and_tokens_that_end() {
    let cut = |fault: Fault| {
        run(async |world: Stage| {
            let bot = world.start(answers("b")).await;
            world.mezon().fault(fault);
            world.mezon().fault(FaultKind::Disconnect);
            for number in 0..20 {
                world.say("alice", "general", &number.to_string());
                world.advance(SECOND / 2).await;
            }
            world.advance(120 * SECOND).await;
            world.say("alice", "general", "before");
            world.say("alice", "general", "after");
            bot.expect_reply("re after").await;
            check(&bot);
            bot.assert_reconnects(1);
        });
    };
    for status in [429, 500, 503] {
        let http = Fault::new(FaultKind::Http).status(status).count(3);
        cut(http.clone());
        cut(http.lasting(SECOND * 2));
    }
    cut(Fault::new(FaultKind::Truncate).path("/"));
    cut(Fault::new(FaultKind::Disconnect)
        .path("/mezon.api")
        .count(3));
    cut(FaultKind::Expire.into());
    cut(FaultKind::Revoke.into());
    cut(Fault::new(FaultKind::Maintenance).lasting(SECOND * 20));
    cut(Fault::new(FaultKind::Skew).ahead(7_200_000));
    cut(Fault::new(FaultKind::Skew).ahead(-7_200_000));
}

#[test]
fn a_wrong_clock_of_the_server_causes_no_flood_of_logins() {
    for hours in [-2, -1, 1, 2] {
        run(async |world: Stage| {
            world
                .mezon()
                .fault(Fault::new(FaultKind::Skew).ahead(hours * 3_600_000));
            let bot = world.start(answers("b")).await;
            for _ in 0..24 {
                world.advance(HOUR).await;
                world.mezon().fault(FaultKind::Disconnect);
            }
            world.say("alice", "general", "x");
            bot.expect_reply("re x").await;
            let entries = world.mezon().journal();
            let asked = entries.iter().filter_map(|entry| {
                let is_request = entry.direction == Direction::In;
                entry.http.as_ref().filter(|_| is_request)
            });
            let is_login = |http: &&greenroom::simulator::Http| {
                http.path.contains("authenticate") || http.path.ends_with("SessionRefresh")
            };
            let logins = asked.filter(is_login).count();
            assert!(logins < 24 * 8, "{hours} h: {logins} logins");
        });
    }
}
