//! Where a project gets greenroom from. It is on no registry yet, so a checkout goes before a version.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::{Failure, FailureKind};

/// What the project's `Cargo.toml` says of greenroom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dependency {
    /// A repository.
    Git(String),
    /// A checkout on this machine.
    Path(String),
    /// A version of the registry.
    Version(&'static str),
}

impl Dependency {
    /// Takes what is given, else the checkout that this program was built from if it is still there, else the version of the program.
    ///
    /// # Errors
    ///
    /// The folder that was given has no greenroom in it.
    pub(super) fn choose(path: Option<&Path>, git: Option<String>) -> Result<Self, Failure> {
        if let Some(url) = git {
            return Ok(Self::Git(url));
        }
        if let Some(path) = path {
            return checkout(path).map(Self::Path).ok_or_else(|| {
                let path = path.display();
                let message = format!("--path: there is no Cargo.toml of greenroom in {path}");
                Failure::new(FailureKind::Usage, message)
            });
        }
        let own = checkout(Path::new(env!("CARGO_MANIFEST_DIR")));
        Ok(own.map_or(Self::Version(VERSION), Self::Path))
    }

    /// Returns the line of a `Cargo.toml`.
    pub(super) fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        match self {
            Self::Git(url) => format!("greenroom = {{ git = {} }}", quoted(url)),
            Self::Path(path) => format!("greenroom = {{ path = {} }}", quoted(path)),
            Self::Version(version) => format!("greenroom = {}", quoted(version)),
        }
    }
}

/// Says it to a person.
impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Git(url) => write!(f, "the greenroom of the repository {url}"),
            Self::Path(path) => write!(f, "the greenroom in {path}"),
            Self::Version(version) => write!(
                f,
                "greenroom {version} of the registry; if it is not there, give --path or --git"
            ),
        }
    }
}

/// Returns the folder in full if greenroom is in it.
fn checkout(folder: &Path) -> Option<String> {
    let folder: PathBuf = folder.canonicalize().ok()?;
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let manifest: toml::Table = manifest.parse().ok()?;
    let name = manifest.get("package")?.get("name")?.as_str()?;
    (name == "greenroom").then(|| folder.to_str().map(str::to_owned))?
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_goes_before_what_is_there() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = Dependency::choose(None, None).unwrap();
        assert_eq!(own, Dependency::choose(Some(here), None).unwrap());
        assert!(matches!(own, Dependency::Path(_)), "{own:?}");
        let git = Dependency::choose(None, Some("https://example.org/g".to_owned())).unwrap();
        assert_eq!(
            git.to_toml(),
            r#"greenroom = { git = "https://example.org/g" }"#
        );
    }

    #[test]
    fn a_folder_without_greenroom_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let choose = || Dependency::choose(Some(folder.path()), None).unwrap_err();
        assert_eq!(choose().kind(), FailureKind::Usage);
        let other = "[package]\nname = \"other\"\n";
        std::fs::write(folder.path().join("Cargo.toml"), other).unwrap();
        assert!(choose().to_string().contains("no Cargo.toml of greenroom"));
    }

    #[test]
    fn odd_paths_are_quoted() {
        let odd = Dependency::Path(r#"/a b/it's"\"#.to_owned());
        let line: toml::Table = odd.to_toml().parse().unwrap();
        assert_eq!(line["greenroom"]["path"].as_str(), Some(r#"/a b/it's"\"#));
    }
}
