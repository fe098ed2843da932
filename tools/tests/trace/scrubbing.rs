//! `codex-trace scrub`, which needs no journal.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Run, State};

const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";

/// Runs it with `input` on stdin.
fn scrub(args: &[&str], input: &str) -> Run {
    let state = State::empty();
    let mut command = state.command(&[&["scrub"], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A command that refuses the first line reads no further.
        let _ = stdin.write_all(input.as_bytes());
    });
    let run = child.wait_with_output().unwrap().into();
    writer.join().unwrap();
    run
}

/// The markers' kinds in place of the markers.
fn kinds(text: &str) -> String {
    let parts = text.split('[').enumerate().map(|(n, part)| match part.split_once(']') {
        Some((marker, rest)) if n > 0 => format!("<{}>{rest}", marker.split_once(':').unwrap_or((marker, "")).0),
        _ => part.to_owned(),
    });
    parts.collect()
}

#[test]
fn text_stays_text() {
    for args in [&[][..], &["-"]] {
        let clean = scrub(args, &format!("a {TOKEN}\nb {TOKEN}")).ok();
        assert_eq!(kinds(&clean), "a <GITHUB_TOKEN>\nb <GITHUB_TOKEN>");
        let tokens: Vec<_> = clean.split([':', ']']).filter(|part| part.len() == 6).collect();
        assert!(tokens.len() == 2 && tokens[0] == tokens[1], "{clean}");
    }
    assert_eq!(scrub(&[], "nothing here\n").ok(), "nothing here\n");
}

#[test]
fn files_are_read_too() {
    let state = State::empty();
    let path = state.path().join("app.log");
    fs::write(&path, format!("key {TOKEN}\n")).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(kinds(&state.trace(&["scrub", path]).ok()), "key <GITHUB_TOKEN>\n");
    assert!(state.trace(&["scrub", "--explain", path]).ok().contains("github-token"));
}

#[test]
fn a_document_stays_a_document() {
    let clean = scrub(&["--json"], r#"{"password": "hunter2.x", "card": 4111111111111111}"#).json();
    assert!(clean["password"].as_str().unwrap().starts_with("[PASSWORD:"), "{clean}");
    assert!(clean["card"].as_str().unwrap().starts_with("[CREDIT_CARD:"), "{clean}");
}

#[test]
fn strings_come_out_as_strings_line_by_line() {
    let texts = [format!("a {TOKEN}"), "b".into(), format!("\"q\"\n{TOKEN}"), r#"{"password":"hunter2.x"}"#.into()];
    let input: String = texts.iter().map(|text| format!("{}\n", json!(text))).collect();
    let lines = scrub(&["--jsonl"], &input).json_lines();
    let lines: Vec<_> = lines.iter().map(|line| kinds(line.as_str().unwrap())).collect();
    assert_eq!(lines, ["a <GITHUB_TOKEN>", "b", "\"q\"\n<GITHUB_TOKEN>", r#"{"password":"<PASSWORD>"}"#]);
    assert_eq!(scrub(&["--jsonl"], "").ok(), "");
}

#[test]
fn deltas_come_out_as_as_many_deltas() {
    let (head, tail) = TOKEN.split_at(20);
    let lines = [json!(["it is ", head, tail, ", ok?"]), json!([]), json!(["", "b"])];
    let out = scrub(&["--deltas"], &lines.iter().map(|line| format!("{line}\n")).collect::<String>()).json_lines();
    let strings = |line: &Value| line.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect();
    let out: Vec<Vec<String>> = out.iter().map(strings).collect();
    assert_eq!(kinds(&out[0].concat()), "it is <GITHUB_TOKEN>, ok?");
    assert_eq!(out.iter().map(Vec::len).collect::<Vec<_>>(), [4, 0, 2]);
    assert_eq!(out[2], ["", "b"]);
}

#[test]
fn lines_come_out_while_lines_go_in() {
    let state = State::empty();
    let mut command = state.command(&["scrub", "--jsonl"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let line = format!("{}\n", json!("word ".repeat(1000)));
    let reader = std::thread::spawn(move || std::io::copy(&mut { stdout }, &mut std::io::sink()).unwrap());
    let mut written = 0;
    for _ in 0..10_000 {
        stdin.write_all(line.as_bytes()).unwrap();
        written += line.len() as u64;
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(reader.join().unwrap(), written);
    assert!(peak * 1024 < written, "{peak} kB for {written} bytes of input");
}

#[test]
fn an_explanation_says_all_but_the_value() {
    let text = format!("first\n  mail ada@example.org\nDB_PASSWORD=hunter2.x url?q={}\n", TOKEN.replace('_', "%5F"));
    let explained = scrub(&["--explain"], &text).ok();
    let lines: Vec<_> = explained.lines().collect();
    assert!(lines[0].starts_with("2:8  email  by form; 15 bytes, ") && lines[0].contains("rfc5321"), "{explained}");
    assert!(lines[1].starts_with("3:13  password  by name before it; 9 bytes, "), "{explained}");
    assert!(lines[2].starts_with("3:29  github-token  by form, in percent; 40 bytes, "), "{explained}");
    assert_eq!(lines[3..], ["", "     1  email", "     1  github-token", "     1  password"]);
    for value in ["ada@", "hunter2", &TOKEN[4..12]] {
        assert!(!explained.contains(value), "{explained}");
    }
    let document = scrub(&["--explain", "--json"], r#"{"password": "hunter2.x"}"#).ok();
    assert!(document.contains("by name in the document"), "{document}");
    assert_eq!(scrub(&["--explain"], "nothing").ok(), "nothing is redacted\n");
}

#[test]
fn addresses_are_a_choice() {
    let text = "from 203.0.114.9 to 10.1.2.3";
    for (which, expected) in [
        ("all", "from <IPV4> to <IPV4>"),
        ("public", "from <IPV4> to 10.1.2.3"),
        ("none", "from 203.0.114.9 to 10.1.2.3"),
    ] {
        assert_eq!(kinds(&scrub(&["--addresses", which], text).ok()), expected, "{which}");
    }
}

#[test]
fn what_is_wrong_is_said_without_the_text() {
    let secret = format!("\"key\"\n{TOKEN}\n");
    let run = scrub(&["--jsonl"], &secret);
    assert!(!run.stderr.contains("ghp_"), "{}", run.stderr);
    run.fails(2, &["line 2 of standard input", "JSON string"]);
    scrub(&["--deltas"], "[1]\n").fails(2, &["line 1", "array of strings"]);
    scrub(&["--json"], TOKEN).fails(2, &["no JSON document"]);
    scrub(&["--jsonl", "--deltas"], "").fails(2, &["cannot be used with"]);
    scrub(&["--jsonl", "--explain"], "").fails(2, &["cannot be used with"]);
    scrub(&["/nonexistent/app.log"], "").fails(1, &["/nonexistent/app.log"]);
    let state = State::empty();
    fs::write(state.path().join("latin1"), b"caf\xe9").unwrap();
    state.trace(&["scrub", state.path().join("latin1").to_str().unwrap()]).fails(2, &["not UTF-8"]);
    assert!(scrub(&["--help"], "").ok().contains("Examples:"));
}
