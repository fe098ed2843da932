"""What a partner's program does, through the official `openai` package: `python scenarios.py NAME`.

Environment: BASE_URL (http://HOST:PORT/v1 of the proxy), API_KEY, STUB_URL (http://HOST:PORT of the model-stub behind
it), MODEL (default codex-5). Exit 0, or a traceback that says what differed. Prompts are scripts of the model-stub.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request
import uuid

import openai
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

BASE_URL, API_KEY = os.environ["BASE_URL"], os.environ["API_KEY"]
MODEL = os.environ.get("MODEL", "codex-5")
TIMEOUT = 30.0

client = OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0, timeout=TIMEOUT)

UNICODE = (
    "  Grüße,\n\n\t漢字 かな 한국어 \U0001F469‍\U0001F469‍\U0001F467 e\u0301 \u200bz\u200dw\ufeff "
    "\u2028\u2029 \"quoted\" 'single' \\back\\n </tag> שלום \r\n end \n"
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
TIMINGS = {"time_to_first_token_ms", "total_duration_ms"}


# === checks ===


def equal(actual, expected, what):
    assert actual == expected, f"{what}:\n  expected {expected!r}\n  received {actual!r}"


def check_usage(usage, expected, timed):
    """`timed`: the usage of a stream also holds two measured times."""
    timings = {name: usage.pop(name) for name in TIMINGS & set(usage)}
    assert timed or not timings, f"unexpected {timings} in usage"
    assert all(isinstance(time, (int, float)) and time >= 0 for time in timings.values()), timings
    equal(usage, expected, "usage")


def as_read(model):
    """What the SDK made of the JSON that arrived: every key that was there, and types as they should be.

    The SDK turns "7" into 7 without a word; the Node scenarios and `check_completion` see the JSON itself.
    """
    read = model.to_json(exclude_unset=True)
    type(model).model_validate_json(read, strict=True)
    return json.loads(read)


def check_completion(response, choices=1, usage=USAGE):
    """Checks a raw response that holds a whole completion, and returns its messages."""
    ChatCompletion.model_validate_json(response.text, strict=True)
    raw = json.loads(response.text)
    equal(as_read(response.parse()), raw, "the completion as the SDK read it")
    equal(set(raw), {"id", "object", "created", "model", "choices", "usage"}, "keys of the completion")
    assert raw["id"].startswith("chatcmpl-"), raw["id"]
    equal(raw["object"], "chat.completion", "object")
    equal(raw["model"], MODEL, "model")
    assert abs(raw["created"] - time.time()) < 300, f"created {raw['created']} is not now"
    equal(sorted(choice["index"] for choice in raw["choices"]), list(range(choices)), "indexes")
    for choice in raw["choices"]:
        equal(set(choice), {"index", "message", "finish_reason"}, "keys of the choice")
        called = "tool_calls" in choice["message"]
        keys = {"role", "content"} | ({"tool_calls"} if called else set())
        equal(set(choice["message"]), keys, "keys of the message")
        equal(choice["message"]["role"], "assistant", "role")
        equal(choice["finish_reason"], "tool_calls" if called else "stop", "finish_reason")
        for call in choice["message"].get("tool_calls", []):
            check_call(call)
    check_usage(raw["usage"], usage, timed=False)
    return [raw["choices"][index]["message"] for index in range(choices)]


def check_call(call):
    equal(set(call), {"id", "type", "function"}, "keys of the tool call")
    equal(set(call["function"]), {"name", "arguments"}, "keys of the function")
    equal(call["type"], "function", "type of the tool call")
    assert call["id"], "the tool call has no id"


class Collected:
    """Checks every chunk of a stream against the contract and adds up what it carries."""

    def __init__(self, choices=1, include_usage=False):
        self.include_usage = include_usage
        self.chunks, self.usage = [], None
        self.texts, self.calls = [""] * choices, [[] for _ in range(choices)]
        self.started, self.finished = [False] * choices, [None] * choices

    def add(self, chunk: ChatCompletionChunk):
        raw = as_read(chunk)
        assert self.usage is None, f"a chunk after the usage: {raw}"
        self.check_envelope(raw)
        self.chunks.append(raw)
        if raw["choices"]:
            (choice,) = raw["choices"]
            equal(set(choice), {"index", "delta", "finish_reason"}, "keys of the choice")
            self.add_delta(choice["index"], choice["delta"], choice["finish_reason"])
        else:
            assert self.include_usage, f"a usage chunk that nobody asked for: {raw}"
            assert all(self.finished), "the usage came before the finish"
            self.usage = raw["usage"]

    def check_envelope(self, raw):
        keys = {"id", "object", "created", "model", "choices", "usage"}
        if not self.include_usage:
            raw.setdefault("usage", None)
        if not raw["choices"]:
            keys |= TIMINGS & set(raw)
        equal(set(raw), keys, "keys of the chunk")
        equal(raw["object"], "chat.completion.chunk", "object")
        equal(raw["model"], MODEL, "model")
        assert raw["id"].startswith("chatcmpl-"), raw["id"]
        for key in ("id", "created"):
            equal(raw[key], (self.chunks or [raw])[0][key], f"{key} over all chunks")
        if raw["choices"]:
            assert raw["usage"] is None, f"usage before the end: {raw}"

    def add_delta(self, index, delta, finish_reason):
        assert self.finished[index] is None, f"choice {index} goes on after its finish: {delta}"
        if not self.started[index]:
            equal((delta, finish_reason), ({"role": "assistant"}, None), "the first chunk of a choice")
            self.started[index] = True
        elif finish_reason is not None:
            equal(delta, {}, "delta of the finish chunk")
            self.finished[index] = finish_reason
        elif "content" in delta:
            equal(set(delta), {"content"}, "keys of a content delta")
            self.texts[index] += delta["content"]
        else:
            equal(set(delta), {"tool_calls"}, "keys of a delta")
            for fragment in delta["tool_calls"]:
                self.add_fragment(self.calls[index], fragment)

    @staticmethod
    def add_fragment(calls, fragment):
        if fragment["index"] == len(calls):
            equal(set(fragment), {"index", "id", "type", "function"}, "keys of a call's first fragment")
            call = {key: fragment[key] for key in ("id", "type")}
            calls.append({**call, "function": {"name": fragment["function"]["name"], "arguments": ""}})
            check_call(calls[-1])
        else:
            equal(set(fragment), {"index", "function"}, "keys of a call's later fragment")
            equal(set(fragment["function"]), {"arguments"}, "keys of a later fragment's function")
        calls[fragment["index"]]["function"]["arguments"] += fragment["function"].get("arguments", "")

    def done(self, finish_reason="stop", usage=USAGE):
        equal(self.finished, [finish_reason] * len(self.finished), "finish reasons")
        if self.include_usage:
            assert self.usage is not None, "no usage chunk came"
            check_usage(self.usage, usage, timed=True)
        return self


def messages(text):
    return [{"role": "user", "content": text}]


def complete(prompt, **options):
    """The raw response: its `parse()` is the completion."""
    prompt = messages(prompt) if isinstance(prompt, str) else prompt
    return client.chat.completions.with_raw_response.create(model=MODEL, messages=prompt, **options)


def stream(prompt, choices=1, include_usage=False, **options):
    collected = Collected(choices, include_usage)
    if include_usage:
        options["stream_options"] = {"include_usage": True}
    prompt = messages(prompt) if isinstance(prompt, str) else prompt
    for chunk in client.chat.completions.create(model=MODEL, messages=prompt, stream=True, **options):
        collected.add(chunk)
    return collected


def raises(kind, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except openai.OpenAIError as error:
        assert type(error) is kind, f"expected {kind.__name__}, received {error!r}"
        return error
    raise AssertionError(f"expected {kind.__name__}, nothing was raised")


# === the stub behind the proxy ===


def stub_requests(marker):
    """What reached the stub with `marker` in it."""
    with urllib.request.urlopen(os.environ["STUB_URL"] + "/stub/requests", timeout=TIMEOUT) as response:
        requests = json.load(response)
    return [request for request in requests if marker in json.dumps(request["body"]["input"])]


def wait_for_outcome(marker, outcome, within=10.0):
    deadline = time.monotonic() + within
    while True:
        seen = [request["outcome"] for request in stub_requests(marker)]
        if seen and all(each == outcome for each in seen):
            return
        assert time.monotonic() < deadline, f"the stub saw {seen or 'no request'} within {within} s, not {outcome}"
        time.sleep(0.02)


# === scenarios ===


def text():
    said = "Hello there, friend.  Two  spaces\nand a line."
    (message,) = check_completion(complete(f"say:{said}"))
    equal(message["content"], said, "content")
    streamed = stream(f"say:{said}", include_usage=True).done()
    equal(streamed.texts, [said], "streamed content")
    assert len(streamed.chunks) > 5, f"only {len(streamed.chunks)} chunks: the text was not streamed"
    equal(stream("say:plain").done().texts, ["plain"], "streamed content without usage")


def unicode():
    (message,) = check_completion(complete(f"say:{UNICODE}"))
    equal(message["content"], UNICODE, "content")
    equal(stream(f"say:{UNICODE}").done().texts, [UNICODE], "streamed content")


def tools():
    prompt = 'tool:get_weather:{"city":"Oslo"}'
    (message,) = check_completion(complete(prompt, tools=[WEATHER]))
    check_weather_call(message["tool_calls"])
    equal(message["content"], None, "content beside a call")

    streamed = stream(prompt, tools=[WEATHER], include_usage=True).done("tool_calls")
    (calls,) = streamed.calls
    check_weather_call(calls)
    equal(streamed.texts, [""], "content beside a call")

    result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny, 21 °C"}
    history = [*messages(prompt), {"role": "assistant", "content": None, "tool_calls": calls}, result]
    answer = check_completion(complete(history, tools=[WEATHER]))[0]
    equal(answer["content"], "got tool output sunny, 21 °C", "answer to the result")
    equal(stream(history, tools=[WEATHER]).done().texts, ["got tool output sunny, 21 °C"], "streamed answer")


def check_weather_call(calls):
    functions = [call["function"] for call in calls]
    equal(functions, [{"name": "get_weather", "arguments": '{"city":"Oslo"}'}], "the call")


def parallel():
    functions = [
        {"name": "get_weather", "arguments": '{"city": "Oslo", "note": "smørbrød \\"x\\" 漢"}'},
        {"name": "get_weather", "arguments": '{ "city":"Rome" }'},
    ]
    prompt = "calls:" + json.dumps(functions)
    (message,) = check_completion(complete(prompt, tools=[WEATHER]))
    equal([call["function"] for call in message["tool_calls"]], functions, "calls")
    equal(message["content"], None, "content beside calls")
    (calls,) = stream(prompt, tools=[WEATHER]).done("tool_calls").calls
    equal([call["function"] for call in calls], functions, "streamed calls")
    equal(len({call["id"] for call in calls}), 2, "distinct ids")


def n3():
    usage = {
        "prompt_tokens": 33,
        "completion_tokens": 21,
        "total_tokens": 54,
        "prompt_tokens_details": {"cached_tokens": 9},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    found = check_completion(complete("say:one of three", n=3), choices=3, usage=usage)
    equal([message["content"] for message in found], ["one of three"] * 3, "contents")
    streamed = stream("say:one of three", choices=3, include_usage=True, n=3).done(usage=usage)
    equal(streamed.texts, ["one of three"] * 3, "streamed contents")


def usage():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    check_completion(complete("say:a"))
    check_completion(complete("usage:100:40:20:5:say:a"), usage=usage)
    stream("say:a", include_usage=True).done()
    stream("usage:100:40:20:5:say:a", include_usage=True).done(usage=usage)
    assert stream("say:a").done().usage is None


def errors():
    stranger = client.with_options(api_key="wrong-" + uuid.uuid4().hex)
    refused = {"model": MODEL, "messages": messages("say:a")}
    error = raises(openai.AuthenticationError, stranger.chat.completions.create, **refused)
    equal((error.status_code, error.code), (401, "invalid_api_key"), "wrong key")
    assert error.request_id, "no X-Request-Id on the error"

    error = raises(openai.NotFoundError, client.chat.completions.create, **{**refused, "model": "no-such"})
    equal((error.code, error.param), ("model_not_found", "model"), "unknown model")

    bad_fields = [
        ("messages", {"messages": []}),
        ("messages[0].role", {"messages": [{"role": "wizard", "content": "say:a"}]}),
        ("n", {"n": 0}),
        ("temperature", {"temperature": 3}),
        ("max_tokens", {"max_tokens": 0}),
        ("tools[0].type", {"tools": [{"type": "wand", "function": {"name": "f"}}]}),
        ("tools[0].function.name", {"tools": [{"type": "function", "function": {}}]}),
        ("response_format", {"response_format": {"type": "poem"}}),
        ("stream", {"extra_body": {"stream": "yes"}}),
    ]
    for param, options in bad_fields:
        options = {"messages": messages("say:a"), **options}
        error = raises(openai.BadRequestError, client.chat.completions.create, model=MODEL, **options)
        equal((error.type, error.param), ("invalid_request_error", param), f"error for {options}")

    upstream = {400: openai.BadRequestError, 429: openai.RateLimitError, 500: openai.InternalServerError}
    for status, kind in upstream.items():
        raises(kind, complete, f"err:{status}")
        raises(kind, stream, f"err:{status}")


def cut():
    received = Collected()
    try:
        for chunk in client.chat.completions.create(model=MODEL, messages=messages("cut"), stream=True):
            received.add(chunk)
    except openai.APIError as error:
        assert error.message, "the error says nothing"
    else:
        raise AssertionError("a stream that was cut ended like a success")
    equal((received.texts, received.finished), (["partial"], [None]), "what came before the cut")
    try:
        complete("cut")
    except openai.APIStatusError as error:
        assert error.status_code >= 500, error
    else:
        raise AssertionError("an answer that was cut looks like a success")


def cancel():
    asyncio.run(cancel_all())


async def cancel_all():
    async with AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0, timeout=TIMEOUT) as leaving:
        await cancel_mid_stream(leaving)
        await cancel_waiting(leaving, "delay:60000:say:late", stream=True)
        await cancel_waiting(leaving, "slow:100000:20", stream=False)


def marked(prompt):
    """A conversation that the stub's records can be searched for."""
    marker = uuid.uuid4().hex
    return marker, [*messages(f"marker {marker}"), *messages(prompt)]


async def cancel_mid_stream(leaving):
    marker, prompt = marked("slow:100000:20")
    chunks = await leaving.chat.completions.create(model=MODEL, messages=prompt, stream=True)
    async for chunk in chunks:
        if chunk.choices[0].delta.content:
            break
    wait_for_outcome(marker, "running")
    await chunks.close()
    wait_for_outcome(marker, "disconnected")


async def cancel_waiting(leaving, script, stream):
    marker, prompt = marked(script)
    request = leaving.chat.completions.create(model=MODEL, messages=prompt, stream=stream)
    task = asyncio.create_task(request)
    await asyncio.to_thread(wait_for_outcome, marker, "running")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    wait_for_outcome(marker, "disconnected")


def models():
    listed = [as_read(model) for model in client.models.list()]
    for model in listed:
        equal(model, {"id": model["id"], "object": "model", "owned_by": "codex", "created": 0}, "the model")
    ids = [model["id"] for model in listed]
    assert MODEL in ids, f"{MODEL} is not listed: {ids}"
    equal(len(ids), len(set(ids)), "distinct ids")


def system():
    marker = uuid.uuid4().hex
    call = {"id": "call_mine", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    history = [
        {"role": "system", "content": f"Be brief. {marker}"},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "an answer"},
        {"role": "developer", "content": "Be polite."},
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_mine", "content": "sunny"},
        {"role": "user", "content": "say:done"},
    ]
    equal(check_completion(complete(history))[0]["content"], "done", "content")
    (request,) = stub_requests(marker)
    received = [{key: item[key] for key in item if key != "id"} for item in request["body"]["input"]]
    equal(received, [
        item("developer", "input_text", f"Be brief. {marker}"),
        item("user", "input_text", "one", "two"),
        item("assistant", "output_text", "an answer"),
        item("developer", "input_text", "Be polite."),
        item("user", "input_text", "weather?"),
        {"type": "function_call", "call_id": "call_mine", "name": "get_weather", "arguments": '{"city": "Oslo"}'},
        {"type": "function_call_output", "call_id": "call_mine", "output": "sunny"},
        item("user", "input_text", "say:done"),
    ], "input of the upstream request")  # fmt: skip
    assert not request["body"].get("instructions"), "the upstream got instructions of somebody else"
    equal(request["body"].get("tools", []), [], "tools of the upstream request")


def item(role, kind, *texts):
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


SCENARIOS = [text, unicode, tools, parallel, n3, usage, errors, cut, cancel, models, system]


def main():
    scenarios = {scenario.__name__: scenario for scenario in SCENARIOS}
    if len(sys.argv) != 2 or sys.argv[1] not in scenarios:
        sys.exit(f"usage: python scenarios.py {'|'.join(scenarios)}")
    scenarios[sys.argv[1]]()


if __name__ == "__main__":
    main()
