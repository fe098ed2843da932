//! Lines on stdout.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::source::Lines;
use crate::terminal::terminal;

/// Collects lines for stdout, or for the pager in front of it.
pub(crate) struct Output {
    /// `None` before the first line: without one, no pager is started.
    sink: Option<Sink>,
    /// Whether each line must be seen at once.
    live: bool,
}

enum Sink {
    Stdout(BufWriter<StdoutLock<'static>>),
    Pager(Pager),
}

/// A program that shows what it reads. It is waited for.
struct Pager {
    /// `None` once everything is written.
    stdin: Option<BufWriter<ChildStdin>>,
    child: Child,
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
        Self { sink: None, live: false }
    }

    /// For little, which needs no pager.
    pub(crate) fn unpaged() -> Self {
        Self { sink: Some(Sink::Stdout(buffered())), live: false }
    }

    /// For lines that come from `lines`.
    pub(crate) fn for_answer(lines: &Lines) -> Self {
        Self { sink: None, live: lines.is_live() }
    }

    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.text(line)?;
        self.text("\n")
    }

    /// Takes what is no whole line.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        let live = self.live;
        let sink = self.sink.get_or_insert_with(|| Sink::open(live));
        sink.writer().write_all(text.as_bytes())?;
        if live {
            sink.writer().flush()?;
        }
        Ok(())
    }

    /// Sees that everything is written, and that the pager has shown it.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        match &mut self.sink {
            None => Ok(()),
            Some(Sink::Stdout(stdout)) => Ok(stdout.flush()?),
            Some(Sink::Pager(pager)) => Ok(pager.end()?),
        }
    }
}

// === impl Sink ===

impl Sink {
    fn open(live: bool) -> Self {
        let pager = terminal().pager.as_deref().filter(|_| !live).and_then(|command| Pager::start(command).ok());
        pager.map_or_else(|| Self::Stdout(buffered()), Self::Pager)
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stdout(stdout) => stdout,
            Self::Pager(pager) => pager,
        }
    }
}

// === impl Pager ===

impl Pager {
    /// Starts `command`. An error if it cannot be, or is not there.
    fn start(command: &str) -> io::Result<Self> {
        ignore_interrupts()?;
        // The shell would say that there is no such program, and swallow the output.
        let found = Command::new("sh").args(["-c", "command -v -- \"$1\"", "sh"]).arg(program(command)).output()?;
        if !found.status.success() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut child = Command::new("sh").arg("-c").arg(command).stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().map(BufWriter::new);
        Ok(Self { stdin, child })
    }

    fn end(&mut self) -> io::Result<()> {
        let flushed = self.stdin.take().map_or(Ok(()), |mut stdin| stdin.flush());
        self.child.wait()?;
        flushed
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdin.as_mut().map_or(Ok(bytes.len()), |stdin| stdin.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdin.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // Whoever looks at it is not done because something else failed.
        let _ = self.end();
    }
}

/// The program that a shell command begins with, behind its variables.
fn program(command: &str) -> &str {
    command.split_whitespace().find(|word| !word.contains('=')).unwrap_or_default()
}

/// ^C is for the pager, which must not be left alone with the terminal.
fn ignore_interrupts() -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    // Whoever has listened to a signal once is not ended by it any more.
    signal(SignalKind::interrupt()).map(drop)
}
