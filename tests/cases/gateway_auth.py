#!/usr/bin/env python3
# gateway_auth.py -- who may ask what, and that no secret is ever printed.
# SPDX-License-Identifier: Apache-2.0
"""Keys, permissions, and a search for canaries in everything that is shown."""
import hashlib

from harness import *  # noqa: F403

HASHED = "sk-canary-hashed-0d41b7"
NARROW = "sk-canary-narrow-31c0aa"
PROMPT = "canary-prompt-text-8812"


def make_bench():
    keys = KEYS + [
        {"name": "hashed",
         "key_sha256": hashlib.sha256(HASHED.encode()).hexdigest()},
        {"name": "narrow", "key": NARROW, "models": ["up/large", "auto"]},
        {"name": "from-environment", "key": "${CANARY_KEY}"},
    ]
    return Bench(keys=keys, env={"CANARY_KEY": "sk-canary-env-1b2c3d"})


@case
def a_request_without_a_good_key_is_answered_401(bench):
    for headers in ([], [("authorization", "Bearer wrong")],
                    [("authorization", "Bearer ")], [("authorization", "")],
                    [("authorization", f"Basic {KEY}")],
                    [("authorization", KEY)],
                    [("authorization", f"Bearer {KEY}x")],
                    [("authorization", f"Bearer {KEY[:-1]}")],
                    [("authorization", f"Bearer {KEY.upper()}")],
                    [("authorization", f"Bearer {KEY} {KEY}")],
                    [("api-key", "wrong")], [("x-api-key", KEY + "\t.")]):
        answer = bench.gateway.ask(chat(), key=None, headers=headers)
        check_equal(answer.status, 401, headers)
        error = answer.json()["error"]
        check_equal(error["code"], "invalid_api_key", headers)
        check(error["message"].startswith("Incorrect API key provided"), error)
        check_equal(set(error), {"message", "type", "param", "code"})
        check("wrong" not in error["message"], "the key is repeated", error)
    check_equal(bench.upstream.count(), 0, "requests upstream")


@case
def a_key_is_taken_from_any_of_three_headers(bench):
    for headers in ([("authorization", f"Bearer {KEY}")],
                    [("Authorization", f"bearer {KEY}")],
                    [("AUTHORIZATION", f"BEARER   {KEY}  ")],
                    [("api-key", KEY)], [("Api-Key", KEY)],
                    [("x-api-key", KEY)], [("X-API-Key", KEY)]):
        answer = bench.gateway.ask(chat(), key=None, headers=headers)
        check_equal(answer.status, 200, headers)


@case
def two_authorizations_are_never_a_choice(bench):
    answer = bench.gateway.ask(chat(), key=KEY, headers=[
        ("authorization", "Bearer wrong")])
    check(answer.status in (400, 401), answer)


@case
def keys_may_be_given_by_their_hash_or_the_environment(bench):
    for key in (HASHED, "sk-canary-env-1b2c3d"):
        check_equal(bench.gateway.ask(chat(), key=key).status, 200)
    digest = hashlib.sha256(HASHED.encode()).hexdigest()
    check_equal(bench.gateway.ask(chat(), key=digest).status, 401,
                "the hash itself is no key")


@case
def a_key_may_use_its_own_models_only(bench):
    check_equal(bench.gateway.ask(chat(), key=KEY_B).status, 200)
    for model in ("up/large", "auto"):
        answer = bench.gateway.ask(chat(model=model), key=KEY_B)
        check_equal((answer.status, answer.code()),
                    (403, "model_not_allowed"), model)
    answer = bench.gateway.ask(chat(model="auto"), key=NARROW)
    check_equal((answer.status, answer.header("x-sluice-model")),
                (200, "up/large"), "auto within the key's own models")


@case
def an_unknown_model_is_answered_404_with_near_names(bench):
    for name in ("up/smaall", "up/smalll", "UP/small", "small-1"):
        answer = bench.gateway.ask(chat(model=name))
        check_equal((answer.status, answer.code()), (404, "model_not_found"),
                    name)
        check_equal(answer.json()["error"]["param"], "model")
    near = bench.gateway.ask(chat(model="up/smaall")).json()["error"]["message"]
    check("up/small" in near, near)
    far = bench.gateway.ask(chat(model="up/laarge"), key=KEY_B)
    check_equal(far.status, 404)
    check("up/large" not in far.body.decode(),
          "a near name that this key may not use:", far.body)
    for name in ('x"\\<\u6c34', "y" * 5000, "\u202e\ud83d\ude00"):
        odd = bench.gateway.ask(chat(model=name))
        check_equal((odd.status, odd.code()), (404, "model_not_found"))
        check(len(odd.body) < 1000, "a long name is not repeated whole")
    odd = bench.gateway.ask(chat(model="x\n"))
    check(odd.status in (400, 404), odd)
    check_equal(bench.upstream.count(), 0, "requests upstream")


@case
def a_model_that_is_absent_or_no_string_is_answered_400(bench):
    for body in (b'{"messages": []}', b'{"model": 7, "messages": []}',
                 b'{"model": null, "messages": []}',
                 b'{"model": ["up/small"], "messages": []}',
                 b'{"model": "", "messages": []}'):
        answer = bench.gateway.ask(body)
        check(answer.status in (400, 404), body, answer)
        check_equal(answer.json()["error"]["param"], "model", body)


@case
def no_secret_and_no_prompt_is_ever_shown(bench):
    gateway = bench.gateway
    secrets = [KEY, KEY_B, HASHED, NARROW, UPSTREAM_KEY, PROMPT,
               "sk-canary-env-1b2c3d", "sk-canary-wrong-key"]
    gateway.ask(chat(PROMPT))
    gateway.ask(chat(PROMPT, stream=True))
    gateway.ask(chat(PROMPT), key="sk-canary-wrong-key")
    gateway.ask(chat(PROMPT), key=None,
                headers=[("x-api-key", "sk-canary-wrong-key")])
    gateway.ask(chat(PROMPT, model="up/large"), key=KEY_B)
    gateway.ask(b'{"model": "' + PROMPT.encode() + b'\x01"}')
    bench.upstream.script["small-1"] = always(
        401, json.dumps({"error": {"message": f"Incorrect API key provided: "
                                   f"{UPSTREAM_KEY}"}}).encode())
    refused = gateway.ask(chat(PROMPT))
    check(UPSTREAM_KEY.encode() not in refused.body, refused)
    with gateway.connect() as client:
        client.send(f"GET /{KEY} HTTP/1.1 bad\r\n\r\n".encode())
        client.wait_end()
    last = gateway.ask(chat())
    gateway.rows(last)
    shown = {path: get(gateway.admin, path) for path in (
        "/metrics", "/api/summary", "/api/spend?by=key",
        "/api/requests?limit=100", "/healthz")}
    for one in json.loads(shown["/api/requests?limit=100"])["requests"]:
        path = f"/api/requests/{one['request_id']}"
        shown[path] = get(gateway.admin, path)
    shown["export"] = json.dumps(gateway.export()).encode()
    shown["check"] = sluice("check", "--config", gateway.config,
                            env=gateway.env).stdout
    gateway.reload()
    eventually(lambda: last.header("x-sluice-request-id").encode()
               in gateway.process.out(), "the access log is written")
    shown["stdout"] = gateway.process.out()
    shown["stderr"] = gateway.process.err()
    ledger = os.path.join(gateway.folder, "state")
    for folder, _, names in os.walk(ledger):
        for name in names:
            with open(os.path.join(folder, name), "rb") as data:
                shown[f"state/{name}"] = data.read()
    for where, text in shown.items():
        for secret in secrets:
            check(secret.encode() not in text, secret, "stands in", where)
    check(b"team-a" in shown["stdout"], "the key's name is in the log")


@case
def each_request_is_one_json_line_on_stdout(bench):
    answer = bench.gateway.ask(chat(model="auto"))
    wanted = answer.header("x-sluice-request-id")

    def lines():
        found = []
        for line in bench.gateway.process.out().splitlines():
            row = json.loads(line)
            if row.get("request_id") == wanted:
                found.append(row)
        return found
    row, = eventually(lines, "a line in the access log")
    check_equal((row["status"], row["key"], row["model"]),
                (200, "team-a", "up/small"))


if __name__ == "__main__":
    run_cases(make_bench)
