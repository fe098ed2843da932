//! Log lines: JSON objects on stdout, one a line, scrubbed on their way out.
//!
//! A thread scrubs and writes them, so that nobody who logs ever waits for whoever reads stdout.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use scrubbers::{PseudonymKey, Scrubber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait to be written, one or two MB of them. Beyond that they are dropped, and how many is told.
const QUEUE: usize = 4096;

/// How long the end of the process waits for the last lines to be read.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// The queue of this process.
static LOG: OnceLock<Arc<Queue>> = OnceLock::new();

/// Lines between those who log and the thread that writes.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Signalled when there is something to write, and when everything is written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    /// Lines that found no room and are not told of yet.
    dropped: u64,
    /// Whether a line is out of the queue and not written yet.
    writing: bool,
}

/// Holds one log line until it is complete.
#[derive(Debug)]
struct Line {
    queue: Arc<Queue>,
    bytes: Vec<u8>,
}

/// Makes [`Line`]s.
#[derive(Debug)]
struct Lines(Arc<Queue>);

/// Starts logging for this process, panics included. `RUST_LOG` filters; `info` is the default.
pub fn init(scrubber: Arc<Scrubber>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let queue = Arc::new(Queue::default());
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(Lines(queue.clone()))
        .try_init();
    if started.is_err() {
        return;
    }
    LOG.get_or_init(|| queue.clone());
    let writer = move || queue.write_to(&scrubber, &mut io::stdout());
    if let Err(error) = std::thread::Builder::new().name("log".into()).spawn(writer) {
        eprintln!("codex-proxy: there will be no log: cannot start its thread: {error}");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        tracing::error!(kind = "panic", place, "{}", message.unwrap_or("panicked without a message"));
    }));
}

/// Waits until everything logged is written, or for two seconds if nobody reads it. To be called when the process ends.
pub fn flush() {
    if let Some(queue) = LOG.get() {
        queue.flush(FLUSH_LIMIT);
    }
}

// === impl Queue ===

impl Queue {
    /// Never waits.
    fn push(&self, line: Vec<u8>) {
        let mut waiting = self.lock();
        if waiting.lines.len() < QUEUE {
            waiting.lines.push_back(line);
        } else {
            waiting.dropped += 1;
        }
        self.changed.notify_all();
    }

    /// Writes every line to `out`, for ever.
    fn write_to(&self, scrubber: &Scrubber, out: &mut impl Write) {
        loop {
            let mut line = String::from_utf8_lossy(self.next().trim_ascii_end()).into_owned();
            scrubber.scrub_json(&mut line, PseudonymKey::of_this_process());
            line.push('\n');
            // A log that nobody reads any more must not stop the service.
            let _ = out.write_all(line.as_bytes());
        }
    }

    /// The next line, which is the last thing before the next call. What was dropped is told in its place.
    fn next(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        waiting.writing = false;
        self.changed.notify_all();
        let mut waiting = self
            .changed
            .wait_while(waiting, |waiting| waiting.lines.is_empty() && waiting.dropped == 0)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.writing = true;
        match waiting.lines.pop_front() {
            Some(line) => line,
            None => dropped_line(std::mem::take(&mut waiting.dropped)),
        }
    }

    fn flush(&self, limit: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty() || waiting.dropped > 0;
        drop(self.changed.wait_timeout_while(self.lock(), limit, is_busy));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whole between any two statements.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dropped_line(dropped: u64) -> Vec<u8> {
    let line = serde_json::json!({
        "timestamp": Timestamp::now().to_string(),
        "level": "WARN",
        "message": "log lines are dropped: nobody read them in time",
        "kind": "log",
        "dropped": dropped,
    });
    line.to_string().into_bytes()
}

// === impl Lines ===

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Self::Writer {
        Line { queue: self.0.clone(), bytes: Vec::new() }
    }
}

// === impl Line ===

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.queue.push(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::time::Instant;

    use serde_json::Value;

    use super::*;

    #[test]
    fn a_log_that_nobody_reads_stops_nobody_and_tells_what_is_missing() {
        let queue = Arc::new(Queue::default());
        let (reader, mut pipe) = io::pipe().unwrap();
        let scrubber = Scrubber::builder().secret("test", "a-secret-of-the-test").build().unwrap();
        let log = queue.clone();
        // Ends with the test's process: it waits for a line that never comes.
        std::thread::spawn(move || log.write_to(&scrubber, &mut pipe));

        let count = QUEUE + 1000;
        for n in 0..count {
            // Together more than a pipe holds.
            queue
                .push(format!("{{\"n\":{n},\"message\":\"a-secret-of-the-test {}\"}}\n", "x".repeat(100)).into_bytes());
        }
        let started = Instant::now();
        queue.flush(Duration::from_millis(20));
        assert!(started.elapsed() >= Duration::from_millis(20), "it is not written");

        let (mut numbers, mut dropped) = (Vec::new(), None);
        let mut lines = BufReader::new(reader).lines();
        while dropped.is_none() {
            let line = lines.next().unwrap().unwrap();
            assert!(!line.contains("a-secret-of-the-test"));
            let line: Value = serde_json::from_str(&line).unwrap();
            dropped = line["dropped"].as_u64();
            numbers.extend(line["n"].as_u64());
        }
        assert!(numbers.is_sorted() && numbers[0] == 0);
        assert_eq!(numbers.len() as u64 + dropped.unwrap(), count as u64);
        queue.flush(Duration::from_secs(60));
        assert!(!queue.lock().writing);
    }
}
