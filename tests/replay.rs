//! Recorded requests through the translators: the exported files in `tests/fixtures` replay as they were recorded, and any
//! difference is found where it begins.

#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use std::path::Path;

use codex_completions_api::replay::{Difference, Replayed, Unplayable, replay};
use journal::{Event, EventBody, RequestId};

/// The events in an exported file, without its first and last line, which `codex-trace` checks.
fn fixture(name: &str) -> (RequestId, Vec<Event>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).with_extension("codextrace");
    let text = std::fs::read_to_string(path).unwrap();
    let events: Vec<Event> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (events[0].draft.request.unwrap(), events)
}

fn difference(request: RequestId, events: &[Event]) -> Difference {
    match replay(request, events) {
        Ok(Replayed::Different(difference)) => *difference,
        other => panic!("{other:?}"),
    }
}

/// The place of the `number`th recorded chunk with `text` in it.
fn chunk(events: &[Event], text: &str) -> usize {
    let holds = |event: &Event| matches!(&event.draft.body, EventBody::ResponseChunk { bytes } if bytes.contains(text));
    events.iter().position(holds).unwrap()
}

#[test]
fn every_fixture_is_identical() {
    let mut count = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (request, events) = fixture(&name);
        match replay(request, &events) {
            Ok(Replayed::Identical(_)) => count += 1,
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(count >= 13, "{count}");
}

/// As if the translator had said something else at that time.
#[test]
fn the_first_chunk_that_differs_is_told() {
    let (request, mut events) = fixture("text_stream");
    let place = chunk(&events, "there, ");
    let EventBody::ResponseChunk { bytes } = &mut events[place].draft.body else { unreachable!() };
    *bytes = bytes.replace("there, ", "where, ");
    let found = difference(request, &events);
    assert_eq!(found.seq, events[place].seq);
    let recorded = found.recorded.as_deref().unwrap();
    assert!(recorded[found.common()..].starts_with("where, "), "{recorded}");
    assert!(found.replayed.as_deref().unwrap()[found.common()..].starts_with("there, "));
    let frame = events.iter().find(|event| Some(event.seq) == found.frame).unwrap();
    assert!(matches!(&frame.draft.body, EventBody::RpcReceived(_)));
}

#[test]
fn a_chunk_too_few_and_a_chunk_too_many_are_found() {
    let (request, events) = fixture("text_stream");
    let place = chunk(&events, "friend.");
    let mut fewer = events.clone();
    let missing = fewer.remove(place);
    let found = difference(request, &fewer);
    let EventBody::ResponseChunk { bytes } = &missing.draft.body else { unreachable!() };
    assert_eq!(found.replayed.as_ref(), Some(bytes), "what is missing stands in the place of the next");

    let mut more = events.clone();
    more.insert(place, events[place].clone());
    let found = difference(request, &more);
    assert_eq!((found.seq, found.recorded.as_ref()), (events[place].seq, Some(bytes)));

    let done = chunk(&events, "[DONE]");
    let mut unfinished = events;
    unfinished.remove(done);
    assert_eq!(difference(request, &unfinished).recorded, None);
}

#[test]
fn choices_are_told_apart() {
    let (request, mut events) = fixture("three_choices");
    let place = chunk(&events, r#""index":1,"delta":{"content":"two "#);
    let EventBody::ResponseChunk { bytes } = &mut events[place].draft.body else { unreachable!() };
    *bytes = bytes.replace(r#""index":1"#, r#""index":2"#);
    let found = difference(request, &events);
    assert!(found.seq >= events[place].seq, "a choice got what was another's");
}

#[test]
fn what_was_disposed_of_or_dropped_is_said_to_be() {
    let (request, events) = fixture("text");
    assert_eq!(replay(request, &events[1..]), Err(Unplayable::NoBeginning));
    let mut dropped = events.clone();
    let EventBody::RequestReceived(received) = &mut dropped[0].draft.body else { unreachable!() };
    received.body = journal::Payload(bytes::Bytes::from_static(b"[DROPPED:120b:k3f9a2]"));
    assert_eq!(replay(request, &dropped), Err(Unplayable::Dropped));
    let mut other = events;
    let EventBody::RequestReceived(received) = &mut other[0].draft.body else { unreachable!() };
    "/v1/models".clone_into(&mut received.route);
    assert_eq!(replay(request, &other), Err(Unplayable::NoTurns("/v1/models".to_owned())));
}

/// The answer of the fixture `text`, with another end in its record.
fn with_error(code: &str, body: &str) -> (RequestId, Vec<Event>) {
    let (request, mut events) = fixture("text");
    for event in &mut events {
        match &mut event.draft.body {
            EventBody::ResponseChunk { bytes } => body.clone_into(bytes),
            EventBody::ResponseFinished(finished) => finished.error = Some(code.to_owned()),
            _ => {}
        }
    }
    (request, events)
}

#[test]
fn an_error_that_nothing_in_the_frames_explains_is_a_difference() {
    let (request, events) = with_error("worker_error", r#"{"error":{"message":"…","code":"worker_error"}}"#);
    assert_eq!(difference(request, &events).replayed, None);
}

#[test]
fn a_call_that_the_worker_refused_fails_the_request_as_it_did() {
    let body = r#"{"error":{"message":"no such thing","type":"server_error","code":"-32600"}}"#;
    let (request, mut events) = with_error("-32600", body);
    let call = events.iter().find_map(|event| match &event.draft.body {
        EventBody::RpcSent(frame) if frame.frame.0.windows(12).any(|part| part == b"\"turn/start\"") => {
            serde_json::from_slice::<serde_json::Value>(&frame.frame.0).ok()
        }
        _ => None,
    });
    let id = &call.unwrap()["id"];
    let answer = format!(r#"{{"id":{id},"#);
    let place = events
        .iter()
        .position(|event| matches!(&event.draft.body, EventBody::RpcReceived(frame) if frame.frame.0.starts_with(answer.as_bytes())))
        .unwrap();
    let EventBody::RpcReceived(frame) = &mut events[place].draft.body else { unreachable!() };
    let refused = format!(r#"{{"id":{id},"error":{{"code":-32600,"message":"no such thing"}}}}"#);
    frame.frame = journal::Payload(refused.into());
    // Nothing of the turn came behind it.
    let mut count = 0;
    events.retain(|event| {
        count += 1;
        count <= place + 1 || !matches!(event.draft.body, EventBody::RpcReceived(_))
    });
    assert!(matches!(replay(request, &events), Ok(Replayed::Identical(_))), "{:?}", replay(request, &events));
}
