use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

const SECRET: &str = "s3cr3t-value";

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("greenroom.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

/// Loads `text` and returns the faults, with the folder cut off.
fn faults(text: &str) -> Vec<String> {
    let (folder, file) = written(text);
    let found = Sources::none().file(file).load(Purpose::Offline);
    shown(&found.unwrap_err(), folder.path())
}

fn shown(faults: &Faults, folder: &std::path::Path) -> Vec<String> {
    let prefix = format!("{}/", folder.display());
    faults
        .iter()
        .map(|fault| fault.to_string().replace(&prefix, ""))
        .collect()
}

fn load(text: &str) -> Config {
    let (_folder, file) = written(text);
    Sources::none().file(file).load(Purpose::Offline).unwrap()
}

#[test]
fn every_fault_is_reported_at_once_with_its_line() {
    let found = faults(
        r#"
[bot]
name = ""
colour = 1

[mezon]
timeout_ms = "soon"
heartbeat_interval_ms = 5
use_ssl = 1
port = 70000
base_url = "gw.mezon.ai"
wire = "v3"
apikey = "s3cr3t-value"

[supervision]
backoff_min_ms = 500
backoff_max_ms = 100

[[handlers]]
kind = "ecko"

[[handlers]]
kind = "ping"
text = "no such option"
on = ["message", "sunrise"]

[cahce]
path = "x"
"#,
    );
    let expected = [
        "greenroom.toml:3: bot.name: must not be empty",
        "greenroom.toml:4: bot.colour: is unknown: expected one of name, arbiters, placement, seed",
        "greenroom.toml:7: mezon.timeout_ms: must be a whole number, not text",
        "greenroom.toml:8: mezon.heartbeat_interval_ms: 5 is out of range: must be 100 to 3600000",
        "greenroom.toml:9: mezon.use_ssl: must be true or false, not a number",
        "greenroom.toml:10: mezon.port: must be a port number, 1 to 65535",
        "greenroom.toml:11: mezon.base_url: is not a URL: relative URL without a base",
        "greenroom.toml:12: mezon.wire: must be one of auto, v1, v2",
        "greenroom.toml:13: mezon.apikey: is unknown: did you mean `api_key`?",
        "greenroom.toml:17: supervision.backoff_max_ms: must not be less than backoff_min_ms",
        "greenroom.toml:20: handlers[0].kind: must be one of alerts, assistant, bridge, commands, counter, echo, log, mentioned, message_log, monitor, ping, robot, schedule, wallet, welcome: did you mean `echo`?",
        "greenroom.toml:24: handlers[1].text: is unknown: expected one of kind, prefix, reply, name, on, channels, contains, platforms, starts_with, users, cooldown_ms, cooldown_per, delivery",
        "greenroom.toml:25: handlers[1].on[1]: must be one of button, member_joined, member_left, message, message_deleted, message_edited, reaction",
        "greenroom.toml:27: cahce: is unknown: did you mean `cache`?",
    ];
    assert_eq!(found, expected);
}

#[test]
fn wrong_shapes_are_faults() {
    let found = faults(
        "mezon = 5\nhandlers = \"echo\"\n[bot]\nname = 1979-05-27\n[cache]\nshards = 1.5\npath = { a = 1 }\n[log]\nfilter = \"a=b=c\"\n",
    );
    let expected = [
        "greenroom.toml:1: mezon: must be a section, not a number",
        "greenroom.toml:2: handlers: must be a list of sections, not text",
        "greenroom.toml:4: bot.name: must be text, not a date",
        "greenroom.toml:6: cache.shards: must be a whole number, not a number with a fraction",
    ];
    assert_eq!(found[..4], expected);
    assert!(found[4].starts_with("greenroom.toml:7: cache.path: must be text, not "));
    assert!(found[5].starts_with("greenroom.toml:9: log.filter: is not a filter: "));
    assert_eq!(found.len(), 6, "{found:?}");
}

#[test]
fn credentials_are_required_to_run_only() {
    let (folder, file) = written("[mezon]\nhost = \"h\"\napi_key = \"\"\n");
    let sources = Sources::none().file(file);
    let found = sources.load(Purpose::Run).unwrap_err();
    let expected = [
        "greenroom.toml:1: mezon.client_id: is required",
        "greenroom.toml:3: mezon.api_key: must not be empty",
    ];
    assert_eq!(shown(&found, folder.path()), expected);
    assert!(sources.load(Purpose::Offline).is_ok());
}

#[test]
fn a_run_needs_a_platform() {
    let found = Sources::none().load(Purpose::Run).unwrap_err();
    assert_eq!(
        found.to_string(),
        "the configuration is wrong: mezon: no platform is configured: set client_id and api_key"
    );
    assert!(Sources::none().load(Purpose::Offline).is_ok());
}

#[test]
fn each_platform_keeps_its_messages_in_a_folder_of_its_own() {
    let platforms = "[mezon]\nclient_id = \"1\"\napi_key = \"k\"\n[token_bowl]\napi_key = \"k\"\n";
    let text = format!("{platforms}[cache]\npath = \"kept\"\ntoken_bowl_path = \"kept\"\n");
    let (_folder, file) = written(&text);
    let found = Sources::none().file(file).load(Purpose::Run).unwrap_err();
    let found = found.to_string();
    assert!(
        found.contains("each platform needs a folder of its own"),
        "{found}"
    );
    let (_folder, file) = written(&text.replace("[cache]\n", "[cache]\nenabled = false\n"));
    assert!(Sources::none().file(file).load(Purpose::Run).is_ok());
}

#[test]
fn files_that_cannot_be_read_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.toml");
    let not_text = folder.path().join("latin1.toml");
    std::fs::write(&not_text, b"name = \"\xe9\"").unwrap();
    for (file, says) in [
        (missing.as_path(), "No such file"),
        (folder.path(), "Is a directory"),
        (&not_text, "valid UTF-8"),
    ] {
        let sources = Sources::none().file(file);
        let found = sources.load(Purpose::Offline).unwrap_err().to_string();
        assert!(found.contains("cannot be read"), "{found}");
        assert!(found.contains(says), "{found}");
        assert!(found.contains(&*file.to_string_lossy()), "{found}");
    }
}

#[test]
fn later_layers_win_value_by_value() {
    let (_folder, file) = written(
        "[bot]\nname = \"file\"\narbiters = 2\n[mezon]\nhost = \"file\"\nport = 1\ntimeout_ms = 1\n",
    );
    let config = Sources::none()
        .file(file)
        .variable("GREENROOM__MEZON__HOST", "variable")
        .variable("GREENROOM__MEZON__PORT", "2")
        .variable("GREENROOM__MEZON__USE_SSL", "false")
        .variable("OTHER__MEZON__HOST", "other")
        .flag("mezon.host", "--host", Some("flag"))
        .flag("bot.name", "--name", None::<String>)
        .load(Purpose::Offline)
        .unwrap();
    let mezon = config.mezon.unwrap();
    assert_eq!(
        (mezon.host.as_str(), mezon.port, mezon.use_ssl),
        ("flag", 2, false)
    );
    assert_eq!(mezon.timeout, Duration::from_millis(1));
    assert_eq!(mezon.request_timeout, Duration::from_secs(10));
    assert_eq!((config.bot.name.as_str(), config.bot.arbiters), ("file", 2));
}

#[test]
fn faults_of_variables_and_flags_name_them() {
    let found = Sources::none()
        .variable("GREENROOM__MEZON__TIMEOUT_MS", SECRET)
        .variable("GREENROOM__MEZON__APIKEY", SECRET)
        .variable("GREENROOM__MEZON", SECRET)
        .variable("GREENROOM__HANDLERS__KIND", "echo")
        .variable("GREENROOM__BOT____NAME", "x")
        .flag("bot.arbiters", "--arbiters", Some(0))
        .load(Purpose::Offline)
        .unwrap_err();
    let found: Vec<_> = found.iter().map(Fault::to_string).collect();
    let expected = [
        "$GREENROOM__BOT____NAME: is not a setting: expected the form GREENROOM__SECTION__KEY",
        "$GREENROOM__HANDLERS__KIND: handlers.kind: cannot be set by a single variable: write it into the file",
        "$GREENROOM__MEZON: mezon: cannot be set by a single variable: write it into the file",
        "$GREENROOM__MEZON__APIKEY: mezon.apikey: is unknown: did you mean `api_key`?",
        "$GREENROOM__MEZON__TIMEOUT_MS: mezon.timeout_ms: must be a whole number",
        "--arbiters: bot.arbiters: 0 is out of range: must be 1 to 256",
    ];
    assert_eq!(found, expected);
}

#[test]
fn credentials_made_of_digits_stay_text() {
    let config = Sources::none()
        .variable("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001")
        .variable("GREENROOM__MEZON__API_KEY", "007")
        .load(Purpose::Run)
        .unwrap();
    let mezon = config.mezon.unwrap();
    assert_eq!(mezon.client_id, "1000000000000000001");
    assert_eq!(mezon.api_key.expose_secret(), "007");
}

#[test]
fn a_key_without_quotes_is_a_fault_that_does_not_quote_it() {
    let found = faults("[mezon]\napi_key = 31415926535897932384626433832795028841971693993751\n");
    assert_eq!(
        found,
        ["greenroom.toml:2: mezon.api_key: must be text, not a number: put it in quotes"]
    );
}

#[test]
fn no_secret_is_shown() {
    let text = format!("[mezon]\nclient_id = \"1\"\napi_key = \"{SECRET}\"\n");
    let config = load(&text);
    let sources = Sources::none().variable("GREENROOM__MEZON__API_KEY", SECRET);
    let debug = format!("{config:?} {sources:?}");
    let dump = config.dump().unwrap();
    let json = serde_json::to_string(&config).unwrap();
    for shown in [&debug, &dump, &json] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    assert!(dump.contains("api_key = \"[redacted]\""), "{dump}");
}

#[test]
fn the_dump_of_the_defaults_is_a_configuration_that_gives_the_defaults() {
    let dump = Config::default_dump().unwrap();
    let config = load(&dump);
    assert_eq!(config.dump().unwrap(), dump);
    assert!(dump.contains("timeout_ms = 7000"), "{dump}");
    assert!(dump.contains("host = \"gw.mezon.ai\""), "{dump}");
}

#[test]
fn the_dump_of_a_configuration_is_a_configuration() {
    let config = load(
        r#"
[bot]
seed = 7
[mezon]
client_id = "1"
wire = "v2"
base_url = "http://127.0.0.1:4000"
mmn_api_url = ""
session_file = "session.json"
[cache]
overflow = "drop_oldest"
max_per_channel = 0
[delivery]
order = "serial"
overflow = "reject"
[log]
format = "json"
[[handlers]]
kind = "echo"
prefix = ""
[[handlers]]
kind = "log"
on = "message_edited"
[handlers.delivery]
attempts = 1
[[handlers]]
kind = "echo"
on = ["message"]
[[handlers]]
kind = "counter"
[[handlers]]
kind = "ping"
reply = "here"
[[handlers]]
kind = "welcome"
[[handlers]]
kind = "commands"
[[handlers.commands]]
name = "rules"
reply = "Be kind."
"#,
    );
    let dump = config.dump().unwrap();
    assert_eq!(load(&dump).dump().unwrap(), dump);
    assert_eq!(config.cache.max_per_channel, None);
    let names: Vec<_> = config.handlers.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "echo", "log", "echo-2", "counter", "ping", "welcome", "commands"
        ]
    );
    assert_eq!(config.handlers[1].on, [Trigger::MessageEdited]);
    assert_eq!(config.handlers[1].delivery.attempts, 1);
    assert_eq!(config.handlers[1].delivery.order, Order::Serial);
}

#[test]
fn commands_are_read_and_checked() {
    let config = load(
        r#"
[[handlers]]
kind = "commands"
prefix = "?"
mention = true
[[handlers.commands]]
name = "rules"
aliases = ["law"]
about = "Says the rules"
reply = "Be kind, {name}."
cooldown_ms = 5000
[[handlers.commands]]
name = "hi"
reply = "Hi!"
"#,
    );
    let HandlerKind::Commands {
        prefix,
        mention,
        help,
        commands,
        ..
    } = &config.handlers[0].kind
    else {
        panic!("{:?}", config.handlers);
    };
    assert_eq!(
        (prefix.as_str(), *mention, help.as_str()),
        ("?", true, "help")
    );
    assert_eq!(config.handlers[0].on, [Trigger::Message]);
    assert_eq!(
        (commands.len(), commands[0].cooldown),
        (2, Duration::from_secs(5))
    );
    assert_eq!(
        (commands[0].aliases.as_slice(), commands[1].about.as_str()),
        (&["law".to_owned()][..], "")
    );
    let faults = faults(
        r#"
[[handlers]]
kind = "commands"
prefix = ""
[[handlers.commands]]
name = "two words"
reply = "x"
[[handlers.commands]]
name = "law"
[[handlers.commands]]
name = "other"
aliases = ["law", ""]
reply = "x"
replies = "y"
"#,
    );
    assert_eq!(
        faults,
        [
            "greenroom.toml:4: handlers[0].prefix: must not be empty",
            "greenroom.toml:6: handlers[0].commands[0].name: must be one word",
            "greenroom.toml:8: handlers[0].commands[1].reply: is required",
            "greenroom.toml:12: handlers[0].commands[2].aliases: another command has the name `law` already",
            "greenroom.toml:12: handlers[0].commands[2].aliases: must be one word",
            "greenroom.toml:14: handlers[0].commands[2].replies: is unknown: expected one of name, aliases, about, reply, cooldown_ms",
        ]
    );
}

#[test]
fn handlers_that_could_never_do_anything_are_faults() {
    let found = faults(
        r#"
[[handlers]]
kind = "welcome"
on = ["message", "member_joined", "reaction"]
[[handlers]]
kind = "ping"
on = "button"
name = "a\nb"
[[handlers]]
kind = "commands"
prefix = "! "
help = "two words"
[[handlers]]
kind = "commands"
[[handlers.commands]]
name = "law"
aliases = ["rules", "law", "rules"]
reply = "x"
"#,
    );
    assert_eq!(
        found,
        [
            "greenroom.toml:4: handlers[0].on: `welcome` handles member_joined only, not message",
            "greenroom.toml:4: handlers[0].on: `welcome` handles member_joined only, not reaction",
            "greenroom.toml:7: handlers[1].on: `ping` handles message only, not button",
            "greenroom.toml:8: handlers[1].name: must not have control characters in it",
            "greenroom.toml:9: handlers[2].commands: is required",
            "greenroom.toml:11: handlers[2].prefix: must not have white space in it",
            "greenroom.toml:12: handlers[2].help: must be one word, or empty for none",
            "greenroom.toml:17: handlers[3].commands[0].aliases: `law` is a name of this command already",
            "greenroom.toml:17: handlers[3].commands[0].aliases: `rules` is a name of this command already",
        ]
    );
}

#[test]
fn every_wrong_entry_of_a_list_is_a_fault() {
    let found = faults(
        r#"
[endpoint]
listen = "localhost:9100"
[[handlers]]
kind = "log"
on = ["message", 3, "zzz"]
users = [
  "",
  "alice",
  -5,
]
channels = ["1/", "2"]
"#,
    );
    assert_eq!(
        found,
        [
            "greenroom.toml:3: endpoint.listen: must be a numeric address and a port, such as 127.0.0.1:9100",
            "greenroom.toml:6: handlers[0].on[1]: must be text in the list, not a number",
            "greenroom.toml:6: handlers[0].on[2]: must be one of button, member_joined, member_left, message, message_deleted, message_edited, reaction",
            "greenroom.toml:8: handlers[0].users[0]: must not be empty",
            "greenroom.toml:10: handlers[0].users[2]: must be a name or an id: no id is negative",
            "greenroom.toml:12: handlers[0].channels: must be ids of channels, or SPACE/CHANNEL",
        ]
    );
}

#[test]
fn two_handlers_cannot_have_one_name() {
    let found = faults(
        "[[handlers]]\nkind = \"echo\"\nname = \"a\"\n[[handlers]]\nkind = \"ping\"\nname = \"a\"\n",
    );
    assert_eq!(
        found,
        [
            "greenroom.toml:6: handlers[1].name: another handler has the name `a` already: give this one a `name` of its own"
        ]
    );
}

#[test]
fn a_handler_needs_a_kind() {
    let found = faults("[[handlers]]\nreply = \"x\"\n");
    assert_eq!(
        found,
        [
            "greenroom.toml:1: handlers[0].kind: is required: must be one of alerts, assistant, bridge, commands, counter, echo, log, mentioned, message_log, monitor, ping, robot, schedule, wallet, welcome"
        ]
    );
}

#[test]
fn urls_must_be_plain_http_urls() {
    let found = faults(
        "[mezon]\nbase_url = \"ftp://h\"\nmmn_api_url = \"https://u:p@h/\"\nzk_api_url = \"http://\"\n",
    );
    let expected = [
        "greenroom.toml:2: mezon.base_url: is not a URL that begins with http:// or https://",
        "greenroom.toml:3: mezon.mmn_api_url: must not carry a user name or a password",
        "greenroom.toml:4: mezon.zk_api_url: is not a URL: empty host",
    ];
    assert_eq!(found, expected);
}

#[test]
fn keys_that_look_like_paths_cannot_reach_into_other_sections() {
    let found = faults("\"bot.name\" = \"x\"\n\"bot[9]\" = 1\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("greenroom.toml:1: "), "{found:?}");
}

#[test]
fn the_example_shows_every_setting_with_its_default() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/greenroom.toml");
    let mut config = Sources::none().file(file).load(Purpose::Offline).unwrap();
    let shown = std::fs::read_to_string(file).unwrap();
    for kind in Kinds::default().names() {
        let kind = format!("kind = \"{kind}\"");
        assert!(shown.contains(&kind), "the example lacks: {kind}");
    }
    config.handlers.clear();
    if let Some(mezon) = &mut config.mezon {
        mezon.client_id.clear();
    }
    let defaults = Config::default_dump().unwrap();
    assert_eq!(config.dump().unwrap(), defaults);

    let text = std::fs::read_to_string(file).unwrap();
    for line in defaults
        .lines()
        .filter(|line| !line.starts_with("client_id"))
    {
        let line = line.trim_end_matches("\"\"");
        assert!(text.contains(line), "the example lacks: {line}");
    }
}

#[test]
fn a_platforms_own_variables_fill_what_is_empty() {
    let key = |sources: Sources| {
        let config = sources.load(Purpose::Offline).unwrap();
        let token_bowl = config.token_bowl?;
        let base = token_bowl.base_url.to_string();
        Some((token_bowl.api_key.expose_secret().to_owned(), base))
    };
    let own = || {
        Sources::none()
            .variable("TOKEN_BOWL_CHAT_API_KEY", "own")
            .variable("TOKEN_BOWL_CHAT_BASE_URL", "ws://h:1/ws")
    };
    let found = |key: &str, base: &str| Some((key.to_owned(), base.to_owned()));
    assert_eq!(key(own()), None, "they configure no platform by themselves");
    assert_eq!(key(own().section("token_bowl")), found("own", "http://h:1"));
    let empty = own().variable("GREENROOM__TOKEN_BOWL__API_KEY", "");
    assert_eq!(key(empty), found("own", "http://h:1"));
    let set = own()
        .variable("GREENROOM__TOKEN_BOWL__API_KEY", "set")
        .variable("GREENROOM__TOKEN_BOWL__BASE_URL", "https://x");
    assert_eq!(key(set), found("set", "https://x"));
}

#[test]
fn the_faults_of_token_bowl_are_reported_and_its_keys_are_not() {
    let faults = Sources::none()
        .variable("GREENROOM__TOKEN_BOWL__BASE_URL", "ftp://s3cr3t")
        .variable("GREENROOM__TOKEN_BOWL__PROTOCOL", "smoke")
        .load(Purpose::Run)
        .unwrap_err();
    let faults: Vec<_> = faults.into_vec().iter().map(ToString::to_string).collect();
    let all = faults.join("\n");
    assert!(
        all.contains("token_bowl.base_url: has the scheme \"ftp\""),
        "{all}"
    );
    assert!(
        all.contains("token_bowl.protocol: must be one of auto, centrifugo, plain"),
        "{all}"
    );
    assert!(all.contains("token_bowl.api_key: is required"), "{all}");
    let config = Sources::none()
        .section("token_bowl")
        .variable("TOKEN_BOWL_CHAT_API_KEY", "s3cr3t")
        .load(Purpose::Run)
        .unwrap();
    let dump = config.dump().unwrap();
    assert!(
        dump.contains("[token_bowl]") && !dump.contains("s3cr3t"),
        "{dump}"
    );
    assert!(!format!("{config:?}").contains("s3cr3t"));
}

#[test]
fn the_connection_to_mesh_is_read_and_its_secrets_are_not_shown() {
    let config = load(
        "[mesh]\nauth_token = \"s3cr3t-value\"\nbase_url = \"http://127.0.0.1:4000\"\ncompat = \"package\"\n\
         refresh_margin_ms = 1000\n[[handlers]]\nkind = \"assistant\"\nhistory = 4\n",
    );
    let mesh = config.mesh.as_ref().unwrap();
    assert_eq!(mesh.compat, MeshCompat::Package);
    assert_eq!(mesh.refresh_margin, Duration::from_secs(1));
    assert!(!config.dump().unwrap().contains(SECRET));
    assert!(matches!(
        config.handlers[0].kind,
        HandlerKind::Assistant { history: 4, .. }
    ));
}

#[test]
fn an_assistant_needs_somebody_to_ask() {
    let found = faults("[[handlers]]\nkind = \"assistant\"\n");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("mesh: a handler of the kind `assistant`"),
        "{found:?}"
    );
}

#[test]
fn a_kind_of_ones_own_need_not_have_options() {
    let mut kinds = Kinds::default();
    kinds.own("quiet", |(), bot, _| bot);
    let load = |text: &str| {
        let (folder, file) = written(text);
        let loaded = Sources::none().file(file).kinds(&kinds);
        let loaded = loaded.load(Purpose::Offline);
        loaded.map_err(|faults| shown(&faults, folder.path()))
    };
    let config = load("[[handlers]]\nkind = \"quiet\"\n").unwrap();
    assert!(config.dump().unwrap().contains("kind = \"quiet\""));
    assert_eq!(
        load("[[handlers]]\nkind = \"quiet\"\nloud = true\n").unwrap_err(),
        [
            "greenroom.toml:3: handlers[0].loud: is unknown: expected one of kind, name, on, delivery, channels, contains, cooldown_ms, cooldown_per, platforms, starts_with, users"
        ]
    );
}
