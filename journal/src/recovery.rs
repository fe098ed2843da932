//! After a crash: the summaries of requests whose end is in the journal and whose summary is not.

use std::collections::HashSet;
use std::sync::Arc;

use crate::envelope::Envelope;
use crate::error::Error;
use crate::event::RequestId;
use crate::events::{Events, Selection};
use crate::shared::Shared;
use crate::summary::{self, Summary, SummaryFold};

/// How `response.finished` stands in a line, to pass over lines cheaply.
const FINISHED: &str = r#""type":"response.finished""#;

/// Folds the lost summaries. They are among the requests finished in the last segment, because a new one is begun only
/// after the summaries of those before are synced.
pub(crate) fn lost_summaries(shared: &Arc<Shared>) -> Result<Vec<Summary>, Error> {
    let lost = finished_without_summary(shared)?;
    let Some(earliest) = lost.iter().min().copied() else { return Ok(Vec::new()) };
    tracing::warn!(requests = lost.len(), "the last run ended abruptly; summaries are folded again from the journal");
    let mut fold = SummaryFold::default();
    let mut summaries = Vec::new();
    for line in readable_lines(Events::since_request(Arc::clone(shared), earliest)) {
        let Ok(event) = Envelope::parse(&line) else { continue };
        if event.request.is_some_and(|id| lost.contains(&id)) {
            summaries.extend(fold.apply_envelope(&event));
        }
    }
    Ok(summaries)
}

fn finished_without_summary(shared: &Arc<Shared>) -> Result<HashSet<RequestId>, Error> {
    let mut lost = HashSet::new();
    let Some(newest) = shared.live() else { return Ok(lost) };
    let last_segment = Selection { from_seq: newest.first_seq, ..Selection::default() };
    for line in readable_lines(Events::new(Arc::clone(shared), last_segment)) {
        if !line.contains(FINISHED) {
            continue;
        }
        let Ok(event) = Envelope::parse(&line) else { continue };
        if event.kind != "response.finished" {
            continue;
        }
        if let Some(id) = event.request {
            let day = shared.day(summary::day_of(id, event.at))?;
            let is_there = day.map_or(Ok(false), |day| day.contains(id))?;
            if !is_there {
                lost.insert(id);
            }
        }
    }
    Ok(lost)
}

/// The texts of `events`. Damage costs the summaries of the requests it hit, and is reported to whoever reads those.
fn readable_lines(events: Events) -> impl Iterator<Item = String> {
    events.filter_map(|line| match line {
        Ok(line) => Some(line.text),
        Err(error) => {
            tracing::error!(%error, "summaries of requests in a damaged part of the journal cannot be folded again");
            None
        }
    })
}
