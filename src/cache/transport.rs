//! The socket beside the folder.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixListener;

/// A socket that other processes can find; it is taken away when this is dropped.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

impl Bound {
    /// Opens the socket of the cache in `folder`, in place of what a process that was killed has left. The caller has the folder open.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let path = beside(folder, ".sock");
        // Nobody can connect before it is closed to others: it gets its name last.
        let unfinished = beside(folder, ".sock-new");
        let _ = fs::remove_file(&unfinished);
        let listener = in_folder(&unfinished, |path| UnixListener::bind(path))?;
        let finished = fs::set_permissions(&unfinished, Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&unfinished, &path));
        if let Err(error) = finished {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        Ok(Self { listener, path })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // It may be gone, with its folder.
        let _ = fs::remove_file(&self.path);
    }
}

/// Connects with the process that has the cache in `folder` open; `None` if there is no such.
pub(super) fn connect(folder: &Path) -> io::Result<Option<UnixStream>> {
    let path = beside(folder, ".sock");
    match in_folder(&path, |path| UnixStream::connect(path)) {
        Ok(stream) => {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(Some(stream))
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Uses the path of a socket, by way of its folder if it is longer than the system allows.
fn in_folder<T>(path: &Path, use_it: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    use std::os::fd::AsRawFd;

    if path.as_os_str().len() < LONGEST_PATH || !cfg!(target_os = "linux") {
        return use_it(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return use_it(path);
    };
    let folder = fs::File::open(folder)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
    use_it(&short.join(name))
}

fn beside(folder: &Path, suffix: &str) -> PathBuf {
    // "./cache/" and "./cache" are the same folder.
    let mut name: OsString = folder.components().collect::<PathBuf>().into_os_string();
    name.push(suffix);
    name.into()
}

const LONGEST_PATH: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);
