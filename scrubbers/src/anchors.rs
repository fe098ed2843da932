//! Finds many short words in one pass over a text.

use std::ops::Range;

/// So many characters of a word decide whether it is worth a comparison.
const HEAD: usize = 4;

/// What is kept of a character: bits that are the same in both cases of a letter.
const BITS: usize = 5;

/// A character has so many codes.
const CODES: usize = 1 << BITS;

/// Three characters in a row have so many codes.
const TRIPLES: usize = 1 << (3 * BITS);

/// Codes of three characters.
type Set = Box<[u64; TRIPLES / 64]>;

/// Looks for words, in any case of ASCII letters.
///
/// A word can stand where its first three characters and those from the second to the fourth are such as words begin with. The two
/// sets that say so fit into the processor's nearest cache, and no step waits for the one before. An automaton's states do
/// neither: it takes half as long again (`docs/performance.md`).
pub(crate) struct Anchors {
    /// Codes of the first three characters of words.
    first: Set,
    /// Codes of their second to fourth characters.
    second: Set,
    /// For each code of three characters, where its words begin in `order`; and the end of the last.
    places: Box<[u32]>,
    /// Numbers of words, by the code of their first three characters.
    order: Vec<usize>,
    words: Vec<Box<[u8]>>,
}

/// The last characters of a text that is read one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window(usize);

// === impl Anchors ===

impl Anchors {
    /// Looks for `words`, of which none is empty.
    pub(crate) fn new<W: Into<Box<[u8]>>>(words: impl IntoIterator<Item = W>) -> Self {
        let words: Vec<Box<[u8]>> = words.into_iter().map(Into::into).collect();
        let (mut first, mut second) = (Box::new([0; TRIPLES / 64]), Box::new([0; TRIPLES / 64]));
        let mut begun = Vec::new();
        for (number, word) in words.iter().enumerate() {
            for triple in triples(word) {
                insert(&mut first, triple);
                begun.push((triple, number));
            }
            triples(word.get(1..).unwrap_or_default()).for_each(|triple| insert(&mut second, triple));
        }
        begun.sort_unstable();
        let mut places = vec![0; TRIPLES + 1].into_boxed_slice();
        for (triple, place) in places.iter_mut().enumerate() {
            let before = begun.partition_point(|(other, _)| *other < triple);
            *place = u32::try_from(before).expect("words are not that many");
        }
        let order = begun.into_iter().map(|(_, number)| number).collect();
        Self { first, second, places, order, words }
    }

    /// Reads one more character, and says whether a word may begin three before it. Behind the end of a text come three that are 0.
    #[inline]
    pub(crate) fn may_begin(&self, window: &mut Window, byte: u8) -> bool {
        window.0 = (window.0 << BITS | usize::from(byte) & (CODES - 1)) & (TRIPLES * CODES - 1);
        contains(&self.first, window.0 >> BITS) & contains(&self.second, window.0 & (TRIPLES - 1))
    }

    /// Calls `found` for every occurrence of a word, also of one within another, from left to right: with the word's number and where
    /// it stands.
    pub(crate) fn each(&self, text: &str, mut found: impl FnMut(usize, Range<usize>)) {
        let bytes = text.as_bytes();
        let (mut window, mut at) = (Window::default(), 0);
        while let Some(place) = self.next(bytes, &mut at, &mut window) {
            self.at(bytes, place, window).for_each(|(number, range)| found(number, range));
        }
    }

    /// The words that stand at `place`, of which `window` says that some may.
    fn at(&self, text: &[u8], place: usize, window: Window) -> impl Iterator<Item = (usize, Range<usize>)> {
        let triple = window.0 >> BITS;
        let begun = &self.order[self.places[triple] as usize..self.places[triple + 1] as usize];
        begun.iter().filter_map(move |&number| {
            let word = &self.words[number];
            let range = place..place + word.len();
            let is_there = text.get(range.clone()).is_some_and(|there| there.eq_ignore_ascii_case(word));
            is_there.then_some((number, range))
        })
    }

    /// Whether a word occurs.
    pub(crate) fn any(&self, text: &str) -> bool {
        let (mut window, mut at) = (Window::default(), 0);
        while let Some(place) = self.next(text.as_bytes(), &mut at, &mut window) {
            if self.at(text.as_bytes(), place, window).next().is_some() {
                return true;
            }
        }
        false
    }

    /// Reads on from `at` to where a word may begin. A function of its own, so that all it needs stays in registers.
    #[inline(never)]
    fn next(&self, text: &[u8], at: &mut usize, window: &mut Window) -> Option<usize> {
        let mut current = *window;
        let mut may_begin = |&byte: &u8| self.may_begin(&mut current, byte);
        let found = match text.get(*at..).and_then(|rest| rest.iter().position(&mut may_begin)) {
            Some(read) => Some(*at + read),
            None => ((*at).max(text.len())..text.len() + HEAD - 1).find(|_| may_begin(&0)),
        };
        *window = current;
        *at = found? + 1;
        // The first three characters stand for what was before the text.
        if *at < HEAD { self.next(text, at, window) } else { Some(*at - HEAD) }
    }
}

fn contains(set: &Set, triple: usize) -> bool {
    set[triple / 64] >> (triple % 64) & 1 != 0
}

fn insert(set: &mut Set, triple: usize) {
    set[triple / 64] |= 1 << (triple % 64);
}

/// The codes of three characters that begin like `word`.
fn triples(word: &[u8]) -> impl Iterator<Item = usize> {
    let known = word.len().min(3);
    let begin = word[..known].iter().fold(0, |code, &byte| code << BITS | usize::from(byte) & (CODES - 1));
    let unknown = BITS * (3 - known);
    (0..1 << unknown).map(move |rest| begin << unknown | rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(words: &[&str], text: &str) -> Vec<(usize, usize)> {
        let anchors = Anchors::new(words.iter().map(|word| word.as_bytes()));
        let mut found = Vec::new();
        anchors.each(text, |word, range| found.push((range.start, word)));
        assert_eq!(anchors.any(text), !found.is_empty());
        found
    }

    #[test]
    fn every_occurrence_is_told_in_any_case() {
        assert_eq!(found(&["ab", "B", "abcde", "ab"], "xaBCDE b"), [(1, 0), (1, 2), (1, 3), (2, 1), (7, 1)]);
        assert_eq!(found(&["ab"], "  "), []);
    }

    proptest! {
        #[test]
        fn occurrences_are_what_a_search_finds(
            words in prop::collection::vec("[abAB @`é]{1,6}", 1..6),
            text in "[abAB @`é]{0,24}",
        ) {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let mut expected = Vec::new();
            for at in 0..text.len() {
                for (number, word) in words.iter().enumerate() {
                    let there = text.as_bytes().get(at..at + word.len());
                    if there.is_some_and(|there| there.eq_ignore_ascii_case(word.as_bytes())) {
                        expected.push((at, number));
                    }
                }
            }
            let mut found = found(&words, &text);
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
