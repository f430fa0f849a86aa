//! Asks per second and processor time per ask, at 1, 8 and 64 callers, beside a bare client of the same library.
//!
//! `cargo bench --bench payman`; figures are in `benches/README.md`. The server runs on a thread of its own, in the same process, and counts
//! connections; its processor time is part of both figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use greenroom::payman::{PaymanClient, Settings};
use greenroom_actors::clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ASKS: usize = 20_000;
const ROUNDS: usize = 5;
const TOKEN: &str = r#"{"accessToken":"at-bench","tokenType":"Bearer","expiresIn":3600}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":"req-f2c8ba40-cadb-461e-a69f-4626eff02860","result":{"id":"tsk-95e5c7f7-b5b8-466c-84bb-200b516c454c","sessionId":"ses-63f4d3db-af4a-434a-925a-0ddd7cf49f60","status":{"state":"completed","message":{"role":"agent","parts":[{"type":"text","text":"Processing completed successfully"}]},"timestamp":"2025-06-27T16:31:41.510422505Z"},"artifacts":[{"name":"response","description":"AI Assistant Response","parts":[{"type":"text","text":"echo"},{"type":"text","text":"line2"}],"index":0}],"metadata":{"agentId":"ai-fake"}}}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = Arc::new(AtomicUsize::new(0));
    let url = serve(Arc::clone(&connections))?;
    let system = actix_rt::System::new();
    println!("callers  asks/s   bare/s   ratio  CPU us/ask  bare us/ask  connections");
    for callers in [1, 8, 64] {
        let (mut ours, mut bare, mut opened) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let before = connections.load(Ordering::Relaxed);
            ours.push(system.block_on(asks(&url, callers))?);
            opened = connections.load(Ordering::Relaxed) - before;
            bare.push(system.block_on(posts(&url, callers))?);
        }
        let (ours, bare) = (median(ours), median(bare));
        println!(
            "{callers:7} {:7.0} {:8.0} {:7.2} {:11.1} {:12.1} {opened:12}",
            ours.0,
            bare.0,
            ours.0 / bare.0,
            ours.1,
            bare.1
        );
    }
    Ok(())
}

type Figures = (f64, f64);
type Fault = Box<dyn std::error::Error>;

/// Asks by a client of ours.
async fn asks(url: &str, callers: usize) -> Result<Figures, Fault> {
    let client =
        PaymanClient::connect(Settings::new("id", "secret").base_url(url.parse()?)).await?;
    client.ask("warm").await?;
    let figures = measure(callers, async || {
        client.ask("Pay 10 TSD to Anna").await.is_ok()
    })
    .await;
    client.close().await;
    figures
}

/// Posts a body of the same size by a bare client, and reads the answer.
async fn posts(url: &str, callers: usize) -> Result<Figures, Fault> {
    let client = awc::Client::builder()
        .connector(awc::Connector::new().limit(0))
        .finish();
    let target = format!("{url}/api/a2a/tasks/send");
    let body = "x".repeat(376);
    measure(callers, async || {
        let request = client
            .post(&target)
            .insert_header(("content-type", "application/json"));
        let request = request.insert_header(("x-payman-access-token", "at-bench"));
        match request.send_body(body.clone()).await {
            Ok(mut answer) => answer.body().await.is_ok(),
            Err(_) => false,
        }
    })
    .await
}

async fn measure(callers: usize, ask: impl AsyncFn() -> bool) -> Result<Figures, Fault> {
    let (start, cpu) = (clock::now(), processor_time());
    let caller = async || {
        for _ in 0..ASKS / callers {
            if !ask().await {
                return false;
            }
        }
        true
    };
    if join_all((0..callers).map(|_| caller()))
        .await
        .contains(&false)
    {
        return Err("an ask has failed".into());
    }
    let count = (ASKS / callers * callers) as f64;
    let seconds = start.elapsed().as_secs_f64();
    let micros = (processor_time() - cpu).as_secs_f64() * 1e6;
    Ok((count / seconds, micros / count))
}

/// The processor time of this process so far.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |place: usize| {
        fields
            .split_whitespace()
            .nth(place)
            .and_then(|ticks| ticks.parse::<u64>().ok())
    };
    Duration::from_millis(10 * (ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)))
}

fn median(mut figures: Vec<Figures>) -> Figures {
    figures.sort_by(|one, other| one.0.total_cmp(&other.0));
    figures[figures.len() / 2]
}

/// Starts a server that answers every request with the same task.
fn serve(connections: Arc<AtomicUsize>) -> Result<String, std::io::Error> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else {
                return;
            };
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                actix_rt::spawn(answer(stream));
            }
        });
    });
    Ok(url)
}

async fn answer(mut stream: TcpStream) {
    // Small answers only wait longer otherwise.
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        while bytes.len() < end + 4 + length {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
        }
        bytes.drain(..end + 4 + length);
        let body = if head.starts_with("post /api/oauth2") {
            TOKEN
        } else {
            ANSWER
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
