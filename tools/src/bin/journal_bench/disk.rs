//! What an event takes on disk: in the segment written to, at full speed and at a trickle, and sealed.

use crate::events::Traffic;
use crate::table::{Bound, Row, float, short};
use crate::writing::disk_usage;
use crate::{Bench, Failure, writing};

/// Events of the journal written at full speed.
const MANY: usize = 1_000_000;

/// Events of the journal written slowly.
const FEW: usize = 100_000;

/// Events between two flushes at a thousand events a second.
const TRICKLE: usize = 25;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let mut rows = full(bench)?;
    rows.insert(1, trickle(bench)?);
    Ok(rows)
}

fn full(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let dir = bench.folder("disk-full")?;
    let mut journal = writing::open(&dir, writing::DAY)?;
    let mut traffic = Traffic::new(2, bench.began);
    for _ in 0..MANY / 100_000 {
        writing::append(&mut journal, &traffic.entries(100_000)?)?;
    }
    let live = disk_usage(&dir.join("segments"))?;
    let summaries = disk_usage(&dir.join("summaries"))?;
    journal.begin_segment(traffic.at())?;
    journal.flush()?;
    let took = writing::seal(&mut journal, traffic.at())?;
    let sealed = journal.segments()?.iter().filter(|segment| segment.sealed).map(|segment| segment.bytes).sum();
    journal.close()?;
    let per_event = |bytes: u64| float(bytes) / float(MANY as u64);
    let row = |what: &str, bound, measured, note| {
        let what = format!("disk per event, {what}");
        Row { what, bound: Bound::AtMost(bound), unit: "B", measured: Some(per_event(measured)), note }
    };
    let beside = format!("1 M events in one segment; the summaries beside it take {} B", short(per_event(summaries)));
    let sealing = format!("the same segment, sealed in {} s", short(took.as_secs_f64()));
    Ok(vec![row("live at full blocks", 40.0, live, beside), row("sealed", 20.0, sealed, sealing)])
}

fn trickle(bench: &Bench) -> Result<Row, Failure> {
    let dir = bench.folder("disk-trickle")?;
    let mut journal = writing::open(&dir, writing::DAY)?;
    let entries = Traffic::new(3, bench.began).entries(FEW)?;
    for some in entries.chunks(TRICKLE) {
        for entry in some {
            journal.append_entry(entry)?;
        }
        journal.flush()?;
    }
    let per_event = |bytes: u64| float(bytes) / float(FEW as u64);
    let (live, summaries) = (disk_usage(&dir.join("segments"))?, disk_usage(&dir.join("summaries"))?);
    journal.close()?;
    Ok(Row {
        what: "disk per event, live at 1,000 events/s".to_owned(),
        bound: Bound::AtMost(130.0),
        unit: "B",
        measured: Some(per_event(live)),
        note: format!("a flush every {TRICKLE} events; the summaries beside it take {} B", short(per_event(summaries))),
    })
}
