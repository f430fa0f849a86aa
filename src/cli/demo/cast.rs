//! The bot of the demo: a graph of handler actors.
//!
//! ```text
//! ChatMessage ──> commands ──Command──> ping ──> "Pong!"
//!                               ├─────> ledger ──Tipped──> announcer ──> "alice tipped bob 10 ..."
//!                               └─────> oracle ──> an answer, or a panic
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use greenroom_actors::telemetry::Counter;
use serde::{Deserialize, Serialize};

use crate::bot::BotBuilder;
use crate::prelude::*;

/// Somebody wants something of the bot.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Command {
    name: String,
    rest: String,
    from: String,
}

/// Somebody gave somebody something.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tipped {
    from: String,
    to: String,
    amount: u64,
    total: u64,
}

/// Puts the cast into a bot; `heard` counts what users have said.
pub(super) fn join(bot: BotBuilder, heard: &Arc<Counter>) -> BotBuilder {
    let heard = Arc::clone(heard);
    bot.handler(
        Registration::new("commands", move || Commands {
            heard: Arc::clone(&heard),
        })
        .on::<ChatMessage>(),
    )
    .handler(Registration::new("ledger", Ledger::default).on::<Command>())
    .handler(Registration::new("oracle", Oracle::default).on::<Command>())
    .on("ping", async |command: Event<Command>| {
        if command.name == "ping" {
            command.say("Pong!").await?;
        }
        Ok(())
    })
    .on("announcer", async |tip: Event<Tipped>| {
        let Tipped {
            from,
            to,
            amount,
            total,
        } = tip.payload();
        tip.say(format!("{from} tipped {to} {amount}; {to} has {total} now"))
            .await?;
        Ok(())
    })
}

/// Turns messages that begin with `!` into commands.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: it has no state.
struct Commands {
    heard: Arc<Counter>,
}

impl Actor for Commands {
    type Context = Context<Self>;
}

impl Handler<Event<ChatMessage>> for Commands {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Self::Context) -> Self::Result {
        if !message.is_own {
            self.heard.add(1);
        }
        let command = message
            .text
            .strip_prefix('!')
            .filter(|_| !message.is_own)
            .map(|text| {
                let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
                Command {
                    name: name.to_owned(),
                    rest: rest.to_owned(),
                    from: message.author.name.clone(),
                }
            });
        Box::pin(async move {
            if let Some(command) = command {
                message.emit(command).await;
            }
            Ok(())
        })
    }
}

/// Keeps the accounts.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: the accounts, which it keeps in memory only.
#[derive(Default)]
struct Ledger {
    accounts: BTreeMap<String, u64>,
}

impl Actor for Ledger {
    type Context = Context<Self>;
}

impl Handler<Event<Command>> for Ledger {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, command: Event<Command>, _: &mut Self::Context) -> Self::Result {
        let mut words = command.rest.split_whitespace();
        let parsed = match (
            command.name.as_str(),
            words.next(),
            words.next().map(str::parse),
        ) {
            ("tip", Some(to), Some(Ok(amount))) => {
                Some((to.trim_start_matches('@').to_owned(), amount))
            }
            _ => None,
        };
        let tip = parsed.map(|(to, amount): (String, u64)| {
            let account = self.accounts.entry(to.clone()).or_default();
            *account = account.saturating_add(amount);
            Tipped {
                from: command.from.clone(),
                to,
                amount,
                total: *account,
            }
        });
        Box::pin(async move {
            if let Some(tip) = tip {
                command.emit(tip).await;
            }
            Ok(())
        })
    }
}

/// Answers questions, and cannot bear the abyss the first time it looks into it.
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown; and the abyss, upon which a new one takes over.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: the count of its answers. The question that ended it is asked again.
#[derive(Default)]
struct Oracle {
    answers: u32,
}

impl Actor for Oracle {
    type Context = Context<Self>;
}

impl Handler<Event<Command>> for Oracle {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, question: Event<Command>, _: &mut Self::Context) -> Self::Result {
        if question.name != "ask" {
            return Box::pin(async { Ok(()) });
        }
        assert!(
            !question.rest.contains("abyss") || question.attempt() > 1,
            "the abyss looked back"
        );
        self.answers += 1;
        let answer = format!(
            "It is decided. (answer {} of this oracle, attempt {})",
            self.answers,
            question.attempt()
        );
        Box::pin(async move {
            question.say(answer).await?;
            Ok(())
        })
    }
}
