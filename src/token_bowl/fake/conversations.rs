//! Conversations, over REST and the websocket: titled selections of messages.

use serde_json::{Value, json};

use super::failure::Failure;
use super::form::Form;
use super::ids::Id;
use super::rest::{Call, DONE, Outcome, Rest, ok};
use super::role::Role;
use super::show::{cut, pagination};
use super::world::{Conversation, UserNo, World};
use crate::simulator::Now;

/// What a conversation is made of, or changed to.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) messages: Option<Vec<Id>>,
}

impl Draft {
    /// Reads the fields of a form.
    pub(super) fn of(mut form: Form) -> Result<Self, Failure> {
        let draft = Self {
            title: form.text("title", 1, 200),
            description: form.text("description", 1, usize::MAX),
            messages: form.ids_if_given("message_ids"),
        };
        form.finish()?;
        Ok(draft)
    }
}

impl World {
    pub(super) fn create_conversation(
        &mut self,
        now: Now,
        creator: UserNo,
        draft: Draft,
    ) -> Result<Value, Failure> {
        let user = self.user(creator).ok_or_else(Failure::unauthorized)?;
        let creator = user.party();
        let messages = draft.messages.unwrap_or_default();
        self.check_messages(&messages)?;
        let conversation = Conversation {
            id: Id::draw(&self.entropy),
            title: draft.title,
            description: draft.description,
            messages,
            creator,
            created: self.moment(now),
        };
        let shown = conversation.show();
        self.conversations.push(conversation);
        if self.conversations.len() > CONVERSATIONS {
            self.conversations.remove(0);
        }
        Ok(shown)
    }

    fn check_messages(&self, ids: &[Id]) -> Result<(), Failure> {
        match ids.iter().find(|id| self.message(**id).is_none()) {
            None => Ok(()),
            Some(id) => Err(Failure::no_message(&id.to_string())),
        }
    }

    pub(super) fn find_conversation(&self, text: &str) -> Result<&Conversation, Failure> {
        let id = Id::parse(text);
        let mut all = self.conversations.iter();
        all.find(|found| Some(found.id) == id)
            .ok_or_else(|| Failure::missing(format!("Conversation {text} not found")))
    }

    /// Finds a conversation that the user may `view`, `update` or `delete`.
    pub(super) fn own_conversation(
        &self,
        user: UserNo,
        text: &str,
        what: &str,
    ) -> Result<&Conversation, Failure> {
        let found = self.find_conversation(text)?;
        let is_viewer = self
            .user(user)
            .is_some_and(|user| user.role == Role::Viewer);
        if found.creator.no == user || (what == "view" && is_viewer) {
            return Ok(found);
        }
        Err(Failure::forbidden(format!(
            "You can only {what} your own conversations"
        )))
    }

    pub(super) fn list_conversations(&self, user: UserNo, limit: i64, offset: i64) -> Value {
        let sees_all = self
            .user(user)
            .is_some_and(|user| user.role == Role::Viewer);
        let all = self.conversations.iter().rev();
        let found: Vec<Value> = all
            .filter(|found| sees_all || found.creator.no == user)
            .map(Conversation::show)
            .collect();
        let total = found.len();
        let found = cut(found, limit, offset);
        let pagination = pagination(total, found.len(), limit, offset);
        json!({
            "conversations": found,
            "pagination": pagination,
            "total": total,
            "limit": limit,
            "offset": offset,
        })
    }

    pub(super) fn update_conversation(
        &mut self,
        user: UserNo,
        text: &str,
        draft: Draft,
    ) -> Result<Value, Failure> {
        let id = self.own_conversation(user, text, "update")?.id;
        self.check_messages(draft.messages.as_deref().unwrap_or_default())?;
        let failed = || Failure::new(500, "Failed to update conversation");
        if draft.title.is_none() && draft.description.is_none() && draft.messages.is_none() {
            return Err(failed());
        }
        let mut all = self.conversations.iter_mut();
        let found = all.find(|found| found.id == id).ok_or_else(failed)?;
        found.title = draft.title.or(found.title.take());
        found.description = draft.description.or(found.description.take());
        if let Some(messages) = draft.messages {
            found.messages = messages;
        }
        Ok(found.show())
    }

    pub(super) fn delete_conversation(&mut self, user: UserNo, text: &str) -> Result<(), Failure> {
        let id = self.own_conversation(user, text, "delete")?.id;
        self.conversations.retain(|found| found.id != id);
        Ok(())
    }
}

pub(super) fn create(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let draft = Draft::of(Form::of(call.request)?)?;
    let created = rest
        .world
        .create_conversation(rest.now, call.caller, draft)?;
    Ok((201, created))
}

pub(super) fn list(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut query = call.query();
    let limit = query.bounded("limit", 50, 1, 100);
    let offset = query.bounded("offset", 0, 0, i64::MAX);
    query.finish()?;
    ok(rest.world.list_conversations(call.caller, limit, offset))
}

pub(super) fn get(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let found = rest
        .world
        .own_conversation(call.caller, call.place(), "view")?;
    ok(found.show())
}

pub(super) fn update(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let draft = Draft::of(Form::of(call.request)?)?;
    ok(rest
        .world
        .update_conversation(call.caller, call.place(), draft)?)
}

pub(super) fn delete(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    rest.world.delete_conversation(call.caller, call.place())?;
    Ok(DONE)
}

/// The largest number that is kept.
const CONVERSATIONS: usize = 10_000;
