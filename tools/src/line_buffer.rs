//! Lines out of bytes that arrive in any pieces.

use bytes::BytesMut;

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

    /// The next line without its line end, if it has arrived as a whole.
    pub(crate) fn take_line(&mut self) -> Option<String> {
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
