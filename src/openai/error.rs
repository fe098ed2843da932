//! The error body of OpenAI's API.

use serde::Serialize;

/// A request that cannot be served as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// What is wrong, for a person.
    pub message: String,
    /// The field, such as `messages[0].role`.
    pub param: Option<String>,
    /// Which kind of mistake it is.
    pub fault: Fault,
}

/// Kinds of mistakes in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not have the form that it must have.
    Form,
    /// It names no model.
    NoModel,
    /// It asks for something that cannot be had here.
    Unsupported,
}

/// `{"error":{…}}`.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorBody<'a> {
    /// The error.
    pub error: ErrorObject<'a>,
}

/// The object inside.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorObject<'a> {
    /// What is wrong, for a person.
    pub message: &'a str,
    /// The class, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The machine-readable code.
    pub code: &'a str,
    /// What it is about; left out where contract and SDKs do not expect it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<Param<'a>>,
    /// Whether the same request can succeed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
}

/// What an error is about.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub enum Param<'a> {
    /// The body as a whole: `null`.
    Body,
    /// A field of it.
    Field(&'a str),
}

/// The longest message, in bytes. Messages quote what the client sent, which can be as long as a body.
const MESSAGE_MAX: usize = 500;

/// `text`, or its first `max` bytes if it is longer.
pub fn shortened(mut text: String, max: usize) -> String {
    if text.len() > max {
        let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

// === impl InvalidRequest ===

impl InvalidRequest {
    /// `message` about the field `param`.
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: shortened(message.into(), MESSAGE_MAX), param: Some(param.into()), fault: Fault::Form }
    }

    /// A field whose effect cannot be had here, where leaving it out would give an answer of the wrong shape.
    pub fn unsupported(param: &str, message: impl Into<String>) -> Self {
        Self { fault: Fault::Unsupported, ..Self::new(param, message) }
    }
}
