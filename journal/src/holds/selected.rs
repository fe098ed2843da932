//! Which events the holds in force ask for.

use std::collections::HashMap;

use serde::Deserialize;

use crate::compliance::{Hold, HoldSelector};
use crate::envelope::Envelope;
use crate::error::Error;
use crate::event::RequestId;
use crate::sealed::line;
use crate::shared::Shared;
use crate::summary::day_of;

/// Decides for the lines of a segment in order.
pub(crate) struct Selected<'a> {
    shared: &'a Shared,
    holds: Vec<Hold>,
    known: HashMap<RequestId, bool>,
}

/// The field of `request.received` that a hold can ask for.
#[derive(Deserialize)]
struct Received {
    key: Option<String>,
}

// === impl Selected ===

impl<'a> Selected<'a> {
    pub(crate) fn new(shared: &'a Shared, holds: Vec<Hold>) -> Self {
        Self { shared, holds, known: HashMap::new() }
    }

    /// Whether the event `line` is held: whether its request is.
    pub(crate) fn holds(&mut self, line: &str) -> Result<bool, Error> {
        let Some(id) = line::request(line) else { return Ok(false) };
        if let Some(held) = self.known.get(&id) {
            return Ok(*held);
        }
        let asks_for_keys = self.holds.iter().any(|hold| matches!(hold.selector, HoldSelector::Key(_)));
        let key = if asks_for_keys { self.key_of(id, line)? } else { None };
        let held = self.holds.iter().any(|hold| match &hold.selector {
            HoldSelector::Request(wanted) => *wanted == id,
            HoldSelector::Key(wanted) => key.as_ref() == Some(wanted),
            HoldSelector::Range { since, until } => id.time().is_some_and(|time| *since <= time && time < *until),
        });
        self.known.insert(id, held);
        Ok(held)
    }

    /// How many requests are held, of those that were asked about.
    pub(crate) fn requests(&self) -> u64 {
        self.known.values().filter(|held| **held).count() as u64
    }

    /// The key of the request `id`, whose first event here is `line`. Of one that began in an earlier segment only its summary
    /// tells.
    fn key_of(&self, id: RequestId, line: &str) -> Result<Option<String>, Error> {
        let Ok(event) = Envelope::parse(line) else { return Ok(None) };
        if event.kind == "request.received" {
            return Ok(serde_json::from_str::<Received>(event.data.get()).ok().and_then(|received| received.key));
        }
        let day = self.shared.day(day_of(id, event.at))?;
        let summary = day.map_or(Ok(None), |day| day.get(id))?;
        Ok(summary.and_then(|summary| summary.key))
    }
}
