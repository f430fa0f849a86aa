//! The program's configuration: built-in defaults, then `greenroom.toml`, then the environment, then flags.
//!
//! A later layer replaces single values of an earlier one, never whole sections. Loading reports every fault at once, each with its
//! path (`mezon.timeout_ms`) and its place: the line of the file, the environment variable or the flag. Nothing that a fault, a log
//! line or a dump shows contains a secret.
//!
//! An environment variable is named after the path, with `GREENROOM` in front and two underscores between the parts:
//! `GREENROOM__MEZON__API_KEY` sets `mezon.api_key`.
//!
//! # Examples
//!
//! ```
//! use greenroom::config::{Purpose, Sources};
//!
//! let sources = Sources::none()
//!     .variable("GREENROOM__MEZON__CLIENT_ID", "1000000000000000001")
//!     .variable("GREENROOM__MEZON__API_KEY", "0123456789");
//! let config = sources.load(Purpose::Run)?;
//! assert_eq!(config.mezon.map(|mezon| mezon.host), Some("gw.mezon.ai".to_owned()));
//! # Ok::<(), greenroom::config::Faults>(())
//! ```

mod environment;
mod error;
mod file;
mod load;
mod options;
mod reader;
mod schema;
mod secret;
#[cfg(test)]
mod tests;
mod value;

pub use error::{Fault, Faults, Origin};
pub use load::{DEFAULT_FILE, Purpose, Sources};
pub use schema::Ticos;
pub use schema::{
    Account, Bot, Cache, CacheOverflow, Command, Config, CooldownPer, Day, Delivery, Endpoint,
    Guard, Handler, HandlerKind, Kinds, Limits, Log, LogFormat, LogLevel, Mesh, MeshCompat,
    MeshTokenStore, Mezon, Order, Overflow, Own, Payman, PaymanEnvironment, Shutdown, Store,
    Supervision, TokenBowl, Trigger, When, Wire,
};
pub use secret::redacted;
