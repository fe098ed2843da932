"""Completions and streams held against the contract, key by key: what the `openai` package forgives fails here."""

import json
import time

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from common import MODEL, equal

TIMINGS = {"time_to_first_token_ms", "total_duration_ms"}


def usage_of(input, cached, output, reasoning):
    return {
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


# What the stub reports unless its script says otherwise.
USAGE = usage_of(11, 3, 7, 2)

# For usage that the proxy had to count itself.
COUNTED = object()


def check_usage(usage, expected, timed):
    """`timed`: the usage of a stream also holds two measured times."""
    timings = {name: usage.pop(name) for name in TIMINGS & set(usage)}
    assert timed or not timings, f"unexpected {timings} in usage"
    assert all(isinstance(time, (int, float)) and time >= 0 for time in timings.values()), timings
    if expected is COUNTED:
        expected = usage_of(usage["prompt_tokens"], 0, usage["completion_tokens"], 0)
        assert usage["prompt_tokens"] > 0 and usage["completion_tokens"] > 0, usage
    equal(usage, expected, "usage")


def as_read(model):
    """What the SDK made of the JSON that arrived: every key that was there, and types as they should be.

    The SDK turns "7" into 7 without a word; the Node scenarios and `check_completion` see the JSON itself.
    """
    read = model.to_json(exclude_unset=True)
    type(model).model_validate_json(read, strict=True)
    return json.loads(read)


def check_completion(response, choices=1, usage=USAGE, finish=None):
    """Checks a raw response that holds a whole completion, and returns its messages.

    Without `finish`, calls end with `tool_calls` and texts with `stop`.
    """
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
        check_choice(choice, finish)
    check_usage(raw["usage"], usage, timed=False)
    return [raw["choices"][index]["message"] for index in range(choices)]


def check_choice(choice, finish):
    equal(set(choice), {"index", "message", "finish_reason"}, "keys of the choice")
    message = choice["message"]
    called = "tool_calls" in message
    equal(set(message), {"role", "content"} | ({"tool_calls"} if called else set()), "keys of the message")
    equal(message["role"], "assistant", "role")
    equal(choice["finish_reason"], finish or ("tool_calls" if called else "stop"), "finish_reason")
    for call in message.get("tool_calls", []):
        check_call(call)


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
