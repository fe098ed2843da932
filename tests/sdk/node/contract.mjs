// Completions and streams held against the contract, key by key: what the `openai` package forgives fails here.

import assert from "node:assert/strict";

import { model } from "./common.mjs";

const TIMINGS = ["time_to_first_token_ms", "total_duration_ms"];

export function usageOf(input, cached, output, reasoning) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

// What the stub reports unless its script says otherwise.
const USAGE = usageOf(11, 3, 7, 2);

// For usage that the proxy had to count itself.
export const COUNTED = Symbol("counted");

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
  if (expected === COUNTED) {
    assert.ok(rest.prompt_tokens > 0 && rest.completion_tokens > 0, `usage is ${JSON.stringify(usage)}`);
    expected = usageOf(rest.prompt_tokens, 0, rest.completion_tokens, 0);
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

/**
 * Checks a whole completion and returns its messages. Without `finish`, calls end with `tool_calls` and texts with
 * `stop`.
 */
export function checkCompletion(completion, { choices = 1, usage = USAGE, finish = null } = {}) {
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
    assert.equal(choice.finish_reason, finish ?? (called ? "tool_calls" : "stop"));
    choice.message.tool_calls?.forEach(checkCall);
    return choice.message;
  });
}

/** Checks every chunk of a stream against the contract and adds up what it carries. */
export class Collected {
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
