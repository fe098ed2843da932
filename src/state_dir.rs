//! The state folder: made private, and checked before anything relies on it.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where everything that outlives a run of the service lies.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} the state folder {}: {source}.\nMake it writable for this user, or choose another with PROXY_STATE_DIR (--state-dir).", path.display())]
pub struct StateDirError {
    what: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

// === impl StateDir ===

impl StateDir {
    /// Makes the folder with mode 0700 if it is not there, and sees that it can be written to.
    pub fn prepare(path: &Path) -> Result<Self, StateDirError> {
        let failed = |what| move |source| StateDirError { what, path: path.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create"))?;
        let metadata = std::fs::metadata(path).map_err(failed("read"))?;
        if metadata.permissions().mode().trailing_zeros() < 6 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed("protect"))?;
        }
        let probe = path.join(format!(".probe-{}", std::process::id()));
        std::fs::write(&probe, b"").map_err(failed("write to"))?;
        std::fs::remove_file(&probe).map_err(failed("write to"))?;
        Ok(Self { path: path.to_owned() })
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

    #[test]
    fn a_folder_open_to_others_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        StateDir::prepare(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "the probe is gone");
    }

    #[test]
    fn a_file_in_its_place_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = StateDir::prepare(&file.path().join("state")).unwrap_err().to_string();
        assert!(error.contains(file.path().to_str().unwrap()) && error.contains("PROXY_STATE_DIR"), "{error}");
    }
}
