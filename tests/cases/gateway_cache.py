#!/usr/bin/env python3
# gateway_cache.py -- a repeated request is answered from before, and safely.
# SPDX-License-Identifier: Apache-2.0
"""The exact cache in memory, through a running gateway."""
import itertools
import threading

from harness import *  # noqa: F403

CACHE = {"store": "memory", "size": "8MiB", "ttl": "1h"}
LARGE = {"input": 2000, "output": 10000}  # nano-dollars a token
SMALL = {"input": 100, "output": 400}

_numbers = itertools.count()


def make_bench():
    return Bench(cache=CACHE)


def fresh(**more):
    """A request that nothing before it has asked."""
    more.setdefault("temperature", 0)
    return chat(f"question number {next(_numbers)}", **more)


def tells(content):
    """An upstream that answers with <content>."""
    def answer(peer, _):
        peer.send(response(200, completion(content)))
        return True
    return answer


def state(answer):
    return answer.header("x-sluice-cache")


def ask_twice(bench, first, second=None, gateway=None, **options):
    gateway = gateway or bench.gateway
    answers = [gateway.ask(first, **options),
               gateway.ask(second or first, **options)]
    for answer in answers:
        check_equal(answer.status, 200, answer.body)
    return answers


def check_hit(bench, first, second=None, **options):
    before = bench.upstream.count()
    one, two = ask_twice(bench, first, second, **options)
    check_equal((state(one), state(two)), ("miss", "hit"), first)
    check_equal(bench.upstream.count() - before, 1, "calls")
    return one, two


def check_no_hit(bench, first, second=None, states=("miss", "miss"),
                 **options):
    before = bench.upstream.count()
    one, two = ask_twice(bench, first, second, **options)
    check_equal((state(one), state(two)), states, first)
    check_equal(bench.upstream.count() - before, 2, "calls")


@case
def a_repeated_request_costs_nothing_and_says_what_it_saved(bench):
    one, two = check_hit(bench, fresh(model="auto"))
    check_equal(two.body, one.body, "the answer")
    check_equal(two.header("x-sluice-model"), "up/small")
    check_equal(two.header("x-sluice-rule"), "default")
    check_equal(two.header("content-type"), "application/json")
    check(int(two.header("age")) in (0, 1), two.header("age"))
    check_equal(two.header("x-sluice-cost-usd"), "0")
    would = 10 * LARGE["input"] + 5 * LARGE["output"]
    check_equal(two.header("x-sluice-saved-usd"), "0.00007")
    check_equal(two.header("x-sluice-baseline-usd"), "0.00007")
    first, = bench.gateway.rows(one)
    row, = bench.gateway.rows(two)
    check_equal((row["kind"], row["source"], row["state"], row["outcome"]),
                ("cache_hit", "memory", "settled", "completed"))
    check_equal((row["model"], row["rule"], row["key"], row["status"]),
                ("up/small", "default", "team-a", 200))
    check_equal((row["cost_nano_usd"], row["baseline_nano_usd"],
                 row["saved_nano_usd"]), (0, would, would))
    check_equal((row["input_tokens"], row["output_tokens"],
                 row["estimated"]), (10, 5, False))
    check_equal(row["answer_of"], first["attempt_id"])
    check_equal(row["task"], first["task"])
    check(row["duration_ns"] > 0 and row["first_token_ns"] > 0, row)


@case
def a_pinned_hit_saves_what_its_own_model_would_have_cost(bench):
    _, two = check_hit(bench, fresh(model="up/small"))
    row, = bench.gateway.rows(two)
    would = 10 * SMALL["input"] + 5 * SMALL["output"]
    check_equal((row["cost_nano_usd"], row["saved_nano_usd"], row["rule"]),
                (0, would, "pinned"))


@case
def order_and_white_space_do_not_matter_and_the_rest_does(bench):
    def text(*members):
        return ("{" + ",".join(members) + "}").encode()
    model, zero = '"model":"up/small"', '"temperature":0'
    says_hi = '"messages":[{"role":"user","content":"order"}]'
    base = text(model, zero, says_hi)
    check_equal(state(bench.gateway.ask(base)), "miss")
    for same in (text(says_hi, zero, model),
                 text(model, '\n "temperature" :\t0 ',
                      '"messages": [ {"content": "order", "role":"user"} ]'),
                 text(model, zero, says_hi, '"user":"u1"',
                      '"metadata":{"a":"b"}', '"service_tier":"flex"',
                      '"stream":false')):
        check_equal(state(bench.gateway.ask(same)), "hit", same)
    for other in (text(model, '"temperature":0.0', says_hi),
                  text(model, zero, says_hi, '"max_tokens":7'),
                  text(model, zero, says_hi, '"seed":null'),
                  text(model, zero, says_hi, '"from_the_future":1'),
                  text(model, zero, says_hi.replace("order", "order ")),
                  text(model, zero, says_hi.replace("user", "system")),
                  text('"model":"up/large"', zero, says_hi)):
        check_equal(state(bench.gateway.ask(other)), "miss", other)
    headers = [("openai-beta", "assistants=v2")]
    check_equal(state(bench.gateway.ask(base, headers=headers)), "miss")
    check_equal(state(bench.gateway.ask(base, headers=headers)), "hit")


@case
def what_is_left_to_chance_is_not_looked_up(bench):
    for more in ({"temperature": None}, {"temperature": 0.7},
                 {"temperature": 1}):
        check_no_hit(bench, fresh(**more), states=("bypass", "bypass"))
    body = fresh()
    del body["temperature"]
    check_no_hit(bench, body, states=("bypass", "bypass"))


@case
def what_asks_for_more_than_an_answer_is_not_looked_up(bench):
    for more in ({"store": True}, {"web_search_options": {}}):
        check_no_hit(bench, fresh(**more), states=("bypass", "bypass"))


@case
def the_policy_and_its_rules_have_the_last_word(bench):
    policy = {"name": "words", "baseline": "up/large", "cache": "always",
              "use": ["up/small"],
              "rules": [{"name": "private", "cache": "never",
                         "when": 'request.text.contains("secret")'}]}
    gateway = bench.add(settings(bench.upstream.port, cache=CACHE), policy)
    check_hit(bench, fresh(model="auto", temperature=0.9), gateway=gateway)
    secret = chat("a secret", model="auto", temperature=0)
    check_no_hit(bench, secret, gateway=gateway, states=("bypass", "bypass"))


@case
def tenants_do_not_see_each_other_s_answers(bench):
    body = fresh()
    check_hit(bench, body)
    check_equal(state(bench.gateway.ask(body, key=KEY_B)), "miss")
    check_equal(state(bench.gateway.ask(body, key=KEY_B)), "hit")


@case
def embeddings_are_always_kept(bench):
    body = {"model": "up/embed", "input": "some text"}
    one, two = check_hit(bench, body, path="/v1/embeddings")
    check_equal(two.body, one.body)
    row, = bench.gateway.rows(two)
    check_equal((row["input_tokens"], row["saved_nano_usd"]), (7, 140))


@case
def cache_control_is_honoured(bench):
    body = fresh()
    no_store = [("cache-control", "no-store")]
    check_no_hit(bench, body, headers=no_store, states=("bypass", "bypass"))
    check_equal(state(bench.gateway.ask(body)), "miss")
    check_equal(state(bench.gateway.ask(body, headers=no_store)), "bypass")
    bench.upstream.script["small-1"] = tells("newer")
    fresh_one = bench.gateway.ask(
        body, headers=[("cache-control", "max-stale, No-Cache")])
    check_equal(state(fresh_one), "bypass")
    again = bench.gateway.ask(body, headers=[("cache-control", "max-age=60")])
    check_equal((state(again), b"newer" in again.body), ("hit", True))
    check_equal(state(bench.gateway.ask(
        body, headers=[("cache-control", "max-age=0")])), "bypass")


@case
def what_should_not_be_given_again_is_not_kept(bench):
    def tool(peer, _):
        peer.send(response(200, json.dumps({
            "id": "c", "object": "chat.completion", "created": 1,
            "model": "small-1", "usage": USAGE, "choices": [{
                "index": 0, "finish_reason": "tool_calls", "message": {
                    "role": "assistant", "content": None, "tool_calls": [{
                        "id": "call_1", "type": "function", "function": {
                            "name": "f", "arguments": "{}"}}]}}]}).encode()))
        return True

    def filtered(peer, _):
        body = completion().replace(b'"stop"', b'"content_filter"')
        peer.send(response(200, body))
        return True

    def without_usage(peer, _):
        peer.send(response(200, completion(usage=None)))
        return True

    def tool_stream(peer, _):
        call = {"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "f", "arguments": "{}"}}
        return send_stream(peer, [
            delta(role="assistant", tool_calls=[call]),
            delta(finish="tool_calls"), usage_event(), DONE])

    def stream_without_usage(peer, _):
        return send_stream(peer, stream_events(usage=None))

    for script, more in ((tool, {}), (filtered, {}), (without_usage, {}),
                         (tool_stream, {"stream": True}),
                         (stream_without_usage, {"stream": True})):
        bench.upstream.script["small-1"] = script
        check_no_hit(bench, fresh(**more))


@case
def errors_and_cut_answers_are_not_kept(bench):
    body = fresh()

    def fail(peer, _):
        peer.send(response(500, b'{"error": {"message": "no"}}'))
        return True

    def refuse(peer, _):
        peer.send(response(400, b'{"error": {"message": "bad"}}'))
        return True

    def cut(peer, _):
        peer.send(STREAM_HEAD + chunked(delta("one")))
        return False
    for script, status in ((fail, 500), (refuse, 400)):
        bench.upstream.script["small-1"] = script
        for _ in range(2):
            answer = bench.gateway.ask(body)
            check_equal((answer.status, state(answer)), (status, "miss"))
    bench.upstream.script["small-1"] = cut
    for _ in range(2):
        answer = bench.gateway.ask({**body, "stream": True})
        check_equal((answer.is_whole, state(answer)), (False, "miss"))
    bench.upstream.script.clear()
    check_hit(bench, body)


def events_of(answer):
    return [event + b"\n\n" for event in answer.events()
            if not event.startswith(b": x-sluice-")]


@case
def a_stream_is_given_again_as_it_came(bench):
    body = fresh(stream=True, model="auto")
    one, two = check_hit(bench, body)
    check_equal(events_of(two), events_of(one))
    check(b"usage" not in b"".join(
        event for event in events_of(two) if b'"choices": []' in event),
        "usage that was not asked for")
    check_equal(two.header("content-type").split(";")[0], "text/event-stream")
    check(b": x-sluice-cost-usd=0 x-sluice-baseline-usd=0.00007 "
          b"x-sluice-saved-usd=0.00007\n\ndata: [DONE]\n\n" in two.body,
          two.body)
    asking = {**body, "stream_options": {"include_usage": True}}
    three = bench.gateway.ask(asking)
    check_equal(state(three), "hit")
    check_equal(events_of(three), stream_events())


@case
def a_stream_answers_a_request_for_json(bench):
    body = fresh()
    one, two = check_hit(bench, {**body, "stream": True}, body)
    got = json.loads(two.body)
    check_equal(got["object"], "chat.completion")
    check_equal(got["choices"][0]["message"],
                {"role": "assistant", "content": "Hi there"})
    check_equal((got["choices"][0]["finish_reason"], got["usage"]),
                ("stop", USAGE))
    check_equal(two.header("content-length"), str(len(two.body)))
    check_equal(two.header("x-sluice-cost-usd"), "0")
    check_equal(one.is_whole, True)


@case
def json_answers_a_request_for_a_stream(bench):
    body = fresh()
    for usage in (False, True):
        asking = {**body, "stream": True}
        if usage:
            asking["stream_options"] = {"include_usage": True}
        state_first = state(bench.gateway.ask(body))
        check(state_first == ("hit" if usage else "miss"), state_first)
        answer = bench.gateway.ask(asking)
        check_equal(state(answer), "hit")
        chunks = [json.loads(data) for data in answer.data()
                  if data != b"[DONE]"]
        text = "".join(choice["delta"].get("content") or ""
                       for chunk in chunks for choice in chunk["choices"])
        check_equal(text, "Hi there")
        check(all(chunk["object"] == "chat.completion.chunk"
                  for chunk in chunks), chunks)
        said = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
        check_equal(said, [USAGE] if usage else [])
        check(answer.body.endswith(DONE), answer.body[-40:])


@case
def completions_are_kept_too(bench):
    def complete(peer, incoming):
        asked = json.loads(incoming.body)
        base = {"id": "cmpl-1", "created": 1, "model": "small-1"}
        if not asked.get("stream"):
            peer.send(response(200, json.dumps({
                **base, "object": "text_completion", "usage": USAGE,
                "choices": [{"index": 0, "text": "a b c", "logprobs": None,
                             "finish_reason": "stop"}]}).encode()))
            return True
        return send_stream(peer, [
            b"data: " + json.dumps({
                **base, "object": "text_completion", "choices": [{
                    "index": 0, "text": text, "logprobs": None,
                    "finish_reason": finish}]}).encode() + b"\n\n"
            for text, finish in (("a b", None), (" c", "stop"))]
            + [usage_event(), DONE])
    bench.upstream.script["small-1"] = complete
    for first, second in ((False, True), (True, False)):
        body = {"model": "up/small", "temperature": 0,
                "prompt": f"complete {next(_numbers)}"}
        _, two = check_hit(bench, {**body, "stream": first},
                           {**body, "stream": second},
                           path="/v1/completions")
        if second:
            text = "".join(choice["text"] for data in two.data()
                           if data != b"[DONE]"
                           for choice in json.loads(data)["choices"])
        else:
            text = json.loads(two.body)["choices"][0]["text"]
        check_equal(text, "a b c")


@case
def answers_expire(bench):
    gateway = bench.add(settings(bench.upstream.port,
                                 cache={**CACHE, "ttl": "1s"}))
    body = fresh()
    check_hit(bench, body, gateway=gateway)
    eventually(lambda: state(gateway.ask(body)) == "miss",
               "the answer has expired", 3)


@case
def a_fallback_s_answer_is_kept_under_the_model_that_gave_it(bench):
    def fail(peer, _):
        peer.send(response(503, b"{}"))
        return True
    gateway = bench.add(settings(
        bench.upstream.port, cache=CACHE, providers=[provider(
            bench.upstream.port, breaker={"failures": 1000000})]))
    body = fresh(model="auto")
    bench.upstream.script["small-1"] = fail
    one, two = ask_twice(bench, body, gateway=gateway)
    check_equal([answer.header("x-sluice-model") for answer in (one, two)],
                ["up/large", "up/large"])
    # The second time small-1 fails again, and the other's answer is there.
    check_equal((state(one), state(two)), ("miss", "hit"))
    check_equal(two.header("x-sluice-cost-usd"), "0")
    check_equal(json.loads(one.body), json.loads(two.body))
    bench.upstream.script.clear()
    three = gateway.ask(body)
    check_equal((three.header("x-sluice-model"), state(three)),
                ("up/small", "miss"))


@case
def an_answer_over_the_limit_is_not_kept(bench):
    gateway = bench.add(settings(bench.upstream.port,
                                 cache={**CACHE, "entry": "2KiB"}))
    bench.upstream.script["small-1"] = tells("x" * 4000)
    check_no_hit(bench, fresh(), gateway=gateway)


@case
def little_room_keeps_what_is_asked_for_again(bench):
    gateway = bench.add(settings(bench.upstream.port, workers=1,
                                 cache={**CACHE, "size": "1MiB"}))
    bench.upstream.script["small-1"] = tells("y" * 9000)
    for _ in range(400):
        gateway.ask(fresh())
    check(gateway.metric("sluice_cache_bytes") <= 1 << 20,
          gateway.metric("sluice_cache_bytes"))
    check(gateway.metric("sluice_cache_removed_total", why="evicted") > 200,
          "evictions")
    check(gateway.metric("sluice_cache_entries") > 20, "entries")


@case
def metrics_tell_hits_misses_and_bypasses(bench):
    gateway = bench.add(settings(bench.upstream.port, cache=CACHE))
    body = fresh()
    for _ in range(3):
        gateway.ask(body)
    gateway.ask(fresh(temperature=1))
    for count, labels in ((2, {"result": "hit", "source": "memory"}),
                          (1, {"result": "miss"}), (1, {"result": "bypass"})):
        check_equal(gateway.metric("sluice_cache_requests_total", **labels),
                    float(count), labels)
    check_equal(gateway.metric("sluice_requests_total", status="200",
                               endpoint="chat"), 4.0)
    total = eventually(lambda: gateway.spend()["total"]["requests"] == 4
                       and gateway.spend()["total"], "all rows", 3)
    check_equal(total["cache_hits"], 2)
    check_equal(total["saved_nano_usd"],
                gateway.metric("sluice_saved_nano_usd_total"))


@case
def a_reload_turns_it_on_and_off(bench):
    made = settings(bench.upstream.port)
    gateway = bench.add(made)
    body = fresh()
    check_no_hit(bench, body, gateway=gateway, states=("bypass", "bypass"))
    gateway.write({**made, "cache": CACHE})
    check_equal(gateway.reload().status, 200)
    check_hit(bench, body, gateway=gateway)
    gateway.write({**made, "cache": {**CACHE, "size": "1MiB"}})
    check_equal(gateway.reload().status, 200)
    check_equal(state(gateway.ask(body)), "hit", "kept over a reload")
    gateway.write(made)
    check_equal(gateway.reload().status, 200)
    check_equal(state(gateway.ask(body)), "bypass")


@case
def a_cache_that_is_gone_counts_as_empty(bench):
    made = settings(bench.upstream.port)
    cached = {**made, "cache": {**CACHE, "ttl": "1s"}}
    gateway = bench.add(cached)
    body = fresh()
    check_hit(bench, body, gateway=gateway)
    eventually(lambda: state(gateway.ask(body)) == "miss", "it expires", 3)
    check_equal(gateway.metric("sluice_cache_removed_total",
                               why="expired"), 1.0)
    gateway.write(made)
    check_equal(gateway.reload().status, 200)
    for name in ("entries", "bytes", "flights"):
        eventually(lambda n=name: gateway.metric(f"sluice_cache_{n}") == 0,
                   f"{name} are 0")
    gateway.write(cached)
    check_equal(gateway.reload().status, 200)
    check_equal(gateway.metric("sluice_cache_removed_total",
                               why="expired"), 1.0, "a counter only grows")


@case
def mistakes_in_the_configuration_are_named(bench):
    made = settings(bench.upstream.port)
    path = os.path.join(bench.gateway.folder, "bad.yaml")
    for cache, words in (
            ({"store": "disk"}, b"memory"),
            ({"store": "redis"}, b'needs a "url"'),
            ({"store": "memory", "url": "redis://h"}, b"for store redis"),
            ({"store": "redis", "url": "http://u:hunter2@h"}, b"cache"),
            ({"siez": "1MiB"}, b"size")):
        with open(path, "w", encoding="utf-8") as out:
            out.write(to_yaml({**made, "cache": cache}))
        done = sluice("check", "--config", path)
        check_equal(done.returncode, 1, cache)
        said = done.stdout + done.stderr
        check(words in said, cache, said)
        check(b"hunter2" not in said, "a password in a message")


@case
def the_page_s_story_of_a_hit(bench):
    _, two = check_hit(bench, fresh(model="auto"))
    name = two.header("x-sluice-request-id")
    said = eventually(lambda: json.loads(get(
        bench.gateway.admin, f"/api/requests/{name}")), "its story")
    check_equal((said["cache"], said["model"], said["outcome"]),
                ("hit", "up/small", "completed"))


@case
def many_clients_at_once_get_whole_answers(bench):
    bodies = [fresh() for _ in range(20)]
    wrong = []

    def client(seed):
        for i in range(40):
            body = bodies[(seed * 7 + i) % len(bodies)]
            answer = bench.gateway.ask({**body, "stream": bool(i % 2)})
            if answer.status != 200 or not answer.is_whole:
                wrong.append(answer.status)
    threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    check_equal(wrong, [])
    check_equal(bench.upstream.count(), len(bodies), "calls")


if __name__ == "__main__":
    run_cases(make_bench)
