//! Folders in places where others can write too, `/dev/shm` and the like: made for this user alone, or refused.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

/// Makes `folder` with mode 0700, or sees that nobody but this user can have put it there or can look into it. A link counts
/// as put there by somebody else, wherever it leads.
///
/// # Errors
/// Of kind [`ErrorKind::PermissionDenied`] with the remedy if the folder is not ours alone.
pub fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    if found.is_dir() && is_mine(&found) && is_closed(&found) {
        return Ok(());
    }
    let what = format!("{} is not a folder of this user alone (mode 0700); remove it", folder.display());
    Err(io::Error::new(ErrorKind::PermissionDenied, what))
}

/// Whether this user owns what `found` tells of.
pub(crate) fn is_mine(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

/// Whether nobody but the owner has any right to it.
pub(crate) fn is_closed(found: &fs::Metadata) -> bool {
    found.mode().trailing_zeros() >= 6
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_of_ours_alone_is_made_and_found_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("mine");
        make(&folder).unwrap();
        assert!(is_closed(&fs::metadata(&folder).unwrap()));
        make(&folder).unwrap();
    }

    #[test]
    fn links_open_folders_and_files_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let (target, link) = (parent.path().join("target"), parent.path().join("link"));
        make(&target).unwrap();
        symlink(&target, &link).unwrap();
        let (open, file) = (parent.path().join("open"), parent.path().join("file"));
        make(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o750)).unwrap();
        fs::write(&file, "").unwrap();
        for folder in [link, open, file] {
            let error = make(&folder).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{}", folder.display());
            assert!(error.to_string().contains(folder.to_str().unwrap()), "{error}");
        }
    }
}
