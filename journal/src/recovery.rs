//! After a crash: the summaries of requests whose end is in the journal and whose summary is not.

use std::collections::HashSet;
use std::sync::Arc;

use crate::envelope::Envelope;
use crate::error::Error;
use crate::event::RequestId;
use crate::events::{Events, Selection};
use crate::sealed::line;
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
    let summaries = fold(Events::since_request(Arc::clone(shared), earliest), &lost);
    if summaries.len() == lost.len() {
        return Ok(summaries);
    }
    // The clock was set back meanwhile, or they began long before.
    Ok(fold(Events::new(Arc::clone(shared), Selection::default()), &lost))
}

fn fold(events: Events, wanted: &HashSet<RequestId>) -> Vec<Summary> {
    let mut fold = SummaryFold::default();
    let mut summaries = Vec::new();
    for line in readable_lines(events) {
        if !line::request(&line).is_some_and(|id| wanted.contains(&id)) {
            continue;
        }
        summaries.extend(fold.apply(&line));
    }
    summaries
}

fn finished_without_summary(shared: &Arc<Shared>) -> Result<HashSet<RequestId>, Error> {
    let mut lost = HashSet::new();
    let Some(newest) = shared.live() else { return Ok(lost) };
    let from_seq = newest.first_seq.max(shared.summarised() + 1);
    let not_synced = Selection { from_seq, ..Selection::default() };
    for line in readable_lines(Events::new(Arc::clone(shared), not_synced)) {
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
