//! A disk that takes nothing for a while. A limit on the length of files stands for it: like a full disk it refuses a write
//! in the middle, and it can be lifted.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use journal::{Draft, Error, Journal, RequestId};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::support::{
    finished, later, lines, noise, noon, open, received, seal_all, segment_dirs, stderr, try_dispose,
};

const CHILD: &str = "JOURNAL_FULL_DISK";

/// A folder on a file system of a few megabytes.
const SMALL: &str = "JOURNAL_SMALL_DISK";

/// The child's lot: what was taken, by its number, and what was flushed.
struct Ledger {
    journal: Journal,
    taken: BTreeMap<u64, String>,
    requests: usize,
    flushed: u64,
    tick: u64,
}

impl Ledger {
    fn new(dir: &Path) -> Self {
        Self { journal: open(dir), taken: BTreeMap::new(), requests: 0, flushed: 0, tick: 0 }
    }

    /// Appends one event of changing length, or the end of a request, with a text of its own.
    fn append(&mut self) -> Result<(), Error> {
        self.tick += 1;
        let tick = self.tick;
        let text = format!("tick {tick} ");
        let draft =
            |draft: Draft| later(draft, jiff::SignedDuration::from_mins(i64::try_from(tick / 8).expect("small")));
        if tick.is_multiple_of(5) {
            let id = RequestId::generate();
            self.take(&draft(received(id, &text)), text)?;
            let seq = self.journal.append(&draft(finished(id)))?;
            self.taken.insert(seq, id.to_string());
            self.requests += 1;
            return Ok(());
        }
        let length = if tick % 7 == 3 { 300_000 } else { 3000 };
        self.take(&draft(stderr(text.clone() + &noise(length, tick))), text)
    }

    fn take(&mut self, draft: &Draft, text: String) -> Result<(), Error> {
        let seq = self.journal.append(draft)?;
        assert!(self.taken.insert(seq, text).is_none(), "{seq} was given twice");
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.journal.flush()?;
        self.flushed = self.taken.keys().last().copied().unwrap_or_default();
        assert!(self.journal.reader().head() >= self.flushed);
        Ok(())
    }

    /// Goes on as a service does, and returns the first error.
    fn go_on(&mut self, ticks: usize) -> Option<Error> {
        let mut first = None;
        for tick in 0..ticks {
            first = first.or(self.append().err());
            if tick % 3 == 0 {
                first = first.or(self.flush().err());
            }
        }
        first
    }

    fn check(&self) {
        let lines = lines(&self.journal.reader());
        assert_eq!(lines.len() as u64, self.journal.reader().head(), "all from 1 on");
        for (seq, text) in &self.taken {
            assert!(lines[usize::try_from(*seq).expect("small") - 1].contains(text), "{seq} is not {text}");
        }
        let segments = self.journal.reader().segments().expect("readable");
        for pair in segments.windows(2) {
            assert_eq!(pair[0].last_seq + 1, pair[1].first_seq);
        }
        assert!(segments.iter().all(|segment| segment.damage.is_none()), "{segments:?}");
        assert_eq!(self.journal.reader().verify(None).expect("readable").problems, []);
    }
}

fn limit_files(bytes: Option<u64>) {
    let limit = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, rustix::process::Rlimit { current: bytes, ..limit }).expect("the soft limit may change");
}

/// Not a test of its own: the process whose files may not grow.
#[test]
fn lives_through_full_disks() {
    let Some(dir) = env::var_os(CHILD) else { return };
    for limit in [0, 10, 100, 5_000, 100_000, 600_000, 3_000_000] {
        let dir = Path::new(&dir).join(limit.to_string());
        let mut ledger = Ledger::new(&dir);
        for round in 0..3 {
            // In the second round the very first segment may be the one that fails.
            if limit > 0 || round > 0 {
                assert!(ledger.go_on(10).is_none());
            }
            limit_files(Some(limit));
            let error = (0..20).find_map(|_| ledger.go_on(10));
            let error = error.expect("the limit is reached").to_string();
            assert!(error.contains(dir.to_str().unwrap()), "{error}");
            assert!(error.contains("ulimit -f"), "{error}");
            // Below these limits a new segment fails as well; above, it takes something before it does.
            assert!(ledger.go_on(10).is_some() || limit >= 600_000, "limit {limit}");
            limit_files(None);

            assert!(ledger.go_on(1).is_none(), "the first attempt after it works: limit {limit}, round {round}");
            ledger.check();
        }
        let count = segment_dirs(&dir).len();
        assert_eq!(count, ledger.journal.segments().unwrap().len(), "no folder is left over");
        let Ledger { journal, taken, requests, flushed, tick } = ledger;
        journal.close().unwrap();
        let again = Ledger { journal: open(&dir), taken, requests, flushed, tick };
        again.check();
        let summaries = again.journal.reader().summaries(None).unwrap().map(Result::unwrap).count();
        assert_eq!(summaries, again.requests);
    }
}

#[test]
fn after_a_full_disk_everything_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    // Otherwise the first refused write would end the process.
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "full_disk::lives_through_full_disks", "--nocapture"])
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Takes all the room that is left beside `dir`, and gives it back when it is removed.
fn fill(dir: &Path) -> PathBuf {
    let filler = dir.join("filler");
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[b'x'; 4096]).is_ok() {}
    filler
}

/// Not a test of its own: the process with a small disk of its own.
#[test]
fn lives_on_a_small_disk() {
    let Some(small) = env::var_os(SMALL).map(PathBuf::from) else { return };
    let dir = small.join("journal");
    let mut ledger = Ledger::new(&dir);
    // Some hours, all but the last one sealed.
    for _ in 0..4 {
        assert!(ledger.go_on(8).is_none());
        ledger.tick += 8 * 60;
    }
    seal_all(&mut ledger.journal);
    let filler = fill(&small);
    let error = (0..20).find_map(|_| ledger.go_on(10)).expect("it is full").to_string();
    assert!(error.contains("free space on that file system"), "{error}");

    let due: Vec<_> = ledger.journal.segments().unwrap().into_iter().filter(|segment| segment.sealed).collect();
    assert!(due.len() > 1);
    for segment in &due {
        // Whether the room that came back is enough to go on with is not its concern.
        let _ = try_dispose(&mut ledger.journal, &segment.name, noon());
        let key = dir.join("keys/segments").join(&segment.name).with_extension("key");
        assert!(
            !dir.join("segments").join(&segment.name).exists() && !key.exists(),
            "{} is past its time",
            segment.name
        );
        // Somebody else takes that room.
        fill(&small.join("journal"));
    }
    fs::remove_file(filler).unwrap();
    let _ = fs::remove_file(dir.join("filler"));

    assert!(ledger.go_on(10).is_none(), "it goes on by itself");
    ledger.flush().unwrap();
    let found = ledger.journal.reader().verify(None).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!(found.disposed, due.len() as u64);
}

#[test]
fn what_is_past_its_time_goes_from_a_full_disk_too() {
    let dir = tempfile::tempdir().unwrap();
    let mount = r#"mount -t tmpfs -o size=4m small "$JOURNAL_SMALL_DISK" && exec "$0" "$@""#;
    let in_a_namespace = |script: &str, arguments: &[&std::ffi::OsStr]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).args(arguments);
        command.env(SMALL, dir.path()).output()
    };
    if !in_a_namespace(mount, &["true".as_ref()]).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system may be mounted here");
        return;
    }
    let test = env::current_exe().unwrap();
    let arguments = ["--exact", "full_disk::lives_on_a_small_disk", "--nocapture"].map(std::ffi::OsStr::new);
    let output = in_a_namespace(mount, &[&[test.as_os_str()], &arguments[..]].concat()).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
