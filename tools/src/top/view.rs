//! What is shown: requests that run, and the last minute.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use journal::{Event, EventBody, RequestId, Summary, SummaryFold};

use crate::ink::Ink;
use crate::stats::{self, Percentiles, Tally};
use crate::text::{plain, span};

/// How far back "the last minute" goes.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The longest name that is shown whole, in characters.
const NAME_MAX: usize = 24;

/// Folds events into what is shown.
#[derive(Default)]
pub(super) struct View {
    /// By age, as their ids are by time.
    running: BTreeMap<RequestId, Running>,
    fold: SummaryFold,
    finished: VecDeque<(Timestamp, Summary)>,
}

/// A request that is not finished.
struct Running {
    at: Timestamp,
    route: String,
    key: Option<String>,
    events: u64,
}

// === impl View ===

impl View {
    /// Takes the next event. One that this version does not know changes nothing.
    pub(super) fn take(&mut self, line: &str) {
        let Ok(Event { draft, .. }) = serde_json::from_str(line) else { return };
        if let Some(summary) = self.fold.apply(line) {
            self.finished.push_back((draft.at, summary));
            // Those behind it are the newest.
            while self.finished.front().is_some_and(|(at, _)| draft.at.duration_since(*at) > MINUTE) {
                self.finished.pop_front();
            }
        }
        match (draft.body, draft.request) {
            // What ran before that does not run any more, whatever it left behind.
            (EventBody::ServiceStarted { .. }, _) => self.running.clear(),
            (EventBody::RequestReceived(received), Some(request)) => {
                let (route, key) = (received.route, received.key);
                self.running.insert(request, Running { at: draft.at, route, key, events: 1 });
            }
            (EventBody::ResponseFinished(_), Some(request)) => {
                self.running.remove(&request);
            }
            (_, Some(request)) => {
                if let Some(running) = self.running.get_mut(&request) {
                    running.events += 1;
                }
            }
            _ => {}
        }
    }

    /// The lines to show at `now`, none of them wider than `width`.
    pub(super) fn frame(&self, now: Timestamp, width: usize) -> Vec<String> {
        let mut tally = Tally::default();
        let recent = self.finished.iter().filter(|(at, _)| now.duration_since(*at) <= MINUTE);
        recent.for_each(|(_, summary)| tally.add(summary));
        let share = stats::share(&tally);
        let cut = |line: String| plain(&line, width.saturating_sub("...".len()));
        let mut lines = vec![
            Ink::Title.paint(&cut(format!("codex-trace top  {}", now.strftime("%H:%M:%SZ")))),
            cut(format!("running      {}", self.running.len())),
            cut(format!("last minute  {} requests, ok {share}", tally.requests)),
            cut(format!("duration     {}", in_words(tally.duration()))),
            cut(format!("first        {}", in_words(tally.ttft()))),
            cut(format!("errors       {}", stats::errors(&tally))),
            String::new(),
        ];
        if !self.running.is_empty() {
            let title = format!("{:>9}  {:<36}  {:<12}  {:>6}  ROUTE", "AGE", "ID", "KEY", "EVENTS");
            lines.push(Ink::Title.paint(&cut(title)));
        }
        lines.extend(self.running.iter().map(|(id, running)| cut(running.row(*id, now))));
        lines
    }
}

fn in_words(percentiles: Option<Percentiles>) -> String {
    percentiles.map_or_else(
        || "-".to_owned(),
        |Percentiles { p50, p95, p99 }| format!("p50 {p50:.0} ms, p95 {p95:.0} ms, p99 {p99:.0} ms"),
    )
}

// === impl Running ===

impl Running {
    fn row(&self, id: RequestId, now: Timestamp) -> String {
        let age = now.duration_since(self.at).max(SignedDuration::ZERO);
        let age = if age < MINUTE { format!("{:.1} s", age.as_secs_f64()) } else { span(age.as_secs()) };
        let key = self.key.as_deref().map_or_else(|| "-".to_owned(), |key| plain(key, NAME_MAX));
        format!("{age:>9}  {id}  {key:<12}  {:>6}  {}", self.events, plain(&self.route, NAME_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: &str = "0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b";
    const FAILED: &str = "0197a0b1-c2d4-7e4f-8a5b-6c7d8e9f0a1b";

    fn view() -> View {
        let mut view = View::default();
        let received = r#"{"method":"POST","route":"/v1/chat/completions","target":"/","key":"k1","peer":"p","headers":[],
            "body":{}}"#;
        let finished = r#"{"status":503,"outcome":"overload","model":"m","stream":true,"tokens":null,
            "finish_reasons":[],"error":"worker_exited","worker":"w1","ttft_ms":null,"duration_ms":30.0}"#;
        for (second, id, kind, data) in [
            (0, RUNS, "request.received", received),
            (1, FAILED, "request.received", received),
            (2, RUNS, "request.admitted", r#"{"queue_wait_ms":0.5}"#),
            (3, FAILED, "response.finished", finished),
        ] {
            let at = format!("2026-11-23T10:00:{second:02}Z");
            view.take(&format!(r#"{{"seq":1,"at":"{at}","request":"{id}","type":"{kind}","data":{data}}}"#));
        }
        view.take("no event");
        view
    }

    #[test]
    fn a_frame_has_what_runs_and_the_last_minute() {
        let lines = view().frame("2026-11-23T10:00:12.5Z".parse().unwrap(), 100).join("\n");
        insta::assert_snapshot!(lines, @r"
        codex-trace top  10:00:12Z
        running      1
        last minute  1 requests, ok 0.0 %
        duration     p50 30 ms, p95 30 ms, p99 30 ms
        first        -
        errors       1 worker_exited

              AGE  ID                                    KEY           EVENTS  ROUTE
           12.5 s  0197a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b  k1                 2  /v1/chat/completions
        ");
    }

    #[test]
    fn a_minute_later_only_what_runs_is_left_and_it_fits() {
        let mut view = view();
        let later = "2026-11-23T10:02:00Z".parse().unwrap();
        let lines = view.frame(later, 60);
        assert_eq!(lines[2], "last minute  0 requests, ok -");
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{lines:#?}");
        view.take(
            r#"{"seq":9,"at":"2026-11-23T10:01:00Z","type":"service.started",
            "data":{"version":"1","pid":1,"address":"a","config_digest":"d"}}"#,
        );
        assert_eq!(view.frame(later, 60)[1], "running      0");
    }
}
