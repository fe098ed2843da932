//! The journal against a list in memory, under random use.

use proptest::prelude::*;

use crate::support::{HOUR, later, lines, noise, open, stderr};

#[derive(Debug, Clone)]
enum Step {
    Append { len: usize, hours: i32 },
    Flush,
    Close,
    Drop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![8 => 0..2000_usize, 2 => 20_000..140_000_usize, 1 => 140_000..400_000_usize];
    let hours = prop_oneof![9 => Just(0), 1 => Just(1)];
    let append = (len, hours).prop_map(|(len, hours)| Step::Append { len, hours });
    let step = prop_oneof![12 => append, 4 => Just(Step::Flush), 1 => Just(Step::Close), 1 => Just(Step::Drop)];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_flushed_is_there_and_nothing_else_comes_between(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path());
        let (mut appended, mut flushed) = (Vec::<String>::new(), 0);
        let mut clock = jiff::SignedDuration::ZERO;
        for (step, state) in steps.into_iter().zip(1..) {
            match step {
                Step::Append { len, hours } => {
                    clock += HOUR * hours;
                    let text = format!("<{}>", noise(len, state));
                    journal.append(&later(stderr(text.as_str()), clock)).unwrap();
                    appended.push(text);
                }
                Step::Flush => {
                    journal.flush().unwrap();
                    flushed = appended.len();
                }
                Step::Close => {
                    journal.close().unwrap();
                    journal = open(dir.path());
                    flushed = appended.len();
                }
                Step::Drop => {
                    drop(journal);
                    journal = open(dir.path());
                }
            }
            if matches!(step, Step::Append { .. }) {
                continue;
            }
            let kept: Vec<String> = lines(&journal.reader()).into_iter().filter(|line| line.contains("worker.stderr")).collect();
            prop_assert!(kept.len() >= flushed && kept.len() <= appended.len());
            for (line, text) in kept.iter().zip(&appended) {
                prop_assert!(line.contains(text.as_str()));
            }
            if matches!(step, Step::Drop) {
                // Full blocks were written without a flush and are kept; the open one is lost.
                appended.truncate(kept.len());
                flushed = kept.len();
            }
            prop_assert_eq!(journal.reader().head(), lines(&journal.reader()).len() as u64);
        }
    }
}
