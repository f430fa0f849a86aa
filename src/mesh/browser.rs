//! The browser flow: a browser of this machine logs in and comes back to a port of ours.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use greenroom_actors::clock;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::{Url, form_urlencoded};

use super::authenticator::{Authenticator, SCOPE, Tenant, add_secret};
use super::config::Settings;
use super::error::{ErrorKind, MeshError};
use super::http::Trouble;
use super::limits::{AUTH_URL, EXCHANGE};
use super::login::Prompt;
use super::token::Token;

/// Why there was no login by browser.
#[derive(Debug)]
pub(super) enum Unopened {
    /// There is no port to wait on.
    NoPort(MeshError),
    /// Something else.
    Other(MeshError),
}

impl Unopened {
    pub(super) fn into_error(self) -> MeshError {
        match self {
            Self::NoPort(error) | Self::Other(error) => error,
        }
    }
}

impl From<MeshError> for Unopened {
    fn from(error: MeshError) -> Self {
        Self::Other(error)
    }
}

/// Who gives tokens for the code.
enum Exchanger {
    /// The Mesh API, which has the secret.
    Server,
    /// Auth0, which knows the verifier.
    Tenant(Tenant, SecretString),
}

impl Authenticator {
    /// Logs in by browser.
    pub(super) async fn by_browser(&self) -> Result<Token, Unopened> {
        let settings = &self.client.settings;
        let door = Door::open(settings).await.map_err(Unopened::NoPort)?;
        let redirect = match &settings.callback_uri {
            Some(uri) => uri.clone(),
            None => format!("http://localhost:{}/callback", door.port),
        };
        let state = unguessable();
        let (url, exchanger) = self.page(&redirect, state.expose_secret()).await?;
        tracing::info!(port = door.port, url, "waiting for the browser");
        self.client.tell(&Prompt::Browser { url: url.clone() });
        if !settings.is_headless() && !open(&url) {
            tracing::info!("no browser could be started: open the page yourself");
        }
        let limit = settings.callback_timeout;
        let code = tokio::time::timeout(limit, door.code(state.expose_secret())).await;
        let code = code.unwrap_or_else(|_| {
            let message =
                format!("The login failed: the browser did not come back within {limit:?}");
            Err(MeshError::new(ErrorKind::Auth, message))
        })?;
        // Before the exchange, so that the port is free for whoever logs in next.
        drop(door);
        Ok(self.exchange(&exchanger, &code, &redirect).await?)
    }

    /// Finds the page where a person logs in: the server's own, or that of Auth0 with PKCE.
    async fn page(&self, redirect: &str, state: &str) -> Result<(String, Exchanger), MeshError> {
        let url = format!("{}{AUTH_URL}", self.client.settings.server());
        let body = json!({"redirect_uri": redirect, "scope": SCOPE, "state": state});
        let reply = self.post(url, &body, Vec::new()).await;
        let told = reply
            .ok()
            .filter(super::http::Reply::is_ok)
            .and_then(|reply| reply.json());
        let page = told
            .as_ref()
            .and_then(|told| told.get("auth_url")?.as_str());
        if let Some(page) = page.filter(|page| Url::parse(page).is_ok()) {
            return Ok((page.to_owned(), Exchanger::Server));
        }
        let tenant = self.tenant().await?;
        let verifier = unguessable();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret().as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &tenant.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", SCOPE)
            .append_pair("audience", &tenant.audience)
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let page = format!("{}/authorize?{query}", tenant.url);
        Ok((page, Exchanger::Tenant(tenant, verifier)))
    }

    async fn exchange(
        &self,
        exchanger: &Exchanger,
        code: &SecretString,
        redirect: &str,
    ) -> Result<Token, MeshError> {
        let code_text = code.expose_secret();
        let mut secrets = vec![code.clone()];
        let (url, body) = match exchanger {
            Exchanger::Server => {
                let url = format!("{}{EXCHANGE}", self.client.settings.server());
                (url, json!({"code": code_text, "redirect_uri": redirect}))
            }
            Exchanger::Tenant(tenant, verifier) => {
                secrets.push(verifier.clone());
                let mut body = json!({
                    "grant_type": "authorization_code",
                    "client_id": tenant.client_id,
                    "code": code_text,
                    "redirect_uri": redirect,
                    "code_verifier": verifier.expose_secret(),
                });
                add_secret(&mut body, tenant);
                (format!("{}/oauth/token", tenant.url), body)
            }
        };
        let reply = self
            .post(url, &body, secrets)
            .await
            .map_err(Trouble::error)?;
        if !reply.is_ok() {
            let error = MeshError::new(
                ErrorKind::Auth,
                format!("The login failed: {}", reply.status),
            );
            return Err(error.details(reply.details()).answered(reply.status, None));
        }
        Token::received(reply.body(), clock::unix_seconds()).ok_or_else(|| reply.unreadable())
    }
}

/// Draws 256 bits in the characters of a URL. Never from a bot's seed: nobody may guess them.
fn unguessable() -> SecretString {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into()
}

/// Where the browser comes back to.
struct Door {
    port: u16,
    listeners: Vec<TcpListener>,
}

impl Door {
    /// Waits on the first port that is free.
    async fn open(settings: &Settings) -> Result<Self, MeshError> {
        if let Some(port) = settings.port {
            return Self::on(port).await.map_err(|error| {
                let message = format!(
                    "The port {port} is not free ({error}): choose another one with --port, or use --headless"
                );
                MeshError::new(ErrorKind::Auth, message)
            });
        }
        let candidates = candidates(settings);
        for port in &candidates {
            if let Ok(door) = Self::on(*port).await {
                return Ok(door);
            }
        }
        let (first, last) = (
            candidates.first().unwrap_or(&0),
            candidates.last().unwrap_or(&0),
        );
        let message = format!(
            "No port from {first} to {last} is free: choose one with --port, or use --headless"
        );
        Err(MeshError::new(ErrorKind::Auth, message))
    }

    /// The system lets a port be used again at once (`SO_REUSEADDR`), but not while somebody listens on it.
    async fn on(port: u16) -> io::Result<Self> {
        let first = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let port = first.local_addr()?.port();
        // A browser may take `localhost` for either; not every machine has this one.
        let second = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await;
        match second {
            // Where a browser prefers this one, somebody else would get the code.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
            second => Ok(Self {
                port,
                listeners: [first].into_iter().chain(second).collect(),
            }),
        }
    }

    /// Answers requests until one brings a code for this state.
    async fn code(&self, state: &str) -> Result<SecretString, MeshError> {
        let mut visits = FuturesUnordered::new();
        loop {
            let arrivals = self
                .listeners
                .iter()
                .map(|listener| Box::pin(listener.accept()));
            tokio::select! {
                (arrived, ..) = futures::future::select_all(arrivals) => {
                    if let Ok((stream, _)) = arrived && visits.len() < MOST_VISITS {
                        let visit = tokio::time::timeout(VISIT, visit(stream, state));
                        visits.push(async { visit.await.unwrap_or(None) });
                    }
                }
                Some(came) = visits.next(), if !visits.is_empty() => {
                    if let Some(outcome) = came {
                        return outcome;
                    }
                }
            }
        }
    }
}

/// Returns the ports that are tried, one after another.
fn candidates(settings: &Settings) -> Vec<u16> {
    match settings.callback_port {
        Some(first) => (first..=first.saturating_add(9)).collect(),
        None => (45_678..=45_699).chain(8_000..=8_009).collect(),
    }
}

/// Reads one request and answers it; a browser may also open connections that it does not use.
async fn visit(mut stream: TcpStream, state: &str) -> Option<Result<SecretString, MeshError>> {
    let mut head = Vec::new();
    let mut bytes = [0; 2_048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut bytes).await.ok()?;
        if read == 0 || head.len() > LONGEST_HEAD {
            return None;
        }
        head.extend_from_slice(&bytes[..read]);
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let came = match (words.next(), words.next()) {
        (Some("GET"), Some(target)) => judge(target, state),
        _ => Came::nothing(404, "There is nothing here."),
    };
    let title = match came.status {
        200 => "OK",
        400 => "Bad Request",
        _ => "Not Found",
    };
    let body = format!(
        "<!doctype html><meta charset=utf-8><title>Mesh</title><p>{}</p>\n",
        came.words
    );
    let answer = format!(
        "HTTP/1.1 {} {title}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        came.status,
        body.len()
    );
    // The code is good whether or not the browser hears of it.
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        let _ = stream.shutdown().await;
    }
    came.outcome
}

/// What a request of the browser comes to.
struct Came {
    status: u16,
    words: &'static str,
    outcome: Option<Result<SecretString, MeshError>>,
}

impl Came {
    fn nothing(status: u16, words: &'static str) -> Self {
        Self {
            status,
            words,
            outcome: None,
        }
    }
}

/// Looks at the target of a request. Only what has our state is about our login. Nothing of it is shown again.
fn judge(target: &str, state: &str) -> Came {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != "/callback" {
        return Came::nothing(404, "There is nothing here.");
    }
    let member = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    };
    let is_ours = member("state").is_some_and(|theirs| theirs == state);
    let error = member("error");
    let code = member("code").filter(|code| !code.is_empty());
    match (is_ours, error, code) {
        (true, Some(error), _) => {
            let words = member("error_description").unwrap_or_default();
            let message = "The login was declined";
            let error = MeshError::new(ErrorKind::Auth, message).details(Value::String(
                format!("{error}: {words}").chars().take(300).collect(),
            ));
            Came {
                status: 400,
                words: "The login was declined. You may close this window.",
                outcome: Some(Err(error)),
            }
        }
        (true, None, Some(code)) => Came {
            status: 200,
            words: "The login was successful. You may close this window.",
            outcome: Some(Ok(code.into())),
        },
        (_, Some(_), _) => Came::nothing(400, "The login failed."),
        (_, None, None) => Came::nothing(400, "The code is missing."),
        (false, None, Some(_)) => Came::nothing(400, "This is not the login that is waited for."),
    }
}

/// Opens a page in the browser of this machine, and says whether one could be started.
pub(super) fn open(url: &str) -> bool {
    let own = std::env::var("BROWSER").ok().filter(|own| !own.is_empty());
    let usual = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let started = Command::new(own.as_deref().unwrap_or(usual))
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(mut browser) => {
            // Whatever it says: only its end must be noticed.
            std::thread::spawn(move || drop(browser.wait()));
            true
        }
        Err(error) => {
            tracing::debug!(%error, "no browser");
            false
        }
    }
}

/// Connections that are answered at once.
const MOST_VISITS: usize = 32;
const VISIT: Duration = Duration::from_secs(10);
/// Bytes of the head of a request.
const LONGEST_HEAD: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    /// D-18: the peer's state can be guessed, and is never looked at.
    #[test]
    fn only_what_has_our_state_is_about_our_login() {
        for (target, status, code) in [
            ("/callback?code=c&state=s", 200, Some("c")),
            ("/callback?state=s&code=c%2B1", 200, Some("c+1")),
            ("/callback?code=c&state=t", 400, None),
            ("/callback?code=c", 400, None),
            ("/callback?state=s", 400, None),
            ("/callback?code=&state=s", 400, None),
            ("/callback?error=access_denied", 400, None),
            ("/callback", 400, None),
            ("/", 404, None),
            ("/favicon.ico", 404, None),
            ("/callback/x?code=c&state=s", 404, None),
        ] {
            let came = judge(target, "s");
            assert_eq!(came.status, status, "{target}");
            let got = came
                .outcome
                .map(|outcome| outcome.unwrap().expose_secret().to_owned());
            assert_eq!(got.as_deref(), code, "{target}");
        }
        let declined = judge(
            "/callback?error=access_denied&error_description=no&state=s",
            "s",
        );
        assert_eq!(declined.status, 400);
        assert!(
            declined
                .outcome
                .unwrap()
                .unwrap_err()
                .to_string()
                .contains("access_denied: no")
        );
    }

    #[test]
    fn what_nobody_may_guess_is_long_and_new_each_time() {
        let (one, other) = (unguessable(), unguessable());
        assert_eq!(one.expose_secret().len(), 43);
        assert_ne!(one.expose_secret(), other.expose_secret());
        let fine = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(one.expose_secret().chars().all(fine));
    }

    #[actix_rt::test]
    async fn the_first_free_port_is_taken_and_a_busy_one_is_named() {
        let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = busy.local_addr().unwrap().port();
        let fixed = Settings {
            port: Some(port),
            ..Settings::default()
        };
        let error = Door::open(&fixed).await.err().unwrap().to_string();
        assert!(
            error.contains(&port.to_string()) && error.contains("--headless"),
            "{error}"
        );
        let probing = Settings {
            callback_port: Some(port),
            ..Settings::default()
        };
        let usual = candidates(&Settings::default());
        assert_eq!((usual.len(), usual[1], usual[22]), (32, 45_679, 8_000));
        assert_eq!(candidates(&probing).len(), 10);
        if let Ok(door) = Door::open(&probing).await {
            assert!(door.port > port && door.port <= port + 9);
        }
    }

    #[actix_rt::test]
    async fn a_port_that_only_half_of_localhost_has_free_is_busy() {
        // Not every machine has this one.
        if let Ok(busy) = TcpListener::bind("[::1]:0").await {
            let port = busy.local_addr().unwrap().port();
            assert!(Door::on(port).await.is_err());
            drop(busy);
        }
    }
}
