#!/usr/bin/env python3
# gateway_route.py -- the dry run decides as the running gateway does.
# SPDX-License-Identifier: Apache-2.0
"""`sluice route` beside what the same request gets over HTTP."""
from harness import *  # noqa: F403

RULED = {
    "name": "ruled", "baseline": "up/large", "use": ["up/small", "up/large"],
    "rules": [
        {"name": "vision", "when": "request.images", "use": ["up/large"]},
        {"name": "tools", "when": "request.tools", "use": ["up/large",
                                                           "up/small"]},
        {"name": "schema", "when": "request.json_schema",
         "use": ["up/small"]},
        {"name": "code", "when": 'request.task == "code"',
         "use": ["up/large"]},
        {"name": "long", "when": "request.tokens > 1000", "use": ["up/large"]},
        {"name": "internal", "when": '"internal" in key.tags && '
         'request.text.startsWith("secret")', "use": ["up/large"]},
        {"name": "turns", "when": "request.turns >= 5", "use": ["up/large"]},
        {"name": "pattern", "when": 'request.text.matches("[0-9]{4}-[0-9]{2}")'
         ' || request.text.endsWith("!")', "use": ["up/large"]},
        {"name": "stream", "when": 'request.stream && size(request.text) < 4',
         "use": ["up/large"]},
    ],
}
MODELS_HERE = MODELS[:2] + [
    {"name": "up/tiny", "provider": "up", "upstream": "tiny-1",
     "price": {"input": 0.01, "output": 0.02}, "context": 200,
     "capabilities": ["chat"]}] + MODELS[2:]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
IMAGE = [{"type": "text", "text": "what?"},
         {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
SCHEMA = {"type": "json_schema", "json_schema": {
    "name": "s", "schema": {"type": "object"}}}


def make_bench():
    return Bench(policy=RULED, models=MODELS_HERE)


def turns(n):
    return {"model": "auto", "messages": [
        {"role": "user" if i % 2 == 0 else "assistant", "content": "go on"}
        for i in range(n)]}


REQUESTS = [
    chat(model="auto"), chat("Say hi!", model="auto"),
    chat("on 2024-05", model="auto"), chat("hi", model="auto", stream=True),
    chat("secret plan", model="auto"), chat("word " * 3000, model="auto"),
    chat("what", model="auto", tools=[TOOL]),
    chat(IMAGE, model="auto"), chat("x", model="auto", response_format=SCHEMA),
    chat("Fix this:\n```python\ndef f(x):\n    return x +\n```\n"
         "It raises SyntaxError.", model="auto"),
    chat("\u8bf7\u628a\u8fd9\u53e5\u8bdd\u7ffb\u8bd1\u6210\u82f1\u6587",
         model="auto"),
    turns(9), turns(3), chat(model="up/small"), chat(model="up/large"),
    chat(model="up/tiny"), chat("", model="auto"),
    {"model": "auto", "prompt": "Once upon a time"},
    {"model": "up/embed", "input": ["a", "b"]},
    chat("Translate to French: good morning", model="auto", max_tokens=50),
    chat("What is 17 * 23? Prove it.", model="auto", n=2),
]
REFUSED = [
    chat(model="up/none"), {"model": "auto", "input": "no embeddings in use"},
    chat("x " * 400_000, model="auto"),
    b'{"model":"auto","model":"auto","messages":[]}', b"{", b"",
    {"messages": []},
]


def path_of(body):
    if "input" in body:
        return "/v1/embeddings"
    return "/v1/completions" if "prompt" in body else "/v1/chat/completions"


def route(bench, body, *args):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    done = sluice("route", "--config", bench.gateway.config, *args, text=data)
    check(done.stdout.endswith(b"\n"), done)
    return done.returncode, json.loads(done.stdout)


@case
def the_dry_run_decides_as_the_gateway_does(bench):
    rules = set()
    for body in REQUESTS:
        status, told = route(bench, body, "--key", "team-a")
        check_equal(status, 0, told)
        answer = bench.gateway.ask(body, path_of(body))
        check_equal(answer.status, 200, f"{short(body)}: {answer.body}")
        check_equal((told["model"], told["rule"]),
                    (answer.header("x-sluice-model"),
                     answer.header("x-sluice-rule")), short(body))
        rules.add(told["rule"])
    wanted = {rule["name"] for rule in RULED["rules"]} | {"default", "pinned"}
    check_equal(rules, wanted, "rules that were taken")
    check(len(REQUESTS) >= 20, "twenty requests")


@case
def a_decision_says_what_it_is_made_of(bench):
    _, told = route(bench, chat("hello there", model="auto"), "--key",
                    "team-a")
    check_equal(set(told), {"model", "rule", "reasons", "candidates",
                            "features"})
    check(told["reasons"] and all(isinstance(one, str)
                                  for one in told["reasons"]), told)
    check_equal(set(told["features"]), {
        "tokens", "task", "language", "tools", "images", "json_schema",
        "turns", "difficulty"})
    check_equal([one["model"] for one in told["candidates"]],
                ["up/small", "up/large"])
    for one in told["candidates"]:
        check_equal(set(one), {"model", "eligible", "reasons",
                               "estimated_cost_nano_usd"})
        check(one["eligible"] is True and
              one["estimated_cost_nano_usd"] > 0, one)
    check(told["candidates"][0]["estimated_cost_nano_usd"]
          < told["candidates"][1]["estimated_cost_nano_usd"], told)
    check(0 <= told["features"]["difficulty"] <= 1, told)


@case
def candidates_that_cannot_are_named_with_the_reason(bench):
    policy = {"name": "all", "baseline": "up/large",
              "use": ["up/tiny", "up/small", "up/large"]}
    gateway = bench.add(settings(bench.upstream.port, models=MODELS_HERE),
                        policy)
    cases = (
        (chat(IMAGE, model="auto"), "up/large"),
        (chat("x", model="auto", tools=[TOOL]), "up/small"),
        (chat("word " * 400, model="auto"), "up/small"),
        (chat("x", model="auto"), "up/tiny"),
    )
    for body, wanted in cases:
        done = sluice("route", "--config", gateway.config,
                      text=json.dumps(body).encode())
        told = json.loads(done.stdout)
        check_equal(told["model"], wanted, short(body))
        check_equal(gateway.ask(body).header("x-sluice-model"), wanted)
        for one in told["candidates"]:
            if not one["eligible"]:
                check(one["reasons"] and one["reasons"][0], one)
    done = sluice("route", "--config", gateway.config, "--key", "team-b",
                  text=json.dumps(chat(model="up/large")).encode())
    check_equal(done.returncode, 1)
    check_equal(json.loads(done.stdout)["error"]["code"], "model_not_allowed")


@case
def a_refused_request_prints_the_error_and_exits_1(bench):
    for body in REFUSED:
        status, told = route(bench, body, "--key", "team-a")
        check_equal(status, 1, short(body))
        path = "/v1/chat/completions" if isinstance(body, bytes) \
            else path_of(body)
        answer = bench.gateway.ask(body, path)
        check(400 <= answer.status < 500, answer)
        check_equal(told, answer.json(), short(body))


@case
def the_constraint_that_took_the_last_candidate_is_named(bench):
    long = bench.gateway.ask(chat("word " * 400_000, model="auto"))
    check_equal((long.status, long.code()), (400, "context_length_exceeded"))
    none = bench.gateway.ask({"model": "auto", "input": "x"},
                             "/v1/embeddings")
    check_equal(none.status, 400)
    check("endpoint" in none.json()["error"]["message"], none)
    check_equal(bench.upstream.count(), 0, "requests upstream")


@case
def headers_and_regexes_decide_too(bench):
    policy = {"name": "headers", "baseline": "up/large", "use": ["up/small"],
              "rules": [{"name": "tier", "when":
                         'request.headers["X-Tier"] == "gold"',
                         "use": ["up/large"]},
                        {"name": "evil", "when":
                         'request.text.matches("^(a+)+$")',
                         "use": ["up/large"]}]}
    gateway = bench.add(settings(bench.upstream.port), policy)
    gold = gateway.ask(chat(model="auto"), headers=[("x-tier", "gold")])
    check_equal(gold.header("x-sluice-rule"), "tier")
    began = time.monotonic()
    slow = gateway.ask(chat("a" * 5000 + "b", model="auto"))
    check_equal(slow.header("x-sluice-rule"), "default")
    check(time.monotonic() - began < 3, "a regex has a limit")


@case
def wrong_use_exits_2(bench):
    for args in (("--key", "nobody"), ("--at", "noon")):
        done = sluice("route", "--config", bench.gateway.config, *args,
                      text=json.dumps(chat()).encode())
        check_equal(done.returncode, 2, args)
    done = sluice("route", "--config", bench.gateway.config, "--at",
                  "2026-01-01T00:00:00Z", text=json.dumps(chat()).encode())
    check_equal(done.returncode, 0, done)


if __name__ == "__main__":
    run_cases(make_bench)
