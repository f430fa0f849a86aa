//! MESH-02, MESH-38, D-02: `mesh-auth` where a person looks at it, in each of its ways.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use awc::http::header::LOCATION;
use serde_json::{Value, json};

use super::rig::{Outcome, Rig};

impl Rig {
    /// Makes a command at a terminal, on a machine with a browser that only notes what it is to open.
    fn at_terminal(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let (browser, opened) = (self.home.path().join("browser"), self.opened_file());
        let script = format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display());
        fs::write(&browser, script).unwrap();
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
        let line = [&[env!("CARGO_BIN_EXE_mesh-auth")], arguments]
            .concat()
            .join(" ");
        let mut command = self.command("script", &["-qec", &line, "/dev/null"], variables);
        command
            .env("PATH", "/usr/bin:/bin")
            .env("BROWSER", &browser);
        command
    }

    fn opened_file(&self) -> std::path::PathBuf {
        self.home.path().join("opened")
    }

    fn opened(&self) -> Option<String> {
        let text = fs::read_to_string(self.opened_file()).ok()?;
        text.strip_suffix('\n').map(str::to_owned)
    }

    /// Runs a command and goes, as the browser would, where it is sent; returns the page, too.
    async fn followed(&self, command: Command) -> (Outcome, String) {
        let browse = async {
            let page = loop {
                match self.opened() {
                    Some(page) => break page,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            };
            let http = awc::Client::builder().disable_redirects().finish();
            let sent = http.get(&page).send().await.unwrap();
            let back = sent.headers().get(LOCATION).unwrap().to_str().unwrap();
            let back = back.replace("localhost", "127.0.0.1");
            assert_eq!(http.get(back).send().await.unwrap().status(), 200);
            page
        };
        let both = futures::future::join(self.run(command, ""), browse);
        tokio::time::timeout(Duration::from_secs(60), both)
            .await
            .unwrap()
    }

    async fn paths(&self, server: &str) -> Vec<Value> {
        let requests = self.requests(server).await.into_iter();
        requests.map(|entry| entry["path"].clone()).collect()
    }
}

const DEVICE: &str = "/oauth/device/code";
const DONE: &str = "Authentication successful!\r\n";

#[actix_rt::test]
async fn the_browser_is_opened_and_comes_back() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    for arguments in [&[][..], &["--port", &port]] {
        let rig = Rig::start().await;
        let (outcome, page) = rig.followed(rig.at_terminal(arguments, &[])).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.out);
        assert!(
            outcome.out.starts_with("Starting Mesh authentication...")
                && outcome.out.contains(&page)
                && outcome.out.ends_with(DONE),
            "{}",
            outcome.out
        );
        if !arguments.is_empty() {
            assert!(page.contains(&format!("localhost%3A{port}%2Fcallback")));
        }
        let asked = rig.paths("mesh").await;
        assert_eq!(
            asked,
            ["/api/v1/auth/get-auth-url", "/api/v1/auth/exchange-token"]
        );
        assert!(rig.file().exists());
        rig.simulator.stop().await;
    }
}

#[actix_rt::test]
async fn a_device_goes_first_where_that_is_wanted() {
    for (arguments, variables) in [
        (&["--auto"][..], &[][..]),
        (&[], &[("MESH_AUTO_AUTH", "1")]),
    ] {
        let rig = Rig::start().await;
        let command = rig.at_terminal(arguments, variables);
        let outcome = rig.run(command, "").await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.out);
        assert!(outcome.out.ends_with(DONE), "{}", outcome.out);
        assert_eq!(rig.paths("auth0").await[0], DEVICE);
        assert_eq!(rig.paths("mesh").await, ["/api/v1/auth/config"]);
        let page = rig.opened().unwrap();
        assert!(page.contains("/activate?user_code="), "{page}");
        rig.simulator.stop().await;
    }
    let rig = Rig::start().await;
    let refused = json!({"kind": "http", "status": 403, "path": DEVICE});
    rig.control("/auth0/fault", refused).await;
    let (outcome, page) = rig.followed(rig.at_terminal(&["--auto"], &[])).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.out);
    assert!(page.contains("/authorize?"), "the browser comes second");
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn where_there_is_no_browser_none_is_opened() {
    for (arguments, variables) in [
        (&["--headless"][..], &[][..]),
        (&[], &[("HEADLESS", "1")]),
        (&[], &[("CI", "true")]),
    ] {
        let rig = Rig::start().await;
        let command = rig.at_terminal(arguments, variables);
        let outcome = rig.run(command, "").await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.out);
        assert!(
            outcome.out.contains("enter the code") && outcome.out.ends_with(DONE),
            "{}",
            outcome.out
        );
        assert_eq!(rig.opened(), None, "{arguments:?} {variables:?}");
        rig.simulator.stop().await;
    }
}
