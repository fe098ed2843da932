//! Where the text of an answer ends on our account: at a stop sequence or at the token limit, whichever comes first.

use super::answer::FinishReason;
use super::limit::TokenLimit;
use super::stop::StopScanner;

/// Follows the text of one answer.
#[derive(Debug, Default, Clone)]
pub struct TextCutter {
    stop: StopScanner,
    limit: Option<TokenLimit>,
}

/// What of the text is the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Text to give out now.
    pub text: String,
    /// Why nothing may follow it, if so.
    pub reached: Option<FinishReason>,
}

// === impl TextCutter ===

impl TextCutter {
    /// Ends a text before the first of the stop `sequences`, or after `max_tokens` tokens.
    pub fn new(sequences: Vec<String>, max_tokens: Option<usize>) -> Self {
        Self { stop: StopScanner::new(sequences), limit: max_tokens.map(TokenLimit::new) }
    }

    /// Takes the next piece of text.
    pub fn push(&mut self, text: &str) -> Cut {
        let scan = self.stop.push(text);
        self.within_limit(scan.text, scan.met)
    }

    /// Gives what is held back: the text ends here, or makes room for something else.
    pub fn flush(&mut self) -> Cut {
        let rest = self.stop.flush();
        let mut cut = self.within_limit(rest, true);
        cut.reached = cut.reached.filter(|reason| *reason == FinishReason::Length);
        cut
    }

    /// What of `text` is within the limit; `last` if none follows, for which a stop sequence is the reason.
    fn within_limit(&mut self, text: String, last: bool) -> Cut {
        let stopped = last.then_some(FinishReason::Stop);
        let Some(limit) = &mut self.limit else { return Cut { text, reached: stopped } };
        let mut within = limit.push(&text);
        if last && !within.exceeded {
            let rest = limit.flush();
            within.text.push_str(&rest.text);
            within.exceeded = rest.exceeded;
        }
        Cut { text: within.text, reached: if within.exceeded { Some(FinishReason::Length) } else { stopped } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, reached: Option<FinishReason>) -> Cut {
        Cut { text: text.to_owned(), reached }
    }

    #[test]
    fn whichever_comes_first_ends_the_text() {
        let mut cutter = TextCutter::new(vec!["three".to_owned()], Some(2));
        assert_eq!(cutter.push("one two three"), cut("one two", Some(FinishReason::Length)));
        let mut cutter = TextCutter::new(vec![" two".to_owned()], Some(2));
        assert_eq!(cutter.push("one two three"), cut("one", Some(FinishReason::Stop)));
    }

    #[test]
    fn what_is_held_comes_at_the_end() {
        let mut cutter = TextCutter::new(vec!["END".to_owned()], None);
        assert_eq!(cutter.push("the EN"), cut("the ", None));
        assert_eq!(cutter.flush(), cut("EN", None));
    }
}
