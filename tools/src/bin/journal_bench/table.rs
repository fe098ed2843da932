//! The table: what is required, what was measured, and whether that is enough.

use std::fmt;

/// One number that is required.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    pub(crate) bound: Bound,
    /// In which unit.
    pub(crate) unit: &'static str,
    /// `None` for what is not built yet.
    pub(crate) measured: Option<f64>,
    /// How it came about.
    pub(crate) note: String,
}

/// What a number is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

// === impl Row ===

impl Row {
    fn verdict(&self) -> &'static str {
        match (self.measured, self.bound) {
            (None, _) => "not built",
            (Some(measured), Bound::AtLeast(bound)) if measured >= bound => "pass",
            (Some(measured), Bound::AtMost(bound)) if measured <= bound => "pass",
            (Some(_), _) => "MISS",
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self.bound {
            Bound::AtLeast(bound) => ("≥", bound),
            Bound::AtMost(bound) => ("≤", bound),
        };
        let required = format!("{sign} {bound} {}", self.unit);
        let measured = self.measured.map_or_else(|| "–".to_owned(), |n| format!("{} {}", short(n), self.unit));
        let Self { what, note, .. } = self;
        write!(f, "| {what:<48} | {required:>12} | {measured:>12} | {:<9} | {note} |", self.verdict())
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("| {:<48} | {:>12} | {:>12} | {:<9} | how |", "what", "required", "measured", "");
    println!("|---|---|---|---|---|");
    for row in rows {
        println!("{row}");
    }
}

/// Three digits that count.
pub(crate) fn short(n: f64) -> String {
    match n.abs() {
        100.0.. => format!("{n:.0}"),
        10.0.. => format!("{n:.1}"),
        1.0.. => format!("{n:.2}"),
        _ => format!("{n:.3}"),
    }
}

/// The one in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// As a number to be divided.
#[expect(clippy::cast_precision_loss, reason = "events and bytes are far below 2⁵³")]
pub(crate) fn float(n: u64) -> f64 {
    n as f64
}
