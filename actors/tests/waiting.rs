//! What waiting for the next event promises, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod chat;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::{Actor, Context, Handler};
use chat::{Said, Stage};
use greenroom_actors::event::Event;
use greenroom_actors::router::{
    Cancellable, Delivery, Outcome, Registration, Router, WaitError, closure,
};
use greenroom_actors::utterance::Utterance;

const MINUTE: Duration = Duration::from_secs(60);

/// Asks who is there, waits for the answer of the same person, and greets.
struct Door {
    patience: Duration,
}

impl Actor for Door {
    type Context = Context<Self>;
}

impl Handler<Event<Said>> for Door {
    type Result = Cancellable;

    fn handle(&mut self, message: Event<Said>, _: &mut Context<Self>) -> Cancellable {
        Cancellable::new(Box::pin(open(message, self.patience)))
    }
}

async fn open(message: Event<Said>, patience: Duration) -> Outcome {
    if message.text != "knock" {
        return say(&message, format!("heard {}", message.text)).await;
    }
    let answer = message.next_by_speaker(patience);
    say(&message, "Who is there?").await?;
    match answer.await {
        Ok(answer) => say(&message, format!("Hello {}", answer.text)).await,
        Err(WaitError::Deadline(_)) => say(&message, "Nobody").await,
        Err(error) => say(&message, error.to_string()).await,
    }
}

async fn say(message: &Event<Said>, text: impl Into<String>) -> Outcome {
    Said::answer(message, text.into()).await?;
    Ok(())
}

/// A door that may take `timeout` and waits for `patience`, and another handler beside it.
fn stage(timeout: Duration, patience: Duration) -> Stage {
    let delivery = Delivery {
        timeout,
        ..Delivery::default()
    };
    let door = Registration::new("door", move || Door { patience })
        .delivery(delivery)
        .on::<Said>();
    let other = closure("other", async |message: Event<Said>| {
        say(&message, format!("other heard {}", message.text)).await
    });
    Stage::new(|router| vec![door.register(router), other.register(router)])
}

#[actix_rt::test]
async fn a_handler_hears_the_next_message_of_the_channel_that_it_holds_up() {
    tokio::time::pause();
    let stage = stage(2 * MINUTE, MINUTE);
    assert_eq!(
        stage.say(1, "knock").await,
        ["Who is there?", "other heard knock"]
    );
    // Neither another person nor another channel is meant; the one waits for its turn, the other is handled beside it.
    assert_eq!(stage.say(2, "me").await, ["other heard me"]);
    assert_eq!(
        stage.say_in(2, 1, "here").await,
        ["heard here", "other heard here"]
    );
    // The message that was waited for is handled after that as well, and by all others.
    let heard = stage.say(1, "Alice").await;
    let (other, door): (Vec<_>, Vec<_>) = heard
        .into_iter()
        .partition(|text| text.starts_with("other"));
    assert_eq!(door, ["Hello Alice", "heard me", "heard Alice"]);
    assert_eq!(other, ["other heard Alice"]);
    assert!(!stage.router.topic::<String>().is_wanted());
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn a_wait_ends_at_its_deadline() {
    tokio::time::pause();
    let stage = stage(2 * MINUTE, MINUTE);
    stage.say(1, "knock").await;
    assert_eq!(
        stage
            .answers_within(MINUTE - Duration::from_millis(20))
            .await,
        [""; 0]
    );
    assert_eq!(
        stage.answers_within(Duration::from_millis(20)).await,
        ["Nobody"]
    );
    assert_eq!(
        stage.say(1, "Alice").await,
        ["heard Alice", "other heard Alice"]
    );
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn a_wait_for_which_the_handler_has_no_time_is_refused_at_once() {
    tokio::time::pause();
    let stage = stage(Duration::from_secs(30), MINUTE);
    let said = stage.say(1, "knock").await;
    let refused = said
        .iter()
        .find(|text| text.contains("a wait of 60s is longer than the 30s"));
    assert!(refused.is_some(), "{said:?}");
    assert_eq!(stage.dead(), [""; 0]);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn waits_end_when_the_bot_stops() {
    tokio::time::pause();
    let stage = stage(2 * MINUTE, MINUTE);
    stage.say(1, "knock").await;
    stage.router.end_waits();
    assert_eq!(
        stage.answers_within(Duration::from_millis(10)).await,
        ["the bot is stopping"]
    );
    let later = stage.router.wait_for::<Said>(|_| true, MINUTE).await;
    assert_eq!(later.err(), Some(WaitError::Stopping));
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn whoever_waits_makes_events_wanted_and_stops_doing_so() {
    tokio::time::pause();
    let stage = Stage::new(|_| Vec::new());
    let topic = stage.router.topic::<Said>();
    assert!(!topic.is_wanted());
    let wait = stage
        .router
        .wait_for::<Said>(|said| said.text == "b", MINUTE);
    assert!(
        topic.is_wanted(),
        "from the call on, and not from the first poll"
    );
    for text in ["a", "b", "c"] {
        stage.say(1, text).await;
    }
    assert_eq!(wait.await.unwrap().text, "b");
    assert!(!topic.is_wanted());
    drop(stage.router.wait_for::<Said>(|_| true, MINUTE));
    assert!(!topic.is_wanted());
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn waits_are_bounded_and_a_condition_that_panics_harms_nobody_else() {
    tokio::time::pause();
    let stage = Stage::new(|_| Vec::new());
    let router: &Router = &stage.router;
    let broken = router.wait_for::<Said>(|_| panic!("on purpose"), MINUTE);
    let calls = Arc::new(AtomicU32::new(0));
    let waits: Vec<_> = (0..1_023)
        .map(|_| {
            let calls = Arc::clone(&calls);
            let wants = move |_: &Event<Said>| calls.fetch_add(1, Ordering::Relaxed) > 2_000;
            router.wait_for(wants, MINUTE)
        })
        .collect();
    let surplus = router.wait_for::<Said>(|_| true, MINUTE).await;
    assert_eq!(surplus.err(), Some(WaitError::TooMany(1_024)));
    stage.say(1, "a").await;
    assert_eq!(broken.await.err(), Some(WaitError::Panicked));
    assert_eq!(calls.load(Ordering::Relaxed), 1_023);
    drop(waits);
    assert!(!router.topic::<Said>().is_wanted());
    stage.root.shutdown().await;
}
