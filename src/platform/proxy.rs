//! Proxies, as the environment names them.
//!
//! `http_proxy` is for `http` and `ws`, `https_proxy` for `https` and `wss`, `all_proxy` for what has none of its own, and `no_proxy` lists
//! hosts that are reached without one; the names may be in upper case, too. A proxy speaks HTTP, and a user and a password in its address
//! are told to it. Plain requests are handed to it whole; for everything else it opens a tunnel.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use awc::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::environment::Variables;

/// Which hosts are reached through which proxy; none by default.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    clear: Option<Proxy>,
    encrypted: Option<Proxy>,
    except: Vec<Exception>,
}

/// A proxy, or what is wrong with its address.
#[derive(Clone)]
enum Proxy {
    Unusable(String),
    Usable(Door),
}

/// How a proxy is reached.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) uri: Uri,
    /// What it is told of who asks.
    pub(super) authorization: Option<SecretString>,
}

/// Shows neither a user nor a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(reason) => f.write_str(reason),
            Self::Usable(door) => write!(f, "{}", door.uri),
        }
    }
}

/// A host, or a network, that is reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    Everything,
    /// This host and those below it, at this port only if there is one.
    Host(String, Option<u16>),
    Network(IpAddr, u32),
}

impl Proxies {
    /// Reads what the environment of this process says, or a file `.env` in the working directory.
    #[must_use]
    pub fn of_environment() -> Self {
        Self::of(&Variables::of_process())
    }

    /// As [`of_environment`](Self::of_environment), but this machine itself is always reached without a proxy.
    pub(super) fn beyond_this_machine() -> Self {
        Self::of_environment().but_for_this_machine()
    }

    fn but_for_this_machine(mut self) -> Self {
        self.except.extend([
            Exception::Host("localhost".to_owned(), None),
            Exception::Network(Ipv4Addr::LOCALHOST.into(), 8),
            Exception::Network(Ipv6Addr::LOCALHOST.into(), 128),
        ]);
        self
    }

    pub(crate) fn of(variables: &Variables) -> Self {
        let find = |name: &'static str| {
            let found = variables.get(name).map(|value| (name.to_owned(), value));
            found.or_else(|| {
                let name = name.to_uppercase();
                variables.get(&name).map(|value| (name.clone(), value))
            })
        };
        let proxy = |name| {
            let (name, address) = find(name).or_else(|| find("all_proxy"))?;
            let proxy = Proxy::read(&name, address);
            if let Proxy::Unusable(reason) = &proxy {
                tracing::warn!(reason, "a proxy cannot be used");
            }
            Some(proxy)
        };
        let except = find("no_proxy").map(|(_, list)| list.split(',').filter_map(Exception::read));
        Self {
            clear: proxy("http_proxy"),
            encrypted: proxy("https_proxy"),
            except: except.into_iter().flatten().collect(),
        }
    }

    /// Returns the proxy through which `uri` is reached, if it is through one.
    ///
    /// # Errors
    ///
    /// What is wrong with the address of that proxy.
    pub(super) fn door(&self, uri: &Uri) -> Result<Option<&Door>, String> {
        let is_encrypted = matches!(uri.scheme_str(), Some("https" | "wss"));
        let proxy = match is_encrypted {
            true => &self.encrypted,
            false => &self.clear,
        };
        let (Some(proxy), Some(host)) = (proxy, uri.host()) else {
            return Ok(None);
        };
        let port = port_of(uri);
        if self.except.iter().any(|one| one.covers(host, port)) {
            return Ok(None);
        }
        match proxy {
            Proxy::Usable(door) => Ok(Some(door)),
            Proxy::Unusable(reason) => Err(reason.clone()),
        }
    }
}

impl Proxy {
    fn read(name: &str, address: &str) -> Self {
        let whole = match address.contains("://") {
            true => address.to_owned(),
            false => format!("http://{address}"),
        };
        // The address is not quoted, since it may hold a password.
        let unusable = |reason: &str| Self::Unusable(format!("{name}: {reason}"));
        let Ok(url) = Url::parse(&whole) else {
            return unusable("it is no address");
        };
        if url.scheme() != "http" {
            return unusable("only proxies with http:// can be used");
        }
        let Some(host) = url.host() else {
            return unusable("it has no host");
        };
        let port = url.port().unwrap_or(80);
        let Ok(uri) = format!("http://{host}:{port}").parse() else {
            return unusable("its host cannot be used");
        };
        let decoded = |text: &str| {
            let text = text.replace('+', "%2B").replace('&', "%26");
            let pair = format!("x={text}");
            let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
            pairs
                .next()
                .map_or_else(String::new, |(_, text)| text.into_owned())
        };
        let is_known = !url.username().is_empty() || url.password().is_some();
        let authorization = is_known.then(|| {
            let (user, password) = (url.username(), url.password().unwrap_or_default());
            let pair = format!("{}:{}", decoded(user), decoded(password));
            SecretString::from(format!("Basic {}", STANDARD.encode(pair)))
        });
        Self::Usable(Door { uri, authorization })
    }
}

impl Exception {
    fn read(entry: &str) -> Option<Self> {
        let entry = entry.trim().to_lowercase();
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some((address, bits)) = entry.split_once('/')
            && let (Ok(address), Ok(bits)) = (address.parse(), bits.parse())
        {
            return Some(Self::Network(address, bits));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (entry.as_str(), None),
        };
        let host = bare(host).trim_start_matches("*.").trim_start_matches('.');
        (!host.is_empty()).then(|| Self::Host(host.to_owned(), port))
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        let host = bare(host).to_lowercase();
        match self {
            Self::Everything => true,
            Self::Host(known, at) => {
                let below = host.strip_suffix(known.as_str());
                let is_it = below.is_some_and(|below| below.is_empty() || below.ends_with('.'));
                is_it && at.is_none_or(|at| at == port)
            }
            Self::Network(network, bits) => {
                host.parse().is_ok_and(|host| shares(host, *network, *bits))
            }
        }
    }
}

/// Says whether two addresses begin with the same bits.
fn shares(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let differ = u32::from(one) ^ u32::from(other);
            bits <= 32 && differ.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let differ = u128::from(one) ^ u128::from(other);
            bits <= 128 && differ.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Takes the brackets from an IPv6 address.
fn bare(host: &str) -> &str {
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inside.unwrap_or(host)
}

fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(match uri.scheme_str() {
        Some("https" | "wss") => 443,
        _ => 80,
    })
}

impl Door {
    /// Has the proxy open a tunnel to the host of `uri` over a connection to it.
    pub(super) async fn tunnel(&self, stream: &mut TcpStream, uri: &Uri) -> io::Result<()> {
        let target = format!("{}:{}", uri.host().unwrap_or_default(), port_of(uri));
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(authorization) = &self.authorization {
            request += &format!("Proxy-Authorization: {}\r\n", authorization.expose_secret());
        }
        request += "\r\n";
        stream.write_all(request.as_bytes()).await?;
        // Byte by byte, since what follows the head is the server's already.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MAX_HEAD {
                return Err(refused("the answer of the proxy is too long"));
            }
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head);
        let mut words = head.split_ascii_whitespace();
        let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        match words
            .next()
            .filter(|_| is_http)
            .and_then(|status| status.parse::<u16>().ok())
        {
            Some(200..=299) => Ok(()),
            Some(status) => Err(refused(&format!("the proxy answered HTTP {status}"))),
            None => Err(refused("what the proxy answers is not HTTP")),
        }
    }
}

fn refused(reason: &str) -> io::Error {
    io::Error::other(reason.to_owned())
}

const MAX_HEAD: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let mut all = Variables::default();
        for (name, value) in variables {
            all.set(name, value);
        }
        Proxies::of(&all)
    }

    fn through(proxies: &Proxies, url: &str) -> String {
        match proxies.door(&url.parse().unwrap()) {
            Ok(Some(door)) => door.uri.to_string(),
            Ok(None) => "none".to_owned(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let both = proxies(&[("HTTP_PROXY", "http://h:1/"), ("https_proxy", "h:2")]);
        for (url, proxy) in [
            ("http://x/", "http://h:1/"),
            ("ws://x/", "http://h:1/"),
            ("https://x/", "http://h:2/"),
            ("wss://x/", "http://h:2/"),
        ] {
            assert_eq!(through(&both, url), proxy, "{url}");
        }
        let rest = proxies(&[("ALL_PROXY", "http://h"), ("http_proxy", "http://[::1]:9")]);
        assert_eq!(through(&rest, "https://x/"), "http://h:80/");
        assert_eq!(through(&rest, "http://x/"), "http://[::1]:9/");
        assert_eq!(through(&Proxies::default(), "http://x/"), "none");
    }

    #[test]
    fn the_lower_case_counts_and_what_is_empty_does_not() {
        let lower = proxies(&[("HTTP_PROXY", "http://a:1"), ("http_proxy", "http://b:1")]);
        assert_eq!(through(&lower, "http://x/"), "http://b:1/");
        let empty = proxies(&[("HTTP_PROXY", "http://a:1"), ("http_proxy", "")]);
        assert_eq!(through(&empty, "http://x/"), "http://a:1/");
    }

    #[test]
    fn exceptions_are_hosts_and_what_is_below_them_and_networks() {
        let list = " Example.org , .corp,*.lab,127.0.0.1,10.0.0.0/8,[::1],h:81,, fe80::/10";
        let some = proxies(&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", list)]);
        for (url, is_direct) in [
            ("http://example.org/", true),
            ("http://EXAMPLE.org:5/", true),
            ("https://a.example.org/", true),
            ("http://notexample.org/", false),
            ("http://a.corp/", true),
            ("http://b.lab/", true),
            ("http://127.0.0.1:9/", true),
            ("http://127.0.0.2/", false),
            ("http://10.200.3.4/", true),
            ("http://11.0.0.1/", false),
            ("http://[::1]:7/", true),
            ("http://[fe81::2]/", true),
            ("http://h:81/", true),
            ("http://h/", false),
        ] {
            assert_eq!(through(&some, url) == "none", is_direct, "{url}");
        }
        let all = proxies(&[("ALL_PROXY", "http://p:1"), ("no_proxy", "*")]);
        assert_eq!(through(&all, "http://x/"), "none");
        assert!(shares([1, 2, 3, 4].into(), [9, 9, 9, 9].into(), 0));
        assert!(!shares([1, 2, 3, 4].into(), [1, 2, 3, 5].into(), 32));
    }

    #[test]
    fn this_machine_is_reached_directly_where_that_is_wanted() {
        let all = proxies(&[("ALL_PROXY", "http://p:1")]);
        let beyond = all.clone().but_for_this_machine();
        for url in ["http://localhost:1/", "http://127.0.0.9/", "https://[::1]/"] {
            assert_eq!(through(&all, url), "http://p:1/", "{url}");
            assert_eq!(through(&beyond, url), "none", "{url}");
        }
        assert_eq!(through(&beyond, "http://128.0.0.1/"), "http://p:1/");
    }

    #[test]
    fn what_cannot_be_used_is_named_and_no_password_shown() {
        for (address, reason) in [
            (
                "socks5://u:s3cret@h:1",
                "HTTPS_PROXY: only proxies with http:// can be used",
            ),
            ("http://u:s3cret@", "HTTPS_PROXY: it is no address"),
        ] {
            let wrong = proxies(&[("HTTPS_PROXY", address)]);
            assert_eq!(through(&wrong, "https://x/"), reason);
            assert_eq!(through(&wrong, "http://x/"), "none");
            assert!(!format!("{wrong:?}").contains("s3cret"));
        }
        let known = proxies(&[("HTTPS_PROXY", "http://u%40x:s3+c%3Aret@h:1")]);
        let door = known.door(&"https://x/".parse().unwrap()).unwrap().unwrap();
        let told = door.authorization.as_ref().unwrap().expose_secret();
        assert_eq!(told, format!("Basic {}", STANDARD.encode("u@x:s3+c:ret")));
        assert!(!format!("{known:?}").contains("s3"));
    }
}
