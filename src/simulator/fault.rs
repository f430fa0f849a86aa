//! Faults: what they are, and how they are written down. One description serves the control API, script files, chaos and tests.
//!
//! | kind | what goes wrong | fields with their defaults |
//! |---|---|---|
//! | `clog` | one direction of the open sockets is stuck; what waits comes afterwards, in order | `direction` `"out"`, `ms` 5,000 |
//! | `close` | sockets are closed with a close frame | `code` 1001; 1005 is a close frame without a code |
//! | `delay` | an answer, over HTTP or a socket, is held back; later ones may overtake it | `ms` 0, `count` 1, `path` |
//! | `disconnect` | sockets are cut without a close frame; the next `count` - 1 upgrades are cut, too | `count` 1; `code`: with a close frame of this code; `path`: in place of sockets the requests for this target are cut without an answer |
//! | `duplicate` | an event is sent twice | `count` 1 |
//! | `expire` | the access tokens that were given out have expired; they can be refreshed | |
//! | `garbage` | sockets get a message that cannot be decoded | `count` 1 |
//! | `http` | a request is answered with an error | `status` 503, `count` 1, `path`, `body`; `ms`: with 429 and 503 the header `Retry-After` asks for that much, without it there is none |
//! | `jitter` | messages to clients come late by a random time, in order | `ms` 100: at most, `count` 1 |
//! | `lose` | an event is not sent; the platform has it on record | `count` 1 |
//! | `maintenance` | sockets are closed with code 1012, and everything is answered with an error | `ms` 10,000, `status` 503 |
//! | `oversize` | sockets get a message that is too large | `bytes` 16,777,217, `count` 1 |
//! | `refuse` | a login is refused | `status` 401, `count` 1 |
//! | `reorder` | an event is held back, so that later ones overtake it | `ms` 1,000, `count` 1 |
//! | `revoke` | every token is unknown, refresh tokens too; sockets are closed with code 1008 | |
//! | `skew` | the server's clock is wrong when it dates and judges tokens | `ms`: ahead, negative: behind |
//! | `slow` | the server reads slowly from the open sockets | `bytes` 1,024 a second, `ms` 30,000 |
//! | `stall` | open sockets are ignored and get nothing (half-open); what was to be sent is lost, but on Token Bowl Chat comes afterwards | `ms` 30,000 |
//! | `truncate` | a message to a client, or with `path` an answer over HTTP, ends in the middle | `count` 1, `path` |
//!
//! Payman and Mesh have no websockets: there `disconnect`, `garbage` and `stall` befall the next `count` requests, which are cut, answered with
//! a 200 that is no JSON, or answered late, and with an `ms` of 0 never. On Mesh a stall that names no time never ends either, and a request
//! meets one fault at most, in the order in which they were asked for.
//!
//! With `user` only the sockets of that user are concerned, on platforms where people have sockets.
//!
//! A `count` of 0 takes back the waiting faults of that kind. An `ms` of 0 ends a stall, a slow reader or a maintenance.
//!
//! # Chaos
//!
//! Faults also happen by seed and rate.
//!
//! The rate is a probability. Each of the occasions below draws once: with probability `rate` a fault is drawn for it, with the shares
//! of its row. The same seed gives the same draws for the same occasions in the same order.
//!
//! | occasion | shares in per cent |
//! |---|---|
//! | a request over HTTP arrives | `http` 50 (a third each: 500, 502 or 504 without advice; 503 without advice; 429 or 503 with `Retry-After` 1 to 5 s), `delay` up to 3 s 25, `disconnect` 18, `expire` 4, `revoke` 2, `maintenance` up to 20 s 1 |
//! | its answer leaves | `disconnect` 50, `delay` up to 3 s 40, `truncate` 10 |
//! | a websocket is to be opened | `http` 503 50, `disconnect` 30, `delay` up to 3 s 20 |
//! | a message of a client arrives | `disconnect` 40, `clog` in up to 5 s 25, `slow` with 256 bytes/s for up to 20 s 15, `stall` for 30 to 60 s 10, `close` 10 |
//! | the answer to it leaves | `disconnect` 40, `delay` up to 3 s 25, `jitter` up to 1 s 20, `clog` out up to 5 s 15 |
//! | an event leaves on a socket | `disconnect` 25, `jitter` up to 1 s 15, `duplicate` 12, `reorder` 12, `close` 10, `truncate` 8, `garbage` 8, `clog` out up to 5 s 6, `stall` for 30 to 60 s 3, `oversize` 1 |
//!
//! The codes of `close` are 1000, 1001, 1005 (none), 1011, 1012 and 4000, in equal shares. Never drawn are `lose`, since no client can know of an event that a server
//! never sends, `refuse`, since it ends a bot for good, and `skew`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::Refusal;
use super::journal::Direction;

macro_rules! kinds {
    ($($(#[$doc:meta])* $Kind:ident = $name:literal, $status:literal, $ms:expr, $bytes:literal;)*) => {
        /// A kind of fault; the [module](self) has the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FaultKind {
            $($(#[$doc])* $Kind,)*
        }

        impl FaultKind {
            /// Every kind, in the order of their names.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$Kind),*];

            /// Returns the name that the control API uses.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$Kind => $name,)* }
            }

            fn status(self) -> u16 {
                match self { $(Self::$Kind => $status,)* }
            }

            fn ms(self) -> u64 {
                match self { $(Self::$Kind => $ms,)* }
            }

            fn bytes(self) -> u64 {
                match self { $(Self::$Kind => $bytes,)* }
            }
        }
    };
}

kinds! {
    /// One direction is stuck.
    Clog = "clog", 503, 5_000, 0;
    /// Closes sockets with a close frame.
    Close = "close", 503, 0, 0;
    /// Holds answers back.
    Delay = "delay", 503, 0, 0;
    /// Cuts connections without a close frame.
    Disconnect = "disconnect", 503, 0, 0;
    /// Sends events twice.
    Duplicate = "duplicate", 503, 0, 0;
    /// Ends the access tokens that were given out.
    Expire = "expire", 503, 0, 0;
    /// Sends what cannot be decoded.
    Garbage = "garbage", 503, 0, 0;
    /// Answers requests with an error status.
    Http = "http", 503, 0, 0;
    /// Sends late by a random time.
    Jitter = "jitter", 503, 100, 0;
    /// Does not send events.
    Lose = "lose", 503, 0, 0;
    /// Refuses everything for a while.
    Maintenance = "maintenance", 503, 10_000, 0;
    /// Sends what is too large.
    Oversize = "oversize", 503, 0, 16_777_217;
    /// Refuses logins.
    Refuse = "refuse", 401, 0, 0;
    /// Sends events in another order.
    Reorder = "reorder", 503, 1_000, 0;
    /// Makes every token that was given out unknown.
    Revoke = "revoke", 503, 0, 0;
    /// Puts the clock of the tokens wrong.
    Skew = "skew", 503, 0, 0;
    /// Reads slowly.
    Slow = "slow", 503, 30_000, 1_024;
    /// Ignores clients and sends them nothing.
    Stall = "stall", 503, 30_000, 0;
    /// Sends half a message.
    Truncate = "truncate", 503, 0, 0;
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| Refusal::bad(unknown_kind(name, &Self::ALL)))
    }
}

/// A fault: plain data that says what goes wrong, and not to whom.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom::simulator::{Fault, FaultKind};
///
/// let fault = Fault::new(FaultKind::Http).status(429).lasting(Duration::from_secs(2));
/// assert_eq!(fault.to_json().to_string(), r#"{"kind":"http","ms":2000,"status":429}"#);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The status of `http`, `maintenance` and `refuse`.
    pub status: u16,
    /// How often; default 1.
    pub count: u32,
    /// How long in milliseconds, if it was given.
    pub ms: Option<i64>,
    /// The code of a close frame, if it was given.
    pub code: Option<u16>,
    /// Which direction of a socket.
    pub direction: Direction,
    /// How many bytes.
    pub bytes: u64,
    /// Only requests whose target begins with this meet the fault.
    pub path: Option<String>,
    /// The body of `http`, in place of the platform's own.
    pub body: Option<Value>,
    /// Only sockets of this user are concerned, where sockets are.
    pub user: Option<String>,
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

impl Fault {
    /// Describes a fault of this kind, everything else as by default.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            status: kind.status(),
            count: 1,
            ms: None,
            code: None,
            direction: Direction::Out,
            bytes: kind.bytes(),
            path: None,
            body: None,
            user: None,
        }
    }

    /// Sets how often.
    #[must_use]
    pub fn count(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets how long: the duration, the delay, or what `Retry-After` asks for.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.ms = Some(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
        self
    }

    /// Sets the code of the close frame.
    #[must_use]
    pub fn code(mut self, code: u16) -> Self {
        self.code = Some(code);
        self
    }

    /// Sets the direction.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Sets the number of bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the beginning of the targets that are concerned.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Sets whose sockets are concerned.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }

    /// Sets by how many milliseconds a clock is ahead.
    #[must_use]
    pub fn ahead(mut self, ms: i64) -> Self {
        self.ms = Some(ms);
        self
    }

    /// Reads a fault from the body of a control request.
    ///
    /// # Errors
    ///
    /// Refuses kinds outside `kinds`, with the list of those, fields that there are not, and values that are wrong: all of them, by
    /// their names.
    pub fn parse(body: Map<String, Value>, kinds: &[FaultKind]) -> Result<Self, Refusal> {
        Self::read(body, kinds).map_err(|wrong| {
            let all: Vec<String> = wrong.into_iter().map(|(_, text)| text).collect();
            Refusal::bad(format!("fault: {}", all.join("; ")))
        })
    }

    /// As [`parse`](Self::parse), with each fault of the description beside the field that it is in.
    pub(super) fn read(
        mut body: Map<String, Value>,
        kinds: &[FaultKind],
    ) -> Result<Self, Vec<(String, String)>> {
        let named = body.remove("kind").unwrap_or_default();
        let kind = match &named {
            Value::String(name) => kinds.iter().copied().find(|kind| kind.name() == name),
            _ => None,
        };
        let Some(kind) = kind else {
            let text = match named {
                Value::String(name) => unknown_kind(&name, kinds),
                _ => format!("kind is required, one of {}", names(kinds)),
            };
            return Err(vec![("kind".to_owned(), text)]);
        };
        let mut fault = Self::new(kind);
        let mut wrong = Vec::new();
        for (name, value) in body {
            if value.is_null() {
                continue;
            }
            if let Err(text) = fault.set(&name, value) {
                wrong.push((name.clone(), format!("{name}: {text}")));
            }
        }
        if kind == FaultKind::Skew && fault.ms.is_none() && wrong.is_empty() {
            wrong.push(("ms".to_owned(), "ms is required for skew".to_owned()));
        }
        match wrong.is_empty() {
            true => Ok(fault),
            false => Err(wrong),
        }
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), String> {
        match name {
            "status" => self.status = number(&value, 100, 599)?,
            "count" => self.count = number(&value, 0, i64::from(u32::MAX))?,
            "code" => self.code = Some(number(&value, 1_000, 4_999)?),
            "bytes" => self.bytes = number(&value, 1, MOST_BYTES)?,
            "ms" if self.kind == FaultKind::Skew => {
                self.ms = Some(number(&value, -LONGEST_MS, LONGEST_MS)?);
            }
            "ms" => self.ms = Some(number(&value, 0, LONGEST_MS)?),
            "direction" => {
                self.direction = match value.as_str() {
                    Some("in") => Direction::In,
                    Some("out") => Direction::Out,
                    _ => return Err(format!("{value} is neither \"in\" nor \"out\"")),
                }
            }
            "path" => match value {
                Value::String(path) => self.path = Some(path).filter(|path| !path.is_empty()),
                other => return Err(format!("{other} is no text")),
            },
            "user" => match value {
                Value::String(name) => self.user = Some(name),
                other => return Err(format!("{other} is no text")),
            },
            "body" => self.body = Some(value),
            _ => {
                let known = "body, bytes, code, count, direction, kind, ms, path, status, user";
                return Err(format!("there is no such field, known are {known}"));
            }
        }
        Ok(())
    }

    /// Writes the fault as the control API takes it; what is as by default is left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let usual = Self::new(self.kind);
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("kind", Some(self.kind.name().into()));
        put(
            "status",
            (self.status != usual.status).then(|| self.status.into()),
        );
        put(
            "count",
            (self.count != usual.count).then(|| self.count.into()),
        );
        put("ms", self.ms.map(Into::into));
        put("code", self.code.map(Into::into));
        let direction = self.direction.name();
        put(
            "direction",
            (self.direction != usual.direction).then(|| direction.into()),
        );
        put(
            "bytes",
            (self.bytes != usual.bytes).then(|| self.bytes.into()),
        );
        put("path", self.path.clone().map(Into::into));
        put("body", self.body.clone());
        put("user", self.user.clone().map(Into::into));
        Value::Object(body)
    }

    /// Returns how long the fault lasts, or what is usual for its kind if it does not say.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let given = self.ms.map(|ms| u64::try_from(ms).unwrap_or_default());
        Duration::from_millis(given.unwrap_or_else(|| self.kind.ms()))
    }

    pub(super) fn meets(&self, target: Target<'_>) -> bool {
        match (&self.path, target) {
            (None, Target::Request(_) | Target::Socket) => true,
            (Some(path), Target::Request(target) | Target::Upgrade(target)) => {
                target.starts_with(path.as_str())
            }
            (None, Target::Upgrade(_)) | (Some(_), Target::Socket) => false,
        }
    }
}

/// What may meet a fault. Upgrades to websockets meet only faults that name their path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    Request(&'a str),
    Socket,
    Upgrade(&'a str),
}

fn number<T: TryFrom<i64>>(value: &Value, from: i64, to: i64) -> Result<T, String> {
    let found = value.as_i64().filter(|number| (from..=to).contains(number));
    found
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("{value} is no whole number from {from} to {to}"))
}

fn unknown_kind(name: &str, kinds: &[FaultKind]) -> String {
    format!("unknown kind \"{name}\", known are {}", names(kinds))
}

fn names(kinds: &[FaultKind]) -> String {
    let known: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    known.join(", ")
}

/// The longest time that anything lasts, a year.
const LONGEST_MS: i64 = 365 * 24 * 3_600_000;
const MOST_BYTES: i64 = 48 << 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: Value) -> Result<Fault, Refusal> {
        let Value::Object(body) = body else {
            unreachable!()
        };
        Fault::parse(body, &FaultKind::ALL)
    }

    #[test]
    fn an_unknown_kind_is_answered_with_the_list() {
        for body in [json!({"kind": "fire"}), json!({}), json!({"kind": 7})] {
            let refusal = parse(body).unwrap_err();
            assert_eq!(refusal.status, 400);
            for kind in FaultKind::ALL {
                assert!(refusal.text.contains(kind.name()), "{refusal}");
            }
        }
    }

    #[test]
    fn every_kind_is_read_by_its_name_and_written_again() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.name().parse::<FaultKind>().unwrap(), kind);
            let fault = Fault::new(kind)
                .lasting(Duration::from_millis(7))
                .code(4_000)
                .count(3);
            assert_eq!(parse(fault.to_json()).unwrap(), fault);
        }
        let mut sorted = FaultKind::ALL.map(FaultKind::name);
        sorted.sort_unstable();
        assert_eq!(sorted, FaultKind::ALL.map(FaultKind::name));
    }

    #[test]
    fn what_is_not_given_has_a_default() {
        let fault = parse(json!({"kind": "http", "ms": null})).unwrap();
        assert_eq!((fault.status, fault.count, fault.ms), (503, 1, None));
        assert_eq!(parse(json!({"kind": "refuse"})).unwrap().status, 401);
        let stall = parse(json!({"kind": "stall"})).unwrap();
        assert_eq!(stall.duration(), Duration::from_secs(30));
    }

    #[test]
    fn all_wrong_fields_are_named() {
        let body = json!({"kind": "http", "status": 7, "count": -1, "code": "x", "direction": "up", "bytes": 0, "path": 1, "ms": 0.5, "speed": 1});
        let refusal = parse(body).unwrap_err();
        assert_eq!(refusal.status, 400);
        for field in [
            "status: 7 is no whole number from 100 to 599",
            "count: -1",
            "code: \"x\"",
            "direction: \"up\"",
            "bytes: 0",
            "path: 1",
            "ms: 0.5",
            "speed: there is no such field",
        ] {
            assert!(refusal.text.contains(field), "{field}: {refusal}");
        }
        assert!(parse(json!({"kind": "stall", "ms": -1})).is_err());
        assert!(parse(json!({"kind": "skew", "ms": -1})).is_ok());
        assert!(
            parse(json!({"kind": "skew"}))
                .unwrap_err()
                .text
                .contains("ms is required")
        );
    }
}
