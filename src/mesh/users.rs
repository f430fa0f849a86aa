//! Who the user is, and what was used.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::caller::{Operation, Wanted, Work};
use super::codec;
use super::error::{ErrorKind, MeshError};
use super::http::Reply;
use super::limits::{MODELS, PROFILE, USAGE, USERS};
use super::model::{Models, Profile};
use super::models::{anthropic, openai};
use super::session::{Acquire, ItIs};
use super::token::Token;

impl Work {
    /// Returns the profile of the token's owner, which the server makes if there is none; it is asked for once an owner.
    pub(super) async fn profile(&self, again: bool) -> Result<Asked, MeshError> {
        let _one = self.client.registering.lock().await;
        if !again && let Some(profile) = self.client.who().await? {
            return Ok(Asked::Known(profile));
        }
        let reply = self.ask(PROFILE, &Wanted::get(&[])).await?;
        if reply.is_missing() {
            return Ok(Asked::Missing(reply));
        }
        if !reply.is_ok() {
            return Ok(Asked::Failed(reply));
        }
        let Some(profile) = reply.json().as_ref().and_then(codec::profile) else {
            return Err(reply.unreadable());
        };
        let token = self.client.token(Acquire::any()).await?;
        let known = ItIs {
            profile: profile.clone(),
            token,
        };
        self.client
            .doors()?
            .session
            .ask(known)
            .await
            .unwrap_or_default();
        Ok(Asked::Known(profile))
    }

    /// Returns the user's id: as given, as the server says, or, if the server cannot say, as the token does.
    pub(super) async fn user_id(&self, given: Option<String>) -> Result<String, MeshError> {
        if let Some(given) = given.filter(|id| !id.is_empty()) {
            return Ok(given);
        }
        match self.profile(false).await? {
            Asked::Known(profile) => Ok(profile.id),
            Asked::Missing(_) => {
                let token = self.client.token(Acquire::any()).await?;
                Token::bare(&token)
                    .as_ref()
                    .and_then(Token::subject)
                    .ok_or_else(|| no_user_id(ErrorKind::Auth))
            }
            Asked::Failed(reply) => Err(no_user_id(ErrorKind::Http)
                .details(reply.details())
                .at(&reply.url)
                .answered(reply.status, None)),
        }
    }

    /// Makes sure that the server knows a user; a server that does not want to is no reason to stop.
    pub(super) async fn ensure(&self, id: &str, email: Option<&str>) -> Result<Reply, MeshError> {
        let mut body = json!({"id": id});
        if let Some(email) = email {
            body["email"] = json!(email);
        }
        let wanted = Wanted {
            needs_token: false,
            ..Wanted::post(&body)
        };
        self.ask(USERS, &wanted).await
    }
}

/// What asking for a profile comes to.
pub(super) enum Asked {
    Known(Profile),
    Missing(Reply),
    Failed(Reply),
}

fn no_user_id(kind: ErrorKind) -> MeshError {
    let message = "User ID not provided and could not be extracted from authentication token";
    MeshError::new(kind, message).troubleshooting(&[
        "Provide a user_id parameter",
        "Ensure you are properly authenticated",
        "Check that the server URL is correct",
    ])
}

/// Asks for the profile.
pub(super) struct GetProfile;

impl Operation for GetProfile {
    type Output = Profile;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<Profile, MeshError>> {
        async move {
            match work.profile(true).await? {
                Asked::Known(profile) => Ok(profile),
                Asked::Missing(reply) | Asked::Failed(reply) => {
                    Err(reply.refusal(format!("Failed to get the profile: {}", reply.status)))
                }
            }
        }
        .boxed_local()
    }
}

/// Makes sure that the server knows a user.
pub(super) struct EnsureUser {
    pub(super) id: String,
    pub(super) email: Option<String>,
}

impl Operation for EnsureUser {
    type Output = Profile;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<Profile, MeshError>> {
        async move {
            let reply = work.ensure(&self.id, self.email.as_deref()).await?;
            if !reply.is_ok() {
                return Err(reply.refusal(format!("Failed to register user: {}", reply.status)));
            }
            reply
                .json()
                .as_ref()
                .and_then(codec::profile)
                .ok_or_else(|| reply.unreadable())
        }
        .boxed_local()
    }
}

/// Asks what a user has left to spend.
pub(super) struct GetCredits {
    pub(super) user: Option<String>,
}

impl Operation for GetCredits {
    type Output = f64;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<f64, MeshError>> {
        async move {
            let user = work.user_id(self.user).await?;
            let user: String = byte_serialize(user.as_bytes()).collect();
            let (new, old) = (
                format!("/api/v1/users/{user}/credits"),
                format!("/v1/mesh/users/{user}/credits"),
            );
            let reply = work.ask(&[&new, &old], &Wanted::get(&[])).await?;
            if !reply.is_ok() {
                return Err(reply.refusal(format!("Failed to get credits: {}", reply.status)));
            }
            let credits = reply
                .json()
                .as_ref()
                .and_then(|answer| answer.get("credits")?.as_f64());
            credits.ok_or_else(|| reply.unreadable())
        }
        .boxed_local()
    }
}

/// Asks what was used.
pub(super) struct GetUsage;

impl Operation for GetUsage {
    type Output = Value;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<Value, MeshError>> {
        async move {
            let reply = work.ask(USAGE, &Wanted::get(&[])).await?;
            match reply.is_ok() {
                true => reply.json().ok_or_else(|| reply.unreadable()),
                false => Err(reply.refusal(format!("Failed to get usage data: {}", reply.status))),
            }
        }
        .boxed_local()
    }
}

/// Asks which models there are.
pub(super) struct GetModels;

impl Operation for GetModels {
    type Output = Models;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<Models, MeshError>> {
        async move {
            let reply = work.ask(MODELS, &Wanted::get(&[])).await?;
            if reply.is_missing() {
                // What it does not list may be found in what was used; if that fails, too, the constants are still right.
                let usage = GetUsage.perform(work).await.unwrap_or_default();
                return Ok(built_in(used(&usage)));
            }
            if !reply.is_ok() {
                // In the words of the package, for which both are the same matter.
                return Err(reply.refusal(format!("Failed to get usage data: {}", reply.status)));
            }
            let answer = reply.json().ok_or_else(|| reply.unreadable())?;
            let names = |provider: &str| {
                let names = answer.get("models")?.get(provider)?.as_array()?.iter();
                Some(
                    names
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect::<Vec<_>>(),
                )
            };
            match (names("openai"), names("anthropic")) {
                (None, None) => Err(reply.unreadable()),
                (openai, anthropic) => Ok(Models {
                    openai: openai.unwrap_or_default(),
                    anthropic: anthropic.unwrap_or_default(),
                    available_models: BTreeMap::new(),
                }),
            }
        }
        .boxed_local()
    }
}

fn built_in(available_models: BTreeMap<String, Vec<String>>) -> Models {
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    Models {
        openai: names(openai::ALL),
        anthropic: names(anthropic::ALL),
        available_models,
    }
}

/// Finds the models that were used, in both forms of the answer.
fn used(usage: &Value) -> BTreeMap<String, Vec<String>> {
    let mut models: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let rows = usage
        .get("data")
        .or_else(|| usage.get("usage"))
        .and_then(Value::as_array);
    for row in rows.into_iter().flatten() {
        let model = row
            .get("metadata")
            .and_then(|data| data.get("model"))
            .or_else(|| row.get("model"));
        let (Some(service), Some(model)) = (
            row.get("service").and_then(Value::as_str),
            model.and_then(Value::as_str),
        ) else {
            continue;
        };
        let known = models.entry(service.to_owned()).or_default();
        if !known.iter().any(|name| name == model) {
            known.push(model.to_owned());
        }
    }
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_were_used_are_found_in_both_forms() {
        let new = json!({"data": [
            {"service": "openai", "action": "chat", "metadata": {"model": "o1"}},
            {"service": "openai", "action": "chat", "metadata": {"model": "o1"}},
            {"service": "mesh", "action": "storeKey"},
        ]});
        assert_eq!(
            used(&new),
            BTreeMap::from([("openai".to_owned(), vec!["o1".to_owned()])])
        );
        let old = json!({"usage": [{"service": "anthropic", "model": "claude-2.1"}]});
        assert_eq!(
            used(&old),
            BTreeMap::from([("anthropic".to_owned(), vec!["claude-2.1".to_owned()])])
        );
        assert!(used(&Value::Null).is_empty());
    }
}
