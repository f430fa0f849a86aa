//! What a platform knows about logging in.

use futures::FutureExt;
use futures::future::{LocalBoxFuture, ready};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::error::AuthError;
use crate::event::Id;

/// How one platform logs in; owns the credentials.
///
/// What it gives out must keep tokens as [`SecretString`] and must not print them. Error messages must not have secrets in them.
///
/// # Examples
///
/// ```
/// use futures::future::LocalBoxFuture;
/// use greenroom_actors::event::Id;
/// use greenroom_actors::session::{AuthError, Authenticator, expose_secret};
/// use secrecy::SecretString;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Deserialize, Serialize)]
/// struct Tokens {
///     user: Id,
///     expires_at: u64,
///     #[serde(serialize_with = "expose_secret")]
///     access: SecretString,
/// }
///
/// struct ApiKey(SecretString);
///
/// impl Authenticator for ApiKey {
///     type Session = Tokens;
///
///     fn login(&self) -> LocalBoxFuture<'static, Result<Tokens, AuthError>> {
///         let key = self.0.clone();
///         Box::pin(async move {
///             // post the key, read the answer
/// #           drop(key);
///             Ok(Tokens { user: Id::from(1), expires_at: 1_900_000_000, access: "a token".into() })
///         })
///     }
///
///     fn identity(session: &Tokens) -> Id {
///         session.user.clone()
///     }
///
///     fn expires_at(session: &Tokens) -> Option<u64> {
///         Some(session.expires_at)
///     }
/// }
/// # let _ = ApiKey("key".into());
/// ```
pub trait Authenticator: Unpin + 'static {
    /// What a login gives: tokens, and what the platform says with them. Its serialized form is what is stored, secrets included.
    type Session: Clone + Serialize + DeserializeOwned + Send + Unpin + 'static;

    /// Whether a login may replace a session that was rejected, or that cannot be refreshed; true by default.
    ///
    /// False is for grants that can be used once, and for credentials that stand for somebody else than the session does: then
    /// [`login`](Self::login) makes the first session of an actor only, and every later one, also in place of a rejected one, comes from
    /// [`refresh`](Self::refresh), whose errors are final for those who wait and for nobody else.
    const LOGS_IN_AGAIN: bool = true;

    /// Logs in with the credentials.
    fn login(&self) -> LocalBoxFuture<'static, Result<Self::Session, AuthError>>;

    /// Makes a new session of an old one, which may have expired. If this is refused or unsupported (the default), a login follows.
    fn refresh(
        &self,
        current: &Self::Session,
    ) -> LocalBoxFuture<'static, Result<Self::Session, AuthError>> {
        let _ = current;
        ready(Err(AuthError::unsupported())).boxed_local()
    }

    /// Whose session it is.
    fn identity(session: &Self::Session) -> Id;

    /// When it expires, in seconds since 1970, if it does.
    fn expires_at(session: &Self::Session) -> Option<u64>;

    /// Names the credentials without telling them: a stored session of another account is not used.
    fn account(&self) -> String {
        String::new()
    }
}

/// Serializes a secret in clear, for the field of a [`Session`](Authenticator::Session) that is to be stored:
/// `#[serde(serialize_with = "expose_secret")]`.
///
/// # Errors
///
/// Those of the serializer.
pub fn expose_secret<S: Serializer>(
    secret: &SecretString,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
