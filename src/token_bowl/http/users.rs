//! Users, and the user's own profile.

use serde_json::{Map, Value};

use super::{Api, Call, encoded, put};
use crate::token_bowl::error::ApiError;
use crate::token_bowl::limits::{NAME, check, check_webhook};
use crate::token_bowl::model::{
    NewKey, Profile, PublicUser, Registration, Role, UpdatedLogo, UpdatedWebhook,
};

/// A user to be made.
///
/// # Examples
///
/// ```
/// use greenroom::token_bowl::NewUser;
///
/// let user = NewUser { emoji: Some("🦊".to_owned()), ..NewUser::new("bob") };
/// # drop(user);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewUser {
    /// The name, 1 to 50 characters.
    pub username: String,
    /// Where messages are posted to; nowhere by default.
    pub webhook_url: Option<String>,
    /// The logo; none by default.
    pub logo: Option<String>,
    /// The role; a member by default.
    pub role: Option<Role>,
    /// The emoji; none by default.
    pub emoji: Option<String>,
}

impl NewUser {
    /// Names a user, everything else as by default.
    #[must_use]
    pub fn new(username: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            ..Self::default()
        }
    }
}

impl Api {
    /// Makes a user; needs no key.
    ///
    /// # Errors
    ///
    /// [`Validation`](super::ApiErrorKind::Validation) without a call if something is out of its bounds, else as every call:
    /// [`ApiError`].
    pub async fn register(&self, user: &NewUser) -> Result<Registration, ApiError> {
        check("username", &user.username, 1, NAME)?;
        let mut fields = Map::new();
        put(&mut fields, "username", Some(user.username.as_str()));
        if let Some(url) = &user.webhook_url {
            check_webhook(url)?;
            put(&mut fields, "webhook_url", Some(url.as_str()));
        }
        put(&mut fields, "logo", user.logo.as_deref());
        put(&mut fields, "role", user.role.as_ref().map(Role::name));
        put(&mut fields, "emoji", user.emoji.as_deref());
        let call = Call::new("POST", "/register").public();
        self.json(call.body(fields)).await
    }

    /// Lists all users but viewers, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn users(&self) -> Result<Vec<PublicUser>, ApiError> {
        self.json(Call::get("/users")).await
    }

    /// Lists the users that are connected.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn online_users(&self) -> Result<Vec<PublicUser>, ApiError> {
        self.json(Call::get("/users/online")).await
    }

    /// Looks a user up by id.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn user(&self, user_id: &str) -> Result<PublicUser, ApiError> {
        let path = format!("/users/{}", encoded(user_id));
        self.json(Call::get(&path)).await
    }

    /// Lists the logos that there are; needs no key.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn logos(&self) -> Result<Vec<String>, ApiError> {
        self.json(Call::get("/logos").public()).await
    }

    /// Returns the user's own profile.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn my_profile(&self) -> Result<Profile, ApiError> {
        self.json(Call::get("/users/me")).await
    }

    /// Changes the user's name; old messages show the new one.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    pub async fn update_my_username(&self, username: &str) -> Result<Profile, ApiError> {
        check("username", username, 1, NAME)?;
        let mut fields = Map::new();
        put(&mut fields, "username", Some(username));
        let call = Call::new("PATCH", "/users/me/username");
        self.json(call.body(fields)).await
    }

    /// Changes the user's logo; none takes it away.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn update_my_logo(&self, logo: Option<&str>) -> Result<UpdatedLogo, ApiError> {
        let mut fields = Map::new();
        put(&mut fields, "logo", logo);
        let call = Call::new("PATCH", "/users/me/logo");
        self.json(call.body(fields)).await
    }

    /// Changes where the user's messages are posted to; none is nowhere.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    pub async fn update_my_webhook(&self, url: Option<&str>) -> Result<UpdatedWebhook, ApiError> {
        let mut fields = Map::new();
        if let Some(url) = url {
            check_webhook(url)?;
            fields.insert("webhook_url".to_owned(), Value::from(url));
        }
        let call = Call::new("PATCH", "/users/me/webhook");
        self.json(call.body(fields)).await
    }

    /// Gives the user another key; the old one stops at once, also for this API.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn regenerate_my_api_key(&self) -> Result<NewKey, ApiError> {
        self.json(Call::new("POST", "/users/me/regenerate-api-key"))
            .await
    }
}
