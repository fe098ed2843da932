//! Asking the running service through its control socket.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_completions_api::admin::{Call, socket};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::runtime::{self, Runtime};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::line_buffer::{LineBuffer, refusal};

/// The longest time to the first byte of an answer, in which the service writes and syncs the `audit.read` event.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of a question.
pub(crate) enum Asked {
    /// The service answers.
    Answer(Answer),
    /// Nobody listens there.
    Absent(PathBuf),
    /// Somebody listens, and does not answer.
    Silent(PathBuf),
}

/// The lines of an answer, as they arrive.
pub(crate) struct Answer {
    /// Runs while somebody waits for a line.
    runtime: Runtime,
    body: Incoming,
    lines: LineBuffer,
}

/// Asks the service that owns `state_dir`.
pub(crate) fn ask(state_dir: &Path, call: Call) -> Result<Asked, Failure> {
    let path = socket::find(state_dir);
    let failed = |what: &str, error: &dyn std::error::Error| {
        Failure::NoAccess(format!("cannot {what} codex-proxy through {}: {error}", path.display()))
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed("ask", &error))?;
    let stream = match runtime.block_on(UnixStream::connect(&path)) {
        Ok(stream) => stream,
        Err(error) if is_absence(&error) => return Ok(Asked::Absent(path)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let remedy = "ask as the user that runs it";
            return Err(Failure::NoAccess(format!(
                "cannot ask codex-proxy through {}: {error}; {remedy}",
                path.display()
            )));
        }
        Err(error) => return Err(failed("ask", &error)),
    };
    let response = match runtime.block_on(async { timeout(ANSWER_TIMEOUT, send(stream, call)).await }) {
        Ok(response) => response.map_err(|error| failed("ask", &error))?,
        Err(_) => return Ok(Asked::Silent(path)),
    };
    let status = response.status();
    let mut answer = Answer { runtime, body: response.into_body(), lines: LineBuffer::default() };
    if status == StatusCode::OK {
        return Ok(Asked::Answer(answer));
    }
    Err(refusal(answer.next(), status, &format!("codex-proxy refuses through {}", path.display())))
}

/// Whether it means that no service runs: no socket, one that a dead service left, or no folder.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        // `InvalidInput` is a path too long for a socket; a service would have left a link there.
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory | ErrorKind::InvalidInput
    )
}

async fn send(stream: UnixStream, call: Call) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // How it ends shows in the body.
    tokio::spawn(connection);
    sender.send_request(call.into_request()).await
}

// === impl Asked ===

impl Asked {
    /// Why there is no answer, for somebody who cannot read the folder either.
    pub(crate) fn explanation(&self) -> String {
        match self {
            Self::Answer(_) => String::new(),
            Self::Absent(path) => format!(
                "It has no control socket at {}, so it is not a running codex-proxy, or one that is just starting or ending; \
                 try again.",
                path.display()
            ),
            Self::Silent(path) => format!(
                "Its control socket {} does not answer within {} s; look at its log, or stop it.",
                path.display(),
                ANSWER_TIMEOUT.as_secs()
            ),
        }
    }
}

// === impl Answer ===

impl Iterator for Answer {
    type Item = Result<String, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.lines.take_row() {
                return Some(row);
            }
            match self.runtime.block_on(self.body.frame())? {
                Ok(frame) => self.lines.push(&frame.into_data().unwrap_or_default()),
                Err(error) => {
                    let what = format!("codex-proxy ended in the middle of its answer ({error}); ask again");
                    return Some(Err(Failure::NoAccess(what)));
                }
            }
        }
    }
}
