//! `list`: summaries as a table.

use journal::Summary;

use crate::failure::Failure;
use crate::output::Output;
use crate::source::Lines;
use crate::text::plain;

const COLUMNS: [Column; 13] = [
    Column::left("AT"),
    Column::left("ID"),
    Column::left("ROUTE"),
    Column::left("MODEL"),
    Column::left("KEY"),
    Column::right("STATUS"),
    Column::left("OUTCOME"),
    Column::right("TOKENS IN"),
    Column::right("OUT"),
    Column::right("TTFT MS"),
    Column::right("MS"),
    Column::left("WORKER"),
    Column::right("EVENTS"),
];

/// Rows that decide how wide the columns are. Later ones that need more room push their neighbours aside, so that a list
/// of any length takes little memory.
const MEASURED_ROWS: usize = 200;

/// The longest name that is shown whole, in characters.
const NAME_MAX: usize = 40;

struct Column {
    title: &'static str,
    right: bool,
}

struct Table {
    output: Output,
    widths: [usize; COLUMNS.len()],
    /// Rows that are measured and not yet printed; `None` once the widths are fixed.
    measured: Option<Vec<Row>>,
}

type Row = [String; COLUMNS.len()];

/// Prints summaries as a table.
pub(crate) fn print(lines: Lines) -> Result<(), Failure> {
    let mut table = Table::new(Output::for_answer(&lines));
    let end = lines.each(|line| {
        let summary = serde_json::from_str(line).map_err(|error| {
            Failure::Damaged(format!(
                "a summary in the journal is none (column {}): {}",
                error.column(),
                plain(line, 80)
            ))
        })?;
        table.push(row(&summary))
    });
    table.print_measured()?;
    table.output.end()?;
    end
}

fn row(summary: &Summary) -> Row {
    let name = |name: &Option<String>| name.as_deref().map_or_else(none, |name| plain(name, NAME_MAX));
    let (input, output) =
        summary.tokens.map_or_else(|| (none(), none()), |tokens| (tokens.input.to_string(), tokens.output.to_string()));
    let route = summary.route.strip_prefix("/v1/").unwrap_or(&summary.route);
    [
        summary.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        summary.id.to_string(),
        plain(route, NAME_MAX),
        name(&summary.model),
        name(&summary.key),
        summary.status.to_string(),
        summary.outcome.as_str().to_owned(),
        input,
        output,
        summary.ttft_ms.map_or_else(none, |ms| format!("{ms:.0}")),
        format!("{:.0}", summary.duration_ms),
        name(&summary.worker),
        summary.events.to_string(),
    ]
}

fn none() -> String {
    "-".to_owned()
}

// === impl Column ===

impl Column {
    const fn left(title: &'static str) -> Self {
        Self { title, right: false }
    }

    const fn right(title: &'static str) -> Self {
        Self { title, right: true }
    }
}

// === impl Table ===

impl Table {
    fn new(output: Output) -> Self {
        Self { output, widths: COLUMNS.map(|column| column.title.len()), measured: Some(Vec::new()) }
    }

    fn push(&mut self, row: Row) -> Result<(), Failure> {
        let Some(measured) = &mut self.measured else {
            return self.print(&row);
        };
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
        measured.push(row);
        if measured.len() < MEASURED_ROWS { Ok(()) } else { self.print_measured() }
    }

    /// Fixes the widths and prints what waited for them, below the titles.
    fn print_measured(&mut self) -> Result<(), Failure> {
        let measured = self.measured.take().unwrap_or_default();
        if measured.is_empty() {
            return Ok(());
        }
        self.print(&COLUMNS.map(|column| column.title.to_owned()))?;
        measured.iter().try_for_each(|row| self.print(row))
    }

    fn print(&mut self, row: &Row) -> Result<(), Failure> {
        let cells = row.iter().zip(&COLUMNS).zip(self.widths);
        let aligned = cells.map(
            |((cell, column), width)| {
                if column.right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            },
        );
        let line = aligned.collect::<Vec<_>>().join("  ");
        self.output.line(line.trim_end())
    }
}
