//! `GET /v1/models` and `GET /v1/models/{id}`.

use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
use super::exchange::Exchange;
use crate::gateway::keys::Key;

/// Lists the advertised names.
pub async fn list(app: &App, exchange: Exchange, key: Option<&Key>) {
    if app.config.protect_models && key.is_none() {
        return exchange.reject(ApiError::Unauthorized).await;
    }
    let data: Vec<Value> = app.config.models.advertised().map(model).collect();
    exchange.answer_json(cached(), json!({ "object": "list", "data": data }).to_string()).await;
}

/// One name that is accepted, at `path`.
pub async fn one(app: &App, exchange: Exchange, key: Option<&Key>, path: &str) {
    if app.config.protect_models && key.is_none() {
        return exchange.reject(ApiError::Unauthorized).await;
    }
    let name = path.strip_prefix("/v1/models/").map(|name| name.strip_suffix('/').unwrap_or(name)).unwrap_or_default();
    // SDKs escape what can stand in a path as well, such as a colon.
    let name = &*percent_decode_str(name).decode_utf8_lossy();
    let is_known = app.config.models.resolve(name).is_some() || app.backend.knows_model(name);
    if !is_known || key.is_some_and(|key| !key.may_use(name)) {
        return exchange.reject(ApiError::model_not_found(name)).await;
    }
    exchange.answer_json(cached(), model(name).to_string()).await;
}

fn model(name: &str) -> Value {
    json!({ "id": name, "object": "model", "owned_by": "codex", "created": 0 })
}

fn cached() -> HeaderMap {
    HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))])
}
