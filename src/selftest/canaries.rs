//! Made-up secrets of every kind, and the forms in which they are planted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The cases of the scrubber's tables: a line a kind, in whose positive texts the secret stands between `⟦` and `⟧`.
const CASES: &[&str] = &[
    include_str!("../../scrubbers/tests/cases/credentials.jsonl"),
    include_str!("../../scrubbers/tests/cases/pii.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-ai.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-cloud.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-code.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-generic.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-messaging.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-observability.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-payment.jsonl"),
    include_str!("../../scrubbers/tests/cases/secrets-saas.jsonl"),
];

/// The shortest base64 or hex that the scrubber looks into.
const ENCODED_MIN: usize = 16;

/// One made-up secret in its surroundings.
#[derive(Debug)]
pub(super) struct Canary {
    pub(super) kind: String,
    pub(super) before: String,
    pub(super) secret: String,
    pub(super) after: String,
}

/// How a text can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Raw,
    Json,
    Unicode,
    Percent,
    Base64,
    Hex,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    positive: Vec<String>,
}

/// One of every kind.
pub(super) fn all() -> impl Iterator<Item = Canary> {
    let lines = CASES.iter().flat_map(|cases| cases.lines());
    lines.map(|line| {
        let case: Case = serde_json::from_str(line).expect("a test reads every case");
        let (before, rest) = case.positive[0].split_once('⟦').expect("a test reads every case");
        let (secret, after) = rest.split_once('⟧').expect("a test reads every case");
        let (before, secret, after) = (before.to_owned(), secret.to_owned(), after.to_owned());
        Canary { kind: case.kind, before, secret, after }
    })
}

// === impl Canary ===

impl Canary {
    /// The whole text in a form; `None` if it is too short for anybody to look into that.
    pub(super) fn planted(&self, form: Form) -> Option<String> {
        let text = form.of(&format!("{}{}{}", self.before, self.secret, self.after));
        let is_short = matches!(form, Form::Base64 | Form::Hex) && text.trim_end_matches('=').len() < ENCODED_MIN;
        (!is_short).then_some(text)
    }
}

// === impl Form ===

impl Form {
    pub(super) const ALL: [Self; 6] = [Self::Raw, Self::Json, Self::Unicode, Self::Percent, Self::Base64, Self::Hex];

    /// `text` in this form.
    pub(super) fn of(self, text: &str) -> String {
        match self {
            Self::Raw => text.to_owned(),
            Self::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                quoted[1..quoted.len() - 1].replace('/', "\\/")
            }
            Self::Unicode => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
            Self::Percent => text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            Self::Base64 => STANDARD.encode(text),
            Self::Hex => hex::encode(text),
        }
    }

    /// What every text has in it that holds `run` in this form, whatever surrounds it.
    pub(super) fn traces(self, run: &str) -> Vec<String> {
        if self != Self::Base64 {
            return vec![self.of(run)];
        }
        (0..3)
            .map(|offset| {
                let bytes = [&[0; 2][..offset], run.as_bytes()].concat();
                let encoded = STANDARD.encode(&bytes);
                // The characters that hold no bit of a neighbour.
                encoded[(offset * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
            })
            .collect()
    }
}
