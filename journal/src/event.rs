//! What the journal holds: one [`Event`] per thing that happened.
//!
//! An event is one line of JSON: `{"seq":7,"at":"…","request":"…","type":"rpc.sent","data":{…}}`, and
//! `"scrubbed":{"email":2}` behind the data if something was redacted. [`EventBody`] is the closed list of what can happen; it changes by addition only, so that old journals stay readable.

mod data;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

pub use self::data::{AuditRead, Frame, Outcome, OutputForm, RequestReceived, ResponseFinished, Tokens, UsageSource};
use crate::compliance::{
    Hold, HoldCarried, HoldDisposed, HoldLifted, LedgerDisposed, PseudonymsDisposed, SegmentDisposed, SegmentErased,
    SegmentOpened, SegmentQuarantined, SegmentRecovered, SegmentSealed, SummariesDisposed,
};
use crate::counts::Counts;
use crate::payload::Payload;

/// One line of the journal.
#[derive(Debug, Clone)]
pub struct Event {
    /// Position in the journal: 1, 2, 3, … without a gap.
    pub seq: u64,
    /// What happened, when, and for which request.
    pub draft: Draft,
    /// What was redacted from it.
    pub scrubbed: Counts,
}

/// An event that has no place in the journal yet.
#[derive(Debug, Clone, Serialize)]
pub struct Draft {
    /// When the event entered the recorder.
    pub at: Timestamp,
    /// The HTTP request it belongs to; `None` for lifecycle events and frames that carry no thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// Names one HTTP request, in `X-Request-Id` and everywhere else. A UUIDv7, so that an id names its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Uuid);

/// Everything that can happen. The serialised form is `{"type":"…","data":{…}}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum EventBody {
    /// An HTTP request was read, or as much of it as could be.
    #[serde(rename = "request.received")]
    RequestReceived(RequestReceived),
    /// The request passed every check and got its place on a worker.
    #[serde(rename = "request.admitted")]
    RequestAdmitted {
        /// Time spent waiting for that place, in milliseconds.
        queue_wait_ms: f64,
        /// The form of the answer, where it is not OpenAI's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<OutputForm>,
    },
    /// The request was refused before a worker saw it.
    #[serde(rename = "request.rejected")]
    RequestRejected {
        /// The HTTP status of the refusal.
        status: u16,
        /// The `code` of the error body.
        code: String,
        /// The `message` of the error body.
        message: String,
    },
    /// The head of the response went out.
    #[serde(rename = "response.started")]
    ResponseStarted {
        /// The HTTP status.
        status: u16,
        /// The response headers in the order they were set.
        headers: Vec<(String, String)>,
    },
    /// Bytes of the response body: one SSE event, one SSE comment, or the whole body of an answer that does not stream.
    #[serde(rename = "response.chunk")]
    ResponseChunk {
        /// The bytes as text (everything this service writes is UTF-8).
        bytes: String,
    },
    /// The last byte of the answer is about to go out, or nobody is left to read it. The last event of its request.
    #[serde(rename = "response.finished")]
    ResponseFinished(ResponseFinished),
    /// A JSON-RPC frame was written to a worker.
    #[serde(rename = "rpc.sent")]
    RpcSent(Frame),
    /// A JSON-RPC frame, or a line that is none, was read from a worker.
    #[serde(rename = "rpc.received")]
    RpcReceived(Frame),
    /// A worker process was started.
    #[serde(rename = "worker.spawned")]
    WorkerSpawned {
        /// The worker's name, unique within one run of the service.
        worker: String,
        /// Its process id, which is also its process group.
        pid: u32,
        /// The Codex version as `codex --version` gives it.
        version: String,
    },
    /// The worker answered `initialize`.
    #[serde(rename = "worker.handshaken")]
    WorkerHandshaken {
        /// The worker's name.
        worker: String,
        /// How the worker names itself.
        user_agent: String,
        /// Spawn to answer, in milliseconds.
        after_ms: f64,
    },
    /// The worker takes turns now.
    #[serde(rename = "worker.ready")]
    WorkerReady {
        /// The worker's name.
        worker: String,
        /// Spawn to ready, in milliseconds.
        after_ms: f64,
        /// How many models its `model/list` names.
        models: usize,
    },
    /// The worker did not start, or cannot be used and will be ended.
    #[serde(rename = "worker.unhealthy")]
    WorkerUnhealthy {
        /// The worker's name.
        worker: String,
        /// `handshake_timeout`, `handshake_failed` or `start_failed`.
        reason: String,
        /// What exactly went wrong.
        detail: String,
    },
    /// The worker process ended.
    #[serde(rename = "worker.exited")]
    WorkerExited {
        /// The worker's name.
        worker: String,
        /// Its exit code, if it exited by itself.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// Whether the service ended it on purpose.
        expected: bool,
        /// Spawn to end, in milliseconds.
        uptime_ms: f64,
    },
    /// The next start of a worker is due.
    #[serde(rename = "worker.restart_scheduled")]
    WorkerRestartScheduled {
        /// Wait before the start, in milliseconds.
        delay_ms: u64,
        /// Failures in a row, this one included.
        consecutive_failures: u32,
        /// `exit` for a worker that had been ready, `start` for one that never was.
        reason: String,
    },
    /// The worker wrote a line on stderr.
    #[serde(rename = "worker.stderr")]
    WorkerStderr {
        /// The worker's name.
        worker: String,
        /// The line without its line end.
        line: String,
    },
    /// The upstream of the worker refused the base instructions, so that its threads get Codex's own from then on.
    #[serde(rename = "worker.instructions_refused")]
    WorkerInstructionsRefused {
        /// The worker's name.
        worker: String,
    },
    /// The service is up: configuration read, journal open, socket bound.
    #[serde(rename = "service.started")]
    ServiceStarted {
        /// Version of this software.
        version: String,
        /// Its process id.
        pid: u32,
        /// The address it listens on.
        address: String,
        /// SHA-256 of the effective configuration with secrets masked, in hex.
        config_digest: String,
    },
    /// The service takes no more work and waits for what runs.
    #[serde(rename = "service.draining")]
    ServiceDraining {
        /// What asked for it: a signal's name.
        reason: String,
        /// Requests still running.
        requests: usize,
    },
    /// The last event of a run that ended in order.
    #[serde(rename = "service.stopped")]
    ServiceStopped {
        /// Requests that had to be cut at the drain deadline.
        requests_cut: usize,
    },
    /// Somebody read the journal.
    #[serde(rename = "audit.read")]
    AuditRead(AuditRead),
    /// The journal began a new segment.
    #[serde(rename = "segment.opened")]
    SegmentOpened(SegmentOpened),
    /// A segment got its final form.
    #[serde(rename = "segment.sealed")]
    SegmentSealed(SegmentSealed),
    /// A segment is damaged.
    #[serde(rename = "segment.quarantined")]
    SegmentQuarantined(SegmentQuarantined),
    /// The newest segment did not end as it should have.
    #[serde(rename = "segment.recovered")]
    SegmentRecovered(SegmentRecovered),
    /// A segment was destroyed.
    #[serde(rename = "segment.disposed")]
    SegmentDisposed(SegmentDisposed),
    /// Content of some requests in a segment was destroyed before its time.
    #[serde(rename = "segment.erased")]
    SegmentErased(SegmentErased),
    /// Stands in the place of an event of which nothing is left but its number, time, request and type.
    #[serde(rename = "event.erased")]
    EventErased {
        /// The type of the event that stood here.
        was: String,
    },
    /// A legal hold was placed.
    #[serde(rename = "hold.placed")]
    HoldPlaced(Hold),
    /// A legal hold was lifted.
    #[serde(rename = "hold.lifted")]
    HoldLifted(HoldLifted),
    /// What is held of a segment was carried over.
    #[serde(rename = "hold.carried")]
    HoldCarried(HoldCarried),
    /// What was held of a segment was destroyed.
    #[serde(rename = "hold.disposed")]
    HoldDisposed(HoldDisposed),
    /// The summaries of a day were destroyed.
    #[serde(rename = "summaries.disposed")]
    SummariesDisposed(SummariesDisposed),
    /// The key of a day's pseudonyms was destroyed.
    #[serde(rename = "pseudonyms.disposed")]
    PseudonymsDisposed(PseudonymsDisposed),
    /// A month of the ledger was destroyed.
    #[serde(rename = "ledger.disposed")]
    LedgerDisposed(LedgerDisposed),
    /// From now on another retention policy is in force.
    #[serde(rename = "policy.changed")]
    PolicyChanged {
        /// SHA-256 of the policy, in hex.
        digest: String,
        /// The policy.
        policy: serde_json::Value,
    },
    /// Something that can be changed while the service runs was changed.
    #[serde(rename = "flag.changed")]
    FlagChanged {
        /// What: a key of the configuration, `auth.keys` for the file of keys.
        flag: String,
        /// What it was, for people; masked if it is a secret.
        from: String,
        /// What it is now.
        to: String,
        /// Who did it: `uid:1000` through the control socket, `SIGHUP`, `file` for a file that was seen to change.
        actor: String,
    },
    /// Maintenance began, ended, or says something else.
    #[serde(rename = "maintenance.changed")]
    MaintenanceChanged {
        /// Whether there is maintenance from now on.
        on: bool,
        /// What clients are told; `None` for the usual.
        message: Option<String>,
        /// When they are told to come back, in seconds; `None` at the end.
        retry_after_s: Option<u64>,
        /// Who did it, as in `flag.changed`.
        actor: String,
    },
    /// Every key was wrapped anew.
    #[serde(rename = "key.rotated")]
    KeyRotated {
        /// The id of the master key before.
        from: String,
        /// The id of the master key from now on.
        to: String,
        /// How many keys were wrapped.
        keys: usize,
        /// Who did it.
        actor: String,
    },
    /// How far the journal was, for whoever keeps the ledger's head elsewhere.
    #[serde(rename = "journal.anchored")]
    JournalAnchored {
        /// The last event that was durable.
        seq: u64,
        /// The chain behind it, in hex.
        link: String,
    },
    /// The journal can be written again, after a time in which the service went on without it.
    #[serde(rename = "journal.resumed")]
    JournalResumed {
        /// How many events of that time are not in the journal.
        unrecorded: u64,
    },
}

// === impl Event ===

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            seq: u64,
            #[serde(flatten)]
            draft: &'a Draft,
            #[serde(skip_serializing_if = "Counts::is_empty")]
            scrubbed: &'a Counts,
        }
        Line { seq: self.seq, draft: &self.draft, scrubbed: &self.scrubbed }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    // By hand because serde's `flatten` buffers its input, which a `RawValue` inside cannot pass.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Line {
            seq: u64,
            at: Timestamp,
            request: Option<RequestId>,
            #[serde(rename = "type")]
            kind: String,
            data: Box<RawValue>,
            #[serde(default)]
            scrubbed: Counts,
        }
        let line = Line::deserialize(deserializer)?;
        let body = format!(r#"{{"type":"{}","data":{}}}"#, line.kind, line.data.get());
        let body = serde_json::from_str(&body).map_err(D::Error::custom)?;
        Ok(Self { seq: line.seq, draft: Draft { at: line.at, request: line.request, body }, scrubbed: line.scrubbed })
    }
}

// === impl EventBody ===

impl EventBody {
    /// What came from outside as it is, if the event carries such a thing.
    pub(crate) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::RequestReceived(received) => Some(&received.body),
            Self::RpcSent(frame) | Self::RpcReceived(frame) => Some(&frame.frame),
            _ => None,
        }
    }

    /// Whether the event also goes to the ledger. `segment.opened` does as well, but not before the segment is durable.
    pub(crate) fn is_for_ledger(&self) -> bool {
        matches!(
            self,
            Self::AuditRead(_)
                | Self::SegmentSealed(_)
                | Self::SegmentQuarantined(_)
                | Self::SegmentRecovered(_)
                | Self::SegmentDisposed(_)
                | Self::SegmentErased(_)
                | Self::HoldPlaced(_)
                | Self::HoldLifted(_)
                | Self::HoldCarried(_)
                | Self::HoldDisposed(_)
                | Self::SummariesDisposed(_)
                | Self::PseudonymsDisposed(_)
                | Self::LedgerDisposed(_)
                | Self::PolicyChanged { .. }
                | Self::FlagChanged { .. }
                | Self::MaintenanceChanged { .. }
                | Self::KeyRotated { .. }
                | Self::JournalAnchored { .. }
                | Self::JournalResumed { .. }
        )
    }
}

// === impl RequestId ===

impl RequestId {
    /// A fresh id that names the present moment.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id's 16 bytes; their order is the order of time.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When the id was made; `None` for an id that is no UUIDv7.
    pub fn time(&self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(event: &Event) -> (String, Event) {
        let line = serde_json::to_string(event).unwrap();
        let read: Event = serde_json::from_str(&line).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), line, "written again it is the same");
        (line, read)
    }

    #[test]
    fn a_frame_is_kept_verbatim_inside_its_event() {
        let at = "2026-11-23T12:00:00.5Z".parse().unwrap();
        let request: RequestId = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b".parse().unwrap();
        let verbatim = r#"{"id":1.0, "x" : [1e3,"\u00e9"]}"#;
        let frame = Frame { worker: "w1".to_owned(), frame: Payload(verbatim.into()) };
        let body = EventBody::RpcReceived(frame);
        let (line, read) = round_trip(&Event {
            seq: 7,
            draft: Draft { at, request: Some(request), body },
            scrubbed: Counts::default(),
        });
        assert_eq!(
            line,
            r#"{"seq":7,"at":"2026-11-23T12:00:00.5Z","request":"0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b","#.to_owned()
                + r#""type":"rpc.received","data":{"worker":"w1","frame":{"id":1.0, "x" : [1e3,"\u00e9"]}}}"#
        );
        assert_eq!((read.seq, read.draft.at, read.draft.request), (7, at, Some(request)));
        assert!(matches!(read.draft.body, EventBody::RpcReceived(frame) if frame.frame.0 == verbatim));
    }

    fn stopped(scrubbed: Counts) -> Event {
        let body = EventBody::ServiceStopped { requests_cut: 2 };
        Event { seq: 1, draft: Draft { at: Timestamp::UNIX_EPOCH, request: None, body }, scrubbed }
    }

    #[test]
    fn what_was_redacted_stands_behind_the_data() {
        let scrubbed: Counts = [("jwt", 1), ("email", 2)].into_iter().collect();
        let (line, read) = round_trip(&stopped(scrubbed.clone()));
        assert!(line.ends_with(r#","data":{"requests_cut":2},"scrubbed":{"email":2,"jwt":1}}"#), "{line}");
        assert_eq!((read.scrubbed.to_string().as_str(), &read.scrubbed), ("2 email, 1 jwt", &scrubbed));
    }

    #[test]
    fn an_event_of_no_request_has_no_such_field() {
        let (line, read) = round_trip(&stopped(Counts::default()));
        assert!(!line.contains("request\"") && !line.contains("scrubbed"), "{line}");
        assert_eq!(read.draft.request, None);
        assert!(matches!(read.draft.body, EventBody::ServiceStopped { requests_cut: 2 }));
    }
}
