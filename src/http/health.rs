//! `/livez`, `/readyz`, `/healthz`: whether the process lives, whether it can serve, and everything known about why not.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::App;
use super::exchange::plain_json;
use crate::backend::BackendKind;
use crate::backend::app_server::AppServer;
use crate::backend::app_server::supervisor::{Status, WorkerState};

/// 200 as long as the process answers: a worker that restarts is no reason to end the proxy.
pub fn livez(app: &App) -> Response<Body> {
    answer(app, true)
}

/// 200 when a turn could start now.
pub fn readyz(app: &App) -> Response<Body> {
    answer(app, is_ready(app))
}

/// Always 200, with everything known of worker and journal.
pub fn healthz(app: &App) -> Response<Body> {
    let status = status(app);
    let mut supervisor = details(&status);
    let running = status.pid.is_some();
    supervisor["enabled"] = json!(uses_app_server(app));
    supervisor["running"] = json!(running);
    supervisor["ready"] = json!(status.state == WorkerState::Ready);
    supervisor["pid"] = json!(status.pid);
    supervisor["metrics"] = json!({
        "codex_worker_restarts_total": status.restarts_total,
        "codex_worker_latency_ms": status.startup_latency_ms,
    });
    supervisor["health"] = health(app, &status);
    let mut body = body(app, is_ready(app));
    body["sandbox_mode"] = json!(app.config.sandbox_mode.to_string());
    body["worker_supervisor"] = supervisor;
    body["journal"] = json!({
        "writable": app.recorder.is_healthy(),
        "unrecorded_events": app.recorder.unrecorded(),
    });
    body["scrubbing"] = json!({ "selftest": app.proof.as_str() });
    plain_json(StatusCode::OK, body.to_string())
}

/// What is known of the app-server's worker; of none, if there is none.
fn status(app: &App) -> Status {
    app.backend.app_server().map(AppServer::status).unwrap_or_default()
}

fn uses_app_server(app: &App) -> bool {
    app.backend.active() == Some(BackendKind::AppServer)
}

fn is_ready(app: &App) -> bool {
    app.check_available().is_ok()
}

fn answer(app: &App, ok: bool) -> Response<Body> {
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    plain_json(status, body(app, ok).to_string())
}

fn body(app: &App, ok: bool) -> Value {
    json!({
        "ok": ok,
        "backend_mode": app.backend.active().map_or("disabled", BackendKind::as_str),
        "app_server_enabled": uses_app_server(app),
        "maintenance": app.gateway.maintenance.notice().is_some(),
        "health": health(app, &status(app)),
    })
}

fn health(app: &App, status: &Status) -> Value {
    json!({
        "liveness": { "ready": true, "reason": "process_running" },
        "readiness": { "ready": is_ready(app), "reason": reason(app, status), "details": details(status) },
    })
}

/// Why the service is ready or not, in the words of the contract.
fn reason(app: &App, status: &Status) -> &'static str {
    if app.draining.is_cancelled() {
        return "draining";
    }
    if app.proof.has_failed() {
        return "scrubbing_selftest_failed";
    }
    if app.backend.active().is_none() {
        return "app_server_disabled";
    }
    if !uses_app_server(app) {
        // No process is waited for: each is started for its turn.
        return if app.recorder.is_healthy() { "handshake_complete" } else { "journal_unavailable" };
    }
    match status.state {
        // Its output has ended, and its exit is about to be noticed.
        WorkerState::Ready if status.usable().is_none() => "worker_exit",
        // The service may be ready all the same, if it was told to go on.
        WorkerState::Ready if !app.recorder.is_healthy() => "journal_unavailable",
        WorkerState::Ready => "handshake_complete",
        WorkerState::Starting => "handshake_pending",
        WorkerState::StartFailed => "handshake_failed",
        WorkerState::Exited => "worker_exit",
        WorkerState::NotStarted | WorkerState::Stopped => "worker_not_started",
    }
}

fn details(status: &Status) -> Value {
    json!({
        "restarts_total": status.restarts_total,
        "consecutive_failures": status.consecutive_failures,
        "next_restart_delay_ms": status.next_restart_delay_ms,
        "last_exit": status.last_exit,
        "last_ready_at": status.last_ready_at,
        "startup_latency_ms": status.startup_latency_ms,
    })
}
