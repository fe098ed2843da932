//! `segments`: what the journal consists of.

use codex_completions_api::admin::answers::Segment;

use crate::failure::Failure;
use crate::output::Output;
use crate::retention::state;
use crate::source::Lines;
use crate::table::{Column, Table};
use crate::text::{moment, plain, size};

const COLUMNS: &[Column] = &[
    Column::left("SEGMENT"),
    Column::left("FROM"),
    Column::left("TO"),
    Column::right("FIRST SEQ"),
    Column::right("LAST SEQ"),
    Column::right("SIZE"),
    Column::left("STATE"),
];

/// Prints the segments as a table. Damage is told on the way and fails at the end.
pub(crate) fn print(lines: Lines) -> Result<(), Failure> {
    let mut table = Table::new(COLUMNS, Output::new());
    let end = lines.each(|line| {
        let segment =
            serde_json::from_str(line).map_err(|_| Failure::Damaged(format!("no segment: {}", plain(line, 80))))?;
        table.push(row(&segment))?;
        segment.damage.map_or(Ok(()), |damage| Err(Failure::Damaged(plain(&damage, 500))))
    });
    table.end()?.end()?;
    end
}

fn row(segment: &Segment) -> Vec<String> {
    let Segment { live, sealed, held, .. } = segment;
    let state = state(*live, *sealed, *held);
    let state = if segment.damage.is_some() { format!("{state}, damaged") } else { state.to_owned() };
    vec![
        plain(&segment.segment, 100),
        moment(segment.opened_at),
        segment.until.map_or_else(|| "-".to_owned(), moment),
        segment.first_seq.to_string(),
        segment.last_seq.to_string(),
        size(segment.bytes),
        state,
    ]
}
