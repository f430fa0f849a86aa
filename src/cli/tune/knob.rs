//! What can be set, and the values that are tried.

use std::num::NonZero;

use crate::bot::Placement;
use crate::config::Config;

/// A setting that may matter for speed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knob {
    /// Where it is in the configuration.
    pub(super) path: &'static str,
    /// What is tried beside the value in effect.
    tried: &'static [&'static str],
    /// The value in effect.
    now: fn(&Config) -> String,
    needs: Needs,
    /// What a larger value costs, if not only memory.
    pub(super) price: Option<&'static str>,
}

/// When a setting can matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Cache,
    /// More than one processor.
    Cores,
    Handlers,
    Nothing,
}

impl Knob {
    /// Returns the settings that can matter for this bot on this machine.
    pub(super) fn of(config: &Config) -> impl Iterator<Item = &'static Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (has_cache, has_handlers) = (config.cache.enabled, !config.handlers.is_empty());
        ALL.iter().filter(move |knob| match knob.needs {
            Needs::Cache => has_cache,
            Needs::Cores => cores > 1,
            Needs::Handlers => has_handlers,
            Needs::Nothing => true,
        })
    }

    /// Finds a setting by its path.
    pub(super) fn find(path: &str) -> Option<&'static Self> {
        ALL.iter().find(|knob| knob.path == path)
    }

    /// Returns the values to try: the one in effect first.
    pub(super) fn values(&self, config: &Config) -> Vec<String> {
        let now = self.now(config);
        let others = self.tried.iter().filter(|value| **value != now);
        let others: Vec<_> = others.map(|value| (*value).to_owned()).collect();
        [now].into_iter().chain(others).collect()
    }

    pub(super) fn now(&self, config: &Config) -> String {
        (self.now)(config)
    }

    /// Returns the section and the name of the setting.
    pub(super) fn parts(&self) -> (&'static str, &'static str) {
        self.path.split_once('.').unwrap_or(("", self.path))
    }
}

/// One line a setting: whatever is added here is swept.
const ALL: &[Knob] = &[
    Knob {
        path: "bot.arbiters",
        tried: &["1", "2", "4"],
        now: |config| config.bot.arbiters.to_string(),
        needs: Needs::Cores,
        price: None,
    },
    Knob {
        path: "bot.placement",
        tried: &["connections", "sockets"],
        now: |config| match config.bot.placement {
            Placement::Connections => "connections".to_owned(),
            Placement::Sockets => "sockets".to_owned(),
        },
        needs: Needs::Cores,
        price: None,
    },
    Knob {
        path: "mezon.read_ahead",
        tried: &["256", "1024", "4096"],
        now: |config| {
            config
                .mezon
                .clone()
                .unwrap_or_default()
                .read_ahead
                .to_string()
        },
        needs: Needs::Nothing,
        price: None,
    },
    Knob {
        path: "delivery.queue",
        tried: &["256", "1024", "4096"],
        now: |config| config.delivery.queue.to_string(),
        needs: Needs::Handlers,
        price: None,
    },
    Knob {
        path: "delivery.concurrency",
        tried: &["64", "256", "1024"],
        now: |config| config.delivery.concurrency.to_string(),
        needs: Needs::Handlers,
        price: None,
    },
    Knob {
        path: "cache.shards",
        tried: &["1", "2", "4"],
        now: |config| config.cache.shards.to_string(),
        needs: Needs::Cache,
        price: None,
    },
    Knob {
        path: "cache.batch",
        tried: &["64", "256", "1024"],
        now: |config| config.cache.batch.to_string(),
        needs: Needs::Cache,
        price: None,
    },
    Knob {
        path: "cache.batch_ms",
        tried: &["10", "50", "200"],
        now: |config| config.cache.batch_wait.as_millis().to_string(),
        needs: Needs::Cache,
        price: Some("a crash may lose the messages of a longer time"),
    },
    Knob {
        path: "cache.flush_ms",
        tried: &["100", "500", "2000"],
        now: |config| config.cache.flush.as_millis().to_string(),
        needs: Needs::Cache,
        price: Some("a crash may lose the messages of a longer time"),
    },
    Knob {
        path: "cache.queue",
        tried: &["1024", "8192", "65536"],
        now: |config| config.cache.queue.to_string(),
        needs: Needs::Cache,
        price: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Purpose, Sources};

    #[test]
    fn every_value_is_one_that_the_configuration_takes() {
        let config = Config::default();
        for knob in ALL {
            for value in knob.values(&config) {
                let sources = Sources::none().flag(knob.path, "--set", Some(&value));
                let loaded = sources.load(Purpose::Offline).unwrap();
                assert_eq!(knob.now(&loaded), value, "{}", knob.path);
            }
        }
    }

    #[test]
    fn the_value_in_effect_is_tried_first_and_once() {
        let sources = Sources::none().flag("cache.batch", "--set", Some(1_024));
        let config = sources.load(Purpose::Offline).unwrap();
        let knob = Knob::find("cache.batch").unwrap();
        assert_eq!(knob.values(&config), ["1024", "64", "256"]);
        assert_eq!(knob.parts(), ("cache", "batch"));
        assert!(Knob::find("cache.path").is_none());
    }
}
