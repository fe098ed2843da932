//! `GET /v1/models`.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
use super::exchange::Exchange;

/// Lists the advertised names.
pub async fn serve(app: &App, exchange: Exchange, key: Option<&'static str>) {
    if app.config.protect_models && key.is_none() {
        return exchange.reject(ApiError::Unauthorized).await;
    }
    let model = |name: &str| json!({ "id": name, "object": "model", "owned_by": "codex", "created": 0 });
    let data: Vec<Value> = app.config.models.advertised().map(model).collect();
    let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"))]);
    exchange.answer_json(headers, json!({ "object": "list", "data": data }).to_string()).await;
}
