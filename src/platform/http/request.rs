//! What is asked, and what a redirect makes of it.

use bytes::Bytes;
use secrecy::SecretString;

/// What to ask a server.
#[derive(Debug)]
pub struct HttpRequest {
    /// The method, such as `GET`.
    pub method: &'static str,
    /// The URL; nothing secret may be in it.
    pub url: String,
    /// The headers.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The body, empty for none.
    pub body: Bytes,
    /// What is secret in the body: it is never shown, even if an error of the server quotes it.
    pub secrets: Vec<SecretString>,
}

impl HttpRequest {
    /// Returns the same request once more.
    pub(super) fn again(&self) -> Self {
        Self {
            method: self.method,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            secrets: self.secrets.clone(),
        }
    }

    /// Returns the request that a redirect asks for, if this is one.
    pub(super) fn redirected(mut self, status: u16, location: &str) -> Option<Self> {
        let from = url::Url::parse(&self.url).ok()?;
        let to = from.join(location).ok()?;
        match status {
            301..=303 if self.method != "GET" && self.method != "HEAD" => {
                self.method = "GET";
                self.body = Bytes::new();
                self.headers.retain(|(name, _)| *name != "content-type");
            }
            301..=303 | 307 | 308 => {}
            _ => return None,
        }
        // What may be said to one server is not said to another, nor in the clear.
        let is_same = to.origin() == from.origin()
            || (to.host() == from.host() && to.scheme() == "https" && from.scheme() == "http");
        if !is_same {
            let is_open = |name: &str| matches!(name, "accept" | "content-type" | "user-agent");
            self.headers.retain(|(name, _)| is_open(name));
        }
        self.url = to.into();
        Some(self)
    }
}
