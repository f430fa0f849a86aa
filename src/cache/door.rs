//! The actor that answers other processes.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use actix::prelude::*;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use greenroom_actors::cache::{Cache, CacheError, Record, from_line, to_line};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::transport::Bound;
use super::words::{Answer, LINE_LIMIT, PAGE, PAGE_BYTES, Request};

/// Opens the cache of this process to other processes of the same user, as long as the cache is open itself.
///
/// * **Who starts it**: the supervisor of the cache.
/// * **What ends it**: that supervisor. The socket goes away then.
/// * **What happens to its mailbox then**: it has none of its own use.
/// * **What it may lose**: the answers that are under way; the other side learns that the connection has ended.
pub struct CacheDoor {
    cache: Cache,
    folder: PathBuf,
}

impl fmt::Debug for CacheDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheDoor")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl CacheDoor {
    /// Creates the door of the cache in `folder`. Nothing is made before the cache itself is opened.
    #[must_use]
    pub fn new(cache: Cache, folder: impl Into<PathBuf>) -> Self {
        Self {
            cache,
            folder: folder.into(),
        }
    }
}

impl Actor for CacheDoor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (cache, folder) = (self.cache.clone(), self.folder.clone());
        ctx.spawn(keep_open(cache, folder).into_actor(self));
    }
}

async fn keep_open(cache: Cache, folder: PathBuf) {
    let mut opened = cache.opened();
    loop {
        // The sender lives in the cache that is held here.
        if opened.wait_for(|is_open| *is_open).await.is_err() {
            return;
        }
        match Bound::new(&folder) {
            Ok(bound) => {
                tokio::select! {
                    () = serve(&cache, &bound) => {}
                    _ = opened.wait_for(|is_open| !is_open) => {}
                }
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    folder = %folder.display(),
                    "other processes cannot look into the message cache while this one runs"
                );
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = opened.wait_for(|is_open| !is_open) => {}
                }
            }
        }
    }
}

async fn serve(cache: &Cache, bound: &Bound) {
    let mut guests = FuturesUnordered::new();
    loop {
        tokio::select! {
            // Who finds no room waits in the system's own queue.
            accepted = bound.listener.accept(), if guests.len() < GUESTS => match accepted {
                Ok((stream, _)) => guests.push(attend(cache, stream)),
                Err(error) => {
                    tracing::warn!(%error, "the door of the message cache");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(()) = guests.next(), if !guests.is_empty() => {}
        }
    }
}

/// Answers one process until it goes.
async fn attend(cache: &Cache, mut stream: UnixStream) {
    let (reading, mut writing) = stream.split();
    let mut reading = BufReader::new(reading);
    loop {
        let Some(line) = read_line(&mut reading).await else {
            return;
        };
        let answer = match serde_json::from_slice(&line) {
            Ok(request) => answer(cache, request).await,
            Err(error) => Answer::Refused(format!("not a request: {error}")),
        };
        let Ok(mut text) = serde_json::to_vec(&answer) else {
            return;
        };
        text.push(b'\n');
        let written = tokio::time::timeout(PATIENCE, writing.write_all(&text)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// Reads a line; `None` at the end, and for one that is too long.
async fn read_line(reading: &mut (impl AsyncBufRead + Unpin)) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let part = reading.fill_buf().await.ok()?;
        if part.is_empty() {
            return None;
        }
        let end = part.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(part.len(), |end| end + 1);
        line.extend_from_slice(&part[..length]);
        reading.consume(length);
        if line.len() > LINE_LIMIT {
            return None;
        }
        if end.is_some() {
            return Some(line);
        }
    }
}

async fn answer(cache: &Cache, request: Request) -> Answer {
    carry_out(cache, request)
        .await
        .unwrap_or_else(|error| Answer::Refused(with_source(&error)))
}

async fn carry_out(cache: &Cache, request: Request) -> Result<Answer, CacheError> {
    Ok(match request {
        Request::Channels => Answer::Channels(cache.channels().await?),
        Request::Clear(channel) => Answer::Count(cache.clear(&channel).await?),
        Request::Count(None) => Answer::Count(cache.count().await?),
        Request::Count(Some(channel)) => Answer::Count(cache.count_in(&channel).await?),
        Request::Delete(channel, id) => Answer::Count(u64::from(cache.delete(&channel, id).await?)),
        Request::Flush => {
            cache.flush_now().await?;
            Answer::Done
        }
        Request::Get(channel, id) => lines(cache.get(&channel, id).await?),
        Request::List(mut query) => {
            query.limit = query.limit.min(PAGE);
            lines(cache.list(query).await?)
        }
        Request::Save(texts) => {
            let parse = |text: &String| from_line(text, |_, _| Err("a body is needed".into()));
            let records: Result<Vec<Record>, _> = texts.iter().map(parse).collect();
            match records {
                Ok(records) => {
                    let number = records.len() as u64;
                    cache.save(records).await?;
                    Answer::Count(number)
                }
                Err(error) => Answer::Refused(format!("not a message: {error}")),
            }
        }
    })
}

/// Writes messages, fewer than there are if they are long, but at least one.
fn lines(records: impl IntoIterator<Item = Record>) -> Answer {
    let mut room = PAGE_BYTES;
    let fitting = records.into_iter().take_while(|record| {
        let fits = room > 0;
        room = room.saturating_sub(record.body.len().max(1));
        fits
    });
    Answer::Lines(fitting.map(|record| to_line(&record, |_| None)).collect())
}

fn with_source(error: &CacheError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

const GUESTS: usize = 16;
const PAUSE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);
