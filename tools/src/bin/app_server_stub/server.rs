//! The app-server's side of the conversation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::Fault;
use crate::frames;
use crate::output::Output;
use crate::script::Script;
use crate::turn::Turn;

/// Answers the client's requests and starts turns.
pub(crate) struct Server {
    fault: Option<Fault>,
    output: Output,
    initialized: bool,
    threads: HashMap<String, Thread>,
    turns_started: u64,
    questions: Arc<Questions>,
}

/// What the stub asks of its client.
#[derive(Default)]
pub(crate) struct Questions {
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    next_id: u64,
    waiting: HashMap<u64, oneshot::Sender<Value>>,
}

#[derive(Default)]
struct Thread {
    items: Vec<Value>,
    running: Option<Running>,
}

struct Running {
    turn: String,
    task: AbortHandle,
    /// Whether it ignores interrupts.
    deaf: bool,
}

#[derive(Deserialize)]
struct Frame {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

/// What the real one answers to almost everything that it does not like.
const INVALID_REQUEST: i64 = -32600;

// === impl Server ===

impl Server {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            output: Output::default(),
            initialized: false,
            threads: HashMap::new(),
            turns_started: 0,
            questions: Arc::default(),
        }
    }

    /// Takes in a line. One that is no frame is ignored, as Codex does.
    pub(crate) fn on_line(&mut self, line: &[u8]) {
        let Ok(frame) = serde_json::from_slice::<Frame>(line) else { return };
        match (frame.method, frame.id) {
            (Some(method), Some(id)) => self.on_request(&method, &id, &frame.params),
            (None, Some(id)) => {
                if let Ok(answer) = serde_json::from_slice(line) {
                    self.questions.on_answer(&id, answer);
                }
            }
            _ => {}
        }
    }

    fn on_request(&mut self, method: &str, id: &Value, params: &Value) {
        if !self.initialized && method != "initialize" {
            return self.refuse(id, "Not initialized");
        }
        match method {
            "initialize" => self.initialize(id, params),
            "model/list" => self.output.frame(&frames::response(id, &frames::models())),
            "thread/start" => self.start_thread(id, params),
            "thread/inject_items" => self.inject_items(id, params),
            "turn/start" => self.start_turn(id, params),
            "turn/interrupt" => self.interrupt(id, params),
            _ => self.refuse(id, &format!("Invalid request: unknown variant `{method}`")),
        }
    }

    fn initialize(&mut self, id: &Value, params: &Value) {
        match self.fault {
            Some(Fault::SilentHandshake) => return,
            Some(Fault::RefuseHandshake) => return self.refuse(id, "told to refuse the handshake"),
            _ => {}
        }
        self.initialized = true;
        let client = params["clientInfo"]["name"].as_str().unwrap_or_default();
        self.output.frame(&frames::response(id, &frames::initialized(client)));
        self.output.frame(&frames::remote_control_status());
    }

    fn start_thread(&mut self, id: &Value, params: &Value) {
        let thread = format!("01a207b0-0000-7000-8000-{:012}", self.threads.len() + 1);
        let described = frames::thread(&thread, &params["model"]);
        let result = json!({ "thread": described, "model": params["model"], "modelProvider": "proxy" });
        self.output.frame(&frames::response(id, &result));
        self.output.frame(&frames::notification("thread/started", &json!({ "thread": described })));
        self.threads.insert(thread, Thread::default());
    }

    fn inject_items(&mut self, id: &Value, params: &Value) {
        let Some((name, thread)) = find(&mut self.threads, params) else { return self.no_thread(id) };
        let items = params["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.output.frame(&frames::response(id, &json!({})));
        for item in items {
            thread.items.push(item.clone());
            self.output.frame(&frames::echo(name, item, thread.items.len()));
        }
    }

    fn start_turn(&mut self, id: &Value, params: &Value) {
        let Some((name, thread)) = find(&mut self.threads, params) else { return self.no_thread(id) };
        let script = Script::of_items(&thread.items);
        match &script {
            Script::Silent => return,
            Script::RpcError { code, message } => return self.output.frame(&frames::error(id, *code, message)),
            _ => {}
        }
        self.turns_started += 1;
        let turn = format!("01a207b0-0000-7000-9000-{:012}", self.turns_started);
        let result = json!({ "turn": frames::turn(&turn, "inProgress", &[]) });
        self.output.frame(&frames::response(id, &result));
        let deaf = script == Script::HangInterrupt;
        let played =
            Turn { thread: name.to_owned(), id: turn.clone(), output: self.output, questions: self.questions.clone() };
        let task = tokio::spawn(played.play(script)).abort_handle();
        thread.running = Some(Running { turn, task, deaf });
    }

    fn interrupt(&mut self, id: &Value, params: &Value) {
        let Some((name, thread)) = find(&mut self.threads, params) else { return self.no_thread(id) };
        match &thread.running {
            Some(running) if running.deaf => {}
            Some(running) if !running.task.is_finished() && params["turnId"] == *running.turn => {
                // Between two of its frames: a turn writes without waiting inside of one.
                running.task.abort();
                let turn = Turn {
                    thread: name.to_owned(),
                    id: running.turn.clone(),
                    output: self.output,
                    questions: self.questions.clone(),
                };
                self.output.frame(&frames::response(id, &json!({})));
                turn.interrupted();
                thread.running = None;
            }
            _ => self.refuse(id, "no active turn to interrupt"),
        }
    }

    fn no_thread(&self, id: &Value) {
        self.refuse(id, "thread not found");
    }

    fn refuse(&self, id: &Value, message: &str) {
        self.output.frame(&frames::error(id, INVALID_REQUEST, message));
    }
}

fn find<'a>(threads: &'a mut HashMap<String, Thread>, params: &'a Value) -> Option<(&'a str, &'a mut Thread)> {
    let name = params["threadId"].as_str()?;
    Some((name, threads.get_mut(name)?))
}

// === impl Questions ===

impl Questions {
    /// Sends the request `method` and waits for the client's answer, a whole frame.
    pub(crate) async fn ask(&self, output: Output, method: &str, params: &Value) -> Value {
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut asked = self.asked.lock().expect("no holder of this lock can panic");
            let id = asked.next_id;
            asked.next_id += 1;
            asked.waiting.insert(id, sender);
            id
        };
        output.frame(&json!({ "method": method, "id": id, "params": params }));
        answer.await.unwrap_or_default()
    }

    fn on_answer(&self, id: &Value, answer: Value) {
        let mut asked = self.asked.lock().expect("no holder of this lock can panic");
        if let Some(waiting) = id.as_u64().and_then(|id| asked.waiting.remove(&id)) {
            // A turn that was interrupted does not wait any more.
            let _ = waiting.send(answer);
        }
    }
}
