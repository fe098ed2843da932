//! Aligned columns.

use crate::failure::Failure;
use crate::output::Output;

/// Rows that decide how wide the columns are. Later ones that need more room push their neighbours aside, so that a table
/// of any length takes little memory.
const MEASURED_ROWS: usize = 200;

/// A column's title, and on which side its cells stand.
pub(crate) struct Column {
    title: &'static str,
    right: bool,
}

/// Rows on their way to the output. Without a row, there are no titles either.
pub(crate) struct Table {
    columns: &'static [Column],
    output: Output,
    widths: Vec<usize>,
    /// Rows that are measured and not yet printed; `None` once the widths are fixed.
    measured: Option<Vec<Vec<String>>>,
}

// === impl Column ===

impl Column {
    pub(crate) const fn left(title: &'static str) -> Self {
        Self { title, right: false }
    }

    pub(crate) const fn right(title: &'static str) -> Self {
        Self { title, right: true }
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn new(columns: &'static [Column], output: Output) -> Self {
        let widths = columns.iter().map(|column| column.title.len()).collect();
        Self { columns, output, widths, measured: Some(Vec::new()) }
    }

    /// Takes a row with a cell for each column.
    pub(crate) fn push(&mut self, row: Vec<String>) -> Result<(), Failure> {
        let Some(measured) = &mut self.measured else {
            return self.print(&row);
        };
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
        measured.push(row);
        if measured.len() < MEASURED_ROWS { Ok(()) } else { self.print_measured() }
    }

    /// Prints what still waits, and gives the output back.
    pub(crate) fn end(mut self) -> Result<Output, Failure> {
        self.print_measured()?;
        Ok(self.output)
    }

    /// Fixes the widths and prints what waited for them, below the titles.
    fn print_measured(&mut self) -> Result<(), Failure> {
        let measured = self.measured.take().unwrap_or_default();
        if measured.is_empty() {
            return Ok(());
        }
        let titles: Vec<_> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        self.print(&titles)?;
        measured.iter().try_for_each(|row| self.print(row))
    }

    fn print(&mut self, row: &[String]) -> Result<(), Failure> {
        let cells = row.iter().zip(self.columns).zip(&self.widths);
        let aligned = cells.map(
            |((cell, column), &width)| {
                if column.right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            },
        );
        let line = aligned.collect::<Vec<_>>().join("  ");
        self.output.line(line.trim_end())
    }
}
