//! Scores what a scrubber makes of labelled texts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// At most so many lines of each sort are shown.
const SHOWN: usize = 25;

/// How many of how many.
#[derive(Default)]
struct Share {
    bad: usize,
    all: usize,
}

/// What came of a corpus.
#[derive(Default)]
pub(crate) struct Score {
    leaked: Share,
    damaged: Share,
    over: Share,
    by_kind: BTreeMap<String, Share>,
    by_surrounding: BTreeMap<String, Share>,
    examples: Vec<String>,
}

// === impl Score ===

impl Score {
    /// Takes what `text` became, in which `secret` stood among the `rest`, in the text also as `plain`.
    pub(crate) fn positive(&mut self, place: (&str, &str), texts: (&str, &str), secret: (&str, &str), rest: &str) {
        let (text, output) = texts;
        let leaks = leaked(secret.0, output) || leaked(secret.1, output);
        let kept = common(rest, output);
        let over = kept * 4 < rest.chars().count() * 3;
        self.leaked.count(leaks);
        self.over.count(over);
        self.place(place, leaks);
        if leaks || over {
            let what = if leaks { "leaked" } else { "over-redacted" };
            self.examples.push(format!("{what}: {} in {}: {text:?} became {output:?}", place.0, place.1));
        }
    }

    /// Takes what a harmless `text` became.
    pub(crate) fn negative(&mut self, place: (&str, &str), text: &str, output: &str) {
        self.damaged.count(text != output);
        self.place((&format!("harmless {}", place.0), place.1), text != output);
        if text != output {
            self.examples.push(format!("damaged: {} in {}: {text:?} became {output:?}", place.0, place.1));
        }
    }

    /// Whether 99 of 100 secrets are gone, and of 100 texts at most one is damaged and at most one over-redacted.
    pub(crate) fn is_good(&self) -> bool {
        [&self.leaked, &self.damaged, &self.over].iter().all(|share| share.bad * 100 <= share.all)
    }

    fn place(&mut self, (kind, surrounding): (&str, &str), bad: bool) {
        self.by_kind.entry(kind.to_owned()).or_default().count(bad);
        self.by_surrounding.entry(surrounding.to_owned()).or_default().count(bad);
    }
}

/// The worst kinds and surroundings, and what happened there.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leaked, damaged, over, .. } = self;
        writeln!(f, "leaked {leaked}, damaged {damaged}, over-redacted {over}")?;
        for table in [&self.by_surrounding, &self.by_kind] {
            let mut worst: Vec<_> = table.iter().filter(|(_, share)| share.bad > 0).collect();
            worst.sort_by_key(|(_, share)| std::cmp::Reverse(share.bad));
            for (name, share) in worst.into_iter().take(SHOWN) {
                writeln!(f, "  {share}  {name}")?;
            }
        }
        // From all over the list, not only of its first kinds.
        let step = self.examples.len().div_ceil(SHOWN).max(1);
        self.examples.iter().step_by(step).try_for_each(|example| writeln!(f, "{example}"))
    }
}

// === impl Share ===

impl Share {
    fn count(&mut self, bad: bool) {
        self.all += 1;
        self.bad += usize::from(bad);
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.bad, self.all)
    }
}

/// Whether all of `value`, or 60 % of it in one piece, but no less than six characters, is in `output`.
fn leaked(value: &str, output: &str) -> bool {
    let characters: Vec<char> = value.chars().collect();
    let length = if characters.len() > 8 { (characters.len() * 3 / 5).max(6) } else { characters.len() };
    characters.windows(length).any(|part| output.contains(&part.iter().collect::<String>()))
}

/// How many characters two texts have in common, wherever they stand.
fn common(one: &str, other: &str) -> usize {
    let mut counts = HashMap::<char, usize>::new();
    for character in other.chars() {
        *counts.entry(character).or_default() += 1;
    }
    let taken = |character| counts.get_mut(&character).filter(|count| **count > 0).map(|count| *count -= 1);
    one.chars().filter_map(taken).count()
}
