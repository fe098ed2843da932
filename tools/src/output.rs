//! Lines on stdout.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use crate::failure::Failure;
use crate::source::Lines;

/// Collects lines for stdout.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    /// Whether each line must be seen at once.
    live: bool,
}

/// Standard output for what is no line.
pub(crate) fn buffered() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Prints an answer as it is.
pub(crate) fn copy(lines: Lines) -> Result<(), Failure> {
    let mut output = Output::for_answer(&lines);
    let end = lines.each(|line| output.line(line));
    output.end()?;
    end
}

// === impl Output ===

impl Output {
    pub(crate) fn new() -> Self {
        Self { stdout: buffered(), live: false }
    }

    /// For lines that come from `lines`.
    pub(crate) fn for_answer(lines: &Lines) -> Self {
        Self { live: lines.is_live(), ..Self::new() }
    }

    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.stdout.write_all(line.as_bytes())?;
        self.stdout.write_all(b"\n")?;
        if self.live {
            self.stdout.flush()?;
        }
        Ok(())
    }

    /// Sees that everything is written.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }
}
