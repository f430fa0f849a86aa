//! MESH-08, MESH-36: a login in the keyring of the desktop, which a script plays here.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::rig::{Outcome, Rig};

const KEYRING: &str = r#"#!/bin/sh
echo "$@" >> "$HOME/calls"
case "$1" in
    store) cat > "$HOME/entry" ;;
    lookup) cat "$HOME/entry" 2> /dev/null ;;
    clear) rm -f "$HOME/entry" ;;
esac
"#;
const ENTRY: &str = "service mesh-sdk username default";

impl Rig {
    /// Puts the program of the keyring where it is found.
    fn install_keyring(&self) {
        let program = self.home.path().join("bin/secret-tool");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, KEYRING).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn with_keyring(&self, arguments: &[&str]) -> Outcome {
        let path = format!("{}/bin:/usr/bin:/bin", self.home.path().display());
        let variables = [("MESH_TOKEN_STORE", "keyring"), ("PATH", &path)];
        self.mesh(arguments, &variables, "").await
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.home.path().join(name)).ok()
    }
}

#[actix_rt::test]
async fn a_login_is_kept_in_the_keyring_and_in_no_file() {
    let rig = Rig::start().await;
    rig.install_keyring();
    let login = rig.with_keyring(&["auth", "--headless"]).await;
    assert_eq!(login.code, Some(0), "{}{}", login.out, login.err);
    let entry: Value = serde_json::from_str(&rig.read("entry").unwrap()).unwrap();
    assert!(entry["refresh_token"].is_string() && entry["expires_at"].is_number());
    assert!(!rig.file().exists());
    let calls = rig.read("calls").unwrap();
    assert_eq!(
        calls.lines().last().unwrap(),
        format!("store --label=mesh-sdk {ENTRY}")
    );
    assert!(
        !calls.contains(entry["access_token"].as_str().unwrap()),
        "others can read arguments"
    );
    let chat = rig.with_keyring(&["--no-login", "chat", "x"]).await;
    assert_eq!(
        (chat.code, chat.out.as_str()),
        (Some(0), "[openai/gpt-4] x\n"),
        "{}",
        chat.err
    );
    assert_eq!(rig.with_keyring(&["logout"]).await.code, Some(0));
    assert_eq!(rig.read("entry"), None);
    let calls = rig.read("calls").unwrap();
    assert_eq!(calls.lines().last().unwrap(), format!("clear {ENTRY}"));
    let status = rig.with_keyring(&["status", "--json"]).await.json();
    assert_eq!(status["authenticated"], false);
    rig.simulator.stop().await;
}

/// The keyring comes first and the file second, for reading and for writing; a logout forgets both.
#[actix_rt::test]
async fn where_there_is_no_keyring_the_file_serves() {
    let rig = Rig::start().await;
    let login = rig.with_keyring(&["auth", "--headless"]).await;
    assert_eq!(login.code, Some(0), "{}{}", login.out, login.err);
    assert!(rig.file().exists());
    let status = async || rig.with_keyring(&["status", "--json"]).await.json();
    assert_eq!(status().await["authenticated"], true);
    rig.install_keyring();
    assert_eq!(status().await["authenticated"], true);
    let login = rig.with_keyring(&["auth", "--headless", "--force"]).await;
    assert_eq!(login.code, Some(0), "{}{}", login.out, login.err);
    assert!(rig.read("entry").is_some());
    assert_eq!(rig.with_keyring(&["logout"]).await.code, Some(0));
    assert!(rig.read("entry").is_none() && !rig.file().exists());
    rig.simulator.stop().await;
}
