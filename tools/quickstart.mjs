// The client of ./quickstart: `wait URL` until the proxy is ready, `chat URL PROMPT ID_FILE` to stream an answer. Plain
// Node, so that the first start needs no SDK; any OpenAI SDK does the same with URL as its base URL.

import { writeFileSync } from "node:fs";

const [action, url, prompt, idFile] = process.argv.slice(2);
const actions = { wait, chat };

try {
  await actions[action]();
} catch (error) {
  console.error(`error: ${error.message}${error.cause ? ` (${error.cause.message})` : ""}`);
  process.exitCode = 1;
}

async function wait() {
  const seconds = Number(process.env.ready_within);
  const deadline = Date.now() + seconds * 1000;
  let last = "nothing";
  while (Date.now() < deadline) {
    try {
      const response = await fetch(new URL("/readyz", url), { signal: AbortSignal.timeout(2000) });
      if (response.ok) return;
      last = `${response.status} ${await response.text()}`;
    } catch (error) {
      last = error.message;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`/readyz did not answer 200 within ${seconds} s; last came ${last}`);
}

// Prints the answer as it comes, and writes the request's id to a file.
async function chat() {
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.PROXY_API_KEY}` },
    body: JSON.stringify({ model: "codex-5", stream: true, messages: [{ role: "user", content: prompt }] }),
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok) throw new Error(`the proxy answered ${response.status}: ${await response.text()}`);

  let text = "";
  let done = false;
  let rest = "";
  for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + bytes).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const data = line.slice("data: ".length);
      if (data === "[DONE]") {
        done = true;
        continue;
      }
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(`the stream ended with an error: ${chunk.error.message}`);
      const delta = chunk.choices[0]?.delta.content ?? "";
      process.stdout.write(delta);
      text += delta;
    }
  }
  process.stdout.write("\n");
  const expected = prompt.replace(/^say:/, "");
  if (!done || text !== expected) throw new Error(`the stream was not complete; expected: ${expected}`);
  writeFileSync(idFile, response.headers.get("x-request-id"));
}
