//! The message cache beside SQLite in WAL mode: 1,000,000 messages of 350 bytes in 1,000 channels, batches of 256.
//!
//! `cargo bench -p greenroom-actors --bench cache [-- ROUNDS [MESSAGES]]`; figures are in `benches/README.md`. Each run is a process of its own, so that
//! memory is counted for it alone; the engines take turns, and the median of the rounds counts. `-- growth [ROUNDS [MESSAGES]]` has the cache alone,
//! with 10 to 100,000 channels.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use actix::Arbiter;
use bytes::Bytes;
use greenroom_actors::cache::{Batch, Bound, Cache, Limits, Query, Record, Settings};
use greenroom_actors::clock;
use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::{ChannelKey, Id};
use rusqlite::{Connection, params};

const MESSAGES: u64 = 1_000_000;
const CHANNELS: u64 = 1_000;
const BODY: usize = 350;
const BATCH: u64 = 256;
const READS: u64 = 20_000;
const PAGE: usize = 50;
const ROUNDS: usize = 3;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Makes the same messages for every engine: busy and quiet channels, ids in the order of time, bodies without repetition.
struct Source {
    channels: u64,
    entropy: Entropy,
    next: u64,
}

impl Source {
    fn new(channels: u64) -> Self {
        Self {
            channels,
            entropy: Entropy::seeded(11),
            next: 0,
        }
    }

    fn channel(&self) -> u64 {
        let draw = self.entropy.next_u64() >> 32;
        (((draw * draw) >> 32) * self.channels) >> 32
    }

    fn body(&self) -> Bytes {
        let mut body = Vec::with_capacity(BODY + 8);
        while body.len() < BODY {
            body.extend_from_slice(&self.entropy.next_u64().to_le_bytes());
        }
        body.truncate(BODY);
        body.into()
    }

    fn batch(&mut self, most: u64) -> Vec<Record> {
        (0..BATCH.min(most))
            .map(|_| {
                self.next += 1;
                Record {
                    channel: ChannelKey::new(7, self.channel() as i64),
                    id: Id::from(self.next as i64),
                    at: self.next / 100,
                    format: 1,
                    body: self.body(),
                }
            })
            .collect()
    }
}

/// What one run found.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    inserts: f64,
    insert_cpu: f64,
    slowest_ms: f64,
    reads: f64,
    resident: f64,
    peak: f64,
    disk: f64,
    reopen_ms: f64,
}

impl Figures {
    const NAMES: [&str; 8] = [
        "inserts/s",
        "CPU us/insert",
        "slowest batch ms",
        "latest 50 /s",
        "resident MiB",
        "peak MiB",
        "disk MiB",
        "reopen ms",
    ];

    fn values(self) -> [f64; 8] {
        [
            self.inserts,
            self.insert_cpu,
            self.slowest_ms,
            self.reads,
            self.resident,
            self.peak,
            self.disk,
            self.reopen_ms,
        ]
    }
}

/// Adds up the time of inserts only: making messages is not what is measured.
#[derive(Default)]
struct Stopwatch {
    seconds: f64,
    cpu: f64,
    slowest: f64,
}

async fn fill_cache(cache: &Cache, messages: u64, channels: u64) -> Outcome<Stopwatch> {
    let (mut source, mut watch) = (Source::new(channels), Stopwatch::default());
    let mut left = messages;
    while left > 0 {
        // Messages are made in blocks, since looking at the clocks takes time too.
        let batches: Vec<Vec<Record>> = std::iter::from_fn(|| {
            let batch = source.batch(left);
            left -= batch.len() as u64;
            (!batch.is_empty()).then_some(batch)
        })
        .take(100)
        .collect();
        let (start, cpu) = (clock::now(), cpu_seconds());
        for batch in batches {
            let begin = clock::now();
            cache.save_batch(copy(&batch)).await?;
            watch.slowest = watch.slowest.max(begin.elapsed().as_secs_f64());
        }
        if left == 0 {
            cache.flush_now().await?;
        }
        watch.seconds += start.elapsed().as_secs_f64();
        watch.cpu += cpu_seconds() - cpu;
    }
    Ok(watch)
}

/// What a connection does with the messages of one read.
fn copy(records: &[Record]) -> Batch {
    let mut batch = Batch::with_capacity(records.len(), records.len() * BODY);
    for record in records {
        let (channel, id) = (record.channel.clone(), record.id.clone());
        batch.push(channel, id, record.at, record.format, &record.body);
    }
    batch
}

fn settings(folder: &Path) -> Settings {
    let unbounded = Limits::default()
        .per_channel(Bound::NONE)
        .total(Bound::NONE);
    Settings::new(folder.join("cache"))
        .limits(unbounded)
        .shards(1)
}

async fn run_cache(folder: &Path, messages: u64, channels: u64) -> Outcome<Figures> {
    let thread = Arbiter::new().handle();
    let cache = Cache::new(settings(folder));
    cache.start_on(std::slice::from_ref(&thread));
    cache.open().await?;
    let watch = fill_cache(&cache, messages, channels).await?;
    let resident = memory("VmRSS:")?;
    let draws = Source::new(channels);
    let start = clock::now();
    // As handlers on several channels ask: some at a time, so that the way to the other thread does not count for each.
    for _ in 0..READS / 50 {
        let asked = (0..50).map(|_| {
            let channel = ChannelKey::new(7, draws.channel() as i64);
            cache.list(Query::latest(channel, PAGE))
        });
        for page in futures::future::try_join_all(asked).await? {
            black_box(page.iter().map(|row| row.body.len()).sum::<usize>());
        }
    }
    let reads = READS as f64 / start.elapsed().as_secs_f64();
    cache.close().await?;
    drop(cache);
    let disk = size_of(folder)?;
    let again = Cache::new(settings(folder));
    again.start_on(std::slice::from_ref(&thread));
    let start = clock::now();
    let recovery = again.open().await?;
    let reopen_ms = start.elapsed().as_secs_f64() * 1e3;
    assert_eq!(recovery.messages, messages, "nothing may be missing");
    again.close().await?;
    Ok(figures(messages, &watch, reads, resident, disk, reopen_ms))
}

fn open_sqlite(folder: &Path) -> Outcome<Connection> {
    let connection = Connection::open(folder.join("messages.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;
         CREATE TABLE IF NOT EXISTS messages (
             space INTEGER, channel INTEGER, id INTEGER, at INTEGER, format INTEGER, body BLOB, PRIMARY KEY (space, channel, id)
         ) WITHOUT ROWID;",
    )?;
    Ok(connection)
}

fn fill_sqlite(connection: &Connection, messages: u64) -> Outcome<Stopwatch> {
    let (mut source, mut watch) = (Source::new(CHANNELS), Stopwatch::default());
    let mut insert =
        connection.prepare("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?)")?;
    let mut left = messages;
    while left > 0 {
        let batch = source.batch(left);
        left -= batch.len() as u64;
        let (start, cpu) = (clock::now(), cpu_seconds());
        connection.execute_batch("BEGIN")?;
        for row in &batch {
            let (space, channel) = (row.channel.space.number(), row.channel.channel.number());
            insert.execute(params![
                space,
                channel,
                row.id.number(),
                row.at as i64,
                row.format,
                &row.body[..]
            ])?;
        }
        connection.execute_batch("COMMIT")?;
        let took = start.elapsed().as_secs_f64();
        watch.seconds += took;
        watch.slowest = watch.slowest.max(took);
        watch.cpu += cpu_seconds() - cpu;
    }
    Ok(watch)
}

fn run_sqlite(folder: &Path, messages: u64) -> Outcome<Figures> {
    let connection = open_sqlite(folder)?;
    let watch = fill_sqlite(&connection, messages)?;
    let resident = memory("VmRSS:")?;
    let draws = Source::new(CHANNELS);
    let start = clock::now();
    {
        let mut select = connection.prepare(
            "SELECT id, at, format, body FROM messages WHERE space = 7 AND channel = ? ORDER BY id DESC LIMIT 50",
        )?;
        for _ in 0..READS {
            let rows =
                select.query_map([draws.channel() as i64], |row| row.get::<_, Vec<u8>>(3))?;
            let mut bytes = 0;
            for row in rows {
                bytes += row?.len();
            }
            black_box(bytes);
        }
    }
    let reads = READS as f64 / start.elapsed().as_secs_f64();
    connection.close().map_err(|(_, error)| error)?;
    let disk = size_of(folder)?;
    let start = clock::now();
    let connection = open_sqlite(folder)?;
    let count: i64 = connection.query_row(
        "SELECT id FROM messages ORDER BY space, channel, id LIMIT 1",
        [],
        |row| row.get(0),
    )?;
    black_box(count);
    let reopen_ms = start.elapsed().as_secs_f64() * 1e3;
    Ok(figures(messages, &watch, reads, resident, disk, reopen_ms))
}

fn figures(
    messages: u64,
    watch: &Stopwatch,
    reads: f64,
    resident: f64,
    disk: f64,
    reopen_ms: f64,
) -> Figures {
    Figures {
        inserts: messages as f64 / watch.seconds,
        insert_cpu: watch.cpu * 1e6 / messages as f64,
        slowest_ms: watch.slowest * 1e3,
        reads,
        resident,
        peak: memory("VmHWM:").unwrap_or_default(),
        disk,
        reopen_ms,
    }
}

/// Seconds of processor time of this process, all threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn memory(field: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no such field")?.parse::<f64>()? / 1_024.0)
}

fn size_of(folder: &Path) -> Outcome<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += match metadata.is_dir() {
            true => size_of(&entry.path())?,
            false => metadata.len() as f64 / f64::from(1 << 20),
        };
    }
    Ok(bytes)
}

/// Runs one engine in a process of its own.
fn spawn(engine: &str, messages: u64, channels: u64) -> Outcome<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", engine])
        .args([messages, channels].map(|number| number.to_string()))
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let values: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    Ok(values?)
}

fn child(engine: &str, messages: u64, channels: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let found = match engine {
        "sqlite" => run_sqlite(folder.path(), messages)?,
        _ => actix_rt::System::new().block_on(run_cache(folder.path(), messages, channels))?,
    };
    let values = found.values().map(|value| value.to_string());
    println!("{}", values.join(" "));
    Ok(())
}

/// Runs each column by turns, and prints the medians.
fn compare(columns: &[(&str, &str, u64)], rounds: usize, messages: u64) -> Outcome<()> {
    let mut runs = vec![Vec::new(); columns.len()];
    for round in 0..rounds {
        for turn in 0..columns.len() {
            let column = (turn + round) % columns.len();
            let (_, engine, channels) = columns[column];
            runs[column].push(spawn(engine, messages, channels)?);
        }
    }
    println!("{messages} messages of {BODY} bytes, batches of {BATCH}, median of {rounds}");
    let names: String = columns
        .iter()
        .map(|(name, ..)| format!("{name:>14}"))
        .collect();
    println!("{:<18}{names}", "");
    for (place, name) in Figures::NAMES.iter().enumerate() {
        let medians = runs.iter().map(|runs| {
            let mut column: Vec<f64> = runs.iter().map(|run| run[place]).collect();
            column.sort_by(f64::total_cmp);
            column[column.len() / 2]
        });
        let medians: String = medians.map(|median| format!("{median:>14.1}")).collect();
        println!("{name:<18}{medians}");
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [flag, engine, messages, channels] = arguments.as_slice()
        && flag == "--child"
    {
        return child(engine, messages.parse()?, channels.parse()?);
    }
    let is_growth = arguments.first().is_some_and(|first| first == "growth");
    let numbers = &arguments[usize::from(is_growth)..];
    let rounds = numbers.first().map_or(Ok(ROUNDS), |text| text.parse())?;
    let messages: u64 = numbers.get(1).map_or(Ok(MESSAGES), |text| text.parse())?;
    let columns: &[(&str, &str, u64)] = match is_growth {
        true => &GROWTH,
        false => &ENGINES,
    };
    compare(columns, rounds.max(1), messages.max(1))
}

/// A name, an engine, a number of channels.
const ENGINES: [(&str, &str, u64); 2] = [
    ("greenroom", "greenroom", CHANNELS),
    ("sqlite", "sqlite", CHANNELS),
];
const GROWTH: [(&str, &str, u64); 5] = [
    ("10 channels", "greenroom", 10),
    ("100", "greenroom", 100),
    ("1,000", "greenroom", 1_000),
    ("10,000", "greenroom", 10_000),
    ("100,000", "greenroom", 100_000),
];
