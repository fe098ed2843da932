//! The control socket by itself.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

use journal::EventBody;

use crate::support::State;

fn ask(state: &State, request_line: &str) -> UnixStream {
    let mut stream = UnixStream::connect(state.path().join("control.sock")).expect("it listens");
    write!(stream, "{request_line} HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    stream
}

fn answer(state: &State, request_line: &str) -> String {
    let mut answer = String::new();
    ask(state, request_line).read_to_string(&mut answer).expect("text to the end");
    answer
}

fn post(state: &State, path: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(state.path().join("control.sock")).expect("it listens");
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json");
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text to the end");
    answer
}

#[test]
fn what_cannot_be_answered_is_refused_in_json() {
    let state = State::with_requests();
    let service = state.serve();
    let refused = [
        ("GET /v2/summaries", "404"),
        ("POST /v1/summaries", "405"),
        ("GET /v1/summaries?limit=x", "400"),
        ("GET /v1/summaries?limits=1", "400"),
        ("GET /v1/events?request=1", "400"),
        ("GET /v1/events?action=show", "400"),
        ("GET /v1/events?action=dance", "400"),
        ("GET /v1/search?text=", "400"),
        ("GET /v1/search?text=a&syntax=telepathy", "400"),
        ("GET /v1/verify", "405"),
        ("GET /v1/holds/x/lift", "405"),
        ("POST /v1/ledger", "405"),
        ("POST /v1/retention/run", "415"),
    ];
    for (request_line, status) in refused {
        let answer = answer(&state, request_line);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request_line}: {answer}");
        assert!(answer.contains("\r\n\r\n{\"error\":\""), "{request_line}: {answer}");
    }
    assert!(answer(&state, "GET /v1/summaries").contains("content-type: application/x-ndjson"));
    let events = state.trace(&["events", "--json"]).json_lines();
    let reads = events.iter().filter(|event| event["type"] == "audit.read").count();
    assert_eq!(reads, 2, "what is refused reads nothing");
    service.stop();
    assert!(!state.path().join("control.sock").exists());
}

#[test]
fn an_operation_that_makes_no_sense_is_refused_in_json() {
    let state = State::with_requests();
    let service = state.serve();
    let relative = r#"{"path":"copy"}"#;
    let unfounded = r#"{"selector":{"key":"k1"},"reason":""}"#;
    let unknown = r#"{"confirm_clock":true,"force":true}"#;
    for (path, body, status) in [
        ("/v1/backup", relative, "400"),
        ("/v1/holds", unfounded, "400"),
        ("/v1/verify", r#"{"anchor":"xyz"}"#, "400"),
        ("/v1/retention/run", unknown, "422"),
        ("/v1/holds", "{", "400"),
    ] {
        let answer = post(&state, path, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {body}: {answer}");
        assert!(answer.contains("\r\n\r\n{\"error\":\"") && answer.contains(r#""fault":"usage""#), "{path}: {answer}");
    }
    let answer = post(&state, "/v1/holds/none/lift", r#"{"reason":"x"}"#);
    assert!(answer.contains(r#""fault":"nothing_found""#), "{answer}");
    let entries = state.trace(&["ledger", "--json"]).json_lines();
    assert!(entries.iter().all(|entry| !entry["type"].as_str().unwrap().starts_with("hold.")));
    service.stop();
}

#[test]
fn a_socket_of_a_dead_service_is_passed_over_and_then_replaced() {
    let state = State::with_requests();
    drop(UnixListener::bind(state.path().join("control.sock")).unwrap());
    let list = state.trace(&["list"]).ok();
    let service = state.serve();
    assert_eq!(state.trace(&["list"]).ok(), list);
    service.stop();
}

#[test]
fn a_client_that_does_not_read_holds_neither_the_service_nor_the_journal() {
    let state = State::with_requests();
    let service = state.serve();
    for _ in 0..40 {
        service.record(None, EventBody::ResponseChunk { bytes: "x".repeat(100_000) });
    }
    let mut stalled = ask(&state, "GET /v1/events");
    let mut begin = [0; 8];
    stalled.read_exact(&mut begin).unwrap();
    let silent = UnixStream::connect(state.path().join("control.sock")).unwrap();
    service.stop();
    drop(state.journal());
    drop((stalled, silent));
}
