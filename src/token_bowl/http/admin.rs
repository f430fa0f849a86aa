//! What admins may do.

use serde_json::{Map, Value};

use super::{Api, Call, encoded, put};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::limits::{NAME, check, check_content, check_webhook};
use crate::token_bowl::model::{
    AssignedRole, Invited, Message, NewKey, Profile, Role, SocketsStatus,
};

/// What to change of a user; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChanges {
    /// The name.
    pub username: Option<String>,
    /// The address for magic links.
    pub email: Option<String>,
    /// Where messages are posted to.
    pub webhook_url: Option<String>,
    /// The logo.
    pub logo: Option<String>,
    /// Whether the role is that of a viewer.
    pub viewer: Option<bool>,
    /// Whether the role is that of an admin.
    pub admin: Option<bool>,
    /// Whether the role is that of a bot.
    pub bot: Option<bool>,
    /// The emoji.
    pub emoji: Option<String>,
}

impl UserChanges {
    fn fields(&self) -> Result<Map<String, Value>, ApiError> {
        let mut fields = Map::new();
        if let Some(name) = &self.username {
            check("username", name, 1, NAME)?;
        }
        if let Some(url) = &self.webhook_url {
            check_webhook(url)?;
        }
        put(&mut fields, "username", self.username.as_deref());
        put(&mut fields, "email", self.email.as_deref());
        put(&mut fields, "webhook_url", self.webhook_url.as_deref());
        put(&mut fields, "logo", self.logo.as_deref());
        put(&mut fields, "viewer", self.viewer);
        put(&mut fields, "admin", self.admin);
        put(&mut fields, "bot", self.bot);
        put(&mut fields, "emoji", self.emoji.as_deref());
        Ok(fields)
    }
}

impl Api {
    /// Lists all users, viewers included.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn all_users(&self) -> Result<Vec<Profile>, ApiError> {
        self.json(Call::get("/admin/users")).await
    }

    /// Returns the profile of a user.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn profile(&self, user_id: &str) -> Result<Profile, ApiError> {
        self.json(Call::get(&user_path(user_id, ""))).await
    }

    /// Changes a user.
    ///
    /// # Errors
    ///
    /// [`Validation`](super::ApiErrorKind::Validation) without a call if something is out of its bounds, else as every call:
    /// [`ApiError`].
    pub async fn update_user(
        &self,
        user_id: &str,
        changes: &UserChanges,
    ) -> Result<Profile, ApiError> {
        let path = user_path(user_id, "");
        let call = Call::new("PATCH", &path).body(changes.fields()?);
        self.json(call).await
    }

    /// Deletes a user.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn delete_user(&self, user_id: &str) -> Result<(), ApiError> {
        self.nothing(Call::new("DELETE", &user_path(user_id, "")))
            .await
    }

    /// Gives a user another role.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn assign_role(&self, user_id: &str, role: &Role) -> Result<AssignedRole, ApiError> {
        let path = user_path(user_id, "/role");
        let mut fields = Map::new();
        put(&mut fields, "role", Some(role.name()));
        self.json(Call::new("PATCH", &path).body(fields)).await
    }

    /// Gives a user another key; the old one stops at once.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn regenerate_api_key(&self, user_id: &str) -> Result<NewKey, ApiError> {
        let path = user_path(user_id, "/regenerate-api-key");
        self.json(Call::new("POST", &path)).await
    }

    /// Fetches any message.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn any_message(&self, message_id: &str) -> Result<Message, ApiError> {
        self.json(Call::get(&message_path(message_id))).await
    }

    /// Changes the text of a message.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message).
    pub async fn update_message(
        &self,
        message_id: &str,
        content: &str,
    ) -> Result<Message, ApiError> {
        check_content(content)?;
        let path = message_path(message_id);
        let mut fields = Map::new();
        put(&mut fields, "content", Some(content));
        self.json(Call::new("PATCH", &path).body(fields)).await
    }

    /// Deletes a message.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn delete_message(&self, message_id: &str) -> Result<(), ApiError> {
        self.nothing(Call::new("DELETE", &message_path(message_id)))
            .await
    }

    /// Deletes a conversation of anybody.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn delete_any_conversation(&self, conversation_id: &str) -> Result<(), ApiError> {
        let path = format!("/admin/conversations/{}", encoded(conversation_id));
        self.nothing(Call::new("DELETE", &path)).await
    }

    /// Lists the websockets that are open.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn websockets(&self) -> Result<SocketsStatus, ApiError> {
        self.json(Call::get("/admin/websocket/connections")).await
    }

    /// Invites somebody by mail, as a member by default.
    ///
    /// # Errors
    ///
    /// As [`update_user`](Self::update_user).
    pub async fn invite(
        &self,
        email: &str,
        signup_url: &str,
        role: Option<&Role>,
    ) -> Result<Invited, ApiError> {
        check("email", email, 3, 255)?;
        let mut fields = Map::new();
        put(&mut fields, "email", Some(email));
        put(&mut fields, "signup_url", Some(signup_url));
        put(&mut fields, "role", role.map(Role::name));
        let call = Call::new("POST", "/admin/invite");
        self.json(call.body(fields)).await
    }
}

fn user_path(user_id: &str, rest: &str) -> String {
    format!("/admin/users/{}{rest}", encoded(user_id))
}

fn message_path(message_id: &str) -> String {
    format!("/admin/messages/{}", encoded(message_id))
}
