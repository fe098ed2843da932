//! A request as it was recorded.

use jiff::Timestamp;
use journal::{Event, EventBody, RequestId, Summary, SummaryFold};

use crate::describe::{Describer, Description};
use crate::failure::Failure;
use crate::ink::Ink;
use crate::source::Lines;
use crate::text::plain;

/// The longest name that is shown whole, in characters.
const NAME_MAX: usize = 100;

/// The events of one request, in order, and what follows from them.
pub(super) struct Recording {
    pub(super) request: RequestId,
    pub(super) steps: Vec<Step>,
    /// `None` before it is finished, and where its beginning is missing.
    pub(super) summary: Option<Summary>,
}

/// One event.
pub(super) struct Step {
    /// As it stands.
    pub(super) line: String,
    /// As it was read; `None` for one that this version does not know.
    pub(super) event: Option<Event>,
    /// In words.
    pub(super) described: Description,
}

/// A line above the timeline: what, and how it is.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) ink: Option<Ink>,
}

// === impl Recording ===

impl Recording {
    /// Reads all of it, or as much as can be, with what kept the rest from being read.
    pub(super) fn read(lines: Lines, request: RequestId) -> (Self, Result<(), Failure>) {
        let mut words = Describer::default();
        let mut fold = SummaryFold::default();
        let (mut steps, mut summary) = (Vec::new(), None);
        let end = lines.each(|line| {
            let (described, event) = (words.describe(line)?, serde_json::from_str(line).ok());
            steps.push(Step { line: line.to_owned(), event, described });
            summary = summary.take().or_else(|| fold.apply(line));
            Ok(())
        });
        (Self { request, steps, summary }, end)
    }

    /// When its first event was.
    pub(super) fn began_at(&self) -> Option<Timestamp> {
        self.steps.first().map(|step| step.described.at)
    }

    /// How long after that `at` was, in milliseconds.
    pub(super) fn offset(&self, at: Timestamp) -> f64 {
        self.began_at().map_or(0.0, |began_at| at.duration_since(began_at).as_secs_f64() * 1000.0)
    }

    /// What its summary says, or what is known without one.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let received = self.steps.iter().find_map(|step| match &step.event.as_ref()?.draft {
            draft @ journal::Draft { body: EventBody::RequestReceived(received), .. } => Some((draft.at, received)),
            _ => None,
        });
        let mut facts = vec![Fact::new("request", self.request.to_string())];
        match (&self.summary, received) {
            (Some(summary), _) => facts.extend(summarised(summary)),
            (None, Some((at, received))) => facts.extend([
                Fact::new("at", at.to_string()),
                Fact::new("route", plain(&received.route, NAME_MAX)),
                Fact::new("key", name(received.key.as_deref())),
                Fact::new("status", "not finished: it still runs, or the service was cut off".to_owned()),
            ]),
            (None, None) => facts.push(Fact::new("status", self.why_unknown().to_owned())),
        }
        facts
    }

    /// Why its beginning is not there.
    fn why_unknown(&self) -> &'static str {
        let is_erased = |step: &Step| step.described.kind == "event.erased";
        if self.steps.first().is_some_and(is_erased) {
            return "erased: its content was destroyed before its time; `codex-trace audit log --action segment.erased` says why";
        }
        "its beginning is past its time or could not be read"
    }
}

fn summarised(summary: &Summary) -> Vec<Fact> {
    let Summary { at, status, duration_ms, .. } = summary;
    let outcome = summary.outcome.as_str();
    let error = summary.error.as_deref().map_or_else(String::new, |code| format!(" ({})", plain(code, NAME_MAX)));
    let stream = if summary.stream { "streamed" } else { "not streamed" };
    let tokens = summary.tokens.map_or_else(none, |tokens| {
        format!(
            "{} in ({} cached), {} out ({} reasoning)",
            tokens.input, tokens.cached, tokens.output, tokens.reasoning
        )
    });
    let ttft = summary.ttft_ms.map_or_else(|| "no content".to_owned(), |ms| format!("first content after {ms:.1} ms"));
    let ended = Fact::new("status", format!("{status} {outcome}{error}, {stream}"));
    vec![
        Fact::new("at", at.to_string()),
        Fact::new("route", plain(&summary.route, NAME_MAX)),
        Fact::new("model", name(summary.model.as_deref())),
        Fact::new("key", name(summary.key.as_deref())),
        Fact { ink: Some(Ink::of_outcome(summary.outcome)), ..ended },
        Fact::new("tokens", tokens),
        Fact::new("time", format!("{ttft}, all after {duration_ms:.1} ms")),
        Fact::new("worker", name(summary.worker.as_deref())),
        Fact::new("events", summary.events.to_string()),
    ]
}

fn name(name: Option<&str>) -> String {
    name.map_or_else(none, |name| plain(name, NAME_MAX))
}

fn none() -> String {
    "-".to_owned()
}

// === impl Fact ===

impl Fact {
    fn new(name: &'static str, value: String) -> Self {
        Self { name, value, ink: None }
    }
}
