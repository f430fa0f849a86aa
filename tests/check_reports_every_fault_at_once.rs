//! The promise of `greenroom check`: all faults, their places, the exit code, and never a secret.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::process::{Command, Output};

use serde_json::{Value, json};

const SECRET: &str = "s3cr3t-value";

struct Check {
    folder: tempfile::TempDir,
    command: Command,
}

impl Check {
    /// Prepares `greenroom check` in an empty folder and environment.
    fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
        command
            .arg("check")
            .args(arguments)
            .env_clear()
            .current_dir(folder.path());
        Self { folder, command }
    }

    fn file(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join("greenroom.toml"), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn run(mut self) -> Outcome {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command.output().unwrap();
        let outcome = Outcome {
            code: status.code(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        };
        assert!(!outcome.out.contains(SECRET), "{}", outcome.out);
        assert!(!outcome.err.contains(SECRET), "{}", outcome.err);
        outcome
    }
}

struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

const GOOD: &str = "[mezon]\nclient_id = \"1\"\napi_key = \"s3cr3t-value\"\n";

#[test]
fn a_good_file_is_in_order() {
    let outcome = Check::new(&[]).file(GOOD).run();
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    assert_eq!(
        outcome.out,
        "greenroom.toml is in order: bot greenroom on mezon, no handlers\n"
    );
}

#[test]
fn every_fault_stands_on_a_line_of_its_own_with_its_place() {
    let outcome = Check::new(&[])
        .file("[mezon]\napi_key = \"s3cr3t-value\"\ntimeout_ms = 0\n[cahce]\n")
        .variable("GREENROOM__BOT__ARBITERS", "many")
        .run();
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(3), ""));
    let lines: Vec<_> = outcome.err.lines().collect();
    assert_eq!(
        lines,
        [
            "greenroom.toml:1: mezon.client_id: is required",
            "greenroom.toml:3: mezon.timeout_ms: 0 is out of range: must be 1 to 3600000",
            "greenroom.toml:4: cahce: is unknown: did you mean `cache`?",
            "$GREENROOM__BOT__ARBITERS: bot.arbiters: must be a whole number",
            "error: the configuration has 4 faults",
        ]
    );
}

#[test]
fn with_json_the_faults_are_one_object() {
    let outcome = Check::new(&["--json"])
        .file("[mezon]\nclient_id = \"1\"\napi_key = s3cr3t-value\n")
        .run();
    assert_eq!(outcome.code, Some(3));
    let error: Value = serde_json::from_str(&outcome.err).unwrap();
    let fault = &error["error"]["faults"][0];
    assert_eq!(error["error"]["kind"], "configuration");
    assert_eq!(
        [&fault["file"], &fault["line"], &fault["column"]],
        [&json!("greenroom.toml"), &json!(3), &json!(11)]
    );
}

#[test]
fn the_environment_alone_is_enough() {
    let outcome = Check::new(&["--json"])
        .variable("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001")
        .variable("GREENROOM__MEZON__API_KEY", SECRET)
        .run();
    assert_eq!(outcome.code, Some(0));
    let line: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(line["check"]["platforms"], json!(["mezon"]));
}

#[test]
fn print_shows_what_is_in_effect_and_can_be_read_again() {
    let first = Check::new(&["--print"])
        .file(GOOD)
        .variable("GREENROOM__MEZON__BASE_URL", "http://127.0.0.1:4000")
        .run();
    assert_eq!(first.code, Some(0));
    assert!(first.out.contains("base_url = \"http://127.0.0.1:4000/\""));

    let again = || Check::new(&["--print"]).file(&first.out);
    let key = ("GREENROOM__MEZON__API_KEY", SECRET);
    assert_eq!(again().variable(key.0, key.1).run().out, first.out);
    let without_key = again().run();
    assert_eq!(without_key.code, Some(3));
    assert!(
        without_key
            .err
            .contains("mezon.api_key: is a dump's placeholder")
    );
}

#[test]
fn a_named_file_must_exist() {
    let outcome = Check::new(&["--config", "missing.toml"]).run();
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.err.starts_with("missing.toml: cannot be read: "));
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for arguments in [&["--colour"][..], &["--log", "a=b=c"]] {
        assert_eq!(Check::new(arguments).file(GOOD).run().code, Some(2));
    }
    let outcome = Check::new(&["--json", "--colour"]).run();
    let error: Value = serde_json::from_str(&outcome.err).unwrap();
    assert_eq!(error["error"]["kind"], "usage");
}
