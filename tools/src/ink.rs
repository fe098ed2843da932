//! Colours, for terminals that have them.

use journal::Outcome;

use crate::terminal::terminal;

/// How a text is meant, which is what its colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// A title.
    Title,
    /// It went well.
    Good,
    /// Somebody else is at fault.
    Warning,
    /// It went wrong here.
    Bad,
    /// Of less interest.
    Faint,
    /// What was looked for.
    Hit,
}

// === impl Ink ===

impl Ink {
    /// What an outcome says of a request. A status would not do: an answer that broke off had a good one.
    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok => Self::Good,
            Outcome::ServerError | Outcome::StreamAborted | Outcome::Overload => Self::Bad,
            _ => Self::Warning,
        }
    }

    /// `text` in this colour, if the terminal has colours.
    pub(crate) fn paint(self, text: &str) -> String {
        if terminal().colour && !text.is_empty() { self.painted(text) } else { text.to_owned() }
    }

    fn painted(self, text: &str) -> String {
        let code = match self {
            Self::Title => "1",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Hit => "1;31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
