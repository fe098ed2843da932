//! The frames of Codex 0.169.0, in the shapes of `tests/transcripts`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{MODEL, VERSION};

/// The turn id under which injected items echo back.
const ECHO_TURN: &str = "auto-compact-0";

/// The answer to the request `id`.
pub(crate) fn response(id: &Value, result: &Value) -> Value {
    json!({ "id": id, "result": result })
}

/// The refusal of the request `id`.
pub(crate) fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({ "id": id, "error": { "code": code, "message": message } })
}

/// The notification `method`.
pub(crate) fn notification(method: &str, params: &Value) -> Value {
    json!({ "method": method, "params": params, "emittedAtMs": now_ms() })
}

/// The result of `initialize`.
pub(crate) fn initialized(client: &str) -> Value {
    json!({
        "userAgent": format!("{client}/{VERSION} (app-server-stub)"),
        "codexHome": std::env::var("CODEX_HOME").unwrap_or_default(),
        "platformFamily": "unix",
        "platformOs": "linux",
    })
}

/// What Codex says after the handshake without being asked.
pub(crate) fn remote_control_status() -> Value {
    let params = json!({ "status": "disabled", "serverName": "stub", "installationId": "app-server-stub", "environmentId": null });
    notification("remoteControl/status/changed", &params)
}

/// The result of `model/list`.
pub(crate) fn models() -> Value {
    let model = json!({
        "id": MODEL, "model": MODEL, "displayName": MODEL, "description": "A stub.", "hidden": false,
        "supportedReasoningEfforts": [], "defaultReasoningEffort": "medium", "inputModalities": ["text", "image"],
        "isDefault": true,
    });
    json!({ "data": [model], "nextCursor": null })
}

/// The thread `id` as `thread/start` and `thread/started` describe it.
pub(crate) fn thread(id: &str, model: &Value) -> Value {
    let now = now_ms() / 1000;
    json!({
        "id": id, "environments": [], "sessionId": id, "preview": "", "ephemeral": true, "modelProvider": "proxy",
        "model": model, "reasoningEffort": null, "createdAt": now, "updatedAt": now, "status": { "type": "idle" },
        "path": null, "cliVersion": VERSION, "source": "vscode", "turns": [],
    })
}

/// `thread/status/changed` to `kind`.
pub(crate) fn thread_status(thread: &str, kind: &str) -> Value {
    let status = if kind == "active" { json!({ "type": kind, "activeFlags": [] }) } else { json!({ "type": kind }) };
    notification("thread/status/changed", &json!({ "threadId": thread, "status": status }))
}

/// The echo of an injected item, which is the `number`th.
pub(crate) fn echo(thread: &str, item: &Value, number: usize) -> Value {
    let mut item = item.clone();
    item["id"] = json!(format!("msg_injected_{number}"));
    item["internal_chat_message_metadata_passthrough"] = json!({ "turn_id": ECHO_TURN });
    notification("rawResponseItem/completed", &json!({ "threadId": thread, "turnId": ECHO_TURN, "item": item }))
}

/// A turn as results and notifications describe it.
pub(crate) fn turn(id: &str, status: &str, items: &[Value]) -> Value {
    let now = now_ms() / 1000;
    let completed = (status != "inProgress").then_some(now);
    json!({
        "id": id, "rootTurnId": id, "items": items, "itemsView": if items.is_empty() { "notLoaded" } else { "summary" },
        "status": status, "error": null, "startedAt": now, "completedAt": completed, "durationMs": null,
    })
}

/// `turn/completed` after it.
pub(crate) fn turn_completed(thread: &str, id: &str, status: &str, items: &[Value]) -> Value {
    notification("turn/completed", &json!({ "threadId": thread, "turn": turn(id, status, items) }))
}

/// The item of an answer.
pub(crate) fn agent_message(text: &str) -> Value {
    json!({
        "type": "agentMessage", "moderation": null, "id": "msg_1", "text": text, "phase": null, "memoryCitation": null,
    })
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
