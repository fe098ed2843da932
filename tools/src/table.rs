//! Aligned columns.

use crate::failure::Failure;
use crate::ink::Ink;
use crate::output::Output;
use crate::terminal::terminal;

/// Rows that decide how wide the columns are. Later ones that need more room push their neighbours aside, so that a table
/// of any length takes little memory.
const MEASURED_ROWS: usize = 200;

/// What is between two columns.
const GAP: &str = "  ";

/// The least room in which a text that is cut to the terminal's width says something, in characters.
const TEXT_MIN: usize = 12;

/// A column's title, and on which side its cells stand.
pub(crate) struct Column {
    title: &'static str,
    right: bool,
    /// How soon it gives way where there is no room for all; 0 for never.
    rank: u8,
    /// Whether its cells are cut rather than that it gives way. For the last one.
    is_text: bool,
}

/// What stands in a column of a row.
pub(crate) struct Cell {
    text: String,
    ink: Option<Ink>,
}

/// Rows on their way to the output. Without a row, there are no titles either.
pub(crate) struct Table {
    columns: &'static [Column],
    output: Output,
    /// Of each column; `None` for one that gave way.
    widths: Vec<Option<usize>>,
    /// Of a line; `None` for any.
    width: Option<usize>,
    /// Rows that are measured and not yet printed; `None` once the widths are fixed.
    measured: Option<Vec<Row>>,
}

enum Row {
    Cells(Vec<Cell>),
    /// One across all columns.
    Line(String),
}

// === impl Column ===

impl Column {
    pub(crate) const fn left(title: &'static str) -> Self {
        Self { title, right: false, rank: 0, is_text: false }
    }

    pub(crate) const fn right(title: &'static str) -> Self {
        Self { right: true, ..Self::left(title) }
    }

    /// For text of any length, behind all others.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { is_text: true, ..Self::left(title) }
    }

    /// The same, which gives way before those with a lower rank where there is no room for all.
    pub(crate) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

// === impl Cell ===

impl Cell {
    pub(crate) fn new(text: impl Into<String>, ink: Ink) -> Self {
        Self { text: text.into(), ink: Some(ink) }
    }

    /// What stands in it, as it is shown alone.
    pub(crate) fn painted(&self) -> String {
        self.ink.map_or_else(|| self.text.clone(), |ink| ink.paint(&self.text))
    }

    /// `text` in a cell that is `width` wide.
    fn aligned(&self, column: &Column, width: usize) -> String {
        let len = self.text.chars().count();
        let text = if column.is_text && len > width {
            let kept: String = self.text.chars().take(width.saturating_sub(1)).collect();
            kept + "…"
        } else {
            self.text.clone()
        };
        let room = " ".repeat(width.saturating_sub(len));
        let text = self.ink.map_or_else(|| text.clone(), |ink| ink.paint(&text));
        if column.right { room + &text } else { text + &room }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ink: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn new(columns: &'static [Column], output: Output) -> Self {
        let widths = columns.iter().map(|column| Some(column.title.len())).collect();
        Self { columns, output, widths, width: terminal().width, measured: Some(Vec::new()) }
    }

    /// Takes a row with a cell for each column.
    pub(crate) fn push<C: Into<Cell>>(&mut self, row: Vec<C>) -> Result<(), Failure> {
        let row: Vec<Cell> = row.into_iter().map(Into::into).collect();
        let Some(measured) = &mut self.measured else {
            return self.print(&row);
        };
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(Some(cell.text.chars().count()));
        }
        measured.push(Row::Cells(row));
        if measured.len() < MEASURED_ROWS { Ok(()) } else { self.print_measured() }
    }

    /// Takes a line across all columns.
    pub(crate) fn line(&mut self, line: String) -> Result<(), Failure> {
        match &mut self.measured {
            Some(measured) => {
                measured.push(Row::Line(line));
                Ok(())
            }
            None => self.output.line(&line),
        }
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
        if let Some(width) = self.width {
            fit(self.columns, &mut self.widths, width);
        }
        let titles: Vec<_> = self.columns.iter().map(|column| Cell::new(column.title, Ink::Title)).collect();
        self.print(&titles)?;
        measured.iter().try_for_each(|row| match row {
            Row::Cells(cells) => self.print(cells),
            Row::Line(line) => self.output.line(line),
        })
    }

    fn print(&mut self, row: &[Cell]) -> Result<(), Failure> {
        let cells = row.iter().zip(self.columns).zip(&self.widths);
        let aligned = cells.filter_map(|((cell, column), width)| Some(cell.aligned(column, (*width)?)));
        let line = aligned.collect::<Vec<_>>().join(GAP);
        self.output.line(line.trim_end())
    }
}

/// Makes the columns fit into `room`: those that may give way do so where those before them in rank leave no room, and a text
/// is cut to what is left.
fn fit(columns: &[Column], widths: &mut [Option<usize>], room: usize) {
    let mut by_rank: Vec<_> = (0..columns.len()).collect();
    by_rank.sort_by_key(|index| columns[*index].rank);
    let mut taken = 0;
    for index in by_rank {
        let (column, width) = (&columns[index], widths[index].unwrap_or(0));
        let least = if column.is_text { width.min(TEXT_MIN) } else { width };
        let wanted = taken + if taken == 0 { 0 } else { GAP.len() } + least;
        if column.rank > 0 && wanted > room {
            widths[index] = None;
        } else {
            taken = wanted;
        }
    }
    if let Some((column, Some(width))) = columns.iter().zip(widths).last()
        && column.is_text
    {
        *width = (*width).min(room.saturating_sub(taken) + (*width).min(TEXT_MIN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] =
        &[Column::left("A"), Column::left("B").rank(2), Column::right("C").rank(1), Column::text("TEXT")];

    fn fitted(room: usize) -> [Option<usize>; 4] {
        let mut widths = [Some(4), Some(10), Some(6), Some(40)];
        fit(COLUMNS, &mut widths, room);
        widths
    }

    #[test]
    fn what_matters_least_gives_way_and_a_text_is_cut() {
        assert_eq!(fitted(66), [Some(4), Some(10), Some(6), Some(40)]);
        assert_eq!(fitted(40), [Some(4), Some(10), Some(6), Some(14)]);
        assert_eq!(fitted(37), [Some(4), None, Some(6), Some(23)]);
        assert_eq!(fitted(20), [Some(4), None, None, Some(14)]);
        assert_eq!(fitted(3), [Some(4), None, None, Some(12)]);
    }

    #[test]
    fn a_cell_is_as_wide_as_its_column() {
        let cell = |text: &str| Cell::from(text);
        assert_eq!(cell("ab").aligned(&COLUMNS[0], 4), "ab  ");
        assert_eq!(cell("ab").aligned(&COLUMNS[2], 4), "  ab");
        assert_eq!(cell("abcdef").aligned(&COLUMNS[0], 4), "abcdef");
        assert_eq!(cell("abcdef").aligned(&COLUMNS[3], 4), "abc…");
    }
}
