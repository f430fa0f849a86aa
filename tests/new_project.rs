//! `greenroom new`: what it writes compiles, passes its tests and is in order; what is there already is left alone.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn greenroom(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .output()
        .unwrap()
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}:\n{}",
        all(&output)
    );
}

fn all(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

/// The folder in which this test itself was built, so that nothing that a bot needs is built for a second time.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// Writes a bot, and lets it show that it works.
fn compiles(name: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let written = greenroom(folder.path(), &[&["new", name], arguments].concat());
    assert!(written.status.success(), "{}", all(&written));
    let project = folder.path().join(name);
    // The versions that everything here is built with.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    std::fs::copy(lock, project.join("Cargo.lock")).unwrap();

    cargo(&project, &["fmt", "--check"]);
    let target = target();
    let shared = ["--offline", "--quiet", "--target-dir"];
    let shared = [shared.as_slice(), &[target.to_str().unwrap()]].concat();
    cargo(&project, &[&["test"], shared.as_slice()].concat());

    // The bot is a program like greenroom that knows a kind more.
    let own = target.join("debug").join(name);
    let checked = Command::new(own)
        .arg("check")
        .env_clear()
        .current_dir(&project)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", all(&checked));
    assert!(
        all(&checked).contains(&format!("bot {name} on")),
        "{}",
        all(&checked)
    );
    let secret = project.join(".env").metadata().unwrap().permissions();
    assert_eq!(secret.mode() & 0o777, 0o600);
}

#[test]
fn a_new_bot_of_mezon_compiles_and_keeps_its_promises() {
    compiles("stage-door", &[]);
}

#[test]
fn a_new_bot_of_token_bowl_chat_compiles_and_keeps_its_promises() {
    compiles("bowl_bot", &["--platform", "token-bowl"]);
}

#[test]
fn what_was_chosen_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let own = env!("CARGO_MANIFEST_DIR");
    let written = greenroom(folder.path(), &["new", "one"]);
    assert!(
        all(&written).contains(&format!("built with the greenroom in {own}")),
        "{}",
        all(&written)
    );

    let arguments = ["--git", "https://example.org/g", "--folder", "here/two"];
    let written = greenroom(
        folder.path(),
        &[&["new", "two", "--json"], arguments.as_slice()].concat(),
    );
    let said: Value = serde_json::from_slice(&written.stdout).unwrap();
    let new = &said["new"];
    assert_eq!(new["greenroom"]["git"], "https://example.org/g");
    assert_eq!(
        (&new["name"], &new["folder"]),
        (&"two".into(), &"here/two".into())
    );
    for file in new["files"].as_array().unwrap() {
        let file = folder.path().join("here/two").join(file.as_str().unwrap());
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("{{"), "{text}");
    }
}

#[test]
fn what_is_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("bot");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("mine"), "mine").unwrap();
    let refused = greenroom(folder.path(), &["new", "bot"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        all(&refused).contains("bot is not empty"),
        "{}",
        all(&refused)
    );
    assert_eq!(project.read_dir().unwrap().count(), 1);

    let refused = greenroom(folder.path(), &["new", "bot", "--folder", "bot/mine"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        std::fs::read_to_string(project.join("mine")).unwrap(),
        "mine"
    );

    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let written = greenroom(folder.path(), &["new", "bot", "--folder", "empty"]);
    assert!(written.status.success(), "{}", all(&written));
}

#[test]
fn wrong_arguments_are_exit_code_2_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, word) in [
        (["new", "My Bot", "--json"].as_slice(), "letter"),
        (&["new", "../bot"], "letter"),
        (&["new", "async"], "word of Rust"),
        (&["new", "bot", "--path", "."], "no Cargo.toml of greenroom"),
        (
            &["new", "bot", "--path", ".", "--git", "url"],
            "cannot be used with",
        ),
        (&["new", "bot", "--platform", "payman"], "token-bowl"),
    ] {
        let refused = greenroom(folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(all(&refused).contains(word), "{}", all(&refused));
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
