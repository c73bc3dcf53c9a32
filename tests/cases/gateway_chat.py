#!/usr/bin/env python3
# gateway_chat.py -- what passes, byte for byte, and what it is said to cost.
# SPDX-License-Identifier: Apache-2.0
"""Chat, completions, embeddings and models through a running gateway."""
import re

from harness import *  # noqa: F403

# Odd in every way that a body may be: spacing, escapes, big numbers, order.
ODD_BODY = (b'\n{ "seed" :9007199254740993, "x":1e400,\t"unknown":'
            b'{"a" : [1,2 , {"model": "inner"}]},\r\n "messages":[{"content":'
            b'"\\u00e9\\/ \xe6\xb0\xb4 \\ud83d\\ude00", "role":"user"}]'
            b', "model" : "up/small" ,"temperature":1.0E+0, "user":""}  \n')

SPLICED = (rb'\s*,?\s*"stream_options"\s*:\s*\{\s*"include_usage"\s*:\s*true'
           rb'\s*\}\s*,?')


def prices(**price):
    """The usual models with another price for up/small."""
    return [dict(MODELS[0], price=price)] + MODELS[1:]


@case
def a_request_reaches_the_upstream_with_only_the_model_replaced(bench):
    answer = bench.gateway.ask(ODD_BODY)
    check_equal(answer.status, 200, answer.body)
    seen = bench.upstream.last()
    check_equal(seen.body, ODD_BODY.replace(b'"up/small"', b'"small-1"'),
                "body")
    check_equal((seen.method, seen.target), ("POST", "/v1/chat/completions"))


@case
def a_chat_answer_passes_byte_for_byte(bench):
    body = (b' {"usage" :{"completion_tokens":5 ,"prompt_tokens":1.0e1},'
            b'"choices":[], "\\u0061":1e999}\r\n')
    bench.upstream.script["small-1"] = lambda peer, _: peer.send(
        response(200, body)) or True
    answer = bench.gateway.ask(chat())
    check_equal((answer.status, answer.framing), (200, "length"))
    check_equal(answer.body, body)


@case
def an_answer_of_one_byte_pieces_is_the_same(bench):
    body = completion("x" * 300)

    def drip(peer, _):
        head, _, rest = response(200, body).partition(b"\r\n\r\n")
        for byte in head + b"\r\n\r\n" + rest:
            peer.send(bytes([byte]))
        return True
    bench.upstream.script["small-1"] = drip
    check_equal(bench.gateway.ask(chat()).body, body)


@case
def a_chunked_or_closing_json_answer_is_passed_whole(bench):
    body = completion()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

    def in_chunks(peer, _):
        peer.send(head + b"transfer-encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 7):
            peer.send(chunked(body[at:at + 7]))
        peer.send(b"0\r\nx-trailer: dropped\r\n\r\n")
        return True

    def to_the_close(peer, _):
        peer.send(head + b"connection: close\r\n\r\n" + body)
        return False

    def http10(peer, _):
        peer.send(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n"
                  + body)
        return False
    for way in (in_chunks, to_the_close, http10):
        bench.upstream.script["small-1"] = way
        answer = bench.gateway.ask(chat())
        check_equal((answer.status, answer.body), (200, body), way.__name__)
        check_equal(answer.header("x-trailer"), None, way.__name__)
        row, = bench.gateway.rows(answer)
        check_equal((row["outcome"], row["input_tokens"], row["estimated"]),
                    ("completed", 10, False), way.__name__)


@case
def a_stream_passes_byte_for_byte_with_one_comment_before_done(bench):
    sent = [delta("", role="assistant"), b": a comment of the upstream\n\n",
            b"event: odd\nid: 7\nretry: 3\ndata:{\"choices\":[ ]}\n\n",
            delta("caf\u00e9 \u6c34"), b"data: not json at all\n\n",
            delta(finish="stop"), usage_event(), DONE]
    bench.upstream.script["small-1"] = lambda peer, _: send_stream(peer, sent)
    answer = bench.gateway.ask(chat(
        stream=True, stream_options={"include_usage": True}))
    check_equal((answer.status, answer.framing, answer.is_whole),
                (200, "chunked", True))
    found = re.fullmatch(
        rb"(.*)(: x-sluice-cost-usd=\S+ x-sluice-baseline-usd=\S+ "
        rb"x-sluice-saved-usd=\S+\n\n)data: \[DONE\]\n\n", answer.body, re.S)
    check(found, "comment before [DONE]:", answer.body[-300:])
    check_equal(found[1], b"".join(sent[:-1]))


@case
def a_body_for_a_stream_gets_stream_options_and_nothing_else(bench):
    body = ODD_BODY.replace(b'"user":""', b'"stream" : true')
    answer = bench.gateway.ask(body)
    check_equal(answer.status, 200, answer.body)
    seen = bench.upstream.last().body
    wanted = body.replace(b'"up/small"', b'"small-1"')
    found = re.search(SPLICED, seen)
    check(found, "no stream_options in", seen)
    check_equal(json.loads(seen)["stream_options"], {"include_usage": True})
    # What was spliced is the member and one comma: the rest is the client's.
    with_comma = len(re.sub(rb"[^,]", b"", found[0]))
    check_equal(with_comma, 1, f"commas spliced in {found[0]!r}")
    without = [seen[:at] + seen[end:]
               for at in range(found.start(), found.end())
               for end in range(at, found.end() + 1)]
    check(wanted in without, "more than the member was changed:", seen)


@case
def a_clients_own_stream_options_are_kept_and_spliced(bench):
    def sent(options):
        bench.upstream.clear()
        body = (b'{"model":"up/small","stream":true,"messages":[{"role":"user"'
                b',"content":"x"}],"stream_options":' + options + b"}")
        answer = bench.gateway.ask(body)
        check_equal(answer.status, 200, answer.body)
        return bench.upstream.last(), answer
    seen, answer = sent(b'{ "other" : 1.50 }')
    check(b'"other" : 1.50' in seen.body, seen.body)
    check_equal(seen.json()["stream_options"],
                {"other": 1.5, "include_usage": True})
    check(not any(c.get("usage") for c in answer.chunks()), answer.body)
    for options in (b"{}", b"{ }", b"null", b'{"include_usage":false}',
                    b'{"include_usage" : null, "a":"}"}'):
        seen, answer = sent(options)
        check_equal(seen.json()["stream_options"]["include_usage"], True,
                    options)
        check_equal(seen.body.count(b"include_usage"), 1, seen.body)
        check(not any(c.get("usage") for c in answer.chunks()),
              "usage that was not asked for:", options, answer.body)
    seen, answer = sent(b'{"include_usage":true}')
    check_equal([c["usage"] for c in answer.chunks() if c.get("usage")],
                [USAGE], "the client's own usage")


@case
def a_usage_chunk_that_was_not_asked_for_is_removed(bench):
    answer = bench.gateway.ask(chat(stream=True))
    events = [e + b"\n\n" for e in answer.events()]
    comment = [e for e in events if e.startswith(b": x-sluice-")]
    check_equal(len(comment), 1, answer.body)
    check_equal([e for e in events if e not in comment],
                stream_events(usage=None))
    check_equal(events[-2:], [comment[0], DONE])
    row, = bench.gateway.rows(answer)
    check_equal((row["input_tokens"], row["output_tokens"], row["estimated"]),
                (10, 5, False))


@case
def usage_in_the_last_content_chunk_stays_and_counts(bench):
    events = [delta("Hi"), delta(" there", "stop", usage=USAGE), DONE]
    bench.upstream.script["small-1"] = lambda peer, _: send_stream(peer, events)
    answer = bench.gateway.ask(chat(stream=True))
    check(events[1] in answer.body, "chunk with choices:", answer.body)
    row, = bench.gateway.rows(answer)
    check_equal((row["input_tokens"], row["output_tokens"], row["estimated"]),
                (10, 5, False))


@case
def usage_in_every_chunk_is_never_summed(bench):
    def usage(n):
        return {"prompt_tokens": 10, "completion_tokens": n}
    events = [delta("Hi", usage=usage(1)), delta(" you", usage=usage(2)),
              delta(finish="stop", usage=usage(3)), usage_event(usage(3)),
              DONE]
    bench.upstream.script["small-1"] = lambda peer, _: send_stream(peer, events)
    row, = bench.gateway.rows(bench.gateway.ask(chat(stream=True)))
    check_equal((row["input_tokens"], row["output_tokens"]), (10, 3))


@case
def an_answer_without_usage_is_estimated(bench):
    text = "The quick brown fox jumps over the lazy dog. " * 20
    bench.upstream.script["small-1"] = lambda peer, incoming: (
        send_stream(peer, stream_events([text], usage=None))
        if incoming.json().get("stream") else
        peer.send(response(200, completion(text, usage=None))) or True)
    for stream in (False, True):
        answer = bench.gateway.ask(chat(text, stream=stream))
        row, = bench.gateway.rows(answer)
        check_equal((row["estimated"], row["outcome"]), (True, "completed"))
        check(120 <= row["input_tokens"] <= 300, row)
        check(120 <= row["output_tokens"] <= 300, row)
        check_equal(row["cost_nano_usd"],
                    cost(SMALL, row["input_tokens"], 0, row["output_tokens"]))


@case
def an_explicit_zero_is_zero_and_not_estimated(bench):
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    bench.upstream.script["small-1"] = lambda peer, _: peer.send(
        response(200, completion(usage=usage))) or True
    answer = bench.gateway.ask(chat())
    check_equal(amounts(answer), (0, 0, 0))
    row, = bench.gateway.rows(answer)
    check_equal((row["estimated"], row["cost_nano_usd"]), (False, 0))


@case
def the_amounts_of_an_auto_request_compare_with_the_baseline(bench):
    usage = {"prompt_tokens": 1234, "completion_tokens": 567,
             "prompt_tokens_details": {"cached_tokens": 1000}}
    bench.upstream.script["small-1"] = lambda peer, _: peer.send(
        response(200, completion(usage=usage))) or True
    answer = bench.gateway.ask(chat(model="auto"))
    wanted_cost = cost(SMALL, 234, 1000, 567)
    wanted_base = cost(LARGE, 234, 1000, 567)
    check_equal(amounts(answer),
                (wanted_cost, wanted_base, wanted_base - wanted_cost))
    check_equal([answer.header(f"x-sluice-{name}")
                 for name in ("model", "rule", "cache")],
                ["up/small", "default", "bypass"])
    row, = bench.gateway.rows(answer)
    check_equal((row["cost_nano_usd"], row["baseline_nano_usd"],
                 row["saved_nano_usd"]), amounts(answer))
    check_equal((row["input_tokens"], row["cached_tokens"],
                 row["output_tokens"]), (234, 1000, 567),
                "counted apart: fresh, cached, output")


@case
def a_pinned_request_saves_nothing(bench):
    answer = bench.gateway.ask(chat(model="up/large"))
    wanted = cost(LARGE, 10, 0, 5)
    check_equal(amounts(answer), (wanted, wanted, 0))
    check_equal((answer.header("x-sluice-rule"),
                 answer.header("x-sluice-model")), ("pinned", "up/large"))


@case
def a_streams_amounts_stand_in_its_comment_only(bench):
    answer = bench.gateway.ask(chat(model="auto", stream=True))
    small, large = cost(SMALL, 10, 0, 5), cost(LARGE, 10, 0, 5)
    found = re.search(rb"\n: x-sluice-cost-usd=(\S+) x-sluice-baseline-usd="
                      rb"(\S+) x-sluice-saved-usd=(\S+)\n\n", answer.body)
    check(found, answer.body)
    check_equal(tuple(nano(one.decode()) for one in found.groups()),
                (small, large, large - small))
    check_equal(found[1], b"0.000003")
    for name in ("cost", "baseline", "saved"):
        check_equal(answer.header(f"x-sluice-{name}-usd"), None)
    check_equal(answer.header("x-sluice-model"), "up/small")


@case
def amounts_are_rounded_once_half_to_even(bench):
    price = {"input": "0.0005", "cached_input": "0.00025", "output": "0.0015"}
    femto = {"input": 500_000, "cached_input": 250_000, "output": 1_500_000}
    gateway = bench.add(settings(bench.upstream.port, models=prices(**price)))
    cases = [(1, 0, 0), (3, 0, 0), (5, 0, 0), (7, 0, 0), (1, 0, 1), (2, 2, 0),
             (4, 3, 1), (6, 5, 3), (999_999_937, 0, 0), (3, 3, 2)]
    for prompt, cached, output in cases:
        usage = {"prompt_tokens": prompt, "completion_tokens": output,
                 "prompt_tokens_details": {"cached_tokens": cached}}
        bench.upstream.script["small-1"] = lambda peer, _, u=usage: peer.send(
            response(200, completion(usage=u))) or True
        answer = gateway.ask(chat())
        wanted = cost(femto, prompt - cached, cached, output)
        check_equal(amounts(answer), (wanted, wanted, 0), usage)


@case
def a_model_without_a_price_is_unpriced_and_not_free(bench):
    bare = {k: v for k, v in MODELS[0].items() if k != "price"}
    gateway = bench.add(settings(bench.upstream.port,
                                 models=[bare] + MODELS[1:]))
    answer = gateway.ask(chat(model="auto"))
    check_equal(amounts(answer), (None, cost(LARGE, 10, 0, 5), None))
    row, = gateway.rows(answer)
    check_equal((row["cost_nano_usd"], row["saved_nano_usd"]), (None, None))
    stream = gateway.ask(chat(stream=True))
    check(b"x-sluice-cost-usd=unpriced" in stream.body, stream.body)


@case
def a_dearer_choice_shows_as_a_negative_saving(bench):
    policy = {"name": "dear", "baseline": "up/small", "use": ["up/large"]}
    gateway = bench.add(settings(bench.upstream.port), policy)
    answer = gateway.ask(chat(model="auto"))
    small, large = cost(SMALL, 10, 0, 5), cost(LARGE, 10, 0, 5)
    check_equal(amounts(answer), (large, small, small - large))


@case
def every_request_has_an_id_of_its_own(bench):
    ids = [bench.gateway.ask(chat()).header("x-sluice-request-id")
           for _ in range(20)]
    check(all(ids), ids)
    check_equal(len(set(ids)), 20)
    attempts = {one.header("x-request-id") for one in bench.upstream.requests}
    check_equal(len(attempts), 20, "attempt ids")
    rows = bench.gateway.rows(ids[3])
    check(rows[0]["attempt_id"] in attempts, rows)


@case
def only_listed_headers_go_up_and_come_back(bench):
    def answer_with_headers(peer, _):
        peer.send(response(200, completion(), [
            ("openai-version", "2020-10-01"), ("x-request-id", "req-up"),
            ("x-ratelimit-remaining-requests", "7"), ("retry-after", "3"),
            ("anthropic-thing", "a"), ("set-cookie", "a=b"),
            ("server", "upstream"), ("keep-alive", "timeout=5"),
            ("x-internal", "secret")]))
        return True
    bench.upstream.script["small-1"] = answer_with_headers
    given = [("user-agent", "test/1"), ("accept", "application/json"),
             ("openai-organization", "org"), ("anthropic-beta", "b"),
             ("traceparent", "00-1-2-01"), ("tracestate", "x=y"),
             ("baggage", "k=v"), ("idempotency-key", "i1"),
             ("cookie", "c=1"), ("x-forwarded-for", "1.2.3.4"),
             ("accept-encoding", "gzip"), ("x-api-key", "other"),
             ("x-request-id", "client"), ("te", "trailers")]
    answer = bench.gateway.ask(chat(), headers=given)
    seen = dict(bench.upstream.last().headers)
    for name, value in given[:8]:
        check_equal(seen.get(name), value, name)
    for name in ("cookie", "x-forwarded-for", "x-api-key", "te"):
        check(name not in seen, name, "went upstream")
    check_equal(seen["accept-encoding"], "identity")
    check_equal(seen["authorization"], f"Bearer {UPSTREAM_KEY}")
    check_equal(seen["host"], f"127.0.0.1:{bench.upstream.port}")
    check(seen["x-request-id"] != "client", "the attempt's own id")
    back = dict(answer.headers)
    for name, value in (("openai-version", "2020-10-01"),
                        ("x-request-id", "req-up"), ("anthropic-thing", "a"),
                        ("x-ratelimit-remaining-requests", "7"),
                        ("retry-after", "3"),
                        ("content-type", "application/json")):
        check_equal(back.get(name), value, name)
    for name in ("set-cookie", "keep-alive", "x-internal"):
        check(name not in back, name, "came back")


@case
def a_provider_that_wants_no_stream_options_gets_none(bench):
    gateway = bench.add(settings(bench.upstream.port, providers=[
        provider(bench.upstream.port, stream_usage=False)]))
    body = b'{"model":"up/small","stream":true,"messages":[]}'
    gateway.ask(body)
    check_equal(bench.upstream.last().body,
                body.replace(b"up/small", b"small-1"))


@case
def completions_pass_and_are_billed(bench):
    body = (b'{"prompt" : "Once", "model":"up/small","max_tokens": 5}')
    said = json.dumps({"object": "text_completion", "choices": [
        {"text": " upon", "index": 0, "finish_reason": "stop"}],
        "usage": USAGE}).encode()
    bench.upstream.script["small-1"] = lambda peer, _: peer.send(
        response(200, said)) or True
    answer = bench.gateway.ask(body, "/v1/completions")
    check_equal((answer.status, answer.body), (200, said))
    check_equal(bench.upstream.last().target, "/v1/completions")
    check_equal(amounts(answer)[0], cost(SMALL, 10, 0, 5))

    def text(words, **more):
        return b"data: " + json.dumps({"choices": [
            {"text": words, "index": 0, **more}]}).encode() + b"\n\n"
    events = [text("a"), text("b", finish_reason="stop"), usage_event(), DONE]
    bench.upstream.script["small-1"] = lambda peer, _: send_stream(peer, events)
    stream = bench.gateway.ask(
        {"model": "up/small", "prompt": "Once", "stream": True},
        "/v1/completions")
    check(stream.body.startswith(events[0] + events[1] + b": x-sluice-"),
          stream.body)


@case
def embeddings_pass_and_are_billed(bench):
    body = (b'{"input":["a","b"],"model":"up/embed",'
            b'"encoding_format":"base64"}')
    answer = bench.gateway.ask(body, "/v1/embeddings")
    check_equal(answer.status, 200, answer.body)
    seen = bench.upstream.last()
    check_equal(seen.body, body.replace(b"up/embed", b"embed-1"))
    check_equal(seen.target, "/v1/embeddings")
    wanted = cost({"input": 20_000_000}, 7, 0, 0)
    check_equal(amounts(answer), (wanted, wanted, 0))
    row, = bench.gateway.rows(answer)
    check_equal((row["input_tokens"], row["output_tokens"],
                 row["estimated"]), (7, 0, False))


@case
def models_are_listed_for_a_key_and_found_by_id(bench):
    answer = bench.gateway.ask(None, "/v1/models", method="GET")
    listed = answer.json()
    check_equal(listed["object"], "list")
    check_equal(sorted(one["id"] for one in listed["data"]),
                ["auto", "up/embed", "up/large", "up/small"])
    check(all(one["object"] == "model" and isinstance(one["created"], int)
              and isinstance(one["owned_by"], str)
              for one in listed["data"]), listed)
    fewer = bench.gateway.ask(None, "/v1/models", KEY_B, method="GET").json()
    check_equal(sorted(one["id"] for one in fewer["data"]),
                ["up/embed", "up/small"])
    for path in ("up/small", "up%2Fsmall", "up%2fsmall", "%75p/small"):
        one = bench.gateway.ask(None, f"/v1/models/{path}", method="GET")
        check_equal((one.status, one.json()["id"]), (200, "up/small"), path)
    auto = bench.gateway.ask(None, "/v1/models/auto", method="GET")
    check_equal((auto.status, auto.json()["id"]), (200, "auto"))
    for path, key in (("up/none", KEY), ("up/large", KEY_B), ("%zz", KEY),
                      ("up%00small", KEY)):
        one = bench.gateway.ask(None, f"/v1/models/{path}", key, method="GET")
        check_equal((one.status, one.code()), (404, "model_not_found"), path)
    check_equal(bench.gateway.ask(None, "/v1/models", None,
                                  method="GET").status, 401)


@case
def unknown_urls_are_answered_404(bench):
    for path in ("/", "/v1", "/v1/chat", "/v1/chat/completions/",
                 "/v2/chat/completions", "/v1//models", "/V1/models",
                 "/v1/chat/completions/x", "/metrics", "/v1/../admin"):
        answer = bench.gateway.ask(chat(), path)
        check_equal((answer.status, answer.code()), (404, "unknown_url"), path)
        check_equal(set(answer.json()["error"]),
                    {"message", "type", "param", "code"})
    query = bench.gateway.ask(chat(), "/v1/chat/completions?api-version=1")
    check_equal(query.status, 200, "a query is not part of the path")


@case
def other_methods_are_answered_405_with_allow(bench):
    for method, path, word in (("GET", "/v1/chat/completions", "POST"),
                               ("PUT", "/v1/embeddings", "POST"),
                               ("DELETE", "/v1/models/up/small", "GET"),
                               ("POST", "/v1/models", "GET"),
                               ("PATCH", "/v1/completions", "POST")):
        answer = bench.gateway.ask(None, path, method=method)
        check_equal(answer.status, 405, method, )
        check(word in (answer.header("allow") or ""), answer)
        check_equal(answer.json()["error"]["type"], "invalid_request_error")


@case
def head_and_options_are_answered(bench):
    get_answer = bench.gateway.ask(None, "/v1/models", method="GET")
    with bench.gateway.connect() as client:
        head = client.ask(bench.gateway.bytes(None, "/v1/models",
                                              method="HEAD"), "HEAD")
        check_equal((head.status, head.body), (200, b""))
        check_equal(head.header("content-length"),
                    str(len(get_answer.body)), "the length that GET has")
        options = client.ask(bench.gateway.bytes(
            None, "/v1/chat/completions", None, method="OPTIONS"), "OPTIONS")
        check(options.status in (200, 204), options)
        check("POST" in options.header("allow"), options)
        star = client.ask(b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", "OPTIONS")
        check(star.status in (200, 204), star)
        after = client.ask(bench.gateway.bytes(chat()))
        check_equal(after.status, 200, "the connection goes on")


@case
def tools_images_and_everything_unknown_pass(bench):
    body = json.dumps({
        "model": "up/large", "n": 2, "logprobs": True, "top_logprobs": 3,
        "logit_bias": {"50256": -100}, "seed": 2**63, "metadata": {"a": "b"},
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "x", "schema": {"type": "object"}, "strict": True}},
        "tools": [{"type": "function", "function": {
            "name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": "auto", "parallel_tool_calls": False,
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "what is it?"},
            {"type": "image_url", "image_url": {
                "url": "data:image/png;base64," + "A" * 20000}}]},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {
                    "name": "f", "arguments": "{\"a\": 1}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "ok"}]},
        indent=3).encode()
    answer = bench.gateway.ask(body)
    check_equal(answer.status, 200, answer.body)
    check_equal(bench.upstream.last().body,
                body.replace(b"up/large", b"large-1"))


if __name__ == "__main__":
    run_cases(Bench)
