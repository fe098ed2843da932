//! Golden transcripts through the pure translators: no process, no clock.
//!
//! `tests/golden/NAME` holds a chat request, the frames that went between us and the real Codex for it, and the body its upstream
//! received (`tests/e2e/golden.rs` records and checks those). `tests/transcripts` holds conversations recorded without this service.
//! What the client gets for each is a snapshot in `tests/snapshots`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use codex_completions_api::backend::app_server::instructions::Instructions;
use codex_completions_api::backend::app_server::notifications::TurnFollower;
use codex_completions_api::backend::app_server::protocol::InjectItems;
use codex_completions_api::backend::app_server::turn::{thread_start, turn_start};
use codex_completions_api::backend::proto::events::Follower;
use codex_completions_api::backend::proto::flatten;
use codex_completions_api::config::{self, Purpose, Sources, StopAfterTools};
use codex_completions_api::openai::chat::Envelope;
use codex_completions_api::openai::chat::answer::{Answer, AnswerEnd, Piece};
use codex_completions_api::openai::chat::completion::completion;
use codex_completions_api::openai::chat::request::ChatRequest;
use codex_completions_api::openai::chat::stream::ChunkWriter;
use codex_completions_api::turn::{TurnEvent, TurnPlan};
use serde_json::value::RawValue;
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// The threads of a transcript in the order of their first notification.
fn threads(frames: &[Value]) -> Vec<String> {
    let mut threads = Vec::new();
    for frame in frames {
        if let Some(thread) = frame["msg"]["params"]["threadId"].as_str()
            && frame["dir"] == "server"
            && !threads.iter().any(|known| known == thread)
        {
            threads.push(thread.to_owned());
        }
    }
    threads
}

/// What a client gets from the notifications of `thread`, in both forms.
fn answers(frames: &[Value], thread: &str) -> String {
    let mut follower = TurnFollower::default();
    let received = frames.iter().filter(|frame| frame["dir"] == "server");
    answers_from(received.filter_map(|frame| {
        let message = &frame["msg"];
        let (Some(method), Some(params)) = (message["method"].as_str(), message.get("params")) else { return None };
        if message.get("id").is_some() || params["threadId"] != *thread {
            return None;
        }
        let params = RawValue::from_string(params.to_string()).expect("it was JSON");
        follower.follow(method, &params)
    }))
}

/// What a client gets for the events of a turn, in both forms.
fn answers_from(events: impl Iterator<Item = TurnEvent>) -> String {
    let envelope = Envelope { id: "chatcmpl-golden".to_owned(), created: 1_795_425_358, model: "m".to_owned() };
    let mut answer = Answer::default();
    let mut writer = ChunkWriter::new(envelope.clone(), 1, true, StopAfterTools::Burst);
    let mut stream: String = writer.open().concat();
    let mut failure = None;
    for event in events {
        answer.follow(event);
        while let Some(piece) = answer.next_piece() {
            stream.push_str(&writer.piece(0, &piece).concat());
            if let Piece::End(AnswerEnd::Failed(failed)) = piece {
                failure = Some(failed);
            }
        }
    }
    let end = answer.end().expect("every recorded turn ends").clone();
    if let (AnswerEnd::Finished(reason), None) = (&end, &failure) {
        stream.push_str(&writer.close(answer.tokens(), Some(1), 2).concat());
        let whole = completion(&envelope, &[(answer, *reason)]);
        format!("{stream}\n=== not streamed ===\n{whole}\n")
    } else {
        format!("{stream}\n=== failed ===\n{failure:#?}\n")
    }
}

#[test]
fn recorded_conversations_become_these_answers() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder("transcripts")).expect("there are transcripts").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let frames = lines(&path);
        let completed = |thread: &String| {
            let ends = |frame: &Value| {
                frame["msg"]["method"] == "turn/completed" && frame["msg"]["params"]["threadId"] == **thread
            };
            frames.iter().any(ends)
        };
        for (number, thread) in threads(&frames).iter().filter(|thread| completed(thread)).enumerate() {
            insta::assert_snapshot!(format!("transcript_{name}_{number}"), answers(&frames, thread));
            seen += 1;
        }
    }
    assert!(seen >= 18, "only {seen} turns were found in the transcripts");
}

/// The plan that the service makes of a request, with the models of the default configuration.
fn plan(request: &Value) -> TurnPlan {
    let environment = [("HOME", "/"), ("PROXY_API_KEY", "k")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let sources =
        Sources { flags: BTreeMap::new(), environment: environment.into_iter().collect(), purpose: Purpose::Serve };
    let config = config::load(&sources).expect("the defaults are valid");
    let request = ChatRequest::parse(request.clone(), 5).expect("golden requests are valid");
    let name = request.model.clone();
    let target = config.models.resolve(&name);
    let (model, effort) = target.map_or((name.as_str(), None), |target| (target.model, target.effort));
    request.plan(model, effort)
}

/// A recorded request with the plan that is made of it today.
struct Case {
    name: String,
    plan: TurnPlan,
    frames: Vec<Value>,
}

/// The cases in this folder of `tests`.
fn cases(of: &str) -> impl Iterator<Item = Case> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder(of)).expect("golden cases").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {of}");
    paths.into_iter().map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let request = std::fs::read_to_string(path.join("request.json")).expect("a request");
        let plan = plan(&serde_json::from_str(&request).expect("JSON"));
        Case { name, plan, frames: lines(&path.join("transcript.jsonl")) }
    })
}

/// What we sent.
fn sent(frames: &[Value]) -> Vec<&Value> {
    frames.iter().filter(|frame| frame["dir"] == "client").map(|frame| &frame["msg"]).collect()
}

#[test]
fn requests_become_the_recorded_frames_and_frames_these_answers() {
    for Case { name, plan, frames } in cases("golden") {
        let threads = threads(&frames);
        let [thread] = &threads[..] else { panic!("{name}: one request is one thread") };

        let expected = [
            ("thread/start", json!(thread_start(&plan, "read-only", &Instructions::none()))),
            ("thread/inject_items", json!(InjectItems { thread_id: thread, items: &plan.items })),
            ("turn/start", json!(turn_start(&plan, thread))),
        ];
        let sent = sent(&frames);
        for ((method, params), sent) in expected.iter().zip(&sent) {
            assert_eq!((&sent["method"], &sent["params"]), (&json!(method), params), "{name}");
        }
        assert!(sent[expected.len()..].iter().all(|frame| frame["method"] == "turn/interrupt"), "{name}");
        insta::assert_snapshot!(format!("golden_{name}"), answers(&frames, thread));
    }
}

#[test]
fn conversations_become_the_recorded_messages_to_codex_proto_and_its_lines_these_answers() {
    for Case { name, plan, frames } in cases("proto") {
        let message: Value = serde_json::from_slice(&flatten::user_input(&plan.items)).expect("it is JSON");
        let sent = sent(&frames);
        assert_eq!(sent, [&message], "{name}");
        let mut follower = Follower::default();
        let received = frames.iter().filter(|frame| frame["dir"] == "server");
        let events = received.filter_map(|frame| follower.follow(frame["msg"].to_string().as_bytes()));
        insta::assert_snapshot!(format!("proto_{name}"), answers_from(events));
    }
}
