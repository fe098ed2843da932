//! What a reader must bear: lines that are no frames, and frames that concern nobody.

use serde_json::{Value, json};

use crate::frames::notification;

/// Lines that are no frames, line ends included.
pub(crate) const NOISE: [&[u8]; 10] = [
    b"thread 'tokio-runtime-worker' panicked at nowhere\n",
    b"\n",
    b"\r\n",
    b"a line of another world\r\n",
    b"{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\n",
    b"\xff\xfe are no UTF-8\n",
    b"\0\0\n",
    b"null\n",
    b"[]\n",
    b"{}\n",
];

/// Frames that must not change the turn `turn` of `thread`.
pub(crate) fn strays(thread: &str, turn: &str) -> Vec<Value> {
    let delta = |thread: &str, turn: &str| {
        let params = json!({ "threadId": thread, "turnId": turn, "itemId": "msg_1", "delta": "WRONG" });
        notification("item/agentMessage/delta", &params)
    };
    let end = |thread: &str, turn: &str| {
        let turn = json!({ "id": turn, "items": [], "status": "completed", "error": null });
        notification("turn/completed", &json!({ "threadId": thread, "turn": turn }))
    };
    vec![
        notification("stub/unknown", &json!({ "threadId": thread, "turnId": turn, "delta": "WRONG" })),
        notification("stub/unknown", &Value::Null),
        json!({ "id": 4_000_000_000_u64, "result": {} }),
        json!({ "id": 4_000_000_001_u64, "error": { "code": -1, "message": "WRONG" } }),
        json!({ "id": "of another kind", "result": {} }),
        json!({ "id": 1, "result": { "userAgent": "answered already" } }),
        delta("nobody", turn),
        delta(thread, "another turn"),
        delta(thread, "auto-compact-0"),
        end("nobody", turn),
        end(thread, "another turn"),
    ]
}
