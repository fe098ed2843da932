//! What an event counts against the recorder's budget of bytes.

use journal::{AuditRead, EventBody, RequestReceived};

/// What an event counts beyond the bytes it carries.
pub(super) const EVENT_OVERHEAD: usize = 256;

/// Bytes that an event keeps in memory, roughly.
pub(super) fn weight(body: &EventBody) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let headers = |headers: &[(String, String)]| {
        headers.iter().map(|(name, value)| size_of::<(String, String)>() + name.len() + value.len()).sum::<usize>()
    };
    // Without a rest, so that a new kind of event must be thought of here.
    let bytes = match body {
        EventBody::RequestReceived(received) => {
            let RequestReceived { method, route, target, key, peer, headers: head, body } = received;
            let line = method.len() + route.len() + target.len() + text(key) + peer.len();
            line + headers(head) + body.len()
        }
        EventBody::RequestRejected { code, message, .. } => code.len() + message.len(),
        EventBody::ResponseStarted { headers: head, .. } => headers(head),
        EventBody::ResponseChunk { bytes } => bytes.len(),
        EventBody::ResponseFinished(end) => {
            let reasons = end.finish_reasons.iter().map(|reason| size_of::<String>() + reason.len()).sum::<usize>();
            text(&end.model) + reasons + text(&end.error) + text(&end.worker)
        }
        EventBody::RpcSent(frame) | EventBody::RpcReceived(frame) => frame.worker.len() + frame.frame.len(),
        EventBody::WorkerSpawned { worker, version, .. } => worker.len() + version.len(),
        EventBody::WorkerHandshaken { worker, user_agent, .. } => worker.len() + user_agent.len(),
        EventBody::WorkerReady { worker, .. }
        | EventBody::WorkerExited { worker, .. }
        | EventBody::WorkerInstructionsRefused { worker } => worker.len(),
        EventBody::WorkerUnhealthy { worker, reason, detail } => worker.len() + reason.len() + detail.len(),
        EventBody::WorkerRestartScheduled { reason, .. } | EventBody::ServiceDraining { reason, .. } => reason.len(),
        EventBody::WorkerStderr { worker, line } => worker.len() + line.len(),
        EventBody::ServiceStarted { version, address, config_digest, .. } => {
            version.len() + address.len() + config_digest.len()
        }
        EventBody::AuditRead(AuditRead { actor, action, filter, via }) => {
            actor.len() + action.len() + filter.len() + via.len()
        }
        // Rare, and small beside what every event counts.
        EventBody::SegmentOpened(_)
        | EventBody::SegmentSealed(_)
        | EventBody::SegmentQuarantined(_)
        | EventBody::SegmentRecovered(_)
        | EventBody::SegmentDisposed(_)
        | EventBody::SegmentErased(_)
        | EventBody::EventErased { .. }
        | EventBody::HoldPlaced(_)
        | EventBody::HoldLifted(_)
        | EventBody::HoldCarried(_)
        | EventBody::HoldDisposed(_)
        | EventBody::SummariesDisposed(_)
        | EventBody::PseudonymsDisposed(_)
        | EventBody::LedgerDisposed(_)
        | EventBody::PolicyChanged { .. }
        | EventBody::FlagChanged { .. }
        | EventBody::MaintenanceChanged { .. }
        | EventBody::KeyRotated { .. }
        | EventBody::JournalAnchored { .. }
        | EventBody::JournalResumed { .. }
        | EventBody::RequestAdmitted { .. }
        | EventBody::ServiceStopped { .. } => 0,
    };
    EVENT_OVERHEAD + bytes
}
