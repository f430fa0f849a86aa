//! The program as a person runs it, with a simulator and a home of its own.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use greenroom::simulator::Simulator;
use serde_json::Value;

pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.trim().lines().last().unwrap_or_default()).unwrap()
    }
}

pub(crate) struct Rig {
    pub(crate) simulator: Simulator,
    pub(crate) home: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self {
            simulator: Simulator::builder().seed(1).start().await.unwrap(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn command(
        &self,
        program: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("MESH_API_URL", self.simulator.url("mesh").unwrap())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) async fn mesh(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Outcome {
        let all = [&["mesh"], arguments].concat();
        self.run(
            self.command(env!("CARGO_BIN_EXE_greenroom"), &all, variables),
            input,
        )
        .await
    }

    pub(crate) async fn auth(&self, arguments: &[&str]) -> Outcome {
        self.run(
            self.command(env!("CARGO_BIN_EXE_mesh-auth"), arguments, &[]),
            "",
        )
        .await
    }

    pub(crate) async fn run(&self, mut command: Command, input: &str) -> Outcome {
        let input = input.to_owned();
        // On a thread of its own, since the simulator lives on this one.
        let ended = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            // Who does not read it may have ended already.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        });
        let output = tokio::time::timeout(Duration::from_secs(60), ended)
            .await
            .unwrap()
            .unwrap();
        Outcome {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.home.path().join(".mesh/token.json")
    }

    /// Sends a command to the simulator.
    pub(crate) async fn control(&self, path: &str, body: Value) {
        let url = format!("{}{path}", self.simulator.control_url());
        let answer = awc::Client::default().post(url).send_json(&body).await;
        assert!(answer.unwrap().status().is_success());
    }

    /// Returns what has gone in and out at one of the servers.
    pub(crate) async fn journal(&self, server: &str) -> Vec<Value> {
        let url = format!("{}/{server}/journal", self.simulator.control_url());
        let mut answer = awc::Client::default().get(url).send().await.unwrap();
        answer.json().limit(16_000_000).await.unwrap()
    }

    /// Returns what has come in at one of the servers.
    pub(crate) async fn requests(&self, server: &str) -> Vec<Value> {
        let all = self.journal(server).await.into_iter();
        all.filter(|entry| entry["direction"] == "in").collect()
    }
}
