//! Log lines: JSON objects on stdout, one a line, scrubbed on their way out.

use std::io::{self, Write};
use std::sync::Arc;

use scrubbers::Scrubber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Makes writers for single log lines.
#[derive(Debug, Clone)]
struct ScrubbedStdout {
    scrubber: Arc<Scrubber>,
}

/// Holds one log line until it is complete.
#[derive(Debug)]
struct ScrubbedLine {
    scrubber: Arc<Scrubber>,
    line: Vec<u8>,
}

/// Starts logging for this process, panics included. `RUST_LOG` filters; `info` is the default.
pub fn init(scrubber: Arc<Scrubber>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(ScrubbedStdout { scrubber })
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let payload = panic.payload();
            let message =
                payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
            tracing::error!(kind = "panic", place, "{}", message.unwrap_or("panicked without a message"));
        }));
    }
}

impl<'a> MakeWriter<'a> for ScrubbedStdout {
    type Writer = ScrubbedLine;

    fn make_writer(&'a self) -> Self::Writer {
        ScrubbedLine { scrubber: self.scrubber.clone(), line: Vec::new() }
    }
}

impl Write for ScrubbedLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ScrubbedLine {
    fn drop(&mut self) {
        let mut line = String::from_utf8_lossy(self.line.trim_ascii_end()).into_owned();
        self.scrubber.scrub_json(&mut line);
        line.push('\n');
        // A log that nobody reads any more must not stop the service.
        let _ = io::stdout().lock().write_all(line.as_bytes());
    }
}
