//! How an [`Operation`] is asked for over HTTP.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use journal::HoldSelector;
use serde::Deserialize;
use serde_json::json;

use super::ask::Ask;
use super::operation::Operation;
use crate::gateway::maintenance::Notice;

// The paths of operations.
pub(super) const SEGMENTS: &str = "/v1/segments";
pub(super) const RETENTION_STATUS: &str = "/v1/retention/status";
pub(super) const RETENTION_PLAN: &str = "/v1/retention/plan";
pub(super) const RETENTION_RUN: &str = "/v1/retention/run";
pub(super) const HOLDS: &str = "/v1/holds";
pub(super) const LIFT: &str = "/v1/holds/{hold}/lift";
pub(super) const ERASE: &str = "/v1/erase";
pub(super) const VERIFY: &str = "/v1/verify";
pub(super) const BACKUP: &str = "/v1/backup";
pub(super) const LEDGER: &str = "/v1/ledger";
pub(super) const ATTEST: &str = "/v1/ledger/attest";
pub(super) const LEDGER_HEAD: &str = "/v1/ledger/head";

// The paths of what changes the service itself, or tells of it.
pub(super) const STATUS: &str = "/v1/status";
pub(super) const MAINTENANCE: &str = "/v1/maintenance";
pub(super) const BACKEND: &str = "/v1/backend";
pub(super) const RELOAD: &str = "/v1/reload";

/// An HTTP request to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// JSON, or nothing.
    pub body: String,
}

/// What `POST /v1/retention/run` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunBody {
    #[serde(default)]
    confirm_clock: bool,
}

/// What `POST /v1/holds` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldBody {
    selector: HoldSelector,
    reason: String,
}

/// What `POST /v1/erase` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseBody {
    selector: HoldSelector,
    reason: String,
}

/// What `POST /v1/holds/HOLD/lift` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiftBody {
    pub(super) reason: String,
}

/// What `POST /v1/verify` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyBody {
    anchor: Option<String>,
}

/// What `POST /v1/ledger/attest` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttestBody {
    requests: Option<usize>,
    sha256: String,
}

/// What `POST /v1/backup` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupBody {
    path: String,
}

/// What `POST /v1/maintenance` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaintenanceBody {
    on: bool,
    message: Option<String>,
    retry_after_s: Option<u64>,
}

/// What `POST /v1/backend` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendBody {
    pub(super) backend: String,
}

// === impl MaintenanceBody ===

impl MaintenanceBody {
    /// What clients are to be told.
    pub(super) fn notice(self) -> Option<Notice> {
        let Self { on, message, retry_after_s } = self;
        let usual = Notice::default();
        on.then(|| Notice { message, retry_after_s: retry_after_s.unwrap_or(usual.retry_after_s) })
    }
}

// === impl Call ===

impl Call {
    /// As it goes to the control socket.
    pub fn into_request(self) -> Request<Full<Bytes>> {
        let Self { method, target, body } = self;
        Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "control.sock")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("a target of our own making is valid")
    }

    /// Asks what the service is doing.
    pub fn status() -> Self {
        Self::get(STATUS)
    }

    /// Begins maintenance with what clients are to be told, or ends it.
    pub fn maintenance(on: bool, message: Option<&str>, retry_after_s: Option<u64>) -> Self {
        Self::post(MAINTENANCE, &json!({ "on": on, "message": message, "retry_after_s": retry_after_s }))
    }

    /// Sends new requests to the backend of this name.
    pub fn backend(name: &str) -> Self {
        Self::post(BACKEND, &json!({ "backend": name }))
    }

    /// Has the configuration read again.
    pub fn reload() -> Self {
        Self::post(RELOAD, &json!({}))
    }

    fn get(target: &str) -> Self {
        Self { method: Method::GET, target: target.to_owned(), body: String::new() }
    }

    fn post(target: &str, body: &serde_json::Value) -> Self {
        Self { method: Method::POST, target: target.to_owned(), body: body.to_string() }
    }
}

impl From<&Ask> for Call {
    fn from(ask: &Ask) -> Self {
        Self::get(&ask.target())
    }
}

impl From<&Operation> for Call {
    fn from(operation: &Operation) -> Self {
        match operation {
            Operation::RetentionStatus => Self::get(RETENTION_STATUS),
            Operation::RetentionPlan => Self::get(RETENTION_PLAN),
            Operation::RetentionRun { confirm_clock } => {
                Self::post(RETENTION_RUN, &json!({ "confirm_clock": confirm_clock }))
            }
            Operation::Holds => Self::get(HOLDS),
            Operation::PlaceHold { selector, reason } => {
                Self::post(HOLDS, &json!({ "selector": selector, "reason": reason }))
            }
            Operation::LiftHold { hold, reason } => {
                Self::post(&LIFT.replace("{hold}", &escape(hold)), &json!({ "reason": reason }))
            }
            Operation::Erase { selector, reason } => {
                Self::post(ERASE, &json!({ "selector": selector, "reason": reason }))
            }
            Operation::Verify { anchor } => Self::post(VERIFY, &json!({ "anchor": anchor })),
            Operation::Backup { path } => Self::post(BACKUP, &json!({ "path": path.to_string_lossy() })),
            Operation::Ledger => Self::get(LEDGER),
            Operation::Anchor => Self::post(LEDGER_HEAD, &json!({})),
            Operation::Attest { requests, sha256 } => {
                Self::post(ATTEST, &json!({ "requests": requests, "sha256": sha256 }))
            }
            Operation::Segments => Self::get(SEGMENTS),
        }
    }
}

/// `text` as one segment of a path or one value of a query.
pub(super) fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => escaped.push(byte.into()),
            _ => write!(escaped, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
        escaped
    })
}

// === impl Operation ===

impl From<RunBody> for Operation {
    fn from(RunBody { confirm_clock }: RunBody) -> Self {
        Self::RetentionRun { confirm_clock }
    }
}

impl From<HoldBody> for Operation {
    fn from(HoldBody { selector, reason }: HoldBody) -> Self {
        Self::PlaceHold { selector, reason }
    }
}

impl From<EraseBody> for Operation {
    fn from(EraseBody { selector, reason }: EraseBody) -> Self {
        Self::Erase { selector, reason }
    }
}

impl From<VerifyBody> for Operation {
    fn from(VerifyBody { anchor }: VerifyBody) -> Self {
        Self::Verify { anchor }
    }
}

impl From<AttestBody> for Operation {
    fn from(AttestBody { requests, sha256 }: AttestBody) -> Self {
        Self::Attest { requests, sha256 }
    }
}

impl From<BackupBody> for Operation {
    fn from(BackupBody { path }: BackupBody) -> Self {
        Self::Backup { path: path.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_in_a_path_is_one_segment() {
        let lift = Operation::LiftHold { hold: "a/b c".to_owned(), reason: "done".to_owned() };
        let call = Call::from(&lift);
        assert_eq!(call.target, "/v1/holds/a%2Fb%20c/lift");
    }
}
