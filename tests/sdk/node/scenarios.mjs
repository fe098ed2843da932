// What a partner's program does, through the official `openai` package: `node scenarios.mjs NAME`.
//
// Environment: BASE_URL (http://HOST:PORT/v1 of the proxy), API_KEY, STUB_URL (http://HOST:PORT of the model-stub
// behind it), MODEL (default codex-5). Exit 0, or an assertion that says what differed. Prompts are scripts of the model-stub.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import OpenAI from "openai";

const { BASE_URL: baseURL, API_KEY: apiKey, STUB_URL: stubURL, MODEL: model = "codex-5" } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 30_000 });

const UNICODE =
  "  Grüße,\n\n\t漢字 かな 한국어 \u{1F469}\u200d\u{1F469}\u200d\u{1F467} e\u0301 \u200bz\u200dw\ufeff " +
  "\u2028\u2029 \"quoted\" 'single' \\back\\n </tag> שלום \r\n end \n";
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Current weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const TIMINGS = ["time_to_first_token_ms", "total_duration_ms"];

// === checks ===

function usageOf(input, cached, output, reasoning) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}
const USAGE = usageOf(11, 3, 7, 2);

function keys(object, expected, what) {
  assert.deepEqual(Object.keys(object).sort(), [...expected].sort(), `keys of ${what}: ${JSON.stringify(object)}`);
}

/** `timed`: the usage of a stream also holds two measured times. */
function checkUsage(usage, expected, timed) {
  const rest = { ...usage };
  for (const name of timed ? TIMINGS : []) {
    if (name in rest) assert.ok(rest[name] >= 0, `${name} is ${rest[name]}`);
    delete rest[name];
  }
  assert.deepEqual(rest, expected, "usage");
}

function checkEnvelope(answer, object) {
  assert.match(answer.id, /^chatcmpl-/);
  assert.equal(answer.object, object);
  assert.equal(answer.model, model);
  assert.ok(Number.isInteger(answer.created), `created is ${answer.created}`);
  assert.ok(Math.abs(answer.created - Date.now() / 1000) < 300, "created is not now");
}

function checkCall(call) {
  keys(call, ["id", "type", "function"], "the tool call");
  keys(call.function, ["name", "arguments"], "the function");
  assert.equal(call.type, "function");
  assert.ok(call.id, "the tool call has no id");
}

/** Checks a whole completion and returns its messages. */
function checkCompletion(completion, { choices = 1, usage = USAGE } = {}) {
  keys(completion, ["id", "object", "created", "model", "choices", "usage"], "the completion");
  checkEnvelope(completion, "chat.completion");
  checkUsage(completion.usage, usage, false);
  const indexes = completion.choices.map((choice) => choice.index);
  assert.deepEqual(indexes, Array.from({ length: choices }, (_, index) => index), "indexes");
  return completion.choices.map((choice) => {
    keys(choice, ["index", "message", "finish_reason"], "the choice");
    const called = "tool_calls" in choice.message;
    keys(choice.message, called ? ["role", "content", "tool_calls"] : ["role", "content"], "the message");
    assert.equal(choice.message.role, "assistant");
    assert.equal(choice.finish_reason, called ? "tool_calls" : "stop");
    choice.message.tool_calls?.forEach(checkCall);
    return choice.message;
  });
}

/** Checks every chunk of a stream against the contract and adds up what it carries. */
class Collected {
  constructor({ choices = 1, includeUsage = false } = {}) {
    this.includeUsage = includeUsage;
    this.chunks = [];
    this.usage = null;
    this.choices = Array.from({ length: choices }, () => ({ started: false, text: "", calls: [], finish: null }));
  }

  get texts() {
    return this.choices.map((choice) => choice.text);
  }

  add(chunk) {
    assert.equal(this.usage, null, `a chunk after the usage: ${JSON.stringify(chunk)}`);
    const last = chunk.choices.length === 0;
    const optional = [...(last ? TIMINGS : []), ...(this.includeUsage ? [] : ["usage"])];
    const present = optional.filter((key) => key in chunk);
    const required = ["id", "object", "created", "model", "choices", ...(this.includeUsage ? ["usage"] : [])];
    keys(chunk, [...required, ...present], "the chunk");
    checkEnvelope(chunk, "chat.completion.chunk");
    this.chunks.push(chunk);
    for (const key of ["id", "created"]) assert.equal(chunk[key], this.chunks[0][key], `${key} over all chunks`);
    if (last) {
      assert.ok(this.includeUsage, "a usage chunk that nobody asked for");
      assert.ok(this.choices.every((choice) => choice.finish), "the usage came before the finish");
      this.usage = chunk.usage;
      return;
    }
    assert.equal(chunk.usage ?? null, null, "usage before the end");
    assert.equal(chunk.choices.length, 1);
    keys(chunk.choices[0], ["index", "delta", "finish_reason"], "the choice");
    this.addDelta(chunk.choices[0]);
  }

  addDelta({ index, delta, finish_reason }) {
    const choice = this.choices[index];
    assert.ok(choice, `choice ${index} was not asked for`);
    assert.equal(choice.finish, null, `choice ${index} goes on after its finish`);
    if (!choice.started) {
      assert.deepEqual([delta, finish_reason], [{ role: "assistant" }, null], "the first chunk of a choice");
      choice.started = true;
    } else if (finish_reason !== null) {
      assert.deepEqual(delta, {}, "delta of the finish chunk");
      choice.finish = finish_reason;
    } else if ("content" in delta) {
      keys(delta, ["content"], "a content delta");
      assert.equal(typeof delta.content, "string");
      choice.text += delta.content;
    } else {
      keys(delta, ["tool_calls"], "a delta");
      delta.tool_calls.forEach((fragment) => Collected.addFragment(choice.calls, fragment));
    }
  }

  static addFragment(calls, { index, ...fragment }) {
    if (index === calls.length) {
      keys(fragment, ["id", "type", "function"], "a call's first fragment");
      calls.push({ ...fragment, function: { name: fragment.function.name, arguments: "" } });
      checkCall(calls[index]);
    } else {
      keys(fragment, ["function"], "a call's later fragment");
      keys(fragment.function, ["arguments"], "a later fragment's function");
    }
    calls[index].function.arguments += fragment.function.arguments ?? "";
  }

  done({ finish = "stop", usage = USAGE } = {}) {
    for (const choice of this.choices) assert.equal(choice.finish, finish, "finish_reason");
    if (this.includeUsage) {
      assert.ok(this.usage, "no usage chunk came");
      checkUsage(this.usage, usage, true);
    }
    return this;
  }
}

const user = (content) => [{ role: "user", content }];

function complete(prompt, options = {}) {
  const messages = typeof prompt === "string" ? user(prompt) : prompt;
  return client.chat.completions.create({ model, messages, ...options });
}

async function stream(prompt, { includeUsage = false, ...options } = {}) {
  const collected = new Collected({ choices: options.n, includeUsage });
  if (includeUsage) options.stream_options = { include_usage: true };
  for await (const chunk of await complete(prompt, { ...options, stream: true })) collected.add(chunk);
  return collected;
}

async function raises(kind, promise) {
  const error = await promise.then(() => assert.fail(`expected ${kind.name}, nothing was raised`), (error) => error);
  assert.equal(error.constructor.name, kind.name, `expected ${kind.name}, received ${error}`);
  return error;
}

// === the stub behind the proxy ===

/** What reached the stub with `marker` in it. */
async function stubRequests(marker) {
  const requests = await (await fetch(`${stubURL}/stub/requests`)).json();
  return requests.filter((request) => JSON.stringify(request.body.input).includes(marker));
}

async function waitForOutcome(marker, outcome, withinMs = 10_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = (await stubRequests(marker)).map((request) => request.outcome);
    if (seen.length > 0 && seen.every((each) => each === outcome)) return;
    assert.ok(Date.now() < deadline, `the stub saw [${seen}] within ${withinMs} ms, not ${outcome}`);
    await sleep(20);
  }
}

// === scenarios ===

async function text() {
  const said = "Hello there, friend.  Two  spaces\nand a line.";
  const [message] = checkCompletion(await complete(`say:${said}`));
  assert.equal(message.content, said);
  const streamed = (await stream(`say:${said}`, { includeUsage: true })).done();
  assert.deepEqual(streamed.texts, [said]);
  assert.ok(streamed.chunks.length > 5, `only ${streamed.chunks.length} chunks: the text was not streamed`);
  assert.deepEqual((await stream("say:plain")).done().texts, ["plain"]);
}

async function unicode() {
  const [message] = checkCompletion(await complete(`say:${UNICODE}`));
  assert.equal(message.content, UNICODE);
  assert.deepEqual((await stream(`say:${UNICODE}`)).done().texts, [UNICODE]);
}

async function tools() {
  const options = { tools: [WEATHER] };
  const prompt = 'tool:get_weather:{"city":"Oslo"}';
  const expected = [{ name: "get_weather", arguments: '{"city":"Oslo"}' }];
  const [message] = checkCompletion(await complete(prompt, options));
  assert.deepEqual(message.tool_calls.map((call) => call.function), expected);
  assert.equal(message.content, null);

  const streamed = (await stream(prompt, { ...options, includeUsage: true })).done({ finish: "tool_calls" });
  const [{ calls, text }] = streamed.choices;
  assert.deepEqual(calls.map((call) => call.function), expected);
  assert.equal(text, "", "content beside a call");

  const result = { role: "tool", tool_call_id: calls[0].id, content: "sunny, 21 °C" };
  const history = [...user(prompt), { role: "assistant", content: null, tool_calls: calls }, result];
  const [answer] = checkCompletion(await complete(history, options));
  assert.equal(answer.content, "got tool output sunny, 21 °C");
  assert.deepEqual((await stream(history, options)).done().texts, ["got tool output sunny, 21 °C"]);
}

async function parallel() {
  const functions = [
    { name: "get_weather", arguments: '{"city": "Oslo", "note": "smørbrød \\"x\\" 漢"}' },
    { name: "get_weather", arguments: '{ "city":"Rome" }' },
  ];
  const prompt = `calls:${JSON.stringify(functions)}`;
  const [message] = checkCompletion(await complete(prompt, { tools: [WEATHER] }));
  assert.deepEqual(message.tool_calls.map((call) => call.function), functions);
  assert.equal(message.content, null);
  const [{ calls }] = (await stream(prompt, { tools: [WEATHER] })).done({ finish: "tool_calls" }).choices;
  assert.deepEqual(calls.map((call) => call.function), functions);
  assert.notEqual(calls[0].id, calls[1].id);
}

async function n3() {
  const usage = usageOf(33, 9, 21, 6);
  const messages = checkCompletion(await complete("say:one of three", { n: 3 }), { choices: 3, usage });
  assert.deepEqual(messages.map((message) => message.content), Array(3).fill("one of three"));
  const streamed = (await stream("say:one of three", { n: 3, includeUsage: true })).done({ usage });
  assert.deepEqual(streamed.texts, Array(3).fill("one of three"));
}

async function usage() {
  const usage = usageOf(100, 40, 20, 5);
  checkCompletion(await complete("say:a"));
  checkCompletion(await complete("usage:100:40:20:5:say:a"), { usage });
  (await stream("say:a", { includeUsage: true })).done();
  (await stream("usage:100:40:20:5:say:a", { includeUsage: true })).done({ usage });
  assert.equal((await stream("say:a")).done().usage, null);
}

async function errors() {
  const stranger = client.withOptions({ apiKey: `wrong-${randomUUID()}` });
  const refused = stranger.chat.completions.create({ model, messages: user("say:a") });
  const wrongKey = await raises(OpenAI.AuthenticationError, refused);
  assert.deepEqual([wrongKey.status, wrongKey.code], [401, "invalid_api_key"]);
  assert.ok(wrongKey.requestID, "no X-Request-Id on the error");

  const unknown = await raises(OpenAI.NotFoundError, complete("say:a", { model: "no-such" }));
  assert.deepEqual([unknown.code, unknown.param], ["model_not_found", "model"]);

  const badFields = {
    messages: { messages: [] },
    "messages[0].role": { messages: [{ role: "wizard", content: "say:a" }] },
    n: { n: 0 },
    temperature: { temperature: 3 },
    max_tokens: { max_tokens: 0 },
    "tools[0].type": { tools: [{ type: "wand", function: { name: "f" } }] },
    "tools[0].function.name": { tools: [{ type: "function", function: {} }] },
    response_format: { response_format: { type: "poem" } },
    stream: { stream: "yes" },
  };
  for (const [param, options] of Object.entries(badFields)) {
    const error = await raises(OpenAI.BadRequestError, complete("say:a", options));
    const received = [error.type, error.param];
    assert.deepEqual(received, ["invalid_request_error", param], `error for ${JSON.stringify(options)}`);
  }

  const upstream = { 400: OpenAI.BadRequestError, 429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError };
  for (const [status, kind] of Object.entries(upstream)) {
    await raises(kind, complete(`err:${status}`));
    await raises(kind, stream(`err:${status}`));
  }
}

async function cut() {
  const received = new Collected();
  const consume = async () => {
    for await (const chunk of await complete("cut", { stream: true })) received.add(chunk);
  };
  await assert.rejects(consume, OpenAI.APIError, "a stream that was cut ended like a success");
  assert.deepEqual([received.texts, received.choices[0].finish], [["partial"], null], "what came before the cut");
  const whole = await raises(OpenAI.InternalServerError, complete("cut"));
  assert.ok(whole.status >= 500, `${whole}`);
}

async function cancel() {
  await cancelMidStream();
  await cancelWaiting("delay:60000:say:late", true);
  await cancelWaiting("slow:100000:20", false);
}

/** A conversation that the stub's records can be searched for. */
function marked(prompt) {
  const marker = randomUUID();
  return [marker, [...user(`marker ${marker}`), ...user(prompt)]];
}

async function cancelMidStream() {
  const [marker, messages] = marked("slow:100000:20");
  const chunks = await complete(messages, { stream: true });
  for await (const chunk of chunks) {
    if (!chunk.choices[0].delta.content) continue;
    await waitForOutcome(marker, "running");
    break; // which aborts the request
  }
  await waitForOutcome(marker, "disconnected");
}

async function cancelWaiting(script, streaming) {
  const [marker, messages] = marked(script);
  const controller = new AbortController();
  const { signal } = controller;
  const request = client.chat.completions.create({ model, messages, stream: streaming }, { signal });
  const settled = request.then(() => null, (error) => error);
  await waitForOutcome(marker, "running");
  controller.abort();
  await settled;
  await waitForOutcome(marker, "disconnected");
}

async function models() {
  const ids = [];
  for await (const listed of client.models.list()) {
    assert.deepEqual(listed, { id: listed.id, object: "model", owned_by: "codex", created: 0 });
    ids.push(listed.id);
  }
  assert.ok(ids.includes(model), `${model} is not listed: ${ids}`);
  assert.equal(new Set(ids).size, ids.length, "distinct ids");
}

async function system() {
  const marker = randomUUID();
  const call = { name: "get_weather", arguments: '{"city": "Oslo"}' };
  const history = [
    { role: "system", content: `Be brief. ${marker}` },
    { role: "user", content: [{ type: "text", text: "one" }, { type: "text", text: "two" }] },
    { role: "assistant", content: "an answer" },
    { role: "developer", content: "Be polite." },
    { role: "user", content: "weather?" },
    { role: "assistant", content: null, tool_calls: [{ id: "call_mine", type: "function", function: call }] },
    { role: "tool", tool_call_id: "call_mine", content: "sunny" },
    { role: "user", content: "say:done" },
  ];
  const [message] = checkCompletion(await complete(history));
  assert.equal(message.content, "done");
  const [request, ...others] = await stubRequests(marker);
  assert.equal(others.length, 0, "one upstream request");
  const item = (role, type, ...texts) => ({
    type: "message",
    role,
    content: texts.map((text) => ({ type, text })),
  });
  const received = request.body.input.map(({ id: _, ...rest }) => rest);
  assert.deepEqual(received, [
    item("developer", "input_text", `Be brief. ${marker}`),
    item("user", "input_text", "one", "two"),
    item("assistant", "output_text", "an answer"),
    item("developer", "input_text", "Be polite."),
    item("user", "input_text", "weather?"),
    { type: "function_call", call_id: "call_mine", ...call },
    { type: "function_call_output", call_id: "call_mine", output: "sunny" },
    item("user", "input_text", "say:done"),
  ]);
  assert.ok(!request.body.instructions, "the upstream got instructions of somebody else");
  assert.deepEqual(request.body.tools ?? [], []);
}

const SCENARIOS = { text, unicode, tools, parallel, n3, usage, errors, cut, cancel, models, system };

const scenario = SCENARIOS[process.argv[2]];
if (!scenario || process.argv.length !== 3) {
  console.error(`usage: node scenarios.mjs ${Object.keys(SCENARIOS).join("|")}`);
  process.exit(1);
}
await scenario();
