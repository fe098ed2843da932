//! A request's events below each other, each in the lane of who sent it to whom.

use std::time::Duration;

use super::recording::{Recording, Step};
use crate::describe::Direction;
use crate::failure::Failure;
use crate::ink::Ink;
use crate::output::Output;
use crate::table::{Cell, Column, Table};

const COLUMNS: &[Column] = &[
    Column::right("SEQ"),
    Column::right("MS"),
    Column::left("CLIENT PROXY WORKER"),
    Column::left("TYPE").rank(1),
    Column::right("BYTES").rank(2),
    Column::text("WHAT"),
];

/// Prints what is known of the request, and the timeline. Pauses from `gap` on are lines of their own.
pub(super) fn print(recording: &Recording, gap: Duration, output: &mut Output) -> Result<(), Failure> {
    for fact in recording.facts() {
        let value = fact.ink.map_or_else(|| fact.value.clone(), |ink| ink.paint(&fact.value));
        output.line(&format!("{}{value}", Ink::Title.paint(&format!("{:<10}", fact.name))))?;
    }
    output.line("")?;
    let mut table = Table::new(COLUMNS, std::mem::replace(output, Output::new()));
    let mut before = None;
    for step in &recording.steps {
        let offset = recording.offset(step.described.at);
        let pause = before.map_or(0.0, |before| offset - before);
        if pause > 0.0 && pause >= gap.as_secs_f64() * 1000.0 {
            table.line(Ink::Faint.paint(&format!("        ··· {}", in_words(pause))))?;
        }
        before = Some(offset);
        table.push(cells(step, offset))?;
    }
    *output = table.end()?;
    Ok(())
}

fn cells(step: &Step, offset: f64) -> Vec<Cell> {
    let event = &step.described;
    let kind = match event.kind.as_str() {
        kind @ "request.rejected" => Cell::new(kind, Ink::Warning),
        kind @ ("request.received" | "response.finished") => Cell::new(kind, Ink::Title),
        kind => kind.into(),
    };
    vec![
        event.seq.to_string().into(),
        format!("{offset:+.1}").into(),
        lanes(event.direction).into(),
        kind,
        event.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()).into(),
        event.text.as_str().into(),
    ]
}

/// An arrow between two of client, proxy and worker, each below its name.
fn lanes(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::ClientToProxy) => "  ●─────▶│      │",
        Some(Direction::ProxyToWorker) => "  │      ●─────▶│",
        Some(Direction::WorkerToProxy) => "  │      │◀─────●",
        Some(Direction::ProxyToClient) => "  │◀─────●      │",
        None => "  │      ○      │",
    }
}

/// A pause of so many milliseconds.
pub(super) fn in_words(ms: f64) -> String {
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        10.0..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_stand_below_their_names() {
        let all = [None, Some(Direction::ClientToProxy), Some(Direction::ProxyToWorker)];
        for direction in all.into_iter().chain([Some(Direction::WorkerToProxy), Some(Direction::ProxyToClient)]) {
            let shown: Vec<char> = lanes(direction).chars().collect();
            assert!([2, 9, 16].iter().all(|lane| "│●○".contains(shown[*lane])), "{direction:?}");
        }
        assert_eq!(in_words(0.25), "0.2 ms");
        assert_eq!(in_words(999.4), "999 ms");
        assert_eq!(in_words(1234.0), "1.2 s");
    }
}
