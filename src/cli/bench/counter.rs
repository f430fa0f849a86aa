//! The handlers of the benchmarks.

use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::clock::{self, Instant};
use greenroom_proto::mezon::api::ChannelMessage;
use tokio::sync::mpsc;

use super::dialect::Dialect;
use super::load;
use super::report::{Latencies, Report, Thirds};
use super::scene::FIRST_CHANNEL;
use crate::bot::BotBuilder;
use crate::mezon::OnMessage as _;
use crate::prelude::*;
use crate::token_bowl::model;

/// What handlers do.
#[derive(Clone, Debug)]
pub(super) struct Duty {
    /// How many events each of them waits for.
    pub(super) events: u64,
    /// In how many channels of the blaster the order is checked.
    pub(super) channels: usize,
    pub(super) dialect: Option<Dialect>,
    pub(super) reply: bool,
    pub(super) latency: bool,
    /// How long each event keeps a handler busy.
    pub(super) work: Duration,
    /// Who is told once all have come.
    pub(super) tell: mpsc::UnboundedSender<(usize, Report)>,
}

impl Duty {
    /// Adds handler number `number`.
    pub(super) fn add_to(&self, builder: BotBuilder, number: usize) -> BotBuilder {
        let name = format!("counter {number}");
        let duty = self.clone();
        if self.reply {
            let answer = move || Answerer(Counter::new(number, duty.clone()));
            return builder.handler(Registration::new(&name, answer).on::<ChannelMessage>());
        }
        let dialect = self.dialect;
        let counter = Registration::new(&name, move || Counter::new(number, duty.clone()));
        builder.handler(match dialect {
            Some(Dialect::TokenBowl) => counter.on::<model::Message>(),
            _ => counter.on::<ChannelMessage>(),
        })
    }
}

/// Counts messages, and tells once all have come.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: what waits is left.
/// * **What it may lose**: its count, if it failed; then the benchmark has no result.
struct Counter {
    number: usize,
    duty: Duty,
    events: u64,
    sum: u64,
    disorder: u64,
    first: Option<Instant>,
    thirds: Thirds,
    /// The last message of each channel whose order is checked.
    last: Vec<i64>,
    latencies: Option<Latencies>,
}

impl Counter {
    fn new(number: usize, duty: Duty) -> Self {
        Self {
            number,
            events: 0,
            sum: 0,
            disorder: 0,
            first: None,
            thirds: Thirds::new(duty.events),
            last: vec![0; duty.channels],
            latencies: duty.latency.then(Latencies::default),
            duty,
        }
    }

    fn count_message(&mut self, message: &ChannelMessage) {
        let place = usize::try_from(message.channel_id - FIRST_CHANNEL).unwrap_or(usize::MAX);
        if let Some(last) = self.last.get_mut(place) {
            self.disorder += u64::from(message.message_id <= *last);
            *last = message.message_id;
        }
        self.count(&message.content);
    }

    fn count(&mut self, content: &str) {
        self.events += 1;
        self.sum += content.len() as u64;
        if self.events == 1 {
            self.first = Some(clock::now());
        }
        if let Some(latencies) = &mut self.latencies
            && let Some(sent) = load::sent_at(content)
        {
            latencies.add(load::nanos().saturating_sub(sent));
        }
        if !self.duty.work.is_zero() {
            let start = clock::now();
            while start.elapsed() < self.duty.work {
                std::hint::spin_loop();
            }
        }
        self.thirds.count(self.events);
        if self.events == self.duty.events {
            self.report();
        }
    }

    fn report(&mut self) {
        let report = Report {
            events: self.events,
            seconds: self
                .first
                .map_or(0.0, |first| first.elapsed().as_secs_f64()),
            sum: self.sum,
            disorder: self.disorder,
            thirds: self.thirds.rates(),
            latency_us: self.latencies.take().and_then(Latencies::quantiles),
            ..Report::default()
        };
        // Nobody waits any more if the benchmark was stopped.
        let _ = self.duty.tell.send((self.number, report));
    }
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Event<ChannelMessage>> for Counter {
    type Result = Outcome;

    fn handle(&mut self, message: Event<ChannelMessage>, _: &mut Self::Context) -> Outcome {
        self.count_message(&message);
        Ok(())
    }
}

impl Handler<Event<model::Message>> for Counter {
    type Result = Outcome;

    fn handle(&mut self, message: Event<model::Message>, _: &mut Self::Context) -> Outcome {
        self.count(&message.content);
        Ok(())
    }
}

/// Answers each message, and counts it when the platform has taken the answer.
///
/// * **Who starts it**: the bot that is measured, as one of its handlers.
/// * **What ends it**: the end of the measurement.
/// * **What happens to its mailbox then**: the events that wait are left over; by then it has counted all that it was to count.
/// * **What it may lose**: its count if it crashed, and with that the measurement.
struct Answerer(Counter);

impl Actor for Answerer {
    type Context = Context<Self>;
}

impl Handler<Event<ChannelMessage>> for Answerer {
    type Result = ResponseActFuture<Self, Outcome>;

    fn handle(&mut self, message: Event<ChannelMessage>, _: &mut Self::Context) -> Self::Result {
        let answered = async move {
            let answer = match message.live() {
                Some(live) => live.reply("noted").await.map(drop),
                None => Ok(()),
            };
            (answer, message)
        };
        let counted = answered
            .into_actor(self)
            .map(|(answer, message), answerer, _| {
                answer?;
                answerer.0.count_message(&message);
                Ok(())
            });
        Box::pin(counted)
    }
}
