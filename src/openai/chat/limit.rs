//! The limit on the answer's tokens, kept while the text streams: nothing beyond it is given out.

use crate::openai::tokens;

/// What is unsettled is at most about this many bytes: it is encoded anew with every piece.
const UNSETTLED_MAX: usize = 1024;

/// Counts a text that comes in pieces against a limit.
///
/// How many tokens a text is can change with what follows: `hel` and `lo` are one token together. So text beyond the limit is held
/// back until a word's end tells, and not cut at once.
#[derive(Debug, Clone)]
pub struct TokenLimit {
    /// What is left for `unsettled` and what follows it.
    left: usize,
    /// The end of the text whose tokens can still change.
    unsettled: String,
    /// How much of it was given out, in bytes.
    given: usize,
}

/// What a piece of text comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// What can be given out now.
    pub text: String,
    /// Whether the text goes beyond the limit. Nothing may be given out after that.
    pub exceeded: bool,
}

// === impl TokenLimit ===

impl TokenLimit {
    /// A limit of `max` tokens.
    pub fn new(max: usize) -> Self {
        Self { left: max, unsettled: String::new(), given: 0 }
    }

    /// Takes the next piece.
    pub fn push(&mut self, text: &str) -> Within {
        self.unsettled.push_str(text);
        let mut out = String::new();
        loop {
            let settled = match tokens::last_seam(&self.unsettled) {
                0 if self.unsettled.len() > UNSETTLED_MAX => self.unsettled.len(),
                seam => seam,
            };
            if settled == 0 {
                break;
            }
            let spent = tokens::count(&self.unsettled[..settled]);
            if spent > self.left {
                out.push_str(&self.cut(settled));
                (self.left, self.given) = (0, 0);
                self.unsettled.clear();
                return Within { text: out, exceeded: true };
            }
            out.push_str(self.unsettled.get(self.given..settled).unwrap_or_default());
            self.left -= spent;
            self.unsettled.drain(..settled);
            self.given = self.given.saturating_sub(settled);
        }
        if tokens::count(&self.unsettled) <= self.left {
            out.push_str(&self.unsettled[self.given..]);
            self.given = self.unsettled.len();
        }
        Within { text: out, exceeded: false }
    }

    /// What is left to give out where the text ends, or makes room for something else.
    pub fn flush(&mut self) -> Within {
        let spent = tokens::count(&self.unsettled);
        let exceeded = spent > self.left;
        let text = if exceeded { self.cut(self.unsettled.len()) } else { self.unsettled[self.given..].to_owned() };
        self.unsettled.clear();
        self.given = 0;
        self.left = self.left.saturating_sub(spent);
        Within { text, exceeded }
    }

    /// What of the first `end` unsettled bytes can still be given out within the limit.
    fn cut(&self, end: usize) -> String {
        let within = tokens::beginning(&self.unsettled[..end], self.left).len();
        self.unsettled.get(self.given..within).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out of `pieces`, and whether they go beyond the limit.
    fn run(max: usize, pieces: &[&str]) -> (String, bool) {
        let mut limit = TokenLimit::new(max);
        let mut out = String::new();
        for piece in pieces {
            let within = limit.push(piece);
            out.push_str(&within.text);
            if within.exceeded {
                assert_eq!(limit.flush().text, "", "nothing comes after the end");
                return (out, true);
            }
        }
        let rest = limit.flush();
        (out + &rest.text, rest.exceeded)
    }

    #[test]
    fn exactly_so_many_tokens_are_given() {
        assert_eq!(run(2, &["one", " two", " three"]), ("one two".to_owned(), true));
        assert_eq!(run(3, &["one two three"]), ("one two three".to_owned(), false));
        assert_eq!(run(1, &["one two three"]), ("one".to_owned(), true));
    }

    #[test]
    fn a_word_that_comes_in_pieces_is_counted_as_a_whole() {
        assert_eq!(run(2, &["h", "e", "ll", "o", " w", "or", "ld"]), ("hello world".to_owned(), false));
    }

    #[test]
    fn the_end_is_noticed_while_the_text_streams() {
        let mut limit = TokenLimit::new(3);
        let words: Vec<String> = (0..9).map(|number| format!("word{number} ")).collect();
        assert!(words.iter().any(|word| limit.push(word).exceeded));
    }

    proptest! {
        #[test]
        fn no_text_beyond_the_limit_and_none_lost_below_it(
            text in "([a-zA-Z]{1,8}|[0-9]{1,4}|[ \n]{1,2}|['.,/)]|[äß語。🤷]){0,30}",
            max in 1usize..12,
            size in 1usize..6,
        ) {
            let characters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = characters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (out, exceeded) = run(max, &pieces);
            prop_assert!(text.starts_with(&out));
            prop_assert_eq!(exceeded, tokens::count(&text) > max);
            if exceeded {
                prop_assert!(tokens::count(&out) <= max, "{:?} is {} tokens", out, tokens::count(&out));
            } else {
                prop_assert_eq!(out, text);
            }
        }
    }
}
