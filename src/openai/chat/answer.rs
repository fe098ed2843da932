//! One choice of an answer, followed from its turn's events. Both forms of the answer are written from it.

use std::collections::VecDeque;
use std::sync::Arc;

use journal::Tokens;

use super::cut::TextCutter;
use super::obsidian::{self, Block, BlockScanner, Part};
use super::output_mode::StopAfterTools;
use super::rules::Rules;
use crate::openai::tokens;
use crate::turn::{FailureKind, IncompleteReason, ToolCall, TurnEnd, TurnEvent, TurnFailure};

/// What a choice has given so far.
#[derive(Debug, Default)]
pub struct Answer {
    rules: Arc<Rules>,
    /// Its place among the choices of the request.
    choice: usize,
    cutter: TextCutter,
    scanner: BlockScanner,
    /// Calls that the model wrote as text.
    blocks: Vec<Block>,
    /// Whether calls were left out because there were too many.
    truncated: bool,
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
    /// There were more calls than an answer may have.
    Truncated,
    /// Something that is no part of the answer but shows that the model is at work.
    Reasoning,
    /// The end.
    End(AnswerEnd),
}

// === impl Answer ===

impl Answer {
    /// The answer at the place `choice`, by these rules.
    pub fn new(rules: Arc<Rules>, choice: usize) -> Self {
        Self { cutter: rules.cutter(), rules, choice, ..Self::default() }
    }

    /// The answer to start over with, after one without the call that it had to make. What that one cost is not forgotten.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { tokens: self.tokens, ..Self::new(self.rules.clone(), self.choice) }
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

    /// Whether the client gets the text of an answer with calls, too.
    pub fn shows_text_beside_calls(&self) -> bool {
        self.rules.output.as_text()
    }

    /// Whether calls were left out because there were too many.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Whether it ends unless another call comes soon.
    pub fn awaits_calls(&self) -> bool {
        self.end.is_none() && !self.calls.is_empty() && self.rules.output.stops_after(StopAfterTools::Burst)
    }

    /// Ends an answer that waited for another call long enough.
    pub fn stop_waiting(&mut self) {
        if self.awaits_calls() {
            self.finish(FinishReason::ToolCalls);
        }
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
        // What a model says beside its calls comes before them; later text is meant for nobody but those who read calls as text.
        if self.end.is_some() || (!self.calls.is_empty() && !self.rules.output.as_text()) {
            return;
        }
        let cut = self.cutter.push(text);
        self.give(cut.text);
        if let Some(reason) = cut.reached {
            self.finish(reason);
        }
    }

    fn take_call(&mut self, call: ToolCall) {
        if self.end.is_some() {
            return;
        }
        let rest = self.cutter.flush();
        self.give(rest.text);
        let rest = self.scanner.flush();
        self.say(rest);
        // A model that writes its calls as text may make them, too.
        if !self.blocks.iter().any(|block| block.stands_for(&call.name, &call.arguments)) {
            self.pass(call, None);
        }
    }

    fn take_block(&mut self, block: Block) {
        let id = format!("tool_{}_{}", self.choice, self.calls.len());
        let call = ToolCall { call_id: id, name: block.name.clone(), arguments: block.arguments.clone() };
        if !self.calls.iter().any(|call| block.stands_for(&call.name, &call.arguments)) {
            self.pass(call, Some(block.text.clone()));
            self.blocks.push(block);
        }
    }

    /// Passes on a call, and in text form what stands for it: `block` where the model wrote that itself.
    fn pass(&mut self, call: ToolCall, block: Option<String>) {
        let output = self.rules.output;
        if self.end.is_some() || self.rules.demand.as_ref().is_some_and(|demand| !demand.is_met_by(&call)) {
            return;
        }
        if self.rules.single_call && !self.calls.is_empty() {
            return self.finish(FinishReason::ToolCalls);
        }
        if output.max_calls > 0 && self.calls.len() >= output.max_calls {
            self.truncated = true;
            self.pieces.push_back(Piece::Truncated);
            return self.finish(FinishReason::ToolCalls);
        }
        let as_text = output.as_text().then(|| block.unwrap_or_else(|| obsidian::block(&call.name, &call.arguments)));
        let index = self.calls.len();
        self.calls.push(call.clone());
        self.release();
        self.pieces.push_back(Piece::Call { index, call });
        self.emit(as_text.unwrap_or_default());
        if output.stops_after(StopAfterTools::First) {
            self.finish(FinishReason::ToolCalls);
        }
    }

    fn give(&mut self, text: String) {
        if !self.rules.output.as_text() {
            return self.say(text);
        }
        for part in self.scanner.push(&text) {
            match part {
                Part::Text(text) => self.say(text),
                Part::Block(block) => self.take_block(block),
            }
        }
    }

    /// Gives text that is no call.
    fn say(&mut self, text: String) {
        let output = self.rules.output;
        if self.end.is_some() {
            return;
        }
        if self.calls.is_empty() {
            if self.rules.demand.is_some() {
                self.withheld.push_str(&text);
            } else {
                self.emit(text);
            }
        } else if output.as_text() && !output.stop_after_tools && !output.suppress_tail {
            self.emit(text);
        } else if output.stops_after(StopAfterTools::Burst) && !text.trim().is_empty() {
            self.finish(FinishReason::ToolCalls);
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
        let held = self.scanner.flush();
        self.say(held);
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
mod tests;
