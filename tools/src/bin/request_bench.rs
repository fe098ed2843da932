//! What large requests cost: how long a long history takes to be read, and the memory of the service under a body of 16 MiB.
//!
//! Reading is measured in this process: the bytes of a body to the plan of a turn. Memory is that of a real `codex-proxy` on the stubbed
//! worker, journal and scrubbing on, as the kernel counts it: the peak while it answers against what it had before.

#[path = "bench/service.rs"]
mod service;

use std::fs;
use std::time::{Duration, Instant};

use codex_completions_api::openai::chat::request::ChatRequest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::service::{Failure, KEY, Service};

/// How often each body is read, of which the median counts, and sent, of which the first and the most memory do.
const ROUNDS: usize = 11;

/// The messages of a long history.
const HISTORY: usize = 10_000;

/// The largest body that the service takes by default.
const LARGE: usize = 16 << 20;

/// Memory of a process in bytes.
struct Memory {
    now: u64,
    peak: u64,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let bodies = [
        ("10,000 messages of 40 bytes", history(40)),
        ("10,000 messages, 16 MiB", history(LARGE / HISTORY - 40)),
        ("one text of 16 MiB", single(&"four ".repeat(LARGE / 5 - 40))),
        ("an image of 16 MiB", image(LARGE - 300)),
        ("program text, an escape in ten bytes", single(&"let x = 1\n".repeat(LARGE / 11 - 40))),
    ];
    println!("{:<40}{:>10}{:>12}", "reading", "ms", "MB/s");
    for (name, body) in &bodies {
        let took = median(body);
        #[expect(clippy::cast_precision_loss, reason = "bodies are far below 2^53 bytes")]
        let rate = body.len() as f64 / took.as_secs_f64() / 1e6;
        println!("{name:<40}{:>10.1}{rate:>12.0}", took.as_secs_f64() * 1e3);
    }
    println!();
    println!("{:<40}{:>10}{:>12}{:>12}{:>12}", "memory, MiB", "before", "peak", "× body", "× in a row");
    for (name, body) in bodies.iter().filter(|(_, body)| body.len() > LARGE / 2) {
        let service = Service::start().await?;
        let pid = service.pid().ok_or("it runs")?;
        // Its test of the scrubber takes memory of its own.
        while !send(&service, "GET", "/healthz", b"").await?.contains("\"selftest\":\"passed\"") {
            sleep(Duration::from_millis(100)).await;
        }
        send(&service, "POST", "/v1/chat/completions", &single("warm")).await?;
        let before = Memory::of(pid)?.now;
        fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        let mut peaks = Vec::new();
        for _ in 0..ROUNDS {
            let answer = send(&service, "POST", "/v1/chat/completions", body).await?;
            if !answer.starts_with("HTTP/1.1 200") {
                return Err(answer.into());
            }
            // What it writes behind an answer counts too.
            sleep(Duration::from_millis(200)).await;
            peaks.push(Memory::of(pid)?.peak);
        }
        #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
        let multiple = |peak: u64| (peak - before) as f64 / body.len() as f64;
        let (once, in_a_row) = (peaks[0], peaks[ROUNDS - 1]);
        println!(
            "{name:<40}{:>10}{:>12}{:>12.1}{:>12.1}",
            before >> 20,
            once >> 20,
            multiple(once),
            multiple(in_a_row)
        );
    }
    Ok(())
}

/// A history whose messages have `size` bytes of text each.
fn history(size: usize) -> Vec<u8> {
    let text = "word ".repeat(size.div_ceil(5));
    let role = |index: usize| if index.is_multiple_of(2) { "user" } else { "assistant" };
    let messages = (0..HISTORY).map(|index| json!({ "role": role(index), "content": &text[..size] }));
    body(messages.collect())
}

fn single(text: &str) -> Vec<u8> {
    body(vec![json!({ "role": "user", "content": text })])
}

fn image(size: usize) -> Vec<u8> {
    let url = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAANSUhEUgAA".repeat(size / 24));
    body(vec![json!({ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": url } }] })])
}

/// The body of a request with these messages, and one that says what to answer.
fn body(mut messages: Vec<Value>) -> Vec<u8> {
    messages.push(json!({ "role": "user", "content": "say:read" }));
    json!({ "model": "codex-5", "messages": messages }).to_string().into_bytes()
}

fn median(body: &[u8]) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            let value = serde_json::from_slice(body).expect("it is JSON");
            let plan = ChatRequest::parse(value, 1).expect("it is right").plan("m", None);
            let took = began.elapsed();
            drop(plan);
            took
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

/// Sends a request on a connection of its own, and gives all that comes back.
async fn send(service: &Service, method: &str, path: &str, body: &[u8]) -> Result<String, Failure> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut socket = TcpStream::connect(&service.address).await?;
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

// === impl Memory ===

impl Memory {
    fn of(pid: u32) -> Result<Self, Failure> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| -> Result<u64, Failure> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("a field is missing")?;
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
        };
        Ok(Self { now: field("VmRSS:")?, peak: field("VmHWM:")? })
    }
}
