//! What can be asked under which path.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query as Params, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use journal::PatternError;
use serde::de::DeserializeOwned;

use super::ask::{self, EventsParams, SearchParams, SummariesParams};
use super::call::{self, AttestBody, BackupBody, EraseBody, HoldBody, LiftBody, RunBody, VerifyBody};
use super::control::{Control, Peer, Refusal};
use super::operation::Operation;
use super::switches;
use crate::live::Live;

type Answer = Result<Response, Refusal>;

/// Everything that is answered.
pub(super) fn router(control: Control, live: Option<Arc<Live>>) -> Router {
    let nothing_there = || async { Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this path") };
    let not_so = || async { Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path is asked with another method") };
    Router::new()
        .route(ask::SUMMARIES, get(summaries))
        .route(ask::EVENTS, get(events))
        .route(ask::SEARCH, get(search))
        .route(call::SEGMENTS, get_operation(Operation::Segments))
        .route(call::RETENTION_STATUS, get_operation(Operation::RetentionStatus))
        .route(call::RETENTION_PLAN, get_operation(Operation::RetentionPlan))
        .route(call::RETENTION_RUN, post_operation::<RunBody>())
        .route(call::HOLDS, get_operation(Operation::Holds).merge(post_operation::<HoldBody>()))
        .route(call::LIFT, post(lift))
        .route(call::ERASE, post_operation::<EraseBody>())
        .route(call::VERIFY, post_operation::<VerifyBody>())
        .route(call::BACKUP, post_operation::<BackupBody>())
        .route(call::ATTEST, post_operation::<AttestBody>())
        .route(call::LEDGER, get_operation(Operation::Ledger))
        .route(
            call::LEDGER_HEAD,
            post(|State(control): State<Control>, Extension(peer)| control.operate(Operation::Anchor, peer)),
        )
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_so)
        .with_state(control)
        .merge(live.map(switches::router).unwrap_or_default())
}

fn get_operation(operation: Operation) -> MethodRouter<Control> {
    get(|State(control): State<Control>, Extension(peer)| control.operate(operation, peer))
}

fn post_operation<B>() -> MethodRouter<Control>
where
    B: DeserializeOwned + Into<Operation> + Send + 'static,
{
    post(|State(control): State<Control>, Extension(peer), body: Result<Json<B>, JsonRejection>| async move {
        let Json(body) = body?;
        control.operate(body.into(), peer).await
    })
}

async fn summaries(
    State(control): State<Control>,
    Extension(peer): Extension<Peer>,
    params: Result<Params<SummariesParams>, QueryRejection>,
) -> Answer {
    let Params(params) = params?;
    control.answer(params.into(), peer).await
}

async fn events(
    State(control): State<Control>,
    Extension(peer): Extension<Peer>,
    params: Result<Params<EventsParams>, QueryRejection>,
) -> Answer {
    let Params(params) = params?;
    let ask = params.try_into().map_err(|wrong: &str| Refusal::new(StatusCode::BAD_REQUEST, wrong))?;
    control.answer(ask, peer).await
}

async fn search(
    State(control): State<Control>,
    Extension(peer): Extension<Peer>,
    params: Result<Params<SearchParams>, QueryRejection>,
) -> Answer {
    let Params(params) = params?;
    let ask =
        params.try_into().map_err(|wrong: PatternError| Refusal::new(StatusCode::BAD_REQUEST, wrong.to_string()))?;
    control.answer(ask, peer).await
}

async fn lift(
    State(control): State<Control>,
    Extension(peer): Extension<Peer>,
    hold: Result<Path<String>, PathRejection>,
    body: Result<Json<LiftBody>, JsonRejection>,
) -> Answer {
    let (Path(hold), Json(LiftBody { reason })) = (hold?, body?);
    control.operate(Operation::LiftHold { hold, reason }, peer).await
}

// === impl Refusal ===

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}
