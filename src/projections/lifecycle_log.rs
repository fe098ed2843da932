//! The life of workers and service on stdout: what an operator on call greps for.

use journal::{
    EventBody, Hold, HoldLifted, SegmentDisposed, SegmentErased, SegmentQuarantined, SegmentRecovered, SegmentSealed,
};

pub(super) fn on_event(body: &EventBody) {
    match body {
        EventBody::WorkerSpawned { worker, pid, version } => {
            tracing::info!(kind = "worker", worker, pid, version, "worker spawned");
        }
        EventBody::WorkerReady { worker, after_ms, models } => {
            tracing::info!(kind = "worker", worker, after_ms, models, "worker ready");
        }
        EventBody::WorkerUnhealthy { worker, reason, detail } => {
            tracing::error!(kind = "worker", worker, reason, detail, "worker unhealthy");
        }
        EventBody::WorkerStderr { worker, line } => {
            tracing::debug!(kind = "worker", worker, line, "worker stderr");
        }
        EventBody::WorkerExited { worker, code, signal, expected: true, uptime_ms } => {
            tracing::info!(kind = "worker", worker, code, signal, uptime_ms, "worker stopped");
        }
        EventBody::WorkerExited { worker, code, signal, expected: false, uptime_ms } => {
            tracing::error!(kind = "worker", worker, code, signal, uptime_ms, "worker exited");
        }
        EventBody::WorkerRestartScheduled { delay_ms, consecutive_failures, reason } => {
            tracing::warn!(kind = "worker", delay_ms, consecutive_failures, reason, "worker restart scheduled");
        }
        EventBody::WorkerInstructionsRefused { worker } => {
            tracing::warn!(kind = "worker", worker, "the upstream insists on Codex's own instructions");
        }
        EventBody::ServiceStarted { version, pid, address, config_digest } => {
            tracing::info!(kind = "service", version, pid, address, config_digest, "service started");
        }
        EventBody::ServiceDraining { reason, requests } => {
            tracing::info!(kind = "service", reason, requests, "service draining");
        }
        EventBody::ServiceStopped { requests_cut } => {
            tracing::info!(kind = "service", requests_cut, "service stopped");
        }
        EventBody::SegmentSealed(sealed) => {
            let SegmentSealed { segment, events, bytes, .. } = sealed;
            tracing::info!(kind = "journal", segment, events, bytes, "segment sealed");
        }
        EventBody::SegmentQuarantined(SegmentQuarantined { segment, what }) => {
            tracing::error!(kind = "journal", segment, what, "segment damaged");
        }
        EventBody::SegmentRecovered(recovered) => {
            let SegmentRecovered { segment, last_seq, lost_up_to, torn } = recovered;
            tracing::error!(kind = "journal", segment, last_seq, lost_up_to, torn, "segment recovered");
        }
        EventBody::SegmentDisposed(disposed) => {
            let SegmentDisposed { segment, first_seq, last_seq, bytes, reason, actor, .. } = disposed;
            tracing::info!(kind = "journal", segment, first_seq, last_seq, bytes, reason, actor, "segment disposed");
        }
        EventBody::SegmentErased(erased) => {
            let SegmentErased { segment, selector, requests, events, reason, actor, .. } = erased;
            tracing::warn!(kind = "journal", segment, %selector, requests, events, reason, actor, "content erased");
        }
        EventBody::HoldPlaced(Hold { hold, selector, reason, actor, .. }) => {
            tracing::info!(kind = "journal", hold, %selector, reason, actor, "hold placed");
        }
        EventBody::HoldLifted(HoldLifted { hold, reason, actor }) => {
            tracing::info!(kind = "journal", hold, reason, actor, "hold lifted");
        }
        EventBody::PolicyChanged { digest, policy } => {
            tracing::info!(kind = "journal", digest, %policy, "retention policy changed");
        }
        EventBody::FlagChanged { flag, from, to, actor } => {
            tracing::info!(kind = "flag", flag, from, to, actor, "setting changed");
        }
        EventBody::MaintenanceChanged { on, message, retry_after_s, actor } => {
            tracing::warn!(kind = "maintenance", on, notice = message, retry_after_s, actor, "maintenance changed");
        }
        EventBody::JournalResumed { unrecorded } => {
            tracing::error!(kind = "journal", unrecorded, "events were not recorded");
        }
        EventBody::AuditRead(read) => {
            tracing::info!(
                kind = "audit",
                actor = read.actor,
                action = read.action,
                filter = read.filter,
                "journal read"
            );
        }
        _ => {}
    }
}
