//! `greenroom ticos`.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::agent::{Agent, get};

pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) address: SocketAddr,
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Program {
    fn spawn(port: u16, home: &Path, more: &[&str]) -> Self {
        Self::run(port, Self::command(port, home, more))
    }

    fn command(port: u16, home: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
        command
            .args(["ticos", "--host", "127.0.0.1", "--print-events", "--port"])
            .arg(port.to_string())
            .args(more)
            .env("HOME", home)
            .current_dir(home)
            .stderr(Stdio::null());
        command
    }

    fn run(port: u16, mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (lines, received) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                lines.send(line).ok();
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines: received,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        }
    }

    async fn start(home: &Path, more: &[&str]) -> Self {
        Self::start_with(home, more, &[]).await
    }

    /// Starts it with these variables in its environment.
    pub(crate) async fn start_with(home: &Path, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut command = Self::command(port, home, more);
        command.envs(variables.iter().copied());
        Self::run(port, command).listening().await
    }

    /// Starts it with a file for what it logs.
    pub(crate) async fn start_logging(home: &Path, more: &[&str], log: &Path) -> Self {
        let port = free_port();
        let mut command = Self::command(port, home, more);
        command.stderr(std::fs::File::create(log).unwrap());
        Self::run(port, command).listening().await
    }

    async fn listening(self) -> Self {
        let listens = || std::net::TcpStream::connect(self.address).ok();
        super::wait_for(listens).await;
        self
    }

    pub(crate) fn line(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(20)).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn end(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        self.end()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[actix_rt::test]
async fn every_call_is_one_line_and_every_line_a_broadcast() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let mut program = Program::start(home.path(), &["--store", store.to_str().unwrap()]).await;
    let mut agent = Agent::dial(program.address, "/realtime").await.unwrap();
    let message = json!({"name": "motion_and_emotion", "arguments": {"motion_tag": "hug"}});
    agent.send(&message).await;
    assert_eq!(
        program.line(),
        json!({"handler": "message", "args": message})
    );
    for handler in ["motion", "emotion"] {
        assert_eq!(
            program.line(),
            json!({"handler": handler, "args": {"motion_tag": "hug"}})
        );
    }
    let message = json!({"name": "weather", "parameters": {"city": "x"}});
    agent.send(&message).await;
    program.line();
    assert_eq!(
        program.line(),
        json!({"handler": "function_call", "args": {"name": "weather", "parameters": {"city": "x"}}})
    );
    let message = json!({"message_id": "m", "role": "user", "content": "line\nbreak"});
    agent.send(&message).await;
    assert_eq!(
        program.line(),
        json!({"handler": "conversation", "args": message})
    );
    program.line();

    let mut input = program.input.take().unwrap();
    writeln!(input, "nonsense\n[1]\n{{\"battery\": 5}}").unwrap();
    assert_eq!(agent.receive().await, json!({"battery": 5}));
    // The end of the input is not the end of the device.
    drop(input);
    assert_eq!(get(program.address, "/messages").await.json()["total"], 1);
    assert_eq!(program.terminate(), Some(0));
    assert_eq!(agent.closed().await, Some(1_012));
    assert!(store.join(".config/ticos/ticos.db.sled").is_dir());

    let mut program = Program::start(home.path(), &["--store", store.to_str().unwrap()]).await;
    let rows = get(program.address, "/messages").await.json();
    assert_eq!(rows["data"][0]["content"], "line\nbreak");
    assert_eq!(program.terminate(), Some(0));
}

#[actix_rt::test]
async fn a_port_that_is_taken_is_one_line_and_a_failure() {
    let home = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut program = Program::spawn(port, home.path(), &[]);
    let line = program.line();
    assert_eq!(line["handler"], "message");
    assert_eq!(
        (&line["args"]["code"], &line["args"]["type"]),
        (&json!("EXECUTER_ERROR"), &json!("health.status"))
    );
    assert!(
        line["args"]["message"]
            .as_str()
            .unwrap()
            .contains(&port.to_string())
    );
    assert_eq!(program.end(), Some(5));
}

#[actix_rt::test]
async fn broken_files_have_exit_codes_of_their_own() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/ticos");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("ticos.db"), "no database").unwrap();
    let mut program = Program::spawn(free_port(), home.path(), &["--store", "."]);
    assert_eq!(program.line()["args"]["code"], "DATABASE_ERROR");
    assert_eq!(program.end(), Some(1));
    std::fs::write(folder.join("config.toml"), "[api").unwrap();
    let mut program = Program::spawn(free_port(), home.path(), &[]);
    assert_eq!(program.end(), Some(3));
}
