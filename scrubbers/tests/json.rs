//! JSON documents: by name, by value, nested, and what stays untouched.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use scrubbers::{Error, Scrubber};
use serde_json::json;
use support::{key, named};

const OWN: &str = "p/w+ör\"d=with~odd chars";

fn scrubber() -> Scrubber {
    Scrubber::builder().secret("own-key", OWN).secret("short", "pw7").build().expect("valid secrets")
}

fn scrub(json: &str) -> String {
    let mut scrubbed = json.to_owned();
    scrubber().scrub_json(&mut scrubbed, &key());
    assert!(serde_json::from_str::<serde_json::Value>(&scrubbed).is_ok(), "{scrubbed} is no JSON");
    let once = scrubbed.clone();
    scrubber().scrub_json(&mut scrubbed, &key());
    assert_eq!(scrubbed, once, "scrubbed again it is another");
    named(&once)
}

fn token() -> String {
    format!("ghp_{}", "a1B2c3D4e5F6".repeat(3))
}

#[test]
fn headers_are_known_by_name() {
    for (input, expected) in [
        (r#"{"Authorization":"Bearer x"}"#, r#"{"Authorization":"Bearer [REDACTED:authorization]"}"#),
        (r#"{"authorization":"x y"}"#, r#"{"authorization":"[REDACTED:authorization]"}"#),
        (r#"{"proxy_authorization" : "Basic eA=="}"#, r#"{"proxy_authorization" : "Basic [REDACTED:authorization]"}"#),
        (r#"{"\u0063ookie":"a"}"#, r#"{"\u0063ookie":"[REDACTED:cookie]"}"#),
        (r#"{"set-cookie":["a=1","b=2"]}"#, r#"{"set-cookie":["[REDACTED:cookie]","[REDACTED:cookie]"]}"#),
        (r#"[["x-api-key", "k"],["b","c"]]"#, r#"[["x-api-key", "[REDACTED:secret]"],["b","c"]]"#),
        (r#"{"h":["Cookie","a=1"]}"#, r#"{"h":["Cookie","[REDACTED:cookie]"]}"#),
        (r#"{"x-goog-api-key":"a\"b"}"#, r#"{"x-goog-api-key":"[REDACTED:secret]"}"#),
    ] {
        assert_eq!(scrub(input), expected);
    }
}

#[test]
fn nothing_else_changes() {
    for json in [
        r#"{"authorization":{"type":"string"},"cookie":null,"api-key":7,"x-api-key":""}"#,
        r#"{"required":["authorization","cookie"],"three":["cookie","a","b"],"not":["a","cookie"]}"#,
        r#"{"authorization":"Bearer <your key>","api-key":"${API_KEY}","cookie":"…"}"#,
        r#" { "a" : [ 1.50e+3 , "\u00e9\/\ud800" ] , "openai-organization" : "org-1" } "#,
        r#"{"spw7":"pw77 pw7x _pw7","args":"{\"path\": \"/x\", \"n\": 1.0}","sse":"data: {\"a\":1}\n\n"}"#,
        "42",
    ] {
        let mut scrubbed = json.to_owned();
        let place = scrubbed.as_ptr();
        assert!(scrubber().scrub_json(&mut scrubbed, &key()).is_empty(), "{scrubbed}");
        assert_eq!((scrubbed.as_str(), scrubbed.as_ptr()), (json, place));
    }
}

#[test]
fn own_secrets_are_found_in_every_form() {
    let percent = "p%2Fw%2B%C3%B6r%22d%3Dwith~odd%20chars";
    for form in [OWN, &OWN.replace('"', "\\\""), percent, &percent.to_lowercase()] {
        let document = json!({"a": format!("before {form} after")}).to_string();
        assert_eq!(scrub(&document), r#"{"a":"before [REDACTED:own-key] after"}"#, "{form}");
    }
    for encoded in [STANDARD.encode(OWN), URL_SAFE.encode(OWN), STANDARD.encode(format!("user:{OWN}"))] {
        let scrubbed = named(&scrubber().scrub_text(&encoded, &key()));
        assert!(scrubbed.contains("[REDACTED:own-key]"), "{scrubbed}");
        // What is left holds at most the neighbours and the bits shared with them.
        assert!(scrubbed.len() <= "[REDACTED:own-key]".len() + 12, "{scrubbed}");
    }
    assert_eq!(scrub(r#"{"a":"x pw7, \npw7"}"#), r#"{"a":"x [REDACTED:short], \n[REDACTED:short]"}"#);
}

#[test]
fn own_secrets_that_look_like_nothing_are_found_alone_too() {
    let uuid = "01a20b3a-4214-703d-b602-bd62a17a26d4";
    let builder = Scrubber::builder().secret("short", "pw7").secret("uuid", uuid);
    let scrubber = builder.build().expect("valid secrets");
    let mut json = json!(["pw7", uuid]).to_string();
    scrubber.scrub_json(&mut json, &key());
    assert_eq!(named(&json), r#"["[REDACTED:short]","[REDACTED:uuid]"]"#);
    assert_eq!(named(&scrubber.scrub_text("pw7", &key())), "[REDACTED:short]");
}

#[test]
fn json_in_strings_is_json() {
    let arguments = json!({"headers": {"authorization": "Bearer a b"}, "n": 1}).to_string();
    let event = json!({"arguments": arguments, "more": json!({"inner": arguments}).to_string()});
    let clean = json!({"headers": {"authorization": "Bearer [REDACTED:authorization]"}, "n": 1}).to_string();
    let expected = json!({"arguments": clean, "more": json!({"inner": clean}).to_string()});
    assert_eq!(scrub(&event.to_string()), expected.to_string());
}

#[test]
fn sse_and_json_lines_are_json() {
    let stream = |cookie: &str, key: &str| {
        format!(
            "event: x\ndata: {{\"cookie\":\"{cookie}\"}}\r\n\n: note\ndata:[[\"api-key\",\"{key}\"]]\n{{\"cookie\":\"{cookie}\"}}"
        )
    };
    let (raw, expected) = (stream("hunter2", "hunter3"), stream("[REDACTED:cookie]", "[REDACTED:secret]"));
    assert_eq!(scrub(&json!({ "bytes": raw }).to_string()), json!({ "bytes": expected }).to_string());
    assert_eq!(named(&scrubber().scrub_text(&raw, &key())), expected);
}

#[test]
fn a_deep_document_is_walked() {
    let depth = 10_000;
    let arrays = format!("{}\"{}\"{}", "[".repeat(depth), token(), "]".repeat(depth));
    let objects = format!("{}\"{}\"{}", "{\"a\":".repeat(depth), token(), "}".repeat(depth));
    for document in [arrays, objects] {
        let expected = document.replace(&token(), "[REDACTED:github-token]");
        let mut scrubbed = document.clone();
        assert_eq!(scrubber().scrub_json(&mut scrubbed, &key()).count("github-token"), 1);
        assert_eq!(named(&scrubbed), expected);
        let nested = json!({ "arguments": document }).to_string();
        let mut scrubbed = nested.clone();
        assert_eq!(scrubber().scrub_json(&mut scrubbed, &key()).count("github-token"), 1);
        assert_eq!(named(&scrubbed), json!({ "arguments": expected }).to_string());
    }
}

#[test]
fn beyond_the_deepest_walk_patterns_still_apply() {
    // Each level doubles the backslashes.
    let document = json!({"key": format!("is {}", token())}).to_string();
    let document = (0..12).fold(document, |inner, _| json!([inner]).to_string());
    assert!(!scrub(&document).contains(&token()));
}

#[test]
fn broken_json_is_scrubbed_as_text() {
    let mut cut = format!("{{\"x-api-key\":\"{0}\",\"b\":\"{0}", "k1".repeat(8).replace("k1", &token()[4..16]));
    let report = scrubber().scrub_json(&mut cut, &key());
    assert!(named(&cut).starts_with("{\"x-api-key\":\"[REDACTED:secret]\",\"b\":\""), "{cut}");
    assert_eq!(report.iter().collect::<Vec<_>>(), [("secret", 1)]);
}

#[test]
fn markers_are_left_alone_and_shield_nothing() {
    // Secrets that are words of a marker.
    let builder = Scrubber::builder().secret("cookie-word", "cookie").secret("jwt", "JWT");
    let scrubber = builder.build().expect("valid");
    let scrub = |text: &str| scrubber.scrub_text(text, &key()).into_owned();
    let once = scrub("the cookie, JWT");
    assert_eq!(named(&once), "the [REDACTED:cookie-word], [REDACTED:jwt]");
    assert_eq!(scrub(&once), once);
    // What only looks like a marker: no kind is called so, or no token looks so.
    let secret = format!("sk-{}", "0123456789abcdef".repeat(2));
    for (text, expected) in [
        (format!("[REDACTED:{secret}]"), "[REDACTED:[REDACTED:deepseek-key]]"),
        (format!("[JWT:{secret}]"), "[[REDACTED:jwt]:[REDACTED:deepseek-key]]"),
        (format!("[JWT:abcdef] {secret}"), "[REDACTED:jwt] [REDACTED:deepseek-key]"),
        (format!("[JWT:abcdef]{secret}"), "[REDACTED:jwt][REDACTED:deepseek-key]"),
        ("[NONE:abcdef] [jwt:abcdef]".to_owned(), "[NONE:abcdef] [jwt:abcdef]"),
    ] {
        assert_eq!(named(&scrub(&text)).replace("[REDACTED:none]", "[NONE:abcdef]"), expected, "{text}");
    }
    let mut header = format!(r#"{{"cookie":"[JWT:{secret}]"}}"#);
    scrubber.scrub_json(&mut header, &key());
    assert!(!header.contains(&secret), "{header}");
}

#[test]
fn no_value_is_shown() {
    let builder = Scrubber::builder().secret("own-key", "hunter2-hunter2");
    assert!(!format!("{builder:?}").contains("hunter2"));
    let debug = format!("{:?}", builder.build().expect("valid"));
    assert!(debug.contains("own-key") && debug.contains("jwt") && !debug.contains("hunter2"), "{debug}");
}

#[test]
fn secrets_that_cannot_be_used_are_refused() {
    let build = |name: &str, value: &str| Scrubber::builder().secret(name, value).build();
    assert!(matches!(build("key", " \n"), Err(Error::Empty(name)) if name == "key"));
    for name in ["", "Key", "a]b", &"a".repeat(65)] {
        assert!(matches!(build(name, "value"), Err(Error::Name(_))), "{name}");
    }
    let scrubber = build("key", "file-content\n").expect("valid");
    assert_eq!(named(&scrubber.scrub_text("<file-content>", &key())), "<[REDACTED:key]>");
}
