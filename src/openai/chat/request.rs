//! What a client asks for, read from the body field by field in the order of the contract.

use serde_json::{Map, Value, json};

use super::rules::Rules;
use super::{messages, tools};
use crate::openai::error::InvalidRequest;
use crate::turn::{Effort, TurnPlan};

/// A chat request whose every field was checked.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// The model as the client wrote it.
    pub model: String,
    /// Whether the answer streams; `None` where the client did not say.
    pub stream: Option<bool>,
    /// Whether a stream ends with a usage chunk.
    pub include_usage: bool,
    /// How many answers.
    pub n: usize,
    /// Fields that were accepted and have no effect here.
    pub ignored: Vec<String>,
    /// What is asked of the answers beyond the plan of their turns.
    pub rules: Rules,
    effort: Option<Effort>,
    tools: Vec<Value>,
    items: Vec<Value>,
    output_schema: Option<Value>,
}

/// Fields that have their effect, or that need none.
const HONOURED: [&str; 18] = [
    "model",
    "messages",
    "n",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "stream",
    "stream_options",
    "metadata",
    "user",
    "parallel_tool_calls",
    "stop",
    "max_tokens",
    "max_completion_tokens",
];

// === impl ChatRequest ===

impl ChatRequest {
    /// Reads `body`; at most `max_choices` answers may be asked for.
    pub fn parse(body: &Value, max_choices: usize) -> Result<Self, InvalidRequest> {
        let body = body.as_object().ok_or_else(|| InvalidRequest {
            message: "the body must be a JSON object".to_owned(),
            param: None,
            code: "invalid_request_error",
        })?;
        let model = model(body)?;
        let mut items = match body.get("messages").and_then(Value::as_array) {
            Some(list) if !list.is_empty() => messages::items(list)?,
            _ => return Err(InvalidRequest::new("messages", "messages[] required")),
        };
        let n = choices(body, max_choices)?;
        refuse_what_changes_the_shape(body)?;
        let (tools, demand) = tools::tools(body)?;
        let effort = effort(body)?;
        let output_schema = output_schema(body)?;
        if wants_json(body) {
            items.insert(0, json_hint());
        }
        check_numbers(body)?;
        for field in ["parallel_tool_calls", "stream"] {
            boolean(body, field, field)?;
        }
        let rules = Rules::read(body, demand)?;
        Ok(Self {
            model,
            stream: boolean(body, "stream", "stream")?,
            include_usage: include_usage(body)?,
            n,
            ignored: ignored(body),
            rules,
            effort,
            tools,
            items,
            output_schema,
        })
    }

    /// The plan of each of its turns, on the upstream's `model` with `default_effort` where the client named none.
    pub fn plan(self, model: &str, default_effort: Option<Effort>) -> TurnPlan {
        TurnPlan {
            model: model.to_owned(),
            effort: self.effort.or(default_effort),
            tools: self.tools,
            items: self.items,
            output_schema: self.output_schema,
        }
    }
}

fn model(body: &Map<String, Value>) -> Result<String, InvalidRequest> {
    let missing = || InvalidRequest { code: "model_required", ..InvalidRequest::new("model", "model is required") };
    match body.get("model") {
        None | Some(Value::Null) => Err(missing()),
        Some(Value::String(model)) if model.trim().is_empty() => Err(missing()),
        Some(Value::String(model)) => Ok(model.clone()),
        Some(_) => Err(InvalidRequest::new("model", "model must be a string")),
    }
}

fn choices(body: &Map<String, Value>, max: usize) -> Result<usize, InvalidRequest> {
    let Some(n) = body.get("n").filter(|n| !n.is_null()) else { return Ok(1) };
    let in_range = n.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=max).contains(n));
    in_range.ok_or_else(|| InvalidRequest::new("n", format!("n must be an integer between 1 and {max}; received {n}")))
}

fn refuse_what_changes_the_shape(body: &Map<String, Value>) -> Result<(), InvalidRequest> {
    let wanted = |field: &str| body.get(field).is_some_and(|value| !value.is_null() && value != &Value::Bool(false));
    for field in ["logprobs", "top_logprobs"] {
        if wanted(field) {
            return Err(InvalidRequest::new(field, format!("{field} is not supported for this model")));
        }
    }
    let speaks = body.get("modalities").and_then(Value::as_array).is_some_and(|list| list.iter().any(|m| m != "text"));
    if wanted("audio") || speaks {
        let field = if wanted("audio") { "audio" } else { "modalities" };
        return Err(InvalidRequest::unsupported(field, "only text answers are supported"));
    }
    Ok(())
}

fn effort(body: &Map<String, Value>) -> Result<Option<Effort>, InvalidRequest> {
    let named = match (body.get("reasoning_effort"), body.get("reasoning")) {
        (Some(effort), _) if !effort.is_null() => effort,
        (_, Some(Value::Object(reasoning))) => reasoning.get("effort").unwrap_or(&Value::Null),
        (_, None | Some(Value::Null)) => return Ok(None),
        (_, Some(_)) => return Err(InvalidRequest::new("reasoning", "reasoning must be an object")),
    };
    if named.is_null() {
        return Ok(None);
    }
    let effort = named.as_str().and_then(|name| Effort::parse(&name.to_ascii_lowercase()));
    effort.map(Some).ok_or_else(|| {
        let allowed = Effort::ALL.map(Effort::as_str).join(", ");
        InvalidRequest::new("reasoning.effort", format!("unknown effort {named}: must be one of {allowed}"))
    })
}

fn output_schema(body: &Map<String, Value>) -> Result<Option<Value>, InvalidRequest> {
    let Some(format) = body.get("response_format").filter(|format| !format.is_null()) else { return Ok(None) };
    let wrong = |message: &str| Err(InvalidRequest::new("response_format", message));
    match format.get("type").and_then(Value::as_str) {
        Some("text" | "json_object") => Ok(None),
        Some("json_schema") => match format.pointer("/json_schema/schema") {
            Some(schema @ Value::Object(_)) => Ok(Some(schema.clone())),
            _ => wrong("response_format of type 'json_schema' needs json_schema.schema, an object"),
        },
        _ => wrong("response_format must be an object of type text, json_object or json_schema"),
    }
}

/// Whether any JSON object will do, for which the worker knows no form of output.
fn wants_json(body: &Map<String, Value>) -> bool {
    body.get("response_format").is_some_and(|format| format.get("type").is_some_and(|kind| kind == "json_object"))
}

/// What a model is told that shall answer with JSON. It stands before the conversation, where it gets into nobody's way.
fn json_hint() -> Value {
    let text = "Answer with a single JSON object and nothing else: no prose, no code fence.";
    json!({ "type": "message", "role": "developer", "content": [{ "type": "input_text", "text": text }] })
}

fn check_numbers(body: &Map<String, Value>) -> Result<(), InvalidRequest> {
    for (field, max) in [("temperature", 2.0), ("top_p", 1.0)] {
        if let Some(value) = body.get(field).filter(|value| !value.is_null())
            && !value.as_f64().is_some_and(|number| (0.0..=max).contains(&number))
        {
            return Err(InvalidRequest::new(field, format!("{field} must be a number between 0 and {max}")));
        }
    }
    for field in ["max_tokens", "max_completion_tokens"] {
        if let Some(value) = body.get(field).filter(|value| !value.is_null())
            && value.as_u64().is_none_or(|number| number == 0)
        {
            return Err(InvalidRequest::new("max_tokens", "max_tokens must be a positive integer"));
        }
    }
    Ok(())
}

fn include_usage(body: &Map<String, Value>) -> Result<bool, InvalidRequest> {
    match body.get("stream_options") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Object(options)) => {
            Ok(boolean(options, "include_usage", "stream_options.include_usage")?.unwrap_or(false))
        }
        Some(_) => Err(InvalidRequest::new("stream_options", "stream_options must be an object")),
    }
}

fn boolean(object: &Map<String, Value>, field: &str, param: &str) -> Result<Option<bool>, InvalidRequest> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(InvalidRequest::new(param, format!("{param} must be a boolean"))),
    }
}

/// The fields that the worker has no way to honour, by name. A name that is no plain identifier is not repeated: it
/// would end up in a header.
fn ignored(body: &Map<String, Value>) -> Vec<String> {
    let plain = |name: &str| name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let without_effect = |(name, value): &(&String, &Value)| match name.as_str() {
        _ if value.is_null() => false,
        // The model is told, and nothing makes it obey.
        "response_format" => value.get("type").is_some_and(|kind| kind == "json_object"),
        name => !HONOURED.contains(&name) && plain(name),
    };
    body.iter().filter(without_effect).map(|(name, _)| name.clone()).take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        let cases = [
            (json!({ "model": null }), "model", "model is required"),
            (json!({ "messages": [] }), "messages", "messages[] required"),
            (json!({ "n": 0 }), "n", "n must be an integer between 1 and 5; received 0"),
            (json!({ "n": "2" }), "n", "n must be an integer between 1 and 5; received \"2\""),
            (json!({ "n": 6 }), "n", "n must be an integer between 1 and 5; received 6"),
            (json!({ "logprobs": true }), "logprobs", "logprobs is not supported for this model"),
            (json!({ "reasoning": [] }), "reasoning", "reasoning must be an object"),
            (
                json!({ "reasoning_effort": "huge" }),
                "reasoning.effort",
                "unknown effort \"huge\": must be one of none, minimal, low, medium, high, xhigh",
            ),
            (
                json!({ "response_format": "json" }),
                "response_format",
                "response_format must be an object of type text, json_object or json_schema",
            ),
            (json!({ "temperature": 2.1 }), "temperature", "temperature must be a number between 0 and 2"),
            (json!({ "top_p": "1" }), "top_p", "top_p must be a number between 0 and 1"),
            (json!({ "max_completion_tokens": 0 }), "max_tokens", "max_tokens must be a positive integer"),
            (
                json!({ "stop": [1] }),
                "stop",
                "stop must be a string or an array of up to 4 strings, each of 1 to 1024 bytes",
            ),
            (json!({ "stream": "yes" }), "stream", "stream must be a boolean"),
            (json!({ "parallel_tool_calls": 1 }), "parallel_tool_calls", "parallel_tool_calls must be a boolean"),
            (json!({ "stream_options": true }), "stream_options", "stream_options must be an object"),
            (json!({ "audio": {} }), "audio", "only text answers are supported"),
        ];
        for (extra, param, message) in cases {
            let error = parse(&body(&extra)).unwrap_err();
            assert_eq!((error.param.as_deref(), error.message.as_str()), (Some(param), message), "{extra}");
        }
    }

    #[test]
    fn what_has_no_effect_is_named() {
        let extra =
            json!({ "temperature": 1, "seed": 7, "stop": null, "user": "u", "parallel_tool_calls": false, "x y": 1 });
        assert_eq!(parse(&body(&extra)).unwrap().ignored, ["temperature", "seed"]);
    }

    #[test]
    fn an_explicit_effort_wins_over_the_alias() {
        let effort = |extra: Value| parse(&body(&extra)).unwrap().plan("up", Some(Effort::Low)).effort;
        assert_eq!(effort(json!({})), Some(Effort::Low));
        assert_eq!(effort(json!({ "reasoning": { "effort": "HIGH" } })), Some(Effort::High));
        assert_eq!(
            effort(json!({ "reasoning_effort": "none", "reasoning": { "effort": "high" } })),
            Some(Effort::None)
        );
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
        fn no_value_in_any_field_panics(field in 0..HONOURED.len(), value in any_json()) {
            let _ = parse(&body(&json!({ HONOURED[field]: value })));
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
}
