#!/usr/bin/env python3
# gateway_fallback.py -- when the next candidate is asked, and when it is not.
# SPDX-License-Identifier: Apache-2.0
"""Failures before the first content, their rows, and the breaker."""
import threading

from harness import *  # noqa: F403

FAST = {"connect": "500ms", "first_byte": "500ms", "silence": "500ms",
        "total": "5s"}
NO_BREAKER = {"failures": 1000000}


def make_bench():
    bench = Bench(policy={"name": "two", "baseline": "up/large",
                          "use": ["up/small", "up/large"]})
    bench.gateway = bench.add(settings(bench.upstream.port, providers=[
        provider(bench.upstream.port, timeouts=FAST, breaker=NO_BREAKER)]))
    return bench


def falls_back(bench, script, status, outcome, stream=False):
    """The first candidate does <script>, the second answers."""
    bench.upstream.clear()
    bench.upstream.script["small-1"] = script
    answer = bench.gateway.ask(chat(model="auto", stream=stream))
    check_equal((answer.status, answer.header("x-sluice-model")),
                (200, "up/large"), answer.body)
    check_equal(answer.is_whole, True)
    first, second = bench.gateway.rows(answer, 2)
    check_equal((first["model"], first["attempt"], first["status"],
                 first["outcome"], first["state"]),
                ("up/small", 1, status, outcome, "settled"))
    check_equal((second["model"], second["attempt"], second["status"],
                 second["outcome"]), ("up/large", 2, 200, "completed"))
    check_equal(second["cost_nano_usd"], cost(LARGE, 10, 0, 5))
    check(first["attempt_id"] != second["attempt_id"], "attempt ids")
    if not stream:
        total = first["cost_nano_usd"] + second["cost_nano_usd"]
        check_equal(amounts(answer)[0], total, "the sum of the attempts")
    return answer, first


@case
def retryable_statuses_fall_back(bench):
    for status in (401, 403, 408, 409, 429, 500, 502, 503, 504, 529):
        _, first = falls_back(bench, always(status), status, "refused")
        check_equal((first["input_tokens"], first["cost_nano_usd"]), (0, 0),
                    status)
        falls_back(bench, always(status), status, "refused", stream=True)


@case
def other_errors_pass_at_once_with_their_body(bench):
    for status in (400, 402, 404, 410, 413, 415, 422, 451):
        bench.upstream.clear()
        body = b'{ "error" : {"message":"mine", "code":"x%d"}}' % status
        bench.upstream.script["small-1"] = always(
            status, body, [("x-request-id", "up-1")])
        for stream in (False, True):
            answer = bench.gateway.ask(chat(model="auto", stream=stream))
            check_equal((answer.status, answer.body), (status, body))
            check_equal(answer.header("content-type"), "application/json")
            check_equal(answer.header("x-request-id"), "up-1")
            row, = bench.gateway.rows(answer)
            check_equal((row["outcome"], row["status"]), ("refused", status))
        check_equal(bench.upstream.count(), 2, "attempts")


@case
def a_refused_connection_falls_back(bench):
    dead = DeadPort()
    gateway = bench.add(settings(0, providers=[
        provider(dead.port, breaker=NO_BREAKER),
        provider(bench.upstream.port, "other")],
        models=[MODELS[0], dict(MODELS[1], provider="other"), MODELS[2]]))
    answer = gateway.ask(chat(model="auto"))
    check_equal((answer.status, answer.header("x-sluice-model")),
                (200, "up/large"))
    first, _ = gateway.rows(answer, 2)
    check(first["outcome"] in ("upstream_died", "refused"), first)
    check_equal((first["cost_nano_usd"], first["input_tokens"],
                 first["estimated"]), (0, 0, False), "nothing was sent")
    pinned = gateway.ask(chat(model="up/small"))
    check_equal((pinned.status, pinned.code()), (502, "upstream_unreachable"))
    gateway.rows(pinned, 1)
    dead.close()


@case
def a_name_that_does_not_resolve_falls_back(bench):
    gateway = bench.add(settings(0, providers=[
        dict(provider(1), base_url="http://no-such-host.invalid/v1",
             timeouts=FAST), provider(bench.upstream.port, "other")],
        models=[MODELS[0], dict(MODELS[1], provider="other"), MODELS[2]]))
    answer = gateway.ask(chat(model="auto"))
    check_equal((answer.status, answer.header("x-sluice-model")),
                (200, "up/large"))
    pinned = gateway.ask(chat(model="up/small"))
    check(pinned.status in (502, 504), pinned)


@case
def a_connection_that_is_not_taken_falls_back_in_time(bench):
    """A full backlog: the handshake is never answered."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        gateway = bench.add(settings(0, providers=[
            provider(port, timeouts=FAST), provider(
                bench.upstream.port, "other")],
            models=[MODELS[0], dict(MODELS[1], provider="other"), MODELS[2]]))
        answer = gateway.ask(chat(model="auto"))
        check_equal((answer.status, answer.header("x-sluice-model")),
                    (200, "up/large"))
        first, _ = gateway.rows(answer, 2)
        check(first["outcome"] in ("timed_out", "upstream_died"), first)
        check_equal((first["cost_nano_usd"], first["estimated"]), (0, False))
        for one in waiting:
            one.close()


@case
def a_first_byte_that_does_not_come_falls_back(bench):
    def silent(peer, incoming):
        note_close(peer, incoming)
        return False
    for stream in (False, True):
        _, first = falls_back(bench, silent, None, "timed_out", stream)
        check(first["estimated"], "what was sent may be billed:", first)
        eventually(lambda: bench.upstream.requests[0].closed_at,
                   "the upstream sees the close")


@case
def broken_answers_before_content_fall_back(bench):
    def resets(peer, _):
        peer.reset()
        return False
    head = response(200, completion())
    half_json = head[:-20]
    ways = {
        "reset": resets,
        "closed without a word": lambda peer, _: False,
        "half a head": says(b"HTTP/1.1 200 OK\r\ncontent-"),
        "garbage": says(b"\x00\x01garbage\r\n\r\n"),
        "a bare LF": says(head.replace(b"\r\n", b"\n")),
        "two lengths": says(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"
                            b"content-length: 6\r\n\r\nhello!"),
        "length and coding": says(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"
                                  b"transfer-encoding: chunked\r\n\r\n"
                                  b"0\r\n\r\n"),
        "cut JSON": says(half_json),
        "a bad chunk": says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked"
                            b"\r\n\r\nzz\r\n"),
        "only 1xx": says(b"HTTP/1.1 100 Continue\r\n\r\n"),
        "101": says(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"),
    }
    for name, way in ways.items():
        try:
            bench.upstream.clear()
            bench.upstream.script["small-1"] = way
            answer = bench.gateway.ask(chat(model="auto"))
            check_equal((answer.status, answer.header("x-sluice-model")),
                        (200, "up/large"))
            first, _ = bench.gateway.rows(answer, 2)
            check(first["outcome"] in ("upstream_died", "refused"), first)
        except (Failed, WireError) as error:
            raise Failed(f"{name}: {error}") from error


@case
def a_stream_that_ends_before_content_falls_back(bench):
    role = delta("", role="assistant")
    error = b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'
    ways = {
        "no event": [], "a comment": [b": hello\n\n"], "a role": [role],
        "empty contents": [role, delta(""), delta("")],
        "an error event": [error], "an error after the role": [role, error],
        "a named error": [role, b'event: error\n' + error],
    }
    for name, events in ways.items():
        def way(peer, _, events=events):
            peer.send(STREAM_HEAD + b"".join(chunked(e) for e in events))
            return False
        try:
            answer, first = falls_back(bench, way, 200, "upstream_died", True)
            check(b"overloaded" not in answer.body, answer.body)
            check(b"event: error" not in answer.body, answer.body)
            check_equal(answer.body.count(b'"role"'), 1, "roles")
        except Failed as problem:
            raise Failed(f"{name}: {problem}") from problem


@case
def every_kind_of_first_content_ends_the_fallback(bench):
    first = {
        "content": delta("a"), "refusal": delta(refusal="no"),
        "reasoning": delta(reasoning_content="hm"),
        "reasoning2": delta(reasoning="hm"),
        "tool_calls": delta(tool_calls=[
            {"index": 0, "id": "c", "type": "function",
             "function": {"name": "f", "arguments": ""}}]),
    }
    for name, event in first.items():
        bench.upstream.clear()

        def way(peer, _, event=event):
            peer.send(STREAM_HEAD + chunked(event))
            return False
        bench.upstream.script["small-1"] = way
        answer = bench.gateway.ask(chat(model="auto", stream=True))
        check_equal((answer.header("x-sluice-model"), answer.is_whole),
                    ("up/small", False), name)
        check(answer.body.startswith(event), name, answer.body)
        check_equal(bench.upstream.count(), 1, name)


@case
def a_pinned_model_never_falls_back_to_another(bench):
    bench.upstream.script["small-1"] = always(500, b'{"error":{"a":1}}')
    answer = bench.gateway.ask(chat(model="up/small"))
    check_equal((answer.status, answer.body), (500, b'{"error":{"a":1}}'))
    check(all(one.json()["model"] == "small-1"
              for one in bench.upstream.requests), "another model was asked")
    bench.upstream.script["small-1"] = lambda peer, _: False
    answer = bench.gateway.ask(chat(model="up/small"))
    check_equal((answer.status, answer.code()), (502, "upstream_failed"))
    check(all(one.json()["model"] == "small-1"
              for one in bench.upstream.requests), "another model was asked")


@case
def the_last_candidates_own_answer_is_given(bench):
    bench.upstream.script["small-1"] = always(500, b'{"first": 1}')
    bench.upstream.script["large-1"] = always(
        429, b'{"error": {"second": 2}}', [("retry-after", "17"),
                                           ("x-ratelimit-limit-tokens", "5")])
    for stream in (False, True):
        answer = bench.gateway.ask(chat(model="auto", stream=stream))
        check_equal((answer.status, answer.body),
                    (429, b'{"error": {"second": 2}}'))
        check_equal((answer.header("retry-after"),
                     answer.header("x-ratelimit-limit-tokens")), ("17", "5"))
        rows = bench.gateway.rows(answer, 2)
        check_equal([row["status"] for row in rows], [500, 429])


@case
def no_answer_at_all_is_502_and_a_timeout_504(bench):
    bench.upstream.script["small-1"] = always(500)
    bench.upstream.script["large-1"] = lambda peer, _: False
    answer = bench.gateway.ask(chat(model="auto"))
    check_equal((answer.status, answer.code()), (502, "upstream_failed"))
    bench.upstream.script["large-1"] = lambda peer, incoming: note_close(
        peer, incoming)
    answer = bench.gateway.ask(chat(model="auto"))
    check_equal((answer.status, answer.code()), (504, "upstream_timeout"))
    bench.upstream.script["large-1"] = says(
        STREAM_HEAD + chunked(delta("", role="assistant")) + b"0\r\n\r\n")
    answer = bench.gateway.ask(chat(model="auto", stream=True))
    check_equal((answer.status, answer.code()), (502, "upstream_failed"),
                "an empty stream")


@case
def refused_credentials_are_ours_and_never_shown(bench):
    for status in (401, 403):
        bench.upstream.script["small-1"] = always(
            status, b'{"error": {"message": "key ' + UPSTREAM_KEY.encode()
            + b'"}}', [("www-authenticate", "x")])
        before = bench.gateway.metric(
            "sluice_upstream_credentials_refused_total", model="up/small")
        answer = bench.gateway.ask(chat())
        check_equal((answer.status, answer.code()),
                    (502, "upstream_credentials"))
        check(UPSTREAM_KEY.encode() not in answer.body, answer.body)
        check_equal(bench.gateway.metric(
            "sluice_upstream_credentials_refused_total", model="up/small"),
            before + 1)


@case
def redirects_are_not_followed(bench):
    other = Upstream(usual_answer)
    for status in (301, 302, 303, 307, 308):
        bench.upstream.script["small-1"] = always(
            status, b"", [("location", f"http://127.0.0.1:{other.port}/v1")])
        answer = bench.gateway.ask(chat())
        check_equal((answer.status, answer.header("location")), (502, None))
        check_equal(answer.code(), "upstream_failed")
    check_equal(other.count(), 0, "requests at the redirect's target")
    other.close()


@case
def interim_answers_are_swallowed(bench):
    bench.upstream.script["small-1"] = says(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
        b"link: </x>\r\n\r\n" + response(200, completion()))
    answer = bench.gateway.ask(chat())
    check_equal((answer.status, answer.body), (200, completion()))
    check_equal(answer.header("link"), None)


@case
def an_answer_before_the_requests_end_is_passed(bench):
    body = b'{"error": {"message": "too long", "code": "early"}}'

    class Early(Upstream):
        def _serve_one(self, peer):
            peer.until(b"\r\n\r\n")
            peer.send(response(413, body, [("connection", "close")]))
            threading.Event().wait(0.2)
            return False
    early = Early(usual_answer)
    gateway = bench.add(settings(early.port))
    answer = gateway.ask(chat("x" * 3_000_000))
    check(answer.status in (413, 502), answer)
    early.close()


@case
def a_stale_connection_is_retried_once_and_billed_once(bench):
    def then_closes(peer, incoming):
        usual_answer(peer, incoming)
        return False
    bench.upstream.script["small-1"] = then_closes
    answers = [bench.gateway.ask(chat()) for _ in range(30)]
    for answer in answers:
        check_equal(answer.status, 200, answer.body)
    bench.gateway.rows(answers[-1])
    for answer in answers:
        check_equal(len(bench.gateway.rows(answer)), 1)


@case
def the_breaker_opens_fails_fast_probes_and_closes(bench):
    gateway = bench.add(settings(bench.upstream.port, workers=1, providers=[
        provider(bench.upstream.port,
                 breaker={"failures": 3, "open": "400ms",
                          "open_max": "1s"})]))

    def state():
        return gateway.metric("sluice_breaker_state", model="up/small")
    check_equal(state(), 0, "at first")
    bench.upstream.script["small-1"] = always(503)
    for _ in range(3):
        check_equal(gateway.ask(chat()).status, 503)
    check_equal(state(), 2, "after three failures")
    asked = bench.upstream.count()
    fast = gateway.ask(chat())
    check_equal((fast.status, fast.code()), (502, "upstream_unreachable"))
    check_equal(bench.upstream.count(), asked, "requests while it is open")
    auto = gateway.ask(chat(model="auto"))
    check_equal(auto.header("x-sluice-model"), "up/large",
                "auto passes by a model whose breaker is open")
    gateway.rows(auto, 1)
    eventually(lambda: gateway.ask(chat()).status == 503,
               "a probe is let through", 5)
    check_equal(state(), 2, "open again after its probe failed")
    bench.upstream.clear()
    eventually(lambda: gateway.ask(chat()).status == 200,
               "the probe that succeeds", 5)
    check_equal(state(), 0, "closed")
    check_equal(gateway.ask(chat()).status, 200)


@case
def client_errors_do_not_open_the_breaker(bench):
    gateway = bench.add(settings(bench.upstream.port, providers=[
        provider(bench.upstream.port,
                 breaker={"failures": 2, "open": "5s"})]))
    for status in (400, 404, 422, 400, 400):
        bench.upstream.script["small-1"] = always(status)
        check_equal(gateway.ask(chat()).status, status)
    check_equal(gateway.metric("sluice_breaker_state", model="up/small"), 0)


if __name__ == "__main__":
    run_cases(make_bench)
