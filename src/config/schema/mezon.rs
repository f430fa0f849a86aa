//! `[mezon]`: the connection to Mezon.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use url::Url;

use super::{HOUR, millis, path_or_empty, url_or_empty};
use crate::config::load::Purpose;
use crate::config::reader::Section;
use crate::config::secret::{REDACTED, redacted};
use crate::config::value::Choice;

/// The connection to Mezon.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Mezon {
    /// The bot's id on the platform; required.
    pub client_id: String,
    /// The bot's key; required, and never shown.
    #[serde(serialize_with = "redacted")]
    pub api_key: SecretString,
    /// The host of the login; `gw.mezon.ai` by default.
    pub host: String,
    /// The port of the login; `443` by default.
    pub port: u16,
    /// Whether the login is encrypted; true by default.
    pub use_ssl: bool,
    /// Replaces `host`, `port` and `use_ssl`, such as `http://127.0.0.1:4000` for the simulator; none by default.
    #[serde(serialize_with = "url_or_empty")]
    pub base_url: Option<Url>,
    /// The time that one REST call may take in all; 7 s by default.
    #[serde(rename = "timeout_ms", serialize_with = "millis")]
    pub timeout: Duration,
    /// The least time between two REST calls, which some servers want; none by default.
    #[serde(rename = "rest_spacing_ms", serialize_with = "millis_or_zero")]
    pub rest_spacing: Option<Duration>,
    /// The wire format; found out at login by default.
    pub wire: Wire,
    /// Where token transfers are sent; none switches transfers off.
    #[serde(serialize_with = "url_or_empty")]
    pub mmn_api_url: Option<Url>,
    /// Where the proofs for token transfers are made; none switches transfers off.
    #[serde(serialize_with = "url_or_empty")]
    pub zk_api_url: Option<Url>,
    /// Where the events of agents in meetings come from; none, the default, means that nobody listens.
    #[serde(serialize_with = "url_or_empty")]
    pub agent_url: Option<Url>,
    /// Where media are played from; none switches playing off.
    #[serde(serialize_with = "url_or_empty")]
    pub media_api_url: Option<Url>,
    /// Whether this adapter logs below warnings; false by default.
    pub enable_logging: bool,
    /// From which level on this adapter logs if it does; `info` by default.
    pub log_level: LogLevel,
    /// The time between heartbeats; 10 s by default.
    #[serde(rename = "heartbeat_interval_ms", serialize_with = "millis")]
    pub heartbeat_interval: Duration,
    /// How long the answer to a heartbeat may take; 10 s by default.
    #[serde(rename = "heartbeat_timeout_ms", serialize_with = "millis")]
    pub heartbeat_timeout: Duration,
    /// How long a request over the socket waits for its answer; 10 s by default.
    #[serde(rename = "request_timeout_ms", serialize_with = "millis")]
    pub request_timeout: Duration,
    /// The time that opening the socket may take; 30 s by default.
    #[serde(rename = "connect_timeout_ms", serialize_with = "millis")]
    pub connect_timeout: Duration,
    /// The longest text of one message, in characters; 4,000 by default.
    pub content_limit: usize,
    /// Whether messages missed while disconnected are fetched afterwards, where the wire allows it; true by default.
    pub catch_up: bool,
    /// The most requests that are sent over the socket in any second, heartbeats aside; 80 by default, which is the platform's limit.
    pub requests_per_second: usize,
    /// How many events may wait in memory while handlers are behind, before the socket is no longer read; 1,024 by default.
    pub read_ahead: usize,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    #[serde(serialize_with = "path_or_empty")]
    pub ca_file: Option<PathBuf>,
    /// Where the session is kept between runs; nowhere by default.
    #[serde(serialize_with = "path_or_empty")]
    pub session_file: Option<PathBuf>,
}

impl Mezon {
    pub(super) fn read(mut section: Section<'_>, purpose: Purpose) -> Self {
        let default = Self::default();
        let mezon = Self {
            client_id: section.text("client_id", ""),
            api_key: section.secret("api_key"),
            host: section.filled("host", &default.host),
            port: section.port("port", default.port),
            use_ssl: section.flag("use_ssl", default.use_ssl),
            base_url: section.url("base_url", default.base_url),
            timeout: section.millis("timeout_ms", default.timeout, 1..=HOUR),
            rest_spacing: Some(section.millis("rest_spacing_ms", Duration::ZERO, 0..=HOUR))
                .filter(|spacing| !spacing.is_zero()),
            wire: section.choice("wire", default.wire),
            mmn_api_url: section.url("mmn_api_url", default.mmn_api_url),
            zk_api_url: section.url("zk_api_url", default.zk_api_url),
            agent_url: section.url("agent_url", default.agent_url),
            media_api_url: section.url("media_api_url", default.media_api_url),
            enable_logging: section.flag("enable_logging", default.enable_logging),
            log_level: section.choice("log_level", default.log_level),
            heartbeat_interval: section.millis(
                "heartbeat_interval_ms",
                default.heartbeat_interval,
                100..=HOUR,
            ),
            heartbeat_timeout: section.millis(
                "heartbeat_timeout_ms",
                default.heartbeat_timeout,
                1..=HOUR,
            ),
            request_timeout: section.millis(
                "request_timeout_ms",
                default.request_timeout,
                1..=HOUR,
            ),
            connect_timeout: section.millis(
                "connect_timeout_ms",
                default.connect_timeout,
                1..=HOUR,
            ),
            content_limit: section.number("content_limit", default.content_limit, 1..=1_000_000),
            catch_up: section.flag("catch_up", default.catch_up),
            requests_per_second: section.number(
                "requests_per_second",
                default.requests_per_second,
                1..=1_000_000,
            ),
            read_ahead: section.number("read_ahead", default.read_ahead, 1..=1_048_576),
            ca_file: section
                .optional_text("ca_file")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            session_file: section
                .optional_text("session_file")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
        };
        if purpose == Purpose::Run {
            section.require("client_id", mezon.client_id.trim().is_empty());
            let api_key = mezon.api_key.expose_secret();
            section.require("api_key", api_key.trim().is_empty());
            if api_key == REDACTED {
                section.fault("api_key", "is a dump's placeholder, not the key");
            }
        }
        section.finish();
        mezon
    }
}

impl Default for Mezon {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            api_key: SecretString::default(),
            host: "gw.mezon.ai".to_owned(),
            port: 443,
            use_ssl: true,
            base_url: None,
            timeout: Duration::from_secs(7),
            rest_spacing: None,
            wire: Wire::Auto,
            mmn_api_url: Url::parse(MMN_API_URL).ok(),
            zk_api_url: Url::parse(ZK_API_URL).ok(),
            agent_url: None,
            media_api_url: Url::parse(MEDIA_API_URL).ok(),
            enable_logging: false,
            log_level: LogLevel::Info,
            heartbeat_interval: Duration::from_secs(10),
            heartbeat_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(30),
            content_limit: 4_000,
            catch_up: true,
            requests_per_second: 80,
            read_ahead: 1_024,
            ca_file: None,
            session_file: None,
        }
    }
}

/// The wire format of Mezon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// Whatever the server answers at login.
    #[default]
    Auto,
    /// JSON over HTTP, protobuf over the socket.
    V1,
    /// Protobuf everywhere.
    V2,
}

impl Choice for Wire {
    const ALL: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("v1", Self::V1), ("v2", Self::V2)];
}

/// From which level on something is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator wants to see.
    #[default]
    Info,
    /// What went wrong and was mended.
    Warn,
    /// What went wrong.
    Error,
}

impl LogLevel {
    /// Returns the name, as the file and a log filter give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Choice for LogLevel {
    const ALL: &'static [(&'static str, Self)] = &[
        ("trace", Self::Trace),
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
    ];
}

fn millis_or_zero<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    millis(&duration.unwrap_or_default(), serializer)
}

const MMN_API_URL: &str = "https://dong.mezon.ai/mmn-api/";
const ZK_API_URL: &str = "https://dong.mezon.ai/zk-api/";
const MEDIA_API_URL: &str = "https://stn.mezon.ai/api/playmedia";
