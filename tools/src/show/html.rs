//! A request as one page that needs nothing else: no script, no style from elsewhere, and a policy that allows none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use journal::EventBody;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::frames;
use super::recording::{Recording, Step};
use super::timeline::in_words;
use super::waterfall::{self, Bar};
use crate::text::plain;

const STYLE: &str = include_str!("page.css");

/// Of the waterfall, in its own units.
const WIDTH: f64 = 1000.0;
const NAMES: f64 = 220.0;
const ROW: f64 = 22.0;

/// The page.
pub(super) fn page(recording: &Recording) -> String {
    let title = format!("Request {}", recording.request);
    let policy = format!("default-src 'none'; style-src 'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE)));
    let (bars, end) = waterfall::bars(recording);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#events" { "Skip to the events" }
                header { h1 { "Request " code { (recording.request) } } }
                main {
                    section aria-labelledby="facts" { h2 #facts { "Facts" } (facts(recording)) }
                    section aria-labelledby="waterfall" {
                        h2 #waterfall { "Where the time went" }
                        (chart(&bars, end))
                        (chart_as_table(&bars))
                    }
                    section aria-labelledby="events" { h2 #events { "Events" } (events(recording)) }
                }
                footer { p { "Made by codex-trace " (env!("CARGO_PKG_VERSION")) ". Secrets were redacted before anything was kept." } }
            }
        }
    }
    .into_string()
}

fn facts(recording: &Recording) -> Markup {
    html! {
        dl {
            @for fact in recording.facts() { div { dt { (fact.name) } dd { (fact.value) } } }
        }
    }
}

/// The bars as a picture. All of it is in the table below it as well.
fn chart(bars: &[Bar], end: f64) -> Markup {
    let height = ROW * f64::from(u32::try_from(bars.len()).unwrap_or(u32::MAX));
    let place = |ms: f64| NAMES + if end > 0.0 { ms / end * (WIDTH - NAMES) } else { 0.0 };
    let rows = bars.iter().scan(0.0, |top, bar| {
        let own = *top;
        *top += ROW;
        Some((own, bar))
    });
    html! {
        svg role="img" aria-label="Waterfall; the table below says the same" viewBox=(format!("0 0 {WIDTH} {height}")) {
            @for (top, bar) in rows {
                text x="0" y=(top + 15.0) { (bar.name) }
                rect class=(bar.class) x=(px(place(bar.from))) y=(top + 4.0) height="14"
                    width=(px((place(bar.to) - place(bar.from)).max(2.0))) {
                    title { (bar.name) ": " (in_words(bar.to - bar.from)) }
                }
            }
        }
    }
}

fn chart_as_table(bars: &[Bar]) -> Markup {
    html! {
        details {
            summary { "The same as a table" }
            table {
                caption { "Stretches of time, by their beginning" }
                thead { tr { th scope="col" { "What" } th scope="col" { "From, ms" } th scope="col" { "To, ms" } th scope="col" { "Took, ms" } } }
                tbody {
                    @for bar in bars {
                        tr {
                            th scope="row" { (bar.name) }
                            td.number { (px(bar.from)) } td.number { (px(bar.to)) } td.number { (px(bar.to - bar.from)) }
                        }
                    }
                }
            }
        }
    }
}

fn events(recording: &Recording) -> Markup {
    html! {
        div.wide role="region" aria-labelledby="events" tabindex="0" {
            table {
                caption { "Every event in order; its row opens to all that it says" }
                thead {
                    tr {
                        @for title in ["Seq", "ms", "From and to", "Type", "Bytes", "What"] { th scope="col" { (title) } }
                    }
                }
                tbody { @for step in &recording.steps { (event(recording, step)) } }
            }
        }
    }
}

fn event(recording: &Recording, step: &Step) -> Markup {
    let event = &step.described;
    let offset = recording.offset(event.at);
    html! {
        tr id=(format!("e{}", event.seq)) {
            th.number scope="row" { (event.seq) }
            td.number { (format!("{offset:+.1}")) }
            td { (event.direction.map_or("", |direction| direction.as_str())) }
            td { (event.kind) }
            td.number { @if let Some(bytes) = event.bytes { (bytes) } }
            td { details { summary { (event.text) } pre { (whole(step)) } } }
        }
    }
}

/// All that an event says, without what turns the writing direction.
fn whole(step: &Step) -> String {
    let said = match step.event.as_ref().map(|event| &event.draft.body) {
        Some(EventBody::ResponseChunk { bytes }) => bytes.clone(),
        Some(EventBody::RpcSent(frame) | EventBody::RpcReceived(frame)) => frames::pretty(frame),
        _ => {
            let event: Value = serde_json::from_str(&step.line).unwrap_or_default();
            format!("{:#}", event["data"])
        }
    };
    said.lines().map(|line| plain(line, usize::MAX) + "\n").collect()
}

/// A number as it stands on the page.
fn px(number: f64) -> String {
    format!("{number:.1}")
}
