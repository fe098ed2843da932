"""What a partner's program does through LangChain's `ChatOpenAI`, unmodified: waiting and asynchronous.

`use_responses_api=False`, because LangChain takes any model with "codex" in its name for one of the Responses API.
"""

import openai
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from common import (
    MODEL,
    OSLO,
    SERVER,
    Forecast,
    check_forecast_format,
    equal,
    main,
    new_marker,
    raises,
    raises_later,
    upstream_texts,
)

OPTIONS = {**SERVER, "model": MODEL, "stream_usage": True, "use_responses_api": False}
model = ChatOpenAI(**OPTIONS)

SAID = "Hello there, friend.\n\tAnd ćafé 漢字."
USAGE = {
    "input_tokens": 11,
    "output_tokens": 7,
    "total_tokens": 18,
    "input_token_details": {"cache_read": 3},
    "output_token_details": {"reasoning": 2},
}


# === checks ===


def check_answer(message, content, finish="stop"):
    assert isinstance(message, AIMessage), repr(message)
    equal(message.content, content, "content")
    equal(message.usage_metadata, USAGE, "usage")
    found = {key: message.response_metadata[key] for key in ("finish_reason", "model_name", "model_provider")}
    equal(found, {"finish_reason": finish, "model_name": MODEL, "model_provider": "openai"}, "metadata")


def added_up(chunks):
    """The message that `chunks` add up to."""
    assert len(chunks) > 3, f"only {len(chunks)} chunks: the answer was not streamed"
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks), chunks
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


async def listed(stream):
    return [chunk async for chunk in stream]


# === answers ===


def text():
    check_answer(model.invoke(f"say:{SAID}"), SAID)
    check_answer(added_up(list(model.stream(f"say:{SAID}"))), SAID)


async def text_async():
    check_answer(await model.ainvoke(f"say:{SAID}"), SAID)
    check_answer(added_up(await listed(model.astream(f"say:{SAID}"))), SAID)


def batch():
    answers = model.batch([f"say:{number}" for number in range(4)])
    equal([answer.content for answer in answers], ["0", "1", "2", "3"], "contents")


def conversation():
    marker = new_marker()
    before = [SystemMessage(f"Be brief. {marker}"), HumanMessage("one"), AIMessage("an answer")]
    check_answer(model.invoke([*before, HumanMessage("say:done")]), "done")
    said = [("developer", f"Be brief. {marker}"), ("user", "one"), ("assistant", "an answer"), ("user", "say:done")]
    equal(upstream_texts(marker), said, "the upstream's input")


def limits():
    equal(model.invoke("slow:1000:20", stop=["3 w4"]).content, "w0 w1 w2 w", "content up to the stop sequence")
    cut = model.bind(max_tokens=5).invoke("slow:1000:20")
    equal((cut.content, cut.response_metadata["finish_reason"]), ("w0 w1 w", "length"), "content up to the limit")


# === tools ===


@tool
def get_weather(city: str) -> str:
    """Current weather"""
    return {"Oslo": "21 °C", "Rome": "33 °C"}[city]


with_tools = model.bind_tools([get_weather])


def tools():
    history = [HumanMessage("tools2")]
    history += called(with_tools.invoke(history))
    check_answer(with_tools.invoke(history), "got tool output 33 °C")

    history = [HumanMessage("tools2")]
    history += called(added_up(list(with_tools.stream(history))))
    check_answer(added_up(list(with_tools.stream(history))), "got tool output 33 °C")


async def tools_async():
    history = [HumanMessage("tools2")]
    history += called(await with_tools.ainvoke(history))
    check_answer(added_up(await listed(with_tools.astream(history))), "got tool output 33 °C")


def called(message):
    """The message, whose two calls are checked, and their results."""
    check_answer(message, "", "tool_calls")
    calls = [(call["name"], call["args"]) for call in message.tool_calls]
    equal(calls, [("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})], "calls")
    results = [get_weather.invoke(call) for call in message.tool_calls]
    equal([result.content for result in results], ["21 °C", "33 °C"], "results")
    return [message, *results]


# === structured output ===


def structured():
    marker = new_marker()
    prompt = [HumanMessage(marker), HumanMessage("say:" + OSLO.model_dump_json())]
    structured = model.with_structured_output(Forecast)
    equal(structured.invoke(prompt), OSLO, "the parsed answer")
    check_forecast_format(marker)
    equal(list(structured.stream(prompt))[-1], OSLO, "the parsed stream")


async def structured_async():
    structured = model.with_structured_output(Forecast, include_raw=True)
    answer = await structured.ainvoke("say:" + OSLO.model_dump_json())
    equal((answer["parsed"], answer["parsing_error"]), (OSLO, None), "the parsed answer")
    check_answer(answer["raw"], OSLO.model_dump_json())


def function_calling():
    structured = model.with_structured_output(Forecast, method="function_calling")
    prompt = "tool:Forecast:" + OSLO.model_dump_json()
    equal(structured.invoke(prompt), OSLO, "the parsed call")
    equal(list(structured.stream(prompt))[-1], OSLO, "the parsed call of a stream")


async def function_calling_async():
    structured = model.with_structured_output(Forecast, method="function_calling")
    # This model makes the call that `tool_choice` demands only when it is asked once more.
    equal(await structured.ainvoke("coax:Forecast:" + OSLO.model_dump_json()), OSLO, "the parsed call")


# === errors ===

ERRORS = [
    ("say:never", openai.AuthenticationError, {"api_key": "wrong-" + new_marker()}),
    ("say:never", openai.NotFoundError, {"model": "no-such"}),
    ("say:never", openai.BadRequestError, {"n": 9}),
    ("err:429", openai.RateLimitError, {}),
    ("err:503", openai.InternalServerError, {}),
    ("failed", openai.BadRequestError, {}),
]


def errors():
    for script, kind, options in ERRORS:
        refused = ChatOpenAI(**{**OPTIONS, **options})
        check_error(kind, refused.invoke, script)
        check_error(kind, lambda: list(refused.stream(script)))


def check_error(kind, call, *arguments):
    """LangChain's errors are the SDK's and its own at once."""
    try:
        call(*arguments)
    except ModelError as error:
        assert isinstance(error, kind), f"expected {kind.__name__}, received {error!r}"
        return
    raise AssertionError(f"expected {kind.__name__}, nothing was raised")


def cut():
    received = []

    def read():
        for chunk in model.stream("cut"):
            received.append(chunk.content)

    raises(openai.APIError, read)
    equal("".join(received), "partial", "what came before the cut")


async def cut_async():
    await raises_later(openai.APIError, listed(model.astream("cut")))


if __name__ == "__main__":
    main(
        text, text_async, batch, conversation, limits,
        tools, tools_async,
        structured, structured_async, function_calling, function_calling_async,
        errors, cut, cut_async,
    )  # fmt: skip
