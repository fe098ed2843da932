//! The client's side of a recorded request: the answers that grow from the turns, and the chunks that were recorded of them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use journal::{RequestId, Tokens};
use regex::Regex;
use serde::Deserialize;

use crate::backend::TurnStartError;
use crate::backend::app_server::codec::RpcError;
use crate::backend::app_server::connection::CallError;
use crate::http::error::ApiError;
use crate::openai::chat::Envelope;
use crate::openai::chat::answer::{Answer, AnswerEnd, Piece};
use crate::openai::chat::completion::completion;
use crate::openai::chat::output_mode::OutputRules;
use crate::openai::chat::request::ChatRequest;
use crate::openai::chat::rules::Rules;
use crate::openai::chat::stream::ChunkWriter;
use crate::openai::{sse, tokens};
use crate::turn::{FailureKind, TurnEvent};

/// The answers to one request.
pub(super) struct Answers {
    request: ChatRequest,
    envelope: Envelope,
    rules: Arc<Rules>,
    choices: Vec<Answer>,
    /// The choices whose model was reminded of a call that it has to make.
    reminded: Vec<usize>,
    /// What it failed of, as far as that is in the frames.
    failure: Option<ApiError>,
    streams: bool,
    writer: ChunkWriter,
    /// Events of the stream that were not yet compared, by choice.
    written: Vec<VecDeque<String>>,
    /// The choice that the last compared event was of.
    last: usize,
    /// What it all cost, once every answer has its end.
    spent: Option<Tokens>,
    /// Whether the events that close the stream were compared.
    closed: bool,
}

/// What a chunk of a stream is, as far as that decides what it is compared with.
enum Kind {
    Keepalive,
    Choice(usize),
    /// The last ones: usage, with the times in it, and the end.
    Usage(Times),
    Done,
    Error,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Times>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice {
    index: usize,
}

#[derive(Deserialize)]
struct Times {
    time_to_first_token_ms: Option<u64>,
    total_duration_ms: u64,
}

/// A chunk that differs: what the replay has in its place.
type Replayed = Option<String>;

// === impl Answers ===

impl Answers {
    pub(super) fn new(id: RequestId, request: ChatRequest, output: OutputRules) -> Self {
        let envelope = Envelope {
            id: format!("chatcmpl-{id}"),
            created: id.time().map_or(0, jiff::Timestamp::as_second),
            model: request.model.clone(),
        };
        let rules = Arc::new(Rules { output, ..request.rules.clone() });
        let (choices, usage) = (request.n, request.include_usage);
        Self {
            choices: (0..choices).map(|choice| Answer::new(rules.clone(), choice)).collect(),
            writer: ChunkWriter::new(envelope.clone(), choices, usage, output.stop_mode),
            written: vec![VecDeque::new(); choices],
            request,
            envelope,
            rules,
            reminded: Vec::new(),
            failure: None,
            streams: false,
            last: 0,
            spent: None,
            closed: false,
        }
    }

    /// Takes in what happened to the turn of `choice`. Returns the choice if its turn starts over.
    pub(super) fn follow(&mut self, choice: usize, event: TurnEvent) -> Option<usize> {
        if self.spent.is_some() {
            // What comes behind the end was not waited for.
            return None;
        }
        self.choices[choice].follow(event);
        self.take_pieces(choice)
    }

    /// The worker answered a call with an error.
    pub(super) fn refuse(&mut self, error: RpcError) {
        self.failure.get_or_insert(TurnStartError::Call(CallError::Rpc(error)).into());
    }

    /// Every turn starts anew: the client had got nothing of the ones before.
    pub(super) fn start_again(&mut self) {
        self.failure = None;
        self.reminded.clear();
        for (choice, answer) in self.choices.iter_mut().enumerate() {
            *answer = Answer::new(self.rules.clone(), choice);
        }
        self.written.iter_mut().for_each(VecDeque::clear);
    }

    /// The head of a stream went out.
    pub(super) fn open_stream(&mut self) {
        self.streams = true;
        for (written, role) in self.written.iter_mut().zip(self.writer.open()) {
            written.push_front(role);
        }
    }

    /// Compares a recorded chunk; `error` is the code of the error that ended the request, if one did.
    pub(super) fn expect(&mut self, recorded: &str, error: Option<&str>) -> Result<(), Replayed> {
        if !self.streams {
            return self.expect_whole(recorded, error);
        }
        match Kind::of(recorded, self.last) {
            Kind::Keepalive => Ok(()),
            Kind::Choice(choice) => self.expect_of(choice, recorded),
            Kind::Usage(times) => {
                let events = self.closing(times.time_to_first_token_ms, times.total_duration_ms);
                same(recorded, events.first().cloned())
            }
            Kind::Done => {
                let events = self.closing(None, 0);
                self.closed = true;
                same(recorded, events.last().cloned())
            }
            Kind::Error => self.expect_error(recorded, error, |error| format!("data: {}\n\n", error.body())),
        }
    }

    /// What the replay has and the record has not.
    pub(super) fn left(&self) -> Replayed {
        let unwritten = self.written.iter().find_map(VecDeque::front).filter(|_| self.streams);
        unwritten.cloned().or_else(|| (self.streams && !self.closed).then(|| sse::DONE.to_owned()))
    }

    fn expect_whole(&mut self, recorded: &str, error: Option<&str>) -> Result<(), Replayed> {
        self.stop_waiting();
        if error.is_some() {
            return self.expect_error(recorded, error, ApiError::body);
        }
        let finished = |answer: Answer| match answer.end() {
            Some(&AnswerEnd::Finished(reason)) => Some((answer, reason)),
            _ => None,
        };
        let answers: Option<Vec<_>> = std::mem::take(&mut self.choices).into_iter().map(finished).collect();
        same(recorded, answers.map(|answers| completion(&self.envelope, &answers)))
    }

    fn expect_of(&mut self, choice: usize, recorded: &str) -> Result<(), Replayed> {
        let Some(written) = self.written.get(choice) else { return Err(None) };
        if written.is_empty() {
            self.stop_waiting();
        }
        self.last = choice;
        let next = self.written[choice].front();
        if next.is_some_and(|next| next == recorded) {
            self.written[choice].pop_front();
            return Ok(());
        }
        // A delta in the middle of a secret: all of that stands in the first, and an empty delta is no piece of an answer.
        if recorded.contains(r#""delta":{"content":""}"#) { Ok(()) } else { Err(next.cloned()) }
    }

    /// An error that the turn ended with is computed; one that came from elsewhere is as it was recorded.
    fn expect_error(
        &self,
        recorded: &str,
        code: Option<&str>,
        form: impl Fn(&ApiError) -> String,
    ) -> Result<(), Replayed> {
        let error = self.failure.clone().or_else(|| code.and_then(surroundings));
        let Some(error) = error else { return Err(None) };
        if error.is_of_login() {
            // Where a login can be made is not in the frames of the request.
            return Ok(());
        }
        let replayed = form(&error);
        // What an error quotes was redacted for the client already, under other pseudonyms than the journal's.
        if without_pseudonyms(recorded) == without_pseudonyms(&replayed) { Ok(()) } else { Err(Some(replayed)) }
    }

    /// The events that close the stream.
    fn closing(&mut self, ttft_ms: Option<u64>, duration_ms: u64) -> Vec<String> {
        self.stop_waiting();
        self.spent.map_or_else(Vec::new, |tokens| self.writer.close(tokens, ttft_ms, duration_ms))
    }

    /// Ends answers that waited for another call, which is a matter of time.
    fn stop_waiting(&mut self) {
        for choice in 0..self.choices.len() {
            if self.choices[choice].awaits_calls() {
                self.choices[choice].stop_waiting();
                self.take_pieces(choice);
            }
        }
    }

    fn take_pieces(&mut self, choice: usize) -> Option<usize> {
        while let Some(piece) = self.choices[choice].next_piece() {
            match piece {
                Piece::End(AnswerEnd::Failed(failure))
                    if failure.kind == FailureKind::NotCalled && !self.reminded.contains(&choice) =>
                {
                    self.reminded.push(choice);
                    self.choices[choice] = self.choices[choice].again();
                    return Some(choice);
                }
                Piece::End(AnswerEnd::Failed(failure)) => {
                    self.failure.get_or_insert(failure.into());
                }
                piece => self.written[choice].extend(self.writer.piece(choice, &piece)),
            }
        }
        if self.failure.is_none() && self.choices.iter().all(Answer::is_complete) {
            self.spend();
        }
        None
    }

    /// Every answer has its end: what it all cost is told from what is known at this moment.
    fn spend(&mut self) {
        if self.choices.iter().any(Answer::lacks_usage) {
            let prompt = tokens::count_items(&self.request.clone().plan("", None).items);
            for answer in &mut self.choices {
                answer.count_usage(u64::try_from(prompt).unwrap_or(u64::MAX));
            }
        }
        let mut sum = Tokens::default();
        for answer in &self.choices {
            sum += answer.tokens();
        }
        self.spent = Some(sum);
    }
}

/// The errors that have nothing to do with what the worker said, by their codes.
fn surroundings(code: &str) -> Option<ApiError> {
    let errors = [
        ApiError::ShuttingDown,
        ApiError::IdleTimeout,
        ApiError::RequestTimeout,
        ApiError::WorkerExited,
        ApiError::JournalUnavailable,
        ApiError::Internal,
    ];
    errors.into_iter().find(|error| error.code() == code)
}

/// `text` with the kinds of what was redacted, and not the pseudonyms: `[EMAIL:k3f9a2]` becomes `[EMAIL]`.
fn without_pseudonyms(text: &str) -> Cow<'_, str> {
    static PSEUDONYM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[([A-Z][A-Z0-9_]*):[a-z0-9]{6}\]").expect("the expression is valid"));
    PSEUDONYM.replace_all(text, "[$1]")
}

fn same(recorded: &str, replayed: Replayed) -> Result<(), Replayed> {
    if replayed.as_deref() == Some(recorded) { Ok(()) } else { Err(replayed) }
}

// === impl Kind ===

impl Kind {
    fn of(chunk: &str, last: usize) -> Self {
        if chunk == sse::KEEPALIVE {
            return Self::Keepalive;
        }
        if chunk == sse::DONE {
            return Self::Done;
        }
        let data = chunk.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Chunk>(data).ok());
        match data {
            Some(Chunk { error: Some(_), .. }) => Self::Error,
            Some(Chunk { choices, usage: Some(times), .. }) if choices.is_empty() => Self::Usage(times),
            Some(Chunk { choices, .. }) => {
                choices.first().map_or(Self::Choice(last), |choice| Self::Choice(choice.index))
            }
            // The comment behind the calls of the choice before.
            None => Self::Choice(last),
        }
    }
}
