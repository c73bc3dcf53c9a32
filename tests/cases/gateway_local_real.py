#!/usr/bin/env python3
# gateway_local_real.py -- SmolLM2 inside: words, slow readers, who leaves.
# SPDX-License-Identifier: Apache-2.0
"""What random weights cannot show: sense, time, and a cache of prefixes."""
from engine import SMOLLM2, sanitized
from harness import *  # noqa: F403
from local_api import ask, events, joined, stream, told

SMOL = "local/smollm2"
LONG = "Tell a long story about a river, a bridge and a bird."
ENDLESS = {"2": -100}


class Real(Bench):
    """The usual bench, with SmolLM2 inside."""

    def __init__(self):
        if not os.path.exists(SMOLLM2):
            skip("no SmolLM2; tools/fetch-models gets it")
        if sanitized():
            skip("too slow with sanitizers")
        super().__init__(local=[{
            "name": SMOL, "path": SMOLLM2, "context": 2048,
            "price": {"input": 1, "cached_input": 0.5, "output": 2}}],
            cache={"store": "memory", "size": "16MiB"})
        eventually(lambda: b'"ready"' in get(self.gateway.admin, "/readyz"),
                   "SmolLM2 is loaded", 60)


@case
def it_answers_with_sense_in_both_forms(bench):
    question = "What is the capital of France?"
    whole = ask(bench, SMOL, question, temperature=0, max_tokens=30)
    check_equal(told(whole)[0]["content"], "The capital of France is Paris.")
    check_equal(told(whole)[0]["reason"], "stop")
    check_equal(joined(stream(bench, SMOL, question, temperature=0,
                              max_tokens=30)), told(whole))


@case
def a_prompt_that_was_there_is_cached_and_costs_less(bench):
    long = LONG + " x" * 200
    first, second = (bench.gateway.ask(chat(
        long, SMOL, temperature=0.5, max_tokens=4, seed=1))
        for _ in range(2))
    check_equal(told(first.json()), told(second.json()))
    cached = [one.json()["usage"]["prompt_tokens_details"]["cached_tokens"]
              for one in (first, second)]
    # Up to the system prompt that other cases have had.
    check(cached[0] < 64 and cached[1] >= 192, cached)
    cold, warm = (bench.gateway.rows(one)[0] for one in (first, second))
    check_equal(warm["cached_tokens"], cached[1])
    check(warm["cost_nano_usd"] < cold["cost_nano_usd"], cold, warm)


@case
def a_client_that_leaves_ends_its_text_within_a_step(bench):
    with bench.gateway.connect() as client:
        client.send(bench.gateway.bytes(chat(
            LONG, SMOL, stream=True, logit_bias=ENDLESS, max_tokens=1500)))
        for _ in range(5):
            client.until(b'"delta":{"content":"')
        client.reset()
    row = eventually(lambda: [one for one in bench.gateway.export()
                              if one["outcome"] == "client_gone"],
                     "the row of who left")[0]
    check_equal((row["kind"], row["estimated"]), ("local", False))
    check(5 <= row["output_tokens"] < 500, row)
    written = bench.gateway.metric("sluice_local_tokens_total", **{"class": "output"},
                                   model=SMOL)
    ask(bench, SMOL, "Hello", max_tokens=3)
    after = bench.gateway.metric("sluice_local_tokens_total", **{"class": "output"},
                                 model=SMOL)
    check(after - written <= 5, written, after)


@case
def a_reader_that_stands_still_holds_nobody_up(bench):
    still = bench.gateway.connect()
    still.send(bench.gateway.bytes(chat(
        LONG, SMOL, stream=True, logit_bias=ENDLESS, max_tokens=40, n=4)))
    still.until(b'"delta":{"content":"')
    answer = ask(bench, SMOL, "Hello", max_tokens=4)
    check_equal(answer["usage"]["completion_tokens"], 4)
    rest = still.until(b"data: [DONE]", 60)
    check(b'"finish_reason":"length"' in rest, rest[-300:])
    still.close()


@case
def equal_requests_at_one_time_are_answered_once(bench):
    body = chat(LONG + " Shortly.", SMOL, temperature=0, max_tokens=12,
                stream=True)
    clients = [bench.gateway.connect() for _ in range(3)]
    for client in clients:
        client.send(bench.gateway.bytes(body))
    answers = [client.read_answer() for client in clients]
    check_equal(len({repr(joined(events(one))) for one in answers}), 1)
    kinds = sorted(bench.gateway.rows(one)[0]["kind"] for one in answers)
    check_equal(kinds, ["cache_hit", "cache_hit", "local"])
    for client in clients:
        client.close()


@case
def a_schema_is_kept_by_words(bench):
    schema = {"type": "object", "properties": {
        "city": {"type": "string", "maxLength": 20},
        "rivers": {"type": "array", "items": {"enum": ["Seine", "Thames"]},
                   "minItems": 1, "maxItems": 2}},
        "required": ["city", "rivers"], "additionalProperties": False}
    for seed in range(3):
        answer = ask(bench, SMOL, "Paris and its river, as JSON", seed=seed,
                     max_tokens=80, response_format={
                         "type": "json_schema", "json_schema": {
                             "name": "x", "schema": schema}})
        value = json.loads(answer["choices"][0]["message"]["content"])
        check_equal(sorted(value), ["city", "rivers"])
        check(len(value["city"]) <= 20, value)
        check(set(value["rivers"]) <= {"Seine", "Thames"}, value)


if __name__ == "__main__":
    run_cases(Real)
