//! A running service as its partners see it: over HTTP, with a key.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take as a whole.
const TIMEOUT: Duration = Duration::from_secs(330);

/// A service somewhere.
pub(crate) struct Service {
    client: Client,
    /// Without a slash at the end, and without `/v1`.
    url: String,
    key: String,
}

/// An answer that came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A streamed answer, read to its end.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The data of its events, without `[DONE]`.
    pub(crate) events: Vec<Value>,
    /// Whether `[DONE]` came.
    pub(crate) done: bool,
}

// === impl Service ===

impl Service {
    /// The service at `url`, with or without `/v1`.
    pub(crate) fn new(url: &str, key: &str) -> Result<Self, String> {
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).build();
        let client = client.map_err(|error| format!("cannot prepare an HTTP client: {}", reason(&error)))?;
        let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!("{url:?} is no address such as http://127.0.0.1:11435"));
        }
        Ok(Self { client, url, key: key.to_owned() })
    }

    /// Gets `path`, without a key.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, String> {
        Answer::of(self.client.get(format!("{}{path}", self.url))).await
    }

    /// The same with this bearer token.
    pub(crate) async fn get_as(&self, path: &str, token: &str) -> Result<Answer, String> {
        Answer::of(self.client.get(format!("{}{path}", self.url)).bearer_auth(token)).await
    }

    /// Asks for a completion.
    pub(crate) async fn chat(&self, body: &Value) -> Result<Answer, String> {
        Answer::of(self.post(&body.to_string(), &self.key)).await
    }

    /// The same with a body that may be none.
    pub(crate) async fn chat_raw(&self, body: &str) -> Result<Answer, String> {
        Answer::of(self.post(body, &self.key)).await
    }

    /// The same with this key.
    pub(crate) async fn chat_as(&self, key: &str, body: &str) -> Result<Answer, String> {
        Answer::of(self.post(body, key)).await
    }

    /// Asks for a stream and leaves after its first content.
    pub(crate) async fn leave(&self, body: &Value) -> Result<(), String> {
        let response = self.post(&body.to_string(), &self.key).send().await.map_err(|error| reason(&error))?;
        let mut chunks = response.bytes_stream();
        let mut got = Vec::new();
        while !String::from_utf8_lossy(&got).contains("\"content\":\"") {
            match chunks.next().await {
                Some(chunk) => got.extend_from_slice(&chunk.map_err(|error| reason(&error))?),
                None => return Err("the stream ended before it had content".to_owned()),
            }
        }
        Ok(())
    }

    fn post(&self, body: &str, key: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}/v1/chat/completions", self.url));
        request.bearer_auth(key).header("content-type", "application/json").body(body.to_owned())
    }
}

// === impl Answer ===

impl Answer {
    async fn of(request: RequestBuilder) -> Result<Self, String> {
        let response: Response = request.send().await.map_err(|error| reason(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.map_err(|error| reason(&error))?;
        Ok(Self { status, headers, body })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Its events, if it is a stream.
    pub(crate) fn stream(&self) -> Stream {
        let mut stream = Stream::default();
        for data in self.body.lines().filter_map(|line| line.strip_prefix("data: ")) {
            if data == "[DONE]" {
                stream.done = true;
            } else {
                stream.events.push(serde_json::from_str(data).unwrap_or_default());
            }
        }
        stream
    }
}

// === impl Stream ===

impl Stream {
    /// The text of the first choice.
    pub(crate) fn text(&self) -> String {
        let deltas = self.events.iter().map(|event| &event["choices"][0]);
        deltas.filter(|choice| choice["index"] == 0).filter_map(|choice| choice["delta"]["content"].as_str()).collect()
    }
}

/// An error and what lies behind it, without the address, which may hold what should not be told.
fn reason(error: &reqwest::Error) -> String {
    let mut reason = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if error.source().is_none() {
            reason = text;
        }
        next = error.source();
    }
    if error.is_timeout() { format!("no answer in time ({reason})") } else { reason }
}
