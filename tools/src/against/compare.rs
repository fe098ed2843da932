//! What two answers have in common: their form, and their words.

use std::collections::BTreeMap;

use serde_json::Value;

/// An answer, streamed or not, without what is new each time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shape {
    status: u16,
    /// The code of the error, if it is one or ended with one.
    error: Option<String>,
    choices: BTreeMap<u64, Choice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Choice {
    finish_reason: Option<String>,
    /// The tools that are called, in order.
    tools: Vec<String>,
    /// What was said, and with which arguments tools are called.
    text: String,
}

/// How alike two answers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Likeness {
    /// In every word.
    Same,
    /// In their form, as two answers of a model are.
    OtherText,
    /// Not at all; this is what differs first.
    Different(String),
}

// === impl Shape ===

impl Shape {
    /// Of an answer with this status and body.
    pub(super) fn of(status: u16, body: &str) -> Self {
        let mut shape = Self { status, ..Self::default() };
        if let Ok(whole) = serde_json::from_str::<Value>(body) {
            shape.take(&whole, "message");
        } else {
            let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
            for event in data.filter_map(|data| serde_json::from_str::<Value>(data).ok()) {
                shape.take(&event, "delta");
            }
        }
        shape
    }

    /// How alike `now` is.
    pub(super) fn likeness(&self, now: &Self) -> Likeness {
        let differs = |what: &str, then: &dyn std::fmt::Debug, now: &dyn std::fmt::Debug| {
            Likeness::Different(format!("{what} was {then:?}, is {now:?}"))
        };
        if self.status != now.status {
            return differs("the status", &self.status, &now.status);
        }
        if self.error != now.error {
            return differs("the error", &self.error, &now.error);
        }
        if self.choices.len() != now.choices.len() {
            return differs("the number of choices", &self.choices.len(), &now.choices.len());
        }
        for ((place, then), now) in self.choices.iter().zip(now.choices.values()) {
            if then.finish_reason != now.finish_reason {
                return differs(
                    &format!("the finish_reason of choice {place}"),
                    &then.finish_reason,
                    &now.finish_reason,
                );
            }
            if then.tools != now.tools {
                return differs(&format!("the calls of choice {place}"), &then.tools, &now.tools);
            }
        }
        if self == now { Likeness::Same } else { Likeness::OtherText }
    }

    fn take(&mut self, object: &Value, part: &str) {
        if let Some(code) = object["error"]["code"].as_str() {
            self.error = Some(code.to_owned());
        }
        for choice in object["choices"].as_array().into_iter().flatten() {
            let known = self.choices.entry(choice["index"].as_u64().unwrap_or_default()).or_default();
            known.finish_reason = choice["finish_reason"].as_str().map(str::to_owned).or(known.finish_reason.take());
            known.text.push_str(choice[part]["content"].as_str().unwrap_or_default());
            for call in choice[part]["tool_calls"].as_array().into_iter().flatten() {
                known.tools.extend(call["function"]["name"].as_str().map(str::to_owned));
                known.text.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
            }
        }
    }
}

// === impl Likeness ===

impl Likeness {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::OtherText => "other text",
            Self::Different(_) => "different",
        }
    }

    /// What differs.
    pub(super) fn what(&self) -> Option<&str> {
        match self {
            Self::Different(what) => Some(what),
            Self::Same | Self::OtherText => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_like_the_same_answer_as_a_whole() {
        let whole = r#"{"choices":[{"index":0,"message":{"content":"a b"},"finish_reason":"stop"}]}"#;
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a \"}}]}\n\n\
                      data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\n\
                      data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let then = Shape::of(200, whole);
        assert_eq!(then.likeness(&Shape::of(200, stream)), Likeness::Same);
        assert_eq!(then.likeness(&Shape::of(200, &whole.replace("a b", "c"))), Likeness::OtherText);
        let Likeness::Different(what) = then.likeness(&Shape::of(200, &whole.replace("stop", "length"))) else {
            panic!()
        };
        assert_eq!(what, r#"the finish_reason of choice 0 was Some("stop"), is Some("length")"#);
        assert!(matches!(then.likeness(&Shape::of(500, "")), Likeness::Different(_)));
    }
}
