//! Stop sequences: the answer ends before the first of them, also where deltas split it.

use serde_json::{Map, Value};

use crate::openai::error::InvalidRequest;

/// How many sequences a request may give; OpenAI's limit.
const MAX_SEQUENCES: usize = 4;

/// The longest sequence, in bytes. Ours: each delta is looked through for the head of every sequence.
const MAX_LENGTH: usize = 1024;

/// Looks for stop sequences in a text that comes in pieces.
#[derive(Debug, Default, Clone)]
pub struct StopScanner {
    sequences: Vec<String>,
    /// What may be the head of a sequence, not given out yet.
    held: String,
}

/// What a piece of text comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What can be given out now.
    pub text: String,
    /// Whether a sequence was met. Nothing may be given out after that.
    pub met: bool,
}

/// The stop sequences of `body`, none where it gives none.
///
/// # Errors
/// A `stop` that is neither a string nor an array of up to four strings, or one of whose strings is empty or too long.
pub fn sequences(body: &Map<String, Value>) -> Result<Vec<String>, InvalidRequest> {
    let sequences: Option<Vec<String>> = match body.get("stop") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(sequence)) => Some(vec![sequence.clone()]),
        Some(Value::Array(list)) => list.iter().map(|sequence| sequence.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    let valid = |list: &Vec<String>| {
        list.len() <= MAX_SEQUENCES && list.iter().all(|sequence| (1..=MAX_LENGTH).contains(&sequence.len()))
    };
    sequences.filter(valid).ok_or_else(|| {
        let message = format!(
            "stop must be a string or an array of up to {MAX_SEQUENCES} strings, each of 1 to {MAX_LENGTH} bytes"
        );
        InvalidRequest::new("stop", message)
    })
}

// === impl StopScanner ===

impl StopScanner {
    /// A scanner for `sequences`, none of which is empty.
    pub fn new(sequences: Vec<String>) -> Self {
        Self { sequences, held: String::new() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, text: &str) -> Scan {
        if self.sequences.is_empty() {
            return Scan { text: text.to_owned(), met: false };
        }
        let mut text = std::mem::take(&mut self.held) + text;
        if let Some(start) = self.first_met(&text) {
            text.truncate(start);
            return Scan { text, met: true };
        }
        self.held = text.split_off(text.len() - self.head_at_end(&text));
        Scan { text, met: false }
    }

    /// What is held once nothing more comes: no sequence, after all.
    pub fn flush(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Where the sequence begins that is complete first. By its end, so that it does not matter how the text was split.
    fn first_met(&self, text: &str) -> Option<usize> {
        let places = self.sequences.iter().filter_map(|sequence| Some((text.find(sequence)?, sequence.len())));
        places.min_by_key(|(start, length)| (start + length, *start)).map(|(start, _)| start)
    }

    /// The length of the longest end of `text` that begins a sequence.
    fn head_at_end(&self, text: &str) -> usize {
        let head = |sequence: &String| {
            let longest = (sequence.len() - 1).min(text.len());
            let is_head = |length: &usize| text.as_bytes().ends_with(&sequence.as_bytes()[..*length]);
            // Half a character cannot be an end of `text`: no such length needs to be left out.
            (1..=longest).rev().find(is_head).unwrap_or(0)
        };
        self.sequences.iter().map(head).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What comes out of `pieces`, and whether a sequence was met.
    fn run(sequences: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut scanner = StopScanner::new(sequences.iter().map(|sequence| (*sequence).to_owned()).collect());
        let mut out = String::new();
        for piece in pieces {
            let scan = scanner.push(piece);
            out.push_str(&scan.text);
            if scan.met {
                return (out, true);
            }
        }
        out.push_str(&scanner.flush());
        (out, false)
    }

    #[test]
    fn a_sequence_that_is_split_over_pieces_is_found() {
        assert_eq!(run(&["STOP"], &["before S", "T", "OP after"]), ("before ".to_owned(), true));
        assert_eq!(run(&["STOP"], &["before S", "T", "AY"]), ("before STAY".to_owned(), false));
        assert_eq!(run(&["aab"], &["aa", "ab"]), ("a".to_owned(), true));
        assert_eq!(run(&["\n\n", "ä!"], &["ä", "?", "ä", "!"]), ("ä?".to_owned(), true));
        assert_eq!(run(&["x"], &["x"]), (String::new(), true));
    }

    #[test]
    fn only_what_may_be_the_head_of_a_sequence_is_held_back() {
        let mut scanner = StopScanner::new(vec!["END".to_owned()]);
        assert_eq!(scanner.push("the E").text, "the ");
        assert_eq!(scanner.push("gg").text, "Egg");
    }

    #[test]
    fn stop_is_read_in_both_forms() {
        let read = |stop: Value| sequences(json!({ "stop": stop }).as_object().unwrap());
        assert_eq!(read(json!("a")).unwrap(), ["a"]);
        assert_eq!(read(json!(["a", "b"])).unwrap(), ["a", "b"]);
        assert!(read(Value::Null).unwrap().is_empty() && read(json!([])).unwrap().is_empty());
        for wrong in [json!(""), json!(1), json!(["a", 1]), json!(["1", "2", "3", "4", "5"]), json!("x".repeat(1025))] {
            assert_eq!(read(wrong).unwrap_err().param.as_deref(), Some("stop"));
        }
    }

    proptest! {
        #[test]
        fn how_the_text_is_split_does_not_matter(
            text in "[abä]{0,40}",
            sequences in prop::collection::vec("[abä]{1,4}", 1..4),
            size in 1usize..6,
        ) {
            let sequences: Vec<&str> = sequences.iter().map(String::as_str).collect();
            let characters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = characters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (out, met) = run(&sequences, &pieces);
            prop_assert_eq!((out.clone(), met), run(&sequences, &[&text]));
            prop_assert!(!sequences.iter().any(|sequence| out.contains(sequence)));
        }
    }
}
