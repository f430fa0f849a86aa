//! `kind = "bridge"`: conversations that are one.

use greenroom::simulator::World;
use greenroom::testing::{TestBot, run};
use serde_json::json;

use super::*;

const BRIDGE: &str = r#"
[[handlers]]
kind = "bridge"
between = [{ platform = "mezon", channel = "general" }, { platform = "token_bowl" }]
"#;

const TO_TOKEN_BOWL: &str = "bridge to token_bowl room";

/// Returns how many events of one type became dead letters at a handler.
fn dead(bot: &TestBot, handler: &str) -> u64 {
    let reports = bot.running().router().handlers().into_iter();
    let mine = reports.filter(|report| report.handler == handler);
    mine.map(|report| report.dead).sum()
}

#[test]
fn what_is_said_in_one_room_is_said_in_the_other_and_never_comes_back() {
    run(async |stage: Stage| {
        let bot = stage.start(bot(BRIDGE)).await;
        stage.mezon().say("alice", "general", "hello @everyone");
        until_said(&stage, &bot, "token_bowl", 1).await;
        stage.token_bowl().say("bob", "room", "hello yourself");
        stage.mezon().say("alice", "backstage", "elsewhere");
        stage.token_bowl().say("bob", "@greenroom", "in private");
        stage.advance(MINUTE).await;
        assert_eq!(said(&bot, "token_bowl"), ["Alice: hello @everyone"]);
        assert_eq!(said(&bot, "mezon"), ["bob: hello yourself"]);
        let text = bot.replies().remove(0).text;
        assert!(
            !text.contains("@everyone") && !text.contains("Alice"),
            "it calls nobody: {text:?}"
        );
        bot.assert_no_dead_letters();
    });
}

#[test]
fn a_target_that_is_down_delays_only_itself_and_loses_nothing() {
    run(async |stage: Stage| {
        let bot = stage
            .start(bot(&format!("{BRIDGE}[[handlers]]\nkind = \"ping\"\n")))
            .await;
        stage.mezon().say("alice", "general", "before");
        until_said(&stage, &bot, "token_bowl", 1).await;
        outage(&stage.token_bowl(), 30 * MINUTE);
        stage.advance(SECOND).await;
        for number in 0..50 {
            stage.mezon().say("alice", "general", &format!("{number}"));
            stage.advance(10 * SECOND).await;
        }
        stage.mezon().say("alice", "general", "!ping");
        bot.expect_reply("pong").await;
        assert_eq!(said(&bot, "token_bowl").len(), 1, "it is down");
        stage.advance(30 * MINUTE).await;
        let mut expected = vec!["Alice: before".to_owned()];
        expected.extend((0..50).map(|number| format!("Alice: {number}")));
        expected.push("Alice: !ping".to_owned());
        assert_eq!(said(&bot, "token_bowl"), expected);
        bot.assert_no_dead_letters();
    });
}

#[test]
fn what_no_queue_has_room_for_is_counted_and_kept_as_a_dead_letter() {
    run(async |stage: Stage| {
        let small = format!("{BRIDGE}delivery = {{ queue = 4, concurrency = 1 }}\n");
        let bot = stage.start(bot(&small)).await;
        stage.mezon().say("alice", "general", "before");
        until_said(&stage, &bot, "token_bowl", 1).await;
        outage(&stage.token_bowl(), 10 * MINUTE);
        stage.advance(SECOND).await;
        for number in 0..20 {
            stage.mezon().say("alice", "general", &format!("{number}"));
            stage.advance(SECOND).await;
        }
        assert_eq!(dead(&bot, "bridge to mezon general"), 0);
        let dead = dead(&bot, TO_TOKEN_BOWL);
        assert!(dead > 0);
        stage.advance(15 * MINUTE).await;
        assert_eq!(said(&bot, "token_bowl").len() as u64, 21 - dead);
        // They are not lost: who replays them has all.
        let router = bot.running().router();
        let replayed = router.replay_all(&Default::default()).unwrap();
        assert_eq!(replayed.replayed.len() as u64, dead);
        stage.advance(MINUTE).await;
        let mut all = said(&bot, "token_bowl");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 21);
    });
}

#[test]
fn what_was_said_in_one_room_is_not_said_there_again_when_another_fails() {
    run(async |stage: Stage| {
        let three = r#"
[[handlers]]
kind = "bridge"
between = [
    { platform = "token_bowl" },
    { platform = "mezon", channel = "general" },
    { platform = "mezon", channel = "nowhere" },
]
"#;
        let bot = stage.start(bot(three)).await;
        for number in 0..5 {
            stage.token_bowl().say("bob", "room", &format!("{number}"));
        }
        stage.advance(10 * MINUTE).await;
        let expected: Vec<_> = (0..5).map(|number| format!("bob: {number}")).collect();
        assert_eq!(said(&bot, "mezon"), expected);
        assert_eq!(dead(&bot, "bridge to mezon nowhere"), 5);
        let letters = bot.running().router().dead_letters().list();
        let reason = format!("{:?}", letters[0]);
        assert!(
            reason.contains("there is no channel `nowhere` on Mezon"),
            "{reason}"
        );
    });
}

#[test]
fn edits_and_deletions_follow_even_if_they_overtake() {
    run(async |stage: Stage| {
        let rooms = r#"
[[handlers]]
kind = "bridge"
between = [{ platform = "token_bowl" }, { platform = "mezon", channel = "general" }, { platform = "mezon", channel = "backstage" }]
"#;
        let bot = stage.start(bot(rooms)).await;
        let id = stage.mezon().say("alice", "general", "helo");
        until_said(&stage, &bot, "mezon", 1).await;
        let change = |id: &str, code: i32, text: &str| {
            let content = json!({"t": text}).to_string();
            stage.mezon().emit("channel_message", json!({
                "message_id": id, "code": code, "content": content,
                "clan_id": "2000000000000000001", "channel_id": "3000000000000000001",
                "sender_id": "4000000000000000001", "username": "alice", "display_name": "Alice", "mode": 2,
            }));
        };
        change(&id, 1, "hello");
        stage.advance(SECOND).await;
        change(&id, 2, "");
        stage.advance(10 * SECOND).await;
        let wire: Vec<_> = stage
            .mezon()
            .journal()
            .iter()
            .map(|entry| entry.to_json())
            .collect();
        let asked = |what: &str| {
            wire.iter()
                .filter(|entry| !entry["body"][what].is_null())
                .collect::<Vec<_>>()
        };
        let changed = asked("channel_message_update");
        assert!(
            changed[0].to_string().contains("Alice: hello"),
            "{changed:?}"
        );
        assert!(!asked("channel_message_remove").is_empty());

        // While the room is down, a message is changed and another one is taken back.
        outage(&stage.token_bowl(), 5 * MINUTE);
        stage.advance(SECOND).await;
        let first = stage.mezon().say("alice", "general", "frist");
        let second = stage.mezon().say("alice", "general", "a secret");
        stage.advance(SECOND).await;
        change(&first, 1, "first");
        change(&second, 2, "");
        stage.advance(10 * MINUTE).await;
        assert_eq!(said(&bot, "token_bowl"), ["Alice: helo", "Alice: first"]);
        bot.assert_no_dead_letters();
    });
}

#[test]
fn files_are_carried_as_their_addresses_and_long_texts_in_pieces() {
    run(async |stage: Stage| {
        let bot = stage.start(bot(BRIDGE)).await;
        stage.mezon().emit("channel_message", json!({
            "message_id": "7900000000000000001", "content": json!({"t": "look"}).to_string(),
            "attachments": [{"filename": "a.png", "url": "https://x.y/a.png"}],
            "clan_id": "2000000000000000001", "channel_id": "3000000000000000001",
            "sender_id": "4000000000000000001", "username": "alice", "display_name": "Alice", "mode": 2,
        }));
        until_said(&stage, &bot, "token_bowl", 1).await;
        assert_eq!(said(&bot, "token_bowl"), ["Alice: look\nhttps://x.y/a.png"]);
        // Token Bowl Chat takes 10,000 characters, Mezon 4,000.
        let words: Vec<_> = (0..1_500).map(|number| format!("{number:05}")).collect();
        stage.token_bowl().say("bob", "room", &words.join(" "));
        until_said(&stage, &bot, "mezon", 3).await;
        let pieces = said(&bot, "mezon");
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces.join(" "), format!("bob: {}", words.join(" ")));
    });
}

#[test]
fn reactions_follow_to_the_copies_and_to_the_original() {
    run(async |stage: Stage| {
        let rooms = r#"
[[handlers]]
kind = "bridge"
between = [{ platform = "mezon", channel = "general" }, { platform = "mezon", channel = "3000000000000000002" }]
"#;
        let bot = stage.start(bot(rooms)).await;
        let original = stage.mezon().say("alice", "general", "hello");
        until_said(&stage, &bot, "mezon", 1).await;
        let copy = bot.replies().remove(0);
        assert_eq!(copy.channel, "backstage");
        let react = |message: &str, channel: &str| {
            stage.mezon().emit("message_reaction_event", json!({
                "message_id": message, "channel_id": channel, "clan_id": "2000000000000000001", "mode": 2,
                "emoji_id": "77", "emoji": ":wave:", "count": 1,
                "sender_id": "4000000000000000001", "sender_name": "alice",
            }));
        };
        react(&original, "3000000000000000001");
        react(&copy.id, "3000000000000000002");
        stage.advance(10 * SECOND).await;
        let wire = stage.mezon().journal();
        let sent: Vec<_> = wire
            .iter()
            .map(|entry| entry.to_json())
            .filter(|entry| {
                entry["direction"] == "in" && !entry["body"]["message_reaction_event"].is_null()
            })
            .map(|entry| entry["body"]["message_reaction_event"]["message_id"].clone())
            .collect();
        assert_eq!(sent, [json!(copy.id), json!(original)]);
        bot.assert_no_dead_letters();
    });
}

#[test]
fn two_bridges_over_the_same_rooms_do_not_answer_each_other_for_ever() {
    let understudy = "[[mezon.bot]]\nid = \"1000000000000000002\"\nkey = \"second-key\"\nname = \"understudy\"\n";
    let stage = Stage::builder().world(World::parse(understudy).unwrap());
    stage.run(async |stage: Stage| {
        let first = stage.start(bot(BRIDGE)).await;
        // Other accounts and the same rooms: what one says, the other hears from somebody else.
        let platforms = PLATFORMS
            .replace("sim-greenroom-key", "sim-bob-key")
            .replace("sim-mezon-key", "second-key")
            .replace("1000000000000000001", "1000000000000000002");
        let other = format!("[bot]\nname = \"other\"\n{platforms}{BRIDGE}");
        let _other = stage.start(compose::bot(&read(&other).unwrap())).await;
        stage.token_bowl().say("alice", "room", "hi");
        stage.advance(10 * MINUTE).await;
        assert!(
            said(&first, "mezon")
                .iter()
                .filter(|text| *text == "alice: hi")
                .count()
                >= 2,
            "both carry it"
        );
        assert!(first.replies().len() <= 8, "{:?}", first.replies());
        let replies = first.replies().len();
        stage.advance(60 * MINUTE).await;
        assert_eq!(first.replies().len(), replies, "it has come to an end");
    });
}

#[test]
fn one_way_is_one_way_and_words_and_ignored_users_are_as_told() {
    run(async |stage: Stage| {
        let bot = stage.start(bot(&format!(
            "{BRIDGE}one_way = true\ntemplate = \"[{{platform}}] {{name}} said: {{text}}\"\nignore = [\"bob\"]\n"
        ))).await;
        stage.token_bowl().say("alice", "room", "not carried");
        stage.mezon().say("bob", "general", "ignored");
        stage.mezon().say("alice", "general", "carried");
        stage.advance(MINUTE).await;
        assert_eq!(said(&bot, "token_bowl"), ["[mezon] Alice said: carried"]);
        assert!(said(&bot, "mezon").is_empty());
    });
}

#[test]
fn cut_connections_make_nothing_come_twice() {
    run(async |stage: Stage| {
        let bot = stage.start(bot(BRIDGE)).await;
        for number in 0..30 {
            stage.mezon().say("alice", "general", &format!("{number}"));
            if number % 7 == 3 {
                stage.token_bowl().fault(FaultKind::Disconnect);
            }
            if number % 11 == 5 {
                stage.mezon().fault(FaultKind::Disconnect);
            }
            stage.advance(SECOND / 2).await;
        }
        stage.advance(10 * MINUTE).await;
        let letters = bot.running().router().dead_letters().total();
        let said = said(&bot, "token_bowl");
        let mut once = said.clone();
        once.dedup();
        assert_eq!(said, once, "nothing is said twice");
        assert_eq!(
            said.len() as u64 + letters,
            30,
            "{letters} of unknown outcome"
        );
    });
}

#[test]
fn in_an_hour_of_chaos_nothing_is_said_twice_or_lost_without_a_dead_letter() {
    Stage::builder().frames(false).run(async |stage: Stage| {
        let bot = stage.start(bot(BRIDGE)).await;
        stage.mezon().chaos(0.01);
        stage.token_bowl().chaos(0.01);
        for number in 0..120 {
            stage.mezon().say("alice", "general", &format!("m{number}"));
            stage.token_bowl().say("bob", "room", &format!("t{number}"));
            stage.advance(MINUTE / 2).await;
        }
        stage.mezon().chaos(0.0);
        stage.token_bowl().chaos(0.0);
        stage.advance(10 * MINUTE).await;
        let faults = stage.mezon().faults() + stage.token_bowl().faults();
        assert!(faults > 10, "{faults} faults");
        for (platform, name) in [
            ("token_bowl", TO_TOKEN_BOWL),
            ("mezon", "bridge to mezon general"),
        ] {
            let mut said = said(&bot, platform);
            let number = said.len();
            said.sort();
            said.dedup();
            assert_eq!(said.len(), number, "nothing is said twice on {platform}");
            // A dead letter of which nobody knows whether it was said may have been.
            let dead = dead(&bot, name);
            assert!(
                number as u64 + dead >= 120,
                "{number} said on {platform}, {dead} dead"
            );
            assert!(dead < 12, "{dead} dead on {platform}");
        }
        bot.assert_restarts(0);
    });
}

#[test]
fn a_name_that_two_channels_have_is_told_and_a_clan_before_it_helps() {
    let pit = r#"
[[mezon.clan]]
id = "2000000000000000002"
name = "Orchestra Pit"
welcome_channel = "3000000000000000009"
[[mezon.channel]]
id = "3000000000000000009"
clan = "2000000000000000002"
label = "general"
"#;
    let stage = Stage::builder().world(World::parse(pit).unwrap());
    stage.run(async |stage: Stage| {
        let rooms = r#"
[[handlers]]
kind = "bridge"
one_way = true
between = [
    { platform = "token_bowl" },
    { platform = "mezon", channel = "general" },
    { platform = "mezon", channel = "Orchestra Pit/general" },
    { platform = "mezon", channel = "2000000000000000001/general" },
]
"#;
        let bot = stage.start(bot(rooms)).await;
        stage.token_bowl().say("bob", "room", "hello");
        until_said(&stage, &bot, "mezon", 2).await;
        stage.advance(10 * SECOND).await;
        assert_eq!(said(&bot, "mezon"), ["bob: hello", "bob: hello"]);
        let letters = format!("{:?}", bot.running().router().dead_letters().list());
        assert!(
            letters
                .contains("there are 2 channels `general` on Mezon: give the id, or CLAN/CHANNEL"),
            "{letters}"
        );
    });
}

#[test]
fn what_is_wrong_with_a_bridge_is_told() {
    let faults = read(
        "[token_bowl]\napi_key = \"k\"\n[[handlers]]\nkind = \"bridge\"\ntemplate = \"{text}\"\n\
         between = [{ platform = \"mezon\" }, { platform = \"token_bowl\", channel = \"lobby\" }]\n\
         [[handlers]]\nkind = \"bridge\"\nbetween = [{ platform = \"payman\", chanel = \"x\" }]\n",
    )
    .unwrap_err();
    assert_eq!(
        faults,
        [
            "handlers[0].template: must have {name} in it",
            "handlers[0].between[0].channel: is required",
            "handlers[0].between[0].platform: is `mezon`, for which there is no section [mezon]",
            "handlers[0].between[1].channel: must be `room`, or `@NAME` for a user",
            "handlers[1].between: must be two conversations at least",
            "handlers[1].between[0].chanel: is unknown: did you mean `channel`?",
            "handlers[1].between[0].platform: must be one of mezon, token_bowl",
        ]
    );
}

#[test]
fn it_is_drawn_with_a_handler_for_each_room() {
    let graph = bot(BRIDGE).build().unwrap().graph();
    for drawn in [graph.to_text(), graph.to_mermaid(), graph.to_svg()] {
        assert!(drawn.contains("bridge to mezon general"), "{drawn}");
        assert!(drawn.contains(TO_TOKEN_BOWL), "{drawn}");
    }
}
