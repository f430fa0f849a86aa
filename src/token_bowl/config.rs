//! The settings of the adapter.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use greenroom_actors::supervisor::Backoff;
use secrecy::SecretString;
use url::Url;

/// How to connect to Token Bowl Chat.
///
/// # Examples
///
/// ```
/// use greenroom::token_bowl::Settings;
///
/// let settings = Settings {
///     deliver_own: true,
///     ..Settings::new("sim-greenroom-key")
/// };
/// assert_eq!(settings.base_url.to_string(), "https://api.tokenbowl.ai");
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The user's key.
    pub api_key: SecretString,
    /// Where the server is; `https://api.tokenbowl.ai` by default.
    pub base_url: BaseUrl,
    /// What is spoken over the websocket; the plain protocol by default.
    pub protocol: Protocol,
    /// How the websocket gets the key; in the query by default.
    pub auth: Auth,
    /// The time that one REST call may take in all; 30 s by default.
    pub timeout: Duration,
    /// The time that opening the websocket may take; 10 s by default.
    pub connect_timeout: Duration,
    /// How long the server's answer to the close frame is waited for at an orderly end; 5 s by default.
    pub close_timeout: Duration,
    /// How long a command over the websocket waits for its answer; 10 s by default.
    pub request_timeout: Duration,
    /// The waits before tries to connect again, each drawn from all of its range; up to 1 s by default, doubling to 30 s, and anew after
    /// 30 s of health or a frame.
    pub backoff: Backoff,
    /// Whether a first connect that fails is tried again; false by default. A refused key is never tried again.
    pub retry_initial: bool,
    /// Whether messages missed while disconnected are fetched afterwards; true by default.
    pub catch_up: bool,
    /// How many messages the server keeps; 100 by default. If so many were missed, some may be lost.
    pub history_limit: u64,
    /// Whether messages that the user said in the room come back as events; false by default.
    pub deliver_own: bool,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// Creates the settings of a user, everything else as by default.
    #[must_use]
    pub fn new(api_key: impl Into<String>) -> Self {
        Self {
            api_key: SecretString::from(api_key.into()),
            base_url: BaseUrl::default(),
            protocol: Protocol::Plain,
            auth: Auth::Query,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            // Waits that differ by a tenth only would let all clients of a server come back together.
            backoff: Backoff::exponential(Duration::from_secs(1), Duration::from_secs(30))
                .healthy_after(Duration::from_secs(30)),
            retry_initial: false,
            catch_up: true,
            history_limit: 100,
            deliver_own: false,
            ca_file: None,
        }
    }
}

#[cfg(feature = "cli")]
impl From<crate::config::TokenBowl> for Settings {
    fn from(file: crate::config::TokenBowl) -> Self {
        Self {
            api_key: file.api_key,
            base_url: file.base_url,
            protocol: file.protocol,
            auth: file.auth,
            timeout: file.timeout,
            connect_timeout: file.connect_timeout,
            close_timeout: file.close_timeout,
            request_timeout: file.request_timeout,
            retry_initial: file.retry_initial,
            catch_up: file.catch_up,
            history_limit: file.history_limit,
            deliver_own: file.deliver_own,
            ca_file: file.ca_file,
            ..Self::new("")
        }
    }
}

/// What is spoken over the websocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The plain one if the server has it, else the other.
    Auto,
    /// That of Centrifugo, which the newest servers have.
    Centrifugo,
    /// JSON, as all servers before 2.0 have it.
    #[default]
    Plain,
}

/// How the websocket gets the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// In a header, which proxies do not log; not all servers read it.
    Header,
    /// In the query of the URL.
    #[default]
    Query,
}

/// Where a server is, for REST and the websocket alike.
///
/// `http` and `ws` are the same, as are `https` and `wss`; slashes at the end and a last segment `/ws` are ignored, and another path is
/// a prefix of all paths.
///
/// # Examples
///
/// ```
/// use greenroom::token_bowl::BaseUrl;
///
/// let base: BaseUrl = "ws://127.0.0.1:4001/chat/ws/".parse()?;
/// assert_eq!(base.rest("/health"), "http://127.0.0.1:4001/chat/health");
/// assert_eq!(base.websocket(), "ws://127.0.0.1:4001/chat/ws");
/// # Ok::<(), greenroom::token_bowl::InvalidBaseUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    is_secure: bool,
    /// Host, port and path, without a slash at the end.
    rest: String,
}

/// What is wrong with a base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the base URL {0}")]
pub struct InvalidBaseUrl(String);

impl BaseUrl {
    /// Returns the URL of a REST path, which begins with a slash.
    #[must_use]
    pub fn rest(&self, path: &str) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.rest)
    }

    /// Returns the URL of the websocket.
    #[must_use]
    pub fn websocket(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}/ws", self.rest)
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self {
            is_secure: true,
            rest: "api.tokenbowl.ai".to_owned(),
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rest(""))
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: String| InvalidBaseUrl(reason);
        let url = Url::parse(text).map_err(|error| invalid(format!("is not a URL: {error}")))?;
        let is_secure = match url.scheme() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            other => {
                let reason = format!(
                    "has the scheme {other:?}: must begin with http://, https://, ws:// or wss://"
                );
                return Err(invalid(reason));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                "must not carry a user name or a password".to_owned(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("must not have a query or a fragment".to_owned()));
        }
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() {
            return Err(invalid("has no host".to_owned()));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/ws").unwrap_or(path);
        let path = path.trim_end_matches('/');
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        Ok(Self {
            is_secure,
            rest: format!("{host}{port}{path}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_base_is_the_same_base() {
        for base in [
            "ws://h:1",
            "http://h:1",
            "ws://h:1/",
            "http://h:1//",
            "ws://h:1/ws",
            "http://h:1/ws/",
            "ws://h:1//ws//",
        ] {
            let base: BaseUrl = base.parse().unwrap();
            assert_eq!(base.websocket(), "ws://h:1/ws");
            assert_eq!(base.rest("/messages"), "http://h:1/messages");
        }
        let prefixed: BaseUrl = "wss://h/p/ws/ws".parse().unwrap();
        assert_eq!(prefixed.websocket(), "wss://h/p/ws/ws", "one segment only");
        let prefixed: BaseUrl = "ws://[::1]:1/p".parse().unwrap();
        assert_eq!(prefixed.websocket(), "ws://[::1]:1/p/ws");
        let other: BaseUrl = "http://h:1/news".parse().unwrap();
        assert_eq!(other.websocket(), "ws://h:1/news/ws");
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for (base, reason) in [
            ("ftp://h", "has the scheme \"ftp\""),
            ("h", "is not a URL"),
            ("http://a:secret@h", "must not carry a user name"),
            ("http://h?api_key=secret", "must not have a query"),
        ] {
            let error = base.parse::<BaseUrl>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
