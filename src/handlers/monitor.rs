//! Shows what is said, on whatever platforms.

use std::collections::BTreeMap;
use std::io::Write;

use actix::{Context, Handler};
use greenroom_actors::event::{Envelope, Payload};

use crate::prelude::*;

/// Shows a line on standard output for each message that the bot hears, with the platform, the account, and how many that has heard so
/// far; and when a connection comes and goes.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: its counts.
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    heard: BTreeMap<(&'static str, String), u64>,
}

impl Monitor {
    /// Begins at 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a message, and says what to show.
    fn line(&mut self, envelope: &Envelope, message: &ChatMessage) -> String {
        let (platform, label) = (envelope.origin.platform(), envelope.origin.bot());
        let heard = self.heard.entry((platform, label.to_owned())).or_default();
        *heard += 1;
        let place = match message.is_direct {
            true => "direct".to_owned(),
            false => envelope.channel.channel.to_string(),
        };
        let name = beginning(&message.author.display, 50);
        let text = beginning(&message.text, 200);
        format!("[{platform} {label} {heard}] {name} ({place}): {text}")
    }
}

/// Says whose connection an event is of.
fn whose<T: Payload>(event: &Event<T>) -> String {
    let origin = &event.envelope().origin;
    format!("{} {}", origin.platform(), origin.bot())
}

/// Writes a line for whoever watches the program.
fn show(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Returns the first characters of a text, none of which can drive a terminal.
fn beginning(text: &str, characters: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(characters).map(clean).collect()
}

impl Handler<Event<ChatMessage>> for Monitor {
    type Result = Outcome;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Outcome {
        show(&self.line(message.envelope(), &message))?;
        Ok(())
    }
}

impl Handler<Event<Connected>> for Monitor {
    type Result = Outcome;

    fn handle(&mut self, event: Event<Connected>, _: &mut Context<Self>) -> Outcome {
        show(&format!("[{}] connected", whose(&event)))?;
        Ok(())
    }
}

impl Handler<Event<Disconnected>> for Monitor {
    type Result = Outcome;

    fn handle(&mut self, event: Event<Disconnected>, _: &mut Context<Self>) -> Outcome {
        let reason = beginning(&event.reason, 200);
        show(&format!("[{}] disconnected: {reason}", whose(&event)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use greenroom_actors::event::Origin;
    use greenroom_actors::router::Router;

    use super::*;
    use crate::chat::Author;

    #[test]
    fn each_account_of_each_platform_counts_for_itself() {
        let (router, mut monitor) = (Router::default(), Monitor::new());
        let message = ChatMessage {
            author: Author {
                display: "Alice".to_owned(),
                ..Author::default()
            },
            text: "a\u{1b}b".to_owned(),
            ..ChatMessage::default()
        };
        let mut line = |platform, label: &str, is_direct| {
            let origin = Origin::new(platform, label, &router);
            let key = ChannelKey::new(Id::NONE, "room");
            let message = ChatMessage {
                is_direct,
                ..message.clone()
            };
            let event = Event::new(&origin, 1, key, message);
            monitor.line(event.envelope(), &event)
        };
        assert_eq!(
            line("token_bowl", "one", false),
            "[token_bowl one 1] Alice (room): a b"
        );
        assert_eq!(
            line("token_bowl", "two", false),
            "[token_bowl two 1] Alice (room): a b"
        );
        assert_eq!(
            line("token_bowl", "one", true),
            "[token_bowl one 2] Alice (direct): a b"
        );
        assert_eq!(
            line("mezon", "one", false),
            "[mezon one 1] Alice (room): a b"
        );
    }
}
