//! What dialogues promise, each promise one test.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod chat;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chat::{Said, Stage};
use greenroom_actors::connection::Connected;
use greenroom_actors::dialogue::{Dialogue, DialogueDropped, DialogueExpired, DialogueRef, Next};
use greenroom_actors::event::{ChannelKey, Event};
use greenroom_actors::router::{HandlerError, closure};
use greenroom_actors::store::{Store, StoreSettings};
use greenroom_actors::utterance::{Scope, Utterance};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Order {
    Begin,
    Size,
    Address { size: String },
}

const MINUTE: Duration = Duration::from_secs(60);
const NOTHING: [&str; 0] = [];

/// Takes an order; the sizes `panic` and `fail late` make the first attempt fail, before it has asked or after.
async fn step(
    tries: Arc<AtomicU32>,
    message: Event<Said>,
    order: Order,
) -> Result<Next<Order>, HandlerError> {
    let answer = message.text.clone();
    let (say, next) = match order {
        _ if answer == "!unrelated" => return Ok(Next::Pass),
        Order::Begin => ("Which size?".to_owned(), Next::To(Order::Size)),
        Order::Size if answer == "hm" => ("Well?".to_owned(), Next::Stay(Order::Size)),
        Order::Size if answer == "quick" => {
            let next = Order::Address { size: answer };
            (
                "Where to? Quick!".to_owned(),
                Next::Within(next, Duration::from_secs(10)),
            )
        }
        Order::Size if answer == "panic" && tries.fetch_add(1, Ordering::Relaxed) == 0 => {
            panic!("on purpose")
        }
        Order::Size => (
            "Where to?".to_owned(),
            Next::To(Order::Address { size: answer }),
        ),
        Order::Address { size } => (format!("{size} to {answer}"), Next::Done),
    };
    Said::answer(&message, say).await?;
    if message.text == "fail late" && tries.fetch_add(1, Ordering::Relaxed) == 0 {
        return Err(HandlerError::transient("on purpose"));
    }
    Ok(next)
}

fn order() -> Dialogue<Order, Said> {
    let tries = Arc::new(AtomicU32::new(0));
    Dialogue::new("order", async move |message, order| {
        step(Arc::clone(&tries), message, order).await
    })
    .begins(|message| (message.text == "!order").then_some(Order::Begin))
    .cancelled_by("stop", "Never mind.")
}

/// A stage with the dialogue, and handlers that tell of its ends.
fn stage(dialogue: Dialogue<Order, Said>) -> (Stage, DialogueRef<Order, Said>) {
    let (registration, reference) = dialogue.register().unwrap();
    let expired = closure("expired", async |expired: Event<DialogueExpired>| {
        let (user, state) = (&expired.user, expired.state::<Order>());
        let text = format!("expired for {user}: {state:?}");
        Said::answer(&as_said(&expired), text).await?;
        Ok(())
    });
    let dropped = closure("dropped", async |dropped: Event<DialogueDropped>| {
        let text = format!("dropped for {}: {}", dropped.user, dropped.state);
        Said::answer(&as_said(&dropped), text).await?;
        Ok(())
    });
    let stage = Stage::new(|router| {
        vec![
            registration.register(router),
            expired.register(router),
            dropped.register(router),
        ]
    });
    (stage, reference)
}

/// The platform of the tests answers messages only.
fn as_said<T: greenroom_actors::event::Payload>(event: &Event<T>) -> Event<Said> {
    let envelope = event.envelope();
    Event::new(
        &envelope.origin,
        0,
        envelope.channel.clone(),
        Said::default(),
    )
}

#[actix_rt::test]
async fn a_dialogue_goes_on_with_the_same_person_in_the_same_channel() {
    tokio::time::pause();
    let (stage, reference) = stage(order());
    assert_eq!(stage.say(1, "hello").await, NOTHING);
    assert_eq!(stage.say(1, "!order").await, ["Which size?"]);
    assert_eq!(stage.say(2, "large").await, NOTHING, "another person");
    assert_eq!(
        stage.say_in(2, 1, "large").await,
        NOTHING,
        "another channel"
    );
    assert_eq!(stage.say(2, "!order").await, ["Which size?"]);
    assert_eq!(stage.say(1, "large").await, ["Where to?"]);
    assert_eq!(stage.say(1, "!unrelated").await, NOTHING);
    assert_eq!(stage.say(2, "small").await, ["Where to?"]);
    assert_eq!(stage.say(1, "Hanoi").await, ["large to Hanoi"]);
    assert_eq!(stage.say(1, "Hanoi").await, NOTHING);
    assert_eq!(stage.say(2, " STOP ").await, ["Never mind."]);
    assert_eq!(stage.say(2, "stop").await, NOTHING);
    let figures = reference.figures();
    assert_eq!(
        (figures.open, figures.begun, figures.done, figures.cancelled),
        (0, 2, 1, 1)
    );
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn a_crash_loses_no_state_and_at_worst_repeats_a_question() {
    tokio::time::pause();
    let (stage, reference) = stage(order());
    stage.say(1, "!order").await;
    stage.say(1, "panic").await;
    assert_eq!(stage.answers_within(MINUTE).await, ["Where to?"]);
    assert_eq!(stage.say(1, "Hanoi").await, ["panic to Hanoi"]);
    assert_eq!(reference.figures().open, 0);
    stage.root.shutdown().await;

    let (stage, _) = self::stage(order());
    stage.say(1, "!order").await;
    let mut said = stage.say(1, "fail late").await;
    said.extend(stage.answers_within(MINUTE).await);
    assert_eq!(said, ["Where to?", "Where to?"]);
    assert_eq!(stage.say(1, "Hanoi").await, ["fail late to Hanoi"]);
    assert_eq!(stage.dead(), NOTHING);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn a_restart_of_the_process_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let settings = StoreSettings::new(&path).flush_every(60 * MINUTE);
    let store = Store::open_with(settings).unwrap();
    let (stage, _) = stage(order().store(&store));
    assert_eq!(until_said(&stage, "!order").await, "Which size?");
    assert_eq!(until_said(&stage, "large").await, "Where to?");
    // What is handled is on the disk, though nothing has been closed.
    until_handled(&stage, 2).await;
    let copy = folder.path().join("copy");
    copy_folder(&path, &copy);
    stage.root.shutdown().await;

    let (stage, reference) = self::stage(order().store(&Store::open(&copy).unwrap()));
    assert_eq!(reference.figures().open, 1);
    assert_eq!(until_said(&stage, "Hanoi").await, "large to Hanoi");
    stage.root.shutdown().await;
}

/// Says something, and waits for the answer in real time.
async fn until_said(stage: &Stage, text: &str) -> String {
    let mut said = stage.say(1, text).await;
    for _ in 0..500 {
        if !said.is_empty() {
            break;
        }
        said = stage.answers_within(Duration::from_millis(10)).await;
    }
    assert_eq!(said.len(), 1, "{text}: {said:?}");
    said.remove(0)
}

/// The answer leaves before the state is kept, and the message is handled after that.
async fn until_handled(stage: &Stage, messages: u64) {
    for _ in 0..500 {
        if stage.root.snapshot().children[0].figures.handled >= messages {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not handled: {}", stage.root.snapshot());
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[actix_rt::test]
async fn a_dialogue_expires_and_says_so() {
    tokio::time::pause();
    let (stage, reference) = stage(order().expires_after(10 * MINUTE).lasts(25 * MINUTE));
    let almost = 10 * MINUTE - Duration::from_millis(100);
    stage.say(1, "!order").await;
    assert_eq!(stage.answers_within(almost).await, NOTHING);
    assert_eq!(stage.say(1, "hm").await, ["Well?"]);
    assert_eq!(stage.answers_within(almost).await, NOTHING);
    // A message that was not meant for it changes nothing.
    assert_eq!(stage.say(1, "!unrelated").await, NOTHING);
    assert_eq!(
        stage.answers_within(MINUTE).await,
        ["expired for 1: Some(Size)"]
    );
    assert_eq!(stage.say(1, "large").await, NOTHING);
    // In all it takes so long, however often somebody says something.
    stage.say(1, "!order").await;
    for _ in 0..4 {
        stage.answers_within(5 * MINUTE).await;
        assert_eq!(stage.say(1, "hm").await, ["Well?"]);
    }
    assert_eq!(
        stage.answers_within(6 * MINUTE).await,
        ["expired for 1: Some(Size)"]
    );
    // One step may have a time of its own.
    stage.say(1, "!order").await;
    assert_eq!(stage.say(1, "quick").await, ["Where to? Quick!"]);
    let expired = "expired for 1: Some(Address { size: \"quick\" })";
    assert_eq!(
        stage.answers_within(Duration::from_secs(11)).await,
        [expired]
    );
    let figures = reference.figures();
    assert_eq!((figures.open, figures.expired), (0, 3));
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn time_goes_on_while_the_bot_is_not_running() {
    tokio::time::pause();
    let store = Store::temporary();
    let (stage, _) = stage(order().store(&store));
    for user in [1, 2] {
        stage.say(user, "!order").await;
    }
    stage.root.shutdown().await;
    tokio::time::advance(20 * MINUTE).await;

    let (stage, reference) = self::stage(order().store(&store));
    assert_eq!(
        stage.answers_within(MINUTE).await,
        NOTHING,
        "its platform is not there yet"
    );
    assert_eq!(reference.figures().open, 2);
    let connected = Connected {
        down_for_ms: None,
        reconnects: 0,
    };
    let event = Event::new(&stage.origin, 0, ChannelKey::default(), connected);
    stage.router.topic().publish(event).await;
    let mut said = stage.answers_within(MINUTE).await;
    said.sort();
    assert_eq!(
        said,
        ["expired for 1: Some(Size)", "expired for 2: Some(Size)"]
    );
    assert_eq!(reference.figures().open, 0);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn a_state_that_cannot_be_read_any_more_is_given_up_and_told() {
    #[derive(Serialize, Deserialize)]
    struct Older {
        cups: u8,
    }
    tokio::time::pause();
    let store = Store::temporary();
    let older = Dialogue::new("order", async |_: Event<Said>, older: Older| {
        Ok(Next::To(older))
    });
    let older = older.begins(|_| Some(Older { cups: 3 }));
    let (registration, _) = older.store(&store).register().unwrap();
    let before = Stage::new(|router| vec![registration.register(router)]);
    before.say(1, "!order").await;
    before.root.shutdown().await;

    let (stage, reference) = stage(order().store(&store));
    assert_eq!(stage.say(1, "large").await, ["dropped for 1: {\"cups\":3}"]);
    assert_eq!(stage.say(1, "large").await, NOTHING);
    assert_eq!(stage.say(1, "!order").await, ["Which size?"]);
    assert_eq!((reference.figures().dropped, stage.dead().len()), (1, 0));
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn no_more_are_open_than_may_be() {
    tokio::time::pause();
    let (stage, reference) = stage(order().limit(2, "Later, please."));
    assert_eq!(stage.say(1, "!order").await, ["Which size?"]);
    assert_eq!(stage.say(2, "!order").await, ["Which size?"]);
    assert_eq!(stage.say(3, "!order").await, ["Later, please."]);
    assert_eq!(stage.say(1, "stop").await, ["Never mind."]);
    assert_eq!(stage.say(3, "!order").await, ["Which size?"]);
    assert_eq!(
        (reference.figures().open, reference.figures().refused),
        (2, 1)
    );
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn a_dialogue_takes_one_message_at_a_time_wherever_it_is_said() {
    tokio::time::pause();
    let running = Arc::new(AtomicU32::new(0));
    let dialogue = Dialogue::new("sum", async move |message: Event<Said>, sum: u32| {
        assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        running.fetch_sub(1, Ordering::Relaxed);
        let sum = sum + 1;
        Said::answer(&message, sum.to_string()).await?;
        Ok(Next::To(sum))
    });
    let dialogue = dialogue.begins(|_| Some(0)).scope(Scope::User);
    let (registration, _) = dialogue.register().unwrap();
    let stage = Stage::new(|router| vec![registration.register(router)]);
    for channel in 1..=5 {
        stage.say_in(channel, 1, "and").await;
    }
    assert_eq!(
        stage.answers_within(MINUTE).await,
        ["1", "2", "3", "4", "5"]
    );
    assert_eq!(stage.dead(), NOTHING);
    stage.root.shutdown().await;
}

#[actix_rt::test]
async fn a_dialogue_can_be_begun_seen_and_ended_from_elsewhere() {
    tokio::time::pause();
    let (registration, order) = order().register().unwrap();
    let desk = order.clone();
    let command = closure("command", async move |message: Event<Said>| {
        match message.text.as_str() {
            "!large" => {
                // However late the dialogue's own handler sees this message, it is no answer.
                let size = "large".to_owned();
                desk.begin(&message, Order::Address { size }).await.unwrap();
                Said::answer(&message, "Where to?".to_owned()).await?;
            }
            "!state" => {
                let state = format!("{:?}", desk.state(&message).unwrap());
                Said::answer(&message, state).await?;
            }
            "!end" => {
                let ended = desk.end(&message).await.unwrap();
                Said::answer(&message, ended.to_string()).await?;
            }
            _ => {}
        }
        Ok(())
    });
    let stage = Stage::new(|router| vec![command.register(router), registration.register(router)]);
    assert_eq!(stage.say(1, "!large").await, ["Where to?"]);
    assert_eq!(stage.say(1, "Hanoi").await, ["large to Hanoi"]);
    assert_eq!(stage.say(1, "!state").await, ["None"]);
    assert_eq!(stage.say(1, "!end").await, ["false"]);
    assert_eq!(stage.say(1, "!large").await, ["Where to?"]);
    assert_eq!(order.figures().open, 1);
    stage.root.shutdown().await;
}
