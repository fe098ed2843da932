//! What is redacted in a text, as a table for a reader who must not see the values.

use std::collections::BTreeMap;
use std::io::Write;

use scrubbers::Explained;

use crate::failure::Failure;

/// Prints the hits in `text`, and how often each kind was hit.
pub(crate) fn print(text: &str, hits: &[Explained], out: &mut impl Write) -> Result<(), Failure> {
    let mut place = Place { line: 1, column: 1, at: 0 };
    let mut counts = BTreeMap::<&str, usize>::new();
    for hit in hits {
        place.advance(text, hit.range.start);
        *counts.entry(&hit.kind).or_default() += 1;
        writeln!(out, "{}", described(&place, hit))?;
    }
    if hits.is_empty() {
        return Ok(writeln!(out, "nothing is redacted")?);
    }
    writeln!(out)?;
    for (kind, count) in counts {
        writeln!(out, "{count:>6}  {kind}")?;
    }
    Ok(())
}

/// `3:14  email  by form, in base64; 15 bytes, k3f9a2; https://…`
fn described(place: &Place, hit: &Explained) -> String {
    let wrappings: String = hit.through.iter().map(|wrapping| format!(", in {wrapping}")).collect();
    let source = hit.source.map(|source| format!("; {source}")).unwrap_or_default();
    format!(
        "{}:{}  {}  by {}{wrappings}; {} bytes, {}{source}",
        place.line, place.column, hit.kind, hit.found_by, hit.value_len, hit.token
    )
}

/// A place in a text as editors count it, from 1, columns in characters.
struct Place {
    line: usize,
    column: usize,
    at: usize,
}

// === impl Place ===

impl Place {
    fn advance(&mut self, text: &str, to: usize) {
        for character in text[self.at..to].chars() {
            if character == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.at = to;
    }
}
