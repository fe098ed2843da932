//! What a client demands by `tool_choice`. A worker has no way to force a model: what it must not call it does not get to know, and for
//! the call that it must make the answer is watched.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::fields::given;
use crate::openai::error::InvalidRequest;
use crate::turn::{FailureKind, ToolCall, TurnFailure};

/// A call without which an answer is not what the client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Of any tool: `required`.
    Any,
    /// Of the function with this name.
    Named(String),
}

/// What `tool_choice` or the legacy `function_call` makes of the tools.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The names of those that may be called; `None` for all.
    pub only: Option<HashSet<&'a str>>,
    /// The call that must be made.
    pub demand: Option<Demand>,
}

// === impl Choice ===

impl<'a> Choice<'a> {
    /// The choice in `body` among the functions with these names; `None` if it has neither `tools` nor `functions`.
    ///
    /// # Errors
    /// A choice of the wrong form, or of what is not there.
    pub fn read(body: &'a Map<String, Value>, names: Option<&HashSet<&str>>) -> Result<Self, InvalidRequest> {
        let field = if given(body, "tool_choice").is_some() { "tool_choice" } else { "function_call" };
        let Some(choice) = given(body, field) else { return Ok(Self::default()) };
        let Some(names) = names else {
            return Err(InvalidRequest::new(field, format!("{field} is only allowed when tools are given")));
        };
        let choice = match choice {
            Value::String(word) if word == "none" => Self { only: Some(HashSet::new()), demand: None },
            Value::String(word) if word == "auto" => Self::default(),
            Value::String(word) if word == "required" => Self { only: None, demand: Some(Demand::Any) },
            Value::Object(_) if field == "function_call" => Self::named(choice, field, names)?,
            Value::Object(object) => match given(object, "type").map(|kind| kind.as_str().unwrap_or_default()) {
                None | Some("function") => Self::named(&choice["function"], "tool_choice.function", names)?,
                Some("allowed_tools") => Self::allowed(&choice["allowed_tools"], names)?,
                Some(_) => {
                    let message = "tool_choice must be of type 'function' or 'allowed_tools'";
                    return Err(InvalidRequest::new("tool_choice.type", message));
                }
            },
            _ => {
                let message = format!("{field} must be 'none', 'auto', 'required' or an object that names a function");
                return Err(InvalidRequest::new(field, message));
            }
        };
        let is_left = choice.only.as_ref().map_or(!names.is_empty(), |only| !only.is_empty());
        if choice.demand.is_some() && !is_left {
            return Err(InvalidRequest::new(field, format!("{field} demands a call, and there is no tool")));
        }
        Ok(choice)
    }

    fn named(function: &'a Value, at: &str, names: &HashSet<&str>) -> Result<Self, InvalidRequest> {
        let name = name(function, at, names)?;
        Ok(Self { only: Some(HashSet::from([name])), demand: Some(Demand::Named(name.to_owned())) })
    }

    fn allowed(allowed: &'a Value, names: &HashSet<&str>) -> Result<Self, InvalidRequest> {
        const AT: &str = "tool_choice.allowed_tools";
        let demand = match allowed["mode"].as_str() {
            Some("auto") => None,
            Some("required") => Some(Demand::Any),
            _ => return Err(InvalidRequest::new(format!("{AT}.mode"), "mode must be 'auto' or 'required'")),
        };
        let tools = allowed["tools"].as_array();
        let tools = tools.ok_or_else(|| InvalidRequest::new(format!("{AT}.tools"), "tools must be an array"))?;
        let name = |(index, tool): (usize, &'a Value)| {
            name(&tool["function"], &format!("{AT}.tools[{index}].function"), names)
        };
        Ok(Self { only: Some(tools.iter().enumerate().map(name).collect::<Result<_, _>>()?), demand })
    }
}

/// The name of `function`, which is called `at` and must be one of `names`.
fn name<'a>(function: &'a Value, at: &str, names: &HashSet<&str>) -> Result<&'a str, InvalidRequest> {
    let wrong = |message: String| InvalidRequest::new(format!("{at}.name"), message);
    let name = function["name"].as_str().ok_or_else(|| wrong("the choice of a function needs its name".to_owned()))?;
    if names.contains(name) { Ok(name) } else { Err(wrong(format!("the function '{name}' is not among the tools"))) }
}

// === impl Demand ===

impl Demand {
    /// Whether `call` is what was demanded.
    pub fn is_met_by(&self, call: &ToolCall) -> bool {
        match self {
            Self::Any => true,
            Self::Named(name) => call.name == *name,
        }
    }

    /// What a model is told that answered without the call, as a developer message behind the conversation.
    pub fn hint(&self) -> Value {
        let what = match self {
            Self::Any => "call one of the available functions".to_owned(),
            Self::Named(name) => format!("call the function {name}"),
        };
        let text = format!("You must {what} now. Do not answer with text.");
        json!({ "type": "message", "role": "developer", "content": [{ "type": "input_text", "text": text }] })
    }

    /// The failure of an answer without the call, the hint notwithstanding.
    pub fn failure(&self) -> TurnFailure {
        let message = match self {
            Self::Any => "the model called no tool although tool_choice requires it".to_owned(),
            Self::Named(name) => format!("the model did not call the function {name} that tool_choice names"),
        };
        TurnFailure { kind: FailureKind::NotCalled, message }
    }
}
