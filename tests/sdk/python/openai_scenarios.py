"""What a partner's program does through the official `openai` package, and gets."""

import json

import openai
from openai import AsyncOpenAI

from common import (
    CLIENT,
    MODEL,
    OSLO,
    WEATHER,
    Forecast,
    asking,
    check_forecast_format,
    client,
    equal,
    main,
    new_marker,
    raises,
    upstream_body,
    user,
)
from contract import COUNTED, Collected, as_read, check_completion, usage_of

UNICODE = (
    "  Grüße,\n\n\t漢字 かな 한국어 \U0001f469‍\U0001f469‍\U0001f467 e\u0301 \u200bz\u200dw\ufeff "
    "\u2028\u2029 \"quoted\" 'single' \\back\\n </tag> שלום \r\n end \n"
)
RED_DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
CALL_OSLO = {"name": "get_weather", "arguments": '{"city":"Oslo"}'}


def complete(prompt, **options):
    """The raw response: its `parse()` is the completion."""
    messages = user(prompt) if isinstance(prompt, str) else prompt
    return client.chat.completions.with_raw_response.create(model=MODEL, messages=messages, **options)


def stream(prompt, choices=1, include_usage=False, **options):
    collected = Collected(choices, include_usage)
    if include_usage:
        options["stream_options"] = {"include_usage": True}
    messages = user(prompt) if isinstance(prompt, str) else prompt
    for chunk in client.chat.completions.create(model=MODEL, messages=messages, stream=True, **options):
        collected.add(chunk)
    return collected


# === answers ===


def text():
    said = "Hello there, friend.  Two  spaces\nand a line."
    (message,) = check_completion(complete(f"say:{said}"))
    equal(message["content"], said, "content")
    streamed = stream(f"say:{said}", include_usage=True).done()
    equal(streamed.texts, [said], "streamed content")
    assert len(streamed.chunks) > 5, f"only {len(streamed.chunks)} chunks: the text was not streamed"
    equal(stream("say:plain").done().texts, ["plain"], "streamed content without usage")


async def asynchronous():
    async with AsyncOpenAI(**CLIENT) as waiting:
        request = asking("say:Hello there.")
        completion = await waiting.chat.completions.create(**request)
        equal(completion.choices[0].message.content, "Hello there.", "content")
        collected = Collected(include_usage=True)
        options = {"stream": True, "stream_options": {"include_usage": True}}
        async for chunk in await waiting.chat.completions.create(**request, **options):
            collected.add(chunk)
        equal(collected.done().texts, ["Hello there."], "streamed content")


def unicode():
    (message,) = check_completion(complete(f"say:{UNICODE}"))
    equal(message["content"], UNICODE, "content")
    equal(stream(f"say:{UNICODE}").done().texts, [UNICODE], "streamed content")


def n3():
    usage = usage_of(33, 9, 21, 6)
    found = check_completion(complete("say:one of three", n=3), choices=3, usage=usage)
    equal([message["content"] for message in found], ["one of three"] * 3, "contents")
    streamed = stream("say:one of three", choices=3, include_usage=True, n=3).done(usage=usage)
    equal(streamed.texts, ["one of three"] * 3, "streamed contents")


def usage():
    usage = usage_of(100, 40, 20, 5)
    check_completion(complete("say:a"))
    check_completion(complete("usage:100:40:20:5:say:a"), usage=usage)
    stream("say:a", include_usage=True).done()
    stream("usage:100:40:20:5:say:a", include_usage=True).done(usage=usage)
    assert stream("say:a").done().usage is None


def stop():
    for stop in ("3 w4", ["never", "3 w4"]):
        options = {"stop": stop}
        (message,) = check_completion(complete("slow:1000:20", **options), usage=COUNTED)
        equal(message["content"], "w0 w1 w2 w", "content")
        streamed = stream("slow:1000:20", include_usage=True, **options).done(usage=COUNTED)
        equal(streamed.texts, ["w0 w1 w2 w"], "streamed content")


def length():
    for limit in ("max_tokens", "max_completion_tokens"):
        options = {limit: 5}
        (message,) = check_completion(complete("slow:1000:20", **options), usage=COUNTED, finish="length")
        equal(message["content"], "w0 w1 w", "content")
        streamed = stream("slow:1000:20", include_usage=True, **options).done("length", usage=COUNTED)
        equal(streamed.texts, ["w0 w1 w"], "streamed content")
        equal(streamed.usage["completion_tokens"], 5, "its tokens")
    equal(stream("incomplete").done("length").texts, ["half"], "content that the upstream cut")
    (filtered,) = check_completion(complete("filter"), usage=COUNTED, finish="content_filter")
    equal(filtered["content"], None, "filtered content")


# === tools ===


def tools():
    prompt = 'tool:get_weather:{"city":"Oslo"}'
    (message,) = check_completion(complete(prompt, tools=[WEATHER]))
    equal(functions(message["tool_calls"]), [CALL_OSLO], "the call")
    equal(message["content"], None, "content beside a call")

    streamed = stream(prompt, tools=[WEATHER], include_usage=True).done("tool_calls")
    (calls,) = streamed.calls
    equal(functions(calls), [CALL_OSLO], "the streamed call")
    equal(streamed.texts, [""], "content beside a call")

    result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny, 21 °C"}
    history = [*user(prompt), {"role": "assistant", "content": None, "tool_calls": calls}, result]
    answer = check_completion(complete(history, tools=[WEATHER]))[0]
    equal(answer["content"], "got tool output sunny, 21 °C", "answer to the result")
    equal(stream(history, tools=[WEATHER]).done().texts, ["got tool output sunny, 21 °C"], "streamed answer")


def functions(calls):
    return [call["function"] for call in calls]


def parallel():
    calls = [
        {"name": "get_weather", "arguments": '{"city": "Oslo", "note": "smørbrød \\"x\\" 漢"}'},
        {"name": "get_weather", "arguments": '{ "city":"Rome" }'},
    ]
    prompt = "calls:" + json.dumps(calls)
    (message,) = check_completion(complete(prompt, tools=[WEATHER]))
    equal(functions(message["tool_calls"]), calls, "calls")
    equal(message["content"], None, "content beside calls")
    (streamed,) = stream(prompt, tools=[WEATHER]).done("tool_calls").calls
    equal(functions(streamed), calls, "streamed calls")
    equal(len({call["id"] for call in streamed}), 2, "distinct ids")
    (one,) = check_completion(complete(prompt, tools=[WEATHER], parallel_tool_calls=False), usage=COUNTED)
    equal(functions(one["tool_calls"]), calls[:1], "the only call where one is allowed")


def tool_choice():
    # This model answers with text until it is asked once more: both turns are paid for.
    prompt, usage = 'coax:get_weather:{"city":"Oslo"}', usage_of(22, 6, 14, 4)
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        options = {"tools": [WEATHER], "tool_choice": choice}
        (message,) = check_completion(complete(prompt, **options), usage=usage)
        equal(functions(message["tool_calls"]), [CALL_OSLO], f"the call with {choice}")
        streamed = stream(prompt, include_usage=True, **options).done("tool_calls", usage=usage)
        equal((streamed.texts, functions(streamed.calls[0])), ([""], [CALL_OSLO]), f"the streamed call with {choice}")
    for choice in ("auto", "none"):
        (message,) = check_completion(complete(prompt, tools=[WEATHER], tool_choice=choice))
        equal(message["content"], "I would rather not.", f"the answer with {choice}")


def legacy_functions():
    marker = new_marker()
    prompt = [*user(marker), *user('tool:get_weather:{"city":"Oslo"}')]
    options = {"functions": [WEATHER["function"]]}
    (message,) = check_completion(complete(prompt, function_call={"name": "get_weather"}, **options))
    equal(functions(message["tool_calls"]), [CALL_OSLO], "the call")
    equal([tool["name"] for tool in upstream_body(marker)["tools"]], ["get_weather"], "tools of the upstream request")
    made = {"role": "assistant", "content": None, "function_call": CALL_OSLO}
    history = [*prompt, made, {"role": "function", "name": "get_weather", "content": "sunny"}]
    equal(stream(history, **options).done().texts, ["got tool output sunny"], "answer to the result")


# === structured output ===


def parse():
    marker = new_marker()
    request = {"model": MODEL, "messages": [*user(marker), *user("say:" + OSLO.model_dump_json())]}
    completion = client.chat.completions.parse(**request, response_format=Forecast)
    equal(completion.choices[0].message.parsed, OSLO, "the parsed answer")
    check_forecast_format(marker)
    with client.chat.completions.stream(**request, response_format=Forecast) as events:
        equal(events.get_final_completion().choices[0].message.parsed, OSLO, "the parsed stream")

    request = {"model": MODEL, "response_format": Forecast}
    raises(openai.LengthFinishReasonError, client.chat.completions.parse, messages=user("incomplete"), **request)
    raises(openai.ContentFilterFinishReasonError, client.chat.completions.parse, messages=user("filter"), **request)


def parsed_tools():
    tools = [openai.pydantic_function_tool(Forecast)]
    messages = user("tool:Forecast:" + OSLO.model_dump_json())
    completion = client.chat.completions.parse(model=MODEL, messages=messages, tools=tools)
    (call,) = completion.choices[0].message.tool_calls
    equal(call.function.parsed_arguments, OSLO, "the parsed arguments")
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=tools) as events:
        (call,) = events.get_final_completion().choices[0].message.tool_calls
    equal(call.function.parsed_arguments, OSLO, "the parsed arguments of a stream")


def json_object():
    response = complete('say:{"a": 1}', response_format={"type": "json_object"})
    (message,) = check_completion(response)
    equal(json.loads(message["content"]), {"a": 1}, "content")
    equal(response.headers["x-proxy-ignored-params"], "response_format", "what is not enforced")


# === what goes up, and what comes beside the answer ===


def system():
    marker = new_marker()
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
    body = upstream_body(marker)
    received = [{key: item[key] for key in item if key != "id"} for item in body["input"]]
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
    assert not body.get("instructions"), "the upstream got instructions of somebody else"
    equal(body.get("tools", []), [], "tools of the upstream request")


def item(role, kind, *texts):
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def image():
    marker = new_marker()
    parts = [{"type": "image_url", "image_url": {"url": RED_DOT}}, {"type": "text", "text": f"say:{marker}"}]
    (message,) = check_completion(complete([{"role": "user", "content": parts}]))
    equal(message["content"], marker, "content")
    (received,) = upstream_body(marker)["input"]
    images = [part["image_url"] for part in received["content"] if part["type"] == "input_image"]
    equal(images, [RED_DOT], "images of the upstream request")


def headers():
    response = complete("say:a", temperature=0.5, seed=7)
    equal(set(response.headers["x-proxy-ignored-params"].split(", ")), {"seed", "temperature"}, "what has no effect")
    check_ids(response)
    equal(response.parse()._request_id, response.headers["x-request-id"], "the id on the completion")
    streamed = complete("say:a", stream=True)
    check_ids(streamed)
    equal(streamed.headers["content-type"], "text/event-stream", "content type of a stream")
    assert list(streamed.parse()), "the stream is empty"
    assert streamed.headers["x-request-id"] != response.headers["x-request-id"], "two requests with one id"


def check_ids(response):
    assert response.headers["x-request-id"], "no X-Request-Id"
    equal(response.headers["x-proxy-trace-id"], response.headers["x-request-id"], "the id for the trace")


def models():
    constant = {"object": "model", "owned_by": "codex", "created": 0}
    listed = [as_read(model) for model in client.models.list()]
    for model in listed:
        equal(model, {"id": model["id"], **constant}, "the model")
    ids = [model["id"] for model in listed]
    assert MODEL in ids, f"{MODEL} is not listed: {ids}"
    equal(len(ids), len(set(ids)), "distinct ids")
    equal(as_read(client.models.retrieve(MODEL)), {"id": MODEL, **constant}, "one model")
    error = raises(openai.NotFoundError, client.models.retrieve, "no-such")
    equal(error.code, "model_not_found", "an unknown model")


if __name__ == "__main__":
    main(
        text, asynchronous, unicode, n3, usage, stop, length,
        tools, parallel, tool_choice, legacy_functions,
        parse, parsed_tools, json_object,
        system, image, headers, models,
    )  # fmt: skip
