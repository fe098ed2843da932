//! `verify`: whether the journal is what was written.

use journal::{Problem, Verification};

use crate::failure::Failure;
use crate::output::Output;
use crate::source::Lines;
use crate::text::plain;

/// The longest description of a problem that is shown whole, in characters.
const PROBLEM_MAX: usize = 500;

/// Prints what was found, and fails if something is wrong.
pub(crate) fn print(lines: Lines, json: bool) -> Result<(), Failure> {
    let (text, found) = lines.document()?;
    let mut output = Output::new();
    let printed = if json { output.line(&text) } else { describe(&found, &mut output) };
    printed?;
    output.end()?;
    judge(&found)
}

/// What was found, for people.
pub(crate) fn describe(found: &Verification, output: &mut Output) -> Result<(), Failure> {
    if !found.problems.is_empty() {
        return found.problems.iter().try_for_each(|problem| output.line(&line(problem)));
    }
    let Verification { segments, sealed, events, summaries, ledger_entries, disposed, covered_up_to, .. } = found;
    for (name, number) in [
        ("segments", segments),
        ("sealed", sealed),
        ("events", events),
        ("summaries", summaries),
        ("ledger entries", ledger_entries),
        ("disposed", disposed),
    ] {
        output.line(&format!("{name:<14}  {number:>9}"))?;
    }
    if *covered_up_to > 0 {
        output.line(&format!("the live segment is covered up to event {covered_up_to}"))?;
    }
    Ok(())
}

/// Fails if something is wrong.
pub(crate) fn judge(found: &Verification) -> Result<(), Failure> {
    match found.problems.len() {
        0 => Ok(()),
        1 => Err(Failure::Damaged("the journal is not what was written: 1 problem".to_owned())),
        count => Err(Failure::Damaged(format!("the journal is not what was written: {count} problems"))),
    }
}

fn line(problem: &Problem) -> String {
    let Problem { segment, block, what } = problem;
    let block = block.map_or_else(String::new, |block| format!(", block {block}"));
    format!("{}{block}: {}", plain(segment, PROBLEM_MAX), plain(what, PROBLEM_MAX))
}
