//! `[mesh]`: the connection to Mesh.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use url::Url;

use super::{HOUR, millis, path_or_empty, secret_or_empty, text_or_empty, url_or_empty};
use crate::config::reader::Section;
use crate::config::secret::REDACTED;
use crate::config::value::Choice;

/// The connection to Mesh. The platform's own variables, such as `MESH_API_URL` and `MESH_AUTH_TOKEN`, go before what is set here.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Mesh {
    /// The Mesh API; that of the makers by default.
    #[serde(rename = "base_url", serialize_with = "url_or_empty")]
    pub server_url: Option<Url>,
    /// The API for commitments; the same one by default.
    #[serde(serialize_with = "url_or_empty")]
    pub zkp_server_url: Option<Url>,
    /// A token to use as it is, never shown; by default the login that is kept.
    #[serde(serialize_with = "secret_or_empty")]
    pub auth_token: Option<SecretString>,
    /// The Auth0 tenant; by default it and the next three are what the server says.
    #[serde(serialize_with = "text_or_empty")]
    pub auth0_domain: Option<String>,
    /// The id of the application at Auth0.
    #[serde(serialize_with = "text_or_empty")]
    pub client_id: Option<String>,
    /// Its secret, never shown.
    #[serde(serialize_with = "secret_or_empty")]
    pub client_secret: Option<SecretString>,
    /// The API that tokens are for.
    #[serde(serialize_with = "text_or_empty")]
    pub audience: Option<String>,
    /// The first of ten ports to wait on for the browser; 0, which is the default, for 45678 to 45699 and 8000 to 8009.
    #[serde(serialize_with = "port_or_zero")]
    pub callback_port: Option<u16>,
    /// Whether the result of a chat is the server's JSON; `false` by default.
    pub original_response: bool,
    /// Whether requests are logged at level `info`; `false` by default.
    pub debug: bool,
    /// Whether a token is renewed though nobody asks for it; `true` by default.
    pub auto_refresh: bool,
    /// How long before its end a token is renewed before it is used; 300 s by default.
    #[serde(rename = "refresh_margin_ms", serialize_with = "millis")]
    pub refresh_margin: Duration,
    /// Which defaults of models hold; `seed` by default.
    pub compat: MeshCompat,
    /// The provider of a chat that names none; `openai` by default.
    pub default_provider: String,
    /// The model of OpenAI if none is named; `gpt-4` by default.
    #[serde(serialize_with = "text_or_empty")]
    pub default_openai_model: Option<String>,
    /// The model of Anthropic if none is named; `claude-3-opus-20240229` by default.
    #[serde(serialize_with = "text_or_empty")]
    pub default_anthropic_model: Option<String>,
    /// The model of its provider if nothing else is set for that; none by default.
    #[serde(serialize_with = "text_or_empty")]
    pub default_model: Option<String>,
    /// Whether Claude 3.7 Sonnet thinks; `false` by default.
    pub thinking_enabled: bool,
    /// For how many tokens it then thinks; 4,000 by default.
    pub thinking_budget: u64,
    /// How many tokens the answer may then have; 16,000 by default.
    pub thinking_max_tokens: u64,
    /// Where a login is kept; `file` by default.
    pub token_store: MeshTokenStore,
    /// The file; `$HOME/.mesh/token.json` by default.
    #[serde(serialize_with = "path_or_empty")]
    pub token_file: Option<PathBuf>,
    /// How long a call may take; 30 s by default.
    #[serde(rename = "timeout_ms", serialize_with = "millis")]
    pub timeout: Duration,
    /// How long a chat may take; 120 s by default.
    #[serde(rename = "chat_timeout_ms", serialize_with = "millis")]
    pub chat_timeout: Duration,
    /// How long connecting may take; 10 s by default.
    #[serde(rename = "connect_timeout_ms", serialize_with = "millis")]
    pub connect_timeout: Duration,
    /// The wait before the second of several tries, which doubles; 1 s by default.
    #[serde(rename = "retry_base_ms", serialize_with = "millis")]
    pub retry_base: Duration,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    #[serde(serialize_with = "path_or_empty")]
    pub ca_file: Option<PathBuf>,
}

impl Mesh {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let mut text = |key| section.optional_text(key).filter(|text| !text.is_empty());
        let (auth0_domain, client_id, audience) =
            (text("auth0_domain"), text("client_id"), text("audience"));
        let models = (
            text("default_openai_model"),
            text("default_anthropic_model"),
            text("default_model"),
        );
        let (token_file, ca_file) = (text("token_file"), text("ca_file"));
        let mut secret =
            |key| Some(section.secret(key)).filter(|secret| !secret.expose_secret().is_empty());
        let (auth_token, client_secret) = (secret("auth_token"), secret("client_secret"));
        for (key, given) in [
            ("auth_token", &auth_token),
            ("client_secret", &client_secret),
        ] {
            if given
                .as_ref()
                .is_some_and(|secret| secret.expose_secret() == REDACTED)
            {
                section.fault(key, "is a dump's placeholder, not the secret");
            }
        }
        let mesh = Self {
            server_url: section.url("base_url", default.server_url),
            zkp_server_url: section.url("zkp_server_url", default.zkp_server_url),
            auth_token,
            auth0_domain,
            client_id,
            client_secret,
            audience,
            callback_port: Some(section.port("callback_port", 0)).filter(|port| *port > 0),
            original_response: section.flag("original_response", default.original_response),
            debug: section.flag("debug", default.debug),
            auto_refresh: section.flag("auto_refresh", default.auto_refresh),
            refresh_margin: section.millis("refresh_margin_ms", default.refresh_margin, 0..=HOUR),
            compat: section.choice("compat", default.compat),
            default_provider: section.filled("default_provider", &default.default_provider),
            default_openai_model: models.0,
            default_anthropic_model: models.1,
            default_model: models.2,
            thinking_enabled: section.flag("thinking_enabled", default.thinking_enabled),
            thinking_budget: section.number(
                "thinking_budget",
                default.thinking_budget,
                1_024..=1_000_000,
            ),
            thinking_max_tokens: section.number(
                "thinking_max_tokens",
                default.thinking_max_tokens,
                1_025..=1_000_000,
            ),
            token_store: section.choice("token_store", default.token_store),
            token_file: token_file.map(PathBuf::from),
            timeout: section.millis("timeout_ms", default.timeout, 1..=HOUR),
            chat_timeout: section.millis("chat_timeout_ms", default.chat_timeout, 1..=HOUR),
            connect_timeout: section.millis(
                "connect_timeout_ms",
                default.connect_timeout,
                1..=HOUR,
            ),
            retry_base: section.millis("retry_base_ms", default.retry_base, 0..=HOUR),
            ca_file: ca_file.map(PathBuf::from),
        };
        section.finish();
        mesh
    }
}

impl Default for Mesh {
    fn default() -> Self {
        Self {
            server_url: None,
            zkp_server_url: None,
            auth_token: None,
            auth0_domain: None,
            client_id: None,
            client_secret: None,
            audience: None,
            callback_port: None,
            original_response: false,
            debug: false,
            auto_refresh: true,
            refresh_margin: Duration::from_secs(300),
            compat: MeshCompat::default(),
            default_provider: "openai".to_owned(),
            default_openai_model: None,
            default_anthropic_model: None,
            default_model: None,
            thinking_enabled: false,
            thinking_budget: 4_000,
            thinking_max_tokens: 16_000,
            token_store: MeshTokenStore::default(),
            token_file: None,
            timeout: Duration::from_secs(30),
            chat_timeout: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            retry_base: Duration::from_secs(1),
            ca_file: None,
        }
    }
}

/// Which defaults of models, and which meanings of their names, hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MeshCompat {
    /// Those of the published Python package.
    Package,
    /// Those that are documented.
    #[default]
    Seed,
}

impl Choice for MeshCompat {
    const ALL: &'static [(&'static str, Self)] =
        &[("package", Self::Package), ("seed", Self::Seed)];
}

/// Where a login is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MeshTokenStore {
    /// In a file.
    #[default]
    File,
    /// In the keyring of the desktop.
    Keyring,
    /// Nowhere.
    Memory,
}

impl Choice for MeshTokenStore {
    const ALL: &'static [(&'static str, Self)] = &[
        ("file", Self::File),
        ("keyring", Self::Keyring),
        ("memory", Self::Memory),
    ];
}

fn port_or_zero<S: Serializer>(port: &Option<u16>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(port.unwrap_or_default())
}
