//! The settings, one file per section: what each means, its default, and the values it accepts.

mod bot;
mod cache;
mod delivery;
mod endpoint;
mod guard;
mod handlers;
mod log;
mod mezon;
mod shutdown;
mod store;
mod supervision;

use std::time::Duration;

use serde::{Serialize, Serializer};

pub use bot::Bot;
pub use cache::{Cache, CacheOverflow};
pub use delivery::{Delivery, Order, Overflow};
pub use endpoint::Endpoint;
pub use guard::{CooldownPer, Guard};
pub use handlers::{Handler, HandlerKind, Trigger};
pub use log::{Log, LogFormat};
pub use mezon::{LogLevel, Mezon, Wire};
pub use shutdown::Shutdown;
pub use store::Store;
pub use supervision::Supervision;

use super::load::Purpose;
use super::reader::Section;

/// Everything that the program can be told.
///
/// It serializes as the file that would give the same configuration, with secrets redacted.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Config {
    /// The bot as a whole.
    pub bot: Bot,
    /// The connection to Mezon, if anything was set in that section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mezon: Option<Mezon>,
    /// The message cache.
    pub cache: Cache,
    /// What the bot keeps between its runs.
    pub store: Store,
    /// When and how crashed actors start again.
    pub supervision: Supervision,
    /// How long stopping may take.
    pub shutdown: Shutdown,
    /// How events are handed to handlers.
    pub delivery: Delivery,
    /// Where the bot answers over HTTP how it is.
    pub endpoint: Endpoint,
    /// What the program logs.
    pub log: Log,
    /// The ready-made handlers that the bot is composed of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<Handler>,
}

impl Config {
    pub(super) fn read(mut section: Section<'_>, purpose: Purpose) -> Self {
        let delivery = Delivery::read(section.section("delivery"), &Delivery::default());
        let config = Self {
            bot: Bot::read(section.section("bot")),
            mezon: section
                .has("mezon")
                .then(|| Mezon::read(section.section("mezon"), purpose)),
            cache: Cache::read(section.section("cache")),
            store: Store::read(section.section("store")),
            supervision: Supervision::read(section.section("supervision")),
            shutdown: Shutdown::read(section.section("shutdown")),
            endpoint: Endpoint::read(section.section("endpoint")),
            log: Log::read(section.section("log")),
            handlers: Handler::read_all(section.sections("handlers"), &delivery),
            delivery,
        };
        if config.mezon.is_none() {
            section.know("mezon");
            if purpose == Purpose::Run {
                section.fault(
                    "mezon",
                    "no platform is configured: set client_id and api_key",
                );
            }
        }
        section.finish();
        config
    }

    /// Renders the configuration as TOML, with secrets redacted.
    ///
    /// # Errors
    ///
    /// None that a configuration made by this crate can cause.
    pub fn dump(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Renders the built-in defaults as TOML, with the credentials that have to be filled in empty.
    ///
    /// # Errors
    ///
    /// None.
    pub fn default_dump() -> Result<String, toml::ser::Error> {
        let defaults = Self {
            mezon: Some(Mezon::default()),
            ..Self::default()
        };
        defaults.dump()
    }
}

/// Serializes a duration as whole milliseconds.
fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
}

/// Serializes a bound, where 0 means that there is none.
fn bound<S: Serializer>(bound: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(bound.unwrap_or_default())
}

/// The longest time that a setting in milliseconds accepts.
const HOUR: u64 = 3_600_000;
