//! Bots that users make, over REST.

use serde_json::{Map, json};

use super::event::Event;
use super::failure::Failure;
use super::form::Form;
use super::ids::Id;
use super::messages::NAME;
use super::rest::{Call, DONE, Outcome, Rest, ok, rows};
use super::role::Role;
use super::world::{NewUser, User, UserNo};

pub(super) fn create(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let new = NewUser {
        name: form.required("username", 1, NAME),
        emoji: form.emoji(),
        webhook: form.web_hook("webhook_url"),
        role: Role::Bot,
        owner: Some(rest.user(call.caller)?.party()),
        ..NewUser::default()
    };
    form.finish()?;
    let no = rest.world.create(rest.now, new)?;
    let mut shown = rest.user(no)?.bot();
    shown
        .as_object_mut()
        .map(|shown: &mut Map<_, _>| shown.remove("created_at"));
    Ok((201, shown))
}

pub(super) fn mine(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let is_mine = |user: &&User| {
        let owner = user.owner.as_ref();
        owner.is_some_and(|owner| owner.no == call.caller)
    };
    rows(rest.world.users().filter(is_mine).map(User::bot))
}

pub(super) fn update(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let emoji = form.has("emoji").then(|| form.emoji());
    let webhook = form
        .has("webhook_url")
        .then(|| form.web_hook("webhook_url"));
    form.finish()?;
    let no = rest.own_bot(call, "update")?;
    if let Some(user) = rest.world.user_mut(no) {
        user.emoji = emoji.unwrap_or(user.emoji.take());
        user.webhook = webhook.unwrap_or(user.webhook.take());
    }
    ok(rest.user(no)?.bot())
}

pub(super) fn delete(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let no = rest.own_bot(call, "delete")?;
    rest.world.remove(no);
    rest.events.push(Event::Gone(no));
    Ok(DONE)
}

pub(super) fn renew_key(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let no = rest.own_bot(call, "regenerate API key for")?;
    let key = rest.world.renew_key(no);
    ok(json!({"message": "Bot API key regenerated successfully", "api_key": key}))
}

impl Rest<'_> {
    /// Finds the bot of a call, if the caller may do this to it.
    fn own_bot(&self, call: &Call<'_>, what: &str) -> Result<UserNo, Failure> {
        let text = call.place();
        let id = Id::parse(text)
            .ok_or_else(|| Failure::bad(format!("Invalid bot ID format: {text}")))?;
        let found = self.world.of_id(id).filter(|user| user.is_bot());
        let bot = found.ok_or_else(|| Failure::missing(format!("Bot {text} not found")))?;
        let is_owner = bot
            .owner
            .as_ref()
            .is_some_and(|owner| owner.no == call.caller);
        if is_owner || self.user(call.caller)?.role == Role::Admin {
            return Ok(bot.no);
        }
        let name = &bot.name;
        Err(Failure::forbidden(format!(
            "You don't have permission to {what} bot {name}"
        )))
    }
}
