"""What the official `openai` package makes of wrong requests and failing models, and what follows when it leaves."""

import asyncio

import openai
from openai import AsyncOpenAI

from common import (
    CLIENT,
    MODEL,
    WEATHER,
    asking,
    cancelled_requests,
    client,
    equal,
    main,
    new_marker,
    raises,
    until,
    user,
    wait_for_outcome,
)
from contract import Collected

create = client.chat.completions.create
SLOW = "slow:100000:20"


def refused():
    stranger = client.with_options(api_key="wrong-" + new_marker())
    error = raises(openai.AuthenticationError, stranger.chat.completions.create, **asking("say:a"))
    equal((error.status_code, error.type, error.code), (401, "authentication_error", "invalid_api_key"), "wrong key")
    assert error.request_id, "no X-Request-Id on the error"
    error = raises(openai.NotFoundError, create, **asking("say:a", model="no-such"))
    equal((error.code, error.param), ("model_not_found", "model"), "unknown model")
    assert "no-such" in error.message, error.message
    error = raises(openai.APIStatusError, stranger.chat.completions.create, **asking("say:" + "long " * 500_000))
    equal((error.status_code, error.code), (413, "request_entity_too_large"), "a large body of a stranger")


def bad_fields():
    named = {"type": "function", "function": {"name": "f"}}
    cases = [
        ("messages", {"messages": []}),
        ("messages[0].role", {"messages": [{"role": "wizard", "content": "say:a"}]}),
        ("n", {"n": 0}),
        ("temperature", {"temperature": 3}),
        ("max_tokens", {"max_tokens": 0}),
        ("max_tokens", {"max_completion_tokens": 0}),
        ("stop", {"stop": ["a", "b", "c", "d", "e"]}),
        ("tools[0].type", {"tools": [{"type": "wand", "function": {"name": "f"}}]}),
        ("tools[0].function.name", {"tools": [{"type": "function", "function": {}}]}),
        ("tool_choice", {"tool_choice": "required"}),
        ("tool_choice.function.name", {"tools": [WEATHER], "tool_choice": named}),
        ("response_format", {"response_format": {"type": "poem"}}),
        ("reasoning.effort", {"reasoning_effort": "huge"}),
        ("stream", {"extra_body": {"stream": "yes"}}),
    ]
    for param, options in cases:
        check_bad_field(param, "invalid_request_error", options)
    check_bad_field("modalities", "unsupported_parameter", {"modalities": ["text", "audio"]})
    check_bad_field("logprobs", "unsupported_parameter", {"logprobs": True})
    check_bad_field("model", "model_required", {"model": ""})


def check_bad_field(param, code, options):
    error = raises(openai.BadRequestError, create, **{**asking("say:a"), **options})
    equal((error.type, error.code, error.param), ("invalid_request_error", code, param), f"error for {options}")


def upstream():
    cases = [
        ("err:400", openai.BadRequestError, "invalid_request_error"),
        ("failed", openai.BadRequestError, "context_length_exceeded"),
        ("err:401", openai.AuthenticationError, "invalid_api_key"),
        ("err:404", openai.NotFoundError, "model_not_found"),
        ("err:429", openai.RateLimitError, "rate_limited"),
        ("err:500", openai.InternalServerError, "worker_error"),
        ("err:503", openai.InternalServerError, "worker_error"),
    ]
    for script, kind, code in cases:
        for stream in (False, True):
            error = raises(kind, create, **asking(script, stream=stream))
            equal(error.code, code, script)
    disobeyed = asking("say:no call", tools=[WEATHER], tool_choice="required")
    error = raises(openai.InternalServerError, create, **disobeyed)
    assert "tool_choice" in error.message, error.message


def cut():
    received = Collected()

    def read():
        for chunk in create(**asking("cut", stream=True)):
            received.add(chunk)

    error = raises(openai.APIError, read)
    equal((error.type, error.code), ("server_error", "worker_error"), "the error in the stream")
    assert error.message, "the error says nothing"
    equal((received.texts, received.finished), (["partial"], [None]), "what came before the cut")
    equal(raises(openai.InternalServerError, create, **asking("cut")).code, "worker_error", "an answer that was cut")


def timeout():
    before = cancelled_requests()
    impatient = client.with_options(timeout=0.5)
    raises(openai.APITimeoutError, impatient.chat.completions.create, **asking(SLOW))
    until("the journal has it as cancelled", lambda: cancelled_requests() == before + 1)


async def cancel():
    before = cancelled_requests()
    async with AsyncOpenAI(**CLIENT) as leaving:
        await cancel_mid_stream(leaving)
        await cancel_waiting(leaving, "delay:60000:say:late", stream=True)
        await cancel_waiting(leaving, SLOW, stream=False)
    until("the journal has them as cancelled", lambda: cancelled_requests() == before + 3)


async def cancel_mid_stream(leaving):
    marker = new_marker()
    chunks = await leaving.chat.completions.create(**marked(marker, SLOW), stream=True)
    async for chunk in chunks:
        if chunk.choices[0].delta.content:
            break
    wait_for_outcome(marker, "running")
    await chunks.close()
    wait_for_outcome(marker, "disconnected")


async def cancel_waiting(leaving, script, stream):
    marker = new_marker()
    task = asyncio.create_task(leaving.chat.completions.create(**marked(marker, script), stream=stream))
    await asyncio.to_thread(wait_for_outcome, marker, "running")
    task.cancel()
    await raises_cancelled(task)
    wait_for_outcome(marker, "disconnected")


def marked(marker, script):
    return {"model": MODEL, "messages": [*user(marker), *user(script)]}


async def raises_cancelled(task):
    try:
        await task
    except asyncio.CancelledError:
        return
    raise AssertionError("the request went on although its task was cancelled")


if __name__ == "__main__":
    main(refused, bad_fields, upstream, cut, timeout, cancel)
