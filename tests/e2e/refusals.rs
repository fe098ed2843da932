//! Every refusal of the contract over HTTP: status, headers and the exact body. `tests/requests/refused.json` has the rows for the fields
//! of a request, which a unit test reads too.

use std::collections::HashSet;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::faults::{self, FaultyStub};
use crate::support::{KEY, Proxy, ask, ask_stream, command};

const CHAT: &str = "/v1/chat/completions";

/// A POST to the chat route with this key and body, not yet sent.
fn post(proxy: &Proxy, key: Option<&str>, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let request = reqwest::Client::new().post(format!("{}{CHAT}", proxy.address)).body(body);
    match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    }
}

/// A chat request that is fine but for `extra`.
fn with(extra: &Value) -> String {
    let mut body = ask("say:never");
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body.to_string()
}

/// The error object of a refusal; `more` are its further members.
fn error(message: &str, kind: &str, code: &str, more: &Value) -> Value {
    let mut error = json!({ "message": message, "type": kind, "code": code });
    error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "error": error })
}

fn invalid(message: &str, code: &str, more: &Value) -> Value {
    error(message, "invalid_request_error", code, more)
}

fn unavailable(message: &str, code: &str) -> Value {
    error(message, "backend_unavailable", code, &json!({ "retryable": true }))
}

/// Checks an answer of the chat route, with the headers that go with such an error, and gives its id.
async fn is(response: Response, status: u16, body: &Value) -> String {
    let headers = response.headers().clone();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(response.status(), status, "{body}");
    let id = header("x-request-id").expect("every answer has an id");
    assert_eq!(header("x-proxy-trace-id"), (status != 401).then_some(id), "{body}");
    assert_eq!(header("content-type"), Some("application/json; charset=utf-8"));
    let is_ours = status == 401 && body["error"]["message"] == "unauthorized";
    assert_eq!(header("www-authenticate"), is_ours.then_some("Bearer realm=api"), "{body}");
    let may_retry = status == 429 || body["error"]["retryable"] == true;
    let wait = header("retry-after").map(|seconds| seconds.parse::<u64>().expect("whole seconds"));
    assert_eq!(wait.is_some_and(|seconds| (1..=60).contains(&seconds)), may_retry, "{body}: {wait:?}");
    assert_eq!(header("retry-after-ms").is_some(), may_retry, "{body}");
    let id = id.to_owned();
    assert_eq!(response.json::<Value>().await.expect("errors are JSON"), *body);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named() {
    let proxy = faults::start(&[]).await;
    let rows: Vec<Value> = serde_json::from_str(include_str!("../requests/refused.json")).unwrap();
    for row in &rows {
        let body = row.get("with").map_or_else(|| row["body"].to_string(), with);
        let code = row["code"].as_str().unwrap_or("invalid_request_error");
        let expected = invalid(row["message"].as_str().unwrap(), code, &json!({ "param": row["param"] }));
        is(post(&proxy, Some(KEY), body).send().await.unwrap(), 400, &expected).await;
    }
    assert_eq!(proxy.summaries().await.len(), rows.len(), "each of them is on record");
    assert_eq!(proxy.ask("say:still here").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_without_effect_are_named_in_the_answer() {
    let proxy = faults::start(&[]).await;
    let mut body = ask("say:hi");
    let rows: Vec<Value> = serde_json::from_str(include_str!("../requests/accepted.json")).unwrap();
    let mut ignored = HashSet::new();
    for row in rows.iter().filter(|row| row["ignored"].as_array().is_some_and(|names| !names.is_empty())) {
        body.as_object_mut().unwrap().extend(row["with"].as_object().unwrap().clone());
        ignored.insert(row["ignored"][0].as_str().unwrap());
    }
    let answer = proxy.chat(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let named: HashSet<&str> = answer.headers()["x-proxy-ignored-params"].to_str().unwrap().split(", ").collect();
    assert_eq!(named, ignored);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_json_comes_before_authentication_and_that_before_the_fields() {
    let proxy = Proxy::start_with(&[("PROXY_MAX_PROMPT_TOKENS", "1000")]).await;
    let bad_json = invalid("Invalid JSON", "invalid_json", &json!({ "param": null }));
    let unauthorized = error("unauthorized", "authentication_error", "invalid_api_key", &json!({}));
    let mut ids = HashSet::new();
    for body in ["", " ", "{", "{\"model\":", "nonsense", "{}{}", "{\"n\":NaN}", "{'n':1}", "{\"n\":1,}", "\u{feff}{}"]
    {
        for key in [Some(KEY), Some("wrong"), None] {
            ids.insert(is(post(&proxy, key, body).send().await.unwrap(), 400, &bad_json).await);
        }
    }
    for body in ["{}", "[1]", "null", &with(&json!({ "n": 0 })), &with(&json!({}))] {
        for key in [Some("wrong"), Some(""), None] {
            ids.insert(is(post(&proxy, key, body.to_owned()).send().await.unwrap(), 401, &unauthorized).await);
        }
    }
    for value in ["Basic eDp5", KEY, "Bearer", "Bearer ", &format!("Bearer {KEY}x"), &format!("Bearer {KEY} x")] {
        let request = post(&proxy, None, with(&json!({}))).header("authorization", value);
        ids.insert(is(request.send().await.unwrap(), 401, &unauthorized).await);
    }
    for (extra, status, expected) in [
        (
            json!({ "model": "nobody-knows" }),
            404,
            invalid(
                "The model nobody-knows does not exist or you do not have access to it.",
                "model_not_found",
                &json!({ "param": "model" }),
            ),
        ),
        (
            json!({ "messages": [{ "role": "user", "content": "one two ".repeat(1000) }] }),
            403,
            error(
                "context length exceeded",
                "tokens_exceeded_error",
                "context_length_exceeded",
                &json!({ "param": "messages" }),
            ),
        ),
        (
            json!({ "model": "nobody-knows", "stream": 1 }),
            400,
            invalid("stream must be a boolean", "invalid_request_error", &json!({ "param": "stream" })),
        ),
    ] {
        ids.insert(is(post(&proxy, Some(KEY), with(&extra)).send().await.unwrap(), status, &expected).await);
    }
    assert!(proxy.model().requests().is_empty(), "none of them reached the model");
    let summaries = proxy.summaries().await;
    let recorded = summaries.iter().map(|summary| summary["id"].as_str().unwrap().to_owned());
    assert_eq!(recorded.collect::<HashSet<_>>(), ids, "each of them is in the journal under that id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_role_asks_no_models() {
    let proxy = faults::start(&[]).await;
    let mut add = command(proxy.state.path());
    add.env_remove("PROXY_UPSTREAM_API_KEY").args(["keys", "add", "eve", "--role", "auditor"]);
    let key = String::from_utf8(add.output().await.unwrap().stdout).unwrap().trim().to_owned();
    let ask = async || post(&proxy, Some(&key), "{}").send().await.unwrap();
    proxy.until("the key is known", async || ask().await.status() == 403).await;
    let message = "a key of the role auditor cannot do this";
    is(ask().await, 403, &error(message, "permission_error", "wrong_role", &json!({}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_comes_after_bad_json_and_before_authentication() {
    let rate = [
        ("PROXY_RATE_LIMIT_ENABLED", "true"),
        ("PROXY_RATE_LIMIT_MAX", "1"),
        ("PROXY_RATE_LIMIT_WINDOW_MS", "3600000"),
    ];
    let proxy = faults::start(&rate).await;
    let limited = error("rate limit exceeded", "rate_limit_error", "rate_limited", &json!({}));
    let bad_json = invalid("Invalid JSON", "invalid_json", &json!({ "param": null }));
    for (key, first) in [(Some(KEY), 400), (None, 401)] {
        assert_eq!(post(&proxy, key, "{}").send().await.unwrap().status(), first);
        is(post(&proxy, key, "{}").send().await.unwrap(), 429, &limited).await;
        is(post(&proxy, key, "{").send().await.unwrap(), 400, &bad_json).await;
    }
    let refused = post(&proxy, Some(KEY), with(&json!({}))).send().await.unwrap();
    let left = ["limit", "remaining"].map(|name| refused.headers()[format!("x-ratelimit-{name}-requests")].clone());
    assert_eq!(left, ["1", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_comes_after_authentication_and_before_the_fields() {
    let proxy = faults::start(&[("PROXY_MAINTENANCE_MODE", "true")]).await;
    let refused = unavailable("the service is in maintenance", "maintenance_mode");
    for body in [ask("say:never"), json!({}), json!({ "model": "nobody-knows" })] {
        is(post(&proxy, Some(KEY), body.to_string()).send().await.unwrap(), 503, &refused).await;
    }
    assert_eq!(post(&proxy, Some("wrong"), "{}").send().await.unwrap().status(), 401);
    assert_eq!(post(&proxy, Some(KEY), "{").send().await.unwrap().status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_worker_every_request_is_refused_at_once_whatever_it_asks() {
    let stub = FaultyStub::new("silent-handshake");
    let proxy = Proxy::spawn_with(&[("CODEX_BIN", &stub.binary)]).await;
    let mut refused = unavailable("app-server worker is not ready", "worker_not_ready");
    refused["worker_status"] = json!({ "ready": false });
    for body in [ask("say:never"), ask_stream("say:never"), json!({}), json!({ "model": "nobody-knows" })] {
        is(post(&proxy, Some(KEY), body.to_string()).send().await.unwrap(), 503, &refused).await;
    }
    assert_eq!(post(&proxy, Some("wrong"), "{}").send().await.unwrap().status(), 401);
    assert_eq!(post(&proxy, Some(KEY), "{").send().await.unwrap().status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_backend_it_is_no_use_to_try_again() {
    let proxy = Proxy::spawn_with(&[("PROXY_USE_APP_SERVER", "false")]).await;
    let message = "app-server backend is disabled";
    let refused = error(message, "backend_unavailable", "app_server_disabled", &json!({ "retryable": false }));
    is(post(&proxy, Some(KEY), "{}").send().await.unwrap(), 503, &refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_the_worker_is_told_apart() {
    let proxy = faults::start(&[("WORKER_REQUEST_TIMEOUT_MS", "500"), ("PROXY_MAX_CHAT_CHOICES", "2")]).await;
    let ask_for = async |script: &str| proxy.ask(script).await;
    let timeout = "app-server request timeout";
    let timeout = error(timeout, "timeout_error", "worker_request_timeout", &json!({ "retryable": true }));
    is(ask_for("silent").await, 504, &timeout).await;
    is(ask_for("rpc-error:-32000:no").await, 500, &error("no", "server_error", "-32000", &json!({}))).await;
    let too_long = invalid("context length exceeded", "context_length_exceeded", &json!({ "param": "messages" }));
    is(ask_for("compaction").await, 400, &too_long).await;
    let message = "n must be an integer between 1 and 2; received 3";
    let refused = post(&proxy, Some(KEY), with(&json!({ "n": 3 }))).send().await.unwrap();
    is(refused, 400, &invalid(message, "invalid_request_error", &json!({ "param": "n" }))).await;
    is(ask_for("exit:9").await, 503, &unavailable("app-server worker exited", "worker_exited")).await;

    let proxy = faults::start(&[("PROXY_IDLE_TIMEOUT_MS", "300")]).await;
    let idle = error("backend idle timeout", "timeout_error", "idle_timeout", &json!({}));
    is(proxy.ask("silent").await, 504, &idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_at_a_time_is_told_apart() {
    let bounds = [("WORKER_MAX_CONCURRENCY", "1"), ("PROXY_QUEUE_MAX", "0"), ("PROXY_SSE_MAX_CONCURRENCY", "1")];
    let proxy = faults::start(&bounds).await;
    let mut stream = proxy.chat(&ask_stream("hang-interrupt")).send().await.unwrap();
    stream.chunk().await.unwrap();
    let streams = error("too many concurrent streams", "rate_limit_error", "concurrency_exceeded", &json!({}));
    is(proxy.chat(&ask_stream("say:never")).send().await.unwrap(), 429, &streams).await;
    let message = "app-server worker at capacity";
    let busy = error(message, "rate_limit_error", "worker_busy", &json!({ "retryable": true }));
    is(proxy.ask("say:never").await, 429, &busy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_upstream_refuses_is_told_without_its_secrets() {
    let proxy = Proxy::start().await;
    let failed = |message: &str| error(message, "server_error", "worker_error", &json!({}));
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let demanding = json!({ "tools": tools, "tool_choice": "required" });
    for (script, extra, status, expected) in [
        ("err:400", json!({}), 400, invalid("scripted 400", "invalid_request_error", &json!({}))),
        (
            "err:401",
            json!({}),
            401,
            error(
                "Codex is not logged in to its upstream, or its key was refused",
                "authentication_error",
                "invalid_api_key",
                &json!({}),
            ),
        ),
        (
            "err:404",
            json!({}),
            404,
            invalid("the model's upstream does not know the model", "model_not_found", &json!({})),
        ),
        (
            "err:429",
            json!({}),
            429,
            error("the model's upstream limits the rate of requests", "rate_limit_error", "rate_limited", &json!({})),
        ),
        ("err:500", json!({}), 500, failed("the model's upstream failed or is overloaded")),
        ("err:503", json!({}), 500, failed("the model's upstream failed or is overloaded")),
        ("cut", json!({}), 500, failed("the model's upstream broke off its answer")),
        (
            "failed",
            json!({}),
            400,
            invalid("context length exceeded", "context_length_exceeded", &json!({ "param": "messages" })),
        ),
        ("say:no call", demanding, 500, failed("the model called no tool although tool_choice requires it")),
    ] {
        let mut body = ask(script);
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        is(proxy.chat(&body).send().await.unwrap(), status, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_routes_refuse_in_the_same_form() {
    let metrics = [("PROXY_ENABLE_METRICS", "true"), ("PROXY_METRICS_ALLOW_LOOPBACK", "false")];
    let proxy = faults::start(&[&metrics[..], &[("PROXY_PROTECT_MODELS", "true")]].concat()).await;
    let no_route = invalid("no such route", "not_found", &json!({}));
    let no_responses = "this version does not serve /v1/responses: use /v1/chat/completions";
    let no_responses = invalid(no_responses, "not_found", &json!({}));
    let no_method = invalid("the route does not have this method", "method_not_allowed", &json!({}));
    let no_key = error("unauthorized", "authentication_error", "invalid_api_key", &json!({}));
    let unknown = "The model nobody does not exist or you do not have access to it.";
    let unknown = invalid(unknown, "model_not_found", &json!({ "param": "model" }));
    let limit = "limit must be a whole number";
    let limit = invalid(limit, "invalid_request_error", &json!({ "param": "limit" }));
    let start = "start must be RFC 3339, or milliseconds since 1970";
    let start = invalid(start, "invalid_request_error", &json!({ "param": "start" }));
    for (method, path, key, status, allow, expected) in [
        ("GET", "/", None, 404, None, &no_route),
        ("GET", "/v1/nothing", Some(KEY), 404, None, &no_route),
        ("POST", "/v1/responses", Some(KEY), 404, None, &no_responses),
        ("GET", "/v1/chat/completions//", Some(KEY), 404, None, &no_route),
        ("POST", "/V1/chat/completions", Some(KEY), 404, None, &no_route),
        ("GET", CHAT, Some(KEY), 405, Some("POST, HEAD"), &no_method),
        ("DELETE", CHAT, None, 405, Some("POST, HEAD"), &no_method),
        ("PATCH", "/v1/chat/completions/", None, 405, Some("POST, HEAD"), &no_method),
        ("DELETE", "/v1/models", Some(KEY), 405, Some("GET, HEAD"), &no_method),
        ("PUT", "/v1/models/codex-5", Some(KEY), 405, Some("GET, HEAD"), &no_method),
        ("POST", "/v1/usage", Some(KEY), 405, Some("GET, HEAD"), &no_method),
        ("POST", "/livez", None, 405, Some("GET, HEAD"), &no_method),
        ("POST", "/metrics", None, 405, Some("GET, HEAD"), &no_method),
        ("GET", "/v1/models", None, 401, None, &no_key),
        ("GET", "/v1/models/codex-5", Some("wrong"), 401, None, &no_key),
        ("GET", "/v1/models/nobody", Some(KEY), 404, None, &unknown),
        ("GET", "/v1/usage", None, 401, None, &no_key),
        ("GET", "/v1/usage/raw?limit=x", Some(KEY), 400, None, &limit),
        ("GET", "/v1/usage?start=soon", Some(KEY), 400, None, &start),
        ("GET", "/metrics", None, 403, None, &json!({ "ok": false, "reason": "metrics access denied" })),
    ] {
        let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}{path}", proxy.address));
        let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("allow").as_deref(), allow, "{method} {path}");
        assert!(header("x-request-id").is_some(), "{method} {path}");
        let is_traced = path.strip_suffix('/').unwrap_or(path) == CHAT;
        assert_eq!(header("x-proxy-trace-id"), is_traced.then(|| header("x-request-id").unwrap()), "{method} {path}");
        assert_eq!(header("www-authenticate").as_deref(), (status == 401).then_some("Bearer realm=api"));
        assert_eq!(response.json::<Value>().await.unwrap(), *expected, "{method} {path}");
    }
    for (key, status) in [(None, 401), (Some("wrong"), 401), (Some(KEY), 200)] {
        let head = reqwest::Client::new().head(format!("{}{CHAT}", proxy.address));
        let head = if let Some(key) = key { head.bearer_auth(key) } else { head };
        assert_eq!(head.send().await.unwrap().status(), status);
    }
}
