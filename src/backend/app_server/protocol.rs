//! The part of the app-server's protocol that this service speaks, as types.
//!
//! Names and shapes are those of Codex 0.169.0 (`codex app-server generate-json-schema --experimental`); what each call does
//! in practice was recorded in `tests/transcripts`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Parameters of `initialize`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialize {
    client_info: ClientInfo,
    capabilities: Capabilities,
}

#[derive(Debug, Serialize)]
struct ClientInfo {
    name: &'static str,
    title: Option<&'static str>,
    version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    experimental_api: bool,
}

/// Result of `initialize`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialized {
    /// `NAME/VERSION (…)` of the worker.
    pub user_agent: String,
}

/// Parameters of `thread/start`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadStart {
    /// Not written to the worker's disk.
    pub ephemeral: bool,
    /// The upstream model.
    pub model: String,
    /// `never`: nothing is ever asked of us.
    pub approval_policy: &'static str,
    /// The sandbox of tools that this configuration does not have.
    pub sandbox: String,
    /// Empty: no file and no shell tool.
    pub environments: [(); 0],
    /// Adds `rawResponseItem/completed` and `rawResponse/completed`.
    pub experimental_raw_events: bool,
    /// Empty: no prompt at all. Absent: Codex's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_instructions: Option<Arc<str>>,
    /// The client's tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dynamic_tools: Vec<Value>,
}

/// Result of `thread/start`, as far as it is used.
#[derive(Debug, Deserialize)]
pub struct ThreadStarted {
    /// The new thread.
    pub thread: ThreadId,
}

/// A thread, by its id.
#[derive(Debug, Deserialize)]
pub struct ThreadId {
    /// The id that every frame of the thread carries.
    pub id: String,
}

/// Parameters of `thread/inject_items`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InjectItems<'a> {
    /// The thread.
    pub thread_id: &'a str,
    /// Responses API items, appended as they are.
    pub items: &'a [Value],
}

/// Parameters of `turn/start`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnStart<'a> {
    /// The thread.
    pub thread_id: &'a str,
    /// Empty: the injected items are the whole input.
    pub input: [(); 0],
    /// Reasoning effort; the model's own default without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<&'a str>,
    /// JSON Schema of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<&'a Value>,
}

/// Result of `turn/start`, as far as it is used.
#[derive(Debug, Deserialize)]
pub struct TurnStarted {
    /// The new turn.
    pub turn: TurnId,
}

/// A turn, by its id.
#[derive(Debug, Deserialize)]
pub struct TurnId {
    /// The id that every frame of the turn carries.
    pub id: String,
}

/// Parameters of `turn/interrupt`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnInterrupt<'a> {
    /// The thread.
    pub thread_id: &'a str,
    /// The turn to end.
    pub turn_id: &'a str,
}

/// Parameters of `model/list`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelList {
    /// Models that Codex's own picker does not show work as well.
    pub include_hidden: bool,
    /// Where the last page ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Result of `model/list`, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPage {
    /// The models of this page.
    pub data: Vec<Model>,
    /// Where to go on.
    pub next_cursor: Option<String>,
}

/// One model of the worker's catalog.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// The name to ask for it.
    pub model: String,
}

/// Where a frame belongs, read from its parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// The thread, where the frame names it directly.
    pub thread_id: Option<String>,
    /// The thread, where the frame describes it (`thread/started`).
    pub thread: Option<ThreadId>,
    /// The turn.
    pub turn_id: Option<String>,
    /// The turn, where the frame describes it (`turn/started`, `turn/completed`).
    pub turn: Option<TurnId>,
}

// === impl Initialize ===

impl Default for Initialize {
    fn default() -> Self {
        Self {
            client_info: ClientInfo { name: "codex-proxy", title: None, version: env!("CARGO_PKG_VERSION") },
            capabilities: Capabilities { experimental_api: true },
        }
    }
}

// === impl Address ===

impl Address {
    /// The thread's id, wherever it stands.
    pub fn thread(&self) -> Option<&str> {
        self.thread_id.as_deref().or(self.thread.as_ref().map(|thread| thread.id.as_str()))
    }

    /// The turn's id, wherever it stands.
    pub fn turn(&self) -> Option<&str> {
        self.turn_id.as_deref().or(self.turn.as_ref().map(|turn| turn.id.as_str()))
    }
}
