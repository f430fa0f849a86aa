//! What every adapter with a connection guarantees: one suite, run against each of them.
//!
//! A platform is described once, in `platform.rs`: how a bot is put on it, who speaks where, what it can replay, and its limits. The
//! line `conformance!` makes all tests of it. What a platform cannot do is a field of its description, and the tests say what holds
//! there in its place: a platform that cannot replay loses what was said while the bot was away, but still doubles nothing.
//!
//! To add a platform: write its description beside the others, and one line `conformance!(name, platform::description())` below. Its
//! simulator must be one of those of `greenroom::testing`.
//!
//! | file | guarantees |
//! |---|---|
//! | `events.rs` | nothing that can be replayed is lost; once, in order, before what is new |
//! | `replies.rs` | nothing is said twice, what nobody knows is told, what waits keeps its order |
//! | `attempts.rs` | first try, jitter, cap, heartbeats, logins, refused keys |
//! | `day.rs` | 24 virtual hours of faults; the same seed, the same trace |
//! | `herd.rs` | a thousand bots that lose one server |
//! | `sockets.rs` | 200 cuts under load, over real sockets |
//! | `ticos.rs` | the same of Ticos, where agents dial us |
//!
//! Payman has no connection that lasts: its promises are in `tests/payman`.
#![cfg(all(feature = "mezon", feature = "testing", feature = "token-bowl"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod attempts;
mod day;
mod events;
mod herd;
mod platform;
mod replies;
mod sockets;
#[cfg(feature = "ticos")]
mod ticos;

macro_rules! conformance {
    ($name:ident, $platform:expr) => {
        mod $name {
            conformance!(@tests $platform;
                attempts::a_lost_connection_is_tried_again_within_a_second,
                attempts::waits_grow_to_their_cap_and_use_their_whole_range,
                attempts::a_server_that_asks_to_wait_is_obeyed,
                attempts::a_silent_server_is_noticed_in_time,
                attempts::logins_stay_within_their_budget,
                attempts::a_wrong_key_ends_the_bot_at_once,
                attempts::a_key_that_is_refused_later_ends_the_bot_at_once,
                day::a_day_of_faults,
                events::what_was_missed_comes_once_in_order_and_before_what_is_new,
                events::a_long_gap_is_fetched_to_its_end,
                events::a_gap_is_fetched_although_fetching_fails_at_first,
                events::a_gap_within_a_gap_is_fetched,
                replies::a_message_whose_acknowledgement_is_lost_is_not_said_twice,
                replies::a_message_that_did_not_arrive_is_said_afterwards_or_reported,
                replies::what_nobody_knows_is_reported_and_not_said_again,
                replies::what_is_said_during_an_outage_leaves_afterwards_in_order,
                sockets::two_hundred_cuts_under_load,
            );
        }
    };
    (@tests $platform:expr; $($file:ident :: $test:ident,)*) => {$(
        #[test]
        fn $test() {
            crate::$file::$test(&$platform);
        }
    )*};
}

conformance!(mezon_v1, crate::platform::mezon_v1());
conformance!(mezon_v2, crate::platform::mezon_v2());
conformance!(token_bowl, crate::platform::token_bowl());
conformance!(
    token_bowl_centrifugo,
    crate::platform::token_bowl_centrifugo()
);

/// All lines of a platform wait in the same way.
#[test]
fn a_thousand_bots_on_mezon_do_not_come_back_together() {
    herd::a_thousand_bots_do_not_come_back_together(&platform::mezon_v2());
}

#[test]
fn a_thousand_bots_on_token_bowl_do_not_come_back_together() {
    herd::a_thousand_bots_do_not_come_back_together(&platform::token_bowl());
}
