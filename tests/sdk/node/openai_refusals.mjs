// What the official `openai` package makes of it when the proxy refuses, and how it comes back.
//
// Each scenario needs a proxy that refuses for its reason: `tests/e2e/sdk.rs` starts it.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { clientWith, complete, main, model, raises, until, user } from "./common.mjs";

function checkError(error, status, type, code, retryable) {
  assert.deepEqual([error.status, error.type, error.code], [status, type, code]);
  assert.equal(error.error.retryable, retryable, "whether another try is worth it");
  const hints = ["retry-after", "retry-after-ms"].filter((name) => error.headers.has(name));
  assert.equal(hints.length, retryable || status === 429 ? 2 : 0, `hints when that is: ${hints}`);
}

/** The proxy takes prompts of 50 tokens, bodies of 64 KiB, one turn, and none that waits. */
async function limits() {
  const long = await raises(OpenAI.PermissionDeniedError, complete(`say:${"long ".repeat(60)}`));
  checkError(long, 403, "tokens_exceeded_error", "context_length_exceeded");
  assert.equal(long.param, "messages");
  const large = await raises(OpenAI.APIError, complete(`say:${"long ".repeat(20_000)}`));
  checkError(large, 413, "invalid_request_error", "request_entity_too_large");
  const running = await complete("slow:100000:20", { stream: true });
  const busy = await raises(OpenAI.RateLimitError, complete("say:never"));
  checkError(busy, 429, "rate_limit_error", "worker_busy", true);
  const second = await raises(OpenAI.RateLimitError, complete("say:never", { stream: true }));
  checkError(second, 429, "rate_limit_error", "concurrency_exceeded");
  running.controller.abort();
  await until("the place is free again", () => complete("say:a").then(() => true, () => false));
}

/** The proxy gives up on a model that says nothing for 300 ms, and begins streams before that. */
async function silence() {
  const error = await raises(OpenAI.InternalServerError, complete("hang"));
  checkError(error, 504, "timeout_error", "idle_timeout");
  const stream = await complete("hang", { stream: true });
  const read = async () => {
    for await (const _ of stream);
  };
  const late = await raises(OpenAI.APIError, read());
  assert.deepEqual([late.type, late.code], ["timeout_error", "idle_timeout"]);
}

/** The proxy has no backend. */
async function disabled() {
  const error = await raises(OpenAI.InternalServerError, complete("say:never"));
  checkError(error, 503, "backend_unavailable", "app_server_disabled", false);
}

/** The proxy's worker does not start. */
async function not_ready() {
  const error = await raises(OpenAI.InternalServerError, complete("say:never"));
  checkError(error, 503, "backend_unavailable", "worker_not_ready", true);
}

/** The proxy's worker is the `app-server-stub`, which fails as it is told; the last time it costs two workers. */
async function worker() {
  const cases = [
    ["rpc-error:-32000:told to", 500, "server_error", "-32000", undefined],
    ["silent", 504, "timeout_error", "worker_request_timeout", true],
    ["exit:9", 503, "backend_unavailable", "worker_exited", true],
  ];
  for (const [script, ...expected] of cases) {
    checkError(await raises(OpenAI.InternalServerError, complete(script)), ...expected);
  }
}

/** An `openai` client that retries as it does by default, and what it sent and was answered. */
class Tries {
  constructor() {
    this.sent = [];
    this.answered = [];
    const watched = async (...request) => {
      this.sent.push(performance.now());
      const response = await fetch(...request);
      const hint = response.headers.get("retry-after-ms");
      this.answered.push({ at: performance.now(), status: response.status, hint: hint === null ? null : Number(hint) });
      return response;
    };
    this.client = clientWith({ maxRetries: 2, fetch: watched });
  }

  get statuses() {
    return this.answered.map(({ status }) => status);
  }

  ask(content, stream = false) {
    return this.client.chat.completions.create({ model, messages: user(content), stream });
  }

  /** After each refusal it waited as long as it was told, or longer. Without a hint that is half a second. */
  checkWaits() {
    this.sent.slice(1).forEach((sent, index) => {
      const { at, hint } = this.answered[index];
      // A timer of Node's may fire a millisecond early.
      assert.ok(hint === null || sent - at >= hint - 1, `told to wait ${hint} ms, waited ${sent - at} ms`);
    });
  }
}

/** The proxy is in maintenance, and says to come back in a second. */
async function maintenance() {
  const tries = new Tries();
  const error = await raises(OpenAI.InternalServerError, tries.ask("say:never", true));
  checkError(error, 503, "backend_unavailable", "maintenance_mode", true);
  assert.deepEqual(tries.statuses, [503, 503, 503]);
  tries.checkWaits();
}

/** The proxy takes one request in 1.5 seconds. */
async function rate() {
  const tries = new Tries();
  await until("a request was refused", async () => {
    await tries.ask("say:a");
    return tries.statuses.includes(429);
  });
  assert.deepEqual(tries.statuses.slice(-2), [429, 200], "what a refused request and its first retry got");
  tries.checkWaits();
}

await main({ limits, silence, disabled, not_ready, worker, maintenance, rate });
