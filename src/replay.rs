//! A recorded request once more, through the translators of today: the same frames in must give the same bytes out.
//!
//! Pure: ids and times are the recorded ones, and what the service's surroundings did (a client that left, a time that was over)
//! is taken as it was recorded. `turns` follows the worker's side, `answers` writes the client's, and the first chunk that differs
//! is a [`Difference`].

mod answers;
mod turns;

use jiff::Timestamp;
use journal::{Event, EventBody, Outcome, RequestId, RequestReceived, ResponseFinished};
use serde_json::Value;

use self::answers::Answers;
use self::turns::Turns;
use crate::http::error::ApiError;
use crate::openai::chat::output_mode::OutputRules;
use crate::openai::chat::request::ChatRequest;
use crate::openai::sse;

/// The route whose requests can be replayed.
const ROUTE: &str = "/v1/chat/completions";

/// More choices than any configuration allows: whether there were too many was decided when the request came.
const CHOICES_MAX: usize = 128;

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// The same bytes.
    Identical(Extent),
    /// Other bytes.
    Different(Box<Difference>),
    /// The request was refused for a reason that lies in the service's surroundings, before a worker saw it.
    Refused {
        /// The `code` of the refusal.
        code: String,
    },
}

/// How much was replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Frames of workers.
    pub frames: u64,
    /// Chunks of the answer, or 1 for one that does not stream.
    pub chunks: u64,
}

/// The first chunk that is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The event that records it; the end of the request, if something is missing there.
    pub seq: u64,
    /// When that was.
    pub at: Timestamp,
    /// The last frame before it.
    pub frame: Option<u64>,
    /// What was recorded; `None` if nothing more was.
    pub recorded: Option<String>,
    /// What the replay has in its place; `None` if nothing.
    pub replayed: Option<String>,
}

/// Why a request cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplayable {
    /// Its beginning is not there.
    #[error("there is no `request.received` of it: its beginning was disposed of or lies in another file")]
    NoBeginning,
    /// It is of a route without a worker.
    #[error("requests to {0} have no turns to replay")]
    NoTurns(String),
    /// Only sizes and digests of its content were kept.
    #[error("its content was not kept (scrub.content = \"drop\", or a key with --drop-content)")]
    Dropped,
    /// It was recorded by a service with settings that this one does not know.
    #[error("it was recorded with an output mode that this version does not know")]
    OtherVersion,
}

/// A request on its way through the translators.
struct Replay<'a> {
    turns: Turns,
    answers: Answers,
    extent: Extent,
    /// The last frame that came.
    frame: Option<u64>,
    /// How it ended, as far as that was recorded.
    finished: Option<&'a ResponseFinished>,
}

/// Replays the request that `events` tell of, in order. Events of others are passed over.
///
/// # Errors
/// If too little of it was kept.
pub fn replay(request: RequestId, events: &[Event]) -> Result<Replayed, Unplayable> {
    let of_request = || events.iter().filter(|event| event.draft.request == Some(request));
    let received = of_request().find_map(|event| match &event.draft.body {
        EventBody::RequestReceived(received) => Some(received),
        _ => None,
    });
    let received = received.ok_or(Unplayable::NoBeginning)?;
    if received.route != ROUTE {
        return Err(Unplayable::NoTurns(received.route.clone()));
    }
    let finished = of_request().find_map(|event| match &event.draft.body {
        EventBody::ResponseFinished(finished) => Some(finished),
        _ => None,
    });
    let refusal = of_request().find_map(|event| match &event.draft.body {
        EventBody::RequestRejected { code, .. } => Some(code),
        _ => None,
    });
    if let Some(code) = refusal {
        return Ok(replay_refusal(received, code, of_request()));
    }
    let mut replay = Replay::begin(request, received, finished, of_request())?;
    for event in of_request() {
        if let Err(difference) = replay.follow(event) {
            return Ok(Replayed::Different(Box::new(difference)));
        }
    }
    Ok(Replayed::Identical(replay.extent))
}

/// A refusal is replayed if it was the body's fault: nothing else of it can be told from the record.
fn replay_refusal<'a>(received: &RequestReceived, code: &str, mut events: impl Iterator<Item = &'a Event>) -> Replayed {
    let wrong = |choices_max| match serde_json::from_slice::<Value>(&received.body.0) {
        Err(_) => Some(ApiError::InvalidJson),
        Ok(body) => ChatRequest::parse(body, choices_max).err().map(ApiError::from),
    };
    let Some(error) = wrong(CHOICES_MAX).filter(|error| error.code() == code) else {
        return Replayed::Refused { code: code.to_owned() };
    };
    let replayed = error.body();
    let body = events.find_map(|event| match &event.draft.body {
        EventBody::ResponseChunk { bytes } => Some((event, bytes)),
        _ => None,
    });
    // The configuration is not in the record: it may have allowed any number of choices.
    let is_so_with = |recorded: &str, max| wrong(max).is_some_and(|error| error.body() == *recorded);
    match body {
        Some((event, recorded)) if !(1..=CHOICES_MAX).rev().any(|max| is_so_with(recorded, max)) => {
            Replayed::Different(Box::new(Difference {
                seq: event.seq,
                at: event.draft.at,
                frame: None,
                recorded: Some(recorded.clone()),
                replayed: Some(replayed),
            }))
        }
        _ => Replayed::Identical(Extent { frames: 0, chunks: 1 }),
    }
}

// === impl Replay ===

impl<'a> Replay<'a> {
    fn begin<'e>(
        request: RequestId,
        received: &RequestReceived,
        finished: Option<&'a ResponseFinished>,
        mut events: impl Iterator<Item = &'e Event>,
    ) -> Result<Self, Unplayable> {
        let body: Value = serde_json::from_slice(&received.body.0).map_err(|_| Unplayable::Dropped)?;
        let parsed = ChatRequest::parse(body, CHOICES_MAX).map_err(|_| Unplayable::Dropped)?;
        let output = events.find_map(|event| match &event.draft.body {
            EventBody::RequestAdmitted { output, .. } => Some(OutputRules::of_record(output.as_ref())),
            _ => None,
        });
        let output = output.unwrap_or_else(|| Some(OutputRules::default())).ok_or(Unplayable::OtherVersion)?;
        let choices = parsed.n;
        Ok(Self {
            turns: Turns::new(choices),
            answers: Answers::new(request, parsed, output),
            extent: Extent::default(),
            frame: None,
            finished,
        })
    }

    fn follow(&mut self, event: &Event) -> Result<(), Difference> {
        match &event.draft.body {
            EventBody::RpcSent(frame) if self.turns.sent(&frame.worker, &frame.frame.0) => self.answers.start_again(),
            EventBody::RpcReceived(frame) => {
                self.extent.frames += 1;
                self.frame = Some(event.seq);
                if let Some(error) = self.turns.refusal(&frame.worker, &frame.frame.0) {
                    self.answers.refuse(error);
                }
                if let Some((choice, step)) = self.turns.received(&frame.worker, &frame.frame.0)
                    && let Some(again) = self.answers.follow(choice, step)
                {
                    self.turns.start_over(again);
                }
            }
            EventBody::ResponseStarted { headers, .. } => {
                let streams = |(name, value): &(String, String)| name == "content-type" && value == sse::CONTENT_TYPE;
                if headers.iter().any(streams) {
                    self.answers.open_stream();
                }
            }
            EventBody::ResponseChunk { bytes } => {
                self.extent.chunks += 1;
                let error = self.finished.and_then(|finished| finished.error.as_deref());
                self.answers.expect(bytes, error).map_err(|replayed| self.difference(event, Some(bytes), replayed))?;
            }
            EventBody::ResponseFinished(ResponseFinished { outcome: Outcome::Ok, .. }) => {
                if let Some(left) = self.answers.left() {
                    return Err(self.difference(event, None, Some(left)));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn difference(&self, event: &Event, recorded: Option<&str>, replayed: Option<String>) -> Difference {
        let recorded = recorded.map(str::to_owned);
        Difference { seq: event.seq, at: event.draft.at, frame: self.frame, recorded, replayed }
    }
}

// === impl Difference ===

impl Difference {
    /// How many bytes are the same before the first that differs.
    pub fn common(&self) -> usize {
        let bytes = |text: &Option<String>| text.as_deref().unwrap_or_default().to_owned().into_bytes();
        bytes(&self.recorded).iter().zip(&bytes(&self.replayed)).take_while(|(one, other)| one == other).count()
    }
}
