//! What is checked of a service.

use std::pin::Pin;

use serde_json::{Value, json};

use super::{Subject, Verdict};
use crate::service::Service;

/// An error is a check that failed.
type Checking<'a> = Pin<Box<dyn Future<Output = Result<Verdict, String>> + 'a>>;

type Check = for<'a> fn(&'a Subject) -> Checking<'a>;

/// Every check, in order.
pub(super) const CHECKS: &[(&str, Check)] = &[
    ("liveness", |subject| Box::pin(liveness(subject))),
    ("readiness", |subject| Box::pin(readiness(subject))),
    ("backend", |subject| Box::pin(backend(subject))),
    ("models", |subject| Box::pin(models(subject))),
    ("completion", |subject| Box::pin(completion(subject))),
    ("stream", |subject| Box::pin(stream(subject))),
    ("tools", |subject| Box::pin(tools(subject))),
    ("cancel", |subject| Box::pin(cancel(subject))),
    ("wrong key", |subject| Box::pin(wrong_key(subject))),
    ("bad request", |subject| Box::pin(bad_request(subject))),
    ("unknown model", |subject| Box::pin(unknown_model(subject))),
    ("unknown route", |subject| Box::pin(unknown_route(subject))),
    ("metrics", |subject| Box::pin(metrics(subject))),
];

/// The first model that is advertised; a name that nobody has if none is.
pub(super) async fn first_model(service: &Service) -> String {
    let list = service.get("/v1/models").await.map(|answer| answer.json()).unwrap_or_default();
    list["data"][0]["id"].as_str().unwrap_or("codex-5").to_owned()
}

async fn liveness(subject: &Subject) -> Result<Verdict, String> {
    let answer = subject.service.get("/livez").await?;
    expect(answer.status == 200, || format!("/livez answers {}", answer.status))?;
    Ok(passed("200"))
}

async fn readiness(subject: &Subject) -> Result<Verdict, String> {
    let answer = subject.service.get("/readyz").await?;
    let body = answer.json();
    let reason = body["health"]["readiness"]["reason"].as_str().unwrap_or("no reason given");
    expect(answer.status == 200, || format!("/readyz answers {}: {reason}", answer.status))?;
    expect(body["maintenance"] == false, || {
        "it is in maintenance; `codex-proxy ctl maintenance off` ends it".to_owned()
    })?;
    Ok(passed(reason))
}

async fn backend(subject: &Subject) -> Result<Verdict, String> {
    let body = subject.service.get("/healthz").await?.json();
    let mode = body["backend_mode"].as_str().unwrap_or("none");
    expect(mode == subject.backend, || {
        let wanted = &subject.backend;
        format!("requests go to {mode}, not to {wanted}; `codex-proxy ctl backend {wanted}` switches")
    })?;
    Ok(passed(mode))
}

async fn models(subject: &Subject) -> Result<Verdict, String> {
    let answer = subject.service.get("/v1/models").await?;
    if answer.status == 401 {
        return Ok(Verdict::Skipped("they are shown with a key only".to_owned()));
    }
    let list = answer.json();
    let count = list["data"].as_array().map_or(0, Vec::len);
    expect(answer.status == 200 && count > 0, || format!("{} with {count} models", answer.status))?;
    Ok(passed(&format!("{count} models")))
}

async fn completion(subject: &Subject) -> Result<Verdict, String> {
    let answer = subject.service.chat(&ask(subject, false)).await?;
    let body = answer.json();
    expect(answer.status == 200, || failure(answer.status, &body))?;
    let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    expect(!text.is_empty(), || "the answer has no text".to_owned())?;
    let usage = &body["usage"];
    let sum = usage["prompt_tokens"].as_u64().zip(usage["completion_tokens"].as_u64()).map(|(one, other)| one + other);
    expect(sum.is_some() && usage["total_tokens"].as_u64() == sum, || format!("the usage does not add up: {usage}"))?;
    expect(!answer.header("x-request-id").is_empty(), || "there is no X-Request-Id".to_owned())?;
    Ok(passed(&format!("{} tokens", usage["total_tokens"])))
}

async fn stream(subject: &Subject) -> Result<Verdict, String> {
    let answer = subject.service.chat(&ask(subject, true)).await?;
    expect(answer.status == 200, || failure(answer.status, &answer.json()))?;
    let kind = answer.header("content-type");
    expect(kind == "text/event-stream", || format!("the content type is {kind:?}"))?;
    let stream = answer.stream();
    let role = &stream.events.first().unwrap_or(&Value::Null)["choices"][0]["delta"]["role"];
    expect(role == "assistant", || "the first event has no role".to_owned())?;
    expect(stream.done, || "it ends without [DONE]".to_owned())?;
    expect(!stream.text().is_empty(), || "it has no text".to_owned())?;
    let last = stream.events.last().unwrap_or(&Value::Null);
    expect(last["usage"]["total_tokens"].is_u64(), || "its last event has no usage".to_owned())?;
    Ok(passed(&format!("{} events", stream.events.len())))
}

async fn tools(subject: &Subject) -> Result<Verdict, String> {
    if subject.backend == "proto" {
        return Ok(Verdict::Skipped("this backend has no tools".to_owned()));
    }
    let mut body = ask(subject, false);
    // What the scripted model of `codex-proxy demo` is asked like this, it does.
    body["messages"][0]["content"] = "tool:smoke_test:{}".into();
    body["tools"] = json!([{ "type": "function", "function": {
        "name": "smoke_test", "description": "Call this tool now.", "parameters": { "type": "object", "properties": {} },
    } }]);
    body["tool_choice"] = "required".into();
    let answer = subject.service.chat(&body).await?;
    let body = answer.json();
    expect(answer.status == 200, || failure(answer.status, &body))?;
    let choice = &body["choices"][0];
    let name = &choice["message"]["tool_calls"][0]["function"]["name"];
    expect(choice["finish_reason"] == "tool_calls" && name == "smoke_test", || format!("no call came: {choice}"))?;
    Ok(passed("called"))
}

async fn cancel(subject: &Subject) -> Result<Verdict, String> {
    subject.service.leave(&ask(subject, true)).await?;
    let next = subject.service.chat(&ask(subject, false)).await?;
    expect(next.status == 200, || format!("the request behind it: {}", failure(next.status, &next.json())))?;
    Ok(passed("left mid-stream, and the next request was served"))
}

async fn wrong_key(subject: &Subject) -> Result<Verdict, String> {
    let answer = subject.service.chat_as("codex-trace-smoke-wrong", "{}").await?;
    let code = refusal(&answer.json())?;
    expect(answer.status == 401 && code == "invalid_api_key", || format!("{} {code}", answer.status))?;
    expect(answer.header("www-authenticate") == "Bearer realm=api", || "there is no WWW-Authenticate".to_owned())?;
    Ok(passed("401 invalid_api_key"))
}

async fn bad_request(subject: &Subject) -> Result<Verdict, String> {
    let mut body = ask(subject, false);
    body["n"] = "many".into();
    let answer = subject.service.chat(&body).await?;
    let body = answer.json();
    let code = refusal(&body)?;
    expect(answer.status == 400 && body["error"]["param"] == "n", || format!("{} {code}", answer.status))?;
    Ok(passed("400, naming the field"))
}

async fn unknown_model(subject: &Subject) -> Result<Verdict, String> {
    let mut body = ask(subject, false);
    body["model"] = "codex-trace-smoke-nobody".into();
    let answer = subject.service.chat(&body).await?;
    let code = refusal(&answer.json())?;
    expect(answer.status == 404 && code == "model_not_found", || format!("{} {code}", answer.status))?;
    Ok(passed("404 model_not_found"))
}

async fn unknown_route(subject: &Subject) -> Result<Verdict, String> {
    let answer = subject.service.get("/v1/codex-trace-smoke").await?;
    refusal(&answer.json())?;
    expect(answer.status == 404, || answer.status.to_string())?;
    Ok(passed("404 with a JSON body"))
}

async fn metrics(subject: &Subject) -> Result<Verdict, String> {
    let answer = match &subject.metrics_token {
        Some(token) => subject.service.get_as("/metrics", token).await?,
        None => subject.service.get("/metrics").await?,
    };
    match (answer.status, &subject.metrics_token) {
        (200, _) => {}
        (status, None) => return Ok(Verdict::Skipped(format!("not shown to us ({status})"))),
        (status, Some(_)) => return Err(format!("/metrics answers {status} to the token")),
    }
    expect(answer.body.contains("codex_proxy_requests_total"), || "the requests are not counted".to_owned())?;
    Ok(passed("there"))
}

fn ask(subject: &Subject, stream: bool) -> Value {
    let message = json!({ "role": "user", "content": "Say a short greeting." });
    let mut body = json!({ "model": subject.model, "stream": stream, "messages": [message] });
    if stream {
        body["stream_options"] = json!({ "include_usage": true });
    }
    body
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn passed(detail: &str) -> Verdict {
    Verdict::Passed(detail.to_owned())
}

/// The code of an error body.
fn refusal(body: &Value) -> Result<String, String> {
    let error = &body["error"];
    let (message, code) = (error["message"].as_str(), error["code"].as_str());
    expect(message.is_some() && error["type"].is_string(), || format!("the error has another form: {body}"))?;
    Ok(code.unwrap_or_default().to_owned())
}

fn failure(status: u16, body: &Value) -> String {
    let error = &body["error"];
    let text = |field: &str| error[field].as_str().unwrap_or("?").to_owned();
    format!("{status} {}: {}", text("code"), text("message"))
}
