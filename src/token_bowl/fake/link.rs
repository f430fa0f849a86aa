//! Magic links, and the tokens of the Centrifugo line.

use serde_json::json;

use super::failure::Failure;
use super::form::Form;
use super::ids::draw_key;
use super::messages::NAME;
use super::rest::{Call, Outcome, Rest, ok};
use super::role::Role;
use super::world::{Invited, NewUser, UserNo};

/// The token that every magic link carries.
const TOKEN: &str = "sim-magic-token";

pub(super) fn send(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let email = form.required("email", 3, 255);
    let name = form.text("username", 1, NAME);
    form.finish()?;
    rest.invite(email.clone(), name, Role::Member)?;
    let message = "Magic link sent! Check your email to continue.";
    ok(json!({"message": message, "email": email}))
}

pub(super) fn invite(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let email = form.required("email", 0, usize::MAX);
    form.required("signup_url", 0, usize::MAX);
    let role = form.role("role").unwrap_or_default();
    form.finish()?;
    rest.invite(email.clone(), None, role)?;
    let message = format!("Invitation sent to {email}");
    ok(json!({"email": email, "role": role.name(), "message": message}))
}

pub(super) fn authenticate(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let mut form = Form::of(call.request)?;
    let token = form.required("token", 1, usize::MAX);
    form.finish()?;
    rest.need_links()?;
    let invited = rest.world.invited.clone().filter(|_| token == TOKEN);
    let invited =
        invited.ok_or_else(|| Failure::new(401, "Invalid or expired magic link token"))?;
    let no = rest.signed_up(invited)?;
    let session = draw_key(&rest.world.entropy);
    if rest.world.sessions.len() >= SESSIONS {
        rest.world.sessions.pop_first();
    }
    rest.world.sessions.insert(session.clone(), no);
    let user = rest.user(no)?;
    ok(json!({"username": user.name, "session_token": session, "api_key": user.key}))
}

pub(super) fn connection_token(rest: &mut Rest<'_>, call: &Call<'_>) -> Outcome {
    let name = &rest.user(call.caller)?.name;
    let channels = [format!("user:{name}"), "room:main".to_owned()];
    let token = rest.tokens.issue(name, &channels, rest.now.unix);
    let url = format!("{}/connection/websocket", rest.ws_url);
    ok(json!({"token": token, "url": url, "channels": channels, "user": name}))
}

impl Rest<'_> {
    fn need_links(&self) -> Result<(), Failure> {
        if self.world.magic_links {
            return Ok(());
        }
        let text = "Stytch authentication is not configured";
        Err(Failure::new(503, text))
    }

    fn invite(&mut self, email: String, name: Option<String>, role: Role) -> Result<(), Failure> {
        self.need_links()?;
        self.world.invited = Some(Invited { email, name, role });
        Ok(())
    }

    /// Returns the user of an address; a new one gets the name that was asked for, or the first part of the address.
    fn signed_up(&mut self, invited: Invited) -> Result<UserNo, Failure> {
        let email = Some(invited.email.as_str());
        let known = self
            .world
            .users()
            .find(|user| user.email.as_deref() == email)
            .map(|user| user.no);
        if let Some(no) = known {
            return Ok(no);
        }
        let local = invited.email.split('@').next().unwrap_or_default();
        let wanted = invited.name.unwrap_or_else(|| local.to_owned());
        let short: String = wanted.chars().take(NAME).collect();
        let mut name = short.clone();
        let mut number = 0_u64;
        while self.world.named(&name).is_some() {
            number += 1;
            name = format!("{short}{number}");
        }
        let new = NewUser {
            name,
            role: invited.role,
            email: Some(invited.email),
            ..NewUser::default()
        };
        self.world.create(self.now, new)
    }
}

/// The largest number of sessions.
const SESSIONS: usize = 10_000;
