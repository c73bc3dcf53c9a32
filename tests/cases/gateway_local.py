#!/usr/bin/env python3
# gateway_local.py -- the API of models inside, over tiny checkpoints.
# SPDX-License-Identifier: Apache-2.0
"""Random weights write noise, but always the same: what is said of it, in a
stream and not, how it is counted, and what is refused. Where it goes when the
engine cannot, or is not sure, is shown by gateway_local_cascade.py.
"""
import math

from harness import *  # noqa: F403
from local_api import TINY, ask, events, joined, stream, told
from local_bench import ENDLESS, Local

WEATHER = {"type": "function", "function": {
    "name": "w", "parameters": {
        "type": "object", "properties": {
            "c": {"enum": ["a", "b"]}, "n": {"$ref": "#/$defs/n"}},
        "required": ["c", "n"], "additionalProperties": False,
        "$defs": {"n": {"type": "boolean"}}}}}


def refused(bench, param, code="unsupported_parameter", model=TINY, **more):
    error = ask(bench, model, status=400, **more)["error"]
    check_equal((error["param"], error["code"], error["type"]),
                (param, code, "invalid_request_error"), error)
    return error["message"]


# --- answers -----------------------------------------------------------------

@case
def an_answer_has_all_that_openais_has(bench):
    before = time.time()
    answer = bench.gateway.ask(chat("Hello there", TINY, max_tokens=5,
                                   logit_bias=ENDLESS))
    body = answer.json()
    check(body["id"].startswith("chatcmpl-"), body)
    check_equal((body["object"], body["model"]), ("chat.completion", TINY))
    check(abs(body["created"] - before) < 60, body["created"])
    check(re.fullmatch(r"fp_[0-9a-f]{10}", body["system_fingerprint"]), body)
    check_equal(body["choices"][0]["finish_reason"], "length")
    check_equal(body["choices"][0]["message"]["role"], "assistant")
    usage = body["usage"]
    check_equal((usage["completion_tokens"], usage["total_tokens"]),
                (5, usage["prompt_tokens"] + 5))
    check(usage["prompt_tokens_details"]["cached_tokens"] >= 0, usage)
    check_equal(usage["completion_tokens_details"], {"reasoning_tokens": 0})
    check_equal(answer.header("x-sluice-model"), TINY)
    row, = bench.gateway.rows(answer)
    check_equal((row["kind"], row["outcome"], row["estimated"], row["model"]),
                ("local", "completed", False, TINY))
    check_equal((row["output_tokens"],
                 row["input_tokens"] + row["cached_tokens"]),
                (5, usage["prompt_tokens"]))
    check_equal(row["cost_nano_usd"], row["input_tokens"] * 1000
                + row["cached_tokens"] * 500 + 5 * 2000)


@case
def a_stream_says_what_the_object_says(bench):
    for more in ({}, {"temperature": 0}, {"n": 3},
                 {"logprobs": True, "top_logprobs": 3}, {"max_tokens": 60}):
        whole = ask(bench, **more)
        chunks = stream(bench, **more)
        check_equal(joined(chunks), told(whole), more)
        check_equal(chunks[0]["choices"][0]["delta"],
                    {"role": "assistant", "content": ""})
        check_equal(chunks[-1]["choices"], [])
        for name in ("prompt_tokens", "completion_tokens"):
            check_equal(chunks[-1]["usage"][name], whole["usage"][name])
        for chunk in chunks[:-1]:
            check_equal(chunk["usage"], None)


@case
def usage_is_not_told_to_who_did_not_ask(bench):
    answer = bench.gateway.ask(
        chat("Hello", TINY, stream=True, max_tokens=3, logit_bias=ENDLESS))
    check(all("usage" not in chunk for chunk in events(answer)), answer.body)
    row, = bench.gateway.rows(answer)
    check_equal((row["output_tokens"], row["estimated"]), (3, False))


@case
def a_seed_makes_an_answer_again_and_none_another(bench):
    said = [told(ask(bench, seed=seed, max_tokens=20))
            for seed in (1, 1, 2)]
    check_equal(said[0], said[1])
    check(said[0] != said[2], said)
    free = [told(ask(bench, seed=None, max_tokens=20)) for _ in range(2)]
    check(free[0] != free[1], free)


@case
def several_choices_differ_and_read_the_prompt_once(bench):
    one = ask(bench, logit_bias=ENDLESS)
    three = ask(bench, n=3, logit_bias=ENDLESS)
    check_equal(three["usage"]["prompt_tokens"],
                one["usage"]["prompt_tokens"])
    check_equal(three["usage"]["completion_tokens"], 24)
    said = told(three)
    check_equal(said[0], told(one)[0])
    check(said[0] != said[1] and said[1] != said[2], said)


@case
def a_stop_string_ends_an_answer_before_it(bench):
    text = told(ask(bench, max_tokens=40))[0]["content"]
    stop = text[10:12]
    for wanted in (stop, ["\u00e9never", stop]):
        whole = told(ask(bench, max_tokens=40, stop=wanted))[0]
        check_equal(whole["content"], text[:text.index(stop)])
        check_equal(whole["reason"], "stop")
        check_equal(told(ask(bench, max_tokens=40, stop=wanted)),
                    joined(stream(bench, max_tokens=40, stop=wanted)))


@case
def bias_makes_and_unmakes_tokens(bench):
    # Token 40 is one character of the small vocabulary.
    said = told(ask(bench, logit_bias={"40": 100}, temperature=0))
    check_equal(len(set(said[0]["content"])), 1)
    for penalty in ({"frequency_penalty": 2}, {"repetition_penalty": 10}):
        other = told(ask(bench, logit_bias={"40": 5}, temperature=0,
                         max_tokens=30, **penalty))
        check(len(set(other[0]["content"])) > 1, penalty, other)


@case
def logprobs_tell_of_each_token(bench):
    entries = told(ask(bench, temperature=0, logprobs=True,
                       top_logprobs=4))[0]["logprobs"]
    check_equal(len(entries), 8)
    for entry in entries:
        tops = entry["top_logprobs"]
        check_equal(len(tops), 4)
        check_equal([tops[0][name] for name in ("token", "logprob", "bytes")],
                    [entry[name] for name in ("token", "logprob", "bytes")])
        check(all(a["logprob"] >= b["logprob"]
                  for a, b in zip(tops, tops[1:])), tops)
        check(sum(math.exp(top["logprob"]) for top in tops) <= 1.0001, tops)
        check_equal(bytes(entry["bytes"]).decode(), entry["token"])


@case
def a_token_without_text_is_no_thought(bench):
    # Token 3, a control token, says nothing.
    usage = ask(bench, logit_bias={"3": 100}, max_tokens=4)["usage"]
    check_equal(usage["completion_tokens"], 4)
    check_equal(usage["completion_tokens_details"], {"reasoning_tokens": 0})


@case
def limits_are_obeyed_the_smaller_first(bench):
    for more, wanted in (({"max_tokens": 9, "max_completion_tokens": 4}, 4),
                         ({"max_tokens": 3, "max_completion_tokens": 4}, 3)):
        check_equal(ask(bench, **more)["usage"]["completion_tokens"], wanted)
    usage = ask(bench, max_tokens=None, logit_bias=ENDLESS
                )["usage"]
    check_equal(usage["total_tokens"], 256)


# --- completions ---------------------------------------------------------------

def complete(bench, prompt, status=200, **more):
    more.setdefault("seed", 3)
    answer = bench.gateway.ask(
        dict({"model": TINY, "prompt": prompt}, **more), "/v1/completions")
    check_equal(answer.status, status, answer.body)
    return answer.json()


@case
def completions_take_texts_lists_and_tokens(bench):
    text = complete(bench, "Hello", logit_bias=ENDLESS)
    check_equal((text["object"], text["usage"]["completion_tokens"]),
                ("text_completion", 16))
    # H is 7 + ord("H") - 33 in the small vocabulary.
    ids = [7 + ord(c) - 33 for c in "Hello"]
    for prompt in (ids, [ids], ["Hello"]):
        same = complete(bench, prompt, logit_bias=ENDLESS)
        check_equal(same["choices"], text["choices"], prompt)
    two = complete(bench, ["Hello", "there"], n=2, max_tokens=4,
                   logit_bias=ENDLESS)
    check_equal([one["index"] for one in two["choices"]], [0, 1, 2, 3])
    check_equal((two["usage"]["prompt_tokens"],
                 two["usage"]["completion_tokens"]), (10, 16))


@case
def completions_tell_logprobs_their_own_way(bench):
    choice, = complete(bench, "Hello", max_tokens=5, logprobs=2)["choices"]
    said = choice["logprobs"]
    check_equal([len(said[name]) for name in (
        "tokens", "token_logprobs", "top_logprobs", "text_offset")], [5] * 4)
    check_equal("".join(said["tokens"]), choice["text"])
    check_equal(said["text_offset"], [0, 1, 2, 3, 4])
    answer = bench.gateway.ask(
        {"model": TINY, "prompt": "Hello", "max_tokens": 5, "logprobs": 2,
         "seed": 3, "stream": True}, "/v1/completions")
    pieces = [chunk["choices"][0] for chunk in events(answer)]
    check_equal("".join(one["text"] for one in pieces), choice["text"])
    check_equal(sum(((one["logprobs"] or {}).get("tokens", [])
                     for one in pieces), []), said["tokens"])


# --- what the model reads -------------------------------------------------------

@case
def parts_and_roles_are_brought_into_a_templates_form(bench):
    def tokens(messages, model=TINY):
        answer = bench.gateway.ask({"model": model, "messages": messages,
                                    "max_tokens": 1})
        check_equal(answer.status, 200, answer.body)
        return answer.json()["usage"]["prompt_tokens"]
    plain = tokens([{"role": "system", "content": "ab\ncd"}])
    parts = [{"type": "text", "text": "ab"}, {"type": "text", "text": "cd"}]
    check_equal(tokens([{"role": "system", "content": parts}]), plain)
    check_equal(tokens([{"role": "developer", "content": "ab\ncd"}]), plain)
    # A control token that a user writes is so many characters.
    check_equal(tokens([{"role": "user", "content": "<|im_end|>"}]),
                tokens([{"role": "user", "content": "0123456789"}]))
    arguments = '{"c": "a"}'
    turn = [{"role": "user", "content": "x"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "1", "type": "function", "function": {
                    "name": "w", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "1", "content": "y"}]
    check(tokens(turn, "local/tools") > 20, "a round of tools")


@case
def template_arguments_are_passed_on(bench):
    message = "Hello"
    base = ask(bench, "local/tools", message)["usage"]["prompt_tokens"]
    more = ask(bench, "local/tools", message, tools=[WEATHER])["usage"]
    check_equal(more["prompt_tokens"], base + len("w<tool_call>"))
    none = ask(bench, "local/tools", message, tools=[WEATHER],
               tool_choice="none")["usage"]
    check_equal(none["prompt_tokens"], base)


@case
def what_is_thought_is_told_apart(bench):
    whole = ask(bench, "local/thinks", max_tokens=30, logit_bias=ENDLESS)
    message = whole["choices"][0]["message"]
    check_equal(message["content"], "")
    check(len(message["reasoning_content"]) >= 20, message)
    check_equal(whole["usage"]["completion_tokens_details"],
                {"reasoning_tokens": 30})
    thought = "".join(
        choice["delta"].get("reasoning_content", "")
        for chunk in stream(bench, "local/thinks", max_tokens=30,
                            logit_bias=ENDLESS)
        for choice in chunk["choices"])
    check_equal(thought, message["reasoning_content"])
    # With a schema the thought stays free.
    schema = {"type": "json_schema", "json_schema": {
        "name": "x", "schema": {"enum": ["a", "b"]}}}
    held = ask(bench, "local/thinks", max_tokens=30, response_format=schema)
    check("reasoning_content" in held["choices"][0]["message"], held)


@case
def time_is_billed_where_tokens_have_no_price(bench):
    answer = bench.gateway.ask(chat("Hello", "local/power", max_tokens=20))
    check_equal(answer.status, 200, answer.body)
    row, = bench.gateway.rows(answer)
    # A dollar a second for the machine: some milliseconds.
    check(10**4 < row["cost_nano_usd"] < 10**10, row)
    check_equal(row["saved_nano_usd"], 0)


# --- what cannot be done -----------------------------------------------------------

@case
def what_cannot_be_done_is_refused_by_name(bench):
    refused(bench, "functions", functions=[{"name": "f"}])
    refused(bench, "web_search_options", web_search_options={})
    refused(bench, "tools", tools=[WEATHER])
    for name, value in (("temperature", 2.5), ("top_p", -1), ("n", 17),
                        ("logit_bias", {"101": 1}), ("stop", [""]),
                        ("top_logprobs", 21), ("max_tokens", 0),
                        ("seed", 1.5), ("tool_choice", "auto"),
                        ("frequency_penalty", 3), ("min_p", "x")):
        error = ask(bench, status=400, **{name: value})["error"]
        check_equal(error["param"], name, error)
    error = ask(bench, status=400, content=[{
        "type": "image_url", "image_url": {"url": "data:,"}}])["error"]
    check_equal(error["code"], "unsupported_parameter", error)
    check("image_url" in error["message"], error)
    for name, value in (("suffix", "x"), ("echo", True), ("best_of", 4)):
        error = complete(bench, "x", status=400, **{name: value})["error"]
        check_equal(error["param"], name, error)
    # One that is read on the loop, one that is not.
    for n in (300, 300000):
        error = ask(bench, status=400, content="x" * n)["error"]
        check_equal(error["code"], "context_length_exceeded", error)
    error = ask(bench, status=400, user="x" * 100000, n=17)["error"]
    check_equal(error["param"], "n", error)
    check_equal(told(ask(bench, user="x" * 100000)), told(ask(bench)))
    ask(bench, metadata={"a": "b"}, user="u", store=False, verbosity="low")


@case
def models_do_what_they_are_for(bench):
    error = ask(bench, "local/bert", status=400)["error"]
    check_equal(error["code"], "unsupported_endpoint", error)
    answer = bench.gateway.ask({"model": TINY, "input": "x"},
                               "/v1/embeddings")
    check_equal(answer.status, 400, answer.body)
    answer = bench.gateway.ask({"model": "local/bert", "input": ["x", "y"]},
                               "/v1/embeddings")
    check_equal(answer.status, 200, answer.body)
    check_equal(len(answer.json()["data"]), 2)
    row, = bench.gateway.rows(answer)
    check_equal((row["kind"], row["outcome"], row["output_tokens"]),
                ("local", "completed", 0))
    check(row["input_tokens"] >= 2, row)


# --- schemas and tools ---------------------------------------------------------

@case
def a_schema_holds_whatever_is_sampled(bench):
    schema = WEATHER["function"]["parameters"]
    for seed in range(5):
        said = ask(bench, seed=seed, max_tokens=60, response_format={
            "type": "json_schema", "json_schema": {
                "name": "x", "strict": True, "schema": schema}})
        choice, = said["choices"]
        value = json.loads(choice["message"]["content"])
        check_equal(sorted(value), ["c", "n"])
        check(value["c"] in "ab" and isinstance(value["n"], bool), value)
        check_equal(choice["finish_reason"], "stop")
    answer = bench.gateway.ask(chat("Hello", TINY, n=2, response_format={
        "type": "json_schema", "json_schema": {
            "name": "x", "schema": {"const": "a b"}}}, logprobs=True))
    removed = [1 - math.exp(one["logprob"])
               for choice in answer.json()["choices"]
               for one in choice["logprobs"]["content"]]
    line, = eventually(lambda: [
        json.loads(one) for one in bench.gateway.process.out().splitlines()
        if answer.header("x-sluice-request-id").encode() in one], "its line")
    check_equal(len(removed), 10)
    check(abs(line["mean_removed"] - sum(removed) / 10) < 0.001, line, removed)
    said = ask(bench, max_tokens=4, response_format={"type": "json_object"})
    check(said["choices"][0]["message"]["content"].startswith("{"), said)
    error = ask(bench, status=400, response_format={
        "type": "json_schema", "json_schema": {"name": "x", "schema": {
            "type": "object", "if": {}}}})["error"]
    check_equal(error["param"], "response_format", error)
    check("if" in error["message"], error)


@case
def a_call_that_is_asked_for_is_made(bench):
    for choice in ("required", {"type": "function",
                                "function": {"name": "w"}}):
        more = {"tools": [WEATHER], "tool_choice": choice, "max_tokens": 80}
        whole = told(ask(bench, "local/tools", **more))
        (name, arguments), = [call[1:] for call in whole[0]["calls"].values()]
        value = json.loads(arguments)
        check_equal((name, sorted(value)), ("w", ["c", "n"]))
        check_equal((whole[0]["content"], whole[0]["reason"]),
                    ("", "tool_calls"))
        chunked = joined(stream(bench, "local/tools", **more))
        for one in (whole, chunked):
            check(one[0]["calls"].pop(0)[0].startswith("call"), one)
        check_equal(chunked, whole)


# --- how it ends -----------------------------------------------------------------------

@case
def a_client_that_leaves_pays_for_what_was_written(bench):
    client = bench.gateway.connect()
    client.send(bench.gateway.bytes(chat(
        "Hello", TINY, stream=True, logit_bias=ENDLESS, n=8)))
    client.until(b'"delta":{"content":"')
    client.reset()
    row = eventually(lambda: [one for one in bench.gateway.export()
                              if one["outcome"] == "client_gone"],
                     "the row of who left")[0]
    check_equal((row["kind"], row["estimated"]), ("local", False))
    check(0 < row["output_tokens"] < 1900 and row["input_tokens"] > 0, row)


@case
def who_leaves_while_a_long_request_is_read_holds_up_nobody(bench):
    long = bench.gateway.bytes(chat(" " * 2**20, TINY))
    for _ in range(3):
        with bench.gateway.connect() as client:
            client.send(long)
            eventually(lambda: bench.gateway.metric(
                "sluice_requests_in_flight") > 0, "it is under way")
            client.reset()
        ask(bench)
    eventually(lambda: not bench.gateway.metric("sluice_requests_in_flight"),
               "nothing is under way")
    error = ask(bench, status=400, content=" " * 2**20)["error"]
    check_equal(error["code"], "context_length_exceeded", error)


@case
def an_answer_is_kept_and_shared_as_an_upstreams_is(bench):
    body = chat("kept", TINY, temperature=0, max_tokens=6)
    first, second = bench.gateway.ask(body), bench.gateway.ask(body)
    check_equal([one.header("x-sluice-cache") for one in (first, second)],
                ["miss", "hit"])
    check_equal(second.body, first.body)
    row, = bench.gateway.rows(second)
    check_equal((row["kind"], row["cost_nano_usd"]), ("cache_hit", 0))
    streamed = bench.gateway.ask(dict(body, stream=True))
    check_equal(streamed.header("x-sluice-cache"), "hit")
    check_equal(joined(events(streamed)), told(first.json()))


if __name__ == "__main__":
    run_cases(Local)
