//! `[payman]`: the connection to Payman.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use super::{HOUR, millis, path_or_empty, text_or_empty, url_or_empty};
use crate::config::load::Purpose;
use crate::config::reader::Section;
use crate::config::secret::{REDACTED, redacted};
use crate::config::value::Choice;

/// The connection to Payman. An id, a secret or an address that is not set is taken from the variables `PAYMAN_CLIENT_ID`,
/// `PAYMAN_CLIENT_SECRET` and `PAYMAN_BASE_URL`, of the process or of the file `.env`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Payman {
    /// The id of the application; required.
    pub client_id: String,
    /// Its secret; required, and never shown.
    #[serde(serialize_with = "redacted")]
    pub client_secret: SecretString,
    /// Which server is asked; `LIVE` by default.
    pub environment: PaymanEnvironment,
    /// What the client is called; nothing by default.
    #[serde(serialize_with = "text_or_empty")]
    pub name: Option<String>,
    /// The session to go on with; a new one at each start by default.
    #[serde(serialize_with = "text_or_empty")]
    pub session_id: Option<String>,
    /// Replaces the server of the environment, such as by `http://127.0.0.1:4000` of the simulator; none by default.
    #[serde(serialize_with = "url_or_empty")]
    pub base_url: Option<Url>,
    /// How long an ask without streaming may take in all; 120 s by default.
    #[serde(rename = "timeout_ms", serialize_with = "millis")]
    pub timeout: Duration,
    /// How long nothing may come while an answer is streamed; 60 s by default.
    #[serde(rename = "idle_timeout_ms", serialize_with = "millis")]
    pub idle_timeout: Duration,
    /// How long connecting may take; 10 s by default.
    #[serde(rename = "connect_timeout_ms", serialize_with = "millis")]
    pub connect_timeout: Duration,
    /// The wait before the second of several tries, which doubles; 250 ms by default.
    #[serde(rename = "retry_base_ms", serialize_with = "millis")]
    pub retry_base: Duration,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    #[serde(serialize_with = "path_or_empty")]
    pub ca_file: Option<PathBuf>,
}

impl Payman {
    pub(super) fn read(mut section: Section<'_>, purpose: Purpose) -> Self {
        let default = Self::default();
        let payman = Self {
            client_id: section.text("client_id", ""),
            client_secret: section.secret("client_secret"),
            environment: section.choice("environment", default.environment),
            name: section
                .optional_text("name")
                .filter(|name| !name.is_empty()),
            session_id: section
                .optional_text("session_id")
                .filter(|session| !session.is_empty()),
            base_url: section.url("base_url", default.base_url),
            timeout: section.millis("timeout_ms", default.timeout, 1..=HOUR),
            idle_timeout: section.millis("idle_timeout_ms", default.idle_timeout, 1..=HOUR),
            connect_timeout: section.millis(
                "connect_timeout_ms",
                default.connect_timeout,
                1..=HOUR,
            ),
            retry_base: section.millis("retry_base_ms", default.retry_base, 0..=HOUR),
            ca_file: section
                .optional_text("ca_file")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
        };
        if purpose == Purpose::Run {
            section.require("client_id", payman.client_id.trim().is_empty());
            let secret = payman.client_secret.expose_secret();
            section.require("client_secret", secret.trim().is_empty());
            if secret == REDACTED {
                section.fault("client_secret", "is a dump's placeholder, not the secret");
            }
        }
        section.finish();
        payman
    }
}

impl Default for Payman {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            client_secret: SecretString::default(),
            environment: PaymanEnvironment::default(),
            name: None,
            session_id: None,
            base_url: None,
            timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            retry_base: Duration::from_millis(250),
            ca_file: None,
        }
    }
}

/// Which of the vendor's servers is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PaymanEnvironment {
    /// The vendor's own.
    Internal,
    /// Real money.
    #[default]
    Live,
    /// Play money.
    Test,
}

impl Choice for PaymanEnvironment {
    const ALL: &'static [(&'static str, Self)] = &[
        ("INTERNAL", Self::Internal),
        ("LIVE", Self::Live),
        ("TEST", Self::Test),
    ];
}
