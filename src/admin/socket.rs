//! Where the control socket lies: `control.sock` in the state folder.
//!
//! The path of a socket can be 107 bytes long. Below a longer state folder, `control.sock` is a link to a socket with a short
//! path, so that whoever knows the state folder finds the socket, whatever their environment says.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::net::UnixListener;

use crate::private_folder;

/// Its name in the state folder.
const NAME: &str = "control.sock";

/// The longest path that `sockaddr_un` holds, in bytes: 108 with the zero at its end.
const PATH_MAX: usize = 107;

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot make the control socket {}: {source}; codex-trace reads a running service through it, so this path must be \
     writable for this user",
    path.display()
)]
pub struct BindError {
    path: PathBuf,
    source: io::Error,
}

/// The socket's file. Dropping it removes the file, and the link to it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    link: Option<PathBuf>,
}

/// Where to connect to the service that owns `state_dir`. There may be no socket.
pub fn find(state_dir: &Path) -> PathBuf {
    let path = state_dir.join(NAME);
    fs::read_link(&path).unwrap_or(path)
}

// === impl SocketFile ===

impl SocketFile {
    /// Listens on the socket of `state_dir`, with mode 0600. What an earlier service left there is replaced: the caller owns
    /// the journal, so no other service runs.
    pub(super) fn bind(state_dir: &Path) -> Result<(UnixListener, Self), BindError> {
        let path = state_dir.join(NAME);
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        Self::bind_at(&path, runtime.as_deref(), &std::env::temp_dir()).map_err(|source| BindError { path, source })
    }

    fn bind_at(path: &Path, runtime: Option<&Path>, temp: &Path) -> io::Result<(UnixListener, Self)> {
        let short = if fits(path) { None } else { Some(short_path(path, runtime, temp)?) };
        remove_stale(path)?;
        let file = match short {
            None => Self { path: path.to_owned(), link: None },
            Some(short) => {
                remove_stale(&short)?;
                symlink(&short, path)?;
                Self { path: short, link: Some(path.to_owned()) }
            }
        };
        let listener = UnixListener::bind(&file.path)?;
        fs::set_permissions(&file.path, Permissions::from_mode(0o600))?;
        Ok((listener, file))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        for path in self.link.iter().chain([&self.path]) {
            if let Err(error) = fs::remove_file(path)
                && error.kind() != ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %error, "cannot remove the control socket");
            }
        }
    }
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= PATH_MAX
}

/// A path that fits, in a folder that is ours alone, named after what `path` leads to.
fn short_path(path: &Path, runtime: Option<&Path>, temp: &Path) -> io::Result<PathBuf> {
    let digest = Sha256::digest(std::path::absolute(path)?.as_os_str().as_bytes());
    let name = digest.iter().take(8).fold(String::new(), |name, byte| name + &format!("{byte:02x}")) + ".sock";
    let user = rustix::process::getuid().as_raw();
    let in_runtime = runtime.filter(|folder| folder.is_dir()).map(|folder| folder.join("codex-proxy-control"));
    let in_temp = temp.join(format!("codex-proxy-control-{user}"));
    let folder = in_runtime.into_iter().chain([in_temp]).find(|folder| fits(&folder.join(&name)));
    let folder = folder.ok_or_else(|| {
        let what =
            format!("it is longer than {PATH_MAX} bytes, and so is one in XDG_RUNTIME_DIR or {}", temp.display());
        io::Error::new(ErrorKind::InvalidFilename, what)
    })?;
    private_folder::make(&folder)?;
    Ok(folder.join(name))
}

/// Removes the socket, or the link to one, of a service that ended without doing so. Leaves anything else alone.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() || found.is_symlink() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, "something that is no socket lies there; remove it")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_lies_in_the_state_folder_and_replaces_a_dead_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = find(dir.path());
        assert_eq!(path, dir.path().join(NAME));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(UnixStream::connect(&path).is_err(), "nobody listens on it");

        let (listener, file) = SocketFile::bind(dir.path()).unwrap();
        UnixStream::connect(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        drop((listener, file));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_long_state_folder_gets_a_link_to_a_short_path() {
        let dir = tempfile::tempdir().unwrap();
        let (long, runtime, temp) = (dir.path().join("x".repeat(120)), dir.path().join("r"), dir.path().join("t"));
        for folder in [&long, &runtime, &temp] {
            fs::create_dir(folder).unwrap();
        }
        for (runtime, base) in [(Some(runtime.as_path()), &runtime), (None, &temp)] {
            for _after_a_crash in [false, true] {
                let (listener, file) = SocketFile::bind_at(&long.join(NAME), runtime, &temp).unwrap();
                let found = find(&long);
                assert!(found.starts_with(base) && fits(&found), "{}", found.display());
                assert_eq!((mode(&found), mode(found.parent().unwrap())), (0o600, 0o700));
                UnixStream::connect(&found).unwrap();
                drop(listener);
                std::mem::forget(file);
            }
            let (_, file) = SocketFile::bind_at(&long.join(NAME), runtime, &temp).unwrap();
            let found = find(&long);
            drop(file);
            assert!(!found.exists() && fs::read_dir(&long).unwrap().next().is_none());
        }
    }

    #[tokio::test]
    async fn what_others_could_have_put_there_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(120));
        fs::create_dir(&long).unwrap();
        let open = dir.path().join(format!("codex-proxy-control-{}", rustix::process::getuid().as_raw()));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        let error = SocketFile::bind_at(&long.join(NAME), None, dir.path()).unwrap_err();
        assert!(error.to_string().contains("0700"), "{error}");

        fs::write(dir.path().join(NAME), "mine").unwrap();
        let error = SocketFile::bind(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no socket") && error.contains(dir.path().to_str().unwrap()), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), "mine");
    }
}
