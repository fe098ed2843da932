//! Rows of a service's answer out of bytes that arrive in any pieces.

use bytes::BytesMut;
use codex_completions_api::admin::protocol::ErrorLine;
use http::StatusCode;

use crate::failure::Failure;

/// What has arrived and is not yet given out.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    arrived: BytesMut,
    /// How much of that has no line end in it.
    searched: usize,
}

// === impl LineBuffer ===

impl LineBuffer {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
    }

    /// The next row, or the error that stands in its place, if it has arrived as a whole.
    pub(crate) fn take_row(&mut self) -> Option<Result<String, Failure>> {
        let line = self.take_line()?;
        let failure = ErrorLine::parse(&line).map(|wrong| Failure::new(wrong.fault, wrong.error));
        Some(failure.map_or(Ok(line), Err))
    }

    /// The next line without its line end, if it has arrived as a whole.
    fn take_line(&mut self) -> Option<String> {
        let Some(end) = self.arrived[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.arrived.len();
            return None;
        };
        let mut line = self.arrived.split_to(self.searched + end + 1);
        line.truncate(self.searched + end);
        self.searched = 0;
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

/// Why the service refuses, from the `first` row of its answer, of which `who` says where it came from.
pub(crate) fn refusal(first: Option<Result<String, Failure>>, status: StatusCode, who: &str) -> Failure {
    let why = match first {
        // What was asked makes no sense, by whomever.
        Some(Err(wrong @ Failure::Usage(_))) if status == StatusCode::BAD_REQUEST => return wrong,
        Some(Err(failure)) => failure.to_string(),
        Some(Ok(_)) | None => {
            "it does not say why; is it codex-proxy, and of the same version as codex-trace?".to_owned()
        }
    };
    Failure::NoAccess(format!("{who} ({}): {why}", status.as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_however_it_arrives() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"on");
        assert_eq!(buffer.take_line(), None);
        buffer.push(b"e\ntwo\nth");
        assert_eq!((buffer.take_line().as_deref(), buffer.take_line().as_deref()), (Some("one"), Some("two")));
        assert_eq!(buffer.take_line(), None);
        buffer.push(b"ree\n");
        assert_eq!(buffer.take_line().as_deref(), Some("three"));
    }
}
