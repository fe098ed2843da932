//! The stub's stdout.

use std::fs::File;

use rustix::io::Errno;
use rustix::stdio::{dup2_stdout, stdout};
use serde_json::Value;

/// Writes frames to stdout, each before the call returns: after it the stub may exit or fall silent at once. Blocking is
/// meant: one thread does everything, so that no two frames mix.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    /// Whether frames go out in pieces.
    split: bool,
}

/// Lengths of the pieces, in turn.
const PIECES: [usize; 6] = [1, 1, 2, 7, 1, 31];

// === impl Output ===

impl Output {
    /// An output that writes in small pieces.
    pub(crate) fn split() -> Self {
        Self { split: true }
    }

    /// Writes `frame` as a line.
    pub(crate) fn frame(self, frame: &Value) {
        let mut line = frame.to_string().into_bytes();
        line.push(b'\n');
        self.bytes(&line);
    }

    /// Writes `bytes` as they are.
    pub(crate) fn bytes(self, mut bytes: &[u8]) {
        if !self.split {
            return write_all(bytes);
        }
        for length in PIECES.into_iter().cycle() {
            if bytes.is_empty() {
                return;
            }
            let (piece, rest) = bytes.split_at(length.min(bytes.len()));
            write_all(piece);
            // Gives the reader a chance to see this piece alone.
            std::thread::yield_now();
            bytes = rest;
        }
    }
}

/// Ends the output for good; what is written afterwards goes nowhere.
pub(crate) fn close() -> std::io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    Ok(dup2_stdout(nowhere)?)
}

/// The standard library's stdout would collect lines.
fn write_all(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Nobody reads any more.
            Err(_) => std::process::exit(0),
        }
    }
}
