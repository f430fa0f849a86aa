//! The handler actor of commands.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, Context, Handler};

use super::commands::{Found, Set};
use super::{Call, Refusal};
use crate::error::Retry;
use crate::event::Event;
use crate::router::{Cancellable, HandlerError, Outcome};
use crate::utterance::Utterance;

/// Carries out the commands of a [`Commands`](super::Commands).
///
/// * **Who starts it**: the supervisor of the handlers.
/// * **What ends it**: shutdown, or a panic of a command.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: nothing: cooldowns, and what has been answered already, outlive its incarnations. Both are lost when the process
///   ends.
pub struct CommandActor<T> {
    set: Arc<Set<T>>,
}

impl<T> fmt::Debug for CommandActor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandActor").finish_non_exhaustive()
    }
}

impl<T> CommandActor<T> {
    pub(super) fn new(set: Arc<Set<T>>) -> Self {
        Self { set }
    }
}

impl<T: Utterance> Actor for CommandActor<T> {
    type Context = Context<Self>;
}

impl<T: Utterance> Handler<Event<T>> for CommandActor<T> {
    type Result = Cancellable;

    fn handle(&mut self, event: Event<T>, _: &mut Context<Self>) -> Cancellable {
        let found = match event.is_own() {
            true => None,
            false => self.set.name_at(&event),
        };
        let found = found.and_then(|at| Some((at, self.set.find(event.text(), at)?)));
        match found {
            Some((name_at, found)) => {
                let set = Arc::clone(&self.set);
                Cancellable::new(Box::pin(carry_out(set, event, name_at, found)))
            }
            None => Cancellable::done(Ok(())),
        }
    }
}

async fn carry_out<T: Utterance>(
    set: Arc<Set<T>>,
    event: Event<T>,
    name_at: usize,
    found: Found,
) -> Outcome {
    let answers = set.progress.begin(&event);
    let (Found::Command(_, end) | Found::Help(_, end) | Found::Unknown(_, end, _)) = found;
    let call = Call::new(event, (name_at, end), answers);
    let outcome = match call.has_answered() {
        // The last attempt got as far as that, and then ran out of time, or took the actor with it.
        true => Err(HandlerError::permanent(
            "it was answered and then failed; it is not tried again, so that nobody is answered twice",
        )),
        false => act(&set, &call, found).await,
    };
    let outcome = outcome.map_err(|error| match error.retry() {
        Retry::Now | Retry::After(_) if call.has_answered() => HandlerError::permanent(format!(
            "{error}; it is not tried again, since it was answered already"
        )),
        _ => error,
    });
    let is_over = outcome
        .as_ref()
        .map_or_else(|error| error.retry() == Retry::Never, |()| true);
    if is_over {
        set.progress.end(&call);
    }
    outcome
}

async fn act<T: Utterance>(set: &Set<T>, call: &Call<T>, found: Found) -> Outcome {
    let path = match found {
        Found::Command(path, _) => path,
        Found::Help(path, _) => {
            for text in set.explain(call.prefix(), &path) {
                answer(call, text).await?;
            }
            return Ok(());
        }
        Found::Unknown(group, _, meant) => {
            let above = set.along(&group).map(|group| format!("{} ", group.name()));
            let above: String = above.collect();
            let refusal = Refusal::Unknown {
                given: format!("{}{}", call.prefix(), call.command()),
                meant: meant.map(|name| format!("{}{above}{name}", call.prefix())),
                usage: set.usage(call.prefix(), &group),
            };
            return refuse(set, call, &refusal).await;
        }
    };
    for check in set.along(&path).flat_map(|command| &command.checks) {
        if !check.passes(call).await? {
            let refusal = Refusal::Check(check.refusal().to_owned());
            return refuse(set, call, &refusal).await;
        }
    }
    let Some((command, action)) = set.at(&path).and_then(|it| Some((it, it.action.as_ref()?)))
    else {
        return Ok(());
    };
    let work = match action(call, &command.shape) {
        Ok(work) => work,
        Err(error) => {
            let usage = set.usage(call.prefix(), &path).unwrap_or_default();
            return refuse(set, call, &Refusal::Argument { error, usage }).await;
        }
    };
    if !call.is_owed() && !set.progress.is_admitted(call) {
        for cooldown in set.along(&path).flat_map(|command| &command.cooldowns) {
            if let Err(remaining) = cooldown.admit(call) {
                return refuse(set, call, &Refusal::Cooldown { remaining }).await;
            }
        }
        set.progress.admit(call);
    }
    work.await
}

async fn refuse<T: Utterance>(set: &Set<T>, call: &Call<T>, refusal: &Refusal) -> Outcome {
    match set.say(call, refusal) {
        Some(text) => answer(call, text).await,
        None => Ok(()),
    }
}

async fn answer<T: Utterance>(call: &Call<T>, text: String) -> Outcome {
    call.saying(T::answer(call.event(), text)).await?;
    Ok(())
}
