// What a partner's program does through the official `openai` package, and gets.

import assert from "node:assert/strict";

import OpenAI from "openai";
import { ContentFilterFinishReasonError, LengthFinishReasonError } from "openai/core/error";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { WEATHER, client, complete, main, model, newMarker, raises, upstreamBody, user } from "./common.mjs";
import { COUNTED, Collected, checkCompletion, usageOf } from "./contract.mjs";

const UNICODE =
  "  Grüße,\n\n\t漢字 かな 한국어 \u{1F469}\u200d\u{1F469}\u200d\u{1F467} e\u0301 \u200bz\u200dw\ufeff " +
  "\u2028\u2029 \"quoted\" 'single' \\back\\n </tag> שלום \r\n end \n";
const RED_DOT =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4" +
  "z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const CALL_OSLO = { name: "get_weather", arguments: '{"city":"Oslo"}' };
const OSLO = { city: "Oslo", degrees: 21 };
const Forecast = z.object({ city: z.string(), degrees: z.int() });

async function stream(prompt, { includeUsage = false, ...options } = {}) {
  const collected = new Collected({ choices: options.n, includeUsage });
  if (includeUsage) options.stream_options = { include_usage: true };
  for await (const chunk of await complete(prompt, { ...options, stream: true })) collected.add(chunk);
  return collected;
}

const functions = (calls) => calls.map((call) => call.function);

// === answers ===

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

async function stop() {
  for (const stop of ["3 w4", ["never", "3 w4"]]) {
    const [message] = checkCompletion(await complete("slow:1000:20", { stop }), { usage: COUNTED });
    assert.equal(message.content, "w0 w1 w2 w");
    const streamed = (await stream("slow:1000:20", { stop, includeUsage: true })).done({ usage: COUNTED });
    assert.deepEqual(streamed.texts, ["w0 w1 w2 w"]);
  }
}

async function length() {
  const end = { finish: "length", usage: COUNTED };
  for (const limit of [{ max_tokens: 5 }, { max_completion_tokens: 5 }]) {
    const [message] = checkCompletion(await complete("slow:1000:20", limit), end);
    assert.equal(message.content, "w0 w1 w");
    const streamed = (await stream("slow:1000:20", { ...limit, includeUsage: true })).done(end);
    assert.deepEqual([streamed.texts, streamed.usage.completion_tokens], [["w0 w1 w"], 5]);
  }
  assert.deepEqual((await stream("incomplete")).done({ finish: "length" }).texts, ["half"]);
  const [filtered] = checkCompletion(await complete("filter"), { finish: "content_filter", usage: COUNTED });
  assert.equal(filtered.content, null);
}

// === tools ===

async function tools() {
  const options = { tools: [WEATHER] };
  const prompt = 'tool:get_weather:{"city":"Oslo"}';
  const [message] = checkCompletion(await complete(prompt, options));
  assert.deepEqual(functions(message.tool_calls), [CALL_OSLO]);
  assert.equal(message.content, null);

  const streamed = (await stream(prompt, { ...options, includeUsage: true })).done({ finish: "tool_calls" });
  const [{ calls, text }] = streamed.choices;
  assert.deepEqual(functions(calls), [CALL_OSLO]);
  assert.equal(text, "", "content beside a call");

  const result = { role: "tool", tool_call_id: calls[0].id, content: "sunny, 21 °C" };
  const history = [...user(prompt), { role: "assistant", content: null, tool_calls: calls }, result];
  const [answer] = checkCompletion(await complete(history, options));
  assert.equal(answer.content, "got tool output sunny, 21 °C");
  assert.deepEqual((await stream(history, options)).done().texts, ["got tool output sunny, 21 °C"]);
}

async function parallel() {
  const expected = [
    { name: "get_weather", arguments: '{"city": "Oslo", "note": "smørbrød \\"x\\" 漢"}' },
    { name: "get_weather", arguments: '{ "city":"Rome" }' },
  ];
  const prompt = `calls:${JSON.stringify(expected)}`;
  const [message] = checkCompletion(await complete(prompt, { tools: [WEATHER] }));
  assert.deepEqual(functions(message.tool_calls), expected);
  assert.equal(message.content, null);
  const [{ calls }] = (await stream(prompt, { tools: [WEATHER] })).done({ finish: "tool_calls" }).choices;
  assert.deepEqual(functions(calls), expected);
  assert.notEqual(calls[0].id, calls[1].id);
  const single = await complete(prompt, { tools: [WEATHER], parallel_tool_calls: false });
  const [one] = checkCompletion(single, { usage: COUNTED });
  assert.deepEqual(functions(one.tool_calls), expected.slice(0, 1));
}

async function tool_choice() {
  // This model answers with text until it is asked once more: both turns are paid for.
  const prompt = 'coax:get_weather:{"city":"Oslo"}';
  const usage = usageOf(22, 6, 14, 4);
  for (const choice of ["required", { type: "function", function: { name: "get_weather" } }]) {
    const options = { tools: [WEATHER], tool_choice: choice };
    const [message] = checkCompletion(await complete(prompt, options), { usage });
    assert.deepEqual(functions(message.tool_calls), [CALL_OSLO]);
    const streamed = (await stream(prompt, { ...options, includeUsage: true })).done({ finish: "tool_calls", usage });
    assert.deepEqual([streamed.texts, functions(streamed.choices[0].calls)], [[""], [CALL_OSLO]]);
  }
  for (const choice of ["auto", "none"]) {
    const [message] = checkCompletion(await complete(prompt, { tools: [WEATHER], tool_choice: choice }));
    assert.equal(message.content, "I would rather not.");
  }
}

async function legacy_functions() {
  const marker = newMarker();
  const prompt = [...user(marker), ...user('tool:get_weather:{"city":"Oslo"}')];
  const options = { functions: [WEATHER.function] };
  const demand = { ...options, function_call: { name: "get_weather" } };
  const [message] = checkCompletion(await complete(prompt, demand));
  assert.deepEqual(functions(message.tool_calls), [CALL_OSLO]);
  assert.deepEqual((await upstreamBody(marker)).tools.map((tool) => tool.name), ["get_weather"]);
  const made = { role: "assistant", content: null, function_call: CALL_OSLO };
  const history = [...prompt, made, { role: "function", name: "get_weather", content: "sunny" }];
  assert.deepEqual((await stream(history, options)).done().texts, ["got tool output sunny"]);
}

/** The SDK's own loop, which runs the functions. */
async function run_tools() {
  for (const stream of [false, true]) {
    const asked = [];
    const weather = ({ city }) => {
      asked.push(city);
      return { Oslo: "21 °C", Rome: "33 °C" }[city];
    };
    const tool = { ...WEATHER, function: { ...WEATHER.function, function: weather, parse: JSON.parse } };
    const runner = client.chat.completions.runTools({ model, messages: user("tools2"), tools: [tool], stream });
    assert.equal(await runner.finalContent(), "got tool output 33 °C");
    assert.deepEqual(asked, ["Oslo", "Rome"]);
    const { prompt_tokens, completion_tokens } = await runner.totalUsage();
    // The runner asks for no usage of a stream.
    assert.deepEqual([prompt_tokens, completion_tokens], stream ? [0, 0] : [22, 14]);
  }
}

// === structured output ===

async function parse() {
  const marker = newMarker();
  const messages = [...user(marker), ...user(`say:${JSON.stringify(OSLO)}`)];
  const request = { model, messages, response_format: zodResponseFormat(Forecast, "forecast") };
  const completion = await client.chat.completions.parse(request);
  assert.deepEqual(completion.choices[0].message.parsed, OSLO);
  const { format } = (await upstreamBody(marker)).text;
  assert.deepEqual([format.type, Object.keys(format.schema.properties)], ["json_schema", ["city", "degrees"]]);
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  assert.deepEqual(streamed.choices[0].message.parsed, OSLO);

  const cut = (script) => client.chat.completions.parse({ ...request, messages: user(script) });
  await raises(LengthFinishReasonError, cut("incomplete"));
  await raises(ContentFilterFinishReasonError, cut("filter"));
}

async function parsed_tools() {
  const tool = zodFunction({ name: "forecast", parameters: Forecast });
  const request = { model, messages: user(`tool:forecast:${JSON.stringify(OSLO)}`), tools: [tool] };
  const whole = await client.chat.completions.parse(request);
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  for (const completion of [whole, streamed]) {
    const [call] = completion.choices[0].message.tool_calls;
    assert.deepEqual(call.function.parsed_arguments, OSLO);
  }
}

async function json_object() {
  const request = complete('say:{"a": 1}', { response_format: { type: "json_object" } });
  const { data, response } = await request.withResponse();
  const [message] = checkCompletion(data);
  assert.deepEqual(JSON.parse(message.content), { a: 1 });
  assert.equal(response.headers.get("x-proxy-ignored-params"), "response_format");
}

// === what goes up, and what comes beside the answer ===

async function system() {
  const marker = newMarker();
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
  const body = await upstreamBody(marker);
  const item = (role, type, ...texts) => ({
    type: "message",
    role,
    content: texts.map((text) => ({ type, text })),
  });
  const received = body.input.map(({ id: _, ...rest }) => rest);
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
  assert.ok(!body.instructions, "the upstream got instructions of somebody else");
  assert.deepEqual(body.tools ?? [], []);
}

async function image() {
  const marker = newMarker();
  const parts = [{ type: "image_url", image_url: { url: RED_DOT } }, { type: "text", text: `say:${marker}` }];
  const [message] = checkCompletion(await complete([{ role: "user", content: parts }]));
  assert.equal(message.content, marker);
  const [received] = (await upstreamBody(marker)).input;
  const images = received.content.filter((part) => part.type === "input_image").map((part) => part.image_url);
  assert.deepEqual(images, [RED_DOT]);
}

async function headers() {
  const whole = await complete("say:a", { temperature: 0.5, seed: 7 }).withResponse();
  const ignored = whole.response.headers.get("x-proxy-ignored-params").split(", ");
  assert.deepEqual(ignored.sort(), ["seed", "temperature"]);
  assert.equal(whole.data._request_id, whole.request_id);
  const streamed = await complete("say:a", { stream: true }).withResponse();
  assert.equal(streamed.response.headers.get("content-type"), "text/event-stream");
  for await (const _ of streamed.data); // so that the connection is free again
  for (const { request_id, response } of [whole, streamed]) {
    assert.ok(request_id, "no X-Request-Id");
    assert.equal(response.headers.get("x-proxy-trace-id"), request_id);
  }
  assert.notEqual(whole.request_id, streamed.request_id);
}

async function models() {
  const ids = [];
  for await (const listed of client.models.list()) {
    assert.deepEqual(listed, { id: listed.id, object: "model", owned_by: "codex", created: 0 });
    ids.push(listed.id);
  }
  assert.ok(ids.includes(model), `${model} is not listed: ${ids}`);
  assert.equal(new Set(ids).size, ids.length, "distinct ids");
  assert.deepEqual(await client.models.retrieve(model), { id: model, object: "model", owned_by: "codex", created: 0 });
  const unknown = await raises(OpenAI.NotFoundError, client.models.retrieve("no-such"));
  assert.equal(unknown.code, "model_not_found");
}

await main({
  text, unicode, n3, usage, stop, length,
  tools, parallel, tool_choice, legacy_functions, run_tools,
  parse, parsed_tools, json_object,
  system, image, headers, models,
});
