//! What the last user text of a request asks the stub to do.

use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The script language, as `--help` explains it.
pub const SCRIPTS: &str = r#"The last user text of a request is its script:

  say:<text>            stream <text> word by word, white space kept
  pieces:<n>:<text>     stream <text> in pieces of n characters
  slow:<n>:<ms>         stream n words, one every <ms> milliseconds
  reason                a reasoning summary, then a message
  tool:<name>:<json>    call a tool with these arguments
  tools2                call get_weather twice, for Oslo and for Rome
  calls:[{"name":…,"arguments":…},…]
                        call tools in parallel; arguments are a JSON value, or a string
                        that is sent as it is
  text_then_call:<text>:<name>:<json>
                        a message, then a call (no colon in <text>)
  coax:<name>:<json>    a message; the call once a developer message stands behind the script
  insist:<script>       HTTP 400 "Instructions are not valid" without Codex's own, else the script
  incomplete            half a message, cut at max_output_tokens
  filter                half a message, cut by the content filter
  failed                response.failed: context_length_exceeded
  cut                   half a message, then the stream ends without response.completed
  hang                  the head of the answer and nothing more
  err:<status>          an HTTP error; 429 comes with retry-after
  quote-auth            HTTP 400 whose message quotes the Authorization header
  anything else         stream "echo " and the text

In front of any of these:

  delay:<ms>:<script>   wait before the first event, or before the HTTP error
  usage:<input>:<cached>:<output>:<reasoning>:<script>
                        report these token counts (otherwise 11, 3, 7, 2)

A tool result after the last user text is answered with "got tool output " and its first
60 characters.

Examples:

  say:Hello there, friend.
  delay:500:tool:get_weather:{"city":"Oslo"}
  usage:100:40:20:5:calls:[{"name":"add","arguments":{"a":1,"b":2}},{"name":"now","arguments":{}}]
"#;

/// The script of a request that insists on Codex's own instructions and has none.
pub(crate) const REFUSE_INSTRUCTIONS: &str = "refuse-instructions";

/// More words than this in one `slow:` would only test patience.
const MAX_WORDS: u32 = 1_000_000;

/// A parsed script.
#[derive(Debug, PartialEq)]
pub(crate) struct Script {
    /// Time before the first event, or before the status of an HTTP error.
    pub(crate) delay: Duration,
    pub(crate) usage: Usage,
    pub(crate) answer: Answer,
}

/// Token counts that the answer reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

/// What comes after the delay.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Stream(Output),
    Error(StatusCode),
    QuoteAuthorization,
    RefuseInstructions,
}

/// A streamed answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// A message, calls, or both in this order.
    Items {
        text: Option<String>,
        calls: Vec<Call>,
    },
    Pieces {
        characters: usize,
        text: String,
    },
    Slow {
        words: u32,
        every: Duration,
    },
    Reasoning,
    /// Half a message, then `response.incomplete` for this reason.
    Incomplete(&'static str),
    Failed,
    Cut,
    Hang,
}

/// One tool call.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Sent verbatim; need not be JSON, so that a test can see what happens then.
    pub(crate) arguments: String,
}

/// A text that starts like a script and is none.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("model-stub: `{text}` is no script: expected {expected}")]
pub(crate) struct ScriptError {
    /// The beginning of the text.
    text: String,
    expected: &'static str,
}

// === impl Script ===

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, ScriptError> {
        let bad = |expected| ScriptError { text: text.chars().take(80).collect(), expected };
        if let Some(rest) = text.strip_prefix("delay:") {
            let (delay, rest) = parse_delay(rest).ok_or_else(|| bad("delay:<ms>:<script>"))?;
            return Ok(Self { delay, ..Self::parse(rest)? });
        }
        if let Some(rest) = text.strip_prefix("usage:") {
            let (usage, rest) =
                parse_usage(rest).ok_or_else(|| bad("usage:<input>:<cached>:<output>:<reasoning>:<script>"))?;
            return Ok(Self { usage, ..Self::parse(rest)? });
        }
        let answer = Answer::parse(text).map_err(bad)?;
        Ok(Self { delay: Duration::ZERO, usage: Usage::default(), answer })
    }
}

fn parse_delay(text: &str) -> Option<(Duration, &str)> {
    let (millis, rest) = text.split_once(':')?;
    Some((Duration::from_millis(millis.parse().ok()?), rest))
}

fn parse_usage(text: &str) -> Option<(Usage, &str)> {
    let mut parts = text.splitn(5, ':');
    let mut count = || parts.next()?.parse().ok();
    let usage = Usage { input: count()?, cached: count()?, output: count()?, reasoning: count()? };
    Some((usage, parts.next()?))
}

// === impl Usage ===

impl Default for Usage {
    /// The counts of the golden transcripts.
    fn default() -> Self {
        Self { input: 11, cached: 3, output: 7, reasoning: 2 }
    }
}

// === impl Answer ===

impl Answer {
    /// The error says what was expected instead.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == REFUSE_INSTRUCTIONS {
            return Ok(Self::RefuseInstructions);
        }
        if text == "quote-auth" {
            return Ok(Self::QuoteAuthorization);
        }
        match text.strip_prefix("err:") {
            Some(status) => parse_status(status).map(Self::Error).ok_or("err:<status> with a status from 400 to 599"),
            None => Output::parse(text).map(Self::Stream),
        }
    }
}

fn parse_status(text: &str) -> Option<StatusCode> {
    let status = StatusCode::from_u16(text.parse().ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

// === impl Output ===

impl Output {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let Some((verb, rest)) = text.split_once(':') else {
            return Ok(Self::parse_word(text));
        };
        match verb {
            "say" => Ok(Self::message(rest.into())),
            "pieces" => parse_pieces(rest).ok_or("pieces:<n>:<text> with n from 1"),
            "slow" => parse_slow(rest).ok_or("slow:<n>:<ms> with n up to 1000000"),
            "tool" => Call::parse(rest).map(|call| Self::calls(vec![call])).ok_or("tool:<name>:<json>"),
            "calls" => parse_calls(rest).map(Self::calls).ok_or(r#"calls:[{"name":…,"arguments":…},…]"#),
            "text_then_call" => parse_text_then_call(rest).ok_or("text_then_call:<text>:<name>:<json>"),
            _ => Ok(Self::message(format!("echo {text}"))),
        }
    }

    fn parse_word(text: &str) -> Self {
        match text {
            "reason" => Self::Reasoning,
            "incomplete" => Self::Incomplete("max_output_tokens"),
            "filter" => Self::Incomplete("content_filter"),
            "failed" => Self::Failed,
            "cut" => Self::Cut,
            "hang" => Self::Hang,
            "tools2" => Self::calls(["Oslo", "Rome"].map(Call::weather).into()),
            _ => Self::message(format!("echo {text}")),
        }
    }

    fn message(text: String) -> Self {
        Self::Items { text: Some(text), calls: Vec::new() }
    }

    fn calls(calls: Vec<Call>) -> Self {
        Self::Items { text: None, calls }
    }
}

fn parse_pieces(text: &str) -> Option<Output> {
    let (characters, text) = text.split_once(':')?;
    let characters = characters.parse().ok().filter(|characters| *characters > 0)?;
    Some(Output::Pieces { characters, text: text.into() })
}

fn parse_slow(text: &str) -> Option<Output> {
    let (words, millis) = text.split_once(':')?;
    let words = words.parse().ok().filter(|words| *words <= MAX_WORDS)?;
    Some(Output::Slow { words, every: Duration::from_millis(millis.parse().ok()?) })
}

fn parse_calls(text: &str) -> Option<Vec<Call>> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        name: String,
        #[serde(borrow)]
        arguments: &'a RawValue,
    }
    let entries: Vec<Entry<'_>> = serde_json::from_str(text).ok()?;
    let calls = entries.into_iter().map(|Entry { name, arguments }| {
        let arguments = serde_json::from_str(arguments.get()).unwrap_or_else(|_| arguments.get().into());
        Call { name, arguments }
    });
    Some(calls.collect())
}

fn parse_text_then_call(text: &str) -> Option<Output> {
    let (text, call) = text.split_once(':')?;
    Some(Output::Items { text: Some(text.into()), calls: vec![Call::parse(call)?] })
}

// === impl Call ===

impl Call {
    fn parse(text: &str) -> Option<Self> {
        let (name, arguments) = text.split_once(':')?;
        Some(Self { name: name.into(), arguments: arguments.into() })
    }

    fn weather(city: &str) -> Self {
        Self { name: "get_weather".into(), arguments: format!(r#"{{"city":"{city}"}}"#) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(text: &str) -> Output {
        match Script::parse(text).unwrap().answer {
            Answer::Stream(output) => output,
            other => panic!("{text} gave {other:?}"),
        }
    }

    #[test]
    fn prefixes_nest_in_any_order() {
        let script = Script::parse("delay:20:usage:1:2:3:4:delay:5:say:a: b").unwrap();
        assert_eq!(script.delay, Duration::from_millis(20));
        assert_eq!(script.usage, Usage { input: 1, cached: 2, output: 3, reasoning: 4 });
        assert_eq!(script.answer, Answer::Stream(Output::message("a: b".into())));
    }

    #[test]
    fn call_arguments_stay_verbatim() {
        let call = |name: &str, arguments: &str| Call { name: name.into(), arguments: arguments.into() };
        assert_eq!(output(r#"tool:f:{"a": ":"}"#), Output::calls(vec![call("f", r#"{"a": ":"}"#)]));
        assert_eq!(
            output(r#"calls:[{"name":"f","arguments":{"b" : 1}},{"name":"g","arguments":"not \"json"}]"#),
            Output::calls(vec![call("f", r#"{"b" : 1}"#), call("g", r#"not "json"#)])
        );
    }

    #[test]
    fn text_that_is_no_script_is_echoed() {
        for text in ["hi", "", "Note: say:hello", "saying", "reason with me"] {
            assert_eq!(output(text), Output::message(format!("echo {text}")));
        }
    }

    #[test]
    fn a_malformed_script_says_what_was_expected() {
        for text in [
            "err:teapot",
            "err:200",
            "slow:3",
            "pieces:0:a",
            "tool:f",
            "calls:{}",
            "delay:x:say:a",
            "usage:1:2:3:say:a",
        ] {
            let error = Script::parse(text).unwrap_err();
            assert_eq!(error.text, text);
            assert!(error.expected.starts_with(text.split(':').next().unwrap()), "{error}");
        }
    }
}
