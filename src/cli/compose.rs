//! Composes the bot that the configuration describes.

use greenroom_actors::router::Delivery;
use greenroom_actors::supervisor::Backoff;
use tracing::Level;

use super::guard::around;
use crate::bot::{Bot, BotBuilder};
use crate::chat::{
    ButtonPressed, MemberJoined, MemberLeft, MessageDeleted, MessageEdited, Reaction,
};
use crate::config::{Config, Handler, HandlerKind, LogLevel, Trigger};
use crate::handlers::{Counter, Echo, Log, Ping, Welcome};
use crate::mezon::Mezon;
use crate::prelude::*;

/// Begins a bot with the settings, platforms and ready-made handlers of `config`.
pub(super) fn bot(config: &Config) -> BotBuilder {
    let supervision = &config.supervision;
    let backoff = Backoff::exponential(supervision.backoff_min, supervision.backoff_max)
        .healthy_after(supervision.backoff_reset);
    let mut bot = Bot::builder(&config.bot.name)
        .intensity(supervision.intensity as usize, supervision.period)
        .backoff(backoff)
        .handler_shutdown(supervision.shutdown)
        .shutdown_within(config.shutdown.drain)
        .shutdown_total(config.shutdown.total);
    if let Some(seed) = config.bot.seed {
        bot = bot.seed(seed);
    }
    if let Some(mezon) = &config.mezon {
        bot = bot.platform(Mezon::new(mezon.clone()).cache(&config.cache));
    }
    config.handlers.iter().fold(bot, add)
}

fn add(bot: BotBuilder, handler: &Handler) -> BotBuilder {
    let delivery = Delivery::from(&handler.delivery);
    let is_on = |trigger| handler.on.contains(&trigger);
    match handler.kind.clone() {
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
        HandlerKind::Ping { prefix, reply } => {
            let ping = Registration::new(&handler.name, move || Ping::new(&prefix, &reply));
            let ping = subscribe(ping.delivery(delivery), is_on(Trigger::Message));
            bot.handler(around(ping, handler))
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
