//! Kinds of the user's own.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Handler, HandlerKind, Kinds};
use crate::bot::BotBuilder;

/// A handler of a kind that the user's program has added, with its options.
#[derive(Clone)]
pub struct Own {
    kind: String,
    /// What is shown of the options.
    options: toml::Table,
    add: Add,
}

type Add = Arc<dyn Fn(BotBuilder, &Handler) -> BotBuilder + Send + Sync>;

impl Own {
    /// Returns the name of the kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Puts the handler into a bot.
    pub(crate) fn add_to(&self, bot: BotBuilder, handler: &Handler) -> BotBuilder {
        (self.add)(bot, handler)
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own")
            .field("kind", &self.kind)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Two are the same if they show the same: what they do cannot be compared.
impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, &self.options) == (&other.kind, &other.options)
    }
}

impl Serialize for Own {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.options.len() + 1))?;
        map.serialize_entry("kind", &self.kind)?;
        for (key, value) in &self.options {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Kinds {
    /// Adds a kind whose options are an `O`, and which `add` puts into a bot.
    pub(crate) fn own<O>(
        &mut self,
        name: &str,
        add: impl Fn(O, BotBuilder, &Handler) -> BotBuilder + Send + Sync + 'static,
    ) where
        O: Clone + DeserializeOwned + Serialize + Send + Sync + 'static,
    {
        let (kind, add) = (name.to_owned(), Arc::new(add));
        self.insert(name, Vec::new(), move |section| {
            let options: O = section.options(&Handler::keys())?;
            let shown = match serde_json::to_value(&options) {
                // `()` and the like: there are none.
                Ok(serde_json::Value::Null) => Ok(toml::Table::new()),
                _ => toml::Table::try_from(&options),
            };
            if let Err(error) = &shown {
                section.fault(
                    "kind",
                    format!("has options that TOML cannot show: {error}"),
                );
            }
            let add = Arc::clone(&add);
            Some(HandlerKind::Own(Own {
                kind: kind.clone(),
                options: shown.ok()?,
                add: Arc::new(move |bot, handler| add(options.clone(), bot, handler)),
            }))
        });
    }
}
