//! Puts what the configuration spares a ready-made handler around it.

use std::collections::BTreeSet;

use actix::{Actor, Context};
use greenroom_actors::event::Id;
use greenroom_actors::router::middleware::{Call, Cooldown, Permission};

use crate::chat::author;
use crate::config::{CooldownPer, Guard, Handler, HandlerKind};
use crate::prelude::*;

/// Adds the filters and the cooldown of `handler`.
pub(super) fn around<A: Actor<Context = Context<A>>>(
    registration: Registration<A>,
    handler: &Handler,
) -> Registration<A> {
    let Guard {
        channels,
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
                places.iter().any(here)
            })
        }
    };
    let registration = match users.is_empty() {
        true => registration,
        false => {
            let users: BTreeSet<_> = users.into_iter().collect();
            registration.layer(Permission::check(move |call| {
                author(call).is_some_and(|author| {
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

/// Says whether a handler of this kind would do something: what it only overhears uses nothing up.
fn acts(kind: &HandlerKind, call: &Call<'_>) -> bool {
    let Some(message) = call.payload::<ChatMessage>() else {
        return true;
    };
    let asks = match kind {
        HandlerKind::Counter { prefix } | HandlerKind::Ping { prefix, .. } => {
            message.command(prefix).is_some()
        }
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
