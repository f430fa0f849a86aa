//! A platform of words in memory, for the tests of what listens to people.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use greenroom_actors::connection::RequestError;
use greenroom_actors::entropy::Entropy;
use greenroom_actors::event::{ChannelKey, Event, Id, Origin};
use greenroom_actors::router::Router;
use greenroom_actors::supervisor::{Child, Root, Strategy, Supervisor};
use greenroom_actors::utterance::{Mention, Utterance};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) by: Id,
    pub(crate) text: String,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) is_own: bool,
    pub(crate) is_direct: bool,
}

impl Utterance for Said {
    fn text(&self) -> &str {
        &self.text
    }

    fn speaker(&self) -> &Id {
        &self.by
    }

    fn is_own(&self) -> bool {
        self.is_own
    }

    fn is_direct(&self) -> bool {
        self.is_direct
    }

    fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    fn answer(event: &Event<Self>, text: String) -> BoxFuture<'static, Result<(), RequestError>> {
        let answers = event.envelope().origin.door::<Answers>().cloned();
        Box::pin(async move {
            answers.unwrap().0.lock().unwrap().push(text);
            Ok(())
        })
    }
}

static IDS: AtomicI64 = AtomicI64::new(1);

/// What the bot has answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers(Arc<Mutex<Vec<String>>>);

pub(crate) struct Stage {
    answers: Answers,
    pub(crate) origin: Arc<Origin>,
    pub(crate) router: Router,
    pub(crate) root: Root,
}

impl Stage {
    pub(crate) fn new(handlers: impl FnOnce(&Router) -> Vec<Child>) -> Self {
        let (router, answers) = (Router::default(), Answers::default());
        let supervisor = Supervisor::new("handlers", Strategy::OneForOne)
            .intensity(1_000, Duration::from_secs(30))
            .entropy(Entropy::seeded(2));
        let children = handlers(&router).into_iter();
        Self {
            origin: Origin::with_door("test", "bot", &router, answers.clone()),
            root: Root::start(children.fold(supervisor, Supervisor::child)),
            answers,
            router,
        }
    }

    /// Makes the event of a message; messages have ids that go on from one stage to the next.
    pub(crate) fn event(&self, channel: i64, said: Said) -> Event<Said> {
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        Event::new(&self.origin, id, ChannelKey::new(9, channel), said)
    }

    pub(crate) async fn publish(&self, channel: i64, said: Said) {
        let event = self.event(channel, said);
        self.router.topic().publish(event).await;
    }

    /// Lets a user say something, and returns what the bot has answered within some time.
    pub(crate) async fn say(&self, user: i64, text: &str) -> Vec<String> {
        self.say_in(1, user, text).await
    }

    pub(crate) async fn say_in(&self, channel: i64, user: i64, text: &str) -> Vec<String> {
        let said = Said {
            by: user.into(),
            text: text.to_owned(),
            ..Said::default()
        };
        self.publish(channel, said).await;
        self.answers_within(Duration::from_millis(10)).await
    }

    /// Returns what the bot has answered since it was asked last.
    pub(crate) async fn answers_within(&self, time: Duration) -> Vec<String> {
        tokio::time::sleep(time).await;
        std::mem::take(&mut *self.answers.0.lock().unwrap())
    }

    pub(crate) fn dead(&self) -> Vec<String> {
        let letters = self.router.dead_letters().list();
        letters
            .iter()
            .map(|letter| format!("{:?}", letter.reason))
            .collect()
    }
}
