//! The settings, one file per section: what each means, its default, and the values it accepts.

mod bot;
mod cache;
mod delivery;
mod endpoint;
mod guard;
mod handlers;
mod log;
mod mesh;
mod mezon;
mod payman;
mod shown;
mod shutdown;
mod store;
mod supervision;
mod ticos;
mod token_bowl;

use serde::Serialize;

pub use bot::Bot;
pub use cache::{Cache, CacheOverflow};
pub use delivery::{Delivery, Order, Overflow};
pub use endpoint::Endpoint;
pub use guard::{CooldownPer, Guard};
pub use handlers::{Command, Day, Handler, HandlerKind, Kinds, Limits, Own, Trigger, When};
pub use log::{Log, LogFormat};
pub use mesh::{Mesh, MeshCompat, MeshTokenStore};
pub use mezon::{LogLevel, Mezon, Wire};
pub use payman::{Payman, PaymanEnvironment};
pub use shutdown::Shutdown;
pub use store::Store;
pub use supervision::Supervision;
pub use ticos::Ticos;
pub use token_bowl::{Account, TokenBowl};

use self::shown::{bound, millis, path_or_empty, secret_or_empty, text_or_empty, url_or_empty};
use super::load::Purpose;
use super::reader::Section;
use crate::chat::Room;

/// Everything that the program can be told.
///
/// It serializes as the file that would give the same configuration, with secrets redacted.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Config {
    /// The bot as a whole.
    pub bot: Bot,
    /// The connection to Mesh, if anything was set in that section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesh: Option<Mesh>,
    /// The connection to Mezon, if anything was set in that section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mezon: Option<Mezon>,
    /// The connection to Payman, if anything was set in that section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payman: Option<Payman>,
    /// The device that agents of Ticos dial, if anything was set in that section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticos: Option<Ticos>,
    /// The connection to Token Bowl Chat, if anything was set in that section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_bowl: Option<TokenBowl>,
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
    pub(super) fn read(mut section: Section<'_>, purpose: Purpose, kinds: &Kinds) -> Self {
        let delivery = Delivery::read(section.section("delivery"), &Delivery::default());
        let config = Self {
            bot: Bot::read(section.section("bot")),
            mesh: section
                .has("mesh")
                .then(|| Mesh::read(section.section("mesh"))),
            mezon: section
                .has("mezon")
                .then(|| Mezon::read(section.section("mezon"), purpose)),
            payman: section
                .has("payman")
                .then(|| Payman::read(section.section("payman"), purpose)),
            ticos: section
                .has("ticos")
                .then(|| Ticos::read(section.section("ticos"))),
            token_bowl: section
                .has("token_bowl")
                .then(|| TokenBowl::read(section.section("token_bowl"), purpose)),
            cache: Cache::read(section.section("cache")),
            store: Store::read(section.section("store")),
            supervision: Supervision::read(section.section("supervision")),
            shutdown: Shutdown::read(section.section("shutdown")),
            endpoint: Endpoint::read(section.section("endpoint")),
            log: Log::read(section.section("log")),
            handlers: Handler::read_all(section.sections("handlers"), &delivery, kinds),
            delivery,
        };
        for platform in PLATFORMS {
            section.know(platform);
        }
        let has_platform = config.mesh.is_some()
            || config.mezon.is_some()
            || config.payman.is_some()
            || config.ticos.is_some()
            || config.token_bowl.is_some();
        for (platform, is_there) in [
            ("mesh", config.mesh.is_some()),
            ("payman", config.payman.is_some()),
            ("ticos", config.ticos.is_some()),
        ] {
            let needs = |handler: &&Handler| handler.needs() == Some(platform) && !is_there;
            if let Some(handler) = config.handlers.iter().find(needs) {
                let kind = handler.kind.name();
                let message = format!("a handler of the kind `{kind}` needs this section");
                section.fault(platform, message);
            }
        }
        for (place, room) in config.unknown_accounts() {
            let message = format!(
                "there is no account `{}` on {}",
                room.account, room.platform
            );
            section.fault(&place, message);
        }
        if !has_platform && purpose == Purpose::Run {
            section.fault(
                "mezon",
                "no platform is configured: set client_id and api_key",
            );
        }
        let share = config.mezon.is_some() && config.token_bowl.is_some() && config.cache.enabled;
        if share && config.cache.path == config.cache.token_bowl_path && purpose == Purpose::Run {
            section.fault(
                "cache",
                "`path` and `token_bowl_path` are the same: each platform needs a folder of its own",
            );
        }
        section.finish();
        config
    }

    /// Returns the conversations that handlers enter as an account that there is not, each with the path of its handler.
    fn unknown_accounts(&self) -> Vec<(String, &Room)> {
        let Some(token_bowl) = &self.token_bowl else {
            return Vec::new();
        };
        let is_known = |room: &Room| {
            let labels = token_bowl.accounts.iter().map(|account| &account.label);
            room.platform != "token_bowl" || labels.into_iter().any(|label| *label == room.account)
        };
        let handlers = self.handlers.iter().enumerate();
        let rooms = handlers.flat_map(|(index, handler)| {
            let rooms = handler.kind.rooms().into_iter();
            rooms.map(move |room| (format!("handlers[{index}]"), room))
        });
        rooms
            .filter(|(_, room)| !room.account.is_empty() && !is_known(room))
            .collect()
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
            token_bowl: Some(TokenBowl::default()),
            ..Self::default()
        };
        defaults.dump()
    }
}

/// The sections of the platforms, which are also their names.
pub(super) const PLATFORMS: [&str; 5] = ["mesh", "mezon", "payman", "ticos", "token_bowl"];

/// The longest time that a setting in milliseconds accepts.
const HOUR: u64 = 3_600_000;
