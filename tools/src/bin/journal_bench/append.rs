//! How fast the journal is against a plain file of the same lines.

use std::fs::{self, File};
use std::time::Duration;

use journal::{Entry, Event, NoScrub};

use crate::events::Traffic;
use crate::table::{Bound, Row, float, median, short};
use crate::{Bench, Failure, writing};

/// Events of a round.
const ROUND: usize = 250_000;

/// Measures in rounds, in which the two take turns.
pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let dir = bench.folder("append")?;
    let plain = dir.join("plain");
    let mut journal = writing::open(&dir.join("journal"), Duration::from_hours(24))?;
    let mut traffic = Traffic::new(1, bench.began);
    let (mut ratios, mut rates, mut flushes, mut plain_bytes, mut text_bytes) = (vec![], vec![], vec![], 0, 0);
    let rounds = if bench.quick { 8 } else { 16 };
    for round in 0..rounds {
        let (mut entries, mut lines) = (Vec::with_capacity(ROUND), Vec::with_capacity(ROUND));
        for number in 0..ROUND {
            let draft = traffic.next();
            entries.push(Entry::new(&draft, &NoScrub)?);
            let seq = (round * ROUND + number) as u64;
            lines.push(serde_json::to_string(&Event { seq, draft })?);
        }
        let ours = |journal: &mut _| writing::append(journal, &entries);
        // Each goes first half of the time.
        let (written, alone) = if round % 2 == 0 {
            let written = ours(&mut journal)?;
            (written, writing::write_plain(&plain, &lines)?)
        } else {
            let alone = writing::write_plain(&plain, &lines)?;
            // What the kernel still has to write must not delay the journal's own syncs.
            File::open(&plain)?.sync_all()?;
            (ours(&mut journal)?, alone)
        };
        plain_bytes += fs::metadata(&plain)?.len();
        text_bytes += lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
        File::open(&plain)?.sync_all()?;
        // The first one warms up.
        if round > 0 {
            ratios.push(alone.as_secs_f64() / written.whole.as_secs_f64());
            rates.push((float(ROUND as u64) / written.whole.as_secs_f64(), float(ROUND as u64) / alone.as_secs_f64()));
            flushes.push(written.flushing.as_secs_f64() / written.whole.as_secs_f64());
        }
    }
    journal.close()?;
    let events = float((rounds * ROUND) as u64);
    let (ours, alone): (Vec<f64>, Vec<f64>) = rates.into_iter().unzip();
    let note = format!(
        "{} M events/s, plain file {} M events/s; {} % of the time in flushes; {} B an event, {} B in the plain file",
        short(median(&ours) / 1e6),
        short(median(&alone) / 1e6),
        short(100.0 * median(&flushes)),
        short(float(text_bytes) / events),
        short(float(plain_bytes) / events),
    );
    let what = "append ÷ plain file of 64 KiB zstd frames".to_owned();
    Ok(vec![Row { what, bound: Bound::AtLeast(0.7), unit: "×", measured: Some(median(&ratios)), note }])
}
