//! Where the letters are: in a store that nobody has open, or in a running bot.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use greenroom_actors::router::{DeadLetter, DeadLetters, Refusal, Selection};
use greenroom_actors::store::{Store, StoreError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::cli::{Failure, FailureKind, Globals, Printer, remark};
use crate::platform::http::{HttpClient, HttpError, HttpRequest};

/// Where the letters are, and how results are printed.
#[derive(Debug)]
pub(super) struct Source {
    place: Place,
    /// What is meant are not the dead letters, but what a shutdown left over.
    leftovers: bool,
    pub(super) printer: Printer,
}

#[derive(Debug)]
enum Place {
    Store(PathBuf),
    Bot(Url),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(path) => write!(f, "{}", path.display()),
            Self::Bot(url) => write!(f, "the bot at {url}"),
        }
    }
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
    pub(super) fn new(url: Option<Url>, store: &Path, leftovers: bool, globals: &Globals) -> Self {
        Self {
            leftovers,
            place: url.map_or_else(|| Place::Store(store.to_owned()), Place::Bot),
            printer: Printer::report(globals),
        }
    }

    fn what(&self) -> &'static str {
        match self.leftovers {
            true => "leftover",
            false => "dead letter",
        }
    }

    fn select(
        &self,
        dead: &DeadLetters,
        selection: &Selection,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        match self.leftovers {
            true => dead.select_leftovers(selection),
            false => dead.select(selection),
        }
    }

    /// Says that there are none.
    pub(super) fn none(&self, selection: &Selection) -> String {
        let (place, what) = (&self.place, self.what());
        match *selection == Selection::default() {
            true => format!("no {what}s in {place}"),
            false => format!("no such {what}s in {place}"),
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
                let (_store, dead) = open(path)?;
                Ok(self.select(&dead, selection)?)
            }
            Place::Bot(url) => {
                let url = asked(url, "dead-letters", selection)?;
                Ok(call::<Answer>("GET", url).await?.letters)
            }
        }
    }

    pub(super) async fn show(&self, number: u64) -> Result<DeadLetter, Failure> {
        let found = match &self.place {
            Place::Store(path) => {
                let (_store, dead) = open(path)?;
                self.select(&dead, &Selection::one(number))?.pop()
            }
            Place::Bot(url) => {
                let path = format!("dead-letters/{number}");
                let url = asked(url, &path, &Selection::default())?;
                Some(call("GET", url).await?)
            }
        };
        found.ok_or_else(|| {
            let place = &self.place;
            let what = self.what();
            Failure::failed(format!("there is no {what} {number} in {place}"))
        })
    }

    pub(super) async fn replay(&self, selection: &Selection) -> Result<Replay, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            replayed: Vec<u64>,
            refused: Vec<Refusal>,
        }
        match &self.place {
            Place::Store(path) => {
                let (store, dead) = open(path)?;
                let marked = dead.request_replay(selection)?;
                store.flush().await?;
                Ok(Replay::Marked(marked))
            }
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
            Place::Store(path) => {
                let (store, dead) = open(path)?;
                let purged = match self.leftovers {
                    true => dead.purge_leftovers(selection)?,
                    false => dead.purge(selection)?,
                };
                store.flush().await?;
                Ok(purged)
            }
            Place::Bot(url) => {
                let url = asked(url, "dead-letters", selection)?;
                Ok(call::<Answer>("DELETE", url).await?.purged)
            }
        }
    }
}

/// Opens the store that is there. Nothing is made, and nothing is moved: that is for the bot to do.
fn open(path: &Path) -> Result<(Store, DeadLetters), Failure> {
    if path.exists() && !path.is_dir() {
        let message = format!("{} is not a folder", path.display());
        return Err(Failure::failed(message));
    }
    let store = Store::open_existing(path).map_err(|error| match error {
        StoreError::Locked { .. } => Failure::failed(format!(
            "the store at {} is in use by a running bot or another command: stop that first, or name its endpoint with --url",
            path.display()
        )),
        StoreError::Damaged { .. } => Failure::failed(format!(
            "{error}; it stays as it is: the next start of the bot moves it aside and begins a new one"
        )),
        other => other.into(),
    })?;
    let dead = DeadLetters::open(&store)?;
    Ok((store, dead))
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
