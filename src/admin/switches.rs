//! What the running service itself is told, or tells: its switches.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::call::{self, BackendBody, MaintenanceBody};
use super::control::{Peer, Refusal};
use crate::backend::BackendKind;
use crate::live::Live;

/// The paths of it.
pub(super) fn router(live: Arc<Live>) -> Router {
    Router::new()
        .route(call::STATUS, get(status))
        .route(call::MAINTENANCE, post(maintenance))
        .route(call::BACKEND, post(backend))
        .route(call::RELOAD, post(reload))
        .with_state(live)
}

async fn status(State(live): State<Arc<Live>>) -> Response {
    row(&live.status())
}

/// Begins or ends maintenance, and answers with the status after that.
async fn maintenance(
    State(live): State<Arc<Live>>,
    Extension(peer): Extension<Peer>,
    body: Result<Json<MaintenanceBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(body) = body?;
    live.set_maintenance(body.notice(), &peer.actor()).await;
    Ok(row(&live.status()))
}

/// Sends new requests to another backend, and answers with the status after that.
async fn backend(
    State(live): State<Arc<Live>>,
    Extension(peer): Extension<Peer>,
    body: Result<Json<BackendBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(BackendBody { backend }) = body?;
    let refused = |why: String| Refusal::new(StatusCode::BAD_REQUEST, why);
    let kind =
        BackendKind::parse(&backend).ok_or_else(|| refused(format!("there is no backend called {backend:?}")))?;
    live.set_backend(kind, &peer.actor()).await.map_err(|error| refused(error.to_string()))?;
    Ok(row(&live.status()))
}

/// Has the configuration read again, and answers with what came of it.
async fn reload(State(live): State<Arc<Live>>, Extension(peer): Extension<Peer>) -> Result<Response, Refusal> {
    let reloaded = live.reload(&peer.actor()).await;
    reloaded.map(|reloaded| row(&reloaded)).map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))
}

fn row<T: Serialize>(row: &T) -> Response {
    let line = serde_json::to_string(row).expect("names and numbers serialise") + "\n";
    ([(CONTENT_TYPE, "application/x-ndjson")], line).into_response()
}
