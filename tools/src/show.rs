//! `show`: one request as a timeline.

use jiff::Timestamp;
use journal::{Event, EventBody, RequestId, Summary, SummaryFold};

use crate::describe::{Describer, Description};
use crate::failure::Failure;
use crate::output::Output;
use crate::source::Lines;
use crate::text::plain;

/// The longest name that is shown whole, in characters.
const NAME_MAX: usize = 100;

/// What is known of a request before it is finished.
struct Beginning {
    at: Timestamp,
    route: String,
    key: Option<String>,
}

/// Prints the events of one request, below what its summary says. Only the descriptions wait for the end, where the summary is.
pub(crate) fn print(lines: Lines, request: RequestId) -> Result<(), Failure> {
    let mut output = Output::for_answer(&lines);
    let mut describer = Describer::default();
    let mut fold = SummaryFold::default();
    let (mut timeline, mut beginning, mut summary) = (Vec::new(), None, None);
    let end = lines.each(|line| {
        let event = describer.describe(line)?;
        if event.kind == "request.received" {
            beginning = Beginning::from_line(line);
        }
        timeline.push(event);
        summary = summary.take().or_else(|| fold.apply(line));
        Ok(())
    });
    let Some(first) = timeline.first().map(|event| event.at) else { return end };
    output.line(&format!("request   {request}"))?;
    match (&summary, &beginning) {
        (Some(summary), _) => facts(summary).iter().try_for_each(|fact| output.line(fact))?,
        (None, Some(beginning)) => beginning.facts().iter().try_for_each(|fact| output.line(fact))?,
        (None, None) => output.line("status    its beginning is past its time or could not be read")?,
    }
    output.line("")?;
    output.line(&format!("{:>7}  {:>10}  {:<15}  {:<17}  {:>7}  WHAT", "SEQ", "MS", "DIRECTION", "TYPE", "BYTES"))?;
    timeline.iter().try_for_each(|event| output.line(&moment(event, first)))?;
    output.end()?;
    end
}

fn facts(summary: &Summary) -> Vec<String> {
    let Summary { at, status, duration_ms, .. } = summary;
    let outcome = summary.outcome.as_str();
    let stream = if summary.stream { "streamed" } else { "not streamed" };
    let tokens = summary.tokens.map_or_else(none, |tokens| {
        format!(
            "{} in ({} cached), {} out ({} reasoning)",
            tokens.input, tokens.cached, tokens.output, tokens.reasoning
        )
    });
    let ttft = summary.ttft_ms.map_or_else(|| "no content".to_owned(), |ms| format!("first content after {ms:.1} ms"));
    vec![
        format!("at        {at}"),
        format!("route     {}", plain(&summary.route, NAME_MAX)),
        format!("model     {}", name(summary.model.as_deref())),
        format!("key       {}", name(summary.key.as_deref())),
        format!("status    {status} {outcome}, {stream}"),
        format!("tokens    {tokens}"),
        format!("time      {ttft}, all after {duration_ms:.1} ms"),
        format!("worker    {}", name(summary.worker.as_deref())),
        format!("events    {}", summary.events),
    ]
}

fn moment(event: &Description, first: Timestamp) -> String {
    let offset = event.at.duration_since(first).as_secs_f64() * 1000.0;
    let direction = event.direction.map_or("", |direction| direction.as_str());
    let bytes = event.bytes.map_or_else(none, |bytes| bytes.to_string());
    let Description { seq, kind, text, .. } = event;
    format!("{seq:>7}  {offset:>+10.1}  {direction:<15}  {kind:<17}  {bytes:>7}  {text}")
}

fn name(name: Option<&str>) -> String {
    name.map_or_else(none, |name| plain(name, NAME_MAX))
}

fn none() -> String {
    "-".to_owned()
}

// === impl Beginning ===

impl Beginning {
    fn from_line(line: &str) -> Option<Self> {
        let event: Event = serde_json::from_str(line).ok()?;
        match event.draft.body {
            EventBody::RequestReceived(received) => {
                Some(Self { at: event.draft.at, route: received.route, key: received.key })
            }
            _ => None,
        }
    }

    fn facts(&self) -> [String; 4] {
        [
            format!("at        {}", self.at),
            format!("route     {}", plain(&self.route, NAME_MAX)),
            format!("key       {}", name(self.key.as_deref())),
            "status    not finished: it still runs, or the service was cut off".to_owned(),
        ]
    }
}
