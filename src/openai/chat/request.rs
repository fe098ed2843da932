//! What a client asks for, read from the body field by field in the order of the contract.

use serde_json::{Map, Value, json};

use super::fields::{self, Form, given};
use super::rules::Rules;
use super::{messages, tools};
use crate::openai::error::{Fault, InvalidRequest};
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

// === impl ChatRequest ===

impl ChatRequest {
    /// Reads `body`; at most `max_choices` answers may be asked for.
    pub fn parse(body: &Value, max_choices: usize) -> Result<Self, InvalidRequest> {
        let body = body.as_object().ok_or_else(|| InvalidRequest {
            message: "the body must be a JSON object".to_owned(),
            param: None,
            fault: Fault::Form,
        })?;
        let model = model(body)?;
        let mut items = match body.get("messages").and_then(Value::as_array) {
            Some(list) if !list.is_empty() => messages::items(list)?,
            _ => return Err(InvalidRequest::new("messages", "messages[] required")),
        };
        let n = choices(body, max_choices)?;
        fields::check(body)?;
        refuse_speech(body)?;
        let (tools, demand) = tools::tools(body)?;
        let effort = effort(body)?;
        let output_schema = output_schema(body)?;
        if wants_json(body) {
            items.insert(0, json_hint());
        }
        let rules = Rules::read(body, demand)?;
        Ok(Self {
            model,
            stream: body.get("stream").and_then(Value::as_bool),
            include_usage: include_usage(body)?,
            n,
            ignored: fields::ignored(body),
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
    let missing = || InvalidRequest { fault: Fault::NoModel, ..InvalidRequest::new("model", "model is required") };
    match given(body, "model") {
        None => Err(missing()),
        Some(Value::String(model)) if model.trim().is_empty() => Err(missing()),
        Some(Value::String(model)) => Ok(model.clone()),
        Some(_) => Err(InvalidRequest::new("model", "model must be a string")),
    }
}

fn choices(body: &Map<String, Value>, max: usize) -> Result<usize, InvalidRequest> {
    let Some(n) = given(body, "n") else { return Ok(1) };
    let in_range = n.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=max).contains(n));
    in_range.ok_or_else(|| InvalidRequest::new("n", format!("n must be an integer between 1 and {max}; received {n}")))
}

/// Who wants to hear an answer must not take a text for it.
fn refuse_speech(body: &Map<String, Value>) -> Result<(), InvalidRequest> {
    match given(body, "modalities") {
        None => Ok(()),
        Some(Value::Array(list)) if list.iter().all(|modality| modality == "text") => Ok(()),
        Some(Value::Array(_)) => Err(InvalidRequest::unsupported("modalities", "only text answers are supported")),
        Some(_) => Err(InvalidRequest::new("modalities", "modalities must be an array")),
    }
}

fn effort(body: &Map<String, Value>) -> Result<Option<Effort>, InvalidRequest> {
    let reasoning = match given(body, "reasoning") {
        Some(Value::Object(reasoning)) => given(reasoning, "effort"),
        Some(_) => return Err(InvalidRequest::new("reasoning", "reasoning must be an object")),
        None => None,
    };
    let Some(named) = given(body, "reasoning_effort").or(reasoning) else { return Ok(None) };
    let effort = named.as_str().and_then(|name| Effort::parse(&name.to_ascii_lowercase()));
    effort.map(Some).ok_or_else(|| {
        let allowed = Effort::ALL.map(Effort::as_str).join(", ");
        InvalidRequest::new("reasoning.effort", format!("unknown effort {named}: must be one of {allowed}"))
    })
}

fn output_schema(body: &Map<String, Value>) -> Result<Option<Value>, InvalidRequest> {
    let Some(format) = given(body, "response_format") else { return Ok(None) };
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

fn include_usage(body: &Map<String, Value>) -> Result<bool, InvalidRequest> {
    match given(body, "stream_options") {
        None => Ok(false),
        Some(Value::Object(options)) => {
            for member in ["include_usage", "include_obfuscation"] {
                fields::check_member(options, member, Form::Boolean, &format!("stream_options.{member}"))?;
            }
            Ok(options.get("include_usage") == Some(&Value::Bool(true)))
        }
        Some(_) => Err(InvalidRequest::new("stream_options", "stream_options must be an object")),
    }
}

#[cfg(test)]
mod tests;
