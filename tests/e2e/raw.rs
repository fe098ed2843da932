//! A client that says what it likes over a socket, and reads answers as they come.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{KEY, PATIENCE, Proxy, ask};

/// A connection on which anything can be said.
pub(crate) struct Raw(pub(crate) BufReader<TcpStream>);

/// An answer as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

// === impl Raw ===

impl Raw {
    pub(crate) async fn connect(proxy: &Proxy) -> Self {
        let socket = TcpStream::connect(proxy.address.trim_start_matches("http://")).await.expect("it can be reached");
        Self(BufReader::new(socket))
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        // A proxy that has heard enough may close the connection.
        let _ = self.0.get_mut().write_all(bytes.as_ref()).await;
    }

    /// The next answer; `None` if the connection is closed.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        timeout(PATIENCE, self.read()).await.expect("the socket does not hang")
    }

    /// All answers until the connection is closed.
    pub(crate) async fn rest(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(answer) = self.answer().await {
            answers.push(answer);
        }
        answers
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.0.read_line(&mut line).await.unwrap_or(0);
        (length > 0).then(|| line.trim_end().to_owned())
    }

    async fn read(&mut self) -> Option<Answer> {
        let line = self.line().await?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        let mut headers = HashMap::new();
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").expect("a header");
            assert!(headers.insert(name.to_owned(), value.to_owned()).is_none(), "{name} is there once");
        }
        let mut body = Vec::new();
        match headers.get("content-length") {
            _ if status == 100 || status == 204 => {}
            Some(length) => {
                body.resize(length.parse().expect("a length"), 0);
                self.0.read_exact(&mut body).await.expect("the whole body");
            }
            None => drop(self.0.read_to_end(&mut body).await.expect("all until the end")),
        }
        Some(Answer { status, headers, body: String::from_utf8(body).expect("UTF-8") })
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What the model said.
    pub(crate) fn text(&self) -> String {
        self.json()["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// The bytes of a chat request with these lines in its head, each with its end.
pub(crate) fn post(lines: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n{lines}\r\n{body}").into()
}

/// The bytes of one that is right.
pub(crate) fn sized(body: &str) -> Vec<u8> {
    post(&format!("content-length: {}\r\n", body.len()), body)
}

pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n")
}

pub(crate) fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// What comes of `bytes` on a connection of their own. A last request behind them tells that nothing else is to come, unless the
/// connection is closed before.
pub(crate) async fn answers(proxy: &Proxy, bytes: &[u8]) -> Vec<Answer> {
    let mut raw = Raw::connect(proxy).await;
    raw.say([bytes, get("/the/last").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes()].concat()).await;
    let mut answers = raw.rest().await;
    let is_last =
        |answer: &Answer| answer.status == 404 && answer.headers.get("connection").is_some_and(|c| c == "close");
    answers.pop_if(|answer| is_last(answer));
    answers
}

/// What comes of `bytes` if nothing can follow them.
pub(crate) async fn answers_to_the_end(proxy: &Proxy, bytes: &[u8]) -> Vec<Answer> {
    let mut raw = Raw::connect(proxy).await;
    raw.say(bytes).await;
    raw.0.get_mut().shutdown().await.expect("the socket is open");
    raw.rest().await
}

/// Checks an answer that hyper let us give.
pub(crate) fn is_ours(answer: &Answer, name: &str) {
    assert!(answer.headers.contains_key("x-request-id"), "{name}: {answer:?}");
    if answer.status >= 400 {
        assert!(answer.json()["error"]["message"].is_string(), "{name}: {answer:?}");
    }
}

/// What hyper refuses by itself: a status and nothing else.
pub(crate) const BARE: &str = "";

/// Somebody else asks, and gets the answer to that.
pub(crate) async fn unaffected(mut other: Raw, name: &str) {
    let text = format!("others behind {name}");
    other.say(sized(&ask(&format!("say:{text}")).to_string())).await;
    assert_eq!(other.answer().await.expect("an answer").text(), text);
}

/// A chat request of exactly `size` bytes.
pub(crate) fn large(size: usize) -> String {
    let body = |filler: &str| {
        json!({ "model": "codex-5", "messages": [
            { "role": "user", "content": filler }, { "role": "user", "content": "say:all of it" },
        ] })
        .to_string()
    };
    let filler = size - body("").len();
    body(&"four ".repeat(filler.div_ceil(5))[..filler])
}
