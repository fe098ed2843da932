//! One turn, played as its script says.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::frames::{self, notification};
use crate::garbage;
use crate::output::{self, Output};
use crate::script::Script;
use crate::server::Questions;

/// A turn that was started.
pub(crate) struct Turn {
    pub(crate) thread: String,
    pub(crate) id: String,
    pub(crate) output: Output,
    /// Where it asks the client.
    pub(crate) questions: Arc<Questions>,
}

/// What most turns say.
const ANSWER: &str = "A normal answer.";

/// Time between the words of an answer without end.
const PACE: Duration = Duration::from_millis(10);

// === impl Turn ===

impl Turn {
    /// Plays `script` from `turn/started` to `turn/completed`, as far as it gets.
    pub(crate) async fn play(mut self, script: Script) {
        if script == Script::Split {
            self.output = Output::split();
        }
        self.output.frame(&frames::thread_status(&self.thread, "active"));
        let turn = frames::turn(&self.id, "inProgress", &[]);
        self.notify("turn/started", json!({ "turn": turn }));
        match script {
            Script::Say(text) => self.answer(&text).await,
            Script::Burst(words) => self.answer(&(0..words).map(|word| format!("w{word} ")).collect::<String>()).await,
            Script::Garbage => {
                self.garbage();
                self.begin_message();
                for word in words(ANSWER) {
                    self.delta(word).await;
                    self.garbage();
                }
                self.end_message(ANSWER);
                self.garbage();
                self.complete(ANSWER);
            }
            Script::Long(bytes) => {
                self.long_line(bytes);
                self.answer(ANSWER).await;
            }
            Script::ServerRequest => {
                let params = json!({
                    "threadId": self.thread, "turnId": self.id, "itemId": "call_1", "command": "true",
                });
                let reply = self.questions.ask(self.output, "item/commandExecution/requestApproval", &params).await;
                let error = &reply["error"];
                self.answer(&format!("refused: {} {}", error["code"], error["message"].as_str().unwrap_or_default()))
                    .await;
            }
            Script::WillRetry => {
                let error = json!({
                    "message": "Reconnecting... 1/1", "codexErrorInfo": { "responseStreamDisconnected": { "httpStatusCode": null } },
                    "additionalDetails": "stream disconnected before completion",
                });
                self.notify("error", json!({ "error": error, "willRetry": true }));
                self.answer(ANSWER).await;
            }
            Script::DuplicateUsage => {
                self.message(ANSWER).await;
                self.usage();
                self.complete(ANSWER);
            }
            Script::Exit { code, after } => {
                self.begin_message();
                for word in 0..after {
                    self.delta(&format!("w{word} ")).await;
                }
                std::process::exit(code);
            }
            Script::HangInterrupt => {
                self.begin_message();
                for word in 0_u64.. {
                    self.delta(&format!("w{word} ")).await;
                    tokio::time::sleep(PACE).await;
                }
            }
            Script::Compaction => {
                let item = json!({ "type": "contextCompaction", "id": "compaction_1" });
                self.notify("item/started", json!({ "item": item }));
                tokio::time::sleep(PACE).await;
                self.answer(ANSWER).await;
            }
            Script::Interrupted => {
                self.begin_message();
                self.delta("half ").await;
                self.interrupted();
            }
            Script::CloseStdout => {
                self.begin_message();
                self.delta("half ").await;
                if let Err(error) = output::close() {
                    eprintln!("app-server-stub: cannot close stdout: {error}");
                }
            }
            Script::Split | Script::Silent | Script::RpcError { .. } => self.answer(ANSWER).await,
        }
    }

    /// Ends it as interrupted.
    pub(crate) fn interrupted(&self) {
        let text = "<turn_aborted>\nThe user interrupted the previous turn on purpose.\n</turn_aborted>";
        let content = json!([{ "type": "input_text", "text": text }]);
        let item = json!({ "type": "message", "id": "msg_aborted", "role": "user", "content": content });
        self.notify("rawResponseItem/completed", json!({ "item": item }));
        self.output.frame(&frames::thread_status(&self.thread, "idle"));
        self.output.frame(&frames::turn_completed(&self.thread, &self.id, "interrupted", &[]));
    }

    async fn answer(&self, text: &str) {
        self.message(text).await;
        self.complete(text);
    }

    /// The answer's message, and what Codex reports with it.
    async fn message(&self, text: &str) {
        self.begin_message();
        for word in words(text) {
            self.delta(word).await;
        }
        self.end_message(text);
    }

    fn begin_message(&self) {
        self.notify("item/started", json!({ "item": frames::agent_message("") }));
    }

    async fn delta(&self, text: &str) {
        self.notify("item/agentMessage/delta", json!({ "itemId": "msg_1", "delta": text }));
        // Other turns have a say, too.
        tokio::task::yield_now().await;
    }

    fn end_message(&self, text: &str) {
        self.notify("item/completed", json!({ "item": frames::agent_message(text) }));
        let content = json!([{ "type": "output_text", "text": text }]);
        let item = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": content });
        self.notify("rawResponseItem/completed", json!({ "item": item }));
        self.usage();
    }

    fn usage(&self) {
        let usage = json!({
            "totalTokens": 18, "inputTokens": 11, "cachedInputTokens": 3, "cacheWriteInputTokens": 0, "outputTokens": 7,
            "reasoningOutputTokens": 2,
        });
        let response = format!("resp_{}", self.id);
        self.notify("rawResponse/completed", json!({ "responseId": response, "usage": usage, "usageMetadata": null }));
        let both = json!({ "total": usage, "last": usage, "modelContextWindow": 258_400 });
        self.notify("thread/tokenUsage/updated", json!({ "tokenUsage": both }));
    }

    fn complete(&self, text: &str) {
        let limits = json!({ "rateLimits": { "limitId": "codex", "primary": null, "secondary": null } });
        self.output.frame(&notification("account/rateLimits/updated", &limits));
        self.output.frame(&frames::thread_status(&self.thread, "idle"));
        let items = [frames::agent_message(text)];
        self.output.frame(&frames::turn_completed(&self.thread, &self.id, "completed", &items));
    }

    fn garbage(&self) {
        for line in garbage::NOISE {
            self.output.bytes(line);
        }
        for frame in garbage::strays(&self.thread, &self.id) {
            self.output.frame(&frame);
        }
    }

    /// A notification of this turn in a line of `bytes` bytes without its line end, or a little more if that is too few.
    fn long_line(&self, bytes: usize) {
        let frame = |padding: &str| {
            let params = json!({ "threadId": self.thread, "turnId": self.id, "padding": padding });
            json!({ "method": "stub/long", "params": params })
        };
        let rest = bytes.saturating_sub(frame("").to_string().len());
        self.output.frame(&frame(&"x".repeat(rest)));
    }

    /// The notification `method` of this turn.
    fn notify(&self, method: &str, mut params: Value) {
        params["threadId"] = json!(self.thread);
        // Those that describe the turn do not name it.
        if params.get("turn").is_none() {
            params["turnId"] = json!(self.id);
        }
        self.output.frame(&notification(method, &params));
    }
}

/// Words with the white space after them; together they are the text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}
