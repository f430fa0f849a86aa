//! Sessions: credentials and tokens, renewed ahead of expiry, once for all who need them.
//!
//! A platform gives an [`Authenticator`]; [`Session`] is the actor around it; callers send [`Acquire`] and get a [`Lease`].

mod actor;
mod authenticator;
mod budget;
mod error;
mod expiry;
mod message;
mod private_file;
mod renew;
mod settings;
mod store;

pub use actor::Session;
pub use authenticator::{Authenticator, expose_secret};
pub use budget::LoginBudget;
pub use error::{AuthError, AuthErrorKind, StoreError};
pub use expiry::{Ahead, Verdict};
pub use message::{Acquire, Adopt, Current, Invalidate, Lease, Report, SessionReport, TryAgain};
pub use private_file::PrivateFile;
pub use settings::SessionSettings;
pub use store::SessionStore;
