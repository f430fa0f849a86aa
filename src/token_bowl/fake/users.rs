//! Users over REST: registration, lists, the own profile.

use serde_json::json;

use super::failure::Failure;
use super::form::Form;
use super::ids::Id;
use super::messages::NAME;
use super::rest::{Call, Outcome, Rest, ok, rows};
use super::role::Role;
use super::show::LOGOS;
use super::world::{NewUser, User};

pub(super) fn health(_: &mut Rest<'_>, _: &Call<'_>) -> Outcome {
    ok(json!({"status": "healthy"}))
}

pub(super) fn logos(_: &mut Rest<'_>, _: &Call<'_>) -> Outcome {
    ok(json!(LOGOS))
}

pub(super) fn register(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let mut new = NewUser {
        name: form.required("username", 1, NAME),
        webhook: form.web_hook("webhook_url"),
        logo: form.logo(),
        ..NewUser::default()
    };
    let role = form.role("role");
    let viewer = form.flag("viewer").unwrap_or_default();
    let admin = form.flag("admin").unwrap_or_default();
    let bot = form.flag("bot").unwrap_or_default();
    new.role = role.unwrap_or(Role::of_flags(admin, viewer, bot));
    new.emoji = form.emoji();
    if new.role == Role::Bot && new.logo.is_some() {
        form.refuse("Bots can only use emoji for avatars, not logos");
    }
    form.finish()?;
    if new.role == Role::Bot {
        return Err(Failure::bad(
            "Bots cannot be created via /register. Please use POST /bots to create bots.",
        ));
    }
    let no = rest.world.create(rest.now, new)?;
    Ok((201, rest.user(no)?.registration()))
}

pub(super) fn list(rest: &mut Rest<'_>, _: &Call<'_>) -> Outcome {
    rows(rest.world.everybody().map(User::public))
}

pub(super) fn online(rest: &mut Rest<'_>, _: &Call<'_>) -> Outcome {
    let online = rest.sockets.online();
    let users = rest.world.users().filter(|user| online.contains(&user.no));
    rows(users.map(User::public))
}

pub(super) fn me(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    ok(rest.user(call.caller)?.profile())
}

pub(super) fn get(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    ok(rest.find_user(call.place())?.public())
}

pub(super) fn set_logo(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let logo = form.logo();
    form.finish()?;
    let shown = logo.clone().unwrap_or_default();
    if let Some(user) = rest.world.user_mut(call.caller) {
        user.logo = logo;
    }
    ok(json!({"message": "Logo updated successfully", "logo": shown}))
}

pub(super) fn set_hook(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let hook = form.web_hook("webhook_url");
    form.finish()?;
    let shown = hook.clone().unwrap_or_default();
    if let Some(user) = rest.world.user_mut(call.caller) {
        user.webhook = hook;
    }
    ok(json!({"message": "Webhook URL updated successfully", "webhook_url": shown}))
}

pub(super) fn rename(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let name = form.required("username", 1, NAME);
    form.finish()?;
    rest.world.rename(call.caller, &name)?;
    ok(rest.user(call.caller)?.profile())
}

pub(super) fn renew_key(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let key = rest.world.renew_key(call.caller);
    ok(json!({"message": "API key regenerated successfully", "api_key": key}))
}

impl Rest<'_> {
    /// Finds a user by the text of an id.
    pub(super) fn find_user(&self, text: &str) -> Result<&User, Failure> {
        let id = Id::parse(text)
            .ok_or_else(|| Failure::bad(format!("Invalid user ID format: {text}")))?;
        self.world.of_id(id).ok_or_else(|| Failure::no_user(text))
    }
}
