"""What a partner's program does through the OpenAI Agents SDK, unmodified, on its model class for chat completions."""

import openai
from agents import (
    Agent,
    ModelBehaviorError,
    ModelSettings,
    OpenAIChatCompletionsModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

from common import (
    CLIENT,
    MODEL,
    OSLO,
    Forecast,
    check_forecast_format,
    equal,
    main,
    new_marker,
    raises_later,
    upstream_texts,
    user,
)

# Traces would go to OpenAI.
set_tracing_disabled(True)


def model(name=MODEL, **options):
    return OpenAIChatCompletionsModel(name, AsyncOpenAI(**{**CLIENT, **options}))


def agent(**options):
    settings = ModelSettings(include_usage=True)
    return Agent(**{"name": "Helper", "model": model(), "model_settings": settings, **options})


# === checks ===


def check_usage(result, requests=1):
    usage = result.context_wrapper.usage
    found = (usage.requests, usage.input_tokens, usage.output_tokens, usage.total_tokens)
    equal(found, (requests, 11 * requests, 7 * requests, 18 * requests), "usage")
    details = (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens)
    equal(details, (3 * requests, 2 * requests), "details of the usage")


async def streamed(*arguments):
    """The result of a run, and the deltas of text that came on the way."""
    result, deltas = Runner.run_streamed(*arguments), []
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            deltas.append(event.data.delta)
    return result, deltas


# === answers ===


async def text():
    marker = new_marker()
    result = await Runner.run(agent(instructions=f"Be brief. {marker}"), "say:Hello there, friend.")
    equal(result.final_output, "Hello there, friend.", "the answer")
    check_usage(result)
    said = [("developer", f"Be brief. {marker}"), ("user", "say:Hello there, friend.")]
    equal(upstream_texts(marker), said, "the upstream's input")


def text_sync():
    result = Runner.run_sync(agent(), "say:Hello there, friend.")
    equal(result.final_output, "Hello there, friend.", "the answer")
    check_usage(result)


async def streaming():
    result, deltas = await streamed(agent(), "say:Hello there, friend.")
    equal((result.final_output, "".join(deltas)), ("Hello there, friend.",) * 2, "the answer, and its deltas")
    assert len(deltas) > 2, f"only {deltas}: the answer was not streamed"
    check_usage(result)


async def conversation():
    marker = new_marker()
    first = await Runner.run(agent(), "say:an answer")
    again = [*first.to_input_list(), *user("say:done")]
    second = await Runner.run(agent(instructions=marker), again)
    equal(second.final_output, "done", "the second answer")
    said = [("developer", marker), ("user", "say:an answer"), ("assistant", "an answer"), ("user", "say:done")]
    equal(upstream_texts(marker), said, "the upstream's input")


# === tools ===


def weather_tool(asked):
    @function_tool
    def get_weather(city: str) -> str:
        """Current weather"""
        asked.append(city)
        return {"Oslo": "21 °C", "Rome": "33 °C"}[city]

    return get_weather


async def tools():
    asked = []
    result = await Runner.run(agent(tools=[weather_tool(asked)]), "tools2")
    equal(sorted(asked), ["Oslo", "Rome"], "the calls")
    equal(result.final_output, "got tool output 33 °C", "the answer")
    check_usage(result, requests=2)


async def tools_streaming():
    asked = []
    result, deltas = await streamed(agent(tools=[weather_tool(asked)]), "tools2")
    equal(sorted(asked), ["Oslo", "Rome"], "the calls")
    equal(result.final_output, "got tool output 33 °C", "the answer")
    equal("".join(deltas), "got tool output 33 °C", "the deltas of the answer")
    check_usage(result, requests=2)


async def demanded_tool():
    asked = []
    settings = ModelSettings(tool_choice="get_weather", parallel_tool_calls=False)
    result = await Runner.run(agent(tools=[weather_tool(asked)], model_settings=settings), "tools2")
    equal(asked, ["Oslo"], "the only call")
    equal(result.final_output, "got tool output 21 °C", "the answer")


async def handoff():
    other = agent(name="Other")
    result = await Runner.run(agent(handoffs=[other]), "tool:transfer_to_other:{}")
    equal(result.last_agent.name, "Other", "the agent that answered")
    equal(result.final_output, 'got tool output {"assistant": "Other"}', "the answer")


# === structured output ===


async def output_type():
    marker = new_marker()
    structured = agent(output_type=Forecast, instructions=marker)
    prompt = "say:" + OSLO.model_dump_json()
    equal((await Runner.run(structured, prompt)).final_output, OSLO, "the parsed answer")
    check_forecast_format(marker)
    result, _ = await streamed(structured, prompt)
    equal(result.final_output, OSLO, "the parsed stream")
    await raises_later(ModelBehaviorError, Runner.run(structured, "say:no JSON"))


# === errors ===

ERRORS = [
    ("say:never", openai.AuthenticationError, {"api_key": "wrong-" + new_marker()}),
    ("say:never", openai.NotFoundError, {"name": "no-such"}),
    ("failed", openai.BadRequestError, {}),
    ("err:429", openai.RateLimitError, {}),
    ("err:503", openai.InternalServerError, {}),
    ("cut", openai.InternalServerError, {}),
]


async def errors():
    for script, kind, options in ERRORS:
        await raises_later(kind, Runner.run(agent(model=model(**options)), script))


async def errors_streaming():
    for script, kind, options in [*ERRORS[:-1], ("cut", openai.APIError, {})]:
        await raises_later(kind, streamed(agent(model=model(**options)), script))


if __name__ == "__main__":
    main(
        text,
        text_sync,
        streaming,
        conversation,
        tools,
        tools_streaming,
        demanded_tool,
        handoff,
        output_type,
        errors,
        errors_streaming,
    )
