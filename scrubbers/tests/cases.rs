//! The cases in `tests/cases`: what each kind of secret looks like, and what only looks like one.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scrubbers::Scrubber;
use support::cases::{kinds, parts};
use support::key;

/// So many characters of a secret in one piece are too many.
const RUN: usize = 6;

fn scrubber() -> Scrubber {
    Scrubber::builder().build().expect("the table compiles")
}

/// The name that redacted `text`, with whatever else the marker holds.
fn marker<'a>(scrubbed: &'a str, before: &str, after: &str) -> Option<&'a str> {
    scrubbed.strip_prefix(before)?.strip_suffix(after)
}

#[test]
fn secrets_go_and_their_surroundings_stay() {
    let scrubber = scrubber();
    let mut wrong = Vec::new();
    for kind in kinds() {
        for marked in &kind.positive {
            let (before, secret, after) = parts(marked);
            let output = scrubber.scrub_text(&format!("{before}{secret}{after}"), &key()).into_owned();
            let marker = marker(&output, before, after);
            let characters: Vec<char> = secret.chars().collect();
            let leaks = |marker: &str| {
                let mut runs = characters.windows(RUN).map(|run| run.iter().collect::<String>());
                runs.any(|run| marker.contains(&run) && !kind.name.contains(&run.to_lowercase().replace('_', "-")))
            };
            let named = |marker: &str| marker.to_lowercase().replace('_', "-").contains(&kind.name);
            if !marker.is_some_and(|marker| !marker.is_empty() && !leaks(marker) && named(marker)) {
                wrong.push(format!("{}: {marked:?} became {output:?}", kind.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_no_secret_stays() {
    let scrubber = scrubber();
    let mut wrong = Vec::new();
    for kind in kinds() {
        for text in &kind.negative {
            let output = scrubber.scrub_text(text, &key());
            if output != *text {
                wrong.push(format!("{}: {text:?} became {output:?}", kind.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_has_its_cases() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut rules = BTreeSet::new();
    for entry in fs::read_dir(source).expect("the folder of rules") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a family of rules");
        let names = text.split("name: \"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
        for name in names {
            rules.insert(name.to_owned());
            assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{name}");
        }
    }
    let mut covered = BTreeSet::new();
    for kind in kinds() {
        assert!(kind.source.starts_with("https://"), "{} has no source", kind.name);
        assert!(kind.positive.len() >= 3 && kind.negative.len() >= 3, "{} has too few cases", kind.name);
        covered.insert(kind.name);
    }
    assert!(rules.is_subset(&covered), "{:?} have none", rules.difference(&covered));
}
