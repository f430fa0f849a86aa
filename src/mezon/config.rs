//! The settings of the adapter.

use std::path::PathBuf;
use std::time::Duration;

use greenroom_actors::connection;
use greenroom_actors::event::Id;
use greenroom_actors::supervisor::Backoff;
use greenroom_proto::mezon::Wire;
use secrecy::SecretString;
use url::Url;

use super::auth::MezonSession;
use super::limits::{LEAST_WAIT, PER_SECOND};

/// How to connect to Mezon.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::Settings;
///
/// let settings = Settings {
///     content_limit: 8_000,
///     ..Settings::new("1000000000000000001", "sim-mezon-key")
/// };
/// assert_eq!(settings.base_url.as_str(), "https://gw.mezon.ai/");
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bot's id on the platform.
    pub client_id: Id,
    /// The bot's key.
    pub api_key: SecretString,
    /// Where to log in; `https://gw.mezon.ai` by default. Its path is ignored.
    pub base_url: Url,
    /// The time that one REST call may take in all; 7 s by default.
    pub timeout: Duration,
    /// The least time between two REST calls of the bot; none by default.
    pub rest_spacing: Option<Duration>,
    /// Where tokens are sent; `https://dong.mezon.ai/mmn-api/` by default. None switches transfers off.
    pub mmn_api_url: Option<Url>,
    /// Where the proofs for that are made; `https://dong.mezon.ai/zk-api/` by default. None switches transfers off.
    pub zk_api_url: Option<Url>,
    /// Where the events of agents in meetings come from: the server that has `/api/sse/metadata`. None, the default, means that
    /// nobody listens.
    pub agent_url: Option<Url>,
    /// Where media are played from; `https://stn.mezon.ai/api/playmedia` by default. None switches playing off.
    pub media_api_url: Option<Url>,
    /// The wire to speak; by default the one in which the server answers the login.
    pub wire: Option<Wire>,
    /// The time between heartbeats; 10 s by default.
    pub heartbeat: Duration,
    /// How long the answer to a heartbeat may take before the connection counts as lost; 10 s by default.
    pub heartbeat_timeout: Duration,
    /// How long a request over the socket waits for its answer; 10 s by default.
    pub request_timeout: Duration,
    /// The time that opening the socket may take; 30 s by default.
    pub connect_timeout: Duration,
    /// The waits before tries to connect again; from 0.5 s, which the platform asks for, up to 1 s, doubling to 60 s, and anew after
    /// 60 s of health.
    pub backoff: Backoff,
    /// The longest content of one message as JSON text, in UTF-16 units; 4,000 by default.
    pub content_limit: usize,
    /// Whether messages missed while disconnected are fetched afterwards, where the wire allows it; true by default.
    pub catch_up: bool,
    /// Whether a message that comes twice is handed out once; true by default. Without it, whatever the server sends is an event.
    pub deduplicate: bool,
    /// The most requests that are sent over the socket in any second, heartbeats aside; 80 by default, which is the platform's limit.
    pub requests_per_second: usize,
    /// How many events may wait in memory while handlers are behind, before the socket is no longer read; 1,024 by default.
    pub read_ahead: usize,
    /// A PEM file with authorities to trust beside those of the web; none by default.
    pub ca_file: Option<PathBuf>,
    /// A session from before, to begin with in place of a login if it has not expired; none by default.
    pub session: Option<MezonSession>,
    /// Where the session is kept between runs; nowhere by default.
    pub session_file: Option<PathBuf>,
}

impl Settings {
    /// Creates the settings of a bot, everything else as by default.
    #[must_use]
    pub fn new(client_id: impl Into<Id>, api_key: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            api_key: SecretString::from(api_key.into()),
            base_url: default_base(),
            timeout: Duration::from_secs(7),
            rest_spacing: None,
            mmn_api_url: Url::parse(MMN_API_URL).ok(),
            zk_api_url: Url::parse(ZK_API_URL).ok(),
            agent_url: None,
            media_api_url: Url::parse(MEDIA_API_URL).ok(),
            wire: None,
            heartbeat: Duration::from_secs(10),
            heartbeat_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(30),
            backoff: connection::Settings::default().backoff.at_least(LEAST_WAIT),
            content_limit: 4_000,
            catch_up: true,
            deduplicate: true,
            requests_per_second: PER_SECOND,
            read_ahead: connection::Settings::default().read_ahead,
            ca_file: None,
            session: None,
            session_file: None,
        }
    }

    /// Sets where to log in, as the platform's own clients have it: `gw.mezon.ai`, 443 and true by default.
    ///
    /// # Errors
    ///
    /// If `host` cannot be the name of a server.
    ///
    /// # Examples
    ///
    /// ```
    /// use greenroom::mezon::Settings;
    ///
    /// let settings = Settings::new("1000000000000000001", "sim-mezon-key").server("127.0.0.1", 7350, false)?;
    /// assert_eq!(settings.base_url.as_str(), "http://127.0.0.1:7350/");
    /// # Ok::<(), url::ParseError>(())
    /// ```
    pub fn server(mut self, host: &str, port: u16, use_ssl: bool) -> Result<Self, url::ParseError> {
        let scheme = if use_ssl { "https" } else { "http" };
        self.base_url = Url::parse(&format!("{scheme}://{host}:{port}"))?;
        Ok(self)
    }
}

#[cfg(feature = "cli")]
impl From<crate::config::Mezon> for Settings {
    fn from(file: crate::config::Mezon) -> Self {
        use crate::config::Wire as Choice;

        let scheme = if file.use_ssl { "https" } else { "http" };
        let login = Url::parse(&format!("{scheme}://{}:{}", file.host, file.port));
        Self {
            client_id: Id::from(file.client_id),
            api_key: file.api_key,
            base_url: file.base_url.or(login.ok()).unwrap_or_else(default_base),
            timeout: file.timeout,
            rest_spacing: file.rest_spacing,
            mmn_api_url: file.mmn_api_url,
            zk_api_url: file.zk_api_url,
            agent_url: file.agent_url,
            media_api_url: file.media_api_url,
            wire: match file.wire {
                Choice::Auto => None,
                Choice::V1 => Some(Wire::V1),
                Choice::V2 => Some(Wire::V2),
            },
            heartbeat: file.heartbeat_interval,
            heartbeat_timeout: file.heartbeat_timeout,
            request_timeout: file.request_timeout,
            connect_timeout: file.connect_timeout,
            backoff: connection::Settings::default().backoff.at_least(LEAST_WAIT),
            content_limit: file.content_limit,
            catch_up: file.catch_up,
            deduplicate: true,
            requests_per_second: file.requests_per_second,
            read_ahead: file.read_ahead,
            ca_file: file.ca_file,
            session: None,
            session_file: file.session_file,
        }
    }
}

const MMN_API_URL: &str = "https://dong.mezon.ai/mmn-api/";
const ZK_API_URL: &str = "https://dong.mezon.ai/zk-api/";
const MEDIA_API_URL: &str = "https://stn.mezon.ai/api/playmedia";

fn default_base() -> Url {
    #[expect(
        clippy::expect_used,
        reason = "the text is a constant, and a test parses it"
    )]
    Url::parse("https://gw.mezon.ai").expect("a constant")
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_where_host_port_and_use_ssl_say_unless_a_url_does() {
        let login = |host: &str, port, use_ssl, base_url: Option<&str>| {
            let mut file = crate::config::Mezon::default();
            (file.host, file.port, file.use_ssl) = (host.to_owned(), port, use_ssl);
            file.base_url = base_url.map(|url| url.parse().unwrap());
            Settings::from(file).base_url.to_string()
        };
        assert_eq!(
            login("gw.mezon.ai", 443, true, None),
            "https://gw.mezon.ai/"
        );
        assert_eq!(
            login("localhost", 7350, true, None),
            "https://localhost:7350/"
        );
        assert_eq!(
            login("localhost", 7350, false, None),
            "http://localhost:7350/"
        );
        assert_eq!(login("127.0.0.1", 80, false, None), "http://127.0.0.1/");
        let url = Some("http://127.0.0.1:4000");
        assert_eq!(
            login("localhost", 7350, true, url),
            "http://127.0.0.1:4000/"
        );
    }
}
