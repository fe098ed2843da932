//! Compression of blocks on a thread of its own, so that appending goes on meanwhile.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::block::{Encoder, Lines};

/// Blocks that may be under way. One is compressed while the next is filled; the rest evens out.
const UNDER_WAY: usize = 4;

/// Lines with their frame.
pub(crate) struct Compressed {
    pub(crate) lines: Lines,
    pub(crate) frame: io::Result<Vec<u8>>,
}

/// Takes lines and gives them back with their frames, in the same order.
pub(crate) struct Compressor {
    /// `None` once it ends.
    jobs: Option<SyncSender<Lines>>,
    done: Receiver<Compressed>,
    under_way: usize,
    thread: Option<JoinHandle<()>>,
}

// === impl Compressor ===

impl Compressor {
    pub(crate) fn start() -> io::Result<Self> {
        let mut encoder = Encoder::new()?;
        let (jobs, inbox) = sync_channel::<Lines>(UNDER_WAY);
        let (outbox, done) = sync_channel(UNDER_WAY);
        let thread = std::thread::Builder::new().name("compress".to_owned()).spawn(move || {
            for lines in inbox {
                let frame = encoder.frame(&lines.text);
                if outbox.send(Compressed { lines, frame }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs: Some(jobs), done, under_way: 0, thread: Some(thread) })
    }

    /// Takes the next lines. There must be [room](Self::is_full).
    pub(crate) fn submit(&mut self, lines: Lines) {
        let jobs = self.jobs.as_ref().expect("it ends only when it is dropped");
        jobs.send(lines).expect("the thread ends only with this");
        self.under_way += 1;
    }

    /// Whether something must be taken out before more can be put in.
    pub(crate) fn is_full(&self) -> bool {
        self.under_way == UNDER_WAY
    }

    /// The next lines that are done, without waiting.
    pub(crate) fn try_next(&mut self) -> Option<Compressed> {
        let done = self.done.try_recv().ok()?;
        self.under_way -= 1;
        Some(done)
    }

    /// The next lines, once they are done; `None` if none are under way.
    pub(crate) fn next(&mut self) -> Option<Compressed> {
        if self.under_way == 0 {
            return None;
        }
        let done = self.done.recv().expect("the thread ends only with this");
        self.under_way -= 1;
        Some(done)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.jobs = None;
        // What is still under way is nobody's any more. At most as much waits as the channel takes, so the thread is not held up.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
