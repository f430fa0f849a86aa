//! Where the letters are: in a store that nobody has open, or in a running bot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::router::{DeadLetter, DeadLetters, Refusal, Selection};
use greenroom_actors::store::Store;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::cli::{Failure, FailureKind, Globals, Printer, remark};
use crate::platform::http::{HttpClient, HttpError, HttpRequest};

/// Where the letters are, and how results are printed.
#[derive(Debug)]
pub(super) struct Source {
    place: Place,
    pub(super) printer: Printer,
}

#[derive(Debug)]
enum Place {
    Store(PathBuf),
    Bot(Url),
}

/// What became of a replay.
#[derive(Debug)]
pub(super) enum Replay {
    /// The bot has done it.
    Done {
        replayed: Vec<u64>,
        refused: Vec<Refusal>,
    },
    /// So many will be replayed when the bot starts.
    Marked(u64),
}

impl Source {
    pub(super) fn new(url: Option<Url>, store: &Path, globals: &Globals) -> Self {
        Self {
            place: url.map_or_else(|| Place::Store(store.to_owned()), Place::Bot),
            printer: Printer::report(globals),
        }
    }

    /// Tells a person something that is no result.
    pub(super) fn remark(&self, text: &str) {
        if !self.printer.is_json() {
            remark(text);
        }
    }

    pub(super) async fn list(&self, selection: &Selection) -> Result<Vec<DeadLetter>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            letters: Vec<DeadLetter>,
        }
        match &self.place {
            Place::Store(path) => {
                let selected = open(path)?.map(|(_, dead)| dead.select(selection));
                Ok(selected.transpose()?.unwrap_or_default())
            }
            Place::Bot(url) => {
                let url = asked(url, "dead-letters", selection)?;
                Ok(call::<Answer>("GET", url).await?.letters)
            }
        }
    }

    pub(super) async fn show(&self, number: u64) -> Result<DeadLetter, Failure> {
        let found = match &self.place {
            Place::Store(path) => match open(path)? {
                Some((_, dead)) => dead.show(number)?,
                None => None,
            },
            Place::Bot(url) => {
                let path = format!("dead-letters/{number}");
                let url = asked(url, &path, &Selection::default())?;
                Some(call("GET", url).await?)
            }
        };
        found.ok_or_else(|| Failure::failed(format!("there is no dead letter {number}")))
    }

    pub(super) async fn replay(&self, selection: &Selection) -> Result<Replay, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            replayed: Vec<u64>,
            refused: Vec<Refusal>,
        }
        match &self.place {
            Place::Store(path) => match open(path)? {
                None => Ok(Replay::Marked(0)),
                Some((store, dead)) => {
                    let marked = dead.request_replay(selection)?;
                    store.flush().await?;
                    Ok(Replay::Marked(marked))
                }
            },
            Place::Bot(url) => {
                let url = asked(url, "dead-letters/replay", selection)?;
                let Answer { replayed, refused } = call("POST", url).await?;
                Ok(Replay::Done { replayed, refused })
            }
        }
    }

    pub(super) async fn purge(&self, selection: &Selection) -> Result<u64, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            purged: u64,
        }
        match &self.place {
            Place::Store(path) => match open(path)? {
                None => Ok(0),
                Some((store, dead)) => {
                    let purged = dead.purge(selection)?;
                    store.flush().await?;
                    Ok(purged)
                }
            },
            Place::Bot(url) => {
                let url = asked(url, "dead-letters", selection)?;
                Ok(call::<Answer>("DELETE", url).await?.purged)
            }
        }
    }
}

/// Opens the store, if there is one: a look does not make one.
fn open(path: &Path) -> Result<Option<(Store, DeadLetters)>, Failure> {
    if !Store::exists(path) {
        return match path.exists() && !path.is_dir() {
            true => Err(Failure::failed(format!(
                "{} is not a folder",
                path.display()
            ))),
            false => Ok(None),
        };
    }
    let store = Store::open(path)?;
    if let Some(aside) = store.moved_aside() {
        let message = format!(
            "the store at {} was damaged and has been moved to {}",
            path.display(),
            aside.display()
        );
        return Err(Failure::failed(message));
    }
    let dead = DeadLetters::open(&store)?;
    Ok(Some((store, dead)))
}

/// Writes a selection as a query.
fn asked(bot: &Url, path: &str, selection: &Selection) -> Result<Url, Failure> {
    let wrong = || {
        let message = format!("{bot} is not the URL of an endpoint, such as http://127.0.0.1:9100");
        Failure::new(FailureKind::Usage, message)
    };
    if bot.scheme() != "http" {
        return Err(wrong());
    }
    let mut url = bot.join(&format!("/{path}")).map_err(|_| wrong())?;
    let numbers: Vec<_> = selection.numbers.iter().map(u64::to_string).collect();
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let offset = (selection.offset > 0).then(|| selection.offset.to_string());
    let all = (*selection == Selection::default()).then(|| "true".to_owned());
    let pairs = [
        (
            "numbers",
            Some(numbers.join(",")).filter(|list| !list.is_empty()),
        ),
        ("handler", selection.handler.clone()),
        ("event", selection.event.clone()),
        ("reason", selection.reason.clone()),
        ("since", number(selection.since)),
        ("before", number(selection.before)),
        ("offset", offset),
        ("limit", selection.limit.map(|limit| limit.to_string())),
        ("all", all),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, &value);
        }
    }
    Ok(url)
}

async fn call<A: DeserializeOwned>(method: &'static str, url: Url) -> Result<A, Failure> {
    let request = HttpRequest {
        method,
        url: url.to_string(),
        headers: Vec::new(),
        body: Bytes::new(),
        secrets: Vec::new(),
    };
    let answer = HttpClient::new(PATIENCE, BODY_LIMIT).send(request).await;
    let answer = answer.map_err(|error| match error {
        HttpError::Status { message, .. } if !message.is_empty() => {
            Failure::failed(format!("the bot says: {message}"))
        }
        HttpError::Status { status, .. } => {
            Failure::failed(format!("the bot answers with status {status}"))
        }
        other => Failure::new(
            FailureKind::Network,
            format!("cannot reach the bot: {other}"),
        ),
    })?;
    serde_json::from_slice(&answer.body).map_err(|error| {
        let message = format!("the answer of {url} is not that of a bot: {error}");
        Failure::new(FailureKind::Network, message)
    })
}

const BODY_LIMIT: usize = 256 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
