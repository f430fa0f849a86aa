//! `[store]`: what the bot keeps between its runs.

use std::path::PathBuf;

use serde::Serialize;

use crate::config::reader::Section;

/// What the bot keeps between its runs: dead letters, and what a shutdown left over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Store {
    /// Whether anything is kept on disk; true by default. If not, dead letters end with the process.
    pub enabled: bool,
    /// The folder; `./greenroom-store` by default. If nobody has set it and another bot has it already, the bot runs without one.
    pub path: PathBuf,
    /// Whether somebody has set the folder.
    #[serde(skip)]
    pub is_chosen: bool,
}

impl Store {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let path = default.path.to_string_lossy();
        let store = Self {
            is_chosen: section.has("path"),
            enabled: section.flag("enabled", default.enabled),
            path: section.filled("path", &path).into(),
        };
        section.finish();
        store
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "./greenroom-store".into(),
            is_chosen: false,
        }
    }
}
