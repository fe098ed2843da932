//! Which request goes where. Every request to the API is recorded, also one that matches nothing; probes and metrics are not: they
//! come every few seconds and tell nothing about a partner's request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request};
use journal::Outcome;
use tokio::time::timeout;

use super::chat::Client;
use super::error::ApiError;
use super::exchange::{self, Exchange};
use super::{App, body, chat, cors, head, health, metrics, models, usage};
use crate::gateway::keys::Key;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Chat,
    Responses,
    Models,
    Model,
    Usage,
    UsageRaw,
    Livez,
    Readyz,
    Healthz,
    Metrics,
    Unmatched,
}

/// The route's name for a path that is none of ours.
const UNMATCHED: &str = "unmatched";

/// Answers one request.
pub async fn handle(app: Arc<App>, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let (head, body) = request.into_parts();
    let route = Route::of(head.uri.path());
    if let Err(error) = head::check(&head) {
        return exchange(app, route, head, Err(error), peer).await;
    }
    if head.method == Method::OPTIONS {
        return exchange::with_fresh_id(cors::preflight(&app.config, &head.headers));
    }
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let probe = match route {
        Route::Livez if is_read => Some(health::livez(&app)),
        Route::Readyz if is_read => Some(health::readyz(&app)),
        Route::Healthz if is_read => Some(health::healthz(&app)),
        Route::Metrics if is_read && app.config.enable_metrics => Some(metrics::metrics(&app, &head.headers, peer)),
        _ => None,
    };
    match probe {
        Some(mut response) => {
            response.headers_mut().extend(cors::headers(&app.config, &head.headers));
            exchange::with_fresh_id(response)
        }
        None => exchange(app, route, head, Ok(body), peer).await,
    }
}

/// Answers a request that goes on record.
async fn exchange(
    app: Arc<App>,
    route: Route,
    head: request::Parts,
    body: Result<Body, ApiError>,
    peer: SocketAddr,
) -> Response<Body> {
    if !app.recorder.admits() {
        // What cannot be recorded is not served, and the refusal is not recorded either.
        let error = ApiError::JournalUnavailable;
        return exchange::with_fresh_id(exchange::plain_error(&error));
    }
    let common = cors::headers(&app.config, &head.headers);
    let (exchange, answer) = Exchange::begin(app.recorder.clone(), route == Route::Chat, common);
    let id = exchange.id;
    let key = app.gateway.keys.authenticate(&head.headers);
    if key.as_ref().is_some_and(|key| key.drops_content) {
        app.recorder.drop_content_of(id);
    }
    let limit = match key {
        Some(_) => app.config.max_body_bytes,
        None => app.config.max_body_bytes.min(body::LIMIT_WITHOUT_KEY),
    };
    let expects_continue = head.headers.contains_key(header::EXPECT);
    let body = match body {
        Ok(body) => timeout(app.config.timeout, body::read(body, limit, expects_continue)).await,
        Err(error) => Ok(Err(error)),
    };
    let body = body.unwrap_or(Err(ApiError::BodyTimeout));
    // From here on the request runs to its end whether the client stays or not.
    app.requests.spawn(respond(app.clone(), route, exchange, head, body, peer, key));
    answer.await.unwrap_or_else(|_| exchange::with_id(exchange::plain_error(&ApiError::Internal), id))
}

async fn respond(
    app: Arc<App>,
    route: Route,
    exchange: Exchange,
    head: request::Parts,
    body: Result<Bytes, ApiError>,
    peer: SocketAddr,
    key: Option<Arc<Key>>,
) {
    let recorded = body.as_ref().cloned().unwrap_or_default();
    exchange.received(&head, peer, route.name(), key.as_ref().map(|key| &*key.id), recorded).await;
    let body = match body {
        Ok(body) => body,
        Err(error) => return exchange.reject(error).await,
    };
    match (route, &head.method) {
        (Route::Chat, &Method::POST) => chat::serve(app, exchange, Client { head, peer, key }, body).await,
        (Route::Chat, &Method::HEAD) if key.is_none() => exchange.reject(ApiError::Unauthorized).await,
        (Route::Chat, &Method::HEAD) => {
            exchange.answer(StatusCode::OK, HeaderMap::new(), String::new(), Outcome::Ok, None).await;
        }
        (Route::Models, &(Method::GET | Method::HEAD)) => models::list(&app, exchange, key.as_deref()).await,
        (Route::Model, &(Method::GET | Method::HEAD)) => {
            models::one(&app, exchange, key.as_deref(), head.uri.path()).await;
        }
        (Route::Usage, &(Method::GET | Method::HEAD)) => usage::sums(&app, exchange, key.as_deref(), &head.uri).await,
        (Route::UsageRaw, &(Method::GET | Method::HEAD)) => usage::raw(&app, exchange, key.as_deref(), &head.uri).await,
        (Route::Metrics, _) if !app.config.enable_metrics => exchange.reject(ApiError::NotFound).await,
        (Route::Responses, _) => exchange.reject(ApiError::NoResponses).await,
        (Route::Unmatched, _) => exchange.reject(ApiError::NotFound).await,
        (Route::Chat, _) => exchange.reject(ApiError::MethodNotAllowed("POST, HEAD")).await,
        _ => exchange.reject(ApiError::MethodNotAllowed("GET, HEAD")).await,
    }
}

// === impl Route ===

impl Route {
    fn of(path: &str) -> Self {
        // Today's service accepts a slash at the end.
        match path.strip_suffix('/').unwrap_or(path) {
            "/v1/chat/completions" => Self::Chat,
            "/v1/responses" => Self::Responses,
            "/v1/models" => Self::Models,
            path if path.strip_prefix("/v1/models/").is_some_and(|name| !name.is_empty()) => Self::Model,
            "/v1/usage" => Self::Usage,
            "/v1/usage/raw" => Self::UsageRaw,
            "/livez" => Self::Livez,
            "/readyz" => Self::Readyz,
            "/healthz" => Self::Healthz,
            "/metrics" => Self::Metrics,
            _ => Self::Unmatched,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Models => "/v1/models",
            Self::Model => "/v1/models/{id}",
            Self::Usage => "/v1/usage",
            Self::UsageRaw => "/v1/usage/raw",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Healthz => "/healthz",
            Self::Metrics => "/metrics",
            Self::Unmatched => UNMATCHED,
        }
    }
}
