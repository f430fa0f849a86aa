//! The settings of the adapter.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::error::PaymanError;
use crate::platform::environment::Variables;

/// Which of the vendor's servers is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// The vendor's own.
    Internal,
    /// Real money; the default.
    #[default]
    Live,
    /// Play money.
    Test,
}

impl Environment {
    /// Reads a name: `LIVE`, `TEST` or `INTERNAL`.
    ///
    /// # Errors
    ///
    /// A `validation` error for any other name.
    pub fn parse(name: &str) -> Result<Self, PaymanError> {
        match name {
            "INTERNAL" => Ok(Self::Internal),
            "LIVE" => Ok(Self::Live),
            "TEST" => Ok(Self::Test),
            _ => Err(PaymanError::validation(format!(
                "environment: {name:?} is none of LIVE, TEST and INTERNAL"
            ))),
        }
    }

    /// Returns where it is.
    #[must_use]
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Internal => "https://payman.ngrok.dev",
            Self::Live => "https://agent.payman.ai",
            Self::Test => "https://agent.payman.dev",
        }
    }
}

/// A token that was got elsewhere.
///
/// It is read from JSON in both spellings of its keys: `accessToken` or `access_token`, and so on.
///
/// # Examples
///
/// ```
/// use greenroom::payman::TokenInfo;
///
/// let info: TokenInfo = serde_json::from_str(r#"{"accessToken": "at-1", "expiresIn": 3600}"#)?;
/// assert_eq!(info.expires_in, Some(3600.0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenInfo {
    /// The access token.
    #[serde(alias = "access_token")]
    pub access_token: Option<SecretString>,
    /// How long it lives from now on, in seconds; 0 is allowed.
    #[serde(alias = "expires_in")]
    pub expires_in: Option<f64>,
    /// What to renew it with.
    #[serde(alias = "refresh_token")]
    pub refresh_token: Option<SecretString>,
}

/// As whom a client asks.
#[derive(Clone)]
pub(super) enum Identity {
    /// As the application, with its own credentials.
    Application,
    /// As whoever the token belongs to.
    Bearer(Given),
    /// As the user who gave this code.
    User(SecretString),
}

/// What was given of a token.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) access: Option<(SecretString, Duration)>,
    pub(super) refresh: Option<SecretString>,
}

/// How to reach Payman, and as whom.
///
/// # Examples
///
/// ```
/// use greenroom::payman::{Environment, Settings};
///
/// let settings = Settings::new("pm-client", "secret").environment(Environment::Test).name("shop");
/// assert_eq!(settings.server(), "https://agent.payman.dev");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The id of the application.
    pub client_id: String,
    /// Its secret; only a client with a token of its own can do without.
    pub client_secret: Option<SecretString>,
    /// Which server is asked; [`Environment::Live`] by default.
    pub environment: Environment,
    /// What the client is called; for the caller's own use.
    pub name: Option<String>,
    /// The session to go on with; a new one by default.
    pub session_id: Option<String>,
    /// Replaces the server of the environment.
    pub base_url: Option<Url>,
    /// How long an ask without streaming may take in all; 120 s by default.
    pub timeout: Duration,
    /// How long nothing may come while an answer is streamed; 60 s by default.
    pub idle_timeout: Duration,
    /// How long connecting may take; 10 s by default.
    pub connect_timeout: Duration,
    /// The wait before the second of several tries, which doubles; 250 ms by default.
    pub retry_base: Duration,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    pub ca_file: Option<PathBuf>,
    pub(super) identity: Identity,
}

/// Shows neither the secret nor a token.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("client_id", &self.client_id)
            .field("server", &self.server())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Describes a client that asks as the application. A token is got at the first ask.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: Some(client_secret.into().into()),
            environment: Environment::default(),
            name: None,
            session_id: None,
            base_url: None,
            timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            retry_base: Duration::from_millis(250),
            ca_file: None,
            identity: Identity::Application,
        }
    }

    /// As [`new`](Self::new), with what the variables `PAYMAN_CLIENT_ID`, `PAYMAN_CLIENT_SECRET` and `PAYMAN_BASE_URL` say: of the
    /// process, or of the file `.env` in the working directory.
    ///
    /// # Errors
    ///
    /// A `validation` error if there is no id or no secret, or the address is none.
    pub fn from_env() -> Result<Self, PaymanError> {
        super::environment::settings(&Variables::of_process())
    }

    /// Asks as the user who gave `code` to the application, from then on as nobody else. The code is exchanged at once when the client
    /// is made.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.identity = Identity::User(code.into().into());
        self
    }

    /// Asks as whoever the token belongs to, and renews it with its refresh token only. The secret of the application may be absent.
    ///
    /// # Errors
    ///
    /// A `validation` error if there is neither an access token with its life time nor a refresh token.
    pub fn token(mut self, info: TokenInfo) -> Result<Self, PaymanError> {
        let filled = |secret: Option<SecretString>| {
            secret.filter(|text| !text.expose_secret().trim().is_empty())
        };
        let refresh = filled(info.refresh_token);
        let life = match info.expires_in {
            Some(life) if !(0.0..=f64::MAX).contains(&life) => {
                return Err(PaymanError::validation(
                    "expiresIn must be a number of seconds, 0 or more",
                ));
            }
            life => life.map(|life| Duration::from_secs_f64(life.min(TEN_YEARS))),
        };
        let access = filled(info.access_token).zip(life);
        if access.is_none() && refresh.is_none() {
            let message = "a token needs accessToken and expiresIn, or refreshToken";
            return Err(PaymanError::validation(message));
        }
        self.identity = Identity::Bearer(Given { access, refresh });
        Ok(self)
    }

    /// Takes an empty secret for none, where it was not asked for.
    #[cfg(feature = "cli")]
    pub(crate) fn without_empty_secret(mut self) -> Self {
        self.client_secret = self
            .client_secret
            .filter(|secret| !secret.expose_secret().is_empty());
        self
    }

    /// Describes a client with a token and without the application's secret; see [`token`](Self::token).
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token).
    pub fn with_token(client_id: impl Into<String>, info: TokenInfo) -> Result<Self, PaymanError> {
        let mut settings = Self::new(client_id, "");
        settings.client_secret = None;
        settings.token(info)
    }

    /// Sets which server is asked.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Sets what the client is called.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the session to go on with.
    #[must_use]
    pub fn session_id(mut self, session_id: impl Into<String>) -> Self {
        self.session_id = Some(session_id.into());
        self
    }

    /// Sets the server, such as that of the simulator.
    #[must_use]
    pub fn base_url(mut self, url: Url) -> Self {
        self.base_url = Some(url);
        self
    }

    /// Returns the address of the server, without a slash at its end.
    #[must_use]
    pub fn server(&self) -> String {
        let given = self.base_url.as_ref().map(Url::as_str);
        let url = given.unwrap_or(self.environment.base_url());
        url.trim_end_matches('/').to_owned()
    }

    /// Checks what can be checked without a request.
    pub(super) fn check(&self) -> Result<(), PaymanError> {
        let required = |what: &str| Err(PaymanError::validation(format!("{what} is required")));
        if self.client_id.trim().is_empty() {
            return required("client_id");
        }
        let secret = self.client_secret.as_ref();
        let no_secret = secret.is_none_or(|secret| secret.expose_secret().trim().is_empty());
        match &self.identity {
            Identity::Application | Identity::User(_) if no_secret => {
                return required("client_secret");
            }
            Identity::Bearer(_) if secret.is_some() && no_secret => {
                return Err(PaymanError::validation("client_secret must not be empty"));
            }
            Identity::User(code) if code.expose_secret().trim().is_empty() => {
                return required("the authorization code");
            }
            _ => {}
        }
        if self
            .session_id
            .as_deref()
            .is_some_and(|session| session.trim().is_empty())
        {
            return Err(PaymanError::validation("session_id must not be empty"));
        }
        if let Some(url) = &self.base_url
            && (!matches!(url.scheme(), "http" | "https")
                || !url.has_host()
                || url.query().is_some())
        {
            return Err(PaymanError::validation(
                "base_url must be an http or https address without a query",
            ));
        }
        Ok(())
    }

    /// Returns the secrets that it gives.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        self.client_secret.iter().cloned().collect()
    }
}

#[cfg(feature = "cli")]
impl From<crate::config::Payman> for Settings {
    fn from(file: crate::config::Payman) -> Self {
        Self {
            client_secret: Some(file.client_secret),
            environment: match file.environment {
                crate::config::PaymanEnvironment::Internal => Environment::Internal,
                crate::config::PaymanEnvironment::Live => Environment::Live,
                crate::config::PaymanEnvironment::Test => Environment::Test,
            },
            name: file.name,
            session_id: file.session_id,
            base_url: file.base_url,
            timeout: file.timeout,
            idle_timeout: file.idle_timeout,
            connect_timeout: file.connect_timeout,
            retry_base: file.retry_base,
            ca_file: file.ca_file,
            ..Self::new(file.client_id, "")
        }
    }
}

const TEN_YEARS: f64 = 315_360_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(settings: &Settings) -> String {
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn each_environment_has_its_server() {
        for (name, url) in [
            ("LIVE", "https://agent.payman.ai"),
            ("TEST", "https://agent.payman.dev"),
            ("INTERNAL", "https://payman.ngrok.dev"),
        ] {
            let settings =
                Settings::new("id", "secret").environment(Environment::parse(name).unwrap());
            assert_eq!(settings.server(), url);
        }
        assert_eq!(
            Settings::new("id", "secret").server(),
            "https://agent.payman.ai"
        );
        assert!(Environment::parse("live").is_err() && Environment::parse("").is_err());
        let own = Settings::new("id", "secret").base_url("http://127.0.0.1:4000/".parse().unwrap());
        assert_eq!(own.server(), "http://127.0.0.1:4000");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(fault(&Settings::new("", "s")), "client_id is required");
        assert_eq!(fault(&Settings::new("i", " ")), "client_secret is required");
        assert_eq!(
            fault(&Settings::new("i", "s").code(" ")),
            "the authorization code is required"
        );
        assert_eq!(
            fault(&Settings::new("i", "").code("c")),
            "client_secret is required"
        );
        assert!(fault(&Settings::new("i", "s").session_id("")).contains("session_id"));
        let file = Settings::new("i", "s").base_url("file:///x".parse().unwrap());
        assert!(fault(&file).contains("base_url"));
        Settings::new("i", "s").check().unwrap();
    }

    #[test]
    fn a_token_needs_its_life_or_a_refresh_token() {
        let read = |text: &str| serde_json::from_str::<TokenInfo>(text).unwrap();
        let made = |text: &str| {
            Settings::with_token("i", read(text)).and_then(|settings| settings.check())
        };
        for fine in [
            r#"{"accessToken":"a","expiresIn":0}"#,
            r#"{"access_token":"a","expires_in":1.5}"#,
            r#"{"refreshToken":"r"}"#,
            r#"{"refresh_token":"r","accessToken":"a"}"#,
        ] {
            made(fine).unwrap();
        }
        for wrong in [
            "{}",
            r#"{"accessToken":"a"}"#,
            r#"{"accessToken":"","expiresIn":1}"#,
            r#"{"accessToken":"a","expiresIn":-1}"#,
        ] {
            assert_eq!(
                made(wrong).unwrap_err().kind().name(),
                "validation",
                "{wrong}"
            );
        }
    }
}
