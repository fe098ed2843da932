//! `retention status`, `plan` and `run`.

use codex_completions_api::admin::answers::{Age, Disposal, Due, Plan, Status, Sweep};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::hold;
use crate::output::Output;
use crate::source::Lines;
use crate::table::{Column, Table};
use crate::text::{moment, plain, size, span};

const AGES: &[Column] = &[
    Column::left("OPENED AT"),
    Column::right("AGE"),
    Column::right("SIZE"),
    Column::left("STATE"),
    Column::left("DUE AT"),
    Column::left("DUE BECAUSE OF"),
    Column::left("SEGMENT"),
];

const DISPOSALS: &[Column] = &[
    Column::left("DISPOSED AT"),
    Column::left("TYPE"),
    Column::left("WHAT"),
    Column::left("FROM"),
    Column::left("TO"),
    Column::right("EVENTS"),
    Column::right("SIZE"),
    Column::left("REASON"),
    Column::left("ACTOR"),
];

const DUES: &[Column] =
    &[Column::left("OPENED AT"), Column::right("SIZE"), Column::left("REASON"), Column::left("SEGMENT")];

/// The longest text of a record that is shown whole, in characters.
const TEXT_MAX: usize = 200;

/// Prints how retention is getting on.
pub(crate) fn print_status(lines: Lines, json: bool) -> Result<(), Failure> {
    let (text, status): (_, Status) = lines.document()?;
    let mut output = Output::new();
    if json {
        output.line(&text)?;
        return output.end();
    }
    facts(&status).iter().try_for_each(|fact| output.line(fact))?;

    output.line("")?;
    let mut ages = Table::new(AGES, output);
    status.segments.iter().try_for_each(|segment| ages.push(age(segment)))?;
    let mut output = ages.end()?;

    if !status.holds.is_empty() {
        output.line("")?;
        let mut holds = Table::new(hold::COLUMNS, output);
        status.holds.iter().try_for_each(|held| holds.push(hold::row(held)))?;
        output = holds.end()?;
    }

    output.line("")?;
    if status.disposals.is_empty() {
        output.line("the ledger knows of no disposal")?;
    }
    let mut disposals = Table::new(DISPOSALS, output);
    status.disposals.iter().try_for_each(|record| disposals.push(disposal(record)))?;
    disposals.end()?.end()
}

/// Prints what is due.
pub(crate) fn print_plan(lines: Lines, json: bool) -> Result<(), Failure> {
    let (text, plan): (_, Plan) = lines.document()?;
    let mut output = Output::new();
    if json {
        output.line(&text)?;
        return output.end();
    }
    let kept = format!("{} of {} stay", size(plan.bytes_kept), size(plan.bytes));
    output.line(&format!("segments   {} due, {kept}", plan.segments.len()))?;
    if plan.max_bytes_struck {
        output.line("alarm      there is more than max_bytes, so that content goes before its time")?;
    }
    if let Some(newest) = &plan.end_first {
        output.line(&format!("first      a new segment begins after {}", plain(newest, TEXT_MAX)))?;
    }
    let before = |date: Option<jiff::civil::Date>| date.map_or_else(none, |date| format!("those before {date}"));
    output.line(&format!("summaries  {}", before(plan.summaries_before)))?;
    output.line(&format!("pseudonyms {}", before(plan.pseudonyms_before)))?;
    output.line(&format!("ledger     {}", before(plan.ledger_before)))?;
    output.line(&format!("next       {}", plan.next_due.map_or_else(none, moment)))?;
    print_dues(&plan.segments, output)?.end()
}

/// Prints what a sweep did. One that had to wait fails, so that whatever started it notices.
pub(crate) fn print_sweep(lines: Lines, json: bool) -> Result<(), Failure> {
    let (text, sweep): (_, Sweep) = lines.document()?;
    let mut output = Output::new();
    if json {
        output.line(&text)?;
    } else if sweep.waiting.is_none() {
        output.line(&did(&sweep))?;
        output = print_dues(&sweep.segments, output)?;
    }
    output.end()?;
    match (sweep.waiting, sweep.failed) {
        (Some(waiting), _) => Err(Failure::NothingFound(format!(
            "nothing was disposed of: {waiting}; if the clock is right, say so with --confirm-clock"
        ))),
        (None, Some(failed)) => Err(Failure::NoAccess(failed)),
        (None, None) => Ok(()),
    }
}

fn facts(status: &Status) -> Vec<String> {
    let Status { at, segments, overdue, .. } = status;
    let terms = status.policy.as_object().into_iter().flatten();
    let terms: Vec<_> = terms.map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default())).collect();
    let swept = status.last_sweep.as_ref().map_or_else(none, |sweep| format!("{}: {}", moment(sweep.at), did(sweep)));
    let next = status.next_due.map_or_else(none, moment);
    let mut facts = vec![
        format!("at        {}", moment(*at)),
        format!("policy    {}", plain(&terms.join(", "), TEXT_MAX)),
        format!("digest    {}", plain(&status.digest, TEXT_MAX)),
        format!("swept     {swept}"),
    ];
    facts.extend(status.waiting.as_ref().map(|waiting| format!("WAITING   {}", plain(waiting, 2 * TEXT_MAX))));
    let failed = status.last_sweep.as_ref().and_then(|sweep| sweep.failed.as_ref());
    facts.extend(failed.map(|failed| format!("FAILED    {}", plain(failed, 2 * TEXT_MAX))));
    facts.push(format!("segments  {}, {}; {overdue} overdue; next due {next}", segments.len(), size(status.bytes)));
    facts.push(format!("holds     {} in force", status.holds.len()));
    facts
}

/// What a sweep did, in a few words.
fn did(sweep: &Sweep) -> String {
    let Sweep { segments, holds_released, summary_days, pseudonym_days, ledger_months, .. } = sweep;
    let bytes: u64 = segments.iter().map(|due| due.bytes).sum();
    let mut parts = vec![format!("{} segments disposed of, {}", segments.len(), size(bytes))];
    parts.extend((*holds_released > 0).then(|| format!("{holds_released} released from holds")));
    parts.extend((*summary_days > 0).then(|| format!("{summary_days} days of summaries")));
    parts.extend((*pseudonym_days > 0).then(|| format!("the pseudonyms' keys of {pseudonym_days} days")));
    parts.extend((*ledger_months > 0).then(|| format!("{ledger_months} months of the ledger")));
    parts.extend(sweep.policy_changed.then(|| "the policy went on record".to_owned()));
    parts.extend(sweep.max_bytes_struck.then(|| "there was more than max_bytes".to_owned()));
    parts.join("; ")
}

fn print_dues(dues: &[Due], mut output: Output) -> Result<Output, Failure> {
    if !dues.is_empty() {
        output.line("")?;
    }
    let mut table = Table::new(DUES, output);
    for due in dues {
        let Due { segment, opened_at, bytes, reason } = due;
        table.push(vec![moment(*opened_at), size(*bytes), plain(reason, TEXT_MAX), plain(segment, TEXT_MAX)])?;
    }
    table.end()
}

fn age(segment: &Age) -> Vec<String> {
    let Age { live, sealed, held, .. } = segment;
    vec![
        moment(segment.opened_at),
        span(segment.age_seconds),
        size(segment.bytes),
        state(*live, *sealed, *held).to_owned(),
        optional_moment(segment.due_at),
        segment.due.as_ref().map_or_else(none, |due| plain(due, TEXT_MAX)),
        plain(&segment.segment, TEXT_MAX),
    ]
}

fn disposal(record: &Disposal) -> Vec<String> {
    vec![
        moment(record.at),
        plain(&record.kind, TEXT_MAX),
        plain(&record.what, TEXT_MAX),
        optional_moment(record.opened_at),
        optional_moment(record.ended_at),
        record.events.map_or_else(none, |events| events.to_string()),
        record.bytes.map_or_else(none, size),
        plain(&record.reason, TEXT_MAX),
        plain(&record.actor, TEXT_MAX),
    ]
}

/// A segment's state in one word.
pub(crate) fn state(live: bool, sealed: bool, held: bool) -> &'static str {
    match (live, sealed, held) {
        (_, _, true) => "held",
        (true, _, _) => "live",
        (_, true, _) => "sealed",
        _ => "closed",
    }
}

fn optional_moment(at: Option<Timestamp>) -> String {
    at.map_or_else(none, moment)
}

fn none() -> String {
    "-".to_owned()
}
