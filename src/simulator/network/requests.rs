//! Requests over HTTP: what they meet, how they are answered, and what is noted of them.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc;

use super::Network;
use crate::simulator::chaos::Occasion;
use crate::simulator::exchange::{Request, Response};
use crate::simulator::fault::{Fault, FaultKind, Target};
use crate::simulator::host::Now;
use crate::simulator::journal::{Body, Direction, Http};

/// What a request meets before it is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    /// How long it is held.
    pub(crate) hold: Duration,
    pub(super) fate: Fate,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Fate {
    #[default]
    Served,
    /// Answered in place of the platform.
    Answered(Response),
    /// The connection is cut, and the platform never hears of it.
    Cut,
    /// Served, as a stream whose first event cannot be decoded.
    Garbled,
    /// The answer ends in the middle.
    Truncated,
}

/// How a request ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// How long the answer is held.
    pub(crate) hold: Duration,
    /// How it ends.
    pub(crate) end: End,
}

/// How an answer leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection is cut without an answer.
    Cut,
    /// The answer ends in the middle of its body.
    Half(Response),
    /// The answer leaves.
    Whole(Response),
}

impl Network {
    /// Takes in a request over HTTP, and says what it meets.
    pub(in crate::simulator) fn begin(&mut self, now: Now, request: &Request) -> Gate {
        self.note_request(request);
        let gate = self.gate(now, request, Target::Request(&request.target));
        match self.drawn(Occasion::Request, None) {
            Some(fault) => self.meet(now, &fault, gate),
            None => gate,
        }
    }

    /// Takes in a request to open a websocket, and says what it meets.
    pub(in crate::simulator) fn begin_upgrade(&mut self, now: Now, request: &Request) -> Gate {
        self.note_request(request);
        if self.cut_upgrades > 0 {
            self.cut_upgrades -= 1;
            self.note(&FaultKind::Disconnect.into(), None);
            return Gate {
                fate: Fate::Cut,
                ..Gate::default()
            };
        }
        let gate = self.gate(now, request, Target::Upgrade(&request.target));
        match self.drawn(Occasion::Upgrade, None) {
            Some(fault) => self.meet(now, &fault, gate),
            None => gate,
        }
    }

    pub(super) fn gate(&mut self, now: Now, request: &Request, target: Target<'_>) -> Gate {
        let mut gate = Gate::default();
        let mut kinds = vec![
            FaultKind::Delay,
            FaultKind::Truncate,
            FaultKind::Http,
            FaultKind::Disconnect,
        ];
        if self.host.is_login(request) {
            kinds.push(FaultKind::Refuse);
        }
        let requests_only = self.has_requests_only();
        if requests_only {
            kinds.extend([FaultKind::Garbage, FaultKind::Stall]);
        }
        if self.host.meets_one_fault() {
            if let Some(fault) = self.pending.take_any(&kinds, target) {
                gate = self.suffer(now, request, &fault, gate);
            }
            kinds.clear();
        }
        for kind in kinds {
            // Without a path it is the messages of sockets that are cut short.
            let named = matches!(kind, FaultKind::Truncate | FaultKind::Disconnect);
            let target = match target {
                Target::Request(target) if named && !requests_only => Target::Upgrade(target),
                // Where a login is an upgrade, it is refused like any other.
                Target::Upgrade(target) if kind == FaultKind::Refuse => Target::Request(target),
                target => target,
            };
            if let Some(fault) = self.pending.take(kind, target) {
                gate = self.suffer(now, request, &fault, gate);
            }
        }
        if let Some((until, status)) = self.maintenance.filter(|(until, _)| *until > now.at) {
            let left = until.saturating_duration_since(now.at);
            tracing::debug!(?left, "refused for maintenance");
            gate.fate = Fate::Answered(self.host.error(status, "down for maintenance"));
        }
        gate
    }

    /// Lets a request meet a fault that has waited for it.
    fn suffer(&mut self, now: Now, request: &Request, fault: &Fault, gate: Gate) -> Gate {
        self.note(fault, None);
        match fault.kind {
            FaultKind::Garbage if self.host.is_stream(request) => Gate {
                fate: Fate::Garbled,
                ..gate
            },
            _ => self.meet(now, fault, gate),
        }
    }

    /// Lets a request meet a fault.
    pub(super) fn meet(&mut self, now: Now, fault: &Fault, mut gate: Gate) -> Gate {
        match fault.kind {
            FaultKind::Delay => gate.hold += fault.duration(),
            FaultKind::Disconnect => gate.fate = Fate::Cut,
            FaultKind::Http => gate.fate = Fate::Answered(self.injected(fault)),
            FaultKind::Refuse => {
                let refused = self.host.error(fault.status, "injected refusal of a login");
                gate.fate = Fate::Answered(refused);
            }
            FaultKind::Truncate => gate.fate = Fate::Truncated,
            FaultKind::Garbage if self.has_requests_only() => {
                gate.fate = Fate::Answered(Response {
                    status: 200,
                    content_type: "application/json".into(),
                    headers: Vec::new(),
                    body: Bytes::from_static(b"not json {"),
                });
            }
            FaultKind::Stall if self.has_requests_only() => {
                let is_unnamed = fault.ms.is_none() && self.host.stalls_for_good();
                let endless = is_unnamed || fault.duration().is_zero();
                gate.hold += if endless { ENDLESS } else { fault.duration() };
            }
            _ => {
                self.apply(now, fault, None);
                if let Some((until, status)) = self.maintenance
                    && until > now.at
                {
                    gate.fate = Fate::Answered(self.host.error(status, "down for maintenance"));
                }
            }
        }
        gate
    }

    /// Answers a request that has passed its gate.
    pub(in crate::simulator) fn finish(
        &mut self,
        now: Now,
        request: &Request,
        gate: Gate,
    ) -> Reply {
        let whole = |response| Reply {
            hold: Duration::ZERO,
            end: End::Whole(response),
        };
        let response = match gate.fate {
            Fate::Cut => {
                return Reply {
                    hold: Duration::ZERO,
                    end: End::Cut,
                };
            }
            Fate::Answered(response) => {
                self.note_response(request, &response);
                return whole(response);
            }
            Fate::Garbled | Fate::Served | Fate::Truncated => {
                let (response, outs) = self.host.call(now, request);
                self.note_response(request, &response);
                self.carry_out(now, outs);
                response
            }
        };
        let hold = self.host.late(request);
        let whole = |response| Reply {
            hold,
            end: End::Whole(response),
        };
        if matches!(gate.fate, Fate::Truncated) {
            return Reply {
                hold: Duration::ZERO,
                end: End::Half(response),
            };
        }
        let Some(fault) = self.drawn(Occasion::Response, None) else {
            return whole(response);
        };
        match fault.kind {
            FaultKind::Disconnect => Reply {
                hold: Duration::ZERO,
                end: End::Cut,
            },
            FaultKind::Truncate => Reply {
                hold: Duration::ZERO,
                end: End::Half(response),
            },
            _ => Reply {
                hold: fault.duration(),
                end: End::Whole(response),
            },
        }
    }

    /// Opens a stream of events, if its request has passed its gate.
    pub(in crate::simulator) fn stream(
        &mut self,
        now: Now,
        request: &Request,
        gate: Gate,
    ) -> Result<mpsc::Receiver<Bytes>, Option<Response>> {
        let opened = match gate.fate {
            Fate::Cut => return Err(None),
            Fate::Answered(response) => Err(response),
            Fate::Garbled | Fate::Served | Fate::Truncated => self.host.stream(now, request),
        };
        let opening = Response {
            status: 200,
            content_type: "text/event-stream".into(),
            ..Response::default()
        };
        self.note_response(request, opened.as_ref().err().unwrap_or(&opening));
        opened.map_err(Some)
    }

    /// Makes the answer of a fault; a time that it names is the advice when to try again.
    pub(super) fn injected(&self, fault: &Fault) -> Response {
        let mut response = match &fault.body {
            Some(Value::String(text)) => Response {
                status: fault.status,
                content_type: "text/plain; charset=utf-8".into(),
                headers: Vec::new(),
                body: text.clone().into(),
            },
            Some(body) => Response {
                status: fault.status,
                content_type: "application/json".into(),
                headers: Vec::new(),
                body: body.to_string().into(),
            },
            None => self.host.injected(fault.status),
        };
        let asked = fault.ms.filter(|ms| *ms > 0);
        let asked = asked.or_else(|| self.host.always_advises().then_some(0));
        if let (429 | 503, Some(_)) = (fault.status, asked) {
            let seconds = fault.duration().as_millis().div_ceil(1_000);
            let advice = ("retry-after".into(), seconds.to_string());
            response.headers.push(advice);
        }
        response
    }

    pub(super) fn note_request(&mut self, request: &Request) {
        let http = Http {
            method: request.method.clone(),
            path: request.target.clone(),
            headers: request.headers.clone(),
            status: None,
        };
        let body = Body::Http {
            bytes: request.body.clone(),
            content_type: request.header("content-type").to_owned(),
        };
        self.journal.push(Direction::In, Some(http), body);
    }

    pub(super) fn note_response(&mut self, request: &Request, response: &Response) {
        let mut headers = response.headers.clone();
        if !response.content_type.is_empty() {
            headers.push(("content-type".into(), response.content_type.clone()));
        }
        let http = http_of(request, headers, response.status);
        let body = Body::Http {
            bytes: response.body.clone(),
            content_type: response.content_type.clone(),
        };
        self.journal.push(Direction::Out, Some(http), body);
    }
}

/// What the journal says of an answer beside its body.
pub(super) fn http_of(request: &Request, headers: Vec<(String, String)>, status: u16) -> Http {
    Http {
        method: request.method.clone(),
        path: request.target.clone(),
        headers,
        status: Some(status),
    }
}

/// As long as any client waits.
const ENDLESS: Duration = Duration::from_secs(3_600);
