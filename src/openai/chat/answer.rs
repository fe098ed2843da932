//! One choice of an answer, followed from its turn's events. Both forms of the answer are written from it.

use std::collections::VecDeque;
use std::sync::Arc;

use journal::Tokens;

use super::cut::TextCutter;
use super::rules::Rules;
use crate::openai::tokens;
use crate::turn::{FailureKind, IncompleteReason, ToolCall, TurnEnd, TurnEvent, TurnFailure};

/// What a choice has given so far.
#[derive(Debug, Default)]
pub struct Answer {
    rules: Arc<Rules>,
    cutter: TextCutter,
    /// Text that waits for the call without which it is no answer.
    withheld: String,
    text: String,
    calls: Vec<ToolCall>,
    tokens: Tokens,
    usage: Usage,
    end: Option<AnswerEnd>,
    /// What it gave and nobody took yet.
    pieces: VecDeque<Piece>,
}

/// What is known of the usage of its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Usage {
    /// Nothing, as long as nobody reports it.
    #[default]
    Unknown,
    /// What the worker reported.
    Exact,
    /// What was counted here, as a turn that is interrupted reports nothing.
    Counted,
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
    /// An answer by these rules.
    pub fn new(rules: Arc<Rules>) -> Self {
        Self { cutter: rules.cutter(), rules, ..Self::default() }
    }

    /// The answer to start over with, after one without the call that it had to make. What that one cost is not forgotten.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { tokens: self.tokens, ..Self::new(self.rules.clone()) }
    }

    /// Takes in the turn's next event.
    pub fn follow(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Text(text) => self.take_text(&text),
            TurnEvent::Reasoning(_) => self.pieces.push_back(Piece::Reasoning),
            TurnEvent::ToolCall(call) => self.take_call(call),
            TurnEvent::ResponseCompleted(tokens) => {
                self.report(tokens);
                if !self.calls.is_empty() {
                    self.finish(FinishReason::ToolCalls);
                }
            }
            TurnEvent::Ended(end) => self.ended(end),
        }
    }

    /// The next piece of what it gave.
    pub fn next_piece(&mut self) -> Option<Piece> {
        self.pieces.pop_front()
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The calls so far.
    pub fn calls(&self) -> &[ToolCall] {
        &self.calls
    }

    /// Usage so far: exact, unless [`Answer::is_counted`].
    pub fn tokens(&self) -> Tokens {
        self.tokens
    }

    /// Whether usage was counted here.
    pub fn is_counted(&self) -> bool {
        self.usage == Usage::Counted
    }

    /// Whether it ended before the worker reported usage, so that [`Answer::count_usage`] is all that can tell.
    pub fn lacks_usage(&self) -> bool {
        self.usage == Usage::Unknown && matches!(self.end, Some(AnswerEnd::Finished(_)))
    }

    /// Counts the usage of a turn that had a prompt of `prompt` tokens, if it lacks it.
    pub fn count_usage(&mut self, prompt: u64) {
        if self.lacks_usage() {
            let calls = self.calls.iter().map(|call| tokens::count(&call.name) + tokens::count(&call.arguments));
            let output = tokens::count(&self.text) + calls.sum::<usize>();
            let output = u64::try_from(output).unwrap_or(u64::MAX);
            self.tokens += Tokens { input: prompt, output, ..Tokens::default() };
            self.usage = Usage::Counted;
        }
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&AnswerEnd> {
        self.end.as_ref()
    }

    /// Whether it has ended and every piece of it was taken.
    pub fn is_complete(&self) -> bool {
        self.end.is_some() && self.pieces.is_empty()
    }

    fn take_text(&mut self, text: &str) {
        // What a model says beside its calls comes before them; later text is meant for nobody.
        if self.end.is_some() || !self.calls.is_empty() {
            return;
        }
        let cut = self.cutter.push(text);
        self.give(cut.text);
        if let Some(reason) = cut.reached {
            self.finish(reason);
        }
    }

    fn take_call(&mut self, call: ToolCall) {
        if self.end.is_some() || self.rules.demand.as_ref().is_some_and(|demand| !demand.is_met_by(&call)) {
            return;
        }
        if self.rules.single_call && !self.calls.is_empty() {
            return self.finish(FinishReason::ToolCalls);
        }
        let rest = self.cutter.flush();
        self.give(rest.text);
        let index = self.calls.len();
        self.calls.push(call.clone());
        self.release();
        self.pieces.push_back(Piece::Call { index, call });
    }

    fn give(&mut self, text: String) {
        if self.rules.demand.is_some() && self.calls.is_empty() {
            self.withheld.push_str(&text);
        } else {
            self.emit(text);
        }
    }

    /// Gives the text that was withheld.
    fn release(&mut self) {
        let text = std::mem::take(&mut self.withheld);
        self.emit(text);
    }

    fn emit(&mut self, text: String) {
        if !text.is_empty() {
            self.text.push_str(&text);
            self.pieces.push_back(Piece::Text(text));
        }
    }

    fn report(&mut self, tokens: Tokens) {
        // The end that was counted is told already.
        if self.usage != Usage::Counted {
            self.tokens += tokens;
            self.usage = Usage::Exact;
        }
    }

    fn ended(&mut self, end: TurnEnd) {
        match end {
            TurnEnd::Completed => self.finish(FinishReason::Stop),
            // By somebody else: we interrupt only what has ended for the client. Half an answer must not look whole.
            TurnEnd::Interrupted => self.set_end(AnswerEnd::Failed(TurnFailure {
                kind: FailureKind::Other,
                message: "the worker interrupted the turn".to_owned(),
            })),
            TurnEnd::Incomplete { reason, tokens } => {
                if let Some(tokens) = tokens {
                    self.report(tokens);
                }
                self.finish(match reason {
                    IncompleteReason::MaxOutputTokens => FinishReason::Length,
                    IncompleteReason::ContentFilter => FinishReason::ContentFilter,
                });
            }
            TurnEnd::Failed(failure) => self.set_end(AnswerEnd::Failed(failure)),
        }
    }

    fn finish(&mut self, reason: FinishReason) {
        if self.end.is_some() {
            return;
        }
        let rest = self.cutter.flush();
        self.give(rest.text);
        // A client that got calls must answer them, whatever else ended the turn.
        let reason = if self.calls.is_empty() { rest.reached.unwrap_or(reason) } else { FinishReason::ToolCalls };
        match &self.rules.demand {
            // An answer that was cut had no time to obey.
            Some(demand) if reason == FinishReason::Stop => self.set_end(AnswerEnd::Failed(demand.failure())),
            _ => {
                self.release();
                self.set_end(AnswerEnd::Finished(reason));
            }
        }
    }

    /// The first end counts: a turn that called tools is interrupted afterwards, which is no news to the client.
    fn set_end(&mut self, end: AnswerEnd) {
        if self.end.is_none() {
            self.end = Some(end.clone());
            self.pieces.push_back(Piece::End(end));
        }
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
    use super::super::tool_choice::Demand;
    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall { call_id: id.into(), name: "f".into(), arguments: "{}".into() }
    }

    fn text(text: &str) -> TurnEvent {
        TurnEvent::Text(text.to_owned())
    }

    fn finished(reason: FinishReason) -> Piece {
        Piece::End(AnswerEnd::Finished(reason))
    }

    fn completed() -> TurnEvent {
        TurnEvent::ResponseCompleted(Tokens { input: 11, output: 7, ..Tokens::default() })
    }

    /// The answer by `rules` to these events, and its pieces.
    fn follow(rules: Rules, events: impl IntoIterator<Item = TurnEvent>) -> (Answer, Vec<Piece>) {
        let mut answer = Answer::new(Arc::new(rules));
        let mut pieces = Vec::new();
        for event in events {
            answer.follow(event);
            pieces.extend(std::iter::from_fn(|| answer.next_piece()));
        }
        (answer, pieces)
    }

    #[test]
    fn a_turn_with_calls_ends_for_the_client_when_the_response_is_complete() {
        let interrupted = TurnEvent::Ended(TurnEnd::Interrupted);
        let events = [text("let me see"), TurnEvent::ToolCall(call("a")), text("tail"), completed(), interrupted];
        let (answer, pieces) = follow(Rules::default(), events);
        let expected = [
            Piece::Text("let me see".into()),
            Piece::Call { index: 0, call: call("a") },
            finished(FinishReason::ToolCalls),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(answer.text(), "let me see");
    }

    #[test]
    fn an_incomplete_answer_keeps_its_text_and_usage() {
        let tokens = Tokens { input: 11, output: 7, ..Tokens::default() };
        let end = TurnEnd::Incomplete { reason: IncompleteReason::MaxOutputTokens, tokens: Some(tokens) };
        let (answer, pieces) = follow(Rules::default(), [text("half"), TurnEvent::Ended(end)]);
        assert_eq!(pieces, [Piece::Text("half".into()), finished(FinishReason::Length)]);
        assert_eq!((answer.tokens(), answer.lacks_usage()), (tokens, false));
    }

    #[test]
    fn a_turn_that_somebody_interrupted_is_no_answer() {
        let (_, pieces) = follow(Rules::default(), [text("half"), TurnEvent::Ended(TurnEnd::Interrupted)]);
        assert!(matches!(pieces.last(), Some(Piece::End(AnswerEnd::Failed(_)))));
    }

    #[test]
    fn calls_beat_length() {
        let end = TurnEnd::Incomplete { reason: IncompleteReason::MaxOutputTokens, tokens: None };
        let (_, pieces) = follow(Rules::default(), [TurnEvent::ToolCall(call("a")), TurnEvent::Ended(end)]);
        assert_eq!(pieces.last(), Some(&finished(FinishReason::ToolCalls)));
    }

    #[test]
    fn a_stop_sequence_ends_the_answer_and_its_usage_is_counted() {
        let rules = Rules { stop: vec!["END".to_owned()], ..Rules::default() };
        let (mut answer, pieces) = follow(rules, [text("hello world E"), text("ND of it"), text("more")]);
        assert_eq!(pieces, [Piece::Text("hello world ".into()), finished(FinishReason::Stop)]);
        assert!(answer.lacks_usage());
        answer.count_usage(5);
        answer.follow(completed());
        assert_eq!((answer.tokens().input, answer.tokens().output, answer.is_counted()), (5, 3, true));
    }

    #[test]
    fn text_that_only_looks_like_a_stop_sequence_comes_at_the_end() {
        let rules = Rules { stop: vec!["END".to_owned()], ..Rules::default() };
        let (answer, pieces) = follow(rules, [text("the EN"), completed(), TurnEvent::Ended(TurnEnd::Completed)]);
        let expected = [Piece::Text("the ".into()), Piece::Text("EN".into()), finished(FinishReason::Stop)];
        assert_eq!(pieces, expected);
        assert!(!answer.lacks_usage());
    }

    #[test]
    fn the_token_limit_ends_the_answer_with_length() {
        let rules = Rules { max_tokens: Some(2), ..Rules::default() };
        let (_, pieces) = follow(rules, ["one", " two", " three", " four"].map(text));
        let expected = [Piece::Text("one".into()), Piece::Text(" two".into()), finished(FinishReason::Length)];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn text_waits_for_the_call_that_is_demanded() {
        let rules = Rules { demand: Some(Demand::Named("f".to_owned())), ..Rules::default() };
        let other = ToolCall { name: "g".into(), ..call("b") };
        let events =
            [text("let "), TurnEvent::ToolCall(other), text("me"), TurnEvent::ToolCall(call("a")), completed()];
        let (_, pieces) = follow(rules.clone(), events);
        let expected = [
            Piece::Text("let me".into()),
            Piece::Call { index: 0, call: call("a") },
            finished(FinishReason::ToolCalls),
        ];
        assert_eq!(pieces, expected);

        let (answer, pieces) = follow(rules, [text("no"), completed(), TurnEvent::Ended(TurnEnd::Completed)]);
        let [Piece::End(AnswerEnd::Failed(failure))] = &pieces[..] else { panic!("{pieces:?}") };
        assert_eq!(failure.kind, FailureKind::NotCalled);
        assert_eq!(answer.again().tokens(), answer.tokens(), "what the first try cost is not forgotten");
    }

    #[test]
    fn one_call_is_passed_on_where_one_is_allowed() {
        let rules = Rules { single_call: true, ..Rules::default() };
        let calls = ["a", "b"].map(|id| TurnEvent::ToolCall(call(id)));
        let (answer, pieces) = follow(rules.clone(), calls.into_iter().chain([completed()]));
        let expected = [Piece::Call { index: 0, call: call("a") }, finished(FinishReason::ToolCalls)];
        assert_eq!((pieces, answer.calls().len()), (expected.to_vec(), 1));
        let (answer, _) = follow(rules, [TurnEvent::ToolCall(call("a")), completed()]);
        assert!(!answer.lacks_usage(), "a single call by itself leaves usage exact");
    }
}
