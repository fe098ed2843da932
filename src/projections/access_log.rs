//! One line per request on stdout: `kind` is `access`, `req_id` the same as `X-Request-Id`.

use super::FinishedRequest;

pub(super) fn on_finished(request: &FinishedRequest<'_>) {
    let FinishedRequest { id, started, end } = request;
    tracing::info!(
        kind = "access",
        req_id = %id,
        method = started.method,
        route = started.route,
        status = end.status,
        outcome = end.outcome.as_str(),
        dur_ms = end.duration_ms,
        ttft_ms = end.ttft_ms,
        model = end.model,
        key = started.key,
        stream = end.stream,
        tokens_input = end.tokens.map(|tokens| tokens.input),
        tokens_cached = end.tokens.map(|tokens| tokens.cached),
        tokens_output = end.tokens.map(|tokens| tokens.output),
        tokens_reasoning = end.tokens.map(|tokens| tokens.reasoning),
        worker = end.worker,
        error = end.error,
    );
}
