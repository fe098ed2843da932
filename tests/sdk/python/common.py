"""What the scenarios of all libraries share: where the proxy is, checks, the stub behind it, how scenarios are run.

`python FILE.py` runs all scenarios of a file, `python FILE.py NAME…` those. Exit 0, or a traceback for each that
failed.

Environment: BASE_URL (http://HOST:PORT/v1 of the proxy), API_KEY, STUB_URL (http://HOST:PORT of the model-stub behind
it), MODEL (default codex-5). Prompts are scripts of the model-stub.
"""

import asyncio
import inspect
import json
import os
import sys
import time
import traceback
import urllib.request
import uuid

from openai import OpenAI
from pydantic import BaseModel

BASE_URL, API_KEY, STUB_URL = (os.environ[name] for name in ("BASE_URL", "API_KEY", "STUB_URL"))
MODEL = os.environ.get("MODEL", "codex-5")

# How clients are made: with a generous bound on each answer, because machines are shared.
SERVER = {"base_url": BASE_URL, "api_key": API_KEY, "max_retries": 0, "timeout": 30.0}

# Clients of the `openai` package raise on an answer that differs from OpenAI's types, too.
CLIENT = {**SERVER, "_strict_response_validation": True}

client = OpenAI(**CLIENT)

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Forecast(BaseModel):
    """The weather of a city."""

    city: str
    degrees: int


OSLO = Forecast(city="Oslo", degrees=21)


def user(text):
    return [{"role": "user", "content": text}]


def asking(script, **options):
    """A request for the answer to a script."""
    return {"model": MODEL, "messages": user(script), **options}


# === checks ===


def equal(actual, expected, what):
    assert actual == expected, f"{what}:\n  expected {expected!r}\n  received {actual!r}"


def raises(kind, call, *arguments, **options):
    """The error of a call that must raise exactly `kind`."""
    try:
        call(*arguments, **options)
    except Exception as error:
        return of_kind(kind, error)
    raise AssertionError(f"expected {kind.__name__}, nothing was raised")


async def raises_later(kind, awaitable):
    """The same for what is awaited."""
    try:
        await awaitable
    except Exception as error:
        return of_kind(kind, error)
    raise AssertionError(f"expected {kind.__name__}, nothing was raised")


def of_kind(kind, error):
    if type(error) is not kind:
        raise AssertionError(f"expected {kind.__name__}, received {error!r}") from error
    return error


# === the stub behind the proxy ===


def stub_requests(marker):
    """What reached the stub with `marker` in it."""
    requests = fetch(STUB_URL + "/stub/requests")
    return [request for request in requests if marker in json.dumps(request["body"]["input"])]


def upstream_body(marker):
    """The body of the only request that reached the stub with `marker` in it."""
    (request,) = stub_requests(marker)
    return request["body"]


def upstream_texts(marker):
    """Who said what in the only request that reached the stub with `marker` in it."""
    return [(item["role"], item["content"][0]["text"]) for item in upstream_body(marker)["input"]]


def check_forecast_format(marker):
    """The schema of a `Forecast` came along with the only request that reached the stub with `marker` in it."""
    form = upstream_body(marker)["text"]["format"]
    expected = ("json_schema", {"city", "degrees"})
    equal((form["type"], set(form["schema"]["properties"])), expected, "the upstream's format")


def cancelled_requests():
    """How many requests the proxy's journal has whose client left."""
    events = fetch(BASE_URL + "/usage/raw?limit=2000")["events"]
    return sum((event["outcome"], event["status"]) == ("cancelled", 499) for event in events)


def fetch(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {API_KEY}"})
    with urllib.request.urlopen(request, timeout=SERVER["timeout"]) as response:
        return json.load(response)


def until(what, condition, within=30.0):
    """Waits until `condition` gives something true."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)


def wait_for_outcome(marker, outcome):
    def reached():
        seen = [request["outcome"] for request in stub_requests(marker)]
        return seen and all(each == outcome for each in seen)

    until(f"the stub's request is {outcome}", reached)


def new_marker():
    """A word that the stub's records can be searched for."""
    return f"marker-{uuid.uuid4().hex}"


# === running ===


def main(*scenarios):
    """Runs the scenarios that the command line names, or all. One that fails is named, and the others run on."""
    known = {scenario.__name__: scenario for scenario in scenarios}
    names = sys.argv[1:] or list(known)
    if not set(names) <= set(known):
        sys.exit(f"usage: python {sys.argv[0]} [{' | '.join(known)}]…")
    # One for all of them: clients of libraries outlive a scenario, and may not outlive their loop.
    loop = asyncio.new_event_loop()
    failed = [name for name in names if not passes(known[name], loop)]
    loop.close()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def passes(scenario, loop):
    try:
        outcome = scenario()
        if inspect.iscoroutine(outcome):
            loop.run_until_complete(outcome)
    except Exception:
        print(f"=== {scenario.__name__} ===\n{traceback.format_exc()}", file=sys.stderr)
        return False
    return True
