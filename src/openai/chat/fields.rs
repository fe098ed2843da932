//! The one table of the fields of a chat request: what each may hold, and what becomes of it. `docs/api.md` shows it.

use std::fmt;

use serde_json::{Map, Value};

use self::Effect::{Honoured, Ignored, Refused};
use self::Form::{Biases, Boolean, Integer, Number, Object, OneOf, Read, Text, Texts};
use crate::openai::error::InvalidRequest;

/// A field of the body. An explicit `null` is the same as none, as SDKs write it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it may hold.
    pub form: Form,
    /// What becomes of it.
    pub effect: Effect,
    /// What it means here, in one line.
    pub meaning: &'static str,
}

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number from the first to the second.
    Number(f64, f64),
    /// Any string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// Any object.
    Object,
    /// Strings by name, as many and as long as OpenAI takes them.
    Texts,
    /// Numbers by token.
    Biases,
    /// What the code that reads it makes sure of, in words.
    Read(&'static str),
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It has its effect, or needs none.
    Honoured,
    /// It is accepted without effect, and the answer names it.
    Ignored,
    /// It is refused: without it the answer would have another shape.
    Refused,
}

macro_rules! fields {
    ($($(#[doc = $meaning:literal])* $name:literal: $form:expr => $effect:ident;)+) => {
        /// Every field of OpenAI's API, and `reasoning`.
        pub const FIELDS: &[Field] = &[$(
            Field { name: $name, form: $form, effect: $effect, meaning: concat!($($meaning),*).trim_ascii() },
        )+];
    };
}

fields! {
    /// Required. A name that `GET /v1/models` lists or another alias, in any case, or a model of Codex's own.
    "model": Read("a string") => Honoured;
    /// Required. See [messages](#messages).
    "messages": Read("a non-empty array of messages") => Honoured;
    /// As many turns side by side; at most `PROXY_MAX_CHAT_CHOICES`, and no more than `WORKER_MAX_CONCURRENCY`.
    "n": Read("a positive integer") => Honoured;
    /// See [tools](#tools). An empty array is no tools.
    "tools": Read("an array of tools") => Honoured;
    /// See [tools](#tools). Needs tools.
    "tool_choice": Read("a choice") => Honoured;
    /// The legacy form of `tools`; both together are one list.
    "functions": Read("an array of functions") => Honoured;
    /// The legacy form of `tool_choice`, which goes before it.
    "function_call": Read("a choice") => Honoured;
    /// With `false` the first call ends the answer.
    "parallel_tool_calls": Boolean => Honoured;
    /// `none`, `minimal`, `low`, `medium`, `high` or `xhigh`, in any case; goes before the effort that the model's name
    /// implies. Reported as `reasoning.effort`.
    "reasoning_effort": Read("an effort") => Honoured;
    /// Its `effort` is the same; `reasoning_effort` goes before it. Its other members have no effect.
    "reasoning": Read("an object") => Honoured;
    /// See [response_format](#response_format). Named as ignored with `json_object`.
    "response_format": Read("a format") => Honoured;
    /// Without it `PROXY_DEFAULT_STREAM` decides.
    "stream": Boolean => Honoured;
    /// `include_usage` asks for a chunk with the usage at the end of a stream; `include_obfuscation` has no effect.
    "stream_options": Read("an object") => Honoured;
    /// 1 to 1024 bytes each. The answer ends before the first of them, with `stop`. An empty array is none.
    "stop": Read("a string, or an array of up to 4 strings") => Honoured;
    /// Tokens of text as `o200k_base` counts them, after which the answer ends with `length`. Reasoning and calls do not
    /// count. Reported as `max_tokens`.
    "max_completion_tokens": Read("a positive integer") => Honoured;
    /// The same; of both, the lesser counts.
    "max_tokens": Read("a positive integer") => Honoured;
    /// Answers are text; anything else in it is refused.
    "modalities": Read("an array") => Honoured;
    /// Kept with the request in its trace.
    "metadata": Texts => Honoured;
    /// Kept with the request in its trace.
    "user": Text => Honoured;
    /// `false` is accepted.
    "logprobs": Boolean => Refused;
    "top_logprobs": Integer => Refused;
    "audio": Object => Refused;
    /// Codex does not pass it on, nor any of those that follow.
    "temperature": Number(0.0, 2.0) => Ignored;
    "top_p": Number(0.0, 1.0) => Ignored;
    "frequency_penalty": Number(-2.0, 2.0) => Ignored;
    "presence_penalty": Number(-2.0, 2.0) => Ignored;
    "logit_bias": Biases => Ignored;
    "seed": Integer => Ignored;
    "verbosity": OneOf(&["low", "medium", "high"]) => Ignored;
    /// Nothing is searched.
    "web_search_options": Object => Ignored;
    "prediction": Object => Ignored;
    "moderation": Object => Ignored;
    /// No answer can be fetched again.
    "store": Boolean => Ignored;
    "service_tier": Text => Ignored;
    "safety_identifier": Text => Ignored;
    /// The upstream caches as it does.
    "prompt_cache_key": Text => Ignored;
    "prompt_cache_options": Object => Ignored;
    "prompt_cache_retention": Text => Ignored;
}

/// The value of a field that holds something.
pub fn given<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// Checks every field of `body` that nobody else reads.
///
/// # Errors
/// The first one that holds what it must not.
pub fn check(body: &Map<String, Value>) -> Result<(), InvalidRequest> {
    FIELDS.iter().try_for_each(|field| match given(body, field.name) {
        Some(value) => field.check(value),
        None => Ok(()),
    })
}

/// Whether `form` is what the member `name` of `object`, called `param`, holds, if it holds anything.
///
/// # Errors
/// If it is not.
pub fn check_member(object: &Map<String, Value>, name: &str, form: Form, param: &str) -> Result<(), InvalidRequest> {
    match given(object, name) {
        Some(value) if !form.allows(value) => Err(InvalidRequest::new(param, format!("{param} must be {form}"))),
        _ => Ok(()),
    }
}

/// The fields of `body` without effect, by name. A name that is no plain identifier is not repeated: it would end up in a header.
pub fn ignored(body: &Map<String, Value>) -> Vec<String> {
    let plain = |name: &str| {
        (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let without_effect = |(name, value): &(&String, &Value)| match FIELDS.iter().find(|field| field.name == *name) {
        _ if value.is_null() => false,
        // The model is told, and nothing makes it obey.
        Some(Field { name: "response_format", .. }) => value.get("type").is_some_and(|kind| kind == "json_object"),
        Some(field) => field.effect == Ignored,
        None => plain(name),
    };
    body.iter().filter(without_effect).map(|(name, _)| name.clone()).take(32).collect()
}

/// The table for people.
pub fn reference_markdown() -> String {
    let line = |field: &Field| {
        format!("| `{}` | {} | {} | {} |\n", field.name, field.form, field.effect.as_str(), field.meaning)
    };
    let head = "| field | may hold | effect | meaning |\n|---|---|---|---|\n";
    head.to_owned() + &FIELDS.iter().map(line).collect::<String>()
}

// === impl Field ===

impl Field {
    fn check(&self, value: &Value) -> Result<(), InvalidRequest> {
        let name = self.name;
        if self.effect == Refused {
            let is_declined = value == &Value::Bool(false);
            let refusal = || InvalidRequest::unsupported(name, format!("{name} is not supported for this model"));
            return if is_declined { Ok(()) } else { Err(refusal()) };
        }
        let wrong = || InvalidRequest::new(name, format!("{name} must be {}", self.form));
        if self.form.allows(value) { Ok(()) } else { Err(wrong()) }
    }
}

// === impl Form ===

impl Form {
    fn allows(self, value: &Value) -> bool {
        let within = |value: &Value, min, max| value.as_f64().is_some_and(|number| (min..=max).contains(&number));
        let short = |text: &str, max| text.chars().nth(max).is_none();
        let is_pair =
            |(name, value): (&String, &Value)| short(name, 64) && value.as_str().is_some_and(|text| short(text, 512));
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number(min, max) => within(value, min, max),
            Self::Text => value.is_string(),
            Self::OneOf(names) => value.as_str().is_some_and(|name| names.contains(&name)),
            Self::Object => value.is_object(),
            Self::Texts => value.as_object().is_some_and(|texts| texts.len() <= 16 && texts.iter().all(is_pair)),
            Self::Biases => {
                value.as_object().is_some_and(|biases| biases.values().all(|bias| within(bias, -100.0, 100.0)))
            }
            Self::Read(_) => true,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("a boolean"),
            Self::Integer => f.write_str("an integer"),
            Self::Number(min, max) => write!(f, "a number between {min} and {max}"),
            Self::Text => f.write_str("a string"),
            Self::OneOf(names) => write!(f, "one of {}", names.join(", ")),
            Self::Object => f.write_str("an object"),
            Self::Texts => f.write_str("an object of up to 16 strings of up to 512 characters, with names of up to 64"),
            Self::Biases => f.write_str("an object of numbers between -100 and 100"),
            Self::Read(form) => f.write_str(form),
        }
    }
}

// === impl Effect ===

impl Effect {
    fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        }
    }
}
