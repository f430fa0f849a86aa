//! One event is followed from the socket to the acknowledgement of its reply.
#![cfg(all(feature = "cli", feature = "mezon", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use actix::{Actor, Context, Handler, ResponseFuture};
use greenroom::prelude::*;
use greenroom_proto::mezon::Wire;
use serde::{Deserialize, Serialize};
use stage::Stage;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event as LogEvent, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter};

/// A span as it was seen.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: &'static str,
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
}

#[derive(Clone, Default)]
struct Capture {
    spans: Arc<Mutex<Vec<(u64, Seen)>>>,
    logged: Arc<Mutex<Vec<Logged>>>,
}

/// What was logged, and in which spans, innermost first.
type Logged = (String, Vec<&'static str>);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: LayerContext<'_, S>) {
        let mut seen = Seen {
            name: attributes.metadata().name(),
            parent: ctx
                .span(id)
                .unwrap()
                .parent()
                .map(|span| span.id().into_u64()),
            ..Seen::default()
        };
        attributes.record(&mut seen);
        self.spans.lock().unwrap().push((id.into_u64(), seen));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        let mut spans = self.spans.lock().unwrap();
        // Numbers are used again: the last one of this number is alive.
        let (_, seen) = spans
            .iter_mut()
            .rfind(|(number, _)| *number == id.into_u64())
            .unwrap();
        values.record(seen);
    }

    fn on_event(&self, event: &LogEvent<'_>, ctx: LayerContext<'_, S>) {
        let mut seen = Seen::default();
        event.record(&mut seen);
        let message = seen.fields.remove("message").unwrap_or_default();
        let scope = ctx.event_scope(event).into_iter().flatten();
        let scope = scope.map(|span| span.name()).collect();
        self.logged.lock().unwrap().push((message, scope));
    }
}

/// An event of our own, between the question and the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Asked;

#[derive(Default)]
struct Answers;

impl Actor for Answers {
    type Context = Context<Self>;
}

impl Handler<Event<Asked>> for Answers {
    /// actix polls this on a task of its own.
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, asked: Event<Asked>, _: &mut Self::Context) -> Self::Result {
        Box::pin(async move {
            tokio::task::yield_now().await;
            tracing::info!("about to answer");
            asked.say("pong").await?;
            Ok(())
        })
    }
}

/// Follows one question to its answer; returns the spans from the outermost, and all of the trace.
async fn follow(seed: u64) -> (Vec<Seen>, Vec<Seen>, Capture) {
    let capture = Capture::default();
    let wanted = filter::filter_fn(|metadata| {
        metadata.target().starts_with("greenroom::trace") || *metadata.level() <= Level::INFO
    });
    let subscriber = tracing_subscriber::registry().with(capture.clone().with_filter(wanted));
    let guard = tracing::subscriber::set_default(subscriber);
    let failed = Arc::new(Mutex::new(false));
    let stage = Stage::open(Wire::V2, |bot| {
        bot.seed(seed)
            .on("asks", async move |message: Event<ChatMessage>| {
                if message.text != "!ping" || message.is_own {
                    return Ok(());
                }
                // The first attempt fails: the second belongs to the same trace.
                if !std::mem::replace(&mut *failed.lock().unwrap(), true) {
                    return Err(HandlerError::transient("not now"));
                }
                tokio::task::yield_now().await;
                tracing::info!("asking on");
                message.emit(Asked).await;
                Ok(())
            })
            .handler(Registration::new("answers", Answers::default).on::<Asked>())
    })
    .await;
    stage.say("!ping");
    stage
        .until(10, "the answer", |stage| stage.said().contains_key("pong"))
        .await;
    let done = |stage: &Stage| {
        let tree = stage.bot.tree();
        tree.find("answers").unwrap().figures.handled == 1
    };
    stage.until(10, "the acknowledgement", done).await;
    stage.close().await;
    drop(guard);

    let spans = capture.spans.lock().unwrap().clone();
    let (place, _) = spans
        .iter()
        .enumerate()
        .rfind(|(_, (_, seen))| seen.name == "send" && seen.fields.contains_key("outcome"))
        .unwrap();
    let mut chain = vec![spans[place].1.clone()];
    let mut at = place;
    while let Some(parent) = spans[at].1.parent {
        // The parent is the last one of its number before the child.
        at = spans[..at]
            .iter()
            .rposition(|(number, _)| *number == parent)
            .unwrap();
        chain.insert(0, spans[at].1.clone());
    }
    let trace = chain.last().unwrap().fields["trace"].clone();
    let all = spans.iter().map(|(_, seen)| seen.clone());
    let all = all
        .filter(|seen| seen.fields.get("trace") == Some(&trace))
        .collect();
    (chain, all, capture)
}

#[actix_rt::test]
async fn a_question_is_followed_from_the_socket_to_the_acknowledged_answer() {
    let (chain, all, capture) = follow(7).await;
    let names: Vec<_> = chain.iter().map(|seen| seen.name).collect();
    assert_eq!(
        names,
        [
            "connection",
            "receive",
            "event",
            "handle",
            "event",
            "handle",
            "say",
            "send"
        ]
    );
    let field = |place: usize, name: &str| chain[place].fields[name].as_str();
    assert_eq!((field(0, "platform"), field(0, "bot")), ("mezon", "test"));
    assert_eq!(field(1, "kind"), "event");
    assert!(field(1, "bytes").parse::<usize>().unwrap() > 20);
    assert_eq!(field(2, "type"), "ChatMessage");
    assert_eq!(field(2, "channel"), field(6, "channel"));
    assert_eq!((field(3, "handler"), field(3, "attempt")), ("asks", "2"));
    assert_eq!(
        (field(4, "type"), field(5, "handler")),
        ("Asked", "answers")
    );
    assert_eq!(field(7, "outcome"), "acknowledged");
    assert!(field(7, "cid").parse::<u32>().unwrap() > 0);
    assert_eq!(field(2, "trace").len(), 16);
    for seen in &chain[2..] {
        assert_eq!(seen.fields["trace"], field(2, "trace"), "{}", seen.name);
    }
    let attempts = all.iter().filter(|seen| seen.name == "handle");
    assert_eq!(
        attempts.count(),
        3,
        "two attempts, and the one that answered"
    );

    let logged = capture.logged.lock().unwrap();
    let scope = |text: &str| {
        let mut found = logged.iter().filter(|(message, _)| message == text);
        found.next().unwrap().1.clone()
    };
    assert_eq!(
        scope("asking on"),
        ["handle", "event", "receive", "connection"],
        "a closure is polled inside its span"
    );
    assert_eq!(
        scope("about to answer")[..3],
        ["handle", "event", "handle"],
        "and so is the future of an actor"
    );
    for (_, seen) in capture.spans.lock().unwrap().iter() {
        let text = format!("{seen:?}");
        for secret in ["!ping", "pong", "sim-mezon-key", "token", "://"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[actix_rt::test]
async fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let trace = |chain: Vec<Seen>| chain.last().unwrap().fields["trace"].clone();
    let (first, second, other) = (follow(7).await, follow(7).await, follow(8).await);
    let (first, second, other) = (trace(first.0), trace(second.0), trace(other.0));
    assert_eq!(first, second);
    assert_ne!(first, other);
}
