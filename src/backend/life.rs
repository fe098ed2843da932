//! What is recorded of any worker's life.

use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use journal::EventBody;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::record::Recorder;

/// `worker.exited` for a worker that ran since `spawned_at`.
pub fn exited(worker: &str, status: Option<ExitStatus>, expected: bool, spawned_at: Instant) -> EventBody {
    use std::os::unix::process::ExitStatusExt;
    EventBody::WorkerExited {
        worker: worker.to_owned(),
        code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        expected,
        uptime_ms: spawned_at.elapsed().as_secs_f64() * 1e3,
    }
}

/// Records what a worker writes on stderr until that ends, and keeps the last line of it in `last_words`.
pub async fn record_stderr(
    stderr: impl AsyncRead + Unpin,
    worker: String,
    recorder: Recorder,
    last_words: Arc<Mutex<String>>,
) {
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        if !line.is_empty() {
            last_words.lock().expect("no holder of this lock can panic").clone_from(&line);
            recorder.record(None, EventBody::WorkerStderr { worker: worker.clone(), line }).await;
        }
    }
}
