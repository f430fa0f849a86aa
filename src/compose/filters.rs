//! Puts what the configuration spares a handler around it.

use std::collections::BTreeSet;

use actix::{Actor, Context};
use greenroom_actors::event::{ChannelKey, Id};
use greenroom_actors::router::middleware::{Call, Cooldown, Permission};

use crate::chat::{MessageEdited, author};
use crate::config::{CooldownPer, Guard, Handler, HandlerKind};
use crate::prelude::*;

/// Adds the filters and the cooldown of `handler`.
pub(super) fn around<A: Actor<Context = Context<A>>>(
    registration: Registration<A>,
    handler: &Handler,
) -> Registration<A> {
    let Guard {
        channels,
        contains,
        platforms,
        starts_with,
        users,
        cooldown,
        cooldown_per,
        ..
    } = handler.guard.clone();
    let registration = match channels.is_empty() {
        true => registration,
        false => {
            let places: Vec<_> = channels.iter().map(|text| place(text)).collect();
            registration.filter_envelope(move |envelope| {
                let (space, channel) = (&envelope.channel.space, &envelope.channel.channel);
                let here = |place: &(Option<Id>, Id)| {
                    place.1 == *channel && place.0.as_ref().is_none_or(|wanted| wanted == space)
                };
                // What happens nowhere, such as that a connection is back, concerns whoever asks for it.
                envelope.channel == ChannelKey::default() || places.iter().any(here)
            })
        }
    };
    let registration = match platforms.is_empty() {
        true => registration,
        false => registration.filter_envelope(move |envelope| {
            let platform = envelope.origin.platform();
            platforms.iter().any(|wanted| wanted == platform)
        }),
    };
    let registration = match contains.is_empty() && starts_with.is_empty() {
        true => registration,
        false => registration.layer(Permission::check(move |call| {
            text(call).is_some_and(|text| {
                let begin = text.trim_start();
                (contains.is_empty() || contains.iter().any(|part| text.contains(part)))
                    && (starts_with.is_empty()
                        || starts_with.iter().any(|prefix| begin.starts_with(prefix)))
            })
        })),
    };
    let registration = match users.is_empty() {
        true => registration,
        false => {
            let users: BTreeSet<_> = users.into_iter().collect();
            registration.layer(Permission::check(move |call| {
                let is_of_nobody = call.payload::<Connected>().is_some();
                is_of_nobody
                    || author(call).is_some_and(|author| {
                        users.contains(&author.id.to_string()) || users.contains(&author.name)
                    })
            }))
        }
    };
    if cooldown.is_zero() {
        return registration;
    }
    let kind = handler.kind.clone();
    registration.layer(Cooldown::keyed(cooldown, move |call| {
        acts(&kind, call).then_some(())?;
        let envelope = call.envelope();
        let platform = envelope.origin.platform();
        match cooldown_per {
            CooldownPer::Channel => Some(format!("{platform} {}", envelope.channel)),
            CooldownPer::Everybody => Some(String::new()),
            CooldownPer::User => author(call).map(|author| format!("{platform} {}", author.id)),
        }
    }))
}

/// Returns what was said, if anything was.
fn text<'a>(call: &Call<'a>) -> Option<&'a str> {
    let edited = || {
        call.payload::<MessageEdited>()
            .map(|edited| &edited.message)
    };
    let message = call.payload::<ChatMessage>().or_else(edited)?;
    Some(&message.text)
}

/// Says whether a handler of this kind would do something: what it only overhears uses nothing up.
fn acts(kind: &HandlerKind, call: &Call<'_>) -> bool {
    let Some(message) = call.payload::<ChatMessage>() else {
        return true;
    };
    let asks = match kind {
        HandlerKind::Assistant {
            prefix, mention, ..
        } => {
            let is_meant =
                message.is_direct || message.mentions.iter().any(|mention| mention.is_me);
            (!prefix.is_empty() && message.command(prefix).is_some()) || (*mention && is_meant)
        }
        HandlerKind::Counter { prefix } | HandlerKind::Ping { prefix, .. } => {
            message.command(prefix).is_some()
        }
        HandlerKind::Wallet { prefix, .. } => message.command(prefix).is_some(),
        HandlerKind::Echo { prefix } => prefix.is_empty() || message.command(prefix).is_some(),
        _ => true,
    };
    asks && !message.is_own
}

fn place(text: &str) -> (Option<Id>, Id) {
    match text.split_once('/') {
        Some((space, channel)) => (Some(Id::from(space)), Id::from(channel)),
        None => (None, Id::from(text)),
    }
}
