//! Asking a running service through its admin listener, with a key.

use std::time::Duration;

use codex_completions_api::admin::Call;
use codex_completions_api::admin::protocol::ErrorLine;
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::{self, Runtime};

use crate::failure::Failure;
use crate::line_buffer::LineBuffer;

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
        let answer = Answer { runtime, response, lines: LineBuffer::default() };
        if status == StatusCode::OK { Ok(answer) } else { Err(answer.refusal(status, &self.url)) }
    }
}

// === impl Answer ===

impl Answer {
    fn refusal(mut self, status: StatusCode, url: &str) -> Failure {
        let why = match self.next() {
            // What was asked makes no sense, by whomever.
            Some(Err(wrong @ Failure::Usage(_))) if status == StatusCode::BAD_REQUEST => return wrong,
            Some(Err(failure)) => failure.to_string(),
            Some(Ok(_)) | None => "that is no admin listener of codex-proxy (PROXY_ADMIN_LISTEN)".to_owned(),
        };
        Failure::NoAccess(format!("{url} refuses ({}): {why}", status.as_u16()))
    }
}

impl Iterator for Answer {
    type Item = Result<String, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.lines.take_line() {
                let failure = ErrorLine::parse(&line).map(|wrong| Failure::new(wrong.fault, wrong.error));
                return Some(failure.map_or(Ok(line), Err));
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
