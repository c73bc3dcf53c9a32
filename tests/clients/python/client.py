#!/usr/bin/env python3
# client.py -- the official OpenAI SDK for Python against a running gateway.
# SPDX-License-Identifier: Apache-2.0
"""The SDK is unmodified: only its base URL and its key are given.

Environment: BASE_URL, KEY (may use everything), NARROW_KEY (up/small only),
DEAD_URL (nobody listens there), CONTROL (the provider's control port),
ADMIN (the gateway's admin port). With LOCAL, which names a model that the
gateway answers with itself, the checks that hold for every model run, for it.
Prints a line a check.
"""
import asyncio
import json
import os
import sys
import time
import traceback
import urllib.request

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

BASE = os.environ["BASE_URL"]
LOCAL = os.environ.get("LOCAL")
MODEL = LOCAL or "up/small"
checks = []


def check(function):
    """A check of what a gateway before an upstream does."""
    if not LOCAL:
        checks.append(function)
    return function


def everywhere(function):
    """A check that holds whoever answers."""
    checks.append(function)
    return function


def client(**more):
    more.setdefault("api_key", os.environ["KEY"])
    more.setdefault("max_retries", 0)
    more.setdefault("timeout", 20)
    return OpenAI(base_url=more.pop("base_url", BASE), **more)


def user(text):
    return [{"role": "user", "content": text}]


def script(directives, times=1, model="small-1"):
    """What the provider does with its next requests."""
    body = json.dumps({"model": model, "times": times,
                       "directives": directives}).encode()
    asked = urllib.request.Request(os.environ["CONTROL"] + "/script", body)
    urllib.request.urlopen(asked, timeout=10).read()


def usual(more):
    """What a small model needs to be told so that its answer is the same
    each time, soon there, and a call where one is wanted."""
    if LOCAL:
        more.setdefault("temperature", 0)
        more.setdefault("max_tokens", 100)
        if "tools" in more:
            more.setdefault("tool_choice", "required")
    return more


def ask(text="Hello", make=None, **more):
    usual(more)
    return (make or client()).chat.completions.create(
        model=more.pop("model", MODEL), messages=user(text), **more)


def raises(kind, call, status=None):
    try:
        call()
    except kind as error:
        assert type(error) is kind, f"{type(error)} is not just {kind}"
        if status:
            assert error.status_code == status, error.status_code
        return error
    raise AssertionError(f"no {kind.__name__}")


WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather somewhere.",
    "parameters": {"type": "object", "additionalProperties": False,
                   "properties": {"place": {"type": "string"},
                                  "days": {"type": "integer"}},
                   "required": ["place", "days"]}}}


@everywhere
def chat_gives_text_and_usage():
    answer = ask()
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    usage = answer.usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@check
def headers_carry_the_request_and_its_cost():
    raw = client().chat.completions.with_raw_response.create(
        model="auto", messages=user("Hello"))
    assert raw.headers["x-sluice-request-id"]
    assert raw.headers["x-sluice-model"] == MODEL
    assert float(raw.headers["x-sluice-cost-usd"]) > 0
    assert float(raw.headers["x-sluice-saved-usd"]) > 0
    assert raw.parse().choices[0].message.content


@everywhere
def a_stream_gives_the_same_text_every_time():
    chunks = list(ask("The same every time", stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    again = "".join(c.choices[0].delta.content or ""
                    for c in ask("The same every time", stream=True))
    assert text and text == again, (text, again)
    assert len(chunks) > 3
    assert all(c.usage is None and c.choices for c in chunks)
    assert chunks[-1].choices[0].finish_reason in (
        ("stop", "length") if LOCAL else ("stop",))


@everywhere
def a_stream_gives_usage_when_asked():
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices
    assert sum(c.usage is not None for c in chunks) == 1


@everywhere
def tools_are_called():
    answer = ask("Use the tool: weather?", tools=[WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0]
    given = json.loads(call.function.arguments)
    assert call.function.name == "weather" and call.id
    assert isinstance(given["place"], str) and isinstance(given["days"], int)
    after = client().chat.completions.create(
        model=MODEL, tools=[WEATHER], max_tokens=40, messages=user("Use the tool: weather?") + [
            choice.message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "rain"}])
    assert after.choices[0].message.content


@everywhere
def tools_are_called_in_streams():
    arguments, names = "", []
    for chunk in ask("Use the tool: weather?", tools=[WEATHER], stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            names += [call.function.name] if call.function.name else []
            arguments += call.function.arguments or ""
    assert names == ["weather"], names
    assert isinstance(json.loads(arguments)["days"], int)


@check
def several_tools_are_called_at_once():
    answer = ask("Use the tool: weather? [[calls=3]]", tools=[WEATHER])
    calls = answer.choices[0].message.tool_calls
    assert len(calls) == 3 and len({call.id for call in calls}) == 3


@everywhere
def the_streaming_helper_accumulates():
    with client().chat.completions.stream(
            model=MODEL, messages=user("Use the tool: weather?"),
            **usual({"tools": [WEATHER]})) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "chunk" in kinds
    assert final.choices[0].message.tool_calls[0].function.name == "weather"


@everywhere
def json_mode_gives_json():
    answer = ask('Give me {"color": "red"} as it is.',
                 response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


@everywhere
def the_parse_helper_gives_an_object():
    answer = client().chat.completions.parse(
        model=MODEL, messages=user("Who?"), response_format=Person,
        **usual({}))
    assert isinstance(answer.choices[0].message.parsed, Person)


@check
def a_refusal_is_a_refusal():
    answer = ask("No [[refusal]]")
    assert answer.choices[0].message.refusal
    assert answer.choices[0].message.content is None


@everywhere
def completions_work():
    answer = client().completions.create(model=MODEL, prompt="Once")
    assert answer.choices[0].text
    parts = client().completions.create(model=MODEL, prompt="Once",
                                        stream=True)
    assert "".join(p.choices[0].text for p in parts)


@check
def embeddings_come_as_base64_and_as_floats():
    default = client().embeddings.create(model="up/embed", input=["a", "b"])
    assert [one.index for one in default.data] == [0, 1]
    vector = default.data[0].embedding
    assert isinstance(vector, list) and isinstance(vector[0], float)
    floats = client().embeddings.create(model="up/embed", input=["a", "b"],
                                        encoding_format="float")
    other = floats.data[0].embedding
    assert len(vector) == len(other)
    assert all(abs(a - b) < 1e-6 for a, b in zip(vector, other))
    assert default.usage.prompt_tokens > 0


@check
def models_are_listed_and_retrieved():
    listed = [model.id for model in client().models.list()]
    assert "up/small" in listed and "auto" in listed, listed
    assert client().models.retrieve("up/small").id == "up/small"
    assert client().models.retrieve("auto").id == "auto"
    raises(openai.NotFoundError, lambda: client().models.retrieve("no/such"))


@check
def bad_request_is_400():
    error = raises(openai.BadRequestError, lambda: ask("x [[status=400]]"),
                   400)
    assert error.body["message"]
    raises(openai.BadRequestError, lambda: client().chat.completions.create(
        model="auto", messages=user("x" * 4_000_000)), 400)


@everywhere
def a_wrong_key_is_401():
    error = raises(openai.AuthenticationError,
                   lambda: ask(make=client(api_key="sk-wrong")), 401)
    assert error.code == "invalid_api_key"
    assert error.body["message"].startswith("Incorrect API key provided")


@check
def a_model_that_is_not_allowed_is_403():
    narrow = client(api_key=os.environ["NARROW_KEY"])
    error = raises(openai.PermissionDeniedError,
                   lambda: ask(make=narrow, model="up/large"), 403)
    assert error.code == "model_not_allowed"


@check
def an_unknown_model_is_404():
    error = raises(openai.NotFoundError, lambda: ask(model="up/smaall"), 404)
    assert error.code == "model_not_found"
    assert "up/small" in error.body["message"]


@check
def conflicts_and_the_rest_keep_their_class():
    for status, kind in ((409, openai.ConflictError),
                         (422, openai.UnprocessableEntityError),
                         (429, openai.RateLimitError),
                         (500, openai.InternalServerError),
                         (503, openai.InternalServerError)):
        raises(kind, lambda s=status: ask(f"x [[status={s}]]"), status)
        raises(kind, lambda s=status: ask(f"x [[status={s}]]", stream=True),
               status)


@check
def no_connection_is_a_connection_error():
    raises(openai.APIConnectionError,
           lambda: ask(make=client(base_url=os.environ["DEAD_URL"])))


@check
def a_json_answer_that_is_cut_is_no_answer():
    raises(openai.InternalServerError, lambda: ask("x [[cut=20]]"), 502)


@check
def a_timeout_is_a_timeout():
    began = time.monotonic()
    raises(openai.APITimeoutError,
           lambda: ask("x [[delay=5000]]", make=client(timeout=0.5)))
    assert time.monotonic() - began < 3


@check
def retries_reach_a_good_answer():
    script("status=429 retry_after=0", 1)
    script("status=500", 1)
    answer = client(max_retries=3).chat.completions.with_raw_response.create(
        model=MODEL, messages=user("again"))
    assert answer.retries_taken == 2, answer.retries_taken
    assert answer.parse().choices[0].message.content


@check
def a_fallback_is_nothing_to_the_client():
    script("status=503", 1)
    raw = client().chat.completions.with_raw_response.create(
        model="auto", messages=user("fall back"))
    assert raw.headers["x-sluice-model"] == "up/large"
    assert raw.parse().choices[0].message.content


@check
def an_error_within_a_stream_is_raised():
    seen = []

    def read():
        for chunk in ask("x [[tokens=8 cut_event=5]]", stream=True):
            seen.append(chunk)
    try:
        read()
    except openai.APIError as error:
        assert seen, "no chunk before the error"
        assert "broke off" in str(error) or error.body, error
        return
    raise AssertionError("a cut stream looked whole")


def gone():
    """How many rows of /api/requests say that the client left."""
    with urllib.request.urlopen(
            os.environ["ADMIN"] + "/api/requests?limit=500",
            timeout=10) as answer:
        return sum(row.get("outcome") == "client_gone"
                   for row in json.load(answer)["requests"])


@everywhere
def a_stream_may_be_left_in_its_middle():
    before = gone()
    stream = ask("x [[tokens=500 pace=20]]", stream=True,
                 **({"max_tokens": 2000} if LOCAL else {}))
    for _, _ in zip(range(3), stream):
        pass
    stream.close()
    deadline = time.monotonic() + 5
    while gone() == before:
        assert time.monotonic() < deadline, "nobody noticed"
        time.sleep(0.02)
    assert ask().choices[0].message.content


@everywhere
def many_at_once_by_the_asynchronous_client():
    async def run():
        async with AsyncOpenAI(base_url=BASE, api_key=os.environ["KEY"],
                               max_retries=0) as one:
            async def stream(i):
                text = ""
                parts = await one.chat.completions.create(
                    model=MODEL, messages=user(f"stream {i}"), stream=True,
                    **({"max_tokens": 8, "seed": i} if LOCAL else {}))
                async for part in parts:
                    text += part.choices[0].delta.content or ""
                return text
            left = await asyncio.gather(*[stream(i) for i in range(20)])
            right = await asyncio.gather(*[stream(i) for i in range(20)])
            assert left == right and len(set(left)) == 20
    asyncio.run(run())


@check
def images_and_odd_parameters_pass():
    answer = client().chat.completions.create(
        model="up/large", n=2, logprobs=True, top_logprobs=2, seed=7,
        temperature=0, metadata={"a": "b"}, user="u", messages=[
            {"role": "user", "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {
                    "url": "data:image/png;base64,AAAA"}}]}])
    assert len(answer.choices) == 2
    assert answer.choices[0].logprobs.content[0].top_logprobs


def main():
    failed = 0
    for one in checks:
        if len(sys.argv) > 1 and sys.argv[1] not in one.__name__:
            continue
        name = one.__name__.replace("_", " ")
        try:
            one()
            print(f"ok {name}", flush=True)
        except Exception as error:  # whatever the SDK raises is a failure
            failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
            traceback.print_exc(limit=-3, file=sys.stdout)
    print(f"openai {openai.__version__}: {len(checks)} checks, "
          f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
