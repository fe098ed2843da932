//! A client leaves, and the upstream's request must be dropped: mid-stream, before the first token, and without a stream.

use std::path::Path;
use std::time::{Duration, Instant};

use model_stub::{ModelStub, Outcome, RunningStub};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

use super::client::{connect, post};
use super::service::{Failure, KEY, Service};

/// How often the upstream is looked at, which is how exact the result is.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What counts as never.
const PATIENCE: Duration = Duration::from_secs(10);

/// When the client leaves.
#[derive(Debug, Clone, Copy)]
enum Case {
    MidStream,
    BeforeTheFirstToken,
    WithoutAStream,
}

/// Measures every case and prints its median and its worst.
pub(crate) async fn run(tries: usize, codex: &Path) -> Result<(), Failure> {
    let model = ModelStub::bind(([127, 0, 0, 1], 0).into()).await?.spawn();
    let service = Service::start_on(codex, &model.base_url()).await?;
    println!("{tries} tries; milliseconds from the client's leaving to the upstream's noticing");
    println!("{:<24}{:>8}{:>8}", "", "p50", "max");
    for case in [Case::MidStream, Case::BeforeTheFirstToken, Case::WithoutAStream] {
        let mut took = Vec::new();
        for _ in 0..tries {
            took.push(leave(&service, &model, case).await?);
        }
        took.sort_unstable();
        let millis = |at: usize| took.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3);
        println!("{:<24}{:>8.1}{:>8.1}", case.name(), millis(tries / 2), millis(tries.saturating_sub(1)));
    }
    drop(service);
    Ok(model.stop().await?)
}

/// Asks, leaves, and waits until the upstream has noticed.
async fn leave(service: &Service, model: &RunningStub, case: Case) -> Result<Duration, Failure> {
    model.clear_requests();
    let mut socket = connect(service).await?;
    let message = json!({ "role": "user", "content": case.script() });
    let streams = !matches!(case, Case::WithoutAStream);
    let body = json!({ "model": "gpt-5.2", "stream": streams, "messages": [message] });
    post(&mut socket, KEY, &body.to_string()).await?;
    match case {
        Case::MidStream => {
            let mut got = Vec::new();
            while !String::from_utf8_lossy(&got).contains("\"content\":\"") {
                if socket.read_buf(&mut got).await? == 0 {
                    return Err("the proxy closed the connection".into());
                }
            }
        }
        Case::BeforeTheFirstToken | Case::WithoutAStream => {
            until("the upstream has the request", || !model.requests().is_empty()).await?;
        }
    }
    let left = Instant::now();
    drop(socket);
    until("the upstream's request is dropped", || {
        model.requests().first().is_some_and(|request| request.outcome == Outcome::Disconnected)
    })
    .await?;
    Ok(left.elapsed())
}

async fn until(what: &str, condition: impl Fn() -> bool) -> Result<(), Failure> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > PATIENCE {
            return Err(format!("not within {} s: {what}", PATIENCE.as_secs()).into());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

// === impl Case ===

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::MidStream => "mid-stream",
            Self::BeforeTheFirstToken => "before the first token",
            Self::WithoutAStream => "without a stream",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::MidStream | Self::WithoutAStream => "slow:100000:20",
            Self::BeforeTheFirstToken => "delay:60000:say:late",
        }
    }
}
