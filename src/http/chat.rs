//! `POST /v1/chat/completions`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header, request};
use journal::{EventBody, Outcome, UsageSource};
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::error::{ApiError, rate_left};
use super::exchange::{ClientGone, Exchange};
use super::head::check_content;
use super::turns::{Job, Limits, Step, Turns};
use super::{App, output};
use crate::config::Config;
use crate::gateway::keys::{DEFAULT_KEY, Key, network};
use crate::gateway::limits::Running;
use crate::openai::chat::Envelope;
use crate::openai::chat::answer::{Answer, AnswerEnd, FinishReason, Piece};
use crate::openai::chat::completion::completion;
use crate::openai::chat::request::ChatRequest;
use crate::openai::chat::rules::Rules;
use crate::openai::chat::stream::ChunkWriter;
use crate::openai::{sse, tokens};
use crate::turn::{Effort, TurnPlan};

/// Names the accepted fields that have no effect.
const IGNORED_PARAMS: HeaderName = HeaderName::from_static("x-proxy-ignored-params");

/// Whose request it is.
#[derive(Debug)]
pub struct Client {
    /// The request's head.
    pub head: request::Parts,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The key it came with.
    pub key: Option<Arc<Key>>,
}

/// A request that may run as soon as there is a place for it.
struct Admitted {
    plan: TurnPlan,
    choices: usize,
    rules: Arc<Rules>,
    /// The fields without effect, whatever runs it.
    ignored: Vec<String>,
    /// Counts it among those that run.
    running: Running,
    envelope: Envelope,
    /// The form of the answer.
    form: Form,
    headers: HeaderMap,
}

enum Form {
    Whole,
    Stream { include_usage: bool, keepalive: Option<Duration> },
}

// === impl Form ===

impl Form {
    /// The longest silence of the worker within an answer of this form.
    fn idle_timeout(&self, config: &Config) -> Duration {
        match self {
            Self::Whole => config.idle_timeout,
            Self::Stream { .. } => config.stream_idle_timeout,
        }
    }
}

/// Serves the request to its end.
pub async fn serve(app: Arc<App>, mut exchange: Exchange, client: Client, body: Bytes) {
    let Admitted { plan, choices, rules, mut ignored, running, envelope, form, mut headers } =
        match admit(&app, &mut exchange, &client, &body) {
            Ok(admitted) => admitted,
            Err(error) => return exchange.reject(error).await,
        };
    drop(body);
    let plan = match within_limit(plan, app.config.max_prompt_tokens).await {
        Ok(plan) => plan,
        Err(error) => return exchange.reject(error).await,
    };
    let arrived = Instant::from_std(exchange.started);
    let key = client.key.map_or_else(|| DEFAULT_KEY.into(), |key| key.id.clone());
    let queue = app.gateway.limits().queue().clone();
    let queued = Instant::now();
    let places = tokio::select! {
        places = queue.places(&key, choices) => places,
        () = exchange.client_gone() => return exchange.cancelled().await,
        () = app.cut.cancelled() => return exchange.reject(ApiError::ShuttingDown).await,
    };
    let places = match places {
        Ok(places) => places,
        Err(error) => return exchange.reject(error.into()).await,
    };
    // Asked now: a switch while it waited counts for it too.
    let Some(kind) = app.backend.active() else { return exchange.reject(ApiError::BackendDisabled).await };
    ignored.extend(kind.ignored(&plan).into_iter().map(str::to_owned));
    if !ignored.is_empty()
        && let Ok(names) = HeaderValue::from_str(&ignored.join(", "))
    {
        headers.insert(IGNORED_PARAMS, names);
    }
    let queue_wait_ms = (queued.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    exchange.record(EventBody::RequestAdmitted { queue_wait_ms, output: rules.output.recorded() }).await;
    let limits = Limits {
        deadline: arrived + app.config.timeout,
        first: app.config.idle_timeout,
        idle: form.idle_timeout(&app.config),
        cut: app.cut.clone(),
    };
    if rules.max_tokens.is_some() {
        load_vocabulary().await;
    }
    let job = Job { request: exchange.id, plan, turns: choices, rules, kind };
    let turns = Turns::start(app.backend.clone(), job, places, limits);
    match form {
        Form::Whole => whole(&app, exchange, turns, &envelope, headers).await,
        Form::Stream { include_usage, keepalive } => {
            let stream = Stream {
                exchange,
                turns,
                writer: ChunkWriter::new(envelope, choices, include_usage, app.config.stop_after_tools_mode),
                headers: stream_headers(headers),
                head_due: arrived + app.config.stream_head,
                keepalive,
            };
            stream.run(&app).await;
        }
    }
    drop(running);
}

/// Every check of the contract, in its order.
fn admit(app: &App, exchange: &mut Exchange, client: &Client, body: &[u8]) -> Result<Admitted, ApiError> {
    let limits = app.gateway.limits();
    let rate = || limits.spend(client.key.as_deref(), network(client.peer.ip())).map_err(ApiError::RateLimited);
    check_content(&client.head.headers)?;
    let Some(key) = &client.key else {
        // Whether it is JSON comes first; more of it is not worth the memory.
        serde_json::from_slice::<IgnoredAny>(body).map_err(|_| ApiError::InvalidJson)?;
        rate()?;
        return Err(ApiError::Unauthorized);
    };
    let body: Value = serde_json::from_slice(body).map_err(|_| ApiError::InvalidJson)?;
    // Told even of a request that is refused below.
    exchange.facts.model = body.get("model").and_then(Value::as_str).map(str::to_owned);
    exchange.facts.stream = body.get("stream").and_then(Value::as_bool).unwrap_or(app.config.default_stream);
    let left = rate()?;
    if !key.role.may_complete() {
        return Err(ApiError::WrongRole(key.role));
    }
    if let Some(notice) = app.gateway.maintenance.notice() {
        return Err(ApiError::Maintenance(notice));
    }
    app.check_available()?;
    // Each choice is a turn: more of them than places could only ever be refused for lack of room.
    let max_choices = app.config.max_chat_choices.min(app.config.worker_max_concurrency);
    let request = ChatRequest::parse(&body, max_choices)?;
    let resolved = resolve(app, &request.model).filter(|_| key.may_use(&request.model));
    let (model, effort) = resolved.ok_or_else(|| ApiError::model_not_found(&request.model))?;
    let streams = request.stream.unwrap_or(app.config.default_stream);
    let form = if streams {
        Form::Stream { include_usage: request.include_usage, keepalive: keepalive(app, &client.head) }
    } else {
        Form::Whole
    };
    let envelope = Envelope {
        id: format!("chatcmpl-{}", exchange.id),
        created: exchange.id.time().map_or(0, jiff::Timestamp::as_second),
        model: request.model.clone(),
    };
    let running = limits.begin(key, streams).map_err(|_| ApiError::TooManyStreams)?;
    let rules = Rules { output: output::rules(&app.config, &client.head, &body), ..request.rules.clone() };
    let mut headers = HeaderMap::new();
    if let Some(left) = left {
        rate_left(&mut headers, left);
    }
    output::announce(&mut headers, &rules.output);
    let (choices, rules, ignored) = (request.n, Arc::new(rules), request.ignored.clone());
    Ok(Admitted { plan: request.plan(&model, effort), choices, rules, ignored, running, envelope, form, headers })
}

/// The upstream's model for the name a client wrote: an alias, the configured model, or one of the worker's own.
fn resolve(app: &App, name: &str) -> Option<(String, Option<Effort>)> {
    if let Some(target) = app.config.models.resolve(name) {
        return Some((target.model.to_owned(), target.effort));
    }
    app.backend.knows_model(name).then(|| (name.to_owned(), None))
}

/// The time between keepalive comments; some clients choke on them.
fn keepalive(app: &App, head: &request::Parts) -> Option<Duration> {
    let agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let chokes = ["obsidian", "electron"].iter().any(|name| agent.to_ascii_lowercase().contains(name));
    let declined = head.headers.get("x-no-keepalive").is_some_and(|value| value == "1")
        || head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "no_keepalive=1"));
    (!chokes && !declined).then(|| app.config.sse_keepalive)
}

/// The plan, if its prompt has at most `max` tokens or `max` is 0. Counting is work, so it is done where nobody is kept from theirs.
async fn within_limit(plan: TurnPlan, max: usize) -> Result<TurnPlan, ApiError> {
    if max == 0 {
        return Ok(plan);
    }
    let counting = tokio::task::spawn_blocking(move || (!tokens::exceed(&plan.items, max)).then_some(plan));
    counting.await.map_err(|_| ApiError::Internal)?.ok_or(ApiError::PromptTooLong)
}

/// Makes what tokens are counted with, at its first use, where nobody is kept from working.
async fn load_vocabulary() {
    // It can only have panicked, and will do so where it is needed.
    let _ = tokio::task::spawn_blocking(tokens::load).await;
}

/// Collects the answers and sends them as one object.
async fn whole(app: &App, mut exchange: Exchange, mut turns: Turns, envelope: &Envelope, mut headers: HeaderMap) {
    while !turns.are_complete() {
        match turns.next(&mut exchange).await {
            Step::Piece(_, piece) => note_first_token(&mut exchange, &piece),
            Step::ClientGone => return cancel(exchange, turns).await,
            Step::Failed(error) => return fail(app, exchange, turns, error).await,
        }
    }
    turns.count_usage().await;
    note_spent(&mut exchange, &turns);
    let answers = turns.close().await;
    let answers: Vec<(Answer, FinishReason)> =
        answers.into_iter().filter_map(|answer| finish_reason(&answer).map(|reason| (answer, reason))).collect();
    for (_, reason) in &answers {
        exchange.facts.finish_reasons.push(reason.as_str().to_owned());
    }
    output::tell_calls(&mut headers, answers.iter().map(|(answer, _)| answer));
    exchange.answer_json(headers, completion(envelope, &answers)).await;
}

fn finish_reason(answer: &Answer) -> Option<FinishReason> {
    match answer.end()? {
        AnswerEnd::Finished(reason) => Some(*reason),
        AnswerEnd::Failed(_) => None,
    }
}

/// Ends a request whose client has got nothing yet.
async fn fail(app: &App, mut exchange: Exchange, turns: Turns, error: ApiError) {
    note_spent(&mut exchange, &turns);
    turns.close().await;
    exchange.fail(app.presentable(error).await).await;
}

async fn cancel(mut exchange: Exchange, turns: Turns) {
    note_spent(&mut exchange, &turns);
    turns.close().await;
    exchange.cancelled().await;
}

fn note_spent(exchange: &mut Exchange, turns: &Turns) {
    exchange.facts.tokens = turns.tokens();
    exchange.facts.usage_source = turns.usage_is_counted().then_some(UsageSource::Counted);
    exchange.facts.worker = turns.worker();
}

fn note_first_token(exchange: &mut Exchange, piece: &Piece) {
    if matches!(piece, Piece::Text(_) | Piece::Call { .. }) {
        exchange.facts.first_token.get_or_insert_with(std::time::Instant::now);
    }
}

fn stream_headers(mut headers: HeaderMap) -> HeaderMap {
    for (name, value) in [
        (header::CONTENT_TYPE, sse::CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::CONNECTION, "keep-alive"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

/// One streamed answer on its way out.
struct Stream {
    exchange: Exchange,
    turns: Turns,
    writer: ChunkWriter,
    headers: HeaderMap,
    /// When the head goes out even without content.
    head_due: Instant,
    keepalive: Option<Duration>,
}

// === impl Stream ===

impl Stream {
    async fn run(mut self, app: &App) {
        let mut last_sent = Instant::now();
        while !self.turns.are_complete() {
            let waiting = self.exchange.is_waiting();
            let wake = match self.keepalive {
                _ if waiting => Some(self.head_due),
                Some(interval) => Some(last_sent + interval),
                None => None,
            };
            let step = tokio::select! {
                biased;
                step = self.turns.next(&mut self.exchange) => Some(step),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => None,
            };
            let sent = match step {
                Some(Step::Piece(index, piece)) => self.piece(index, &piece).await,
                Some(Step::ClientGone) => return cancel(self.exchange, self.turns).await,
                Some(Step::Failed(error)) if waiting => {
                    return fail(app, self.exchange, self.turns, error).await;
                }
                Some(Step::Failed(error)) => return self.abort(app.presentable(error).await).await,
                None if waiting => self.open().await,
                None => self.exchange.send(sse::KEEPALIVE.to_owned()).await,
            };
            if sent.is_err() {
                return cancel(self.exchange, self.turns).await;
            }
            last_sent = Instant::now();
        }
        self.complete().await;
    }

    async fn open(&mut self) -> Result<(), ClientGone> {
        self.exchange.open_stream(std::mem::take(&mut self.headers)).await?;
        for event in self.writer.open() {
            self.exchange.send(event).await?;
        }
        Ok(())
    }

    async fn piece(&mut self, index: usize, piece: &Piece) -> Result<(), ClientGone> {
        if self.exchange.is_waiting() {
            self.open().await?;
        }
        for event in self.writer.piece(index, piece) {
            self.exchange.send(event).await?;
        }
        note_first_token(&mut self.exchange, piece);
        if let Piece::End(AnswerEnd::Finished(reason)) = piece {
            self.exchange.facts.finish_reasons.push(reason.as_str().to_owned());
        }
        Ok(())
    }

    async fn complete(mut self) {
        self.turns.count_usage().await;
        note_spent(&mut self.exchange, &self.turns);
        let tokens = self.turns.tokens().unwrap_or_default();
        self.turns.close().await;
        let ttft = self.exchange.facts.first_token.map(|at| at.duration_since(self.exchange.started));
        let mut events =
            self.writer.close(tokens, ttft.map(whole_millis), whole_millis(self.exchange.started.elapsed()));
        let last = events.pop().unwrap_or_default();
        for event in events {
            if self.exchange.send(event).await.is_err() {
                return self.exchange.cancelled().await;
            }
        }
        self.exchange.close_stream(last, Outcome::Ok, None).await;
    }

    /// The head is out, so the failure can only be an event: clients raise on it, and nothing follows it.
    async fn abort(mut self, error: ApiError) {
        note_spent(&mut self.exchange, &self.turns);
        self.turns.close().await;
        let code = error.code();
        let event = format!("data: {}\n\n", error.body());
        self.exchange.close_stream(event, Outcome::StreamAborted, Some(code)).await;
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
