//! How a person logs in, and what is shown to that person meanwhile.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::authenticator::Authenticator;
use super::browser::Unopened;
use super::device::Failed;
use super::error::MeshError;
use super::token::Token;

/// The ways to log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// By device; by browser where that cannot be begun. The default.
    #[default]
    Automatic,
    /// By browser; by device where no port is free.
    Browser,
    /// By device only: a person confirms on any other machine.
    Device,
}

/// What a person who logs in has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prompt {
    /// Open this page here: the login goes on when the browser comes back.
    Browser {
        /// The page.
        url: String,
    },
    /// Open this page anywhere, and type the code.
    Device {
        /// The page.
        verification_uri: String,
        /// The code to type there.
        user_code: String,
        /// The page with the code filled in.
        verification_uri_complete: String,
        /// How long there is time.
        expires_in: Duration,
    },
    /// Something is not as it should be.
    Warning(
        /// What.
        String,
    ),
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Browser { url } => write!(f, "Open this page to log in:\n  {url}"),
            Self::Device {
                verification_uri,
                user_code,
                verification_uri_complete,
                expires_in,
            } => write!(
                f,
                "To log in, open {verification_uri} and enter the code: {user_code}\nOr open: {verification_uri_complete}\n\
                 There are {} minutes left for that.",
                expires_in.as_secs() / 60
            ),
            Self::Warning(text) => write!(f, "Warning: {text}"),
        }
    }
}

/// Shows prompts to a person.
pub(super) type Show = Arc<dyn Fn(&Prompt) + Send + Sync>;

/// Shows them on standard error.
pub(super) fn on_stderr() -> Show {
    Arc::new(|prompt| {
        // Nobody is left to tell if this fails.
        let _ = writeln!(std::io::stderr(), "{prompt}");
    })
}

impl Authenticator {
    /// Logs in.
    pub(super) async fn login(&self, way: Login) -> Result<Token, MeshError> {
        match way {
            Login::Device => self.by_device().await.map_err(Failed::into_error),
            Login::Automatic => match self.by_device().await {
                Ok(token) => Ok(token),
                Err(Failed::Over(error)) => Err(error),
                Err(Failed::Unstarted(error)) => {
                    tracing::debug!(%error, "no login by device; trying the browser");
                    self.by_browser().await.map_err(Unopened::into_error)
                }
            },
            Login::Browser => match self.by_browser().await {
                Ok(token) => Ok(token),
                Err(Unopened::NoPort(error)) if self.client.settings.port.is_none() => {
                    tracing::warn!(%error, "no login by browser; trying the device flow");
                    self.by_device().await.map_err(Failed::into_error)
                }
                Err(error) => Err(error.into_error()),
            },
        }
    }
}
