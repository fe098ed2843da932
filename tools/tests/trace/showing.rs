//! The other sides of a request, and its page.

use std::process::Command;
use std::sync::Arc;

use codex_completions_api::record::ScrubEvents;
use jiff::Timestamp;
use journal::{Draft, EventBody, Journal, Options, Payload, RequestId, RequestReceived};
use scrubbers::Scrubber;

use crate::support::{FINISHED, REFUSED, State, UNFINISHED, received};

#[test]
fn the_answer_is_as_it_went_out() {
    let state = State::with_requests();
    assert_eq!(state.trace(&["show", FINISHED, "--sse"]).ok(), "data: {\"x\":\"\u{1b}\"}\n\n");
    let (state, id) = State::with_recording("text_stream.codextrace");
    let events = state.trace(&["show", &id, "--json"]).json_lines();
    let chunks = events.iter().filter_map(|event| event["data"]["bytes"].as_str());
    let expected: String = chunks.collect();
    assert!(expected.ends_with("data: [DONE]\n\n"), "{expected}");
    assert_eq!(state.trace(&["show", &id, "--sse"]).ok(), expected);
}

/// A shell function in place of curl, to see what it would get.
const CURL: &str = r#"curl() { for word; do printf '<%s>\n' "$word"; done; }; "#;

#[test]
fn a_request_is_a_command_that_a_shell_understands() {
    let (state, id) = State::with_recording("parallel_tools.codextrace");
    let shown = state.trace(&["show", &id, "--request"]).ok();
    // Its own key, for which a variable stands, was redacted.
    assert!(shown.starts_with("# 1 proxy-api-key redacted\ncurl "), "{shown}");
    let mut shell = Command::new("sh");
    let run = shell.arg("-c").arg(format!("{CURL}{shown}")).env("PROXY_API_KEY", "sk-own").output().unwrap();
    let words = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success() && run.stderr.is_empty(), "{words}");
    let received = &state.trace(&["show", &id, "--json"]).json_lines()[0]["data"];
    assert!(words.contains("<Authorization: Bearer sk-own>\n"), "{words}");
    assert!(words.contains(&format!("<{}>\n", received["body"])), "{words}");
    assert!(words.contains("<http://127.0.0.1:11435/v1/chat/completions>\n"), "{words}");
    assert!(!words.contains("content-length"), "{words}");
}

#[test]
fn what_was_redacted_from_a_request_is_said_with_its_command() {
    let state = State::empty();
    let id = RequestId::generate();
    let EventBody::RequestReceived(received) = received() else { unreachable!("it is that") };
    let body = Payload(r#"{"of":"ada@lovelace.org"}"#.into());
    let body = EventBody::RequestReceived(RequestReceived { body, ..received });
    let scrub = ScrubEvents::new(Arc::new(Scrubber::builder().build().unwrap()));
    let mut journal = Journal::open(&state.journal_dir(), Options::default(), Arc::new(scrub)).unwrap();
    journal.append(&Draft { at: Timestamp::now(), request: Some(id), body }).unwrap();
    journal.close().unwrap();
    let shown = state.trace(&["show", &id.to_string(), "--request"]).ok();
    assert!(shown.starts_with("# 1 email redacted\ncurl "), "{shown}");
    assert!(!shown.contains("ada@"), "{shown}");
}

#[test]
fn a_request_is_no_different_from_itself() {
    let state = State::with_requests();
    let same = "no difference but for times and ids\n";
    assert_eq!(state.trace(&["show", FINISHED, "--diff", FINISHED]).ok(), same);
    assert_ne!(state.trace(&["show", FINISHED, "--diff", REFUSED]).ok(), same);
    state.trace(&["show", FINISHED, "--json", "--sse"]).fails(2, &["cannot be used with"]);
}

#[test]
fn a_page_needs_nothing_else_and_escapes_everything() {
    let state = State::with_requests();
    let file = state.path().join("page.html");
    let page = |id: &str| {
        state.trace(&["show", id, "--html", file.to_str().unwrap()]).ok();
        std::fs::read_to_string(&file).unwrap()
    };
    let finished = page(FINISHED);
    assert!(finished.contains("default-src 'none'; style-src 'sha256-"), "{finished}");
    // The style's digest is that of what stands there.
    let (_, rest) = finished.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(style);
    let digest = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    assert!(finished.contains(&format!("'sha256-{digest}'")), "{finished}");
    let body = finished.replace(style, "");
    for not_there in ["<script", "src=", "href=\"http", "<link", "<base", " style=", "javascript:", "\u{1b}"] {
        assert!(!body.contains(not_there), "{not_there}");
    }
    for not_there in ["url(", "@import"] {
        assert!(!style.contains(not_there), "{not_there}");
    }
    for there in ["<html lang=\"en\">", "<h1>", "<h2 ", "<caption>", "scope=\"col\"", "<summary>", "<svg role=\"img\""]
    {
        assert!(finished.contains(there), "{there}");
    }
    // A client's own words are words.
    assert!(page(UNFINISHED).contains("{&quot;model&quot;:&quot;m&quot;}"));
}
