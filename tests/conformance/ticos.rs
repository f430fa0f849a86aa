//! Ticos, where agents dial us: what holds when they are cut off, come back, and send nonsense.
//!
//! Nobody can be asked for what an agent said while it was away, and who dials, when and how often is the agent's affair. So the
//! promises are those of a server: what was taken in is handled once and in order, whatever becomes of the connection; a new connection
//! never waits for an old one; and what cannot be read costs nothing else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::actors::entropy::Entropy;
use greenroom::bot::Running;
use greenroom::prelude::*;
use greenroom::ticos::{AgentMessage, Settings, Ticos, TicosClient};
use serde_json::json;

#[path = "../ticos/agent.rs"]
#[expect(dead_code, reason = "the tests of the device use all of it")]
mod agent;

use agent::{Agent, BINARY, PING, PONG, TEXT};

const CUTS: u64 = 200;
const BETWEEN: u64 = 25;

/// A device that writes down what it handles: who sent it, and its number.
struct Device {
    bot: Running,
    client: TicosClient,
    handled: Arc<Mutex<Vec<(u64, u64)>>>,
    _home: tempfile::TempDir,
}

impl Device {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let ticos = Ticos::new(Settings::new(0).host("127.0.0.1").home(home.path()));
        let client = ticos.client();
        let handled = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&handled);
        let bot = Bot::builder("device").platform(ticos).on(
            "count",
            async move |message: Event<AgentMessage>| {
                if let Some(number) = message.body["number"].as_u64() {
                    list.lock().unwrap().push((message.agent, number));
                }
                Ok(())
            },
        );
        let bot = bot.build().unwrap().start();
        bot.connected().await.unwrap();
        Self {
            bot,
            client,
            handled,
            _home: home,
        }
    }

    async fn agent(&self) -> Agent {
        let address = self.client.address().unwrap();
        Agent::dial(address, "/realtime").await.unwrap()
    }

    /// Waits until so much was handled; returns false if it never is.
    async fn has_handled(&self, count: u64) -> bool {
        let enough = async {
            while (self.handled.lock().unwrap().len() as u64) < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), enough)
            .await
            .is_ok()
    }

    /// Waits until so much was handled, stops, and returns all of it.
    async fn finish(self, count: u64) -> Vec<(u64, u64)> {
        let enough = self.has_handled(count).await;
        self.bot.shutdown().await;
        let handled = self.handled.lock().unwrap().clone();
        assert!(enough, "{} of {count} were handled", handled.len());
        assert_eq!(self.bot.router().dead_letters().total(), 0);
        handled
    }
}

/// Waits until the device has taken in everything before.
async fn taken_in(agent: &mut Agent) {
    agent.frame(PING, true, b"?").await.unwrap();
    loop {
        if let (PONG, _) = agent.read().await.unwrap() {
            return;
        }
    }
}

#[actix_rt::test]
async fn what_was_taken_in_is_handled_once_and_in_order_however_often_the_agent_is_cut_off() {
    let device = Device::start().await;
    let mut number = 0;
    for cut in 0..CUTS {
        let mut agent = device.agent().await;
        for _ in 0..BETWEEN {
            agent.send(&json!({"type": "x", "number": number})).await;
            number += 1;
        }
        taken_in(&mut agent).await;
        if cut % 2 == 0 {
            // Cut off in the middle of a message: it was never taken in.
            let half = format!("{{\"type\": \"x\", \"number\": {number}");
            agent.frame(TEXT, false, half.as_bytes()).await.unwrap();
        }
        // No close frame: the connection is gone.
        drop(agent);
    }
    let handled = device.finish(number).await;
    let mut numbers: Vec<u64> = handled.iter().map(|(_, number)| *number).collect();
    for agent in 1..=CUTS {
        let of_agent = handled.iter().filter(|(from, _)| *from == agent);
        let of_agent: Vec<u64> = of_agent.map(|(_, number)| *number).collect();
        assert!(of_agent.is_sorted(), "out of order: {of_agent:?}");
        assert_eq!(of_agent.len() as u64, BETWEEN);
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..number), "each once");
}

#[actix_rt::test]
async fn an_agent_that_is_back_does_not_wait_for_its_old_connection() {
    let device = Device::start().await;
    let mut connections = Vec::new();
    for number in 0..50 {
        let mut agent = device.agent().await;
        agent.send(&json!({"type": "x", "number": number})).await;
        taken_in(&mut agent).await;
        // The one before says nothing any more, and nobody has told the device that it is gone.
        connections.push(agent);
        assert_eq!(device.client.agents(), connections.len());
    }
    let greeting = json!({"name": "greeting"});
    assert_eq!(device.client.broadcast(&greeting), connections.len());
    let mut newest = connections.pop().unwrap();
    assert_eq!(newest.receive().await, greeting);
    drop(connections);
    newest.send(&json!({"type": "x", "number": 50})).await;
    let mut handled = device.finish(51).await;
    handled.sort_unstable();
    let expected = (0..50).map(|number| (number + 1, number));
    let expected: Vec<_> = expected.chain([(50, 50)]).collect();
    assert_eq!(handled, expected);
}

#[actix_rt::test]
async fn nonsense_costs_nothing_else() {
    let device = Device::start().await;
    let mut agent = device.agent().await;
    let entropy = Entropy::seeded(7);
    for number in 0..1_000_u64 {
        let length = entropy.next_u64() % 200;
        // Whatever follows, no JSON begins so.
        let noise = (0..length).map(|_| entropy.next_u64() as u8);
        let noise: Vec<u8> = std::iter::once(b'}').chain(noise).collect();
        // A text must be one, or the connection ends, as the protocol demands.
        match number % 2 {
            0 => agent.frame(BINARY, true, &noise).await.unwrap(),
            _ => agent.text(&String::from_utf8_lossy(&noise)).await,
        }
        agent.send(&json!({"type": "x", "number": number})).await;
    }
    taken_in(&mut agent).await;
    // What was taken in is read where it is handled: the nonsense before the last message, then.
    assert!(device.has_handled(1_000).await);
    let stats = device.client.stats().unwrap();
    assert_eq!((stats.received, stats.bad), (2_000, 1_000));
    let handled = device.finish(1_000).await;
    assert!(handled.into_iter().eq((0..1_000).map(|number| (1, number))));
}
