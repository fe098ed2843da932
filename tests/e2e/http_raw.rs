//! What comes over a socket that no HTTP client would send, or not in this way: each gets one answer or a closed connection, and nobody else
//! notices.

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::faults;
use crate::raw::{
    Answer, BARE, Raw, answers, answers_to_the_end, chunked, get, is_ours, large, post, sized, unaffected,
};
use crate::support::{KEY, Proxy, ask, ask_stream, stream_events, stream_text};

/// Sees that this is answered once, with a text of the model, a bare status or an error of ours, and that others do not notice.
async fn is_answered(proxy: &Proxy, name: &str, bytes: &[u8], status: u16, what: &str) -> Answer {
    let mut answers = answers(proxy, bytes).await;
    let answer = answers.pop().unwrap_or_else(|| panic!("{name}: no answer"));
    assert!(answers.is_empty(), "{name}: {answers:?}");
    assert_eq!(answer.status, status, "{name}: {answer:?}");
    match (status, what) {
        (200, text) => assert_eq!(answer.text(), text, "{name}"),
        (_, BARE) => assert_eq!(answer.body, "", "{name}"),
        (_, code) => {
            is_ours(&answer, name);
            assert_eq!(answer.json()["error"]["code"], code, "{name}");
        }
    }
    unaffected(Raw::connect(proxy).await, name).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_readers_could_read_differently_is_one_request_or_none() {
    let proxy = faults::start(&[]).await;
    let body = ask("say:mine").to_string();
    let length = format!("content-length: {}\r\n", body.len());
    let chunks = chunked(&body);
    let te = "transfer-encoding: chunked\r\n";
    // What somebody hides behind a request, for whoever takes it for the next one.
    let hidden = get("/v1/usage");
    let with_hidden = chunks.clone() + &hidden;
    let ours = "invalid_head";
    let rows: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("a length, then chunks", post(&(length.clone() + te), &with_hidden), 200, "mine"),
        ("chunks, then a length", post(&(te.to_owned() + "content-length: 4\r\n"), &with_hidden), 200, "mine"),
        ("two lengths", post(&(length.clone() + "content-length: 4\r\n"), &body), 400, BARE),
        ("a list of lengths", post(&format!("content-length: {0}, {0}\r\n", body.len()), &body), 400, BARE),
        ("a signed length", post(&format!("content-length: +{}\r\n", body.len()), &body), 400, BARE),
        ("a negative length", post("content-length: -1\r\n", &body), 400, BARE),
        ("a length beyond numbers", post("content-length: 99999999999999999999999\r\n", &body), 400, BARE),
        ("chunked twice", post(&te.repeat(2), &with_hidden), 400, ours),
        ("chunked, chunked", post("transfer-encoding: chunked, chunked\r\n", &with_hidden), 400, ours),
        ("gzip, chunked", post("transfer-encoding: gzip, chunked\r\n", &with_hidden), 400, ours),
        ("chunked, gzip", post("transfer-encoding: chunked, gzip\r\n", &with_hidden), 400, BARE),
        ("xchunked", post("transfer-encoding: xchunked\r\n", &with_hidden), 400, BARE),
        ("chunked behind a vertical tab", post("transfer-encoding: \u{b}chunked\r\n", &with_hidden), 400, BARE),
        ("identity", post("transfer-encoding: identity\r\n", &with_hidden), 400, BARE),
        ("space before a colon", post(&length.replace(':', " :"), &body), 400, BARE),
        ("a folded line", post(&format!("x-a: 1\r\n 2\r\n{length}"), &body), 400, BARE),
        ("a bare CR", post(&format!("x-a: 1\rcontent-length: 3\r\n{length}"), &body), 400, BARE),
        ("a NUL in a header", post(&format!("x-a: 1\0\r\n{length}"), &body), 400, BARE),
        ("no host", get("/v1/usage").replace("host: x\r\n", "").into(), 400, ours),
        ("two hosts", get("/v1/usage").replace("host", "host: x\r\nhost").into(), 400, ours),
        ("no host on a probe", get("/livez").replace("host: x\r\n", "").into(), 400, ours),
        ("chunks in HTTP/1.0", String::from_utf8(post(te, &chunks)).unwrap().replace("/1.1", "/1.0").into(), 400, BARE),
    ];
    for (name, bytes, status, what) in rows {
        let answer = is_answered(&proxy, name, &bytes, status, what).await;
        if what == ours {
            assert_eq!(answer.headers["connection"], "close", "{name}");
        }
    }
    let hidden = proxy.summaries().await.iter().filter(|summary| summary["route"] == "/v1/usage").count();
    assert_eq!(hidden, 2, "only those that were sent openly, without a host");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_that_are_wrong_end_where_they_are() {
    let proxy = faults::start(&[]).await;
    let body = ask("say:mine").to_string();
    let length = format!("content-length: {}\r\n", body.len());
    let te = "transfer-encoding: chunked\r\n";
    let size = format!("{:x}", body.len());
    let unreadable = "invalid_body";
    let binary = |head: &str, body: &[u8]| [&post(head, "")[..], body].concat();
    let rows: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("a chunk without a size", post(te, "zz\r\nxx\r\n"), 400, unreadable),
        ("a chunk of a negative size", post(te, "-1\r\nxx\r\n"), 400, unreadable),
        ("a chunk beyond numbers", post(te, "fffffffffffffffff\r\nxx\r\n"), 400, unreadable),
        ("a chunk that goes on", post(te, &format!("{size}\r\n{body}XX0\r\n\r\n")), 400, unreadable),
        ("a chunk with a bare LF", post(te, &format!("{size}\n{body}\r\n0\r\n\r\n")), 400, unreadable),
        ("a chunk with an extension", post(te, &format!("{size};a=b\r\n{body}\r\n0\r\n\r\n")), 200, "mine"),
        ("endless extensions", post(te, &format!("{size};{}\r\n", "a".repeat(20_000))), 400, unreadable),
        ("a trailer", post(te, &format!("{size}\r\n{body}\r\n0\r\ncontent-length: 3\r\n\r\n")), 200, "mine"),
        ("a body of no UTF-8", binary("content-length: 3\r\n", b"\xff\xfe\xfd"), 400, "invalid_json"),
        ("no body", post("", ""), 400, "invalid_json"),
        ("no body, said so", post("content-length: 0\r\n", ""), 400, "invalid_json"),
        ("a header of no UTF-8", [&b"GET /x HTTP/1.1\r\nhost: x\r\nx-a: \xff\r\n\r\n"[..]].concat(), 404, "not_found"),
        (
            "a key of no UTF-8",
            b"GET /v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \xff\r\n\r\n".to_vec(),
            401,
            "invalid_api_key",
        ),
        ("a path of no UTF-8", b"GET /v1/\xff HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), 400, BARE),
        ("a path of UTF-8", get("/v1/models/\u{fc}").into(), 404, "model_not_found"),
        ("a space in a path", get("/v1/ models").into(), 400, BARE),
        ("a control character in a path", get("/v1/\u{1}").into(), 400, BARE),
        ("a path that climbs", get("/v1/../v1/models").into(), 404, "not_found"),
        ("no path", get("*").into(), 404, "not_found"),
        ("a tunnel", get("x:443").replace("GET", "CONNECT").into(), 404, "not_found"),
        ("a method of no word", get("/v1/models").replace("GET", "G@T").into(), 400, BARE),
        ("a method that nobody knows", get("/v1/models").replace("GET", "get").into(), 405, "method_not_allowed"),
        ("a version that is not there", get("/v1/models").replace("/1.1", "/1.2").into(), 400, BARE),
        ("HTTP/0.9", b"GET /v1/models\r\n\r\n".to_vec(), 400, BARE),
        ("TLS", [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[0; 100]].concat(), 400, BARE),
        ("a head that is too large", get(&format!("/{}", "a".repeat(70_000))).into(), 431, BARE),
        ("a header that is too large", post(&format!("x-a: {}\r\n{length}", "a".repeat(70_000)), &body), 431, BARE),
        ("too many headers", post(&(0..101).map(|n| format!("x-{n}: 1\r\n")).collect::<String>(), ""), 431, BARE),
        ("many headers", post(&(0..90).map(|n| format!("x-{n}: 1\r\n")).collect::<String>(), ""), 400, "invalid_json"),
        ("another expectation", post(&format!("expect: tea\r\n{length}"), &body), 200, "mine"),
    ];
    for (name, bytes, status, what) in rows {
        is_answered(&proxy, name, &bytes, status, what).await;
    }
    for (name, bytes) in [
        ("a chunk that breaks off", post(te, &chunked(&body)[..20])),
        ("no last chunk", post(te, &format!("{size}\r\n{body}\r\n"))),
        ("a body that breaks off", post(&length, &body[..body.len() - 1])),
    ] {
        let answers = answers_to_the_end(&proxy, &bytes).await;
        assert_eq!((answers.len(), answers[0].status), (1, 400), "{name}: {answers:?}");
        assert_eq!(answers[0].json()["error"]["code"], unreadable, "{name}");
        unaffected(Raw::connect(&proxy).await, name).await;
    }
    assert!(answers_to_the_end(&proxy, b"").await.is_empty(), "who says nothing gets no answer");
    assert!(answers_to_the_end(&proxy, b"\r\n\r\n").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_used_again_also_after_errors_and_answers_in_order() {
    let proxy = faults::start(&[]).await;
    let slow_then_fast: Vec<u8> = [
        sized(&ask("burst:200").to_string()),
        get("/v1/models").into(),
        sized("{"),
        get("/v1/nothing").into(),
        sized(&ask("say:last").to_string()),
    ]
    .concat();
    let mut raw = Raw::connect(&proxy).await;
    raw.say(&slow_then_fast).await;
    let burst: String = (0..200).map(|word| format!("w{word} ")).collect();
    assert_eq!(raw.answer().await.unwrap().text(), burst);
    assert_eq!(raw.answer().await.unwrap().json()["object"], "list");
    assert_eq!(raw.answer().await.unwrap().json()["error"]["code"], "invalid_json");
    assert_eq!(raw.answer().await.unwrap().json()["error"]["code"], "not_found");
    assert_eq!(raw.answer().await.unwrap().text(), "last");

    // Byte by byte, on the same connection, behind lines that are nothing.
    raw.say("\r\n\r\n").await;
    for byte in sized(&ask("say:slowly").to_string()) {
        raw.say([byte]).await;
    }
    assert_eq!(raw.answer().await.unwrap().text(), "slowly");
    raw.say(get("/v1/models/codex-5/").replace("GET", "HEAD").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"))
        .await;
    let mut head = String::new();
    raw.0.read_to_string(&mut head).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "a head and nothing else: {head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_and_versions_of_other_forms_are_understood() {
    let proxy = faults::start(&[]).await;
    for target in ["http://elsewhere/v1/models", "https://elsewhere:1/v1/models/", "/v1/models?x=%zz", "/v1/models#x"] {
        let answers = answers(&proxy, get(target).as_bytes()).await;
        assert_eq!(answers[0].json()["object"], "list", "{target}");
    }
    for name in ["codex-5", "codex%2D5", "CODEX-5/", "%63odex-5"] {
        let answers = answers(&proxy, get(&format!("/v1/models/{name}")).as_bytes()).await;
        assert_eq!(answers[0].json()["object"], "model", "{name}");
    }
    for upgrade in ["h2c\r\nhttp2-settings: AAMAAABkAAQAAP__", "websocket"] {
        let request = get("/v1/models").replace("host", &format!("connection: upgrade\r\nupgrade: {upgrade}\r\nhost"));
        let answers = answers(&proxy, request.as_bytes()).await;
        assert_eq!((answers.len(), answers[0].status), (1, 200), "no upgrade to {upgrade}: {answers:?}");
    }
    let old = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("HTTP/1.1\r\nhost: x", "HTTP/1.0");
    let answer = answers(&proxy, old(sized(&ask("say:old").to_string())).as_bytes()).await.remove(0);
    assert_eq!(answer.text(), "old");
    let stream = answers(&proxy, old(sized(&ask_stream("say:old stream").to_string())).as_bytes()).await.remove(0);
    let (events, done) = stream_events(&stream.body);
    assert_eq!((stream_text(&events).as_str(), done), ("old stream", true), "it ends where the connection does");
    assert!(!stream.headers.contains_key("transfer-encoding"));
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_tls_is_spoken_too() {
    let proxy = faults::start(&[]).await;
    let socket = TcpStream::connect(proxy.address.trim_start_matches("http://")).await.unwrap();
    let (sender, connection) =
        http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let url = format!("{}/v1/chat/completions", proxy.address);
    let post = async |key: &str, body: String| {
        let request = http::Request::post(&url).header("authorization", format!("Bearer {key}"));
        let response = sender.clone().send_request(request.body(body.into()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        assert!(head.headers.contains_key("x-request-id"));
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), String::from_utf8(body.into()).unwrap())
    };
    let post = &post;
    let side_by_side = (0..20).map(|number| async move {
        let (status, body) = post(KEY, ask_stream(&format!("say:number {number}")).to_string()).await;
        let (events, done) = stream_events(&body);
        assert_eq!((status, stream_text(&events), done), (200, format!("number {number}"), true));
    });
    join_all(side_by_side).await;
    for (key, body, expected) in
        [(KEY, "{".to_owned(), 400), ("wrong", "{}".to_owned(), 401), ("wrong", large(2 << 20), 413)]
    {
        let (status, body) = post(key, body).await;
        assert_eq!(status, expected);
        assert!(serde_json::from_str::<Value>(&body).unwrap()["error"]["message"].is_string());
    }
    unaffected(Raw::connect(&proxy).await, "HTTP/2").await;
}
