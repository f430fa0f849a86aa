//! Starting a bot of a hundred clans on a server that allows fifty calls a second.

use std::fmt::Write;
use std::time::Duration;

use greenroom::actors::clock;
use greenroom::mezon::Mezon;
use greenroom::prelude::*;
use greenroom::simulator::{Simulator, World};
use greenroom_proto::mezon::Wire;
use serde_json::Value;

use crate::stage::settings;

const CLANS: usize = 100;
const PER_SECOND: usize = 50;

fn world() -> World {
    let mut text =
        format!("[mezon]\nrest_per_second = {PER_SECOND}\nsocket_per_second = {PER_SECOND}\n");
    for number in 1..CLANS {
        let (clan, channel) = (
            2_100_000_000_000_000_000 + number,
            3_100_000_000_000_000_000 + number,
        );
        write!(
            text,
            "[[mezon.clan]]\nid = {clan}\nname = \"clan {number}\"\n[[mezon.channel]]\nid = {channel}\nclan = {clan}\nlabel = \"general\"\ntype = 1\n"
        )
        .unwrap();
    }
    World::parse(&text).unwrap()
}

/// Each wait that the server asks for takes a second at most. So the number of times that anything was put off bounds the time, whatever
/// else the machine does: this counts them, and does not look at a clock.
#[actix_rt::test]
async fn a_hundred_clans_are_joined_within_the_limits_of_the_server() {
    for wire in [Wire::V1, Wire::V2] {
        let simulator = Simulator::builder()
            .seed(1)
            .world(world())
            .start()
            .await
            .unwrap();
        let mezon = simulator.platform("mezon").unwrap();
        let start = clock::now();
        let bot = Bot::builder("test")
            .seed(1)
            .platform(Mezon::new(settings(&mezon.url(), wire)));
        let bot = bot.build().unwrap().start();
        let connected = tokio::time::timeout(Duration::from_secs(60), bot.connected()).await;
        connected.expect("connected").unwrap();
        println!("{wire}: {CLANS} clans after {:?}", start.elapsed());

        let rows: Vec<Value> = mezon
            .journal(0)
            .iter()
            .map(|entry| entry.to_json())
            .collect();
        let of = |kind: &str, direction: &str| {
            let rows = rows.iter().filter(|row| row["kind"] == kind);
            rows.filter(|row| row["direction"] == direction)
                .collect::<Vec<_>>()
        };
        let joined = of("ws", "out")
            .iter()
            .filter(|row| row["body"]["clan_join"].is_object())
            .count();
        assert_eq!(
            joined,
            CLANS + 1,
            "every clan and the one of direct conversations"
        );
        let put_off = of("ws", "out")
            .iter()
            .filter(|row| row["body"]["error"].is_object())
            .count();
        assert_eq!(bot.counters().limited.get(), put_off as u64);
        // 50 fit at once; those put off go again in rounds of 50, with what was sent at the wrong moment in between.
        assert!((1..=3 * PER_SECOND).contains(&put_off), "{put_off}");
        let refused = of("http", "out")
            .iter()
            .filter(|row| row["status"] == 429)
            .count();
        assert!(
            refused <= 4 * 4,
            "four calls at a time, each put off a few times at most: {refused}"
        );
        assert_eq!(bot.counters().reconnect_attempts.get(), 0);
        bot.shutdown().await;
        simulator.stop().await;
    }
}
