//! Where a login is kept between runs: a file that other clients of Mesh read too, the keyring of the desktop, or memory.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use greenroom_actors::session::{PrivateFile, StoreError};
use secrecy::SecretString;
use serde::Deserialize;

use super::config::{Settings, TokenStore};
use super::error::MeshError;
use super::token::Token;

/// Keeps the token of one user of this machine. Clones keep the same one.
#[derive(Clone)]
pub(super) enum Store {
    File(PathBuf),
    Keyring(PathBuf),
    Memory(Arc<Mutex<Option<Token>>>),
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Keyring(path) => f.debug_tuple("Keyring").field(path).finish(),
            Self::Memory(_) => f.write_str("Memory"),
        }
    }
}

impl Store {
    pub(super) fn of(settings: &Settings) -> Self {
        let file = || settings.token_file.clone().unwrap_or_else(default_file);
        match settings.token_store {
            TokenStore::File => Self::File(file()),
            TokenStore::Keyring => Self::Keyring(file()),
            TokenStore::Memory => Self::Memory(Arc::default()),
        }
    }

    /// Reads the token; none if there is none that can be read.
    pub(super) fn load(&self) -> Option<Token> {
        match self {
            Self::File(path) => from_file(path).or_else(|| from_old_file(path)),
            Self::Keyring(path) => from_keyring()
                .or_else(|| from_file(path))
                .or_else(|| from_old_file(path)),
            Self::Memory(token) => lock(token).clone(),
        }
    }

    /// Keeps a token in place of the one that was there.
    pub(super) fn save(&self, token: &Token) -> Result<(), MeshError> {
        let text = || serde_json::to_vec(token).map_err(|_| failed("cannot be written as JSON"));
        let to_file = |path| {
            PrivateFile::new(path)
                .replace(&text()?)
                .map_err(|error| not_stored(&error))
        };
        match self {
            Self::File(path) => to_file(path),
            Self::Keyring(path) => to_keyring(&text()?).or_else(|error| {
                tracing::warn!(%error, "a login is kept in the file");
                // An older one would be found first.
                clear_keyring();
                to_file(path)
            }),
            Self::Memory(kept) => {
                *lock(kept) = Some(token.clone());
                Ok(())
            }
        }
    }

    /// Forgets the token wherever it is; one that is not there is no error.
    pub(super) fn forget(&self) -> Result<(), MeshError> {
        match self {
            Self::File(path) | Self::Keyring(path) => {
                if matches!(self, Self::Keyring(_)) {
                    clear_keyring();
                }
                let old = old_file(path);
                [path, &old].into_iter().try_for_each(|path| {
                    PrivateFile::new(path)
                        .remove()
                        .map_err(|error| not_stored(&error))
                })
            }
            Self::Memory(kept) => {
                *lock(kept) = None;
                Ok(())
            }
        }
    }
}

/// Returns where the token file is if nothing else is said.
pub(super) fn default_file() -> PathBuf {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    let home = home.map_or_else(|| PathBuf::from("."), PathBuf::from);
    home.join(".mesh").join("token.json")
}

fn old_file(path: &Path) -> PathBuf {
    path.with_file_name("auth.json")
}

fn from_file(path: &Path) -> Option<Token> {
    let text = read(path)?;
    let token = Token::read(&text);
    if token.is_none() {
        tracing::warn!(file = %path.display(), "is no token file; it is as good as none");
    }
    token
}

fn from_old_file(path: &Path) -> Option<Token> {
    #[derive(Deserialize)]
    struct Old {
        auth_token: SecretString,
    }
    let old: Old = serde_json::from_slice(&read(&old_file(path))?).ok()?;
    Token::bare(&old.auth_token)
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let read = PrivateFile::new(path).read();
    read.map_err(|error| not_stored(&error))
        .inspect_err(|error| tracing::warn!(%error, "no login is read"))
        .ok()
        .flatten()
}

/// Reads the secret of the desktop's keyring, by the program that comes with it.
fn from_keyring() -> Option<Token> {
    let output = Command::new(KEYRING)
        .arg("lookup")
        .args(ENTRY)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Token::read(&output.stdout).filter(|_| output.status.success())
}

fn to_keyring(text: &[u8]) -> Result<(), MeshError> {
    let store = || {
        let mut program = Command::new(KEYRING)
            .args(["store", "--label=mesh-sdk"])
            .args(ENTRY)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = program.stdin.take() {
            input.write_all(text)?;
        }
        program.wait()
    };
    match store() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!(
            "the keyring does not take the token: {KEYRING} ended with {status}"
        ))),
        Err(error) => Err(failed(format!("no keyring: cannot run {KEYRING}: {error}"))),
    }
}

fn clear_keyring() {
    let cleared = Command::new(KEYRING)
        .arg("clear")
        .args(ENTRY)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // Where there is no keyring there is no entry.
    tracing::debug!(
        done = cleared.is_ok_and(|status| status.success()),
        "cleared the keyring"
    );
}

fn not_stored(error: &StoreError) -> MeshError {
    failed(format!("{error}: {}", error.source))
}

fn failed(message: impl Into<String>) -> MeshError {
    MeshError::store(message)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const KEYRING: &str = "secret-tool";
/// What the Python keyring calls the entry.
const ENTRY: [&str; 4] = ["service", "mesh-sdk", "username", "default"];

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn token(text: &str) -> Token {
        Token::read(text.as_bytes()).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// D-17: the peer makes the file with the default mode and closes it later.
    #[test]
    fn the_file_is_the_owners_only_and_replaced_as_a_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".mesh/token.json");
        let store = Store::File(path.clone());
        assert!(store.load().is_none());
        store
            .save(&token(r#"{"access_token":"a","mine":1}"#))
            .unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        store.save(&token(r#"{"access_token":"b"}"#)).unwrap();
        assert_eq!(store.load().unwrap().access().expose_secret(), "b");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // What the peer wrote with its mode is closed when it is read.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(store.load().is_some());
        assert_eq!(mode(&path), 0o600);
        store.forget().unwrap();
        store.forget().unwrap();
        assert!(store.load().is_none());
    }

    #[test]
    fn the_old_file_is_read_when_there_is_no_other() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token.json");
        let store = Store::File(path.clone());
        fs::write(home.path().join("auth.json"), r#"{"auth_token":"old"}"#).unwrap();
        assert_eq!(store.load().unwrap().access().expose_secret(), "old");
        fs::write(&path, r#"{"access_token":"new"}"#).unwrap();
        assert_eq!(store.load().unwrap().access().expose_secret(), "new");
        store.forget().unwrap();
        assert!(store.load().is_none(), "a logout forgets both");
    }

    #[test]
    fn a_broken_file_is_as_good_as_none() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token.json");
        fs::write(&path, "{").unwrap();
        assert!(Store::File(path).load().is_none());
    }
}
