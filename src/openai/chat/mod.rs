//! `/v1/chat/completions`: [`fields`] says what a client can ask for, [`request`] reads what it does, [`messages`] and [`tools`] turn it
//! into a worker's items and tools, [`answer`] follows each choice's turn by the [`rules`] of the request, [`stream`] and [`completion`]
//! write the two forms of the answer. What the worker cannot see to is done here: [`stop`] and [`limit`], together [`cut`],
//! [`tool_choice`], and the form of calls: [`output_mode`] and [`obsidian`].

pub mod answer;
pub mod completion;
pub mod cut;
pub mod fields;
pub mod limit;
pub mod messages;
pub mod obsidian;
pub mod output_mode;
pub mod request;
pub mod rules;
pub mod stop;
pub mod stream;
pub mod tool_choice;
pub mod tools;

use journal::Tokens;
use serde::Serialize;

/// What every chunk and the completion share. Comes from outside, so that the translators stay pure.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// `chatcmpl-…`.
    pub id: String,
    /// Unix time in seconds.
    pub created: i64,
    /// The model as the client wrote it.
    pub model: String,
}

/// OpenAI's `usage` object.
#[derive(Debug, Clone, Serialize)]
pub struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Clone, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
}

#[derive(Debug, Clone, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self {
            prompt_tokens: tokens.input,
            completion_tokens: tokens.output,
            total_tokens: tokens.input + tokens.output,
            prompt_tokens_details: PromptDetails { cached_tokens: tokens.cached },
            completion_tokens_details: CompletionDetails { reasoning_tokens: tokens.reasoning },
        }
    }
}
