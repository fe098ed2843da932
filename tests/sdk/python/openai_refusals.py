"""What the official `openai` package makes of it when the proxy refuses, and how it comes back.

Each scenario needs a proxy that refuses for its reason: `tests/e2e/sdk.rs` starts it.
"""

import time

import openai

from common import CLIENT, asking, client, equal, main, raises, until

create = client.chat.completions.create


def check_error(error, status, kind, code, retryable=None):
    equal((error.status_code, error.type, error.code), (status, kind, code), "the error")
    equal(error.body.get("retryable"), retryable, "whether another try is worth it")
    hints = {"retry-after", "retry-after-ms"} & set(error.response.headers)
    equal(len(hints), 2 if retryable or status == 429 else 0, f"hints when that is, {hints}")


def limits():
    """The proxy takes prompts of 50 tokens, bodies of 64 KiB, one turn, and none that waits."""
    error = raises(openai.PermissionDeniedError, create, **asking("say:" + "long " * 60))
    check_error(error, 403, "tokens_exceeded_error", "context_length_exceeded")
    equal(error.param, "messages", "param")
    error = raises(openai.APIStatusError, create, **asking("say:" + "long " * 20_000))
    check_error(error, 413, "invalid_request_error", "request_entity_too_large")
    with create(**asking("slow:100000:20", stream=True)) as running:
        next(running)
        error = raises(openai.RateLimitError, create, **asking("say:never"))
        check_error(error, 429, "rate_limit_error", "worker_busy", retryable=True)
        error = raises(openai.RateLimitError, create, **asking("say:never", stream=True))
        check_error(error, 429, "rate_limit_error", "concurrency_exceeded")
    until("the place is free again", answers)


def answers():
    try:
        return create(**asking("say:a"))
    except openai.RateLimitError:
        return None


def silence():
    """The proxy gives up on a model that says nothing for 300 ms, and begins streams before that."""
    error = raises(openai.InternalServerError, create, **asking("hang"))
    check_error(error, 504, "timeout_error", "idle_timeout")
    stream = create(**asking("hang", stream=True))
    error = raises(openai.APIError, list, stream)
    equal((error.type, error.code), ("timeout_error", "idle_timeout"), "the error in the stream")


def disabled():
    """The proxy has no backend."""
    error = raises(openai.InternalServerError, create, **asking("say:never"))
    check_error(error, 503, "backend_unavailable", "app_server_disabled", retryable=False)


def not_ready():
    """The proxy's worker does not start."""
    error = raises(openai.InternalServerError, create, **asking("say:never"))
    check_error(error, 503, "backend_unavailable", "worker_not_ready", retryable=True)


def worker():
    """The proxy's worker is the `app-server-stub`, which fails as it is told; the last time it costs two workers."""
    cases = [
        ("rpc-error:-32000:told to", 500, "server_error", "-32000", None),
        ("silent", 504, "timeout_error", "worker_request_timeout", True),
        ("exit:9", 503, "backend_unavailable", "worker_exited", True),
    ]
    for script, status, kind, code, retryable in cases:
        check_error(raises(openai.InternalServerError, create, **asking(script)), status, kind, code, retryable)


class Tries:
    """An `openai` client that retries as it does by default, and what it sent and was answered."""

    def __init__(self):
        self.sent, self.answered = [], []
        hooks = {"request": [lambda _: self.sent.append(time.monotonic())], "response": [self.note]}
        http_client = openai.DefaultHttpxClient(event_hooks=hooks)
        self.client = openai.OpenAI(**{**CLIENT, "max_retries": 2}, http_client=http_client)

    def note(self, response):
        self.answered.append((time.monotonic(), response.status_code, response.headers.get("retry-after-ms")))

    def check_waits(self):
        """After each refusal it waited as long as it was told, or longer. Without a hint that is half a second."""
        for (at, _, hint), sent in zip(self.answered, self.sent[1:]):
            assert hint is None or sent - at >= int(hint) / 1000, f"told to wait {hint} ms, waited {sent - at} s"


def maintenance():
    """The proxy is in maintenance, and says to come back in a second."""
    tries = Tries()
    error = raises(openai.InternalServerError, tries.client.chat.completions.create, **asking("say:never", stream=True))
    check_error(error, 503, "backend_unavailable", "maintenance_mode", retryable=True)
    equal([status for _, status, _ in tries.answered], [503, 503, 503], "statuses")
    tries.check_waits()


def rate():
    """The proxy takes one request in 1.5 seconds."""
    tries = Tries()

    def refused():
        tries.client.chat.completions.create(**asking("say:a"))
        return 429 in statuses()

    def statuses():
        return [status for _, status, _ in tries.answered]

    until("a request was refused", refused)
    equal(statuses()[-2:], [429, 200], "what a refused request and its first retry got")
    equal(statuses().count(429), 1, "refusals")
    tries.check_waits()


if __name__ == "__main__":
    main(limits, silence, disabled, not_ready, worker, maintenance, rate)
