//! `replay --against`: recorded requests once more to a running service, and whether its answers are like those of then.

mod compare;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use journal::{Event, EventBody, RequestId};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::compare::{Likeness, Shape};
use crate::failure::Failure;
use crate::output::Output;
use crate::service::Service;

#[derive(Args)]
pub(crate) struct AgainstArgs {
    /// Send the requests to this service, and compare its answers with those of then
    #[arg(long, value_name = "URL", conflicts_with_all = ["serve", "stdio"])]
    pub(crate) against: Option<String>,
    /// The key for it
    #[arg(long, value_name = "KEY", env = "PROXY_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// So many requests a second, instead of the pauses of then
    #[arg(long, value_name = "N/s", value_parser = rate, requires = "against")]
    rate: Option<f64>,
    /// At most so many requests at a time
    #[arg(long, value_name = "N", default_value_t = 8, requires = "against")]
    concurrency: usize,
    /// Other text is a difference too
    #[arg(long, requires = "against")]
    exact: bool,
    /// One JSON object a request, and one for all
    #[arg(long, requires = "against")]
    json: bool,
}

/// A request as it was recorded, and its answer.
pub(crate) struct Recorded {
    request: RequestId,
    at: Timestamp,
    body: String,
    shape: Shape,
    took: Duration,
}

/// What came of one.
struct Compared {
    request: RequestId,
    likeness: Likeness,
    then: Duration,
    now: Duration,
}

/// Sends all of them, tells of each, and sums up.
pub(crate) fn run(mut recorded: Vec<Recorded>, args: &AgainstArgs, speed: f64) -> Result<(), Failure> {
    let (Some(url), Some(key)) = (&args.against, &args.api_key) else {
        return Err(Failure::Usage("the service wants a key: --api-key or PROXY_API_KEY".to_owned()));
    };
    let service = Arc::new(Service::new(url, key).map_err(Failure::Usage)?);
    recorded.sort_by_key(|recorded| recorded.at);
    let delays = delays(&recorded, args.rate, speed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let compared = runtime.block_on(send_all(&service, recorded, delays, args.concurrency.max(1)));
    print(&compared, args.json)?;
    let fails = |compared: &&Compared| match compared.likeness {
        Likeness::Same => false,
        Likeness::OtherText => args.exact,
        Likeness::Different(_) => true,
    };
    match compared.iter().filter(fails).count() {
        0 => Ok(()),
        count => Err(Failure::NothingFound(format!("{count} of {} answers are different", compared.len()))),
    }
}

/// When each is due, counted from the first.
fn delays(recorded: &[Recorded], rate: Option<f64>, speed: f64) -> Vec<Duration> {
    let first = recorded.first().map_or(Timestamp::UNIX_EPOCH, |recorded| recorded.at);
    let place = |(number, recorded): (usize, &Recorded)| match rate {
        Some(rate) => Duration::from_secs_f64(f64::from(u32::try_from(number).unwrap_or(u32::MAX)) / rate),
        None if speed > 0.0 => Duration::try_from(recorded.at.duration_since(first)).unwrap_or_default().div_f64(speed),
        None => Duration::ZERO,
    };
    recorded.iter().enumerate().map(place).collect()
}

async fn send_all(
    service: &Arc<Service>,
    recorded: Vec<Recorded>,
    delays: Vec<Duration>,
    concurrency: usize,
) -> Vec<Compared> {
    let (places, total, began) = (Arc::new(Semaphore::new(concurrency)), recorded.len(), Instant::now());
    let mut running = JoinSet::new();
    for (recorded, delay) in recorded.into_iter().zip(delays) {
        let (service, places) = (service.clone(), places.clone());
        running.spawn(async move {
            tokio::time::sleep(delay.saturating_sub(began.elapsed())).await;
            let _place = places.acquire_owned().await;
            send(&service, recorded).await
        });
    }
    let mut compared = Vec::with_capacity(total);
    while let Some(done) = running.join_next().await {
        compared.extend(done.ok());
        progress(compared.len(), total);
    }
    compared.sort_by_key(|compared| compared.request);
    compared
}

async fn send(service: &Service, recorded: Recorded) -> Compared {
    let began = Instant::now();
    let answer = service.chat_raw(&recorded.body).await;
    let now = began.elapsed();
    let likeness = match answer {
        Ok(answer) => recorded.shape.likeness(&Shape::of(answer.status, &answer.body)),
        Err(why) => Likeness::Different(format!("no answer: {why}")),
    };
    Compared { request: recorded.request, likeness, then: recorded.took, now }
}

/// A bar for whoever watches.
fn progress(done: usize, total: usize) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let filled = (done * 40).checked_div(total).unwrap_or(40);
        let end = if done == total { "\n" } else { "" };
        let _ = write!(stderr, "\r[{}{}] {done}/{total}{end}", "#".repeat(filled), " ".repeat(40 - filled));
        let _ = stderr.flush();
    }
}

fn print(compared: &[Compared], as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    for Compared { request, likeness, then, now } in compared {
        let (then, now) = (millis(*then), millis(*now));
        if as_json {
            let row = json!({ "id": request, "result": likeness.name(), "what": likeness.what(), "then_ms": then, "now_ms": now });
            output.line(&row.to_string())?;
        } else {
            let what = likeness.what().map(|what| format!("  {what}")).unwrap_or_default();
            output.line(&format!("{request}  {:<10}  {then:.0} ms then, {now:.0} ms now{what}", likeness.name()))?;
        }
    }
    let count = |name: &str| compared.iter().filter(|compared| compared.likeness.name() == name).count();
    let (same, other, different) = (count("same"), count("other text"), count("different"));
    let percentile = |of: fn(&Compared) -> Duration, percent: usize| {
        let mut times: Vec<Duration> = compared.iter().map(of).collect();
        times.sort_unstable();
        times.get(times.len().saturating_sub(1) * percent / 100).map_or(0.0, |time| millis(*time))
    };
    let times = |of: fn(&Compared) -> Duration| [50, 95, 99].map(|percent| percentile(of, percent));
    let (then, now) = (times(|compared| compared.then), times(|compared| compared.now));
    if as_json {
        let all = json!({ "same": same, "other_text": other, "different": different, "then_ms": then, "now_ms": now });
        output.line(&all.to_string())?;
        return output.end();
    }
    output.line(&format!("{same} same, {other} other text, {different} different"))?;
    let line =
        |name: &str, [p50, p95, p99]: [f64; 3]| format!("{name}  p50 {p50:.0} ms, p95 {p95:.0} ms, p99 {p99:.0} ms");
    output.line(&line("then", then))?;
    output.line(&line("now ", now))?;
    output.end()
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.trim_end_matches("/s").parse().ok();
    rate.filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "a number of requests a second, such as 10/s".to_owned())
}

// === impl Recorded ===

impl Recorded {
    /// The request in `events`; `None` if it is no chat request, or its answer did not come to an end.
    pub(crate) fn of(request: RequestId, events: &[Event]) -> Option<Self> {
        let (mut begun, mut answer, mut ended) = (None, String::new(), None);
        for event in events.iter().filter(|event| event.draft.request == Some(request)) {
            match &event.draft.body {
                EventBody::RequestReceived(received) if received.route == "/v1/chat/completions" => {
                    begun = Some((event.draft.at, String::from_utf8_lossy(&received.body.0).into_owned()));
                }
                EventBody::ResponseChunk { bytes } => answer.push_str(bytes),
                EventBody::ResponseFinished(finished) => ended = Some(finished),
                _ => {}
            }
        }
        let ((at, body), finished) = (begun?, ended?);
        let took = Duration::try_from_secs_f64(finished.duration_ms / 1e3).unwrap_or_default();
        Some(Self { request, at, body, shape: Shape::of(finished.status, &answer), took })
    }
}
