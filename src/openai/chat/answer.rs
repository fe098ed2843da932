//! One choice of an answer, followed from its turn's events. Both forms of the answer are written from it.

use journal::Tokens;

use crate::turn::{FailureKind, IncompleteReason, ToolCall, TurnEnd, TurnEvent, TurnFailure};

/// What a choice has given so far.
#[derive(Debug, Default)]
pub struct Answer {
    text: String,
    calls: Vec<ToolCall>,
    tokens: Tokens,
    end: Option<AnswerEnd>,
}

/// How a choice ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerEnd {
    /// Complete, or cut by the upstream as the reason says.
    Finished(FinishReason),
    /// Broken off.
    Failed(TurnFailure),
}

/// OpenAI's `finish_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// The token limit.
    Length,
    /// The client's tools are to be called.
    ToolCalls,
    /// The upstream's filter.
    ContentFilter,
}

/// What an event adds to a choice, for a client that reads along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// A tool call, the `index`th of this choice.
    Call {
        /// Its place among the calls, from 0.
        index: usize,
        /// The call.
        call: ToolCall,
    },
    /// Something that is no part of the answer but shows that the model is at work.
    Reasoning,
    /// The end.
    End(AnswerEnd),
}

// === impl Answer ===

impl Answer {
    /// Takes in the turn's next event.
    pub fn follow(&mut self, event: TurnEvent) -> Option<Piece> {
        match event {
            // What a model says beside its calls comes before them; later text is meant for nobody.
            TurnEvent::Text(text) if self.calls.is_empty() => {
                self.text.push_str(&text);
                Some(Piece::Text(text))
            }
            TurnEvent::Text(_) => None,
            TurnEvent::Reasoning(_) => Some(Piece::Reasoning),
            TurnEvent::ToolCall(call) => {
                let index = self.calls.len();
                self.calls.push(call.clone());
                Some(Piece::Call { index, call })
            }
            TurnEvent::ResponseCompleted(tokens) => {
                self.tokens += tokens;
                (!self.calls.is_empty()).then(|| self.finish(FinishReason::ToolCalls)).flatten()
            }
            TurnEvent::Ended(end) => self.ended(end),
        }
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The calls so far.
    pub fn calls(&self) -> &[ToolCall] {
        &self.calls
    }

    /// Exact usage so far.
    pub fn tokens(&self) -> Tokens {
        self.tokens
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&AnswerEnd> {
        self.end.as_ref()
    }

    fn ended(&mut self, end: TurnEnd) -> Option<Piece> {
        match end {
            TurnEnd::Completed => self.finish(FinishReason::Stop),
            // By somebody else: we interrupt only what has ended for the client. Half an answer must not look whole.
            TurnEnd::Interrupted => self.set_end(AnswerEnd::Failed(TurnFailure {
                kind: FailureKind::Other,
                message: "the worker interrupted the turn".to_owned(),
            })),
            TurnEnd::Incomplete { reason, tokens } => {
                self.tokens += tokens.unwrap_or_default();
                self.finish(match reason {
                    IncompleteReason::MaxOutputTokens => FinishReason::Length,
                    IncompleteReason::ContentFilter => FinishReason::ContentFilter,
                })
            }
            TurnEnd::Failed(failure) => self.set_end(AnswerEnd::Failed(failure)),
        }
    }

    fn finish(&mut self, reason: FinishReason) -> Option<Piece> {
        // A client that got calls must answer them, whatever else ended the turn.
        let reason = if self.calls.is_empty() { reason } else { FinishReason::ToolCalls };
        self.set_end(AnswerEnd::Finished(reason))
    }

    /// The first end counts: a turn that called tools is interrupted afterwards, which is no news to the client.
    fn set_end(&mut self, end: AnswerEnd) -> Option<Piece> {
        if self.end.is_some() {
            return None;
        }
        self.end = Some(end.clone());
        Some(Piece::End(end))
    }
}

// === impl FinishReason ===

impl FinishReason {
    /// OpenAI's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall { call_id: id.into(), name: "f".into(), arguments: "{}".into() }
    }

    #[test]
    fn a_turn_with_calls_ends_for_the_client_when_the_response_is_complete() {
        let mut answer = Answer::default();
        answer.follow(TurnEvent::Text("let me see".into()));
        assert_eq!(answer.follow(TurnEvent::ToolCall(call("a"))), Some(Piece::Call { index: 0, call: call("a") }));
        assert_eq!(answer.follow(TurnEvent::Text("tail".into())), None);
        let end = Piece::End(AnswerEnd::Finished(FinishReason::ToolCalls));
        assert_eq!(answer.follow(TurnEvent::ResponseCompleted(Tokens::default())), Some(end));
        assert_eq!(answer.follow(TurnEvent::Ended(TurnEnd::Interrupted)), None);
        assert_eq!(answer.text(), "let me see");
    }

    #[test]
    fn an_incomplete_answer_keeps_its_text_and_usage() {
        let mut answer = Answer::default();
        answer.follow(TurnEvent::Text("half".into()));
        let tokens = Tokens { input: 11, output: 7, ..Tokens::default() };
        let end = TurnEnd::Incomplete { reason: IncompleteReason::MaxOutputTokens, tokens: Some(tokens) };
        assert_eq!(answer.follow(TurnEvent::Ended(end)), Some(Piece::End(AnswerEnd::Finished(FinishReason::Length))));
        assert_eq!(answer.tokens(), tokens);
    }

    #[test]
    fn a_turn_that_somebody_interrupted_is_no_answer() {
        let mut answer = Answer::default();
        answer.follow(TurnEvent::Text("half".into()));
        let end = answer.follow(TurnEvent::Ended(TurnEnd::Interrupted));
        assert!(matches!(end, Some(Piece::End(AnswerEnd::Failed(_)))));
    }

    #[test]
    fn calls_beat_length() {
        let mut answer = Answer::default();
        answer.follow(TurnEvent::ToolCall(call("a")));
        let end = TurnEnd::Incomplete { reason: IncompleteReason::MaxOutputTokens, tokens: None };
        assert_eq!(
            answer.follow(TurnEvent::Ended(end)),
            Some(Piece::End(AnswerEnd::Finished(FinishReason::ToolCalls)))
        );
    }
}
