//! Tells what happens: readable lines for a person, JSON lines for a program.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use greenroom_actors::clock::{self, Instant};
use greenroom_actors::event::Payload;
use greenroom_actors::supervisor::TreeSnapshot;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::bot::BotBuilder;
use crate::cli::{Cell, Failure, Globals, Printer, Tone};
use crate::prelude::*;

/// Prints the story. What handlers on the bot's side have to tell comes in through a channel.
#[derive(Debug)]
pub(super) struct Narrator {
    printer: Printer,
    start: Instant,
    tell: mpsc::Sender<Line>,
    told: Rc<RefCell<mpsc::Receiver<Line>>>,
    failed: Arc<Mutex<Option<std::io::Error>>>,
}

/// One line of the story.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) who: String,
    pub(super) tone: Tone,
    pub(super) text: String,
    pub(super) object: Value,
}

impl Narrator {
    pub(super) fn new(globals: &Globals) -> Self {
        let (tell, told) = mpsc::channel(1_024);
        Self {
            printer: Printer::report(globals),
            start: clock::now(),
            tell,
            told: Rc::new(RefCell::new(told)),
            failed: Arc::default(),
        }
    }

    /// Lets the bot tell of its connections and its restarts.
    pub(super) fn listen(&self, bot: BotBuilder) -> BotBuilder {
        let tell = || self.tell.clone();
        let (up, down, again, restart) = (tell(), tell(), tell(), tell());
        bot.on("narrator: connected", async move |event: Event<Connected>| {
            let text = match event.down_for_ms {
                None => "connected".to_owned(),
                Some(down) => format!("connected again after {down} ms; fetching what was missed"),
            };
            let object = json!({"event": "connected", "platform": platform(&event), "down_for_ms": event.down_for_ms});
            let line = Line { who: shown(platform(&event)).to_owned(), tone: Tone::Good, text, object };
            up.send(line).await.map_err(HandlerError::from)
        })
        .on("narrator: disconnected", async move |event: Event<Disconnected>| {
            if event.is_stopping() {
                return Ok(());
            }
            let object = json!({"event": "disconnected", "platform": platform(&event), "reason": event.reason});
            let text = format!("lost: {}", event.reason);
            let line = Line { who: shown(platform(&event)).to_owned(), tone: Tone::Bad, text, object };
            down.send(line).await.map_err(HandlerError::from)
        })
        .on("narrator: reconnecting", async move |event: Event<Reconnecting>| {
            let object = json!({"event": "reconnecting", "platform": platform(&event), "attempt": event.attempt, "delay_ms": event.delay_ms});
            let text = format!("try {} in {} ms", event.attempt, event.delay_ms);
            let line = Line { who: shown(platform(&event)).to_owned(), tone: Tone::Warning, text, object };
            again.send(line).await.map_err(HandlerError::from)
        })
        .on("narrator: restarts", async move |event: Event<Restarted>| {
            let object = json!({"event": "restarted", "actor": event.child, "reason": event.reason, "delay_ms": event.delay_ms});
            let text = format!("{}; a new value takes over in {} ms", event.reason, event.delay_ms);
            let line = Line { who: event.child.clone(), tone: Tone::Bad, text, object };
            restart.send(line).await.map_err(HandlerError::from)
        })
    }

    /// Tells what the bot had to tell.
    pub(super) fn catch_up(&self) {
        let mut told = self.told.borrow_mut();
        while let Ok(line) = told.try_recv() {
            self.line(&line);
        }
    }

    /// Tells one line.
    pub(super) fn line(&self, line: &Line) {
        let at = clock::now().saturating_duration_since(self.start);
        let mut object = line.object.clone();
        if let Value::Object(fields) = &mut object {
            fields.insert(
                "at_ms".to_owned(),
                u64::try_from(at.as_millis()).unwrap_or(u64::MAX).into(),
            );
        }
        let cells = [
            Cell::new(&format!("{:7.3}", at.as_secs_f64()), Tone::Faint),
            Cell::new(&line.who, line.tone),
            Cell::plain(&line.text),
        ];
        self.keep(self.printer.row(&cells, &object));
    }

    /// Says something to a person; programs do not get it.
    pub(super) fn note(&self, text: &str) {
        if !self.printer.is_json() {
            self.keep(self.printer.text(&format!("\n{text}"), &Value::Null));
        }
    }

    /// Draws the tree.
    pub(super) fn tree(&self, tree: &TreeSnapshot) {
        let text = format!("\nThe supervision tree:\n{tree}\n");
        self.keep(self.printer.text(&text, &json!({ "tree": tree })));
    }

    /// Tells the last line.
    pub(super) fn summary(&self, text: &str, summary: &impl serde::Serialize) {
        self.keep(self.printer.text(text, &json!({ "summary": summary })));
    }

    /// Says whether all could be printed.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn keep(&self, printed: std::io::Result<()>) {
        if let Err(error) = printed {
            self.failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
        }
    }
}

fn platform<T: Payload>(event: &Event<T>) -> &'static str {
    event.envelope().origin.platform()
}

/// Returns the name of a platform as people write it.
pub(super) fn shown(platform: &str) -> &str {
    match platform {
        "mesh" => "Mesh",
        "mezon" => "Mezon",
        "payman" => "Payman",
        "ticos" => "Ticos",
        "token_bowl" => "Token Bowl",
        other => other,
    }
}
