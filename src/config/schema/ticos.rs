//! `[ticos]`: a device that agents of Ticos dial.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

use super::{path_or_empty, secret_or_empty, text_or_empty};
use crate::config::reader::Section;
use crate::config::value::Choice;
use crate::ticos::SaveMode;

/// A device that agents of Ticos dial.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Ticos {
    /// The address to listen on; `0.0.0.0` by default.
    pub host: String,
    /// The port to listen on; 9999 by default, and 0 takes a free one.
    pub port: u16,
    /// The folder below which messages are kept and the device's configuration is; by default nothing is kept, and the configuration
    /// is in the user's home.
    #[serde(serialize_with = "path_or_empty")]
    pub store: Option<PathBuf>,
    /// Where messages are kept; `internal` by default.
    #[serde(serialize_with = "mode")]
    pub save_mode: SaveMode,
    /// The folder of the TF card; found by itself by default.
    #[serde(serialize_with = "path_or_empty")]
    pub tf_root: Option<PathBuf>,
    /// The name of the store; `ticos.db` by default.
    #[serde(serialize_with = "text_or_empty")]
    pub db_filename: Option<String>,
    /// What agents must know; nothing by default, and never shown.
    #[serde(serialize_with = "secret_or_empty")]
    pub agent_token: Option<SecretString>,
    /// Whether other machines may read messages, memories and figures over HTTP; false by default.
    pub open_history: bool,
}

impl Ticos {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let mut path = |name: &'static str| {
            let path = section.optional_text(name);
            path.filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        let (store, tf_root) = (path("store"), path("tf_root"));
        let ticos = Self {
            host: section.filled("host", &default.host),
            port: section.number("port", default.port, 0..=u16::MAX),
            store,
            save_mode: section.choice("save_mode", default.save_mode),
            tf_root,
            db_filename: section
                .optional_text("db_filename")
                .filter(|name| !name.is_empty()),
            agent_token: Some(section.secret("agent_token"))
                .filter(|token| !token.expose_secret().is_empty()),
            open_history: section.flag("open_history", default.open_history),
        };
        section.finish();
        ticos
    }
}

impl Default for Ticos {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            port: 9_999,
            store: None,
            save_mode: SaveMode::default(),
            tf_root: None,
            db_filename: None,
            agent_token: None,
            open_history: false,
        }
    }
}

impl Choice for SaveMode {
    const ALL: &'static [(&'static str, Self)] =
        &[("internal", Self::Internal), ("external", Self::External)];
}

fn mode<S: Serializer>(mode: &SaveMode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.name())
}
