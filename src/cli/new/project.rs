//! The files of a project.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::Platform;
use super::dependency::Dependency;
use super::name::BotName;
use crate::cli::Failure;

/// A project that is to be written.
pub(super) struct Project {
    files: Vec<File>,
}

struct File {
    path: &'static str,
    text: String,
    is_secret: bool,
}

impl Project {
    pub(super) fn new(name: &BotName, platform: Platform, greenroom: &Dependency) -> Self {
        let parts = Parts::of(platform);
        let fill = |text: &str| {
            // What is filled in has no slots in it, or comes last.
            [
                ("{{crate}}", name.library().as_str()),
                ("{{name}}", name.as_str()),
                ("{{channel}}", parts.channel),
                ("{{platform}}", parts.platform),
                ("{{port}}", parts.port),
                ("{{stage}}", parts.stage),
                ("{{title}}", parts.title),
                ("{{rust}}", env!("CARGO_PKG_RUST_VERSION")),
                ("{{greenroom}}", &greenroom.to_toml()),
            ]
            .into_iter()
            .fold(text.to_owned(), |text, (slot, value)| {
                text.replace(slot, value)
            })
        };
        let file = |path, text| File {
            path,
            text: fill(text),
            is_secret: path == ENV,
        };
        Self {
            files: vec![
                file("Cargo.toml", include_str!("template/manifest.toml")),
                file("README.md", include_str!("template/README.md")),
                file("greenroom.toml", parts.config),
                file(ENV, parts.env),
                file(".gitignore", include_str!("template/gitignore")),
                file("src/main.rs", include_str!("template/main.rs")),
                file("src/lib.rs", include_str!("template/lib.rs")),
                file("src/cheers.rs", include_str!("template/cheers.rs")),
                file("tests/bot.rs", include_str!("template/tests.rs")),
            ],
        }
    }

    /// Returns the paths of the files, within the project.
    pub(super) fn files(&self) -> impl Iterator<Item = &'static str> {
        self.files.iter().map(|file| file.path)
    }

    /// Writes all files into a folder that is empty or not there yet.
    ///
    /// # Errors
    ///
    /// There is something already, or a file cannot be written. No file that was there is touched.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let shown = folder.display();
        let failed =
            |what: &str, error: &io::Error| Failure::failed(format!("{shown}: {what}: {error}"));
        match fs::read_dir(folder) {
            Ok(mut found) => {
                if found.next().is_some() {
                    let message =
                        format!("{shown} is not empty: name another folder with --folder");
                    return Err(Failure::failed(message));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("is no folder to write into", &error)),
        }
        for file in &self.files {
            file.write(folder)
                .map_err(|error| failed(file.path, &error))?;
        }
        Ok(())
    }
}

impl File {
    fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(self.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if self.is_secret {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        options.open(path)?.write_all(self.text.as_bytes())
    }
}

/// In what projects differ by their platform.
struct Parts {
    channel: &'static str,
    config: &'static str,
    env: &'static str,
    platform: &'static str,
    port: &'static str,
    stage: &'static str,
    title: &'static str,
}

impl Parts {
    fn of(platform: Platform) -> Self {
        match platform {
            Platform::Mezon => Self {
                channel: "general",
                config: include_str!("template/mezon.toml"),
                env: include_str!("template/mezon.env"),
                platform: "mezon",
                port: "7350",
                stage: "mezon",
                title: "Mezon",
            },
            Platform::TokenBowl => Self {
                channel: "room",
                config: include_str!("template/token_bowl.toml"),
                env: include_str!("template/token_bowl.env"),
                platform: "token_bowl",
                port: "4001",
                stage: "token_bowl",
                title: "Token Bowl Chat",
            },
        }
    }
}

const ENV: &str = ".env";
