//! Summaries as comma-separated values, as RFC 4180 has them.

use std::borrow::Cow;

use journal::Summary;

use crate::text::plain;

/// The names of the columns.
pub(super) const HEAD: [&str; 15] = [
    "at",
    "id",
    "route",
    "model",
    "key",
    "status",
    "outcome",
    "error",
    "stream",
    "tokens_in",
    "tokens_out",
    "ttft_ms",
    "duration_ms",
    "worker",
    "events",
];

/// A summary as a record, without the line's end.
pub(super) fn record(summary: &Summary) -> String {
    let text = |text: &Option<String>| text.as_deref().map(guarded).unwrap_or_default();
    let fields = [
        summary.at.to_string(),
        summary.id.to_string(),
        guarded(&summary.route),
        text(&summary.model),
        text(&summary.key),
        summary.status.to_string(),
        summary.outcome.as_str().to_owned(),
        text(&summary.error),
        summary.stream.to_string(),
        summary.tokens.map(|tokens| tokens.input.to_string()).unwrap_or_default(),
        summary.tokens.map(|tokens| tokens.output.to_string()).unwrap_or_default(),
        summary.ttft_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        summary.duration_ms.to_string(),
        text(&summary.worker),
        summary.events.to_string(),
    ];
    fields.each_ref().map(|field| quoted(field)).join(",")
}

/// A text that clients choose. The RFC has no control characters; and what begins like a formula is one to a spreadsheet.
fn guarded(text: &str) -> String {
    let shown = plain(text, usize::MAX);
    if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown }
}

/// In quotes, if it has something in it that would end the field.
fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_end_a_field_is_quoted() {
        for (field, expected) in [
            ("", ""),
            ("gpt 5", "gpt 5"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(quoted(field), expected);
        }
    }

    #[test]
    fn clients_write_no_formulas_and_no_control_characters() {
        assert_eq!(guarded("=1+1"), "'=1+1");
        assert_eq!(guarded("@x"), "'@x");
        assert_eq!(guarded("a\u{1b}[2J\nb"), "a\\u{1b}[2J\\nb");
        assert_eq!(guarded("m-1"), "m-1");
    }
}
