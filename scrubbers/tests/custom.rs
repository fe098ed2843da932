//! What an operator adds: rules, values that may stay, and names.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scrubbers::{Builder, Scrubber};
use support::{key, named};

fn text(builder: Builder, text: &str) -> String {
    named(&builder.build().expect("it builds").scrub_text(text, &key()))
}

fn json(builder: Builder, json: &str) -> String {
    let mut json = json.to_owned();
    builder.build().expect("it builds").scrub_json(&mut json, &key());
    named(&json)
}

fn staff() -> Builder {
    Scrubber::builder().rule("staff-number", r"\bST-\d{3}\b").rule("ward", r"ward (?P<secret>\d+[a-z])")
}

#[test]
fn a_rule_finds_its_value_wherever_it_stands() {
    assert_eq!(text(staff(), "ask ST-123, or ST-1234"), "ask [REDACTED:staff-number], or ST-1234");
    assert_eq!(text(staff(), "lies on ward 7b now"), "lies on ward [REDACTED:ward] now");
    assert_eq!(text(staff(), "ST%2D123"), "[REDACTED:staff-number]");
    assert_eq!(
        json(staff(), r#"{"a":"ST-123","b":"x\nST\u002d123"}"#),
        r#"{"a":"[REDACTED:staff-number]","b":"x\n[REDACTED:staff-number]"}"#
    );
    let nested = r#"{"arguments":"{\"id\":\"ST-123\"}"}"#;
    assert_eq!(json(staff(), nested), nested.replace("ST-123", "[REDACTED:staff-number]"));
    let wrapped = STANDARD.encode("the number is ST-123");
    assert_eq!(text(staff(), &wrapped), "[REDACTED:staff-number]");
    assert!(staff().build().expect("it builds").kinds().any(|kind| kind == "staff-number"));
}

#[test]
fn no_rule_reaches_over_a_line() {
    let builder = || Scrubber::builder().rule("block", r"BEGIN[^;]*").rule("line", r"^all$");
    assert_eq!(text(builder(), "BEGIN a\nb\nall\n"), "[REDACTED:block]\nb\n[REDACTED:line]\n");
}

#[test]
fn scrubbing_what_a_rule_left_changes_nothing() {
    let scrubber = staff().rule("shout", "[A-Z]{4,}").build().expect("it builds");
    let once = scrubber.scrub_text("ST-123 SHOUTS", &key()).into_owned();
    assert_eq!(scrubber.scrub_text(&once, &key()), once);
}

#[test]
fn what_is_allowed_as_a_whole_stays() {
    let builder = || Scrubber::builder().allow(r"[a-z]+@example\.com").allow("hunter2");
    let kept = "mail help@example.com, password=hunter2";
    assert_eq!(text(builder(), kept), kept);
    assert_eq!(json(builder(), r#"{"password":"hunter2"}"#), r#"{"password":"hunter2"}"#);
    assert_eq!(text(builder(), "mail my.help@example.com"), "mail [REDACTED:email]");
    assert_eq!(text(builder(), "password=hunter22"), "password=[REDACTED:password]");
}

#[test]
fn our_own_secrets_are_never_allowed() {
    let builder = || Scrubber::builder().secret("proxy-api-key", "correct-horse-battery").allow(".+");
    assert_eq!(text(builder(), "it is correct-horse-battery"), "it is [REDACTED:proxy-api-key]");
    let header = r#"[["authorization","Bearer correct-horse-battery"]]"#;
    assert_eq!(json(builder(), header), header.replace("correct-horse-battery", "[REDACTED:proxy-api-key]"));
}

#[test]
fn what_a_name_holds_goes() {
    let builder = || Scrubber::builder().name("x-partner-secret").name("badge_code");
    for (before, after) in [
        (r#"{"x_partner_secret":"no"}"#, r#"{"x_partner_secret":"[REDACTED:password]"}"#),
        (
            r#"{"headers":[["X-Partner-Secret","a b c"]]}"#,
            r#"{"headers":[["X-Partner-Secret","[REDACTED:password]"]]}"#,
        ),
        (r#"{"badgeCode":4711}"#, r#"{"badgeCode":"[REDACTED:password]"}"#),
        (r#"{"name":"badge_code","value":"4711"}"#, r#"{"name":"badge_code","value":"[REDACTED:password]"}"#),
    ] {
        assert_eq!(json(builder(), before), after);
    }
    for (before, after) in [
        ("X-PARTNER-SECRET: open", "X-PARTNER-SECRET: [REDACTED:password]"),
        ("GET /?a=1&badge_code=47%2F11&b=2", "GET /?a=1&badge_code=[REDACTED:password]&b=2"),
        ("badgeCode = \"4711 b\"", "badgeCode = \"[REDACTED:password]\""),
        ("badge_code=<YOUR_CODE>", "badge_code=<YOUR_CODE>"),
        ("the badge code is hard", "the badge code is hard"),
    ] {
        assert_eq!(text(builder(), before), after);
    }
}

#[test]
fn a_mistake_is_told_before_anything_is_built() {
    for (builder, part) in [
        (Scrubber::builder().rule("broken", "("), "\"broken\""),
        (Scrubber::builder().rule("empty", "x?"), "\"empty\""),
        (Scrubber::builder().allow(".*"), "empty string"),
        (Scrubber::builder().name("no name"), "\"no name\""),
    ] {
        let message = builder.check().expect_err("refused").to_string();
        assert!(message.contains(part), "{message}");
        assert!(builder.build().is_err());
    }
}
