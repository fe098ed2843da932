// What the official `openai` package makes of wrong requests and failing models, and what follows when it leaves.

import assert from "node:assert/strict";

import OpenAI from "openai";

import {
  WEATHER, cancelledRequests, client, clientWith, complete, main, model, newMarker, raises, until, user, waitForOutcome,
} from "./common.mjs";
import { Collected } from "./contract.mjs";

const SLOW = "slow:100000:20";

async function refused() {
  const stranger = clientWith({ apiKey: `wrong-${newMarker()}` });
  const ask = (content) => stranger.chat.completions.create({ model, messages: user(content) });
  const wrongKey = await raises(OpenAI.AuthenticationError, ask("say:a"));
  const seen = [wrongKey.status, wrongKey.type, wrongKey.code];
  assert.deepEqual(seen, [401, "authentication_error", "invalid_api_key"]);
  assert.ok(wrongKey.requestID, "no X-Request-Id on the error");
  const unknown = await raises(OpenAI.NotFoundError, complete("say:a", { model: "no-such" }));
  assert.deepEqual([unknown.code, unknown.param], ["model_not_found", "model"]);
  assert.match(unknown.message, /no-such/);
  const large = await raises(OpenAI.APIError, ask(`say:${"long ".repeat(500_000)}`));
  assert.deepEqual([large.status, large.code], [413, "request_entity_too_large"]);
}

async function bad_fields() {
  const named = { type: "function", function: { name: "f" } };
  const cases = [
    ["messages", { messages: [] }],
    ["messages[0].role", { messages: [{ role: "wizard", content: "say:a" }] }],
    ["n", { n: 0 }],
    ["temperature", { temperature: 3 }],
    ["max_tokens", { max_tokens: 0 }],
    ["max_tokens", { max_completion_tokens: 0 }],
    ["stop", { stop: ["a", "b", "c", "d", "e"] }],
    ["tools[0].type", { tools: [{ type: "wand", function: { name: "f" } }] }],
    ["tools[0].function.name", { tools: [{ type: "function", function: {} }] }],
    ["tool_choice", { tool_choice: "required" }],
    ["tool_choice.function.name", { tools: [WEATHER], tool_choice: named }],
    ["response_format", { response_format: { type: "poem" } }],
    ["reasoning.effort", { reasoning_effort: "huge" }],
    ["logprobs", { logprobs: true }, "unsupported_parameter"],
    ["stream", { stream: "yes" }],
    ["modalities", { modalities: ["text", "audio"] }, "unsupported_parameter"],
    ["model", { model: "" }, "model_required"],
  ];
  for (const [param, options, code = "invalid_request_error"] of cases) {
    const error = await raises(OpenAI.BadRequestError, complete("say:a", options));
    const received = [error.type, error.code, error.param];
    assert.deepEqual(received, ["invalid_request_error", code, param], `error for ${JSON.stringify(options)}`);
  }
}

async function upstream() {
  const cases = [
    ["err:400", OpenAI.BadRequestError, "invalid_request_error"],
    ["failed", OpenAI.BadRequestError, "context_length_exceeded"],
    ["err:401", OpenAI.AuthenticationError, "invalid_api_key"],
    ["err:404", OpenAI.NotFoundError, "model_not_found"],
    ["err:429", OpenAI.RateLimitError, "rate_limited"],
    ["err:500", OpenAI.InternalServerError, "worker_error"],
    ["err:503", OpenAI.InternalServerError, "worker_error"],
  ];
  for (const [script, kind, code] of cases) {
    for (const stream of [false, true]) {
      const error = await raises(kind, complete(script, { stream }));
      assert.equal(error.code, code, script);
    }
  }
  const disobeyed = complete("say:no call", { tools: [WEATHER], tool_choice: "required" });
  assert.match((await raises(OpenAI.InternalServerError, disobeyed)).message, /tool_choice/);
}

async function cut() {
  const received = new Collected();
  const read = async () => {
    for await (const chunk of await complete("cut", { stream: true })) received.add(chunk);
  };
  const error = await raises(OpenAI.APIError, read());
  assert.deepEqual([error.type, error.code], ["server_error", "worker_error"]);
  assert.deepEqual([received.texts, received.choices[0].finish], [["partial"], null], "what came before the cut");
  assert.equal((await raises(OpenAI.InternalServerError, complete("cut"))).code, "worker_error");
}

async function timeout() {
  const before = await cancelledRequests();
  const request = client.chat.completions.create({ model, messages: user(SLOW) }, { timeout: 500 });
  await raises(OpenAI.APIConnectionTimeoutError, request);
  await until("the journal has it as cancelled", async () => (await cancelledRequests()) === before + 1);
}

async function cancel() {
  const before = await cancelledRequests();
  await cancelMidStream();
  await cancelWaiting("delay:60000:say:late", true);
  await cancelWaiting(SLOW, false);
  await until("the journal has them as cancelled", async () => (await cancelledRequests()) === before + 3);
}

/** A conversation that the stub's records can be searched for. */
function marked(script) {
  const marker = newMarker();
  return [marker, [...user(marker), ...user(script)]];
}

async function cancelMidStream() {
  const [marker, messages] = marked(SLOW);
  for await (const chunk of await complete(messages, { stream: true })) {
    if (!chunk.choices[0].delta.content) continue;
    await waitForOutcome(marker, "running");
    break; // which aborts the request
  }
  await waitForOutcome(marker, "disconnected");
}

async function cancelWaiting(script, stream) {
  const [marker, messages] = marked(script);
  const controller = new AbortController();
  const request = client.chat.completions.create({ model, messages, stream }, { signal: controller.signal });
  const aborted = raises(OpenAI.APIUserAbortError, request);
  await waitForOutcome(marker, "running");
  controller.abort();
  await aborted;
  await waitForOutcome(marker, "disconnected");
}

await main({ refused, bad_fields, upstream, cut, timeout, cancel });
