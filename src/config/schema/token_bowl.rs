//! `[token_bowl]`: the connection to Token Bowl Chat.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

use super::{HOUR, millis, path_or_empty};
use crate::config::load::Purpose;
use crate::config::reader::Section;
use crate::config::secret::{REDACTED, redacted};
use crate::config::value::Choice;
use crate::token_bowl::{Auth, BaseUrl, Protocol};

/// The connection to Token Bowl Chat.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TokenBowl {
    /// The user's key; required unless there are accounts, and never shown. Taken from `TOKEN_BOWL_CHAT_API_KEY` if it is empty.
    #[serde(serialize_with = "redacted")]
    pub api_key: SecretString,
    /// Where the server is, for REST and the websocket; `https://api.tokenbowl.ai` by default. Taken from `TOKEN_BOWL_CHAT_BASE_URL` if
    /// it is empty.
    #[serde(serialize_with = "shown")]
    pub base_url: BaseUrl,
    /// What is spoken over the websocket; `plain` by default.
    #[serde(serialize_with = "name")]
    pub protocol: Protocol,
    /// How the websocket gets the key; `query` by default.
    #[serde(serialize_with = "name")]
    pub auth: Auth,
    /// The time that one REST call may take in all; 30 s by default.
    #[serde(rename = "timeout_ms", serialize_with = "millis")]
    pub timeout: Duration,
    /// The time that opening the websocket may take; 10 s by default.
    #[serde(rename = "connect_timeout_ms", serialize_with = "millis")]
    pub connect_timeout: Duration,
    /// How long the server's answer to the close frame is waited for at an orderly end; 5 s by default.
    #[serde(rename = "close_timeout_ms", serialize_with = "millis")]
    pub close_timeout: Duration,
    /// How long a command over the websocket waits for its answer; 10 s by default.
    #[serde(rename = "request_timeout_ms", serialize_with = "millis")]
    pub request_timeout: Duration,
    /// Whether a first connect that fails is tried again; false by default.
    pub retry_initial: bool,
    /// Whether messages missed while disconnected are fetched afterwards; true by default.
    pub catch_up: bool,
    /// How many messages the server keeps; 100 by default.
    pub history_limit: u64,
    /// Whether messages that the user said in the room come back as events; false by default.
    pub deliver_own: bool,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    #[serde(serialize_with = "path_or_empty")]
    pub ca_file: Option<PathBuf>,
    /// Several users at once, each with a key of its own; none by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Account>,
}

/// One of several users.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// What it is called in events, logs and the supervision tree; required.
    pub label: String,
    /// Its key; required, and never shown.
    #[serde(serialize_with = "redacted")]
    pub api_key: SecretString,
}

impl TokenBowl {
    pub(super) fn read(mut section: Section<'_>, purpose: Purpose) -> Self {
        let default = Self::default();
        let token_bowl = Self {
            api_key: section.secret("api_key"),
            base_url: base_url(&mut section),
            protocol: section.choice("protocol", default.protocol),
            auth: section.choice("auth", default.auth),
            timeout: section.millis("timeout_ms", default.timeout, 1..=HOUR),
            connect_timeout: section.millis(
                "connect_timeout_ms",
                default.connect_timeout,
                1..=HOUR,
            ),
            close_timeout: section.millis("close_timeout_ms", default.close_timeout, 1..=HOUR),
            request_timeout: section.millis(
                "request_timeout_ms",
                default.request_timeout,
                1..=HOUR,
            ),
            retry_initial: section.flag("retry_initial", default.retry_initial),
            catch_up: section.flag("catch_up", default.catch_up),
            history_limit: section.number("history_limit", default.history_limit, 1..=1_000_000),
            deliver_own: section.flag("deliver_own", default.deliver_own),
            ca_file: section
                .optional_text("ca_file")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            accounts: Account::read_all(section.sections("accounts"), purpose),
        };
        if purpose == Purpose::Run && token_bowl.accounts.is_empty() {
            check_key(&section, &token_bowl.api_key);
        }
        section.finish();
        token_bowl
    }
}

impl Account {
    fn read_all(sections: Vec<Section<'_>>, purpose: Purpose) -> Vec<Self> {
        let mut accounts: Vec<Self> = Vec::new();
        for mut section in sections {
            let account = Self {
                label: section.filled("label", ""),
                api_key: section.secret("api_key"),
            };
            if accounts.iter().any(|other| other.label == account.label) {
                let message = format!("another account has the label `{}` already", account.label);
                section.fault("label", message);
            }
            if purpose == Purpose::Run {
                check_key(&section, &account.api_key);
            }
            section.finish();
            accounts.push(account);
        }
        accounts
    }
}

fn check_key(section: &Section<'_>, key: &SecretString) {
    let key = key.expose_secret();
    section.require("api_key", key.trim().is_empty());
    if key == REDACTED {
        section.fault("api_key", "is a dump's placeholder, not the key");
    }
}

fn base_url(section: &mut Section<'_>) -> BaseUrl {
    let text = section.text("base_url", "");
    if text.is_empty() {
        return BaseUrl::default();
    }
    text.parse().unwrap_or_else(|error| {
        let said = crate::token_bowl::InvalidBaseUrl::to_string(&error);
        let said = said.trim_start_matches("the base URL ").to_owned();
        section.fault("base_url", said);
        BaseUrl::default()
    })
}

impl Default for TokenBowl {
    fn default() -> Self {
        let settings = crate::token_bowl::Settings::new("");
        Self {
            api_key: SecretString::default(),
            base_url: settings.base_url,
            protocol: settings.protocol,
            auth: settings.auth,
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
            close_timeout: settings.close_timeout,
            request_timeout: settings.request_timeout,
            retry_initial: settings.retry_initial,
            catch_up: settings.catch_up,
            history_limit: settings.history_limit,
            deliver_own: settings.deliver_own,
            ca_file: settings.ca_file,
            accounts: Vec::new(),
        }
    }
}

impl Choice for Protocol {
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("centrifugo", Self::Centrifugo),
        ("plain", Self::Plain),
    ];
}

impl Choice for Auth {
    const ALL: &'static [(&'static str, Self)] =
        &[("header", Self::Header), ("query", Self::Query)];
}

fn name<T: Choice + PartialEq, S: Serializer>(
    choice: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut all = T::ALL.iter();
    let found = all.find(|(_, one)| one == choice);
    serializer.serialize_str(found.map_or("", |(name, _)| name))
}

fn shown<S: Serializer>(base: &BaseUrl, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(base)
}
