//! Events as the proxy makes them, from requests that run side by side.

use jiff::{SignedDuration, Timestamp};
use journal::{Draft, Entry, EventBody, Frame, Outcome, Payload, RequestId, RequestReceived, ResponseFinished, Tokens};
use serde_json::json;

use crate::Failure;

/// Time between two events. A thousand a second is what one busy worker makes.
pub(crate) const STEP: SignedDuration = SignedDuration::from_millis(1);

/// Requests that run at the same time.
const CONCURRENT: usize = 8;

/// Different words that are said.
const VOCABULARY: usize = 6000;

/// The words said most, in about the order of how often.
const COMMON: &str = "the of and to in a is that for it as was with be by on not he this are or his from at which but have \
    an had they you were their one all we can her has there been if more when will would who so no said what up its about \
    into than them could only other time new some these two may then do first any my now such like our over even most made";

const SYLLABLES: [&str; 40] = [
    "an", "ber", "cal", "con", "der", "di", "en", "er", "fa", "for", "ga", "gre", "ha", "in", "ing", "ka", "la", "lo",
    "ment", "mi", "na", "ner", "o", "pa", "pre", "ra", "re", "ri", "sa", "ser", "so", "sta", "ta", "ter", "tion", "to",
    "ul", "va", "ver", "wa",
];

/// An endless stream of events in order of time.
pub(crate) struct Traffic {
    random: Random,
    words: Vec<String>,
    running: Vec<Request>,
    /// The request whose chunk follows on the delta that was just told, and when that was.
    answering: Option<(usize, Timestamp)>,
    at: Timestamp,
    last_begun: Option<RequestId>,
}

/// A request on its way.
struct Request {
    id: RequestId,
    thread: String,
    turn: String,
    item: String,
    model: &'static str,
    worker: String,
    began: Timestamp,
    step: usize,
    /// Deltas its answer has.
    deltas: usize,
    /// The word last said.
    word: String,
}

/// `SplitMix64`: the same events in every run.
struct Random(u64);

// === impl Traffic ===

impl Traffic {
    /// Events from the time `began` on. Another `seed` gives other ones.
    pub(crate) fn new(seed: u64, began: Timestamp) -> Self {
        let mut random = Random(seed);
        let mut words: Vec<String> = COMMON.split_ascii_whitespace().map(str::to_owned).collect();
        while words.len() < VOCABULARY {
            // Rarer words are longer.
            let syllables = 2 + random.number(1 + words.len() as u64 / 2000);
            words.push((0..syllables).map(|_| SYLLABLES[random.index(SYLLABLES.len())]).collect());
        }
        Self { random, words, running: Vec::new(), answering: None, at: began, last_begun: None }
    }

    /// The request that began last.
    pub(crate) fn last_begun(&self) -> Option<RequestId> {
        self.last_begun
    }

    /// The time of the next event, give or take a step.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Draft {
        let mut at = self.at + SignedDuration::from_micros(self.random.number(900).cast_signed());
        self.at += STEP;
        let index = match self.answering.take() {
            Some((index, told)) => {
                at = told + SignedDuration::from_micros(30 + self.random.number(200).cast_signed());
                index
            }
            None if self.running.len() < CONCURRENT => {
                self.begin(at);
                self.running.len() - 1
            }
            None => self.random.index(self.running.len()),
        };
        let step = self.running[index].step;
        self.running[index].step += 1;
        let deltas_end = 5 + 2 * self.running[index].deltas;
        let is_delta = (5..deltas_end).contains(&step) && step % 2 == 1;
        if is_delta {
            self.answering = Some((index, at));
            let word = self.word();
            let request = &mut self.running[index];
            request.word = format!("{word} ");
        }
        let body = match step {
            0 => self.received(index),
            1 => EventBody::RequestAdmitted { queue_wait_ms: self.milliseconds(3), output: None },
            _ => self.running[index].told(step, deltas_end, at),
        };
        let request = Some(self.running[index].id);
        if step == deltas_end + 3 {
            let body = self.finished(index, at);
            self.running.swap_remove(index);
            return Draft { at, request, body };
        }
        Draft { at, request, body }
    }

    /// The next `count` events, ready to be appended.
    pub(crate) fn entries(&mut self, count: usize) -> Result<Vec<Entry>, Failure> {
        (0..count).map(|_| Ok(Entry::unscrubbed(&self.next())?)).collect()
    }

    fn begin(&mut self, at: Timestamp) {
        let id = self.random.uuid(at);
        let request = Request {
            id: id.parse().expect("it is put together as a UUID"),
            thread: self.random.uuid(at),
            turn: self.random.uuid(at),
            item: format!("msg_{}", self.random.number(10_000)),
            model: if self.random.number(5) == 0 { "gpt-5.5-mini" } else { "gpt-5.5" },
            worker: format!("w{}", 1 + self.random.number(4)),
            began: at,
            step: 0,
            deltas: 6 + self.random.index(24),
            word: String::new(),
        };
        self.last_begun = Some(request.id);
        self.running.push(request);
    }

    fn received(&mut self, index: usize) -> EventBody {
        let words = 6 + self.random.number(24);
        let prompt = (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ");
        let model = self.running[index].model;
        let message = json!({ "role": "user", "content": prompt });
        let body = json!({ "model": model, "stream": true, "messages": [message] }).to_string();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        EventBody::RequestReceived(RequestReceived {
            method: "POST".to_owned(),
            route: "/v1/chat/completions".to_owned(),
            target: "/v1/chat/completions".to_owned(),
            key: Some(format!("team-{}", self.random.number(8))),
            peer: format!("10.0.3.{}:{}", self.random.number(250), 30_000 + self.random.number(30_000)),
            headers: vec![
                header("user-agent", "OpenAI/Python 1.55.0"),
                header("content-type", "application/json"),
                header("content-length", &body.len().to_string()),
                header("authorization", "[redacted]"),
            ],
            body: Payload(body.into()),
        })
    }

    fn finished(&mut self, index: usize, at: Timestamp) -> EventBody {
        let failed = self.random.number(50) == 0;
        let ttft_ms = self.milliseconds(900);
        let request = &self.running[index];
        EventBody::ResponseFinished(ResponseFinished {
            status: if failed { 502 } else { 200 },
            outcome: if failed { Outcome::ServerError } else { Outcome::Ok },
            model: Some(request.model.to_owned()),
            stream: true,
            tokens: Some(request.tokens()),
            usage_source: None,
            finish_reasons: vec!["stop".to_owned()],
            error: failed.then(|| "upstream_error".to_owned()),
            worker: Some(request.worker.clone()),
            ttft_ms: Some(ttft_ms),
            duration_ms: at.duration_since(request.began).as_millis_f64(),
        })
    }

    /// A word by Zipf's law: the n-th is said 1/n as often as the first.
    fn word(&mut self) -> String {
        let count = self.words.len();
        let rank = f64::from(u32::try_from(count).expect("a vocabulary is small")).powf(self.random.fraction());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the count")]
        let index = rank as usize - 1;
        self.words[index.min(count - 1)].clone()
    }

    fn milliseconds(&mut self, below: u32) -> f64 {
        (self.random.fraction() * f64::from(below) * 1e6).round() / 1e6
    }
}

// === impl Request ===

impl Request {
    /// What is told at `step`, from the frame that begins the turn to that which ends it.
    fn told(&self, step: usize, deltas_end: usize, at: Timestamp) -> EventBody {
        let Self { thread, turn, item, word, .. } = self;
        let ms = at.as_millisecond();
        match step {
            2 => {
                let id = ms % 100_000;
                let params = format!(r#"{{"threadId":"{thread}","input":[]}}"#);
                EventBody::RpcSent(self.frame(format!(r#"{{"id":{id},"method":"turn/start","params":{params}}}"#)))
            }
            3 => self.notified(
                "turn/started",
                &format!(
                    r#""threadId":"{thread}","turn":{{"id":"{turn}","rootTurnId":"{turn}","items":[],"itemsView":"notLoaded","status":"inProgress","error":null,"startedAt":{},"completedAt":null,"durationMs":null}}"#,
                    at.as_second(),
                ),
                ms,
            ),
            4 => EventBody::ResponseStarted {
                status: 200,
                headers: vec![
                    ("content-type".to_owned(), "text/event-stream".to_owned()),
                    ("cache-control".to_owned(), "no-cache".to_owned()),
                    ("x-request-id".to_owned(), self.id.to_string()),
                ],
            },
            _ if step < deltas_end && step % 2 == 1 => self.notified(
                "item/agentMessage/delta",
                &format!(r#""threadId":"{thread}","turnId":"{turn}","itemId":"{item}","delta":"{word}""#),
                ms,
            ),
            _ if step < deltas_end => self.chunk(&format!(r#"{{"content":"{word}"}}"#), "null"),
            _ if step == deltas_end => {
                let Tokens { input, cached, output, reasoning } = self.tokens();
                let usage = format!(
                    r#"{{"totalTokens":{},"inputTokens":{input},"cachedInputTokens":{cached},"outputTokens":{output},"reasoningOutputTokens":{reasoning}}}"#,
                    input + output
                );
                let params =
                    format!(r#""threadId":"{thread}","turnId":"{turn}","tokenUsage":{{"total":{usage},"last":{usage}}}"#);
                self.notified("thread/tokenUsage/updated", &params, ms)
            }
            _ if step == deltas_end + 1 => self.notified(
                "turn/completed",
                &format!(
                    r#""threadId":"{thread}","turn":{{"id":"{turn}","items":[],"status":"completed","error":null,"completedAt":{},"durationMs":{}}}"#,
                    at.as_second(),
                    at.duration_since(self.began).as_millis(),
                ),
                ms,
            ),
            _ => self.chunk("{}", r#""stop""#),
        }
    }

    fn notified(&self, method: &str, params: &str, ms: i64) -> EventBody {
        EventBody::RpcReceived(
            self.frame(format!(r#"{{"method":"{method}","params":{{{params}}},"emittedAtMs":{ms}}}"#)),
        )
    }

    fn frame(&self, text: String) -> Frame {
        Frame { worker: self.worker.clone(), frame: Payload(text.into()) }
    }

    fn chunk(&self, delta: &str, finish_reason: &str) -> EventBody {
        let (id, created, model) = (self.id, self.began.as_second(), self.model);
        let choice = format!(r#"{{"index":0,"delta":{delta},"finish_reason":{finish_reason}}}"#);
        let object = r#""object":"chat.completion.chunk""#;
        EventBody::ResponseChunk {
            bytes: format!(
                "data: {{\"id\":\"chatcmpl-{id}\",{object},\"created\":{created},\"model\":\"{model}\",\"choices\":[{choice}]}}\n\n"
            ),
        }
    }

    fn tokens(&self) -> Tokens {
        let output = self.deltas as u64;
        Tokens { input: 90 + output * 3, cached: 64, output, reasoning: output / 3 }
    }
}

// === impl Random ===

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    fn number(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.number(len as u64)).expect("it is below a usize")
    }

    /// Between 0 and 1.
    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).expect("32 bits are left")) / f64::from(u32::MAX)
    }

    /// A `UUIDv7` of the time `at`.
    fn uuid(&mut self, at: Timestamp) -> String {
        let (ms, low, high) = (at.as_millisecond(), self.next(), self.next());
        format!(
            "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
            ms >> 16,
            ms & 0xffff,
            low & 0xfff,
            0x8000 | (low >> 16 & 0x3fff),
            high & 0xffff_ffff_ffff
        )
    }
}
