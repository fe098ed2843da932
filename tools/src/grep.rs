//! `grep`: events in which a text is found, alone or among others of their requests.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;

use clap::Args;
use jiff::Timestamp;
use journal::{Pattern, Query, RequestId, Scope, Syntax};
use serde::Deserialize;

use crate::describe::{Describer, Description};
use crate::failure::Failure;
use crate::ink::Ink;
use crate::output::{self, Output};
use crate::source::Source;
use crate::text::plain;
use crate::when;

/// How much is shown on each side of a hit that the description of its event leaves out, in characters.
const AROUND: usize = 40;

/// What stands between events that do not follow each other.
const BREAK: &str = "--";

#[derive(Args)]
pub(crate) struct GrepArgs {
    /// What to look for in the events as they are kept, which is as JSON
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// The pattern is a regular expression
    #[arg(long)]
    regex: bool,
    /// The case of ASCII letters does not matter
    #[arg(short, long, conflicts_with = "regex")]
    ignore_case: bool,
    /// Those of this time or later
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    since: Option<Timestamp>,
    /// Those before this time
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    until: Option<Timestamp>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// With so many events of the same request behind each
    #[arg(short = 'A', long, value_name = "N")]
    after: Option<usize>,
    /// With so many before each
    #[arg(short = 'B', long, value_name = "N")]
    before: Option<usize>,
    /// With so many before and behind each
    #[arg(short = 'C', long, value_name = "N")]
    context: Option<usize>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Hits that are shown together: those of one request, or one that is of none.
struct Group {
    request: Option<RequestId>,
    hits: BTreeSet<u64>,
    /// The hit that is of no request.
    line: String,
}

/// As much of an event as finds its place.
#[derive(Deserialize)]
struct Placed {
    seq: u64,
    request: Option<RequestId>,
}

/// Finds events.
pub(crate) fn run(source: &Source, args: &GrepArgs) -> Result<(), Failure> {
    let syntax = match (args.regex, args.ignore_case) {
        (true, _) => Syntax::Regex,
        (false, true) => Syntax::IgnoreCase,
        (false, false) => Syntax::Literal,
    };
    let pattern = Pattern::try_new(&args.pattern, syntax).map_err(|wrong| Failure::Usage(wrong.to_string()))?;
    let scope = Scope { since: args.since, until: args.until, before: None, limit: args.limit.map(Into::into) };
    let lines = source.read(Query::Search { pattern: pattern.clone(), scope })?;
    let (before, after) = (args.before.or(args.context), args.after.or(args.context));
    if before.is_some() || after.is_some() {
        let (mut groups, mut places) = (Vec::new(), HashMap::new());
        let end = lines.each(|line| Group::add(&mut groups, &mut places, line));
        print_groups(source, &pattern, &groups, (before.unwrap_or(0), after.unwrap_or(0)), args.json)?;
        return end;
    }
    if args.json {
        return output::copy(lines);
    }
    let mut output = Output::for_answer(&lines);
    let mut describer = Describer::default();
    let end = lines.each(|line| output.line(&hit(&mut describer, &pattern, line)?));
    output.end()?;
    end
}

/// Prints each group with its context, the newest hit's first, and each in order.
fn print_groups(
    source: &Source,
    pattern: &Pattern,
    groups: &[Group],
    context: (usize, usize),
    json: bool,
) -> Result<(), Failure> {
    let mut output = Output::new();
    for (n, group) in groups.iter().enumerate() {
        let events = group.events(source)?;
        let mut describer = Describer::default();
        let mut last_shown = None;
        for (index, (seq, line)) in events.iter().enumerate() {
            // Those that are not shown name the calls that later ones answer.
            let event = describer.describe(line)?;
            if !group.is_near(&events, index, context) {
                continue;
            }
            let follows = last_shown.is_some_and(|last| last + 1 == index) || (last_shown.is_none() && n == 0);
            if !follows && !json {
                output.line(&Ink::Faint.paint(BREAK))?;
            }
            last_shown = Some(index);
            match (json, group.hits.contains(seq)) {
                (true, _) => output.line(line)?,
                (false, true) => output.line(&highlighted(event, pattern, line))?,
                (false, false) => output.line(&event.to_string())?,
            }
        }
    }
    output.end()
}

fn hit(describer: &mut Describer, pattern: &Pattern, line: &str) -> Result<String, Failure> {
    Ok(highlighted(describer.describe(line)?, pattern, line))
}

/// The event in `line` as it is described, with what was found in it.
fn highlighted(mut event: Description, pattern: &Pattern, line: &str) -> String {
    if let Some(place) = pattern.find(&event.text) {
        let (before, rest) = event.text.split_at(place.start);
        let (hit, after) = rest.split_at(place.end - place.start);
        event.text = format!("{before}{}{after}", Ink::Hit.paint(hit));
    } else if let Some(place) = pattern.find(line) {
        event.text = format!("{}  … {}", event.text, excerpt(line, place.start, place.end));
    }
    event.to_string()
}

/// What stands around the hit from `start` to `end`.
fn excerpt(line: &str, start: usize, end: usize) -> String {
    let from = line[..start].char_indices().rev().take(AROUND).last().map_or(start, |(at, _)| at);
    let before = plain(&line[from..start], AROUND);
    let hit = Ink::Hit.paint(&plain(&line[start..end], 2 * AROUND));
    format!("{before}{hit}{}", plain(&line[end..], AROUND))
}

// === impl Group ===

impl Group {
    /// Puts the hit in `line` where it belongs.
    fn add(groups: &mut Vec<Self>, places: &mut HashMap<RequestId, usize>, line: &str) -> Result<(), Failure> {
        let Placed { seq, request } = placed(line)?;
        let Some(id) = request else {
            groups.push(Self { request, hits: BTreeSet::from([seq]), line: line.to_owned() });
            return Ok(());
        };
        let place = *places.entry(id).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => drop(group.hits.insert(seq)),
            None => groups.push(Self { request, hits: BTreeSet::from([seq]), line: String::new() }),
        }
        Ok(())
    }

    /// The events among which its hits are, in order.
    fn events(&self, source: &Source) -> Result<Vec<(u64, String)>, Failure> {
        let Some(request) = self.request else {
            return Ok(self.hits.iter().map(|seq| (*seq, self.line.clone())).collect());
        };
        let mut events = Vec::new();
        let end = source.read(Query::Events { request: Some(request), from_seq: 0 })?.each(|line| {
            events.push((placed(line)?.seq, line.to_owned()));
            Ok(())
        });
        match end {
            // Its time was up in between; and what is damaged the search has met as well.
            Ok(()) | Err(Failure::NothingFound(_) | Failure::Damaged(_)) => Ok(events),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the event at `index` is a hit, or near enough to one.
    fn is_near(&self, events: &[(u64, String)], index: usize, (before, after): (usize, usize)) -> bool {
        let last = (index + before).min(events.len() - 1);
        events[index.saturating_sub(after)..=last].iter().any(|(seq, _)| self.hits.contains(seq))
    }
}

fn placed(line: &str) -> Result<Placed, Failure> {
    serde_json::from_str(line).map_err(|_| Failure::Damaged(format!("no event: {}", plain(line, 80))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_around_its_hit() {
        let line = format!("{}<hit>{}", "ä".repeat(60), "b".repeat(60));
        let start = 120;
        let expected = format!("{}<hit>{}...", "ä".repeat(40), "b".repeat(40));
        assert_eq!(excerpt(&line, start, start + 5), expected);
        assert_eq!(excerpt("\u{1b}x", 1, 2), "\\u{1b}x");
    }
}
