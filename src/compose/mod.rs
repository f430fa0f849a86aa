//! Composes the bot that the configuration describes, of ready-made handlers and of the user's own.
//!
//! A program of one's own knows more kinds of handlers than `greenroom` does: it adds them to [`Kinds`], and does everything else that
//! `greenroom` does, with the same files. The options of a kind are a struct that serde reads; what is wrong with them is found by `check`,
//! with path and line, and a kind that nobody knows is answered with those that there are. All filters (`channels`, `users`, ...),
//! `cooldown_ms` and `delivery` work for them as for the ready-made ones.
//!
//! # Examples
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use greenroom::actors::router::closure;
//! use greenroom::compose::Kinds;
//! use greenroom::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Deserialize, Serialize)]
//! struct Shout {
//!     #[serde(default)]
//!     marks: usize,
//! }
//!
//! fn main() -> ExitCode {
//!     let kinds = Kinds::default().with("shout", |shout: Shout, entry| {
//!         entry.closure(async move |message: Event<ChatMessage>| {
//!             if !message.is_own {
//!                 message.reply(message.text.to_uppercase() + &"!".repeat(shout.marks)).await?;
//!             }
//!             Ok(())
//!         })
//!     });
//!     greenroom::cli::main_with(&kinds)
//! }
//! ```
//!
//! Its `greenroom.toml`:
//!
//! ```toml
//! [[handlers]]
//! kind = "shout"
//! marks = 3
//! channels = ["room"]
//! cooldown_ms = 1000
//! ```

mod entry;
mod filters;

pub use entry::Entry;

pub use crate::config::Kinds;

use std::time::Duration;

use greenroom_actors::router::Delivery;
use greenroom_actors::supervisor::Backoff;
use tracing::Level;

use self::filters::around;
use crate::bot::{Bot, BotBuilder};
use crate::chat::{
    Answered, ButtonPressed, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Payment,
    Reaction,
};
use crate::config::{Config, Handler, HandlerKind, LogLevel, Trigger};
use crate::handlers::{
    Alerts, Bridge, Counter, Echo, FixedReply, Log, Mentioned, Monitor, Ping, Schedule, Welcome,
};
use crate::mesh::{Assistant, Mesh, MeshClient};
use crate::mezon::Mezon;
use crate::payman::{Limits, Payman, PaymanClient, Wallet};
use crate::prelude::*;
use crate::ticos::{Gesture, Robot, Ticos, TicosClient};
use crate::token_bowl::model::Message;
use crate::token_bowl::{MessageLog, TokenBowl};

/// Begins a bot with the settings, platforms and handlers of `config`.
///
/// The store and the endpoint are left to the caller: a test or a picture has none.
pub fn bot(config: &Config) -> BotBuilder {
    let (mesh, fault) = match config
        .mesh
        .as_ref()
        .map(crate::cli::mesh::settings)
        .transpose()
    {
        Ok(settings) => (settings.map(Mesh::new), None),
        Err(error) => (None, Some(error)),
    };
    let payman = config.payman.clone().map(Payman::new);
    let ticos = config.ticos.clone().map(Ticos::new);
    let clients = Clients {
        mesh: mesh.as_ref().map(Mesh::client),
        payman: payman.as_ref().map(Payman::client),
        ticos: ticos.as_ref().map(Ticos::client),
    };
    let mut bot =
        (config.handlers.iter()).fold(settings(config), |bot, handler| add(bot, handler, &clients));
    if let Some(fault) = fault {
        bot = bot.fault(BotError::Assembly {
            platform: "mesh",
            error: fault.into(),
        });
    }
    if let Some(mesh) = mesh {
        bot = bot.platform(mesh);
    }
    if let Some(mezon) = &config.mezon {
        bot = bot.platform(Mezon::new(mezon.clone()).cache(&config.cache));
    }
    if let Some(token_bowl) = &config.token_bowl {
        bot = bot.platform(TokenBowl::configured(token_bowl).cache(&config.cache));
    }
    if let Some(payman) = payman {
        bot = bot.platform(payman);
    }
    if let Some(ticos) = ticos {
        bot = bot.platform(ticos);
    }
    bot
}

/// Begins a bot with the settings and handlers of `config`, on no platform yet.
pub fn without_platforms(config: &Config) -> BotBuilder {
    let nobody = Clients::default();
    let handlers = config.handlers.iter();
    handlers.fold(settings(config), |bot, handler| add(bot, handler, &nobody))
}

/// Begins a bot with the settings of `config`, on no platform yet.
pub(crate) fn settings(config: &Config) -> BotBuilder {
    let supervision = &config.supervision;
    let backoff = Backoff::exponential(supervision.backoff_min, supervision.backoff_max)
        .healthy_after(supervision.backoff_reset);
    let mut bot = Bot::builder(&config.bot.name)
        .intensity(supervision.intensity as usize, supervision.period)
        .backoff(backoff)
        .arbiters(config.bot.arbiters)
        .placement(config.bot.placement)
        .handler_shutdown(supervision.shutdown)
        .shutdown_within(config.shutdown.drain)
        .shutdown_total(config.shutdown.total);
    if let Some(seed) = config.bot.seed {
        bot = bot.seed(seed);
    }
    bot
}

/// Whom handlers ask; without the platform there is nobody, and the configuration says so.
#[derive(Default)]
struct Clients {
    mesh: Option<MeshClient>,
    payman: Option<PaymanClient>,
    ticos: Option<TicosClient>,
}

/// Adds one handler of whatever kind.
fn add(bot: BotBuilder, handler: &Handler, clients: &Clients) -> BotBuilder {
    let delivery = Delivery::from(&handler.delivery);
    let is_on = |trigger| handler.on.contains(&trigger);
    match handler.kind.clone() {
        HandlerKind::Alerts { to, thresholds } => {
            let alerts = Alerts::to(to).thresholds(thresholds.into());
            bot.alerts(&handler.name, alerts.delivery(delivery))
        }
        HandlerKind::Assistant {
            prefix,
            mention,
            provider,
            model,
            system,
            except,
            history,
            channels,
        } => {
            let Some(client) = &clients.mesh else {
                return bot;
            };
            let assistant = Assistant::new(client.clone())
                .prefix(prefix)
                .mention(mention)
                .provider(provider)
                .model(model)
                .system(system)
                .except(except)
                .history(history)
                .channels(channels);
            // A model takes its time, and what it says may have to be paid for each time.
            let delivery = Delivery {
                timeout: delivery.timeout.max(ASSISTANT_TIMEOUT),
                ..delivery
            };
            let assistant = Registration::new(&handler.name, move || assistant.clone());
            let assistant = subscribe(assistant.delivery(delivery), is_on(Trigger::Message));
            let assistant = assistant.emits::<Answered>();
            bot.handler(around(assistant, handler))
        }
        HandlerKind::Bridge {
            between,
            one_way,
            template,
            ignore,
        } => {
            let bridge = Bridge::between(between)
                .template(template)
                .ignore(ignore)
                .follow_edits(is_on(Trigger::MessageEdited))
                .follow_deletions(is_on(Trigger::MessageDeleted))
                .follow_reactions(is_on(Trigger::Reaction))
                .delivery(delivery);
            let bridge = match one_way {
                true => bridge.one_way(),
                false => bridge,
            };
            let handler = handler.clone();
            bridge.add_to(bot, &handler.name.clone(), move |registration| {
                around(registration, &handler)
            })
        }
        HandlerKind::Commands {
            prefix,
            mention,
            ignore_case,
            suggestions,
            help,
            commands,
        } => {
            let help = Some(help.as_str()).filter(|help| !help.is_empty());
            let mut set = Commands::new(prefix).delivery(delivery).help(help);
            if mention {
                set = set.when_mentioned();
            }
            if ignore_case {
                set = set.ignore_case();
            }
            if suggestions {
                set = set.suggestions();
            }
            let set = commands.into_iter().fold(set, |set, command| {
                let reply = FixedReply {
                    name: command.name,
                    aliases: command.aliases,
                    about: command.about,
                    reply: command.reply,
                    cooldown: command.cooldown,
                };
                reply.add_to(set)
            });
            if !is_on(Trigger::Message) {
                return bot;
            }
            match set.register(&handler.name) {
                Ok(commands) => bot.handler(around(commands, handler)),
                Err(faults) => bot.fault(faults),
            }
        }
        HandlerKind::Counter { prefix } => {
            let counter = Registration::new(&handler.name, move || Counter::new(&prefix));
            let counter = subscribe(counter.delivery(delivery), is_on(Trigger::Message));
            bot.handler(around(counter, handler))
        }
        HandlerKind::Echo { prefix } => {
            let echo = Registration::new(&handler.name, move || Echo::new(&prefix));
            let echo = subscribe(echo.delivery(delivery), is_on(Trigger::Message));
            bot.handler(around(echo, handler))
        }
        HandlerKind::Mentioned { reply } => {
            let mentioned = Registration::new(&handler.name, move || Mentioned::new(&reply));
            let mentioned = subscribe(mentioned.delivery(delivery), is_on(Trigger::Message));
            bot.handler(around(mentioned, handler))
        }
        HandlerKind::MessageLog { path, console } => {
            let log = move || MessageLog::new(&path, console);
            let in_order = Delivery {
                order: Order::Serial,
                ..delivery
            };
            let log = Registration::new(&handler.name, log).delivery(in_order);
            bot.handler(around(log.on::<Message>(), handler))
        }
        HandlerKind::Monitor => {
            let in_order = Delivery {
                order: Order::Serial,
                ..delivery
            };
            let monitor = Registration::new(&handler.name, Monitor::new).delivery(in_order);
            let monitor = around(monitor.on::<ChatMessage>(), handler);
            bot.handler(monitor.on::<Connected>().on::<Disconnected>())
        }
        HandlerKind::Own(own) => own.add_to(bot, handler),
        HandlerKind::Ping { prefix, reply } => {
            let ping = Registration::new(&handler.name, move || Ping::new(&prefix, &reply));
            let ping = subscribe(ping.delivery(delivery), is_on(Trigger::Message));
            bot.handler(around(ping, handler))
        }
        HandlerKind::Schedule {
            room,
            text,
            when,
            missed,
        } => {
            let schedule = Schedule::new(when.table, room, text).missed(missed);
            bot.schedule(&handler.name, schedule.delivery(delivery))
        }
        HandlerKind::Robot {
            paid,
            paid_emotion,
            unpaid,
            unpaid_emotion,
            joined,
            answered,
            speak,
        } => {
            let Some(client) = &clients.ticos else {
                return bot;
            };
            let robot = Robot::new(client.clone())
                .paid(Gesture::motion(paid).with_emotion(paid_emotion))
                .unpaid(Gesture::motion(unpaid).with_emotion(unpaid_emotion))
                .joined(Gesture::motion(joined))
                .answered(Gesture::motion(answered))
                .speaks(speak);
            let robot = Registration::new(&handler.name, move || robot.clone());
            let robot = robot.delivery(delivery).on::<Answered>().on::<Payment>();
            let robot = around(robot, handler);
            bot.handler(match is_on(Trigger::MemberJoined) {
                true => robot.on::<MemberJoined>(),
                false => robot,
            })
        }
        HandlerKind::Wallet {
            prefix,
            currency,
            payees,
            max_payment,
            max_per_day,
            payments_per_day,
            expires,
        } => {
            let Some(client) = &clients.payman else {
                return bot;
            };
            let limits = Limits {
                payment: max_payment,
                day: max_per_day,
                payments: payments_per_day,
            };
            let wallet = Wallet::new(client.clone())
                .prefix(prefix)
                .currency(currency)
                .payees(payees)
                .limits(limits)
                .expires_after(expires)
                .delivery(delivery);
            let handler = handler.clone();
            bot.stored_handler(&handler.name.clone(), move |store| {
                let wallet = wallet.register(&handler.name, store)?;
                Ok(around(wallet, &handler))
            })
        }
        HandlerKind::Welcome { text } => {
            let welcome = Registration::new(&handler.name, move || Welcome::new(&text));
            let welcome = around(welcome.delivery(delivery), handler);
            bot.handler(match is_on(Trigger::MemberJoined) {
                true => welcome.on::<MemberJoined>(),
                false => welcome,
            })
        }
        HandlerKind::Log { level } => {
            let level = level_of(level);
            let log = Registration::new(&handler.name, move || Log::new(level));
            let log = around(log.delivery(delivery), handler);
            bot.handler(handler.on.iter().fold(log, |log, trigger| match trigger {
                Trigger::Button => log.on::<ButtonPressed>(),
                Trigger::MemberJoined => log.on::<MemberJoined>(),
                Trigger::MemberLeft => log.on::<MemberLeft>(),
                Trigger::Message => log.on::<ChatMessage>(),
                Trigger::MessageDeleted => log.on::<MessageDeleted>(),
                Trigger::MessageEdited => log.on::<MessageEdited>(),
                Trigger::Reaction => log.on::<Reaction>(),
            }))
        }
    }
}

fn subscribe<A>(registration: Registration<A>, wanted: bool) -> Registration<A>
where
    A: actix::Actor<Context = actix::Context<A>>
        + actix::Handler<Event<ChatMessage>, Result: 'static>,
{
    match wanted {
        true => registration.on::<ChatMessage>(),
        false => registration,
    }
}

fn level_of(level: LogLevel) -> Level {
    match level {
        LogLevel::Trace => Level::TRACE,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    }
}

/// A chat may take two minutes, and a token may have to be renewed before.
const ASSISTANT_TIMEOUT: Duration = Duration::from_secs(150);
