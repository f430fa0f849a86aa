//! The processes of a benchmark: this program again, in another role.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

use crate::cli::Failure;

/// A process in a role of its own. It is told to end by the end of its standard input, and killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    role: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts the program in `role` of a command.
    pub(super) fn start(
        command: &'static str,
        role: &'static str,
        arguments: &[String],
    ) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| cannot(role, &error))?;
        let arguments = arguments.iter().map(OsString::from);
        let mut child = Command::new(program)
            .args(["--log", "error", command, role].map(OsString::from))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| cannot(role, &error))?;
        let output = child.stdout.take().ok_or_else(|| gone(role))?;
        Ok(Self {
            role,
            input: child.stdin.take(),
            lines: BufReader::new(output).lines(),
            child,
        })
    }

    /// Reads the next line of what the process says.
    pub(super) async fn line<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let line = self.lines.next_line().await;
        let line = line.map_err(|error| cannot(self.role, &error))?;
        let line = line.ok_or_else(|| gone(self.role))?;
        serde_json::from_str(&line).map_err(|error| cannot(self.role, &error))
    }

    /// Reads what the operating system says of the process.
    pub(super) fn usage(&self) -> Usage {
        self.child.id().map(Usage::of).unwrap_or_default()
    }

    /// Tells the process to end, and makes it end if it does not.
    pub(super) async fn end(mut self) {
        self.input = None;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        if ended.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// What a process has used. Nothing is known where there is no `/proc`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Processor time of all threads that still run, in seconds.
    pub(super) cpu: Option<f64>,
    /// Resident memory in bytes: now, and the most so far.
    pub(super) resident: Option<u64>,
    pub(super) peak: Option<u64>,
}

impl Usage {
    fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib << 10)
        };
        Self {
            cpu: cpu(process),
            resident: kib("VmRSS:"),
            peak: kib("VmHWM:"),
        }
    }
}

/// Adds up the nanoseconds of all threads, which the scheduler counts.
fn cpu(process: u32) -> Option<f64> {
    let mut nanos = None;
    for task in fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        let spent: u64 = stat.split_whitespace().next()?.parse().ok()?;
        nanos = Some(nanos.unwrap_or(0) + spent);
    }
    nanos.map(|nanos| nanos as f64 / 1e9)
}

/// Prints one line for the process that started this one.
pub(in crate::cli) fn say(line: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(line)?)?;
    out.flush()
}

/// Waits until standard input ends, by which the parent tells a process to end.
pub(in crate::cli) async fn until_told() {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut [0; 64]), Ok(1..)) {}
        // Nobody waits any more if the process ends already.
        let _ = tell.send(());
    });
    let _ = told.await;
}

fn cannot(role: &str, error: &dyn std::error::Error) -> Failure {
    Failure::failed(format!(
        "the {role} of the benchmark does not work: {error}"
    ))
}

fn gone(role: &str) -> Failure {
    Failure::failed(format!(
        "the {role} of the benchmark ended before it was done"
    ))
}

const PATIENCE: Duration = Duration::from_secs(5);
