//! Where the pieces of streamed texts stand in an event, and which streams it ends.

use std::borrow::Cow;
use std::ops::Range;

use journal::EventBody;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an event has to do with streams.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    /// The pieces in it, in order.
    pub(super) deltas: Vec<Delta<'a>>,
    pub(super) ends: Vec<End<'a>>,
}

/// A piece of a streamed text.
#[derive(Debug)]
pub(super) struct Delta<'a> {
    pub(super) stream: StreamId<'a>,
    /// Where it stands in the frame's or the chunk's bytes: the content of a JSON string, between the quotes.
    pub(super) range: Range<usize>,
    pub(super) text: Cow<'a, str>,
}

/// Names one stream of text within a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StreamId<'a> {
    /// `params.delta` of a worker's notifications about one item.
    Item {
        worker: Cow<'a, str>,
        thread: Cow<'a, str>,
        item: Cow<'a, str>,
        method: Cow<'a, str>,
        /// An item may have several summaries and texts.
        part: Option<u64>,
    },
    /// A field of one choice of the answer.
    Choice {
        index: u64,
        field: &'static str,
        /// The tool call it belongs to.
        call: u64,
    },
    /// `delta` of the events of one output item of the answer.
    Output { kind: Cow<'a, str>, item: Cow<'a, str>, output: u64, part: Option<u64> },
}

/// What ends with an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End<'a> {
    Item {
        thread: Cow<'a, str>,
        item: Cow<'a, str>,
    },
    Turn {
        thread: Cow<'a, str>,
    },
    Worker {
        worker: &'a str,
    },
    Choice {
        index: u64,
    },
    /// The answer, of which there is one in a request.
    Answer,
}

#[derive(Deserialize)]
struct Notification<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: &'a RawValue,
}

/// What ends the texts of a `codex proto` process: they come again, whole.
const PROTO_ENDS: [&str; 3] = [r#""type":"agent_message""#, r#""type":"agent_reasoning""#, r#""type":"task_complete""#];

/// A line of a `codex proto` process.
#[derive(Deserialize)]
struct ProtoLine<'a> {
    #[serde(borrow)]
    msg: ProtoMessage<'a>,
}

#[derive(Deserialize)]
struct ProtoMessage<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    delta: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaParams<'a> {
    #[serde(borrow, default)]
    thread_id: Cow<'a, str>,
    #[serde(borrow)]
    item_id: Cow<'a, str>,
    summary_index: Option<u64>,
    content_index: Option<u64>,
    #[serde(borrow)]
    delta: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndParams<'a> {
    #[serde(borrow, default)]
    thread_id: Cow<'a, str>,
    #[serde(borrow)]
    item: Option<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// One event of an answer: a chunk of choices, or an event of the Responses API.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    item_id: Cow<'a, str>,
    #[serde(default)]
    output_index: u64,
    content_index: Option<u64>,
    summary_index: Option<u64>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<ChoiceDelta<'a>>,
    finish_reason: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct ChoiceDelta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Vec<CallDelta<'a>>,
}

#[derive(Deserialize)]
struct CallDelta<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    function: Option<FunctionDelta<'a>>,
}

#[derive(Deserialize)]
struct FunctionDelta<'a> {
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

// === impl Content ===

impl<'a> Content<'a> {
    /// What `body` has to do with streams. Most events are passed over without being parsed; what ends streams is looked for
    /// only if there are `open` ones.
    pub(super) fn of(body: &'a EventBody, open: bool) -> Self {
        let mut content = Self::default();
        match body {
            EventBody::RpcReceived(frame) => content.read_frame(&frame.worker, &frame.frame.0, open),
            EventBody::ResponseChunk { bytes } => content.read_chunk(bytes),
            EventBody::WorkerExited { worker, .. } => content.ends.push(End::Worker { worker }),
            _ => {}
        }
        content
    }

    fn read_frame(&mut self, worker: &'a str, frame: &'a [u8], open: bool) {
        let Ok(frame) = str::from_utf8(frame) else { return };
        if frame.contains(r#""delta""#) {
            self.deltas.extend(item_delta(worker, frame));
        } else if open && frame.contains("/completed\"") {
            self.ends.extend(end_of_item_or_turn(frame));
        } else if open && PROTO_ENDS.iter().any(|kind| frame.contains(kind)) {
            self.ends.push(End::Worker { worker });
        }
    }

    fn read_chunk(&mut self, bytes: &'a str) {
        if !bytes.starts_with("data:") && !bytes.starts_with("event:") {
            return;
        }
        for data in bytes.lines().filter_map(|line| line.strip_prefix("data:")) {
            if data.trim_ascii() == "[DONE]" {
                self.ends.push(End::Answer);
            } else if let Ok(chunk) = serde_json::from_str(data) {
                self.read_data(bytes, chunk);
            }
        }
    }

    fn read_data(&mut self, bytes: &'a str, chunk: Chunk<'a>) {
        let Chunk { choices, kind, item_id: item, output_index: output, content_index, summary_index, delta } = chunk;
        let stream = StreamId::Output { kind, item, output, part: content_index.or(summary_index) };
        self.deltas.extend(Delta::new(bytes, stream, delta));
        for choice in choices {
            let Choice { index, text, delta, finish_reason } = choice;
            let mut add = |field, call, value| {
                self.deltas.extend(Delta::new(bytes, StreamId::Choice { index, field, call }, value));
            };
            add("text", 0, text);
            if let Some(delta) = delta {
                add("content", 0, delta.content);
                add("reasoning_content", 0, delta.reasoning_content);
                add("refusal", 0, delta.refusal);
                for call in delta.tool_calls {
                    add("arguments", call.index, call.function.and_then(|function| function.arguments));
                }
            }
            if finish_reason.is_some() {
                self.ends.push(End::Choice { index });
            }
        }
        self.deltas.sort_unstable_by_key(|delta| delta.range.start);
    }
}

fn item_delta<'a>(worker: &'a str, frame: &'a str) -> Option<Delta<'a>> {
    let Ok(Notification { method, params }) = serde_json::from_str(frame) else { return proto_delta(worker, frame) };
    let DeltaParams { thread_id: thread, item_id: item, summary_index, content_index, delta } =
        serde_json::from_str(params.get()).ok()?;
    let part = summary_index.or(content_index);
    Delta::new(frame, StreamId::Item { worker: worker.into(), thread, item, method, part }, Some(delta))
}

/// A process of `codex proto` runs one turn and writes one text at a time.
fn proto_delta<'a>(worker: &'a str, frame: &'a str) -> Option<Delta<'a>> {
    let ProtoLine { msg: ProtoMessage { kind: method, delta } } = serde_json::from_str(frame).ok()?;
    let (thread, item) = (Cow::Borrowed(""), Cow::Borrowed(""));
    Delta::new(frame, StreamId::Item { worker: worker.into(), thread, item, method, part: None }, Some(delta))
}

fn end_of_item_or_turn(frame: &str) -> Option<End<'_>> {
    let Notification { method, params } = serde_json::from_str(frame).ok()?;
    let params: EndParams<'_> = serde_json::from_str(params.get()).ok()?;
    match &*method {
        "item/completed" => Some(End::Item { thread: params.thread_id, item: params.item?.id }),
        "turn/completed" => Some(End::Turn { thread: params.thread_id }),
        _ => None,
    }
}

// === impl Delta ===

impl<'a> Delta<'a> {
    /// The piece that `value`, which is a part of `bytes`, is; `None` if it is no string.
    fn new(bytes: &str, stream: StreamId<'a>, value: Option<&'a RawValue>) -> Option<Self> {
        let json = value?.get();
        let content = json.strip_prefix('"')?.strip_suffix('"')?;
        let text =
            if content.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned)? } else { content.into() };
        let start = content.as_ptr().addr() - bytes.as_ptr().addr();
        Some(Self { stream, range: start..start + content.len(), text })
    }
}

// === impl StreamId ===

impl StreamId<'_> {
    pub(super) fn into_owned(self) -> StreamId<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Item { worker, thread, item, method, part } => StreamId::Item {
                worker: owned(worker),
                thread: owned(thread),
                item: owned(item),
                method: owned(method),
                part,
            },
            Self::Choice { index, field, call } => StreamId::Choice { index, field, call },
            Self::Output { kind, item, output, part } => {
                StreamId::Output { kind: owned(kind), item: owned(item), output, part }
            }
        }
    }

    /// Whether it comes from a worker, and may go on although its request is finished.
    pub(super) fn is_of_worker(&self) -> bool {
        matches!(self, Self::Item { .. })
    }
}

// === impl End ===

impl End<'_> {
    /// Whether it is the end of `stream`.
    pub(super) fn ends(&self, stream: &StreamId<'_>) -> bool {
        match (self, stream) {
            (Self::Item { thread: its, item: id }, StreamId::Item { thread, item, .. }) => its == thread && id == item,
            (Self::Turn { thread: its }, StreamId::Item { thread, .. }) => its == thread,
            (Self::Worker { worker: its }, StreamId::Item { worker, .. }) => its == worker,
            (Self::Choice { index: its }, StreamId::Choice { index, .. }) => its == index,
            (Self::Answer, StreamId::Choice { .. } | StreamId::Output { .. }) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use journal::{Frame, Payload};

    use super::*;

    fn frame(json: &str) -> EventBody {
        EventBody::RpcReceived(Frame { worker: "w1".to_owned(), frame: Payload(json.to_owned().into()) })
    }

    fn chunk(bytes: &str) -> EventBody {
        EventBody::ResponseChunk { bytes: bytes.to_owned() }
    }

    /// The texts in an event, and how they stand in its bytes.
    fn texts(body: &EventBody) -> Vec<(String, String)> {
        let bytes = match body {
            EventBody::RpcReceived(frame) => str::from_utf8(&frame.frame.0).unwrap(),
            EventBody::ResponseChunk { bytes } => bytes,
            _ => panic!("{body:?}"),
        };
        let deltas = Content::of(body, true).deltas.into_iter();
        deltas.map(|delta| (delta.text.into_owned(), bytes[delta.range].to_owned())).collect()
    }

    #[test]
    fn the_delta_of_a_proto_process_is_found_and_the_whole_text_ends_it() {
        let body = frame(r#"{"id":"1","msg":{"type":"agent_message_delta","delta":"a\n"}}"#);
        assert_eq!(texts(&body), [("a\n".to_owned(), r"a\n".to_owned())]);
        let whole = frame(r#"{"id":"1","msg":{"type":"agent_message","message":"a\n"}}"#);
        let content = Content::of(&whole, true);
        assert_eq!(content.ends, [End::Worker { worker: "w1" }]);
        assert!(content.ends[0].ends(&Content::of(&body, true).deltas[0].stream));
    }

    #[test]
    fn the_delta_of_any_item_is_found() {
        let body = frame(
            r#"{"method":"item/reasoning/textDelta", "params":{"delta":"a\n\u00e9","contentIndex":2,"itemId":"i","threadId":"t"}}"#,
        );
        assert_eq!(texts(&body), [("a\né".to_owned(), r"a\n\u00e9".to_owned())]);
        let content = Content::of(&body, false);
        assert!(matches!(&content.deltas[0].stream, StreamId::Item { part: Some(2), item, .. } if item == "i"));
        for other in [
            r#"{"method":"m","params":{"itemId":"i","delta":7}}"#,
            r#"{"method":"m","params":{"delta":"no item"}}"#,
            r#"{"id":1,"result":{"itemId":"i","delta":"x"}}"#,
            r#"{"method":"m","params":{"itemId":"i","delta":"cut"#,
            "\"delta\"",
        ] {
            assert_eq!(texts(&frame(other)), [], "{other}");
        }
    }

    #[test]
    fn the_deltas_of_an_answer_are_found() {
        let body = chunk(concat!(
            r#"data: {"choices":[{"index":1,"delta":{"content":"c","refusal":null,"tool_calls":[{"index":3,"function":"#,
            r#"{"arguments":"{\"a\""}}]},"finish_reason":null},{"index":0,"text":"t"}]}"#,
            "\n\n"
        ));
        let expected = [("c", "c"), ("{\"a\"", "{\\\"a\\\""), ("t", "t")];
        assert_eq!(texts(&body), expected.map(|(text, json)| (text.to_owned(), json.to_owned())));
        let content = Content::of(&body, false);
        assert_eq!(content.deltas[1].stream, StreamId::Choice { index: 1, field: "arguments", call: 3 });
        assert_eq!(content.ends, []);
        let body = chunk(
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"delta\":\"d\"}\n\n",
        );
        assert_eq!(texts(&body), [("d".to_owned(), "d".to_owned())]);
        for other in [
            "",
            ": keepalive\n\n",
            "{\"choices\":[{\"delta\":{\"content\":\"c\"}}]}",
            "data: [DONE]\n\n",
            "data: 1\n\n",
        ] {
            assert_eq!(texts(&chunk(other)), [], "{other}");
        }
    }

    #[test]
    fn every_end_ends_its_own() {
        let item = |thread: &'static str, item: &'static str| StreamId::Item {
            worker: "w1".into(),
            thread: thread.into(),
            item: item.into(),
            method: "m".into(),
            part: None,
        };
        let choice = |index| StreamId::Choice { index, field: "content", call: 0 };
        let streams = [item("t", "i"), item("t", "j"), item("u", "i"), choice(0), choice(1)];
        let exited = EventBody::WorkerExited {
            worker: "w1".to_owned(),
            code: None,
            signal: None,
            expected: false,
            uptime_ms: 1.0,
        };
        for (body, ended) in [
            (frame(r#"{"method":"item/completed","params":{"threadId":"t","item":{"id":"i"}}}"#), vec![0]),
            (frame(r#"{"method":"turn/completed","params":{"threadId":"t","turn":{}}}"#), vec![0, 1]),
            (exited, vec![0, 1, 2]),
            (chunk("data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"), vec![4]),
            (chunk("data: [DONE]\n\n"), vec![3, 4]),
        ] {
            let ends = Content::of(&body, true).ends;
            let found: Vec<_> = (0..5).filter(|&at| ends.iter().any(|end| end.ends(&streams[at]))).collect();
            assert_eq!(found, ended, "{body:?}");
        }
    }
}
