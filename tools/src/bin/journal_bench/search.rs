//! How fast text is searched for.

use crate::Failure;
use crate::table::{Bound, Row};

pub(crate) fn run() -> Result<Vec<Row>, Failure> {
    let row = |what: &str, bound| Row {
        what: format!("search, two threads: {what}"),
        bound: Bound::AtLeast(bound),
        unit: "GB/s",
        measured: None,
        note: String::new(),
    };
    Ok(vec![row("literal", 1.5), row("regex", 0.4)])
}
