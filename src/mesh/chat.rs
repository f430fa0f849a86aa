//! Chats: who is asked, at which of the server's paths, and what is tried again.

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

use super::caller::{Operation, Wanted, Work};
use super::codec;
use super::error::{ErrorKind, MeshError};
use super::http::Reply;
use super::limits::CHAT;
use super::model::ChatAnswer;
use super::models::Defaults;
use super::outgoing::Chat;
use super::tries::Effect;
use super::users::Asked;

/// Says something to a model.
pub(super) struct Say {
    pub(super) chat: Chat,
    pub(super) defaults: Defaults,
}

impl Operation for Say {
    type Output = ChatAnswer;

    fn perform(self, work: Work) -> LocalBoxFuture<'static, Result<ChatAnswer, MeshError>> {
        async move {
            let Self { chat, defaults } = self;
            let said = codec::said(&chat, &work.client.settings, &defaults)?;
            work.register(false).await?;
            let raw = work.say(&said.body, &chat.text).await?;
            let is_original = chat
                .original_response
                .unwrap_or(work.client.settings.original_response);
            let answer = codec::answer(raw, is_original);
            if let Some(publisher) = &work.publisher {
                publisher.publish(&chat, &said, &answer).await;
            }
            Ok(answer)
        }
        .boxed_local()
    }
}

impl Work {
    /// Makes sure that the server knows the user, without whom it answers no chat.
    async fn register(&self, again: bool) -> Result<(), MeshError> {
        let unregistered = || {
            let message = "Failed to register user. Chat requires user registration.";
            MeshError::new(ErrorKind::Http, message).troubleshooting(&[
                "Try calling the auth profile endpoint directly first",
                "Verify your authentication token is valid",
                "Check that the server URL is correct",
            ])
        };
        match self.profile(again).await {
            Ok(Asked::Known(_)) => Ok(()),
            Ok(Asked::Missing(reply) | Asked::Failed(reply)) => Err(unregistered()
                .details(reply.details())
                .at(&reply.url)
                .answered(reply.status, reply.retry_after)),
            Err(error) => Err(error.with_advice()),
        }
    }

    async fn say(&self, body: &Map<String, Value>, text: &str) -> Result<Value, MeshError> {
        let mut last = None;
        for path in CHAT {
            let reply = self.say_at(path, body, text).await;
            let reply = reply.map_err(MeshError::with_advice)?;
            if reply.is_missing() {
                last = Some(reply);
                continue;
            }
            return match reply.is_ok() {
                true => reply
                    .json()
                    .filter(Value::is_object)
                    .ok_or_else(|| reply.unreadable()),
                false => Err(refused(&reply)),
            };
        }
        let details = last
            .as_ref()
            .map(refused)
            .and_then(|error| serde_json::to_value(error).ok());
        let error = MeshError::new(ErrorKind::Http, "Request failed: All endpoints failed")
            .details(details.unwrap_or_default())
            .help("Make sure the server is running and accessible");
        Err(error)
    }

    /// Asks one path: a server that wants another form of the message gets it, and one that does not know the user yet learns of it.
    async fn say_at(
        &self,
        path: &str,
        body: &Map<String, Value>,
        text: &str,
    ) -> Result<Reply, MeshError> {
        let mut wanted = wanted(body);
        let mut reply = self.ask_one(path, &wanted).await?;
        if reply.status == 400 && codec::wants_message(&reply.words()) {
            let mut both = body.clone();
            both.insert("message".to_owned(), json!(text));
            wanted = self::wanted(&both);
            reply = self.ask_one(path, &wanted).await?;
        }
        if reply.status == 404 && reply.error().to_lowercase().contains("user not found") {
            self.register(true).await?;
            reply = self.ask_one(path, &wanted).await?;
        }
        Ok(reply)
    }
}

fn wanted(body: &Map<String, Value>) -> Wanted {
    Wanted {
        effect: Effect::Chat,
        body: Some(Value::Object(body.clone()).to_string().into()),
        ..Wanted::post(&Value::Null)
    }
}

fn refused(reply: &Reply) -> MeshError {
    // What the server answered 5xx to may have been paid for.
    reply
        .refusal(format!("Request failed: {}", reply.status))
        .running(matches!(reply.status, 500 | 502 | 504))
}
