//! The cache of another process, as a storage engine: [`Cache`](greenroom_actors::cache::Cache) works on it as on its own files.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use greenroom_actors::cache::{
    Backend, CacheError, ChannelInfo, MessageStore, Opened, Order, Query, Record, Recovery,
    StoreStats, from_line, to_line,
};
use greenroom_actors::event::{ChannelKey, Id};

use super::transport::connect;
use super::words::{Answer, LINE_LIMIT, PAGE, PAGE_BYTES, Request};

/// The cache in a folder that a running bot has open.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use std::time::Duration;
/// use greenroom::actors::cache::{Cache, Settings};
/// use greenroom::cache::Remote;
///
/// let folder = Path::new("./mezon-cache");
/// let cache = match Remote::find(folder)? {
///     Some(remote) => Cache::with_backend(Box::new(remote), Duration::from_secs(1), false),
///     None => Cache::new(Settings::new(folder)),
/// };
/// # drop(cache);
/// # Ok::<(), greenroom::actors::cache::CacheError>(())
/// ```
#[derive(Debug)]
pub struct Remote {
    folder: PathBuf,
}

impl Remote {
    /// Looks whether a process has the cache in `folder` open and lets others in.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] if there is one but it cannot be reached, such as one of another user.
    pub fn find(folder: &Path) -> Result<Option<Self>, CacheError> {
        let found = connect(folder).map_err(|source| unreachable(folder, source))?;
        Ok(found.map(|_| Self {
            folder: folder.to_owned(),
        }))
    }
}

impl Backend for Remote {
    fn open(&self) -> Result<Opened, CacheError> {
        let stream = connect(&self.folder).map_err(|source| unreachable(&self.folder, source))?;
        let stream = stream.ok_or_else(|| CacheError::Unavailable)?;
        let mut store = RemoteStore {
            folder: self.folder.clone(),
            stream: BufReader::new(stream),
        };
        let channels = store.channels()?;
        let recovery = Recovery {
            channels: channels.len() as u64,
            messages: channels.iter().map(|channel| channel.messages).sum(),
            bytes: channels.iter().map(|channel| channel.bytes).sum(),
            ..Recovery::default()
        };
        Ok(Opened {
            recovery,
            stores: vec![Box::new(store)],
        })
    }

    fn compact(&self) -> Result<(), CacheError> {
        Err(CacheError::Locked {
            path: self.folder.clone(),
        })
    }

    fn shards(&self) -> usize {
        1
    }
}

struct RemoteStore {
    folder: PathBuf,
    stream: BufReader<UnixStream>,
}

impl RemoteStore {
    fn ask(&mut self, request: &Request) -> Result<Answer, CacheError> {
        let answer = self.exchange(request).map_err(|source| CacheError::Io {
            action: "reach the process that has",
            path: self.folder.clone(),
            source,
        })?;
        match answer {
            Answer::Refused(reason) => Err(CacheError::Engine {
                action: "be used through the process that has it open",
                path: self.folder.clone(),
                source: reason.into(),
            }),
            answer => Ok(answer),
        }
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Answer> {
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        self.stream.get_mut().write_all(&text)?;
        let mut line = Vec::new();
        let limit = LINE_LIMIT as u64 + 1;
        self.stream
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&line)?)
    }

    fn count_of(&mut self, request: &Request) -> Result<u64, CacheError> {
        match self.ask(request)? {
            Answer::Count(count) => Ok(count),
            _ => Err(self.nonsense()),
        }
    }

    fn records(&mut self, request: &Request) -> Result<Vec<Record>, CacheError> {
        let Answer::Lines(lines) = self.ask(request)? else {
            return Err(self.nonsense());
        };
        let parse = |line: &String| from_line(line, |_, _| Err("a body is needed".into()));
        let records: Result<Vec<_>, _> = lines.iter().map(parse).collect();
        records.map_err(|_| self.nonsense())
    }

    fn nonsense(&self) -> CacheError {
        CacheError::Engine {
            action: "be used through the process that has it open",
            path: self.folder.clone(),
            source: "its answer cannot be read: is it another version of this program?".into(),
        }
    }
}

impl MessageStore for RemoteStore {
    fn save(&mut self, records: Vec<Record>) -> Result<(), CacheError> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for record in records {
            bytes += record.body.len();
            lines.push(to_line(&record, |_| None));
            if lines.len() >= PAGE || bytes >= PAGE_BYTES {
                self.count_of(&Request::Save(std::mem::take(&mut lines)))?;
                bytes = 0;
            }
        }
        match lines.is_empty() {
            true => Ok(()),
            false => self.count_of(&Request::Save(lines)).map(drop),
        }
    }

    fn get(&mut self, channel: &ChannelKey, id: &Id) -> Result<Option<Record>, CacheError> {
        let found = self.records(&Request::Get(channel.clone(), id.clone()))?;
        Ok(found.into_iter().next())
    }

    fn list(&mut self, query: &Query) -> Result<Vec<Record>, CacheError> {
        let mut found = Vec::new();
        let mut rest = query.clone();
        while found.len() < query.limit {
            rest.limit = (query.limit - found.len()).min(PAGE);
            let page = self.records(&Request::List(rest.clone()))?;
            let Some(last) = page.last() else { break };
            // What was left out lies behind; messages that come meanwhile do not shift the pages.
            rest = rest.offset(0);
            rest = match query.order {
                Order::NewestFirst => rest.before(&last.id),
                Order::OldestFirst => rest.after(&last.id),
            };
            found.extend(page);
        }
        Ok(found)
    }

    fn count(&mut self, channel: Option<&ChannelKey>) -> Result<u64, CacheError> {
        self.count_of(&Request::Count(channel.cloned()))
    }

    fn channels(&mut self) -> Result<Vec<ChannelInfo>, CacheError> {
        match self.ask(&Request::Channels)? {
            Answer::Channels(channels) => Ok(channels),
            _ => Err(self.nonsense()),
        }
    }

    fn delete(&mut self, channel: &ChannelKey, id: &Id) -> Result<bool, CacheError> {
        let deleted = self.count_of(&Request::Delete(channel.clone(), id.clone()))?;
        Ok(deleted > 0)
    }

    fn clear(&mut self, channel: &ChannelKey) -> Result<u64, CacheError> {
        self.count_of(&Request::Clear(channel.clone()))
    }

    fn write_behind(&mut self) -> Result<(), CacheError> {
        Ok(())
    }

    fn expire(&mut self, _: u64) -> Result<u64, CacheError> {
        Ok(0)
    }

    fn flush(&mut self) -> Result<(), CacheError> {
        self.ask(&Request::Flush).map(drop)
    }

    fn recover(&mut self) -> Result<(), CacheError> {
        Ok(())
    }

    fn stats(&self) -> StoreStats {
        StoreStats::default()
    }
}

fn unreachable(folder: &Path, source: io::Error) -> CacheError {
    CacheError::Io {
        action: "reach the process that has",
        path: folder.to_owned(),
        source,
    }
}
