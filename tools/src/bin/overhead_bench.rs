//! How much the proxy adds: the same turn on the stubbed worker, asked directly over JSON-RPC and through `codex-proxy`.
//!
//! The two take turns, so that a machine whose speed drifts slows both. Journal, scrubbing and metrics are on, as in
//! production. Prints percentiles of the time to the first token and of the whole answer, and the difference.

#[path = "bench/service.rs"]
#[allow(dead_code, reason = "this bench does not ask for the process")]
mod service;

use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::service::{Failure, KEY, Service, sibling};

/// Measure what the proxy adds to a worker's own latency.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many requests to send each way.
    #[arg(long, default_value_t = 500)]
    requests: usize,
    /// How many deltas each answer has.
    #[arg(long, default_value_t = 20)]
    deltas: usize,
}

/// When an answer came, counted from its request.
#[derive(Debug, Clone, Copy)]
struct Sample {
    first_token: Duration,
    whole: Duration,
}

/// The stub, spoken to without a proxy.
struct Direct {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next_id: u64,
}

/// The stub behind `codex-proxy`, on one kept connection.
struct Proxied {
    _service: Service,
    socket: BufReader<TcpStream>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let script = format!("burst:{}", arguments.deltas);
    let mut direct = Direct::start().await?;
    let mut proxied = Proxied::start().await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..arguments.requests + 20 {
        let samples = (direct.ask(&script).await?, proxied.ask(&script).await?);
        // The first few warm caches and connections.
        if round >= 20 {
            without.push(samples.0);
            with.push(samples.1);
        }
    }
    println!("{} requests each way, {} deltas an answer; milliseconds", arguments.requests, arguments.deltas);
    println!("{:<14}{:>10}{:>10}{:>10}", "", "worker", "proxied", "added");
    report("first token", &without, &with, |sample| sample.first_token);
    report("whole answer", &without, &with, |sample| sample.whole);
    Ok(())
}

fn report(name: &str, without: &[Sample], with: &[Sample], figure: fn(&Sample) -> Duration) {
    for percentile in [50, 95, 99] {
        let at = |samples: &[Sample]| {
            let mut values: Vec<Duration> = samples.iter().map(figure).collect();
            values.sort_unstable();
            values[(values.len() - 1) * percentile / 100].as_secs_f64() * 1e3
        };
        let (without, with) = (at(without), at(with));
        println!("{:<14}{without:>10.3}{with:>10.3}{:>10.3}", format!("{name} p{percentile}"), with - without);
    }
}

// === impl Direct ===

impl Direct {
    async fn start() -> Result<Self, Failure> {
        let mut child = Command::new(sibling("app-server-stub")?)
            .arg("app-server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take().ok_or("stdin is piped")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("stdout is piped")?);
        let mut direct = Self { _child: child, stdin, stdout, next_id: 1 };
        let client = json!({ "name": "overhead-bench", "title": null, "version": "0" });
        direct.call("initialize", json!({ "clientInfo": client, "capabilities": { "experimentalApi": true } })).await?;
        direct.stdin.write_all(b"{\"method\":\"initialized\"}\n").await?;
        Ok(direct)
    }

    async fn ask(&mut self, script: &str) -> Result<Sample, Failure> {
        let began = Instant::now();
        let started = self
            .call("thread/start", json!({ "ephemeral": true, "model": "gpt-5.5", "experimentalRawEvents": true }))
            .await?;
        let thread = &started["result"]["thread"]["id"];
        let content = json!([{ "type": "input_text", "text": script }]);
        let item = json!({ "type": "message", "role": "user", "content": content });
        self.call("thread/inject_items", json!({ "threadId": thread, "items": [item] })).await?;
        self.call("turn/start", json!({ "threadId": thread, "input": [] })).await?;
        let mut first_token = None;
        loop {
            match self.read().await?["method"].as_str() {
                Some("item/agentMessage/delta") => drop(first_token.get_or_insert_with(|| began.elapsed())),
                Some("turn/completed") => break,
                _ => {}
            }
        }
        Ok(Sample { first_token: first_token.ok_or("no delta came")?, whole: began.elapsed() })
    }

    async fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let line = format!("{}\n", json!({ "id": id, "method": method, "params": params }));
        self.stdin.write_all(line.as_bytes()).await?;
        loop {
            let frame = self.read().await?;
            if frame["id"] == id && frame.get("method").is_none() {
                return Ok(frame);
            }
        }
    }

    async fn read(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).await?;
        Ok(serde_json::from_str(&line)?)
    }
}

// === impl Proxied ===

impl Proxied {
    async fn start() -> Result<Self, Failure> {
        let service = Service::start().await?;
        let socket = TcpStream::connect(&service.address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { _service: service, socket: BufReader::new(socket) })
    }

    async fn ask(&mut self, script: &str) -> Result<Sample, Failure> {
        let message = json!({ "role": "user", "content": script });
        let body = json!({ "model": "gpt-5.5", "stream": true, "messages": [message] }).to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let began = Instant::now();
        self.socket.write_all(format!("{head}{body}").as_bytes()).await?;
        let mut first_token = None;
        let mut line = String::new();
        loop {
            line.clear();
            if self.socket.read_line(&mut line).await? == 0 {
                return Err("the proxy closed the connection".into());
            }
            if line.contains("\"content\":\"") {
                first_token.get_or_insert_with(|| began.elapsed());
            }
            if line.starts_with("data: [DONE]") {
                break;
            }
        }
        let whole = began.elapsed();
        // What is left of the last chunk, and the chunk that ends the body: "\n\r\n0\r\n\r\n".
        let mut rest = [0; 8];
        self.socket.read_exact(&mut rest).await?;
        Ok(Sample { first_token: first_token.ok_or("no content came")?, whole })
    }
}
