//! Messages over REST, and what both ways to the server have in common.

use serde_json::{Value, json};

use super::event::Event;
use super::failure::Failure;
use super::form::Form;
use super::query::Query;
use super::rest::{Call, DONE, Outcome, Rest, ok};
use super::role::Role;
use super::show::{cut, pagination};
use super::world::{Kind, Message, UserNo, World};
use crate::token_bowl::model::Timestamp;

/// The longest content, in code points.
pub(super) const CONTENT: usize = 10_000;
pub(super) const NAME: usize = 50;
const NO_DATE: &str = "Invalid timestamp format. Use ISO 8601 format.";

/// Which messages are asked for.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) limit: i64,
    pub(super) offset: i64,
    pub(super) since: Option<String>,
}

impl Page {
    fn of(mut query: Query) -> Result<Self, Failure> {
        let page = Self {
            limit: query.number("limit", 50),
            offset: query.number("offset", 0),
            since: query.text("since").map(str::to_owned),
        };
        query.finish()?;
        Ok(page)
    }
}

impl World {
    /// Lists messages, newest first, with where the page stands.
    pub(super) fn history(
        &self,
        reader: UserNo,
        kind: Kind,
        page: &Page,
    ) -> Result<Value, Failure> {
        let since = match page.since.as_deref().filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(
                text.parse::<Timestamp>()
                    .map_err(|_| Failure::bad(NO_DATE))?,
            ),
        };
        let sees_all = self
            .user(reader)
            .is_some_and(|user| user.role == Role::Viewer);
        let found: Vec<&Message> = self
            .messages
            .iter()
            .rev()
            // They are in the order of their dates.
            .take_while(|message| since.is_none_or(|since| message.at > since))
            .filter(|message| message.kind() == kind)
            .filter(|message| sees_all || message.is_visible_to(reader))
            .collect();
        let total = found.len();
        let found: Vec<Value> = cut(found, page.limit, page.offset)
            .into_iter()
            .map(|message| self.show(message))
            .collect();
        let pagination = pagination(total, found.len(), page.limit, page.offset);
        Ok(json!({"messages": found, "pagination": pagination}))
    }

    /// Lists what a user has not read, oldest first.
    pub(super) fn waiting(&self, reader: UserNo, kind: Kind, page: &Page) -> Value {
        let found: Vec<&Message> = self
            .messages
            .iter()
            .filter(|message| message.kind() == kind && message.is_unread_by(reader))
            .collect();
        cut(found, page.limit, page.offset)
            .into_iter()
            .map(|message| self.show(message))
            .collect()
    }
}

pub(super) fn send(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let content = form.required("content", 1, CONTENT);
    let to = form.text("to_username", 1, NAME);
    form.finish()?;
    let message = rest
        .world
        .send(rest.now, call.caller, to.as_deref(), content)?;
    let shown = rest.world.show(&message);
    rest.events.push(Event::Sent(message));
    Ok((201, shown))
}

pub(super) fn room(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let page = Page::of(call.query())?;
    ok(rest.world.history(call.caller, Kind::Room, &page)?)
}

pub(super) fn direct(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let page = Page::of(call.query())?;
    ok(rest.world.history(call.caller, Kind::Direct, &page)?)
}

pub(super) fn unread_room(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let page = Page::of(call.query())?;
    ok(rest.world.waiting(call.caller, Kind::Room, &page))
}

pub(super) fn unread_direct(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let page = Page::of(call.query())?;
    ok(rest.world.waiting(call.caller, Kind::Direct, &page))
}

pub(super) fn unread_count(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    ok(rest.world.show_unread(call.caller))
}

pub(super) fn mark(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let reader = call.caller;
    if let Some(message) = rest.world.mark(reader, call.place())? {
        rest.events.push(Event::Read { message, reader });
    }
    Ok(DONE)
}

pub(super) fn mark_all(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let count = rest.world.mark_all(call.caller, |_| true);
    rest.events.push(Event::AllRead(call.caller));
    ok(json!({"marked_as_read": count}))
}

pub(super) fn get(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let message = rest.world.find_message(call.place())?;
    let sees_all = matches!(rest.user(call.caller)?.role, Role::Admin | Role::Viewer);
    if !sees_all && !message.is_visible_to(call.caller) {
        return Err(Failure::forbidden(
            "You don't have permission to access this message",
        ));
    }
    ok(rest.world.show(message))
}

pub(super) fn typing(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let query = call.query();
    let to = query.text("to_username").filter(|name| !name.is_empty());
    let answer = json!({"status": "typing indicator sent", "to": to.unwrap_or("room")});
    rest.events.push(Event::Typing {
        from: call.caller,
        to: to.map(str::to_owned),
    });
    ok(answer)
}
