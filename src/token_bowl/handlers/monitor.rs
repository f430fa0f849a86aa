//! Shows what each of several users hears.

use std::collections::BTreeMap;

use actix::{Actor, Context, Handler};
use greenroom_actors::connection::{Connected, Disconnected};
use greenroom_actors::event::Event;
use greenroom_actors::router::Outcome;

use super::{beginning, show};
use crate::token_bowl::model::Message;

/// Shows a line for each message that one of the accounts hears, with the label of the account, and how many each has heard so far.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: its counts.
#[derive(Debug, Default)]
pub struct Monitor {
    heard: BTreeMap<String, u64>,
}

impl Monitor {
    /// Begins at 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a message, and says what to show.
    fn line(&mut self, label: &str, message: &Message) -> String {
        let heard = self.heard.entry(label.to_owned()).or_default();
        *heard += 1;
        let from = beginning(&message.from_username, 50);
        let text = beginning(&message.content, 200);
        format!(
            "[{label} {heard}] {from} ({}): {text}",
            message.message_type
        )
    }
}

impl Actor for Monitor {
    type Context = Context<Self>;
}

impl Handler<Event<Message>> for Monitor {
    type Result = Outcome;

    fn handle(&mut self, message: Event<Message>, _: &mut Context<Self>) -> Outcome {
        let label = message.envelope().origin.bot().to_owned();
        show(&self.line(&label, &message))?;
        Ok(())
    }
}

impl Handler<Event<Connected>> for Monitor {
    type Result = Outcome;

    fn handle(&mut self, event: Event<Connected>, _: &mut Context<Self>) -> Outcome {
        show(&format!("[{}] connected", event.envelope().origin.bot()))?;
        Ok(())
    }
}

impl Handler<Event<Disconnected>> for Monitor {
    type Result = Outcome;

    fn handle(&mut self, event: Event<Disconnected>, _: &mut Context<Self>) -> Outcome {
        let reason = beginning(&event.reason, 200);
        let label = event.envelope().origin.bot();
        show(&format!("[{label}] disconnected: {reason}"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tbc_30_each_account_counts_for_itself() {
        let mut monitor = Monitor::new();
        let message = json!({
            "id": "1", "from_username": "alice", "content": "a\u{1b}b", "message_type": "room",
            "timestamp": "2026-01-02T03:04:05Z",
        });
        let message: Message = serde_json::from_value(message).unwrap();
        assert_eq!(monitor.line("one", &message), "[one 1] alice (room): a b");
        assert_eq!(monitor.line("two", &message), "[two 1] alice (room): a b");
        assert_eq!(monitor.line("one", &message), "[one 2] alice (room): a b");
    }
}
