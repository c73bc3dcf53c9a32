#!/usr/bin/env python3
# gateway_http.py -- HTTP/1.1 at the data port, by raw sockets.
# SPDX-License-Identifier: Apache-2.0
"""What a strict server takes, what it refuses, and how connections end."""
import base64
import threading

from harness import *  # noqa: F403

CONFORMANCE = os.path.join(DATA, "conformance", "http1_cases.jsonl")
PATH = "/v1/chat/completions"


def make_bench():
    return Bench(limits={"header_time": "600ms", "idle": "3s",
                         "body": "256KiB"})


def raw(start=f"POST {PATH} HTTP/1.1", headers=(), body=b"", host="x"):
    """A request's bytes with nothing added but a Host and the key."""
    lines = [start] + ([f"Host: {host}"] if host is not None else [])
    lines.append(f"Authorization: Bearer {KEY}")
    lines += headers
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def good(content="x"):
    return Gateway.bytes(chat(content))


def refused(bench, data, *statuses):
    """Sent alone: an error of these statuses, the close, nothing upstream."""
    before = bench.upstream.count()
    with bench.gateway.connect() as client:
        client.send(data)
        answer = client.read_answer()
        check(answer.status in (statuses or (400,)), short(data), answer)
        check_equal(client.wait_end(5), "closed", f"after {short(data)}")
        check_equal(answer.header("connection"), "close", short(data))
        check(answer.status == 501 or answer.json()["error"]["message"],
              answer)
    check_equal(bench.upstream.count(), before, f"sent on: {short(data)}")


@case
def a_connection_is_kept_and_used_again(bench):
    with bench.gateway.connect() as client:
        for turn in range(5):
            answer = client.ask(good(f"turn {turn}"))
            check_equal(answer.status, 200)
            check(answer.header("connection") in (None, "keep-alive"), answer)
        client.send(Gateway.bytes(chat(stream=True)))
        check_equal(client.read_answer().is_whole, True)
        check_equal(client.ask(good()).status, 200, "after a stream")


@case
def upstream_connections_are_kept_and_used_again(bench):
    gateway = bench.add(settings(bench.upstream.port, workers=1))
    before = bench.upstream.connections
    for _ in range(10):
        check_equal(gateway.ask(chat()).status, 200)
    check(bench.upstream.connections - before <= 2,
          bench.upstream.connections - before, "connections for 10 requests")


@case
def a_pool_of_none_keeps_no_connection(bench):
    gateway = bench.add(settings(bench.upstream.port, workers=1, providers=[
        provider(bench.upstream.port, pool={"idle": 0})]))
    before = bench.upstream.connections
    for _ in range(5):
        check_equal(gateway.ask(chat()).status, 200)
    check_equal(bench.upstream.connections - before, 5)


@case
def a_big_body_passes_to_an_upstream_that_reads_slowly(bench):
    body = json.dumps(chat("z" * 8_000_000)).encode()

    class Slow(Upstream):
        def _serve_one(self, peer):
            fill = peer.fill

            def slowly(deadline):
                threading.Event().wait(0.0005)
                return fill(deadline)
            peer.fill = slowly
            return super()._serve_one(peer)
    slow = Slow(usual_answer)
    gateway = bench.add(settings(slow.port))
    answer = gateway.ask(body)
    check_equal(answer.status, 200)
    check(slow.last().body == body.replace(b"up/small", b"small-1"),
          "the body's bytes differ")
    slow.close()


@case
def pipelined_requests_are_answered_in_order(bench):
    def slow_first(peer, incoming):
        if "number 0" in incoming.body.decode():
            threading.Event().wait(0.2)
        said = incoming.json()["messages"][0]["content"]
        peer.send(response(200, completion(said)))
        return True
    bench.upstream.script["small-1"] = slow_first
    with bench.gateway.connect() as client:
        client.send(b"".join(good(f"number {i}") for i in range(8))
                    + Gateway.bytes(None, "/v1/nowhere", method="GET")
                    + Gateway.bytes(None, "/v1/models", method="GET"))
        for i in range(8):
            answer = client.read_answer()
            check(f"number {i}" in answer.body.decode(), i, answer)
        check_equal(client.read_answer().status, 404)
        check_equal(client.read_answer().status, 200)


@case
def a_request_may_come_a_byte_at_a_time(bench):
    gateway = bench.add(settings(bench.upstream.port))
    with gateway.connect() as client:
        for byte in good():
            client.send(bytes([byte]))
        check_equal(client.read_answer().status, 200)


@case
def chunked_bodies_are_read_and_their_trailers_dropped(bench):
    body = json.dumps(chat("in chunks")).encode()
    pieces = b"".join(chunked(body[at:at + 11])
                      for at in range(0, len(body), 11))
    for data in (pieces + b"0\r\n\r\n",
                 pieces + b"0;last=1\r\nX-Trailer: a\r\nHost: b\r\n\r\n",
                 b"%X;name=\"va;lue\"\r\n%s\r\n0\r\n\r\n" % (len(body), body),
                 b"000%x\r\n%s\r\n000\r\n\r\n" % (len(body), body)):
        with bench.gateway.connect() as client:
            answer = client.ask(raw(headers=["Transfer-Encoding: chunked"],
                                    body=data))
            check_equal(answer.status, 200, data)
            seen = bench.upstream.last()
            check_equal(seen.body, body.replace(b"up/small", b"small-1"))
            check_equal(seen.header("x-trailer"), None)
            check_equal(client.ask(good()).status, 200, "and goes on")


@case
def odd_chunks_are_refused(bench):
    body = json.dumps(chat()).encode()
    size = b"%x" % len(body)
    for data in (b"0x" + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
                 b"+" + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
                 b"-1\r\n\r\n", b" " + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
                 size + b" \r\n" + body + b"\r\n0\r\n\r\n",
                 size + b"\n" + body + b"\r\n0\r\n\r\n",
                 size + b"\r" + body + b"\r\n0\r\n\r\n",
                 size + b"\r\n" + body + b"\n0\r\n\r\n",
                 size + b"\r\n" + body + b"0\r\n\r\n",
                 size + b";a\nb\r\n" + body + b"\r\n0\r\n\r\n",
                 b"ffffffffffffffff1\r\n", b"g\r\n", b"\r\n", b";a\r\n",
                 size + b"\r\n" + body + b"\r\n0\r\nbad trailer\r\n\r\n",
                 size + b"\r\n" + body + b"\r\n0\r\nA : b\r\n\r\n"):
        refused(bench, raw(headers=["Transfer-Encoding: chunked"], body=data))


@case
def smuggling_payloads_are_refused_and_never_forwarded(bench):
    inner = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n"
    both = ["Content-Length: 5", "Transfer-Encoding: chunked"]
    for headers in (both, both[::-1],
                    ["Content-Length: 5", "Content-Length: 6"],
                    ["Content-Length: 5, 6"], ["Content-Length: 5, 5"],
                    ["Content-Length: 5", "Content-Length: 5"],
                    ["Content-Length: +5"], ["Content-Length: -5"],
                    ["Content-Length: 0x5"], ["Content-Length: 5 "
                                              "\x0b"],
                    ["Content-Length: "], ["Content-Length: 5a"],
                    ["Content-Length: 99999999999999999999"],
                    ["Content-Length : 5"], [" Content-Length: 5"],
                    ["Content-Length: 5", " folded"], ["X: a", "\tfolded"],
                    ["Content-Length\x00: 5"], ["X: a\x00b"], ["X: a\rb"],
                    ["X: a\nContent-Length: 5"], ["X\n: a"], [": empty"],
                    ["no colon"], ["X(: a"], ["X\x80: a"], ["X: a\x7f"]):
        refused(bench, raw(headers=headers, body=b"0\r\n\r\n" + inner))
    for coding in ("chunked, chunked", "chunked, identity", "gzip, chunked",
                   "xchunked", "chunked;q=1", "identity", "\x0bchunked",
                   "chunked\x0b", "\"chunked\"", ","):
        refused(bench, raw(headers=[f"Transfer-Encoding: {coding}"],
                           body=b"0\r\n\r\n" + inner), 400, 501)
    refused(bench, raw(headers=["Transfer-Encoding: chunked",
                                "Transfer-Encoding: chunked"],
                       body=b"0\r\n\r\n" + inner), 400, 501)


@case
def bad_request_lines_are_refused(bench):
    for line in (f"POST {PATH} HTTP/1.1 ", f"POST  {PATH} HTTP/1.1",
                 f" POST {PATH} HTTP/1.1", f"POST {PATH}",
                 f"POST {PATH} HTTP/1.1x", f"POST {PATH} http/1.1",
                 f"POST {PATH} HTTP/ 1.1", f"POST {PATH} HTTP/01.1",
                 f"P(ST {PATH} HTTP/1.1", f"POST {PATH}#x HTTP/1.1",
                 f"POST {PATH}\x80 HTTP/1.1", f"POST {PATH}\t HTTP/1.1",
                 "POST v1 HTTP/1.1", "POST * HTTP/1.1", " ",
                 f"POST\t{PATH}\tHTTP/1.1", f"POST {PATH} HTTP/1.1\r"):
        refused(bench, raw(line), 400, 505)
    for version in ("HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/9.9"):
        refused(bench, raw(f"POST {PATH} {version}"), 400, 505)
    refused(bench, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n" * 9)
    refused(bench, raw().replace(b"\r\n", b"\n"))
    refused(bench, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)


@case
def a_missing_double_or_contradicting_host_is_refused(bench):
    refused(bench, raw(host=None))
    refused(bench, raw(headers=["Host: y"]))
    refused(bench, raw(headers=["Host: x"]))
    for host in ("a b", "a/b", "user@x", "x:port", "[::1", "x\x80"):
        refused(bench, raw(host=host))
    refused(bench, raw(f"POST http://other{PATH} HTTP/1.1", host="x"))
    refused(bench, raw(f"POST http://x:81{PATH} HTTP/1.1", host="x:82"))
    refused(bench, raw(f"POST http://user@x{PATH} HTTP/1.1", host="x"))


@case
def absolute_targets_are_understood(bench):
    with bench.gateway.connect() as client:
        body = json.dumps(chat()).encode()
        answer = client.ask(raw(
            f"POST http://Gate.Example:80{PATH}?a=b HTTP/1.1",
            [f"Content-Length: {len(body)}"], body,
            host="gate.example:80"))
        check_equal(answer.status, 200, answer.body)
        answer = client.ask(raw("GET http://x/healthz HTTP/1.1"), "GET")
        check_equal(answer.status, 200)


@case
def expect_100_continue_is_answered_before_the_body(bench):
    body = json.dumps(chat()).encode()
    head = raw(headers=["Expect: 100-continue",
                        f"Content-Length: {len(body)}"])
    with bench.gateway.connect() as client:
        client.send(head)
        first = client.read_head()
        check_equal(first.status, 100)
        check_equal(client.ask(body).status, 200)
        check_equal(client.ask(good()).status, 200)
    with bench.gateway.connect() as client:
        client.send(head.replace(KEY.encode(), b"wrong"))
        check_equal(client.read_answer().status, 401, "no 100 for a refusal")
        client.wait_end()
    with bench.gateway.connect() as client:
        client.send(raw(headers=["Expect: 100-continue",
                                 "Content-Length: 99999999"]))
        check_equal(client.read_answer().status, 413)
        client.wait_end()
    with bench.gateway.connect() as client:
        client.send(raw(headers=["Expect: something"]))
        check_equal(client.read_answer().status, 417)


@case
def a_half_closed_client_gets_its_answer(bench):
    def slow(peer, incoming):
        threading.Event().wait(0.3)
        return usual_answer(peer, incoming)
    bench.upstream.script["small-1"] = slow
    for stream in (False, True):
        with bench.gateway.connect() as client:
            client.send(Gateway.bytes(chat(stream=stream)))
            client.half_close()
            answer = client.read_answer()
            check_equal((answer.status, answer.is_whole), (200, True))
            check_equal(client.wait_end(5), "closed")
            row, = bench.gateway.rows(answer)
            check_equal(row["outcome"], "completed")
    body = json.dumps(chat()).encode()
    with bench.gateway.connect() as client:
        client.send(raw(f"POST {PATH} HTTP/1.0",
                        [f"Content-Length: {len(body)}"], body))
        client.half_close()
        check_equal(client.read_head().status, 200,
                    "HTTP/1.0 knows no interim answers")


@case
def a_request_that_ends_early_is_nobodys_request(bench):
    data = good()
    for end in (10, data.index(b"\r\n\r\n") + 2, len(data) - 1):
        with bench.gateway.connect() as client:
            client.send(data[:end])
            client.half_close()
            check_equal(client.wait_end(5), "closed")
    check_equal(bench.upstream.count(), 0)


@case
def a_slow_head_is_answered_408(bench):
    with bench.gateway.connect() as client:
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")

        def drip():
            for _ in range(60):
                try:
                    client.sock.send(b"X: y\r\n")
                except OSError:
                    return
                threading.Event().wait(0.05)
        writer = threading.Thread(target=drip, daemon=True)
        began = time.monotonic()
        writer.start()
        answer = client.read_answer()
        check_equal(answer.status, 408)
        check(time.monotonic() - began < 2.5, "it took too long")
        client.wait_end(5)
        writer.join(10)


@case
def a_body_that_stops_coming_is_answered_408(bench):
    with bench.gateway.connect() as client:
        client.send(good()[:-5])
        answer = client.read_answer(timeout=10)
        check_equal(answer.status, 408)
        check_equal(client.wait_end(5), "closed")


@case
def a_silent_connection_is_closed_without_a_word(bench):
    with bench.gateway.connect() as client:
        check_equal(client.rest(10), b"")
    with bench.gateway.connect() as client:
        check_equal(client.ask(good()).status, 200)
        check_equal(client.rest(10), b"", "after its idle time")


@case
def heads_over_the_limits_are_refused(bench):
    refused(bench, raw(f"POST {PATH}?{'a' * 9000} HTTP/1.1"), 414)
    refused(bench, raw(headers=[f"X: {'a' * 9000}"]), 431)
    refused(bench, raw(headers=["X: y"] * 200), 431)
    refused(bench, raw(headers=[f"X{i}: {'a' * 4000}" for i in range(12)]),
            431)
    many = raw(headers=[f"X{i}: {'a' * 300}" for i in range(90)],
               start="GET /healthz HTTP/1.1")
    with bench.gateway.connect() as client:
        check_equal(client.ask(many, "GET").status, 200, "within the limits")


@case
def early_refusals_close_with_a_linger(bench):
    """The client sends on after the answer and still gets to read it."""
    body = b" " * (200 * 1024)
    for start, headers, status in (
            (f"POST {PATH} HTTP/1.1", ["Content-Length: 204800"], 401),
            (f"POST {PATH} HTTP/1.1", ["Content-Length: 99999999"], 413),
            ("POST /nowhere HTTP/1.1", ["Content-Length: 204800"], 404)):
        data = raw(start, headers)
        if status == 401:
            data = data.replace(KEY.encode(), b"wrong")
        with bench.gateway.connect() as client:
            client.send(data)
            client.until(b" ")
            try:
                for at in range(0, len(body), 8192):
                    client.send(body[at:at + 8192])
            except OSError as error:
                raise Failed(f"{status}: reset while sending: {error}")
            client.pending = b"HTTP/1.1 " + client.pending
            answer = client.read_answer()
            check_equal(answer.status, status)
            check(answer.json()["error"]["code"], answer)


@case
def http10_is_answered_and_closed(bench):
    body = json.dumps(chat(stream=True)).encode()
    with bench.gateway.connect() as client:
        answer = client.ask(raw(f"POST {PATH} HTTP/1.0",
                                [f"Content-Length: {len(body)}"], body))
        check_equal((answer.status, answer.framing), (200, "close"))
        check(answer.body.endswith(DONE), answer.body)
    with bench.gateway.connect() as client:
        answer = client.ask(raw("GET /healthz HTTP/1.0", host=None), "GET")
        check_equal(answer.status, 200)
        check_equal(client.wait_end(5), "closed")


@case
def connection_close_is_obeyed(bench):
    body = json.dumps(chat()).encode()
    for value in ("close", "Close", "foo, close"):
        with bench.gateway.connect() as client:
            client.send(raw(headers=[f"Connection: {value}",
                                     f"Content-Length: {len(body)}"],
                            body=body) + good())
            answer = client.read_answer()
            check_equal((answer.status, answer.header("connection")),
                        (200, "close"))
            check_equal(client.rest(5), b"", "nothing after it")


@case
def empty_lines_before_a_request_are_forgiven(bench):
    with bench.gateway.connect() as client:
        check_equal(client.ask(b"\r\n" + good()).status, 200)
        check_equal(client.ask(b"\r\n" + good()).status, 200)


@case
def connect_trace_and_upgrades_are_not_served(bench):
    with bench.gateway.connect() as client:
        client.send(raw("CONNECT x:80 HTTP/1.1"))
        answer = client.read_head()
        check(400 <= answer.status < 600, answer)
    with bench.gateway.connect() as client:
        answer = client.ask(raw("TRACE /healthz HTTP/1.1"), "TRACE")
        check_equal(answer.status, 405)
        check(KEY.encode() not in answer.body, "TRACE repeats the key")
    body = json.dumps(chat()).encode()
    with bench.gateway.connect() as client:
        answer = client.ask(raw(headers=[
            "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
            f"Content-Length: {len(body)}"], body=body))
        check_equal(answer.status, 200, "an upgrade may be ignored")


def conformance(side):
    """The recorded messages of one side that must be refused."""
    with open(CONFORMANCE, encoding="utf-8") as lines:
        return [one for one in map(json.loads, lines)
                if one["type"] == side and one["must_error"]]


@case
def recorded_bad_requests_are_refused_and_closed(bench):
    if not os.path.exists(CONFORMANCE):
        print(f"   (no cases at {CONFORMANCE})")
        return
    wrong = []
    for one in conformance("request"):
        data = base64.b64decode(one["raw_base64"])
        with bench.gateway.connect() as client:
            try:
                client.send(data)
                client.half_close()
            except OSError:
                pass
            seen = client.rest(8)
            statuses = [int(line[9:12]) for line in seen.split(b"\r\n")
                        if line.startswith(b"HTTP/1.1 ")]
            name = f"{one['file']}: {one['name']}"
            if client.ended != "closed":
                wrong.append(f"{name}: {client.ended}")
            elif any(status < 400 for status in statuses):
                wrong.append(f"{name}: {statuses}")
    check(not wrong, f"{len(wrong)} wrong:\n  " + "\n  ".join(wrong))
    check_equal(bench.upstream.count(), 0, "sent upstream")


@case
def recorded_bad_responses_are_never_passed_as_good(bench):
    if not os.path.exists(CONFORMANCE):
        print(f"   (no cases at {CONFORMANCE})")
        return
    gateway = bench.add(settings(bench.upstream.port, providers=[
        provider(bench.upstream.port, breaker={"failures": 1000000},
                 timeouts={"first_byte": "1s", "silence": "1s"})]))
    wrong, n = [], 0
    for one in conformance("response"):
        if "message complete" in one["log"]:
            continue  # a good one with something behind it
        n += 1
        bench.upstream.script["small-1"] = says(
            base64.b64decode(one["raw_base64"]))
        answer = gateway.ask(chat())
        if answer.is_whole and answer.status not in (502, 504):
            wrong.append(f"{one['file']}: {one['name']}: {answer}")
    check(not wrong, f"{len(wrong)} wrong:\n  " + "\n  ".join(wrong))
    check(n > 10, n, "cases")


if __name__ == "__main__":
    run_cases(make_bench)
