//! Which request to the API is which. Old paths (`/v1/mesh/…`) lead to where the new ones do.

use crate::simulator::{Request, decode};

/// What a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    AuthUrl,
    Challenge,
    Chat(Endpoint),
    Commitment,
    Config,
    /// The credits of a user.
    Credits(String),
    Exchange,
    GetKey,
    ListKeys,
    Models,
    Profile,
    Refresh,
    Register,
    StoreCommitment,
    StoreKey,
    Usage,
    Verify,
}

/// One of the places where a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    Completions,
    Legacy,
}

impl Route {
    /// Finds what is at a path.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let (method, path) = (request.method.as_str(), request.path());
        if let Some(login) = path
            .strip_prefix("/api/v1/auth/")
            .or_else(|| path.strip_prefix("/auth/"))
        {
            let is_old = path.starts_with("/auth/");
            return match (method, login) {
                ("GET", "config") => Some(Self::Config),
                ("POST", "get-auth-url") => Some(Self::AuthUrl),
                ("POST", "exchange-token") => Some(Self::Exchange),
                ("GET", "profile") => Some(Self::Profile),
                ("POST", "refresh-token") if is_old => Some(Self::Refresh),
                _ => None,
            };
        }
        if let Some(new) = path.strip_prefix("/api/v1/") {
            let route = match (method, new) {
                ("GET", "models") => Self::Models,
                ("GET", "usage") => Self::Usage,
                ("POST", "chat/completions") => Self::Chat(Endpoint::Chat),
                ("POST", "completions") => Self::Chat(Endpoint::Completions),
                _ => return Self::of_both(method, new),
            };
            return Some(route);
        }
        match (method, path.strip_prefix("/v1/mesh/")?) {
            ("GET", "auth/profile") => Some(Self::Profile),
            ("POST", "chat") => Some(Self::Chat(Endpoint::Legacy)),
            (method, old) => Self::of_both(method, old),
        }
    }

    fn of_both(method: &str, rest: &str) -> Option<Self> {
        let route = match (method, rest) {
            ("POST", "users") => Self::Register,
            ("POST", "storeKey") => Self::StoreKey,
            ("GET", "getKey") => Self::GetKey,
            ("GET", "listKeys") => Self::ListKeys,
            ("POST", "storeKeyZKP") => Self::StoreCommitment,
            ("GET", "getChallenge") => Self::Challenge,
            ("GET", "getCommitment") => Self::Commitment,
            ("POST", "verifyProof") => Self::Verify,
            ("GET", rest) => {
                let id = rest.strip_prefix("users/")?.strip_suffix("/credits")?;
                Self::Credits(decode(id))
            }
            _ => return None,
        };
        Some(route)
    }

    /// Says whether a request needs a token.
    pub(super) fn needs_token(&self) -> bool {
        !matches!(
            self,
            Self::AuthUrl | Self::Config | Self::Exchange | Self::Refresh | Self::Register
        )
    }
}
