//! One simulated platform, shared by its sockets and its control side.

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use greenroom_actors::clock::Instant;
use greenroom_actors::connection::Frame;
use greenroom_actors::entropy::Entropy;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};

use super::error::Refusal;
use super::exchange::{Request, Response};
use super::fault::{Fault, FaultKind};
use super::hooks;
use super::host::{Host, Now, Out, SocketId};
use super::journal::Entry;
use super::line::Plug;
use super::network::{Gate, Network, Opening, Reply};
use super::platform::Platform;
use crate::platform::http::Exchange;

/// A simulated platform behind one lock: what happens has one order.
pub(crate) struct Server {
    url: String,
    entropy: Entropy,
    socket_paths: &'static [&'static str],
    stream_path: Option<&'static str>,
    subprotocols: &'static [&'static str],
    kinds: &'static [FaultKind],
    ready_name: Option<&'static str>,
    speaks_first: bool,
    /// A websocket was opened.
    opened: Notify,
    network: Mutex<Network>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Puts a platform on its network, to be reached at `url`.
    pub(crate) fn new(host: Box<dyn Host>, url: String, entropy: Entropy) -> Self {
        Self {
            url,
            socket_paths: host.socket_paths(),
            stream_path: host.stream_path(),
            subprotocols: host.subprotocols(),
            kinds: host.faults(),
            ready_name: host.ready_name(),
            speaks_first: host.speaks_first(),
            opened: Notify::new(),
            network: Mutex::new(Network::new(host, &entropy)),
            entropy,
        }
    }

    pub(crate) fn socket_paths(&self) -> &'static [&'static str] {
        self.socket_paths
    }

    pub(crate) fn stream_path(&self) -> Option<&'static str> {
        self.stream_path
    }

    /// Says whether a request opens a stream of events that is fed as websockets are.
    pub(crate) fn is_stream(&self, request: &Request) -> bool {
        self.lock().host.is_stream(request)
    }

    /// Says for how long the answer to a request is held back.
    pub(crate) fn late(&self, request: &Request) -> Duration {
        self.lock().host.late(request)
    }

    pub(super) fn subprotocols(&self) -> &'static [&'static str] {
        self.subprotocols
    }

    pub(crate) fn begin(&self, request: &Request) -> Gate {
        self.lock().begin(Now::read(), request)
    }

    /// Makes an error in the platform's own words.
    pub(super) fn error(&self, status: u16, text: &str) -> Response {
        self.lock().host.error(status, text)
    }

    pub(crate) fn begin_upgrade(&self, request: &Request) -> Gate {
        self.lock().begin_upgrade(Now::read(), request)
    }

    pub(crate) fn finish(&self, request: &Request, gate: Gate) -> Reply {
        self.lock().finish(Now::read(), request, gate)
    }

    pub(crate) fn open(
        &self,
        request: &Request,
        gate: Gate,
        plug: Option<Arc<dyn Plug>>,
    ) -> Opening {
        let opening = self.lock().open(Now::read(), request, gate, plug);
        self.opened.notify_one();
        opening
    }

    /// Does what is due at its moment, for as long as the platform runs.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        loop {
            let due = self.lock().host.due();
            let opened = self.opened.notified();
            match due {
                None => opened.await,
                Some(at) => {
                    let _ = tokio::time::timeout_at(at, opened).await;
                    self.lock().tick(Now::read());
                }
            }
        }
    }

    /// Makes the calls of web hooks, for as long as the platform runs.
    pub(crate) async fn call_hooks(self: Arc<Self>, connect: impl FnOnce() -> Rc<dyn Exchange>) {
        let calls = self.lock().hooks.listen();
        if let Some(calls) = calls {
            hooks::run(calls, connect).await;
        }
    }

    /// Takes a link that the platform has dialed; returns how many there are.
    pub(super) fn dialed(&self, plug: Arc<dyn Plug>) -> (super::network::Accepted, usize) {
        self.lock().dialed(plug)
    }

    pub(crate) fn stream(
        &self,
        request: &Request,
        gate: Gate,
    ) -> Result<mpsc::Receiver<Bytes>, Option<Response>> {
        self.lock().stream(Now::read(), request, gate)
    }

    pub(crate) fn receive(&self, socket: SocketId, frame: &Frame) {
        self.lock().receive(Now::read(), socket, frame);
    }

    /// A client has sent a ping, a pong or a close frame.
    pub(crate) fn heard(&self, socket: SocketId, frame: &Frame) {
        self.lock().heard(Now::read(), socket, frame);
    }

    pub(crate) fn stalled(&self, socket: SocketId) -> Option<Duration> {
        self.lock().stalled(Now::read(), socket)
    }

    /// Says from when on more is read of a websocket.
    pub(crate) fn reads(&self, socket: SocketId) -> Option<Instant> {
        let reads = self.lock().reads(socket);
        reads.filter(|from| *from > Now::read().at)
    }

    /// So many bytes of a websocket were read.
    pub(crate) fn read(&self, socket: SocketId, bytes: usize) {
        self.lock().read(Now::read(), socket, bytes);
    }

    /// Answers a ping frame, where no websocket below does.
    #[cfg(feature = "testing")]
    pub(crate) fn pong(&self, socket: SocketId, payload: Bytes) {
        self.lock().pong(Now::read(), socket, payload);
    }

    pub(crate) fn closed(&self, socket: SocketId) {
        self.lock().closed(socket);
    }

    /// Makes every frame take this long to its client, and tells `tap` of every entry of the journal.
    #[cfg(feature = "testing")]
    pub(crate) fn rehearse(&self, latency: Duration, tap: super::journal::Tap) {
        let mut network = self.lock();
        network.latency = latency;
        network.journal.tap(tap);
    }

    fn lock(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the logic and sends what it wants to send; returns its answer, and how many sockets got an event.
    fn run(
        &self,
        run: impl FnOnce(&mut dyn Host, Now) -> Result<(Value, Vec<Out>), Refusal>,
    ) -> Result<(Value, usize), Refusal> {
        let now = Now::read();
        let network = &mut *self.lock();
        let (value, outs) = run(&mut *network.host, now)?;
        Ok((value, network.carry_out(now, outs)))
    }

    /// As [`run`](Self::run), with the number of sockets in the answer.
    fn deliver(
        &self,
        run: impl FnOnce(&mut dyn Host, Now) -> Result<(Value, Vec<Out>), Refusal>,
    ) -> Result<Value, Refusal> {
        let (mut value, delivered) = self.run(run)?;
        if let Value::Object(fields) = &mut value {
            fields.insert("delivered".to_owned(), delivered.into());
        }
        Ok(value)
    }
}

impl Platform for Server {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn emit(&self, body: Map<String, Value>) -> Result<Value, Refusal> {
        self.deliver(|host, now| host.emit(now, body))
    }

    fn say(&self, body: Map<String, Value>) -> Result<Value, Refusal> {
        self.deliver(|host, now| host.say(now, &body))
    }

    fn fault(&self, fault: Fault) -> Result<Value, Refusal> {
        if !self.kinds.contains(&fault.kind) {
            let text = format!("fault: {} cannot happen here", fault.kind);
            return Err(Refusal::bad(text));
        }
        self.lock().fault(Now::read(), fault)
    }

    fn faults(&self) -> &'static [FaultKind] {
        self.kinds
    }

    fn chaos(&self, rate: f64) -> Result<Value, Refusal> {
        if !(0.0..=1.0).contains(&rate) {
            return Err(Refusal::bad(format!(
                "chaos: rate {rate} is not from 0 to 1"
            )));
        }
        let entropy = self.entropy.derive("chaos");
        self.lock().set_chaos(rate, entropy);
        Ok(json!({"ok": true, "rate": rate}))
    }

    fn journal(&self, seq: u64) -> Vec<Entry> {
        self.lock().journal.since(seq)
    }

    fn health(&self) -> Value {
        self.lock().health()
    }

    fn command(&self, name: &str, body: Map<String, Value>) -> Result<Value, Refusal> {
        let (answer, _) = self.run(|host, now| host.command(now, name, body))?;
        Ok(answer)
    }

    fn command_with_query(
        &self,
        name: &str,
        query: &str,
        body: Map<String, Value>,
    ) -> Result<Value, Refusal> {
        let (answer, _) = self.run(|host, now| host.command_with_query(now, name, query, body))?;
        Ok(answer)
    }

    fn dial(
        self: Arc<Self>,
        body: Map<String, Value>,
    ) -> Option<LocalBoxFuture<'static, Result<Value, Refusal>>> {
        match self.speaks_first {
            true => Some(Box::pin(super::dial::connect(self, body))),
            false => None,
        }
    }

    fn ready_name(&self) -> Option<&'static str> {
        self.ready_name
    }

    fn stop(&self) {
        self.lock().goodbye(Now::read());
    }
}
