//! Where the files of a device are.

use std::path::{Path, PathBuf};

use super::error::TicosError;

/// Where messages are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaveMode {
    /// In the home folder, or the folder that is given.
    #[default]
    Internal,
    /// On the TF card: in the folder that is given, or else the first card that is mounted below `/media`.
    External,
}

impl SaveMode {
    /// Returns the name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

impl std::str::FromStr for SaveMode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "internal" => Ok(Self::Internal),
            "external" => Ok(Self::External),
            other => Err(format!("{other:?} is neither `internal` nor `external`")),
        }
    }
}

/// The folders of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folders {
    /// Of the configuration.
    pub(super) config: PathBuf,
    /// Below which messages are stored.
    pub(super) root: PathBuf,
    /// The session file on the card, there or not.
    pub(super) card_session: Option<PathBuf>,
}

impl Folders {
    pub(super) fn find(
        home: Option<&Path>,
        mode: SaveMode,
        tf_root: Option<&Path>,
        mounts: impl FnOnce() -> Option<PathBuf>,
    ) -> Result<Self, TicosError> {
        let home = match home {
            Some(home) => home.to_owned(),
            None => std::env::home_dir()
                .filter(|home| !home.as_os_str().is_empty())
                .ok_or(TicosError::NoHome)?,
        };
        let card = match (mode, tf_root) {
            (_, Some(given)) => Some(given.to_owned()),
            (SaveMode::Internal, None) => None,
            (SaveMode::External, None) => mounts(),
        };
        if mode == SaveMode::External && card.is_none() {
            tracing::warn!(
                "no TF card was found: messages are stored in {}",
                home.display()
            );
        }
        let config = home.join(FOLDER);
        let root = card.unwrap_or(home);
        let card_session = root.join(FOLDER).join(SESSION);
        let card_session = (mode == SaveMode::External && card_session != config.join(SESSION))
            .then_some(card_session);
        Ok(Self {
            config,
            root,
            card_session,
        })
    }

    pub(super) fn session(&self) -> PathBuf {
        self.config.join(SESSION)
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.config.join("config.toml")
    }
}

/// Looks for a TF card among what is mounted now.
pub(super) fn mounted_card() -> Option<PathBuf> {
    let is_folder = |path: &Path| path.is_dir();
    if let Ok(table) = std::fs::read_to_string("/proc/self/mounts") {
        return card_in(&table, 1, is_folder);
    }
    // Systems without that table have a program that prints one.
    let printed = match cfg!(unix) {
        true => std::process::Command::new("mount").output().ok()?,
        false => return None,
    };
    card_in(&String::from_utf8_lossy(&printed.stdout), 2, is_folder)
}

/// Finds the first card in a table of mounts, whose places are the words of this number.
fn card_in(table: &str, word: usize, is_folder: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let places = table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(word));
    let mut cards = places
        .map(unescaped)
        .filter(|place| place.starts_with("/media/"))
        .map(PathBuf::from);
    cards.find(|card| {
        let name = card.file_name().and_then(|name| name.to_str());
        name.is_some_and(is_card_name) && is_folder(card)
    })
}

fn is_card_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (!name.is_empty() && name.chars().all(is_plain)) || begins_with_uuid(name)
}

fn begins_with_uuid(name: &str) -> bool {
    let Some(head) = name.as_bytes().first_chunk::<36>() else {
        return false;
    };
    head.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// The table writes spaces and the like as octal numbers.
fn unescaped(word: &str) -> String {
    let mut text = word.to_owned();
    for (escaped, plain) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        text = text.replace(escaped, plain);
    }
    text
}

const FOLDER: &str = ".config/ticos";
const SESSION: &str = "session_config";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_found_among_other_mounts() {
        let mounted = "/dev/sda1 on / type ext4 (rw)\n\
            tmpfs on /media type tmpfs (rw)\n\
            /dev/sdb1 on /media/my.card type vfat (rw)\n\
            /dev/sdc1 on /media/gone type vfat (rw)\n\
            /dev/sdd1 on /media/pi/TF_card-1 type vfat (rw)\n\
            /dev/sde1 on /media/second type vfat (rw)\n";
        let there = |path: &Path| path != Path::new("/media/gone");
        let found = card_in(mounted, 2, there);
        assert_eq!(found, Some(PathBuf::from("/media/pi/TF_card-1")));
        let table = "/dev/sdb1 /media/0a1b2c3d-0000-1111-2222-333344445555.old vfat rw 0 0\n";
        let found = card_in(table, 1, there);
        assert!(found.is_some(), "a name that begins with a UUID");
        assert_eq!(card_in("", 1, there), None);
        let spaced = "/dev/sdb1 /media/my\\040card vfat rw 0 0\n";
        assert_eq!(card_in(spaced, 1, there), None);
    }

    #[test]
    fn the_mode_and_the_folder_decide_where_messages_are() {
        let (home, tf) = (Path::new("/home/a"), Path::new("/mnt/tf"));
        let card = || Some(PathBuf::from("/media/card"));
        let root = |mode, tf_root, found: fn() -> Option<PathBuf>| {
            let folders = Folders::find(Some(home), mode, tf_root, found).unwrap();
            assert_eq!(folders.config, Path::new("/home/a/.config/ticos"));
            folders.root
        };
        assert_eq!(root(SaveMode::Internal, None, || None), home);
        assert_eq!(root(SaveMode::Internal, Some(tf), || None), tf);
        assert_eq!(root(SaveMode::External, Some(tf), || None), tf);
        assert_eq!(
            root(SaveMode::External, None, card),
            Path::new("/media/card")
        );
        assert_eq!(root(SaveMode::External, None, || None), home);
    }
}
