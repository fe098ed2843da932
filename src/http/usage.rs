//! `GET /v1/usage` and `GET /v1/usage/raw`: what was used, folded from the summaries of requests.

use std::collections::BTreeMap;

use axum::extract::Query as Params;
use http::{HeaderMap, Uri};
use jiff::Timestamp;
use journal::{Filter, Reader, Summary};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::error::ApiError;
use super::exchange::Exchange;
use crate::gateway::keys::Key;
use crate::openai::error::InvalidRequest;

/// Summaries that are shown one by one if nobody says how many.
const SHOWN: usize = 200;

/// Most summaries that are shown one by one.
const SHOWN_MAX: usize = 2000;

/// The routes on which something is used.
const ROUTES: [&str; 2] = ["/v1/chat/completions", "/v1/responses"];

/// What can be asked for, as it is written.
#[derive(Debug, Default, Deserialize)]
struct Query {
    start: Option<String>,
    end: Option<String>,
    limit: Option<String>,
}

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    /// Only requests from then on.
    start: Option<Timestamp>,
    /// Only requests before then.
    end: Option<Timestamp>,
    /// How many are shown one by one.
    limit: Option<usize>,
}

/// What requests used together.
#[derive(Debug, Default, Serialize)]
struct Sum {
    total_requests: u64,
    /// Those that got a complete answer.
    ok_requests: u64,
    #[serde(flatten)]
    tokens: Tokens,
}

/// The names without `_est` say what they are; those with it are from a time when tokens were estimated.
#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "they are OpenAI's")]
struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    cached_tokens: u64,
    reasoning_tokens: u64,
    prompt_tokens_est: u64,
    completion_tokens_est: u64,
    total_tokens_est: u64,
}

/// What was used in a span of time, together and by route and model.
pub async fn sums(app: &App, exchange: Exchange, key: Option<&Key>, uri: &Uri) {
    answer(app, exchange, key, uri, |reader, filter, asked| {
        let (mut all, mut by_route, mut by_model) = (Sum::default(), BTreeMap::new(), BTreeMap::new());
        for summary in summaries(reader, filter)? {
            let summary = summary?;
            all.add(&summary);
            by_route.entry(summary.route.clone()).or_insert_with(Sum::default).add(&summary);
            if let Some(model) = &summary.model {
                by_model.entry(model.clone()).or_insert_with(Sum::default).add(&summary);
            }
        }
        let mut body = serde_json::to_value(&all).unwrap_or_default();
        body["start"] = json!(asked.start.map_or(0, Timestamp::as_millisecond));
        body["end"] = json!(asked.end.unwrap_or_else(Timestamp::now).as_millisecond());
        body["by_route"] = json!(by_route);
        body["by_model"] = json!(by_model);
        Ok(body.to_string())
    })
    .await;
}

/// The newest requests one by one.
pub async fn raw(app: &App, exchange: Exchange, key: Option<&Key>, uri: &Uri) {
    answer(app, exchange, key, uri, |reader, filter, asked| {
        let limit = asked.limit.unwrap_or(SHOWN).min(SHOWN_MAX);
        let events = summaries(reader, filter)?.take(limit).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({ "count": events.len(), "events": events }).to_string())
    })
    .await;
}

/// Checks who asks for what, and answers with what `make` makes of it.
async fn answer(
    app: &App,
    exchange: Exchange,
    key: Option<&Key>,
    uri: &Uri,
    make: fn(&Reader, Filter, &Asked) -> Result<String, journal::Error>,
) {
    if key.is_none() && !app.config.usage_allow_unauth {
        return exchange.reject(ApiError::Unauthorized).await;
    }
    let asked = match Asked::parse(uri) {
        Ok(asked) => asked,
        Err(error) => return exchange.reject(error.into()).await,
    };
    let own = key.filter(|key| !key.role.sees_all()).map(|key| key.id.to_string());
    let filter = Filter { key: own, since: asked.start, until: asked.end, ..Filter::default() };
    let reader = app.reader.clone();
    match tokio::task::spawn_blocking(move || make(&reader, filter, &asked)).await {
        Ok(Ok(body)) => exchange.answer_json(HeaderMap::new(), body).await,
        Ok(Err(error)) => {
            tracing::error!(%error, "usage cannot be read from the journal");
            exchange.fail(ApiError::Internal).await;
        }
        Err(_) => exchange.fail(ApiError::Internal).await,
    }
}

/// The summaries of what was used that `filter` lets through, newest first.
fn summaries(
    reader: &Reader,
    filter: Filter,
) -> Result<impl Iterator<Item = Result<Summary, journal::Error>>, journal::Error> {
    let used = |summary: &Result<Summary, _>| {
        summary.as_ref().map_or(true, |summary| ROUTES.contains(&summary.route.as_str()))
    };
    Ok(reader.matching_summaries(filter, None, None)?.filter(used))
}

// === impl Asked ===

impl Asked {
    fn parse(uri: &Uri) -> Result<Self, InvalidRequest> {
        let Params(query) = Params::<Query>::try_from_uri(uri).unwrap_or_default();
        let time = |field: &str, text: &Option<String>| {
            let Some(text) = text else { return Ok(None) };
            let time = match text.parse() {
                Ok(millis) => Timestamp::from_millisecond(millis).ok(),
                Err(_) => text.parse().ok(),
            };
            let wrong = || InvalidRequest::new(field, format!("{field} must be RFC 3339, or milliseconds since 1970"));
            time.map(Some).ok_or_else(wrong)
        };
        let limit = query.limit.as_ref().map(|limit| limit.parse());
        let limit = limit.transpose().map_err(|_| InvalidRequest::new("limit", "limit must be a whole number"))?;
        Ok(Self { start: time("start", &query.start)?, end: time("end", &query.end)?, limit })
    }
}

// === impl Sum ===

impl Sum {
    fn add(&mut self, summary: &Summary) {
        self.total_requests += 1;
        self.ok_requests += u64::from(summary.outcome == journal::Outcome::Ok);
        if let Some(tokens) = summary.tokens {
            self.tokens.add(tokens);
        }
    }
}

// === impl Tokens ===

impl Tokens {
    fn add(&mut self, tokens: journal::Tokens) {
        let journal::Tokens { input, cached, output, reasoning } = tokens;
        self.prompt_tokens += input;
        self.completion_tokens += output;
        self.total_tokens += input + output;
        self.cached_tokens += cached;
        self.reasoning_tokens += reasoning;
        self.prompt_tokens_est = self.prompt_tokens;
        self.completion_tokens_est = self.completion_tokens;
        self.total_tokens_est = self.total_tokens;
    }
}
