//! kill -9 at any moment.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, io};

use crate::support::{lines, noise, open, stderr};

const DIR: &str = "JOURNAL_CRASH_DIR";

/// Not a test of its own: the process that is killed. It appends and tells after each flush how many of its events that
/// covers.
#[test]
fn writes_until_killed() {
    let Some(dir) = env::var_os(DIR) else { return };
    let mut journal = open(Path::new(&dir));
    let mut out = io::stdout();
    for n in 0_u64.. {
        let seq = journal.append(&stderr(noise(if n % 7 == 3 { 300_000 } else { 3000 }, n))).unwrap();
        if n % 2 == 0 {
            journal.flush().unwrap();
            io::Write::write_all(&mut out, format!("\nflushed {seq}\n").as_bytes()).unwrap();
        }
    }
}

#[test]
fn a_kill_loses_nothing_flushed_and_leaves_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=6 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crash::writes_until_killed", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut flushed = 0;
        let mut told = 0;
        for line in output.lines().map_while(Result::ok) {
            if let Some(seq) = line.strip_prefix("flushed ") {
                flushed = seq.parse().unwrap();
                told += 1;
                if told == round * 5 {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(told >= round * 5, "the child ended by itself");

        let journal = open(dir.path());
        assert!(journal.reader().head() >= flushed);
        assert_eq!(lines(&journal.reader()).len() as u64, journal.reader().head());
    }
}
