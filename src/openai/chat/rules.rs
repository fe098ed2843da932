//! What a client asks of an answer that the worker knows nothing of, so that it is seen to here.

use serde_json::{Map, Value};

use super::cut::TextCutter;
use super::fields::given;
use super::output_mode::OutputRules;
use super::stop;
use super::tool_choice::Demand;
use crate::openai::error::InvalidRequest;

/// The rules for the answers to one request.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Sequences before which the text ends.
    pub stop: Vec<String>,
    /// Tokens of text after which it ends; reasoning and calls do not count.
    pub max_tokens: Option<usize>,
    /// The call that must be among the answer.
    pub demand: Option<Demand>,
    /// Whether one call is all that may be passed on.
    pub single_call: bool,
    /// The form of calls and of what follows them. No part of the body: the caller sets it.
    pub output: OutputRules,
}

// === impl Rules ===

impl Rules {
    /// The rules in `body`, and the call that it demands.
    ///
    /// # Errors
    /// A `stop` or a limit of the wrong form.
    pub fn read(body: &Map<String, Value>, demand: Option<Demand>) -> Result<Self, InvalidRequest> {
        Ok(Self {
            stop: stop::sequences(body)?,
            max_tokens: limit(body, "max_tokens")?.into_iter().chain(limit(body, "max_completion_tokens")?).min(),
            demand,
            single_call: body.get("parallel_tool_calls") == Some(&Value::Bool(false)),
            output: OutputRules::default(),
        })
    }

    /// What ends the text of an answer.
    pub fn cutter(&self) -> TextCutter {
        TextCutter::new(self.stop.clone(), self.max_tokens)
    }
}

/// A limit on the tokens of an answer; partners know both by the name of one.
fn limit(body: &Map<String, Value>, field: &str) -> Result<Option<usize>, InvalidRequest> {
    let Some(limit) = given(body, field) else { return Ok(None) };
    let limit = limit.as_u64().filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| InvalidRequest::new("max_tokens", "max_tokens must be a positive integer"))?;
    Ok(Some(usize::try_from(limit).unwrap_or(usize::MAX)))
}
