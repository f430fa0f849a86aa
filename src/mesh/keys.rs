//! Keys that the server keeps, and commitments to keys that it never sees.

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::caller::{Operation, Wanted, Work};
use super::commitment::{commit, prove};
use super::error::{ErrorKind, MeshError};
use super::http::Reply;
use super::limits::{
    CHALLENGE, COMMITMENT, GET_KEY, LIST_KEYS, STORE_COMMITMENT, STORE_KEY, VERIFY,
};
use super::model::{StoredCommitment, StoredKey, Verification};
use super::users::Asked;

/// Keeps a key.
pub(super) struct StoreKey {
    pub(super) name: String,
    pub(super) value: SecretString,
    pub(super) user: Option<String>,
}

impl Operation for StoreKey {
    type Output = StoredKey;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<StoredKey, MeshError>> {
        async move {
            require(&self.name, Some(&self.value))?;
            let user = work.user_id(self.user).await?;
            let path = format!("{user}_{}", self.name);
            let body =
                json!({"userId": user, "keyName": path, "keyValue": self.value.expose_secret()});
            let wanted = Wanted {
                secrets: vec![self.value],
                ..Wanted::post(&body)
            };
            let reply = work.ask(STORE_KEY, &wanted).await?;
            if !reply.is_ok() {
                return Err(reply.refusal(format!("Failed to store key: {}", reply.status)));
            }
            match reply.json() {
                Some(Value::Object(answer)) => Ok(StoredKey {
                    storage_path: path,
                    original_key_name: self.name,
                    answer,
                }),
                _ => Err(reply.unreadable()),
            }
        }
        .boxed_local()
    }
}

/// Asks for a key.
pub(super) struct GetKey {
    pub(super) name: String,
    pub(super) user: Option<String>,
}

impl Operation for GetKey {
    type Output = Option<SecretString>;

    fn perform(
        self,
        work: Work,
    ) -> LocalBoxFuture<'static, Result<Option<SecretString>, MeshError>> {
        async move {
            require(&self.name, None)?;
            let user = work.user_id(self.user).await?;
            let path = format!("{user}_{}", self.name);
            let reply = work
                .ask(
                    GET_KEY,
                    &Wanted::get(&[("userId", &user), ("keyName", &path)]),
                )
                .await?;
            // D-23: a server without the path has not said that there is no key.
            if reply.status == 404 && !reply.is_missing() {
                return Ok(None);
            }
            if !reply.is_ok() {
                return Err(reply.refusal(format!("Failed to get key: {}", reply.status)));
            }
            let answer = reply.json().ok_or_else(|| reply.unreadable())?;
            if answer.get("success") == Some(&Value::Bool(false)) {
                return Ok(None);
            }
            let text = |name: &str| {
                answer
                    .get(name)
                    .and_then(Value::as_str)
                    .filter(|text| !text.is_empty())
            };
            Ok(text("keyValue")
                .or_else(|| text("key"))
                .map(SecretString::from))
        }
        .boxed_local()
    }
}

/// Asks which keys there are.
pub(super) struct ListKeys {
    pub(super) user: Option<String>,
}

impl Operation for ListKeys {
    type Output = Vec<String>;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<Vec<String>, MeshError>> {
        async move {
            let user = work.user_id(self.user).await?;
            let reply = work
                .ask(LIST_KEYS, &Wanted::get(&[("userId", &user)]))
                .await?;
            if !reply.is_ok() {
                return Err(reply.refusal(format!("Failed to list keys: {}", reply.status)));
            }
            let answer = reply.json().unwrap_or_default();
            let keys = answer
                .get("keys")
                .and_then(Value::as_array)
                .ok_or_else(|| reply.unreadable())?;
            let prefix = format!("{user}_");
            let names = keys.iter().filter_map(Value::as_str);
            Ok(names
                .map(|name| name.strip_prefix(&prefix).unwrap_or(name).to_owned())
                .collect())
        }
        .boxed_local()
    }
}

/// Keeps a commitment to a key.
pub(super) struct StoreCommitment {
    pub(super) name: String,
    pub(super) value: SecretString,
    pub(super) user: Option<String>,
}

impl Operation for StoreCommitment {
    type Output = StoredCommitment;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<StoredCommitment, MeshError>> {
        async move {
            require(&self.name, None)?;
            let user = work.owner(self.user).await?;
            // A user that is known already need not be made, and a server that cannot make one may know it all the same.
            if let Err(error) = work.ensure(&user, None).await {
                tracing::debug!(%error, "could not make sure that the user is known");
            }
            let committed = commit(&self.name, &self.value);
            let body =
                json!({"userId": user, "keyName": self.name, "commitment": committed.commitment});
            let reply = work
                .ask(
                    STORE_COMMITMENT,
                    &about_commitments(Wanted::post(&body), &self.value),
                )
                .await
                .map_err(unauthorized)?;
            if !reply.is_ok() {
                return Err(refused(
                    &reply,
                    format!("Failed to store key: {}", reply.status),
                ));
            }
            Ok(StoredCommitment {
                success: true,
                user_id: user,
                key_name: self.name,
                commitment: committed.commitment,
            })
        }
        .boxed_local()
    }
}

/// Finds out whether a value is the one that was committed to.
pub(super) struct VerifyKey {
    pub(super) name: String,
    pub(super) value: SecretString,
    pub(super) user: Option<String>,
}

impl Operation for VerifyKey {
    type Output = Verification;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<Verification, MeshError>> {
        async move {
            require(&self.name, None)?;
            let user = work.owner(self.user).await?;
            let about = [("userId", user.as_str()), ("keyName", self.name.as_str())];
            let wanted = about_commitments(Wanted::get(&about), &self.value);
            let challenged = work.ask(CHALLENGE, &wanted).await;
            let challenged = challenged.map_err(unauthorized)?;
            let challenge = challenged.json().filter(|_| challenged.is_ok());
            let challenge = challenge
                .as_ref()
                .and_then(|answer| answer.get("challenge")?.as_str());
            let Some(challenge) = challenge else {
                let message = format!(
                    "Error getting challenge: {} {}",
                    challenged.status,
                    challenged.text()
                );
                return Err(challenged.refusal(message));
            };
            let kept = work.ask(COMMITMENT, &wanted).await.map_err(unauthorized)?;
            let kept = kept.json().filter(|_| kept.is_ok());
            let kept = kept
                .as_ref()
                .and_then(|answer| answer.get("commitment")?.as_str());
            let committed = commit(&self.name, &self.value);
            // D-05: the peer proves with the server's own commitment, and so finds every value right.
            if kept.is_some_and(|kept| !kept.eq_ignore_ascii_case(&committed.commitment)) {
                return Ok(Verification {
                    success: true,
                    verified: false,
                    message: Some("Key value doesn't match stored commitment"),
                });
            }
            let proof = prove(&committed, challenge);
            let body = json!({
                "userId": user,
                "keyName": self.name,
                "proof": proof.expose_secret(),
                "nullifier": committed.nullifier.expose_secret(),
                "challenge": challenge,
                "clientCommitment": kept.unwrap_or("not provided"),
            });
            let mut wanted = about_commitments(Wanted::post(&body), &self.value);
            wanted.secrets.extend([proof, committed.nullifier]);
            let reply = work.ask(VERIFY, &wanted).await.map_err(unauthorized)?;
            if !reply.is_ok() {
                return Err(refused(
                    &reply,
                    format!("Unknown error: {} - {}", reply.status, reply.text()),
                ));
            }
            let verified = reply
                .json()
                .and_then(|answer| answer.get("verified")?.as_bool());
            Ok(Verification {
                success: true,
                verified: verified.ok_or_else(|| reply.unreadable())?,
                message: None,
            })
        }
        .boxed_local()
    }
}

impl Work {
    /// Returns whose commitment it is: as given, or as is known already or can be found out.
    async fn owner(&self, given: Option<String>) -> Result<String, MeshError> {
        if let Some(given) = given.filter(|id| !id.is_empty()) {
            return Ok(given);
        }
        match self.profile(false).await {
            Ok(Asked::Known(profile)) => Ok(profile.id),
            Ok(_) => Err(MeshError::validation("No user ID provided")),
            Err(error) => Err(error),
        }
    }
}

fn about_commitments(wanted: Wanted, value: &SecretString) -> Wanted {
    Wanted {
        is_for_commitments: true,
        secrets: vec![value.clone()],
        ..wanted
    }
}

/// What is about commitments has its own words for a token that is refused.
fn unauthorized(error: MeshError) -> MeshError {
    match (error.kind(), error.status()) {
        (ErrorKind::Auth, Some(_)) => error.saying("Authentication failed"),
        _ => error,
    }
}

fn refused(reply: &Reply, other: String) -> MeshError {
    match reply.status {
        402 => reply.refusal("Insufficient credits".to_owned()),
        403 => MeshError::new(ErrorKind::Auth, "Authentication failed")
            .details(reply.details())
            .at(&reply.url)
            .answered(reply.status, None),
        _ => reply.refusal(other),
    }
}

fn require(name: &str, value: Option<&SecretString>) -> Result<(), MeshError> {
    let no_value = value.is_some_and(|value| value.expose_secret().is_empty());
    match name.is_empty() || no_value {
        true if value.is_none() => Err(MeshError::validation(
            "Missing required parameters: key_name must be provided",
        )),
        true => {
            let message = "Missing required parameters: key_name and key_value must be provided";
            Err(MeshError::validation(message))
        }
        false => Ok(()),
    }
}
