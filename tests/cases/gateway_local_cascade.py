#!/usr/bin/env python3
# gateway_local_cascade.py -- where it goes when a model inside cannot, or doubts.
# SPDX-License-Identifier: Apache-2.0
"""Answers that are held back and given up for another model's, or given; a
queue that is full; and a crowd that leaves at every point of this.
"""
from harness import *  # noqa: F403
from local_api import TINY, ask, events, joined, told
from local_bench import ENDLESS, Local


@case
def an_unsure_answer_goes_to_the_next_model(bench):
    for streams in (False, True):
        answer = bench.gateway.ask(chat(
            "unsure", "auto", stream=streams, max_tokens=30, seed=1))
        check_equal(answer.status, 200, answer.body)
        check_equal(answer.header("x-sluice-model"), "up/large")
        check_equal(bench.upstream.last().json()["model"], "large-1")
        given_up, given = bench.gateway.rows(answer, 2)
        check_equal([given_up[name] for name in (
            "kind", "outcome", "model", "estimated", "baseline_nano_usd")],
            ["local", "escalated", TINY, False, 0])
        check(6 <= given_up["output_tokens"] <= 30, given_up)
        check(given_up["cost_nano_usd"] > 0, given_up)
        check_equal((given["kind"], given["outcome"], given["model"]),
                    ("upstream", "completed", "up/large"))
    line, = eventually(lambda: [
        json.loads(one) for one in bench.gateway.process.out().splitlines()
        if answer.header("x-sluice-request-id").encode() in one], "its line")
    check_equal((line["held_model"], line["escalated"]), (TINY, "unsure"))
    check(0 <= line["confidence"] <= 1 and line["held_ms"] >= 0, line)
    check(bench.gateway.metric("sluice_escalations_total", model=TINY,
                               reason="unsure") >= 2, "escalations")
    check(bench.gateway.metric("sluice_held_seconds_count",
                               model=TINY) >= 2, "held")


@case
def a_sure_answer_is_released_and_nothing_is_lost(bench):
    for streams in (False, True):
        answer = bench.gateway.ask(chat(
            "sure", "auto", stream=streams, max_tokens=20, seed=1))
        check_equal(answer.header("x-sluice-model"), TINY)
        pinned = ask(bench, content="sure", max_tokens=20, seed=1)
        said = (joined(events(answer)) if streams else told(answer.json()))
        check_equal(said, told(pinned))
        bench.gateway.rows(answer, 1)


@case
def samples_that_disagree_go_to_the_next_model(bench):
    answer = bench.gateway.ask(chat("agree", "auto", max_tokens=12, seed=1,
                                   logit_bias=ENDLESS))
    check_equal(answer.header("x-sluice-model"), "up/large")
    given_up, _ = bench.gateway.rows(answer, 2)
    check_equal((given_up["outcome"], given_up["output_tokens"]),
                ("escalated", 36))
    check(bench.gateway.metric("sluice_escalations_total", model=TINY,
                               reason="disagreed") == 1, "escalations")


@case
def samples_that_agree_are_given(bench):
    # One token is all but certain, so three samples say the same.
    answer = bench.gateway.ask(chat(
        "agree", "auto", max_tokens=12, seed=1, logit_bias={"40": 100}))
    check_equal(answer.header("x-sluice-model"), TINY)
    body = answer.json()
    check_equal(len(set(body["choices"][0]["message"]["content"])), 1)
    check_equal(body["usage"]["completion_tokens"], 36)


@case
def a_sample_that_goes_on_alone_is_finished_once(bench):
    # Past `hold` tokens samples are not compared: the first is given.
    for streams in (False, True):
        answer = bench.gateway.ask(chat(
            "agree", "auto", max_tokens=60, seed=1, stream=streams,
            temperature=0, logit_bias=ENDLESS))
        check_equal(answer.header("x-sluice-model"), TINY)
        alone = ask(bench, content="agree", max_tokens=60, temperature=0,
                    logit_bias=ENDLESS)
        said = events(answer) if streams else answer.json()
        if streams:
            reasons = [choice["finish_reason"] for chunk in said
                       for choice in chunk["choices"]]
            check_equal([one for one in reasons if one], ["length"])
        check_equal(joined(said) if streams else told(said), told(alone))


@case
def nobody_else_to_ask_means_the_answer_is_given(bench):
    answer = bench.gateway.ask(chat("alone", "auto", max_tokens=20))
    check_equal((answer.status, answer.header("x-sluice-model")),
                (200, TINY))
    row, = bench.gateway.rows(answer)
    check_equal(row["outcome"], "completed")


@case
def a_full_queue_is_429_or_another_models_work(bench):
    # Four texts are written at once and ten may wait.
    body = chat("Hello", TINY, logit_bias=ENDLESS, n=16)
    answer = bench.gateway.ask(body)
    check_equal(answer.status, 429, answer.body)
    check(int(answer.header("retry-after")) >= 1, answer.headers)
    error = answer.json()["error"]
    check_equal(error["code"], "engine_overloaded", error)
    row, = bench.gateway.rows(answer)
    check_equal((row["outcome"], row["status"]), ("refused", 429))
    other = bench.gateway.ask(dict(body, model="auto"))
    check_equal(other.header("x-sluice-model"), "up/large")
    check_equal([row["outcome"] for row in bench.gateway.rows(other, 2)],
                ["refused", "completed"])
    check_equal(ask(bench)["object"], "chat.completion")


@case
def a_crowd_that_comes_and_goes_leaves_nothing_behind(bench):
    def crowd(seed):
        draw = random.Random(seed)
        for _ in range(40):
            with bench.gateway.connect() as client:
                client.send(bench.gateway.bytes(chat(
                    draw.choice(["sure", "unsure", "agree", "x" * 20000]),
                    draw.choice(["auto", TINY, "local/thinks"]),
                    stream=draw.random() < 0.7, n=draw.choice([1, 1, 3]),
                    max_tokens=draw.randrange(1, 200), logit_bias=ENDLESS)))
                if draw.random() < 0.5:
                    client.read_answer()
                elif draw.random() < 0.5:
                    client.until(b"\r\n\r\n")
                client.reset()
    threads = [threading.Thread(target=crowd, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: bench.gateway.metric("sluice_requests_in_flight") == 0,
               "all are over")
    for state in ("waiting", "running"):
        eventually(lambda: bench.gateway.metric(
            "sluice_local_texts", state=state) == 0, f"no text is {state}")
    eventually(lambda: all(row["state"] == "settled"
                           for row in bench.gateway.export()),
               "every row is settled")
    check_equal(ask(bench)["object"], "chat.completion")


if __name__ == "__main__":
    run_cases(Local)
