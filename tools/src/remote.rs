//! Asking a running service through its admin listener, with a key.

use std::time::Duration;

use codex_completions_api::admin::Call;
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::{self, Runtime};

use crate::failure::Failure;
use crate::line_buffer::{LineBuffer, refusal};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A service somewhere.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    /// Where its admin listener is.
    pub(crate) url: String,
    /// A key of a role that may ask.
    pub(crate) token: String,
}

/// The lines of an answer, as they arrive.
pub(crate) struct Answer {
    /// Runs while somebody waits for a line.
    runtime: Runtime,
    response: Response,
    lines: LineBuffer,
}

// === impl Remote ===

impl Remote {
    /// Asks it.
    pub(crate) fn ask(&self, call: Call) -> Result<Answer, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::NoAccess(format!("cannot ask {}: {error}", self.url));
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).build().map_err(|error| failed(&error))?;
        let request = client
            .request(call.method, format!("{}{}", self.url.trim_end_matches('/'), call.target))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(call.body);
        let response = runtime.block_on(request.send()).map_err(|error| failed(&error.without_url()))?;
        let status = response.status();
        let mut answer = Answer { runtime, response, lines: LineBuffer::default() };
        if status == StatusCode::OK {
            return Ok(answer);
        }
        Err(refusal(answer.next(), status, &format!("{} refuses", self.url)))
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
            match self.runtime.block_on(self.response.chunk()) {
                Ok(bytes) => self.lines.push(&bytes?),
                Err(error) => {
                    let error = error.without_url();
                    let what = format!("codex-proxy ended in the middle of its answer ({error}); ask again");
                    return Some(Err(Failure::NoAccess(what)));
                }
            }
        }
    }
}
