//! An event on its way into the journal: serialised and scrubbed, without its number.

use std::ops::Range;

use jiff::Timestamp;

use crate::counts::Counts;
use crate::error::Error;
use crate::event::{Draft, RequestId};
use crate::payload::Payload;
use crate::pseudonyms::DayKey;
use crate::scrub::Scrub;
use crate::summary::Step;

/// What stands before an event's data.
const DATA: &str = r#""data":"#;

/// A serialised and scrubbed event. It can be made on another thread than the one that appends it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) request: Option<RequestId>,
    /// What it is to the summary of its request.
    pub(crate) step: Step,
    /// The event's type, if the event also goes to the ledger.
    pub(crate) for_ledger: Option<String>,
    /// One line of JSON without its end: `{"at":…,"request":…,"type":…,"data":…,"scrubbed":…}`.
    pub(crate) json: String,
    /// Where the data are.
    data: Range<usize>,
    scrubbed: Counts,
}

// === impl Entry ===

impl Entry {
    /// Serialises and scrubs, with `key` for pseudonyms. Fails with [`Error::Scrub`] if what the scrubber leaves is not the same
    /// event any more.
    pub(crate) fn new(draft: &Draft, key: &DayKey, scrub: &dyn Scrub) -> Result<Self, Error> {
        Self::scrubbed_by(draft, |json| scrub.scrub(key, json))
    }

    /// Serialises an event that holds nothing of a client's.
    pub fn unscrubbed(draft: &Draft) -> Result<Self, Error> {
        Self::scrubbed_by(draft, |_| Counts::default())
    }

    /// What was redacted from it.
    pub fn scrubbed(&self) -> &Counts {
        &self.scrubbed
    }

    /// Serialises and scrubs as `scrub` does.
    pub(crate) fn scrubbed_by(draft: &Draft, scrub: impl FnOnce(&mut String) -> Counts) -> Result<Self, Error> {
        let broken = |what: &str| Error::Scrub { what: what.to_owned() };
        let mut json = serialised(draft).map_err(|error| broken(&format!("it does not serialise: {error}")))?;
        // The first one there is, because nothing before it is text of somebody's choosing.
        let data = json.find(DATA).ok_or_else(|| broken("it has no data"))? + DATA.len();
        let envelope = json[..data].to_owned();
        let scrubbed = scrub(&mut json);
        if !json.starts_with(&envelope) {
            return Err(broken("its time, request or type was changed"));
        }
        if memchr::memchr(b'\n', json.as_bytes()).is_some() {
            return Err(broken("it has a line break"));
        }
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&json) {
            return Err(broken(&format!("it is no JSON object any more (column {})", error.column())));
        }
        let (kind, data) = (kind(&envelope), data..json.len() - 1);
        if !scrubbed.is_empty() {
            let counts = serde_json::to_string(&scrubbed).expect("names and numbers serialise");
            json.insert_str(data.end, &format!(r#","scrubbed":{counts}"#));
        }
        Ok(Self {
            at: draft.at,
            request: draft.request,
            step: Step::parse(kind, &json[data.clone()]),
            for_ledger: draft.body.is_for_ledger().then(|| kind.to_owned()),
            json,
            data,
            scrubbed,
        })
    }

    /// Its data as JSON.
    pub(crate) fn data(&self) -> &str {
        &self.json[self.data.clone()]
    }
}

/// The event as JSON. What it carries can be as large as a body, so that growing from nothing would take twice its memory.
fn serialised(draft: &Draft) -> serde_json::Result<String> {
    const ENVELOPE: usize = 512;
    let mut json = Vec::with_capacity(draft.body.payload().map_or(0, Payload::len) + ENVELOPE);
    serde_json::to_writer(&mut json, draft)?;
    Ok(String::from_utf8(json).expect("JSON is UTF-8"))
}

/// The type in `…,"type":"…","data":`.
fn kind(envelope: &str) -> &str {
    envelope.rsplit('"').nth(3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventBody;
    use crate::cipher::DataKey;

    fn stopped() -> Draft {
        Draft { at: Timestamp::UNIX_EPOCH, request: None, body: EventBody::ServiceStopped { requests_cut: 2 } }
    }

    #[test]
    fn it_knows_its_data_and_what_the_ledger_is_to_get() {
        let entry = Entry::unscrubbed(&stopped()).unwrap();
        assert_eq!((entry.data(), entry.for_ledger.as_deref()), (r#"{"requests_cut":2}"#, None));
        let body = EventBody::JournalResumed { unrecorded: 3 };
        let entry = Entry::unscrubbed(&Draft { body, ..stopped() }).unwrap();
        assert_eq!((entry.data(), entry.for_ledger.as_deref()), (r#"{"unrecorded":3}"#, Some("journal.resumed")));
    }

    #[test]
    fn what_the_scrubber_breaks_is_refused() {
        type Break = fn(&mut String);
        struct Breaks(Break);
        impl Scrub for Breaks {
            fn scrub(&self, _: &DayKey, json: &mut String) -> Counts {
                self.0(json);
                [("jwt", 1), ("email", 2)].into_iter().collect()
            }
        }
        let key = DayKey::from(DataKey::generate());
        let breaks: [Break; 5] = [
            |json| json.clear(),
            |json| json.push('\n'),
            |json| json.push('}'),
            |json| *json = json.replace("1970", "1971"),
            |json| *json = json.replace("service.stopped", "service.began"),
        ];
        for broken in breaks {
            assert!(matches!(Entry::new(&stopped(), &key, &Breaks(broken)), Err(Error::Scrub { .. })));
        }
        let entry = Entry::new(&stopped(), &key, &Breaks(|json| *json = json.replace('2', "9"))).unwrap();
        assert_eq!(entry.data(), r#"{"requests_cut":9}"#);
        assert!(entry.json.ends_with(r#""data":{"requests_cut":9},"scrubbed":{"email":2,"jwt":1}}"#), "{}", entry.json);
    }
}
