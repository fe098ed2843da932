//! The frames of a sealed segment: text, compressed and encrypted.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use zstd::zstd_safe::get_frame_content_size;

use crate::block::inflate;
use crate::cipher::{Cipher, DataKey, Salt, nonce};
use crate::error::Error;

/// What the subkey is for, and the first part of the associated data.
const PURPOSE: &str = "sealed";

/// What encrypts and decrypts the frames of one file.
#[derive(Debug)]
pub(super) struct Frames {
    cipher: Cipher,
    /// What the associated data of every frame begins with.
    place: Vec<u8>,
}

/// Why a frame cannot be read.
#[derive(Debug)]
pub(super) enum BadFrame {
    Io(io::Error),
    Damaged(String),
}

// === impl Frames ===

impl Frames {
    pub(super) fn new(key: &DataKey, salt: &Salt, name: &str) -> Self {
        Self { cipher: key.cipher(PURPOSE, salt), place: format!("{PURPOSE}{name}").into_bytes() }
    }

    /// Encrypts the compressed `frame` and binds it to its `number` and to `trailer`, which is empty for all but the table.
    pub(super) fn encrypt(&self, number: u32, trailer: &[u8], frame: &mut Vec<u8>) {
        self.cipher.encrypt(nonce(number), &self.aad(number, trailer), frame, 0);
    }

    /// Reads the text of the frame at `place`, which must be inside `file`. What a frame says of its text is believed only
    /// once the frame is authentic.
    pub(super) fn read(
        &self,
        file: &File,
        number: u32,
        trailer: &[u8],
        place: Range<u64>,
    ) -> Result<Vec<u8>, BadFrame> {
        let len = usize::try_from(place.end - place.start).map_err(|_| BadFrame::unusable("it is too long"))?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, place.start)?;
        let frame = self
            .cipher
            .decrypt(nonce(number), &self.aad(number, trailer), &mut bytes)
            .map_err(|bad| BadFrame::Damaged(bad.to_string()))?;
        let text_len = get_frame_content_size(frame).ok().flatten().and_then(|len| usize::try_from(len).ok());
        let text_len = text_len.ok_or_else(|| BadFrame::unusable("it does not tell its length"))?;
        inflate(frame, text_len).map_err(|error| BadFrame::unusable(&error.to_string()))
    }

    fn aad(&self, number: u32, trailer: &[u8]) -> Vec<u8> {
        [&self.place, number.to_be_bytes().as_slice(), trailer].concat()
    }
}

// === impl BadFrame ===

impl BadFrame {
    /// The error for the file at `path`, made by `damaged` if it is the frame that is at fault.
    pub(super) fn into_error(self, path: &Path, damaged: impl FnOnce(String) -> Error) -> Error {
        match self {
            Self::Io(source) => Error::io("read", path)(source),
            Self::Damaged(what) => damaged(what),
        }
    }

    fn unusable(what: &str) -> Self {
        Self::Damaged(format!("its zstd frame cannot be decompressed ({what})"))
    }
}

impl From<io::Error> for BadFrame {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Damaged("the file ends before it does".to_owned()),
            _ => Self::Io(error),
        }
    }
}
