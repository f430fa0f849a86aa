//! A process that is killed loses the write-behind window at most, and its folder opens again.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::cache::{Cache, Query, Record, Settings};
use greenroom_actors::clock;
use greenroom_actors::event::{ChannelKey, Id};

const FOLDER: &str = "GREENROOM_TEST_KILL_FOLDER";
const FLUSH: &str = "GREENROOM_TEST_KILL_FLUSH";
const CHANNELS: i64 = 20;

/// What may pass between the end of the window and the word that reaches the disk, on a busy machine.
const SLACK: Duration = Duration::from_millis(500);

fn settings(folder: &Path, flush_every: Duration) -> Settings {
    Settings::new(folder.join("cache"))
        .cache_capacity(4 << 20)
        .flush_every(flush_every)
}

fn record(number: i64) -> Record {
    Record {
        channel: ChannelKey::new(1, number % CHANNELS),
        id: Id::from(number),
        at: number.unsigned_abs(),
        format: 1,
        body: Bytes::from(vec![number.to_le_bytes()[0]; 200]),
    }
}

/// Not a test by itself: writes until it is killed, and says after each batch how many it saved by when.
#[actix_rt::test]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let flush = std::env::var(FLUSH)
        .expect("a period")
        .parse()
        .expect("a number");
    let cache = Cache::new(settings(Path::new(&folder), Duration::from_millis(flush)));
    cache.start();
    cache.open().await.expect("opens");
    let start = clock::now();
    let mut out = std::io::stderr();
    for batch in 0_i64.. {
        let saved = (batch + 1) * 40;
        cache
            .save((batch * 40..saved).map(record).collect())
            .await
            .expect("saves");
        writeln!(out, "saved {saved} {}", start.elapsed().as_millis()).expect("writes");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Kills a child that has written for `run`; returns how many messages must be there, and how many may.
fn kill_a_child(folder: &Path, run: Duration, flush_every: Duration) -> (i64, i64) {
    let mut child = Command::new(std::env::current_exe().expect("a program"))
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(FLUSH, flush_every.as_millis().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut words = Vec::new();
    for line in BufReader::new(child.stderr.take().expect("a pipe")).lines() {
        let line = line.expect("a line");
        let Some((saved, at)) = line
            .strip_prefix("saved ")
            .and_then(|line| line.split_once(' '))
        else {
            continue;
        };
        let at = Duration::from_millis(at.parse().expect("milliseconds"));
        words.push((saved.parse::<i64>().expect("a number"), at));
        if at > run {
            child.kill().expect("kills");
        }
    }
    child.wait().expect("ends");
    let (last, end) = *words.last().expect("it wrote");
    let window = Duration::from_millis(50) + flush_every + SLACK;
    let safe = words.iter().rev().find(|(_, at)| *at + window < end);
    (safe.map_or(0, |(saved, _)| *saved), last + 40)
}

async fn check(folder: &Path, flush_every: Duration, least: i64, most: i64) {
    let cache = Cache::new(settings(folder, flush_every));
    cache.start();
    let recovery = cache.open().await.expect("opens");
    assert_eq!(recovery.moved_aside, None, "{recovery:?}");
    assert!(recovery.unclean, "it says that something may be missing");
    for channel in 0..CHANNELS {
        let key = ChannelKey::new(1, channel);
        let rows = Query::latest(key.clone(), usize::MAX).oldest_first();
        let rows = cache.list(rows).await.expect("lists");
        for (row, number) in rows
            .iter()
            .zip((channel..).step_by(CHANNELS.unsigned_abs() as usize))
        {
            assert_eq!(
                *row,
                record(number),
                "no hole and no change in channel {channel}"
            );
        }
        let newest = rows.last().and_then(|row| row.id.number()).unwrap_or(-1);
        assert!(
            newest + CHANNELS >= least,
            "{channel}: {newest}, must have {least}"
        );
        assert!(newest < most);
    }
    cache
        .save((most..most + 100).map(record).collect())
        .await
        .expect("saves");
    cache.close().await.expect("closes");
    let recovery = cache.open().await.expect("opens");
    assert!(!recovery.unclean, "now it was closed in order");
    cache.close().await.expect("closes");
}

#[actix_rt::test]
async fn a_killed_process_loses_the_window_at_most() {
    for (run, flush) in [(1_500, 100), (1_200, 0), (900, 100)] {
        let folder = tempfile::tempdir().expect("a folder");
        let flush = Duration::from_millis(flush);
        let (least, most) = kill_a_child(folder.path(), Duration::from_millis(run), flush);
        assert!(least > 0, "the child must write for longer than the window");
        check(folder.path(), flush, least, most).await;
    }
}
