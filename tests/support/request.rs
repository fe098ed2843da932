//! What holds for any body of a chat request. The fuzz target in `fuzz/` and the short run in `tests/request_fuzz.rs` call it.

use std::collections::HashSet;

use codex_completions_api::backend::proto::flatten;
use codex_completions_api::http::error::ApiError;
use codex_completions_api::openai::chat::request::ChatRequest;
use codex_completions_api::turn::TurnPlan;
use http::HeaderValue;
use serde_json::Value;

/// Reads `body` as the service does: no panic, and either a refusal that says what is wrong or a plan that the worker can read. Gives
/// whether it is one.
pub(crate) fn request(body: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return false };
    match ChatRequest::parse(&value, 5) {
        Ok(request) => {
            let names = request.ignored.join(", ");
            assert!(HeaderValue::from_str(&names).is_ok() && names.len() < 4096, "no header: {names:?}");
            plan(&request.plan("m", None));
            true
        }
        Err(error) => {
            refusal(&error.into());
            false
        }
    }
}

/// Each item is whole, and each call has its result.
fn plan(plan: &TurnPlan) {
    let mut open = HashSet::new();
    for item in &plan.items {
        match text(item, "type") {
            "message" => {
                assert!(matches!(text(item, "role"), "developer" | "user" | "assistant"), "{item}");
                let parts = item["content"].as_array().filter(|parts| !parts.is_empty());
                for part in parts.unwrap_or_else(|| panic!("no content: {item}")) {
                    let content = if text(part, "type") == "input_image" { "image_url" } else { "text" };
                    text(part, content);
                }
            }
            "function_call" => {
                text(item, "name");
                text(item, "arguments");
                assert!(open.insert(text(item, "call_id")), "one id for two calls: {item}");
            }
            "function_call_output" => {
                text(item, "output");
                assert!(open.remove(text(item, "call_id")), "no call for {item}");
            }
            kind => panic!("an item of type {kind}"),
        }
    }
    assert!(open.is_empty(), "no results for {open:?}");
    let names: HashSet<&str> = plan.tools.iter().map(|tool| text(tool, "name")).collect();
    assert!(names.len() == plan.tools.len() && plan.tools.iter().all(|tool| tool["inputSchema"].is_object()));
    for values in [&plan.items, &plan.tools] {
        let written = serde_json::to_string(values).expect("they can be written");
        assert_eq!(serde_json::from_str::<Vec<Value>>(&written).expect("and read"), *values);
    }
    let flat: Value = serde_json::from_slice(&flatten::user_input(&plan.items)).expect("the fallback's form is JSON");
    assert!(flat["op"]["items"].is_array());
}

fn refusal(error: &ApiError) {
    assert!(error.status().is_client_error(), "{error:?}");
    let body: Value = serde_json::from_str(&error.body()).expect("the body is JSON");
    let error = &body["error"];
    assert!(!text(error, "message").is_empty() && text(error, "message").len() < 1000, "{error}");
    assert_eq!(text(error, "type"), "invalid_request_error");
    assert!(error["param"].is_string() || error["param"].is_null(), "{error}");
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_else(|| panic!("{member} is no text in {object}"))
}
