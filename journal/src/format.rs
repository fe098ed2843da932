//! The `FORMAT` file: which format the journal has, and which version of this software reads it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The format this version writes and reads.
pub const FORMAT: u32 = 2;

/// The first version of this software that reads [`FORMAT`].
const READABLE_FROM: &str = "0.1.0";

const FILE: &str = "FORMAT";

#[derive(Serialize, Deserialize)]
struct Declaration {
    format: u32,
    written_by: String,
    readable_from: String,
}

/// Whether `dir` holds a journal that this version may open. Touches nothing.
pub(crate) fn check(dir: &Path) -> Result<bool, Error> {
    let path = dir.join(FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    let declaration: Declaration = serde_json::from_slice(&text).map_err(|error| Error::Damaged {
        segment: FILE.to_owned(),
        block: None,
        what: format!("it should be one line of JSON with format, written_by and readable_from ({error})"),
    })?;
    if declaration.format != FORMAT {
        let remedy = if declaration.format > FORMAT {
            format!("use version {} or later", declaration.readable_from)
        } else {
            "it is of a version before the first release and not encrypted: remove it, or move it away if it is still needed"
                .to_owned()
        };
        let (path, found) = (dir.to_owned(), declaration.format);
        return Err(Error::OtherFormat { path, found, supported: FORMAT, remedy });
    }
    Ok(true)
}

/// Declares `dir` a journal of this format. The file appears whole or not at all.
pub(crate) fn declare(dir: &Path) -> Result<(), Error> {
    let declaration = Declaration {
        format: FORMAT,
        written_by: env!("CARGO_PKG_VERSION").to_owned(),
        readable_from: READABLE_FROM.to_owned(),
    };
    let line = serde_json::to_string(&declaration).expect("a struct of strings and numbers serialises");
    let draft = dir.join("FORMAT.new");
    let write = || {
        let mut file = File::create(&draft)?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        fs::rename(&draft, dir.join(FILE))?;
        File::open(dir)?.sync_all()
    };
    write().map_err(Error::io("declare the format in", dir))
}
