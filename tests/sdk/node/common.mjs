// What all scenarios share: where the proxy is, checks, the stub behind it, how scenarios are run.
//
// `node FILE.mjs` runs all scenarios of a file, `node FILE.mjs NAME…` those. Exit 0, or an assertion for each that
// failed.
//
// Environment: BASE_URL (http://HOST:PORT/v1 of the proxy), API_KEY, STUB_URL (http://HOST:PORT of the model-stub
// behind it), MODEL (default codex-5). Prompts are scripts of the model-stub.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import OpenAI from "openai";

const { BASE_URL: baseURL, API_KEY: apiKey, STUB_URL: stubURL } = process.env;
export const model = process.env.MODEL ?? "codex-5";

// A generous bound on each answer, because machines are shared.
const options = { baseURL, apiKey, maxRetries: 0, timeout: 30_000 };
export const client = new OpenAI(options);

/** A client that is the same but for `more`. */
export const clientWith = (more) => new OpenAI({ ...options, ...more });

export const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Current weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

export const user = (content) => [{ role: "user", content }];

/** The completion for a script or a list of messages. */
export function complete(prompt, more = {}) {
  const messages = typeof prompt === "string" ? user(prompt) : prompt;
  return client.chat.completions.create({ model, messages, ...more });
}

/** The error of a promise that must be rejected with exactly `kind`. */
export async function raises(kind, promise) {
  const error = await promise.then(() => assert.fail(`expected ${kind.name}, nothing was raised`), (error) => error);
  assert.equal(error.constructor.name, kind.name, `expected ${kind.name}, received ${error}`);
  return error;
}

// === the stub behind the proxy ===

/** What reached the stub with `marker` in it. */
async function stubRequests(marker) {
  const requests = await fetchJson(`${stubURL}/stub/requests`);
  return requests.filter((request) => JSON.stringify(request.body.input).includes(marker));
}

/** The body of the only request that reached the stub with `marker` in it. */
export async function upstreamBody(marker) {
  const requests = await stubRequests(marker);
  assert.equal(requests.length, 1, "one upstream request");
  return requests[0].body;
}

/** How many requests the proxy's journal has whose client left. */
export async function cancelledRequests() {
  const { events } = await fetchJson(`${baseURL}/usage/raw?limit=2000`);
  return events.filter(({ outcome, status }) => outcome === "cancelled" && status === 499).length;
}

async function fetchJson(url) {
  return (await fetch(url, { headers: { authorization: `Bearer ${apiKey}` } })).json();
}

/** Waits until `condition` gives something true. */
export async function until(what, condition, withinMs = 30_000) {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `not within ${withinMs} ms: ${what}`);
    await sleep(20);
  }
}

export function waitForOutcome(marker, outcome) {
  return until(`the stub's request is ${outcome}`, async () => {
    const seen = (await stubRequests(marker)).map((request) => request.outcome);
    return seen.length > 0 && seen.every((each) => each === outcome);
  });
}

/** A word that the stub's records can be searched for. */
export const newMarker = () => `marker-${randomUUID()}`;

// === running ===

/** Runs the scenarios that the command line names, or all. One that fails is named, and the others run on. */
export async function main(scenarios) {
  const asked = process.argv.slice(2);
  const names = asked.length > 0 ? asked : Object.keys(scenarios);
  if (!names.every((name) => name in scenarios)) {
    console.error(`usage: node ${process.argv[1]} [${Object.keys(scenarios).join(" | ")}]…`);
    process.exit(1);
  }
  for (const name of names) {
    try {
      await scenarios[name]();
    } catch (error) {
      console.error(`=== ${name} ===\n`, error);
      process.exitCode = 1;
    }
  }
}
