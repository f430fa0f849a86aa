//! 200 cuts while 5,000 messages a second are said, over real sockets: each is handled exactly once, and the bot does not grow.
//!
//! The bot is a process of its own, so that its memory can be told from that of the simulator and of the other tests. It is this test
//! once more, with a variable that says where the server is; the two speak over its standard input and output.
//!
//! A slow machine takes longer; how quick it was is printed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::actors::clock;
use greenroom::prelude::*;
use greenroom::simulator::{self, FaultKind, Simulator};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::platform::{Account, Platform, SECOND};

type Server = Arc<dyn simulator::Platform>;

const URL: &str = "GREENROOM_CONFORMANCE_URL";
const CUTS: usize = 200;
/// Until the memory of the bot has its size.
const WARM_UP: usize = 200;
/// A machine that was busy for a moment has let more wait than ever before, once; a leak grows each time.
const ROUNDS: usize = 3;
/// So many messages are said between two cuts, and more until the bot is back.
const BETWEEN: usize = 250;
/// 5,000 a second.
const BEAT: Duration = Duration::from_millis(10);
const A_BEAT: usize = 50;
/// Users wait for a bot that is so far behind: only a machine that is too slow for all this lets it fall back so far.
const BEHIND: usize = 10_000;
/// More than are ever said.
const MOST: usize = 1 << 20;
const MARK: &str = "@report ";
/// One after another: they would take the processor from each other.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) fn two_hundred_cuts_under_load(platform: &Platform) {
    let system = actix_rt::System::new();
    match std::env::var(URL) {
        Ok(url) => system.block_on(be_the_bot(platform, url)),
        Err(_) => {
            let _turn = TURN
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            system.block_on(be_the_server(platform));
        }
    }
}

/// Runs a bot until its standard input ends; answers each line there with what it has handled.
async fn be_the_bot(platform: &Platform, url: String) {
    let times: Vec<AtomicU8> = (0..MOST).map(|_| AtomicU8::new(0)).collect();
    let (handled, doubled) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (first, again) = (Arc::clone(&handled), Arc::clone(&doubled));
    let bot =
        Bot::builder("counting")
            .seed(1)
            .on("count", async move |message: Event<ChatMessage>| {
                if let Ok(number) = message.text.parse::<usize>() {
                    let count = match times[number].swap(1, Ordering::Relaxed) {
                        0 => &first,
                        _ => &again,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
    let bot = (platform.put)(bot, &url, Account::Hasty)
        .build()
        .unwrap()
        .start();
    let (lines, mut asked) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if line.is_err() || lines.blocking_send(()).is_err() {
                return;
            }
        }
    });
    while asked.recv().await.is_some() {
        let report = json!({
            "handled": handled.load(Ordering::Relaxed),
            "doubled": doubled.load(Ordering::Relaxed),
            "reconnects": bot.counters().reconnects.get(),
            "dead_letters": bot.router().dead_letters().total(),
            "resident": resident(),
            "counters": bot.counters().snapshot(),
        });
        println!("\n{MARK}{report}");
    }
    bot.shutdown().await;
}

/// Returns how much memory this process has, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let line = lines.find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1_024
}

async fn be_the_server(platform: &Platform) {
    let simulator = Simulator::builder().seed(1).world(platform.world());
    let simulator = simulator.start().await.unwrap();
    let server = simulator.platform(platform.name).unwrap();
    let mut bot = Process::start(&server.url());
    bot.until(&server, |_| true).await;
    let mut said = load(platform, &server, &mut bot, 0, WARM_UP).await;
    let mut before = bot.settle(platform, &server, said).await;
    for round in 1.. {
        let (first, begun) = (said, clock::now());
        said = load(platform, &server, &mut bot, first, CUTS).await;
        let took = (clock::now() - begun).as_secs_f64();
        let after = bot.settle(platform, &server, said).await;
        let many = said - first;
        println!(
            "{}: {many} events and {CUTS} cuts in {took:.1} s ({:.0} events/s): {before} before, {after} after",
            platform.name,
            many as f64 / took
        );
        assert_eq!(after["doubled"], 0);
        assert_eq!(after["dead_letters"], 0);
        if platform.replays {
            assert_eq!(after["handled"], said, "each is handled");
        }
        let cuts = WARM_UP + round * CUTS;
        assert!(after["reconnects"].as_u64().unwrap() >= cuts as u64);
        let grown = after["resident"].as_f64().unwrap() / before["resident"].as_f64().unwrap();
        if grown < 1.05 {
            break;
        }
        assert!(round < ROUNDS, "it grows and grows: {before} {after}");
        before = after;
    }
    bot.stop();
    simulator.stop().await;
}

/// Lets users speak until the bot was cut off so often, each time after it was back. Returns the number of the next message.
async fn load(
    platform: &Platform,
    server: &Server,
    bot: &mut Process,
    first: usize,
    cuts: usize,
) -> usize {
    let mut beats = tokio::time::interval(BEAT);
    // A machine that cannot keep up takes longer: what is late is not said all at once.
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut said, mut cut, mut last) = (first, 0, first);
    let back = |report: &Value| report["reconnects"].as_u64().unwrap();
    let before = back(&bot.report());
    while cut < cuts {
        beats.tick().await;
        let report = bot.report();
        let handled = report["handled"].as_u64().unwrap() as usize;
        if !platform.replays || said < handled + BEHIND {
            for _ in 0..A_BEAT {
                let (from, channel) = platform.talks[said % platform.talks.len()];
                let words = json!({"from": from, "channel": channel, "text": said.to_string()});
                server.say(words.as_object().unwrap().clone()).unwrap();
                said += 1;
            }
        }
        if said - last >= BETWEEN && back(&report) >= before + cut as u64 {
            server.fault(FaultKind::Disconnect.into()).unwrap();
            (cut, last) = (cut + 1, said);
        }
        assert!(said < MOST, "the bot does not come back");
    }
    said
}

/// The process of the bot.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this very test as the bot.
    fn start(url: &str) -> Self {
        let test = std::thread::current().name().unwrap().to_owned();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &test, "--nocapture"])
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Asks what it has handled.
    fn report(&mut self) -> Value {
        writeln!(self.input).unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.output.read_line(&mut line).unwrap();
            assert!(length > 0, "the bot has ended");
            if let Some(report) = line.strip_prefix(MARK) {
                return serde_json::from_str(report).unwrap();
            }
        }
    }

    /// Waits until it is connected and has handled what it should, and its memory has come to rest.
    async fn settle(&mut self, platform: &Platform, server: &Server, handled: usize) -> Value {
        let replays = platform.replays;
        self.until(server, |report| !replays || report["handled"] == handled)
            .await;
        tokio::time::sleep(2 * SECOND).await;
        self.report()
    }

    /// Waits until it is connected and its report is as it should be, or nothing changes any more.
    async fn until(&mut self, server: &Server, done: impl Fn(&Value) -> bool) {
        let mut last = (Value::Null, clock::now());
        loop {
            let report = self.report();
            if server.health()["sockets"] == 1 && done(&report) {
                return;
            }
            if last.0 != report["handled"] {
                last = (report["handled"].clone(), clock::now());
            }
            let stuck = clock::now() - last.1;
            assert!(stuck < 60 * SECOND, "nothing happens any more: {report}");
            tokio::time::sleep(SECOND / 10).await;
        }
    }

    fn stop(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}
