//! `[log]`: what the program logs, always to standard error.

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::config::reader::Section;
use crate::config::value::Choice;

/// What the program logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Log {
    /// Which lines, such as `info` or `warn,greenroom=debug`; `info` by default. The flag `--log` goes before it.
    pub filter: String,
    /// How a line looks; `text` by default.
    pub format: LogFormat,
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let log = Self {
            filter: section.filled("filter", &default.filter),
            format: section.choice("format", default.format),
        };
        if let Err(error) = EnvFilter::try_new(&log.filter) {
            section.fault("filter", format!("is not a filter: {error}"));
        }
        section.finish();
        log
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person.
    #[default]
    Text,
}

impl Choice for LogFormat {
    const ALL: &'static [(&'static str, Self)] = &[("json", Self::Json), ("text", Self::Text)];
}
