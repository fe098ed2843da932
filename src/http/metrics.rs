//! `GET /metrics`: the Prometheus text, for those who may see it.

use std::net::SocketAddr;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, header};

use super::App;
use super::error::ApiError;
use super::exchange;
use crate::gateway::keys;

/// The metrics, or 403.
pub fn metrics(app: &App, headers: &HeaderMap, peer: SocketAddr) -> Response<Body> {
    let by_token = app.config.metrics_token.as_ref().is_some_and(|token| keys::presents(headers, token));
    let by_place = app.config.metrics_allow_loopback && peer.ip().to_canonical().is_loopback();
    if !by_token && !by_place {
        return exchange::plain_error(&ApiError::MetricsDenied);
    }
    let mut response = Response::new(Body::from(app.recorder.render_metrics()));
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
