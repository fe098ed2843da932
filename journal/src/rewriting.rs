//! One sealed file takes the place of another, with a key of its own. A crash at any moment leaves what it takes to go on.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::keys::Kind;
use crate::segment::SegmentName;
use crate::shared::{self, SEALED, Shared};

/// The whole file that is to take the place of the sealed one.
pub(crate) const NEXT: &str = "sealed.next";

/// That file while it is written.
pub(crate) const DRAFT: &str = "sealed.new";

/// What the name of a key ends with that is to become another.
const SUFFIX: &str = ".next";

// === impl Shared ===

impl Shared {
    /// Runs `before` and then puts the file [`NEXT`] and its key in the place of the present ones, while nobody reads them. On an
    /// error after `before` it can be done again.
    pub(crate) fn swap_sealed<T>(
        &self,
        kind: Kind,
        name: SegmentName,
        before: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (label, next, folder) = (name.to_string(), next(name), self.folder(kind, name));
        let result = self.while_closed(kind, name, || {
            let result = before()?;
            // Without the new key this was interrupted at the very end.
            if let Some(key) = self.keys.load(kind, &next)? {
                self.keys.destroy(kind, [label.as_str()])?;
                self.keys.store(kind, &label, &key)?;
            }
            put_in_place(&folder, NEXT, SEALED)?;
            self.rewritten.fetch_add(1, Ordering::Release);
            Ok(result)
        })?;
        self.keys.destroy(kind, [next.as_str()])?;
        Ok(result)
    }
}

/// The name of the key that is to become that of `name`.
pub(crate) fn next(name: SegmentName) -> String {
    format!("{name}{SUFFIX}")
}

/// The segment whose key that of this name is to become.
pub(crate) fn is_next_of(key: &str) -> Option<SegmentName> {
    key.strip_suffix(SUFFIX)?.parse().ok()
}

pub(crate) fn put_in_place(folder: &Path, from: &str, to: &str) -> Result<(), Error> {
    let from = folder.join(from);
    fs::rename(&from, folder.join(to)).map_err(Error::io("rename", &from))?;
    shared::sync(folder)
}
