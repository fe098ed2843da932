//! Cuts a worker's output into lines, however it was split.

use bytes::{Buf, Bytes, BytesMut};

/// The longest line accepted, in bytes. A 16 MiB body of images comes back in an echo at about its own size.
pub const MAX_LINE: usize = 64 << 20;

/// Cuts a byte stream into lines.
#[derive(Debug)]
pub struct LineDecoder {
    buffer: BytesMut,
    /// Bytes of `buffer` known to hold no line end.
    scanned: usize,
    /// Bytes thrown away of a line that is too long; `None` outside of such a line.
    skipped: Option<usize>,
    max_line: usize,
}

/// One line of a worker's output.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A whole line without its line end; never empty.
    Whole(Bytes),
    /// A line above the limit was thrown away.
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

// === impl Line ===

impl Line {
    /// The line, or words about the one that was thrown away.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(line) => line,
            Self::TooLong { length } => {
                Bytes::from(format!("[a line of {length} bytes was thrown away: the limit is {MAX_LINE}]"))
            }
        }
    }
}

// === impl LineDecoder ===

impl Default for LineDecoder {
    fn default() -> Self {
        Self::with_max_line(MAX_LINE)
    }
}

impl LineDecoder {
    /// A decoder that gives up on lines longer than `max_line` bytes.
    pub fn with_max_line(max_line: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, skipped: None, max_line }
    }

    /// Where a reader appends what it read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next line, if the buffer holds a whole one.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') else {
                self.keep_within_limit();
                return None;
            };
            let mut line = self.buffer.split_to(self.scanned + end).freeze();
            self.buffer.advance(1);
            self.scanned = 0;
            if let Some(skipped) = self.skipped.take() {
                return Some(Line::TooLong { length: skipped + line.len() });
            }
            if line.len() > self.max_line {
                return Some(Line::TooLong { length: line.len() });
            }
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            if !line.is_empty() {
                return Some(Line::Whole(line));
            }
        }
    }

    fn keep_within_limit(&mut self) {
        if self.skipped.is_none() && self.buffer.len() <= self.max_line {
            self.scanned = self.buffer.len();
            return;
        }
        *self.skipped.get_or_insert(0) += self.buffer.len();
        // Not cleared but dropped: so much memory is not kept for one line.
        self.buffer = BytesMut::new();
        self.scanned = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(chunks: &[&[u8]], max_line: usize) -> Vec<Line> {
        let mut decoder = LineDecoder::with_max_line(max_line);
        let mut lines = Vec::new();
        for chunk in chunks {
            decoder.buffer().extend_from_slice(chunk);
            lines.extend(std::iter::from_fn(|| decoder.next_line()));
        }
        lines
    }

    #[test]
    fn carriage_returns_and_empty_lines_are_no_content() {
        assert_eq!(decode(&[b"a\r\n\n\r\nb\n"], 10), [Line::Whole("a".into()), Line::Whole("b".into())]);
    }

    #[test]
    fn a_line_above_the_limit_is_reported_and_the_next_one_survives() {
        let lines = decode(&[b"01234", b"56789", b"0\nnext\n"], 8);
        assert_eq!(lines, [Line::TooLong { length: 11 }, Line::Whole("next".into())]);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            lines in prop::collection::vec("[^\n\r]{1,40}", 0..20),
            cuts in prop::collection::vec(0_usize..900, 0..30),
        ) {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            let expected: Vec<Line> = lines.into_iter().map(|line| Line::Whole(line.into())).collect();
            prop_assert_eq!(decode(&chunks, 1000), expected);
        }
    }
}
