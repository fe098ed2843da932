//! The state folder: made private, and checked before anything relies on it.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::private_folder;

/// Where everything that outlives a run of the service lies.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// The system said no.
    #[error("cannot {what} the state folder {}: {source}.\nMake it writable for this user, or choose another with PROXY_STATE_DIR (--state-dir).", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others can write to it or own it, and closing it may break something that is not ours.
    #[error("the state folder {0} can be changed by other users and holds more than our own files, or belongs to somebody else.\nClose it with `chmod 700 {0}`, or choose another with PROXY_STATE_DIR (--state-dir); a new folder inside of it is made with the right mode.", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
    },
}

// === impl StateDir ===

impl StateDir {
    /// Makes the folder with mode 0700 if it is not there, and sees that others cannot change it and we can.
    ///
    /// A folder that is open to others is closed if it is plainly meant for us: ours, and empty or with our journal in it. One
    /// that also holds other things stays as it is if others can only look into it: what we put there is private by itself.
    ///
    /// # Errors
    /// If the folder cannot be made or used, or others can change it and it is not plainly meant for us.
    pub fn prepare(path: &Path) -> Result<Self, StateDirError> {
        let failed = |what| move |source| StateDirError::Io { what, path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create"))?;
        let state_dir = Self { path: path.to_owned() };
        let found = fs::metadata(path).map_err(failed("read"))?;
        if !private_folder::is_closed(&found) {
            let is_mine = private_folder::is_mine(&found);
            let others_write = found.permissions().mode() & 0o022 != 0;
            if is_mine && state_dir.is_meant_for_us().map_err(failed("read"))? {
                fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed("protect"))?;
            } else if !is_mine || others_write {
                return Err(StateDirError::Open { path: path.to_owned() });
            }
        }
        let probe = path.join(format!(".probe-{}", std::process::id()));
        fs::write(&probe, b"").map_err(failed("write to"))?;
        fs::remove_file(&probe).map_err(failed("write to"))?;
        Ok(state_dir)
    }

    fn is_meant_for_us(&self) -> io::Result<bool> {
        // The file tells our journal from any other folder of that name.
        Ok(self.journal().join("FORMAT").is_file() || fs::read_dir(&self.path)?.next().is_none())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal lies.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where Codex's model catalogs are cached.
    pub fn catalogs(&self) -> PathBuf {
        self.path.join("catalogs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_folder(path: &Path) {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        StateDir::prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "the probe is gone");
    }

    #[test]
    fn an_open_folder_that_is_empty_or_holds_our_journal_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, used) = (folder.path().join("empty"), folder.path().join("used"));
        open_folder(&empty);
        open_folder(&used);
        fs::create_dir(used.join("journal")).unwrap();
        fs::write(used.join("journal/FORMAT"), "{}").unwrap();
        for path in [empty, used] {
            StateDir::prepare(&path).unwrap();
            assert_eq!(mode(&path), 0o700);
        }
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_left_alone_and_refused_if_others_can_change_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared");
        open_folder(&path);
        fs::create_dir(path.join("journal")).unwrap();
        StateDir::prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o755);

        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        let error = StateDir::prepare(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("chmod 700 {}", path.display())) && error.contains("PROXY_STATE_DIR"),
            "{error}"
        );
        assert_eq!(mode(&path), 0o777);
    }

    #[test]
    fn a_file_in_its_place_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = StateDir::prepare(&file.path().join("state")).unwrap_err().to_string();
        assert!(error.contains(file.path().to_str().unwrap()) && error.contains("PROXY_STATE_DIR"), "{error}");
    }
}
