//! Faults that a test asks for: what they are, how they are written, and which request meets which.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Refusal;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// Closes sockets with a close frame.
    Close,
    /// Holds answers back.
    Delay,
    /// Cuts connections without a close frame.
    Disconnect,
    /// Sends events twice.
    Duplicate,
    /// Makes every token that was given out unknown.
    Expire,
    /// Sends what cannot be decoded.
    Garbage,
    /// Answers requests with an error status.
    Http,
    /// Does not send events.
    Lose,
    /// Ignores clients and sends them nothing.
    Stall,
}

impl FaultKind {
    /// Every kind, in the order of their names.
    pub const ALL: [Self; 9] = [
        Self::Close,
        Self::Delay,
        Self::Disconnect,
        Self::Duplicate,
        Self::Expire,
        Self::Garbage,
        Self::Http,
        Self::Lose,
        Self::Stall,
    ];

    /// Returns the name that the control API uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Delay => "delay",
            Self::Disconnect => "disconnect",
            Self::Duplicate => "duplicate",
            Self::Expire => "expire",
            Self::Garbage => "garbage",
            Self::Http => "http",
            Self::Lose => "lose",
            Self::Stall => "stall",
        }
    }
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
        found.ok_or_else(|| unknown_kind(name, &Self::ALL))
    }
}

/// A fault as the control API takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The status of `http`; default 503.
    pub status: u16,
    /// How often; default 1.
    pub count: u32,
    /// How long, if it was given.
    pub ms: Option<u64>,
    /// The code of `close`; default 1001.
    pub code: u16,
    /// Only requests whose target begins with this meet the fault.
    pub path: Option<String>,
    /// The body of `http`, in place of the platform's own.
    pub body: Option<Value>,
}

impl Fault {
    /// Reads a fault from the body of a control request.
    ///
    /// # Errors
    ///
    /// Refuses kinds outside `kinds`, with the list of those, and fields of a wrong type.
    pub fn parse(body: Map<String, Value>, kinds: &[FaultKind]) -> Result<Self, Refusal> {
        let raw: RawFault = serde_json::from_value(Value::Object(body))
            .map_err(|fault| Refusal::bad(format!("fault: {fault}")))?;
        let kind = kinds.iter().copied().find(|kind| kind.name() == raw.kind);
        let kind = kind.ok_or_else(|| unknown_kind(&raw.kind, kinds))?;
        let status = raw.status.unwrap_or(503);
        if !(100..=599).contains(&status) {
            return Err(Refusal::bad(format!(
                "fault: status {status} is not between 100 and 599"
            )));
        }
        Ok(Self {
            kind,
            status,
            count: raw.count.unwrap_or(1),
            ms: raw.ms,
            code: raw.code.unwrap_or(1001),
            path: raw.path.filter(|path| !path.is_empty()),
            body: raw.body,
        })
    }

    /// Returns how long the fault lasts, or `default` if it does not say.
    #[must_use]
    pub fn duration(&self, default: Duration) -> Duration {
        self.ms.map_or(default, Duration::from_millis)
    }

    fn meets(&self, target: Option<&str>) -> bool {
        match (&self.path, target) {
            (None, _) => true,
            (Some(path), Some(target)) => target.starts_with(path.as_str()),
            (Some(_), None) => false,
        }
    }
}

/// Faults that wait for the requests that shall meet them, in the order in which they were asked for.
#[derive(Debug, Default)]
pub struct Pending {
    faults: VecDeque<Fault>,
}

impl Pending {
    /// The largest number of faults that can wait.
    pub const LIMIT: usize = 1_024;

    /// Adds a fault; one with a count of 0 clears the waiting ones of its kind instead.
    ///
    /// # Errors
    ///
    /// Refuses more than [`Pending::LIMIT`] faults.
    pub fn add(&mut self, fault: Fault) -> Result<(), Refusal> {
        if fault.count == 0 {
            self.faults.retain(|other| other.kind != fault.kind);
            return Ok(());
        }
        if self.faults.len() >= Self::LIMIT {
            return Err(Refusal::bad("fault: too many faults are waiting"));
        }
        self.faults.push_back(fault);
        Ok(())
    }

    /// Takes one of the first fault of `kind` that meets a request for `target` (or a socket, if that is none).
    pub fn take(&mut self, kind: FaultKind, target: Option<&str>) -> Option<Fault> {
        let place = self
            .faults
            .iter()
            .position(|fault| fault.kind == kind && fault.meets(target))?;
        let waiting = self.faults.get_mut(place)?;
        waiting.count -= 1;
        let fault = waiting.clone();
        if waiting.count == 0 {
            self.faults.remove(place);
        }
        Some(fault)
    }
}

#[derive(Deserialize)]
struct RawFault {
    kind: String,
    status: Option<u16>,
    count: Option<u32>,
    ms: Option<u64>,
    code: Option<u16>,
    path: Option<String>,
    body: Option<Value>,
}

fn unknown_kind(name: &str, kinds: &[FaultKind]) -> Refusal {
    let known: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    Refusal::bad(format!(
        "fault: unknown kind \"{name}\", known are {}",
        known.join(", ")
    ))
}

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
        let refusal = parse(json!({"kind": "fire"})).unwrap_err();
        assert_eq!(refusal.status, 400);
        for kind in FaultKind::ALL {
            assert!(refusal.text.contains(kind.name()), "{refusal}");
        }
    }

    #[test]
    fn what_is_not_given_has_a_default() {
        let fault = parse(json!({"kind": "http"})).unwrap();
        assert_eq!((fault.status, fault.count, fault.ms), (503, 1, None));
        assert_eq!(
            parse(json!({"kind": "http", "status": 7}))
                .unwrap_err()
                .status,
            400
        );
        assert_eq!(
            parse(json!({"kind": "stall", "ms": -1}))
                .unwrap_err()
                .status,
            400
        );
    }

    #[test]
    fn each_request_meets_one_fault_in_the_order_they_came() {
        let mut pending = Pending::default();
        pending
            .add(parse(json!({"kind": "http", "status": 500, "count": 2, "path": "/a"})).unwrap())
            .unwrap();
        pending
            .add(parse(json!({"kind": "http", "status": 429})).unwrap())
            .unwrap();
        let mut status = |target| {
            pending
                .take(FaultKind::Http, Some(target))
                .map(|fault| fault.status)
        };
        assert_eq!(status("/b"), Some(429));
        assert_eq!(status("/b"), None);
        assert_eq!(status("/a/x?y=1"), Some(500));
        assert_eq!(status("/a"), Some(500));
        assert_eq!(status("/a"), None);
    }

    #[test]
    fn a_count_of_zero_clears_its_kind() {
        let mut pending = Pending::default();
        pending
            .add(parse(json!({"kind": "delay", "ms": 5, "count": 9})).unwrap())
            .unwrap();
        pending
            .add(parse(json!({"kind": "http"})).unwrap())
            .unwrap();
        pending
            .add(parse(json!({"kind": "delay", "count": 0})).unwrap())
            .unwrap();
        assert_eq!(pending.take(FaultKind::Delay, None), None);
        assert!(pending.take(FaultKind::Http, None).is_some());
    }
}
