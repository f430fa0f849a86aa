//! Which events a handler gets, and which not.

use greenroom::testing::run;

use super::*;

#[test]
fn texts_and_platforms_choose_what_a_handler_gets() {
    run(async |stage: Stage| {
        let bot = bot(r#"
[[handlers]]
kind = "echo"
prefix = ""
platforms = "token_bowl"
starts_with = ["say", "tell"]
contains = "please"
"#);
        let bot = stage.start(bot).await;
        let room = stage.token_bowl();
        for text in ["say it, please", "say it", "tell please", "please say"] {
            room.say("alice", "room", text);
        }
        stage.mezon().say("alice", "general", "say it here, please");
        stage.advance(10 * SECOND).await;
        assert_eq!(said(&bot, "token_bowl"), ["say it, please", "tell please"]);
        assert!(said(&bot, "mezon").is_empty());
    });
}

#[test]
fn a_platform_that_the_bot_is_not_on_is_a_fault() {
    let text =
        "[token_bowl]\napi_key = \"k\"\n[[handlers]]\nkind = \"echo\"\nplatforms = [\"mezon\"]\n";
    let faults = read(text).unwrap_err();
    assert_eq!(
        faults,
        ["handlers[0].platforms: has `mezon`, for which there is no section [mezon]"]
    );
}

#[test]
fn an_account_that_there_is_not_is_a_fault() {
    let text = "[[token_bowl.accounts]]\nlabel = \"one\"\napi_key = \"k\"\n\
                [[handlers]]\nkind = \"schedule\"\nevery = \"1h\"\ntext = \"x\"\nplatform = \"token_bowl\"\naccount = \"two\"\n";
    assert_eq!(
        read(text).unwrap_err(),
        ["handlers[0]: there is no account `two` on token_bowl"]
    );
    assert!(read(&text.replace("two", "one")).is_ok());
}

#[test]
fn what_is_printed_of_each_kind_is_a_configuration_again() {
    let handlers = r#"
[[handlers]]
kind = "alerts"
to = [{ platform = "token_bowl", channel = "@admin", account = "" }]
restarts = 0
[[handlers]]
kind = "bridge"
between = [{ platform = "mezon", channel = 3000000000000000001 }, { platform = "token_bowl" }]
ignore = ["other"]
on = ["message", "reaction"]
[[handlers]]
kind = "schedule"
platform = "token_bowl"
text = "x"
at = ["09:00", "18:30"]
days = ["mon"]
time_zone = "UTC"
[[handlers]]
kind = "schedule"
platform = "token_bowl"
text = "x"
every = "90s"
missed = "once"
[[handlers]]
kind = "echo"
platforms = "mezon"
contains = ["a", "b"]
starts_with = "c"
"#;
    let config = read(&format!("{PLATFORMS}{handlers}")).unwrap();
    let dump = config.dump().unwrap();
    assert!(
        dump.contains("timeout_ms = 3600000") && dump.contains("overflow = \"reject\""),
        "{dump}"
    );
    let with_keys = dump.replace("[redacted]", "k");
    assert_eq!(read(&with_keys).unwrap().dump().unwrap(), dump);
}
