//! Gathers the layers of a configuration and reads them.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{ConfigError, Map, Source, Value, ValueKind};

use super::error::{Fault, Faults, Origin};
use super::file::Document;
use super::reader::{Context, Section};
use super::schema::{Config, Kinds};
use super::{environment, file};
use crate::platform::environment::Variables;

/// The file that is read if none is named, provided that it exists.
pub const DEFAULT_FILE: &str = "greenroom.toml";

/// What a configuration is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To run a bot: a platform must be configured, with credentials.
    Run,
    /// To work on this machine only, such as on the cache: credentials may be absent.
    Offline,
}

/// Where the layers of a configuration come from.
#[derive(Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    variables: Variables,
    flags: Vec<(&'static str, &'static str, String)>,
    sections: Vec<&'static str>,
    kinds: Kinds,
}

impl Sources {
    /// Begins with the built-in defaults only.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes `file`, or [`DEFAULT_FILE`] if that exists, the variables of this process, and those that a file `.env` here adds.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists());
        Self {
            file: file.or_else(default),
            variables: Variables::of_process(),
            ..Self::default()
        }
    }

    /// Adds the file, which must be readable.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Adds an environment variable; it counts only if its name begins with `GREENROOM__`, or if it is one of a platform's own, such as
    /// `TOKEN_BOWL_CHAT_API_KEY`, for a platform that is configured and has nothing else there.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.set(name, value);
        self
    }

    /// Adds a flag of the command line that sets the value at `path`, such as `mezon.base_url`; `None` changes nothing.
    #[must_use]
    pub fn flag(
        mut self,
        path: &'static str,
        flag: &'static str,
        value: Option<impl ToString>,
    ) -> Self {
        self.flags
            .extend(value.map(|value| (path, flag, value.to_string())));
        self
    }

    /// Takes a platform as configured, even if nothing is set in its section.
    #[must_use]
    pub fn section(mut self, section: &'static str) -> Self {
        self.sections.push(section);
        self
    }

    /// Knows these kinds of handlers; the ready-made ones only by default.
    #[must_use]
    pub fn kinds(mut self, kinds: &Kinds) -> Self {
        self.kinds = kinds.clone();
        self
    }

    /// Returns the file that [`load`](Self::load) reads, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Loads the configuration.
    ///
    /// # Errors
    ///
    /// Every fault of every layer at once. A file that cannot be read or is not TOML is reported alone, since nothing can be said
    /// about what it would have set.
    pub fn load(&self, purpose: Purpose) -> Result<Config, Faults> {
        let mut faults = Vec::new();
        let document = match self.file.as_deref().map(file::read).transpose() {
            Ok(document) => document.unwrap_or_default(),
            Err(found) => {
                faults.extend(found);
                return Faults::of(faults).map_or_else(|| Ok(Config::default()), Err);
            }
        };
        let values = self.merge(&document, &mut faults);
        let context = Context {
            file: self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE)),
            headings: &document.headings,
            platforms: (purpose == Purpose::Run).then(|| values.keys().cloned().collect()),
            faults: RefCell::new(faults),
        };
        let config = Config::read(Section::root(&context, values), purpose, &self.kinds);
        Faults::of(context.faults.into_inner()).map_or(Ok(config), Err)
    }

    fn merge(&self, document: &Document, faults: &mut Vec<Fault>) -> Map<String, Value> {
        let mut builder = config::Config::builder().add_source(Layer(document.values.clone()));
        for layer in environment::layers(&self.variables, faults) {
            builder = builder.add_source(Layer(layer));
        }
        for (path, flag, value) in &self.flags {
            let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
            let origin = Origin::Flag {
                flag: (*flag).to_owned(),
            };
            builder = builder.add_source(Layer(environment::nest(&parts, value, &origin)));
        }
        let merged = builder.build().and_then(|merged| merged.get_table(ROOT));
        // Layers are tables, which always merge. The error is not quoted, since it may quote a value.
        let mut merged = merged.unwrap_or_else(|_| {
            let message = "the layers of the configuration cannot be merged";
            faults.push(Fault::new("", message, Origin::Default));
            Map::new()
        });
        for section in &self.sections {
            let empty = || Value::new(None, ValueKind::Table(Map::new()));
            merged.entry((*section).to_owned()).or_insert_with(empty);
        }
        environment::fill(&self.variables, &mut merged);
        merged
    }
}

/// Shows the file only: the variables of a process are full of secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Sources");
        shown.field("file", &self.file).finish_non_exhaustive()
    }
}

/// One layer, already parsed, as the `config` crate takes it.
#[derive(Clone)]
struct Layer(Map<String, Value>);

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").finish_non_exhaustive()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        // One level down, where keys are taken as they are: at the top, `a.b` and `a[9]` would be paths.
        let values = Value::new(None, ValueKind::Table(self.0.clone()));
        Ok(Map::from_iter([(ROOT.to_owned(), values)]))
    }
}

const ROOT: &str = "root";
