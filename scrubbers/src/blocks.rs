//! Blocks: key material and the fields of multipart forms, the only secrets that go over several lines or are named on another.

/// What stands before the `BEGIN` and the `END` of a block (RFC 7468 §2).
const DASHES: &str = "-----";

/// Most lines from the first header of a field on to the empty one before its value.
const FIELD_HEADERS: usize = 4;

/// Walks over the marks of blocks in a text.
#[derive(Default)]
struct Blocks {
    /// Blocks that have begun and not ended. One within another leaves that open: with a marker in its place the other may be one.
    open: usize,
    /// Whether a block of `PuTTY`'s, which has no dashes, has begun and not ended.
    putty: bool,
    /// The line on which the latest began, together with all that it is nested in or touches.
    start: usize,
    /// Where the line ends on which the latest ended.
    end: usize,
}

/// How much at the beginning of some whole `lines` belongs to no block that may go on: all, or what is before the first line of
/// one.
pub(crate) fn settled(lines: &str) -> usize {
    let mut blocks = Blocks::default();
    let mut at = 0;
    while let Some(dash) = memchr::memchr(b'-', &lines.as_bytes()[at..]).map(|found| at + found) {
        at = lines[dash..].find(|c| c != '-').map_or(lines.len(), |rest| dash + rest);
        let rest = &lines[at..];
        if at - dash >= DASHES.len() && rest.starts_with("BEGIN") {
            blocks.begin(lines, dash);
            blocks.open += 1;
        } else if at - dash >= DASHES.len() && rest.starts_with("END") {
            blocks.open = blocks.open.saturating_sub(1);
            blocks.end(lines, at);
        } else if lines[..dash].ends_with("Private") && rest.starts_with("Lines:") {
            blocks.begin(lines, dash);
            blocks.putty = true;
        } else if lines[..dash].ends_with("Private") && rest.starts_with("MAC:") {
            blocks.putty = false;
            blocks.end(lines, at);
        } else if lines[..dash].ends_with("form") && rest.starts_with("data;") && !blocks.is_open() {
            match end_of_field(&lines[at..]) {
                Some(length) if at + length >= blocks.end => blocks.end = at + length,
                Some(_) => {}
                None => {
                    blocks.begin(lines, dash);
                    return blocks.start;
                }
            }
        }
    }
    if blocks.is_open() { blocks.start } else { lines.len() }
}

/// How long a field of a multipart form (RFC 7578) is from its header on, as far as it concerns its name: to the end of the first line
/// of its value. `None` if that is still to come.
fn end_of_field(header: &str) -> Option<usize> {
    let mut lines = header.split_inclusive('\n');
    let mut length = lines.next()?.len();
    for line in lines.by_ref().take(FIELD_HEADERS) {
        length += line.len();
        if line.trim_ascii().is_empty() {
            return lines.next().map(|value| length + value.len());
        }
    }
    // Without an empty line among them, it is none.
    lines.next().map(|_| length)
}

// === impl Blocks ===

impl Blocks {
    fn is_open(&self) -> bool {
        self.open > 0 || self.putty
    }

    /// One that begins on the last line of another cannot be had without that.
    fn begin(&mut self, lines: &str, at: usize) {
        if !self.is_open() && at >= self.end {
            self.start = lines[..at].rfind('\n').map_or(0, |before| before + 1);
        }
    }

    fn end(&mut self, lines: &str, at: usize) {
        self.end = lines[at..].find('\n').map_or(lines.len(), |rest| at + rest + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_up_to_an_open_block_are_settled() {
        let (begin, end) = ("-----BEGIN A-----\n", "-----END A-----\n");
        for (settled_lines, open) in [
            ("one\ntwo --- three\n".to_owned(), String::new()),
            ("one\n".to_owned(), begin.to_owned()),
            (format!("{begin}x\n{end}"), String::new()),
            (format!("{begin}x\n{end}two\n"), format!("it is {begin}x\n")),
            (String::new(), format!("{begin}{begin}x\n{end}")),
            // The next one begins on the line on which the first ends.
            (String::new(), format!("{begin}x\n-----END A----- {begin}")),
            (String::new(), format!("{begin}x\n-----END A----- KEY=Private-Lines: 2\nabc\n")),
            (String::new(), format!("Private-Lines: 2\n{begin}x\n{end}")),
            ("one\n".to_owned(), "Private-Lines: 2\nabc\n".to_owned()),
            ("Private-Lines: 2\nabc\nPrivate-MAC: 0\n".to_owned(), String::new()),
            ("--b\r\n".to_owned(), "Content-Disposition: form-data; name=\"password\"\r\n\r\n".to_owned()),
            ("form-data; name=\"a\"\r\nContent-Type: b/c\r\n\r\nvalue\r\n".to_owned(), String::new()),
            ("it says form-data; and more\none\ntwo\nthree\nfour\nfive\n".to_owned(), String::new()),
        ] {
            assert_eq!(settled(&format!("{settled_lines}{open}")), settled_lines.len(), "{settled_lines}|{open}");
        }
    }
}
