//! How fast the journal is against a plain file of the same lines.

use std::fs::{self, File};

use journal::{Counts, Entry, Event};

use crate::events::Traffic;
use crate::table::{Bound, Row, float, median, short};
use crate::{Bench, Failure, writing};

/// Events of a round.
const ROUND: usize = 250_000;

/// The folder of the journal that is made: all of it is one segment, which is still written to.
pub(crate) const JOURNAL: &str = "one-segment";

/// Measures in rounds, in which the two take turns.
pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let plain = bench.dir.join("plain");
    let mut journal = writing::open(&bench.folder(JOURNAL)?, writing::DAY)?;
    let mut traffic = Traffic::new(1, bench.began);
    let (mut ratios, mut rates, mut flushes, mut plain_bytes, mut text_bytes) = (vec![], vec![], vec![], 0, 0);
    let (mut our_cpu, mut plain_cpu) = (0, 0);
    let rounds = events(bench) / ROUND;
    for round in 0..rounds {
        let (mut entries, mut lines) = (Vec::with_capacity(ROUND), Vec::with_capacity(ROUND));
        for number in 0..ROUND {
            let draft = traffic.next();
            entries.push(Entry::unscrubbed(&draft)?);
            let seq = (round * ROUND + number) as u64;
            lines.push(serde_json::to_string(&Event { seq, draft, scrubbed: Counts::default() })?);
        }
        let mut ours = |journal: &mut _| measured(&mut our_cpu, || writing::append(journal, &entries));
        let mut theirs = || measured(&mut plain_cpu, || writing::write_plain(&plain, &lines));
        // Each goes first half of the time.
        let (written, alone) = if round % 2 == 0 {
            let written = ours(&mut journal)?;
            (written, theirs()?)
        } else {
            let alone = theirs()?;
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
        "{} M events/s, plain file {} M events/s, by processor time {} ×; {} % of the time in flushes; {} B an event, {} B in \
         the plain file",
        short(median(&ours) / 1e6),
        short(median(&alone) / 1e6),
        short(float(plain_cpu) / float(our_cpu)),
        short(100.0 * median(&flushes)),
        short(float(text_bytes) / events),
        short(float(plain_bytes) / events),
    );
    let what = "append ÷ plain file of 64 KiB zstd frames".to_owned();
    Ok(vec![Row { what, bound: Bound::AtLeast(0.7), unit: "×", measured: Some(median(&ratios)), note }])
}

/// Events that are appended.
pub(crate) fn events(bench: &Bench) -> usize {
    if bench.quick { 2_000_000 } else { 4_000_000 }
}

/// Does it and adds the processor time that took, in hundredths of a second, all threads together.
fn measured<T>(cpu: &mut u64, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let before = processor_time()?;
    let done = work()?;
    *cpu += processor_time()? - before;
    Ok(done)
}

fn processor_time() -> Result<u64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    // utime and stime are fields 14 and 15; the third is the first behind the name.
    Ok(fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?)
}
