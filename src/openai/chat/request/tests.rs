use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::http::error::ApiError;
use crate::openai::chat::fields::FIELDS;

/// A row of `tests/requests`: members added to a request that is fine, or a whole body in its place, and what comes of it.
#[derive(Deserialize)]
struct Row {
    with: Option<Value>,
    #[serde(default)]
    body: Value,
    param: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default = "invalid")]
    code: String,
    #[serde(default)]
    ignored: Vec<String>,
}

fn invalid() -> String {
    "invalid_request_error".to_owned()
}

fn rows(file: &str) -> Vec<Row> {
    serde_json::from_str(file).unwrap()
}

fn body(extra: &Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn parse(body: &Value) -> Result<ChatRequest, InvalidRequest> {
    ChatRequest::parse(body, 5)
}

#[test]
fn each_refusal_names_its_field() {
    for row in rows(include_str!("../../../../tests/requests/refused.json")) {
        let body = row.with.as_ref().map_or(row.body, body);
        let error = parse(&body).expect_err(&body.to_string());
        assert_eq!((&error.param, &error.message), (&row.param, &row.message), "{body}");
        assert_eq!(ApiError::from(error).code(), row.code, "{body}");
    }
}

#[test]
fn what_is_fine_is_accepted_and_what_has_no_effect_is_named() {
    for row in rows(include_str!("../../../../tests/requests/accepted.json")) {
        let body = body(&row.with.unwrap());
        match parse(&body) {
            Ok(request) => assert_eq!(request.ignored, row.ignored, "{body}"),
            Err(error) => panic!("{:?}: {error}: {body}", error.param),
        }
    }
}

#[test]
fn an_explicit_null_is_the_same_as_nothing() {
    for field in FIELDS.iter().filter(|field| !matches!(field.name, "model" | "messages")) {
        let request = parse(&body(&json!({ field.name: null }))).unwrap();
        assert!(request.ignored.is_empty(), "{}", field.name);
        assert_eq!(request.plan("m", None), parse(&body(&json!({}))).unwrap().plan("m", None), "{}", field.name);
    }
}

#[test]
fn every_field_is_refused_with_something_wrong() {
    let refused = rows(include_str!("../../../../tests/requests/refused.json"));
    for field in FIELDS {
        let has_row = |row: &Row| row.with.as_ref().is_some_and(|with| with.get(field.name).is_some());
        assert!(refused.iter().any(has_row), "{} has no row in tests/requests/refused.json", field.name);
    }
}

#[test]
fn an_explicit_effort_wins_over_the_alias() {
    let effort = |extra: Value| parse(&body(&extra)).unwrap().plan("up", Some(Effort::Low)).effort;
    assert_eq!(effort(json!({})), Some(Effort::Low));
    assert_eq!(effort(json!({ "reasoning": { "effort": "HIGH" } })), Some(Effort::High));
    assert_eq!(effort(json!({ "reasoning_effort": "none", "reasoning": { "effort": "high" } })), Some(Effort::None));
}

#[test]
fn the_lesser_of_two_limits_counts() {
    let limit = |extra: Value| parse(&body(&extra)).unwrap().rules.max_tokens;
    assert_eq!(limit(json!({ "max_tokens": 9, "max_completion_tokens": 7 })), Some(7));
    assert_eq!(limit(json!({ "max_tokens": null, "max_completion_tokens": 7 })), Some(7));
    assert_eq!(limit(json!({})), None);
}

#[test]
fn a_model_that_shall_answer_with_json_is_told_so_and_the_client_that_nothing_is_sure() {
    let request = parse(&body(&json!({ "response_format": { "type": "json_object" } }))).unwrap();
    assert_eq!(request.ignored, ["response_format"]);
    let items = request.plan("up", None).items;
    assert_eq!((items.len(), &items[0]["role"]), (2, &json!("developer")));
    let plain = parse(&body(&json!({ "response_format": { "type": "text" } }))).unwrap();
    assert_eq!((plain.ignored.len(), plain.plan("up", None).items.len()), (0, 1));
}

proptest! {
    #[test]
    fn no_value_in_any_field_panics(field in 0..FIELDS.len(), value in any_json()) {
        let _ = parse(&body(&json!({ FIELDS[field].name: value })));
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("role|type|content|function|name|effort|[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
