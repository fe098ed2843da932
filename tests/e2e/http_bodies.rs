//! Bodies: how large, how slow, of what type, and JSON that parsers disagree about.

use serde_json::json;

use crate::faults;
use crate::raw::{Raw, answers, chunked, is_ours, large, post, sized, unaffected};
use crate::support::{KEY, ask};

#[tokio::test(flavor = "multi_thread")]
async fn leave_to_send_is_given_unless_the_body_is_too_large() {
    let proxy = faults::start(&[("PROXY_MAX_BODY_BYTES", "2MiB")]).await;
    let body = ask("say:with leave").to_string();
    let mut raw = Raw::connect(&proxy).await;
    raw.say(post(&format!("content-length: {}\r\nexpect: 100-Continue\r\n", body.len()), "")).await;
    assert_eq!(raw.answer().await.unwrap().status, 100);
    raw.say(&body).await;
    assert_eq!(raw.answer().await.unwrap().text(), "with leave");
    raw.say(post("content-length: 2097153\r\nexpect: 100-continue\r\n", "")).await;
    let refused = raw.answer().await.unwrap();
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (413, &json!("request_entity_too_large")));
    assert_eq!(raw.answer().await, None, "what it would send is not taken for a request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let proxy = faults::start(&[("PROXY_TIMEOUT_MS", "1000")]).await;
    for bytes in [post("content-length: 100\r\n", "{"), post("transfer-encoding: chunked\r\n", "1\r\n{\r\n")] {
        let mut raw = Raw::connect(&proxy).await;
        raw.say(bytes).await;
        let answer = raw.answer().await.expect("an answer");
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (408, &json!("request_timeout")));
        is_ours(&answer, "a slow body");
        assert_eq!(raw.answer().await, None, "the rest would be taken for a request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_as_large_as_is_said_and_no_larger() {
    const WITHOUT_KEY: usize = 1 << 20;
    const WITH_KEY: usize = 32 << 20;
    let proxy = faults::start(&[("PROXY_MAX_BODY_BYTES", "32MiB")]).await;
    let stranger = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(KEY, "wrong");
    let chunks = |body: &str| {
        let (first, second) = body.split_at(body.len() / 2);
        post("transfer-encoding: chunked\r\n", &chunked(first).replace("0\r\n\r\n", &chunked(second)))
    };
    let mut raw = Raw::connect(&proxy).await;
    for (size, too_large) in [(WITHOUT_KEY, false), (WITHOUT_KEY + 1, true)] {
        for bytes in [stranger(sized(&large(size))), stranger(chunks(&large(size)))] {
            raw.say(bytes).await;
            let answer = raw.answer().await.expect("the connection goes on");
            assert_eq!(answer.status, if too_large { 413 } else { 401 }, "{size}: {answer:?}");
            is_ours(&answer, "a stranger's body");
        }
    }
    for bytes in [sized(&large(WITH_KEY)), chunks(&large(WITH_KEY))] {
        raw.say(bytes).await;
        assert_eq!(raw.answer().await.unwrap().text(), "all of it");
    }
    for bytes in [sized(&large(WITH_KEY + 1)), chunks(&large(WITH_KEY + 1))] {
        raw.say(bytes).await;
        let answer = raw.answer().await.expect("the connection goes on");
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (413, &json!("request_entity_too_large")));
    }
    raw.say(post("content-length: 99999999999\r\n", "")).await;
    assert_eq!(raw.answer().await.unwrap().status, 413, "what is not worth reading is refused before it comes");
    unaffected(Raw::connect(&proxy).await, "large bodies").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_say_that_they_are_no_json_are_refused() {
    let proxy = faults::start(&[]).await;
    let body = ask("say:read").to_string();
    let length = format!("content-length: {}\r\n", body.len());
    for (lines, status, code) in [
        ("content-type: application/json\r\n", 200, ""),
        ("content-type: application/json; charset=utf-8\r\ncontent-encoding: identity\r\n", 200, ""),
        ("", 200, ""),
        ("content-type: application/x-www-form-urlencoded\r\n", 415, "unsupported_content_type"),
        ("content-type: text/plain;charset=UTF-8\r\n", 415, "unsupported_content_type"),
        ("content-type: multipart/form-data; boundary=x\r\n", 415, "unsupported_content_type"),
        ("content-encoding: gzip\r\n", 415, "unsupported_content_encoding"),
        ("content-type: application/json\r\ncontent-encoding: br\r\n", 415, "unsupported_content_encoding"),
    ] {
        let answer = answers(&proxy, &post(&(length.clone() + lines), &body)).await.remove(0);
        assert_eq!(answer.status, status, "{lines}: {answer:?}");
        if status != 200 {
            is_ours(&answer, lines);
            assert_eq!(answer.json()["error"]["code"], code, "{lines}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_parsers_disagree_about_is_read_in_one_way() {
    let proxy = faults::start(&[]).await;
    let nested = |field: &str, depth: usize| {
        format!(r#"{{"model":"m","messages":[],"{field}":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    let objects = |depth: usize| format!(r#"{{"x":{}1{}}}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let message =
        |content: &str| format!(r#"{{"model":"codex-5","messages":[{{"role":"user","content":"{content}"}}]}}"#);
    let field = |value: &str| format!(r#"{{"model":"codex-5","temperature":{value}}}"#);
    let mut rows = vec![
        (objects(100_000), "invalid_json"),
        (nested("x", 100_000).replace(']', ""), "invalid_json"),
        (message(r"say:\ud800"), "invalid_json"),
        (message(r"say:\udc00\ud800"), "invalid_json"),
        (message(r"say:\x41"), "invalid_json"),
        (message("say:\u{1}"), "invalid_json"),
        (format!("\u{feff}{}", ask("say:never")), "invalid_json"),
        (format!("{}\0", ask("say:never")), "invalid_json"),
        (format!("{}{}", ask("say:never"), ask("say:never")), "invalid_json"),
        (field("NaN"), "invalid_json"),
        (field("Infinity"), "invalid_json"),
        (field("1e999"), "invalid_json"),
        (field("01"), "invalid_json"),
        (field("+1"), "invalid_json"),
        (field(".5"), "invalid_json"),
        (format!(r#"{{"model":"m","n":{}}}"#, "9".repeat(400)), "invalid_json"),
        (format!(r#"{{"model":"m","messages":[{{}}],"n":{}}}"#, "9".repeat(100)), "invalid_request_error"),
        (r#"{"model":"codex-5","model":"","messages":[]}"#.to_owned(), "model_required"),
        (nested("x", 120), "invalid_request_error"),
    ];
    for name in ["messages", "tools", "tool_choice", "response_format", "metadata", "stop", "model", "unknown"] {
        rows.push((nested(name, 100_000), "invalid_json"));
    }
    for (body, code) in rows {
        let shown = body.chars().take(80).collect::<String>();
        let answer = answers(&proxy, &sized(&body)).await.remove(0);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(code)), "{shown}: {answer:?}");
    }
    let stranger = String::from_utf8(sized(&nested("x", 100_000))).unwrap().replace(KEY, "wrong");
    assert_eq!(answers(&proxy, stranger.as_bytes()).await[0].status, 401);
    for (content, text) in [(r"say:a\u0000b", "a\0b"), (r"say:\ud83e\udd37", "\u{1f937}"), (r"say:\uFEFF", "\u{feff}")]
    {
        assert_eq!(answers(&proxy, &sized(&message(content))).await[0].text(), text);
    }
    let twice = message("say:first").replace("\"content\"", "\"content\":\"say:never\",\"content\"");
    assert_eq!(answers(&proxy, &sized(&twice)).await[0].text(), "first", "the last one counts");
}
