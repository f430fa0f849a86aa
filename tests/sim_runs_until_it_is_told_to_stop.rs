//! The promise of `greenroom sim`: one line of JSON when all servers accept connections, then silence until SIGTERM.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A running `greenroom sim`, killed when the test ends early.
struct Sim(Child);

impl Sim {
    fn start(arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .arg("sim")
            .args(arguments)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    fn stop(&self, signal: &str) {
        let killed = Command::new("kill")
            .args([signal, &self.0.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    }

    /// Waits for the end; returns the exit code and what is left on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        let mut err = self.0.stderr.take().unwrap();
        err.read_to_string(&mut text).unwrap();
        (self.0.wait().unwrap().code(), text)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.0.kill();
    }
}

#[test]
fn one_line_when_ready_and_a_clean_end() {
    for signal in ["-TERM", "-INT"] {
        let mut sim = Sim::start(&["--seed", "7"]);
        let mut out = BufReader::new(sim.0.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let servers: Value = serde_json::from_str(&line).unwrap();
        for name in ["mezon", "token_bowl", "control"] {
            let url = servers[name].as_str().unwrap();
            TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        }
        sim.stop(signal);
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        assert_eq!(sim.end().0, Some(0), "{signal}");
    }
}

#[test]
fn each_way_to_fail_has_its_exit_code() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("mezon={}", taken.local_addr().unwrap().port());
    for (arguments, code, kind) in [
        (["--ports", "mezon=x"], 2, "usage"),
        (["--ports", "nowhere=0"], 2, "usage"),
        (["--world", "missing.toml"], 3, "configuration"),
        (["--ports", &taken], 5, "network"),
    ] {
        let arguments = [&arguments[..], &["--json"]].concat();
        let (ended, text) = Sim::start(&arguments).end();
        assert_eq!(ended, Some(code), "{text}");
        let error: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(error["error"]["kind"], kind, "{text}");
    }
}

#[test]
fn faults_come_by_script_and_by_rate() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/outage.toml");
    let arguments = ["--seed", "7", "--chaos", "0.01", "--script", script];
    let mut sim = Sim::start(&arguments);
    let mut out = BufReader::new(sim.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    sim.stop("-TERM");
    assert_eq!(sim.end().0, Some(0));
}

#[test]
fn wrong_faults_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.toml");
    std::fs::write(&file, "[[fault]]\nat = \"5s\"\nkind = \"stal\"\n").unwrap();
    let file = file.display().to_string();
    let (code, err) = Sim::start(&["--script", &file]).end();
    assert_eq!(code, Some(3), "{err}");
    assert!(
        err.contains("line 3: unknown kind \"stal\", known are clog"),
        "{err}"
    );
    let elsewhere = "[[fault]]\nat = \"5s\"\nplatform = \"mezzo\"\nkind = \"stall\"\n";
    std::fs::write(&file, elsewhere).unwrap();
    let (code, err) = Sim::start(&["--script", &file]).end();
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("line 1: unknown platform \"mezzo\""), "{err}");
    let (code, err) = Sim::start(&["--chaos", "2"]).end();
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("from 0 to 1"), "{err}");
}
