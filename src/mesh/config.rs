//! The settings of the adapter.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::error::MeshError;

/// Which defaults of models and which meanings of their names hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// As Mesh is documented; the default.
    #[default]
    Seed,
    /// As the published Python package has them: newer defaults, and `claude` is Claude 3.7 Sonnet.
    Package,
}

/// Where a login is kept between runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenStore {
    /// In a file of mode 0600, unencrypted, which other clients of Mesh read too; the default.
    #[default]
    File,
    /// In the keyring of the desktop, by its program `secret-tool`, and in the file where there is none.
    Keyring,
    /// Nowhere.
    Memory,
}

/// How to reach Mesh, and as whom.
///
/// # Examples
///
/// ```
/// use greenroom::mesh::Settings;
///
/// let mut settings = Settings::new("http://127.0.0.1:4000/");
/// settings.default_openai_model = Some("gpt4o".to_owned());
/// assert_eq!(settings.server(), "http://127.0.0.1:4000");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The Mesh API.
    pub server_url: String,
    /// The API for commitments; that of `server_url` by default.
    pub zkp_server_url: Option<String>,
    /// A token to use as it is: then no login is read or kept; none by default.
    pub auth_token: Option<SecretString>,
    /// The Auth0 tenant: a host, or a URL. By default this and the next two are what the server says.
    pub auth0_domain: Option<String>,
    /// The id of the application at Auth0.
    pub client_id: Option<String>,
    /// Its secret; none by default.
    pub client_secret: Option<SecretString>,
    /// The API that tokens are for.
    pub audience: Option<String>,
    /// The port to wait on for the browser, and no other; by default the first free one of several.
    pub port: Option<u16>,
    /// The first of ten ports to wait on for the browser; 45678 to 45699 and 8000 to 8009 by default.
    pub callback_port: Option<u16>,
    /// Where the browser is sent back to, if not to `http://localhost:{port}/callback`.
    pub callback_uri: Option<String>,
    /// Whether the result of a chat is the server's JSON as it came; false by default.
    pub original_response: bool,
    /// Whether requests are logged at level `info` instead of `debug`; false by default.
    pub debug: bool,
    /// Whether a token is renewed ahead of its end though nobody asks for it; true by default.
    pub auto_refresh: bool,
    /// How long before its end a token is renewed before it is used; 300 s by default.
    pub refresh_margin: Duration,
    /// Whether a missing login is made up for at once, with a person at a browser; false by default.
    pub interactive: bool,
    /// Whether a login by browser comes after one by device, and not before; false by default.
    pub auto_auth: bool,
    /// Whether there is no browser here; by default that is found out.
    pub headless: bool,
    /// Which defaults of models hold.
    pub compat: Compat,
    /// The provider of a chat that names neither provider nor model; `openai` by default.
    pub default_provider: String,
    /// The model of OpenAI if none is named; `gpt-4` by default.
    pub default_openai_model: Option<String>,
    /// The model of Anthropic if none is named; `claude-3-opus-20240229` by default.
    pub default_anthropic_model: Option<String>,
    /// The model of its provider if nothing else is set for that; none by default.
    pub default_model: Option<String>,
    /// As if set with [`set_default_model`](super::MeshClient::set_default_model); none by default.
    pub openai_override: Option<String>,
    /// As if set with [`set_default_model`](super::MeshClient::set_default_model); none by default.
    pub anthropic_override: Option<String>,
    /// A key of OpenAI, for the caller's own use: it is never sent unless it is stored as a key.
    pub openai_api_key: Option<SecretString>,
    /// A key of Anthropic, for the caller's own use: it is never sent unless it is stored as a key.
    pub anthropic_api_key: Option<SecretString>,
    /// Whether Claude 3.7 Sonnet thinks unless a chat says that it shall not; false by default.
    pub thinking_enabled: bool,
    /// For how many tokens it then thinks; 4,000 by default.
    pub thinking_budget: u64,
    /// How many tokens the answer may then have; 16,000 by default.
    pub thinking_max_tokens: u64,
    /// Where a login is kept.
    pub token_store: TokenStore,
    /// The file; `$HOME/.mesh/token.json` by default.
    pub token_file: Option<PathBuf>,
    /// How long a call may take; 30 s by default.
    pub timeout: Duration,
    /// How long a chat may take; 120 s by default.
    pub chat_timeout: Duration,
    /// How long connecting may take; 10 s by default.
    pub connect_timeout: Duration,
    /// The wait before the second of several tries, which doubles; 1 s by default.
    pub retry_base: Duration,
    /// How long a browser is waited for; 300 s by default.
    pub callback_timeout: Duration,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    pub ca_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_url: SERVER.to_owned(),
            zkp_server_url: None,
            auth_token: None,
            auth0_domain: None,
            client_id: None,
            client_secret: None,
            audience: None,
            port: None,
            callback_port: None,
            callback_uri: None,
            original_response: false,
            debug: false,
            auto_refresh: true,
            refresh_margin: Duration::from_secs(300),
            interactive: false,
            auto_auth: false,
            headless: false,
            compat: Compat::Seed,
            default_provider: "openai".to_owned(),
            default_openai_model: None,
            default_anthropic_model: None,
            default_model: None,
            openai_override: None,
            anthropic_override: None,
            openai_api_key: None,
            anthropic_api_key: None,
            thinking_enabled: false,
            thinking_budget: 4_000,
            thinking_max_tokens: 16_000,
            token_store: TokenStore::File,
            token_file: None,
            timeout: Duration::from_secs(30),
            chat_timeout: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            retry_base: Duration::from_secs(1),
            callback_timeout: Duration::from_secs(300),
            ca_file: None,
        }
    }
}

/// Shows no secret, and of the keys of providers only whether they are there.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("server_url", &self.server())
            .field("auth0_domain", &self.auth0_domain)
            .field("client_id", &self.client_id)
            .field("auth_token", &self.auth_token)
            .field("client_secret", &self.client_secret)
            .field("openai_api_key", &self.openai_api_key)
            .field("anthropic_api_key", &self.anthropic_api_key)
            .field("default_provider", &self.default_provider)
            .field("token_store", &self.token_store)
            .field("interactive", &self.interactive)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Describes a client of the server at this URL, with the built-in defaults.
    #[must_use]
    pub fn new(server_url: impl Into<String>) -> Self {
        Self {
            server_url: server_url.into(),
            ..Self::default()
        }
    }

    /// Describes a client as the variables of the process say, such as `MESH_API_URL` and `MESH_AUTH_TOKEN`; see the
    /// [features](super#features).
    ///
    /// # Errors
    ///
    /// A `validation` error if a variable has a value that it cannot have.
    pub fn from_env() -> Result<Self, MeshError> {
        Self::default().with_env(|name| std::env::var(name).ok())
    }

    /// Replaces what the variables say, which `variable` looks up.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn with_env(self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, MeshError> {
        super::environment::apply(self, &variable)
    }

    /// Uses this token as it is.
    #[must_use]
    pub fn auth_token(mut self, token: impl Into<SecretString>) -> Self {
        self.auth_token = Some(token.into());
        self
    }

    /// Returns the address of the Mesh API, without a slash at its end.
    #[must_use]
    pub fn server(&self) -> &str {
        self.server_url.trim_end_matches('/')
    }

    /// Returns the address of the API for commitments, without a slash at its end.
    #[must_use]
    pub fn zkp_server(&self) -> &str {
        self.zkp_server_url
            .as_deref()
            .map_or(self.server(), |url| url.trim_end_matches('/'))
    }

    /// Checks what can be checked without a request.
    pub(crate) fn check(&self) -> Result<(), MeshError> {
        let urls = [
            ("server_url", Some(self.server())),
            ("zkp_server_url", self.zkp_server_url.as_deref()),
        ];
        for (name, url) in urls {
            let Some(url) = url else { continue };
            let wrong = match Url::parse(url) {
                Ok(url) => {
                    !matches!(url.scheme(), "http" | "https")
                        || !url.has_host()
                        || url.query().is_some()
                }
                Err(_) => true,
            };
            if wrong {
                let message = format!("{name} must be an http or https address without a query");
                return Err(MeshError::validation(message));
            }
        }
        if let Some(domain) = &self.auth0_domain
            && Url::parse(&auth0_url(domain)).is_err()
        {
            return Err(MeshError::validation(
                "auth0_domain must be a host or a URL",
            ));
        }
        Ok(())
    }

    /// Returns the secrets that it gives.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        self.client_secret
            .iter()
            .chain(&self.auth_token)
            .cloned()
            .collect()
    }

    /// Says whether there is no browser here: as the settings or the environment say, or since nobody looks at the output.
    pub(crate) fn is_headless(&self) -> bool {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        self.headless
            || is_set("HEADLESS")
            || is_set("CI")
            || !std::io::IsTerminal::is_terminal(&std::io::stdout())
    }
}

/// Returns the address of an Auth0 tenant, without a slash at its end. A host of this machine is asked in the clear.
pub(super) fn auth0_url(domain: &str) -> String {
    let domain = domain.trim().trim_end_matches('/');
    if domain.contains("://") {
        return domain.to_owned();
    }
    let host = match domain.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            host
        }
        _ => domain,
    };
    match host {
        "127.0.0.1" | "[::1]" | "localhost" => format!("http://{domain}"),
        _ => format!("https://{domain}"),
    }
}

#[cfg(feature = "cli")]
impl From<crate::config::Mesh> for Settings {
    fn from(file: crate::config::Mesh) -> Self {
        let default = Self::default();
        Self {
            server_url: file
                .server_url
                .map_or(default.server_url.clone(), Into::into),
            zkp_server_url: file.zkp_server_url.map(Into::into),
            auth_token: file.auth_token,
            auth0_domain: file.auth0_domain,
            client_id: file.client_id,
            client_secret: file.client_secret,
            audience: file.audience,
            callback_port: file.callback_port,
            original_response: file.original_response,
            debug: file.debug,
            auto_refresh: file.auto_refresh,
            refresh_margin: file.refresh_margin,
            compat: match file.compat {
                crate::config::MeshCompat::Package => Compat::Package,
                crate::config::MeshCompat::Seed => Compat::Seed,
            },
            default_provider: file.default_provider,
            default_openai_model: file.default_openai_model,
            default_anthropic_model: file.default_anthropic_model,
            default_model: file.default_model,
            thinking_enabled: file.thinking_enabled,
            thinking_budget: file.thinking_budget,
            thinking_max_tokens: file.thinking_max_tokens,
            token_store: match file.token_store {
                crate::config::MeshTokenStore::File => TokenStore::File,
                crate::config::MeshTokenStore::Keyring => TokenStore::Keyring,
                crate::config::MeshTokenStore::Memory => TokenStore::Memory,
            },
            token_file: file.token_file,
            timeout: file.timeout,
            chat_timeout: file.chat_timeout,
            connect_timeout: file.connect_timeout,
            retry_base: file.retry_base,
            ca_file: file.ca_file,
            ..default
        }
    }
}

const SERVER: &str = "https://mesh-abh5.onrender.com";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_a_host_or_a_url() {
        for (domain, url) in [
            ("tenant.auth0.com", "https://tenant.auth0.com"),
            ("tenant.auth0.com/", "https://tenant.auth0.com"),
            ("https://x.test/", "https://x.test"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("localhost", "http://localhost"),
            ("[::1]", "http://[::1]"),
            ("[::1]:80", "http://[::1]:80"),
            ("localhost.example.com", "https://localhost.example.com"),
        ] {
            assert_eq!(auth0_url(domain), url, "{domain}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fault = |settings: Settings| settings.check().unwrap_err().to_string();
        assert!(fault(Settings::new("mesh")).contains("server_url"));
        let zkp = Settings {
            zkp_server_url: Some("file:///x".to_owned()),
            ..Settings::default()
        };
        assert!(fault(zkp).contains("zkp_server_url"));
        Settings::default().check().unwrap();
        assert_eq!(
            Settings::default().server(),
            "https://mesh-abh5.onrender.com"
        );
        assert_eq!(Settings::new("http://x/").zkp_server(), "http://x");
    }

    /// MESH-37.
    #[test]
    fn debug_shows_no_secret() {
        let settings = Settings {
            openai_api_key: Some("sk-one".into()),
            anthropic_api_key: Some("sk-two".into()),
            client_secret: Some("hush".into()),
            ..Settings::default().auth_token("tok")
        };
        let shown = format!("{settings:?}");
        for secret in ["sk-one", "sk-two", "hush", "tok\""] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
