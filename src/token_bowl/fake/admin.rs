//! What admins do over REST.

use serde_json::json;

use super::event::Event;
use super::failure::Failure;
use super::form::Form;
use super::messages::{CONTENT, NAME};
use super::rest::{Call, DONE, Outcome, Rest, ok, rows};
use super::role::Role;
use super::world::User;

pub(super) fn users(rest: &mut Rest<'_>, _: &Call<'_>) -> Outcome {
    rows(rest.world.users().map(User::profile))
}

pub(super) fn user(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    ok(rest.find_user(call.place())?.profile())
}

pub(super) fn update_user(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let name = form.text("username", 1, NAME);
    let email = form.text("email", 0, usize::MAX);
    let webhook = form.web_hook("webhook_url");
    let logo = form.logo();
    let flags = ["viewer", "admin", "bot"].map(|flag| form.flag(flag));
    let emoji = form.emoji();
    let clears = ["email", "webhook_url", "logo", "emoji"].map(|name| form.has(name));
    let is_empty = !clears.contains(&true) && name.is_none() && flags == [None; 3];
    form.finish()?;
    let no = rest.find_user(call.place())?.no;
    if is_empty {
        return Err(Failure::bad(format!(
            "No valid fields provided to update. Valid fields: {FIELDS}"
        )));
    }
    if let Some(name) = name {
        rest.world.rename(no, &name)?;
    }
    if let Some(user) = rest.world.user_mut(no) {
        let values = [email, webhook, logo, emoji];
        let places = [
            &mut user.email,
            &mut user.webhook,
            &mut user.logo,
            &mut user.emoji,
        ];
        for ((value, is_given), place) in values.into_iter().zip(clears).zip(places) {
            if is_given {
                *place = value;
            }
        }
        user.role = changed(user.role, flags);
    }
    ok(rest.user(no)?.profile())
}

/// Returns the role after a change of flags: one that is set asks for its role, the own one taken away leaves a member.
fn changed(role: Role, [viewer, admin, bot]: [Option<bool>; 3]) -> Role {
    let asks = |flag: Option<bool>| flag == Some(true);
    match Role::of_flags(asks(admin), asks(viewer), asks(bot)) {
        Role::Member => {
            let own = match role {
                Role::Admin => admin,
                Role::Viewer => viewer,
                Role::Bot => bot,
                Role::Member => None,
            };
            if own == Some(false) {
                Role::Member
            } else {
                role
            }
        }
        asked => asked,
    }
}

pub(super) fn delete_user(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let no = rest.find_user(call.place())?.no;
    rest.world.remove(no);
    rest.events.push(Event::Gone(no));
    Ok(DONE)
}

pub(super) fn assign(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let role = form.required_role("role");
    form.finish()?;
    let user = rest.find_user(call.place())?;
    let (no, name) = (user.no, user.name.clone());
    if let Some(user) = rest.world.user_mut(no) {
        user.role = role;
    }
    let role = role.name();
    let message = format!("Successfully assigned role '{role}' to user {name}");
    ok(json!({"username": name, "role": role, "message": message}))
}

pub(super) fn renew_key(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let user = rest.find_user(call.place())?;
    let (no, name) = (user.no, user.name.clone());
    let key = rest.world.renew_key(no);
    let message = format!("API key regenerated successfully for user {name}");
    ok(json!({"message": message, "api_key": key}))
}

pub(super) fn message(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let message = rest.world.find_message(call.place())?;
    ok(rest.world.show(message))
}

pub(super) fn update_message(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let content = form.required("content", 1, CONTENT);
    form.finish()?;
    let id = rest.world.find_message(call.place())?.id;
    let mut all = rest.world.messages.iter_mut();
    if let Some(message) = all.find(|message| message.id == id) {
        message.content = content;
    }
    message(rest, call)
}

pub(super) fn delete_message(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let id = rest.world.find_message(call.place())?.id;
    rest.world.messages.retain(|message| message.id != id);
    Ok(DONE)
}

pub(super) fn delete_conversation(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let id = rest.world.find_conversation(call.place())?.id;
    rest.world.conversations.retain(|found| found.id != id);
    Ok(DONE)
}

pub(super) fn connections(rest: &mut Rest<'_>, _: &Call<'_>) -> Outcome {
    let connections = rest.sockets.report(rest.world, rest.now);
    let users = rest.sockets.online();
    ok(json!({
        "total_users": users.len(),
        "total_connections": connections.len(),
        "connections": connections,
    }))
}

const FIELDS: &str = "username, email, webhook_url, logo, viewer, admin, bot, emoji";
