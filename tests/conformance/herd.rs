//! A thousand bots that lose one server at the same moment.
//!
//! A first try within a second means a thousand of them in that second, and a server that is back at once has all of them again after it.
//! So the mean is taken over the time in which the tries happen: within it no second, and no tenth of it, has more than twice its share.
//! If the server stays away the waits grow, and the tries become fewer and spread out: they never meet again, not even when it is back.

use std::time::Duration;

use greenroom::actors::clock;
use greenroom::simulator::{Fault, FaultKind};
use greenroom::testing::Stage;

use crate::platform::{Platform, SECOND, lines, moment};

const BOTS: usize = 1_000;
const AWAY: Duration = Duration::from_secs(600);

/// Returns the moments of the tries to connect between two moments, in order.
fn tries(stage: &Stage, from: Duration, to: Duration) -> Vec<Duration> {
    let waits = lines(stage, "reconnecting").into_iter();
    let tries =
        waits.map(|line| moment(&line) + Duration::from_millis(line["delay_ms"].as_u64().unwrap()));
    let mut tries: Vec<_> = tries.filter(|at| (from..to).contains(at)).collect();
    tries.sort_unstable();
    tries
}

/// Returns the most tries in any window of this length.
fn most_within(tries: &[Duration], window: Duration) -> usize {
    let within = |(place, first): (usize, &Duration)| {
        tries.partition_point(|at| *at < *first + window) - place
    };
    tries.iter().enumerate().map(within).max().unwrap_or(0)
}

pub(crate) fn a_thousand_bots_do_not_come_back_together(platform: &Platform) {
    platform.stage(1).run(async |stage: Stage| {
        let begun = clock::now();
        let mut bots = Vec::new();
        for number in 0..BOTS {
            let bot = platform.bot(&stage, &format!("bot {number}"));
            bots.push(stage.start(bot).await);
        }
        stage.advance(SECOND).await;
        let now = || clock::now() - begun;
        let server = stage.platform(platform.name);

        // It is back at once.
        server.fault(FaultKind::Disconnect);
        let lost = now();
        stage.advance(90 * SECOND).await;
        let back = tries(&stage, lost, now() + SECOND);
        assert_eq!(back.len(), BOTS, "each needs one try");
        let span = *back.last().unwrap() - back[0];
        assert!(*back.last().unwrap() <= lost + SECOND, "{span:?}");
        assert!(span > SECOND / 3, "{span:?}");
        let per_second = BOTS as f64 / span.as_secs_f64();
        assert!(most_within(&back, SECOND) as f64 <= 2.0 * per_second);
        let in_a_tenth = most_within(&back, span / 10);
        assert!(
            in_a_tenth <= 2 * BOTS / 10,
            "{in_a_tenth} in a tenth of the time"
        );

        // It stays away for long.
        server.fault(Fault::new(FaultKind::Maintenance).lasting(AWAY));
        let lost = now();
        stage.advance(AWAY + 90 * SECOND).await;
        assert!(bots.iter().all(|bot| bot.reconnects() == 2));
        let first = tries(&stage, lost, lost + SECOND * 5 / 4);
        assert!(first.len() <= BOTS * 3 / 2, "{} at once", first.len());
        // By now all of them wait for as long as they ever do.
        let settled = lost + 3 * platform.cap;
        let steady = tries(&stage, settled, lost + AWAY);
        let per_second = steady.len() as f64 / (lost + AWAY - settled).as_secs_f64();
        let with_return = tries(&stage, settled, lost + AWAY + 90 * SECOND);
        let most = most_within(&with_return, SECOND);
        println!(
            "{}: {per_second:.1} tries a second, {most} at most",
            platform.name
        );
        assert!(
            most as f64 <= 2.0 * per_second,
            "{most} in a second, {per_second} on average"
        );
    });
}
