//! kill -9 at any moment.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use jiff::SignedDuration;
use journal::{Error, HoldSelector, RequestId, Selection};

use crate::support::{
    authority, erase, fast_dir, finished, later, noise, open, received, seal_all, stderr, try_dispose,
};

const DIR: &str = "JOURNAL_CRASH_DIR";

/// How many processes are killed; more of them for a long run.
const RUNS: &str = "JOURNAL_CRASH_RUNS";

/// Not a test of its own: the process that is killed. It does all that can be done to a journal, and tells after each flush how
/// many of its events that covers.
#[test]
fn writes_until_killed() {
    let Some(dir) = env::var_os(DIR) else { return };
    let mut journal = open(Path::new(&dir));
    let mut out = io::stdout();
    let mut clock = jiff::Timestamp::now().duration_since(crate::support::noon());
    let mut ids = Vec::new();
    for n in 0_u64.. {
        clock += SignedDuration::from_mins(4);
        let id = RequestId::generate();
        ids.push(id);
        journal.append(&later(received(id, "{}"), clock)).unwrap();
        journal.append(&later(stderr(noise(if n % 7 == 3 { 200_000 } else { 3000 }, n)), clock)).unwrap();
        let seq = journal.append(&later(finished(id), clock)).unwrap();
        if n % 2 == 0 {
            journal.flush().unwrap();
            out.write_all(format!("\nflushed {seq} {id}\n").as_bytes()).unwrap();
        }
        if n % 16 == 11 {
            seal_all(&mut journal);
        }
        if n % 20 == 5 {
            let hold = journal.place_hold(HoldSelector::Request(id), "a test", "test", crate::support::noon()).unwrap();
            if n % 40 == 5 {
                journal.lift_hold(&hold, "a test", "test", crate::support::noon()).unwrap();
            }
        }
        if n % 12 == 7
            && let Err(error) = erase(&mut journal, HoldSelector::Request(ids[ids.len() / 2]))
        {
            assert!(matches!(error, Error::Held { .. }), "{error}");
        }
        let segments: Vec<_> = journal.segments().unwrap().into_iter().filter(|age| !age.held).collect();
        if segments.len() > 4 {
            try_dispose(&mut journal, &segments[0].name, crate::support::noon()).unwrap();
            journal.release_holds(&authority(), crate::support::noon()).unwrap();
        }
    }
}

#[test]
fn a_kill_loses_nothing_flushed_and_leaves_nothing_half_done() {
    let dir = fast_dir();
    let runs = env::var(RUNS).ok().and_then(|runs| runs.parse().ok()).unwrap_or(100);
    let mut state = 1_u64;
    for run in 0..runs {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crash::writes_until_killed", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (mut flushed, mut told) = (None, 0);
        for line in output.lines().map_while(Result::ok) {
            let Some((seq, id)) = line.strip_prefix("flushed ").and_then(|line| line.split_once(' ')) else { continue };
            flushed = Some((seq.parse::<u64>().unwrap(), id.parse::<RequestId>().unwrap()));
            told += 1;
            if told == 1 + (state >> 33) % 12 {
                // Anywhere in what it does next.
                let until = Instant::now() + Duration::from_micros((state >> 40) % 6000);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let (seq, id) = flushed.expect("it flushed before it was killed");

        let journal = open(dir.path());
        let reader = journal.reader();
        assert!(reader.head() >= seq, "run {run}");
        let found = reader.verify(None).unwrap();
        assert_eq!(found.problems, [], "run {run}");
        let events: Vec<_> =
            reader.events(Selection { from_seq: seq, ..Selection::default() }).map(Result::unwrap).collect();
        assert!(events.iter().zip(seq..).all(|(line, seq)| line.seq == seq), "run {run}: a gap or a double");
        assert_eq!(
            reader.summaries(None).unwrap().filter(|row| row.as_ref().unwrap().id == id).count(),
            1,
            "run {run}"
        );
    }
}
