#!/usr/bin/env python3
# gateway_stream.py -- events pass as they come, and every way that ends badly.
# SPDX-License-Identifier: Apache-2.0
"""Streams through a running gateway: pace, cuts, stalls, slow readers."""
import gzip
import threading

from harness import *  # noqa: F403

FAST = {"connect": "1s", "first_byte": "2s", "silence": "600ms",
        "total": "30s"}
SLOW_BUFFERS = 64 << 20


def make_bench():
    bench = Bench(policy={"name": "two", "baseline": "up/large",
                          "use": ["up/small", "up/large"]})
    bench.gateway = bench.add(settings(bench.upstream.port, workers=1,
                                       providers=[provider(
                                           bench.upstream.port, timeouts=FAST,
                                           breaker={"failures": 1000000})]))
    return bench


def begin(client, **more):
    """Sends a stream's request and reads the answer's head."""
    client.send(Gateway.bytes(chat(stream=True, **more)))
    answer = client.read_head()
    check_equal(answer.status, 200)
    return answer


def error_of(body):
    """The error object of a stream's last event."""
    last = [event for event in body.split(b"\n\n") if event][-1]
    check(last.startswith(b"data: "), "last event", last)
    return json.loads(last[6:])["error"]


@case
def each_event_passes_before_the_next_one_is_sent(bench):
    """The upstream sends an event only when the last one was read."""
    go = threading.Semaphore(0)
    words = [f"w{i}" for i in range(20)]

    def step(peer, _):
        return send_stream(peer, stream_events(words),
                           lambda: go.acquire(timeout=10))
    bench.upstream.script["small-1"] = step
    with bench.gateway.connect() as client:
        client.send(Gateway.bytes(chat(stream=True)))
        go.release()  # the role's event may be held until there is content
        client.read_head()
        seen = b""
        for word in words:
            mark = f'"{word}"'.encode()
            while mark not in seen:
                seen += client.chunk(timeout=5)
            go.release()
        for _ in range(4):
            go.release()
        while not seen.endswith(DONE):
            seen += client.chunk(timeout=5)
        check_equal(client.chunk(timeout=5), b"")


@case
def a_cut_after_content_is_told_and_left_unfinished(bench):
    for ending in ("closed", "reset"):
        def cut(peer, _, ending=ending):
            peer.send(STREAM_HEAD + chunked(delta("one"))
                      + chunked(delta("two")))
            threading.Event().wait(0.1)
            if ending == "reset":
                peer.reset()
            return False
        bench.upstream.script["small-1"] = cut
        with bench.gateway.connect() as client:
            answer = client.read_body(begin(client, model="auto"))
            check_equal(answer.is_whole, False, "the chunked coding's end")
            check_equal(client.ended, "closed")
        check(answer.body.startswith(delta("one") + delta("two")), answer.body)
        check(b"[DONE]" not in answer.body, answer.body)
        check_equal(error_of(answer.body)["code"], "upstream_failed")
        row, = bench.gateway.rows(answer)
        check_equal((row["outcome"], row["estimated"]),
                    ("upstream_died", True))
        check(row["output_tokens"] > 0 and row["input_tokens"] > 0, row)
        check(row["cost_nano_usd"] > 0, row)


@case
def an_unfinished_event_is_not_passed_as_a_whole_one(bench):
    def cut(peer, _):
        peer.send(STREAM_HEAD + chunked(delta("one"))
                  + chunked(b'data: {"choices":[{"delta":{"content":"tw'))
        threading.Event().wait(0.1)
        return False
    bench.upstream.script["small-1"] = cut
    with bench.gateway.connect() as client:
        answer = client.read_body(begin(client))
    error_of(answer.body)
    for data in answer.data():
        json.loads(data)


@case
def an_error_event_after_content_passes_and_ends_it(bench):
    error = b'data: {"error": {"message": "overloaded", "code": "x"}}\n\n'

    def fail(peer, _):
        peer.send(STREAM_HEAD + chunked(delta("one")) + chunked(error)
                  + b"0\r\n\r\n")
        return True
    bench.upstream.script["small-1"] = fail
    with bench.gateway.connect() as client:
        answer = client.read_body(begin(client, model="auto"))
    check_equal((answer.body.count(b'"error"'), answer.is_whole), (1, False))
    check_equal(error_of(answer.body)["message"], "overloaded")
    check(b"[DONE]" not in answer.body, answer.body)
    row, = bench.gateway.rows(answer)
    check_equal(row["outcome"], "upstream_died")


@case
def a_stream_without_done_is_unfinished(bench):
    def forget(peer, _):
        return send_stream(peer, [delta("one"), delta("two")])
    bench.upstream.script["small-1"] = forget
    with bench.gateway.connect() as client:
        answer = client.read_body(begin(client))
    check_equal(answer.is_whole, False)
    check_equal(error_of(answer.body)["code"], "upstream_failed")
    row, = bench.gateway.rows(answer)
    check_equal(row["outcome"], "upstream_died")


@case
def a_stall_after_content_times_out(bench):
    def stall(peer, incoming):
        peer.send(STREAM_HEAD + chunked(delta("one")))
        note_close(peer, incoming)
        return False
    bench.upstream.script["small-1"] = stall
    with bench.gateway.connect() as client:
        answer = client.read_body(begin(client))
    check_equal(answer.is_whole, False)
    check_equal(error_of(answer.body)["code"], "upstream_timeout")
    row, = bench.gateway.rows(answer)
    check_equal(row["outcome"], "timed_out")
    eventually(lambda: bench.upstream.last().closed_at, "the upstream's end")


@case
def a_stream_that_takes_too_long_in_all_times_out(bench):
    def talk(peer, incoming):
        peer.send(STREAM_HEAD)
        try:
            for _ in range(200):
                peer.send(chunked(delta("on and on")))
                threading.Event().wait(0.05)
        except OSError:
            incoming.closed_at = time.monotonic()
        return False
    bench.upstream.script["small-1"] = talk
    gateway = bench.add(settings(bench.upstream.port, providers=[
        provider(bench.upstream.port, timeouts={"total": "700ms"})]))
    answer = gateway.ask(chat(stream=True))
    check_equal((answer.status, answer.is_whole), (200, False))
    check_equal(error_of(answer.body)["code"], "upstream_timeout")
    row, = gateway.rows(answer)
    check_equal(row["outcome"], "timed_out")
    eventually(lambda: bench.upstream.last().closed_at, "the upstream's end")


@case
def comments_keep_a_silent_stream_alive(bench):
    def think(peer, _):
        peer.send(STREAM_HEAD + chunked(delta("one")))
        for _ in range(6):
            threading.Event().wait(0.2)
            peer.send(chunked(b": still thinking\n\n"))
        for event in stream_events(["two"])[1:]:
            peer.send(chunked(event))
        peer.send(b"0\r\n\r\n")
        return True
    bench.upstream.script["small-1"] = think
    with bench.gateway.connect() as client:
        answer = client.read_body(begin(client))
    check_equal(answer.is_whole, True)
    check_equal(answer.body.count(b": still thinking\n\n"), 6)


@case
def a_client_that_leaves_is_noticed_upstream_at_once(bench):
    delays = []
    for way in ("reset", "close"):
        def talk(peer, incoming):
            peer.send(STREAM_HEAD + chunked(delta("some words were said")))
            note_close(peer, incoming)
            return False
        bench.upstream.script["small-1"] = talk
        client = bench.gateway.connect()
        answer = begin(client)
        client.chunk()
        left = time.monotonic()
        if way == "reset":
            client.reset()
        else:
            client.sock.close()
        last = bench.upstream.last()
        eventually(lambda: last.closed_at, "the upstream sees the close", 3)
        delays.append((way, last.closed_at - left))
        row, = bench.gateway.rows(answer)
        check_equal((row["outcome"], row["estimated"]), ("client_gone", True))
        check(row["output_tokens"] >= 3 and row["input_tokens"] > 0, row)
        check(row["cost_nano_usd"] > 0, row)
    print("   upstream saw the close after " + ", ".join(
        f"{way} {delay * 1000:.1f} ms" for way, delay in delays))
    check(all(delay < 0.5 for _, delay in delays), delays)


@case
def a_client_that_leaves_before_the_answer_is_noticed_too(bench):
    def think(peer, incoming):
        note_close(peer, incoming)
        return False
    bench.upstream.script["small-1"] = think
    client = bench.gateway.connect()
    client.send(Gateway.bytes(chat()))
    eventually(bench.upstream.count, "the request is sent upstream")
    last = bench.upstream.last()
    client.reset()
    eventually(lambda: last.closed_at, "the upstream sees the close", 1.5)
    attempt = last.header("x-request-id")

    def settled():
        return [row for row in bench.gateway.export()
                if row["attempt_id"] == attempt and row["state"] == "settled"]
    row, = eventually(settled, "its row")
    check_equal(row["outcome"], "client_gone")


@case
def a_slow_reader_holds_little_memory(bench):
    """64 MiB are offered; what the gateway holds of it stays small."""
    block = delta("x" * 60_000)
    offered = SLOW_BUFFERS // len(block)
    sent = []

    def flood(peer, _):
        peer.send(STREAM_HEAD)
        for _ in range(offered):
            peer.send(chunked(block))
            sent.append(len(block))
        for event in stream_events([])[1:]:
            peer.send(chunked(event))
        peer.send(b"0\r\n\r\n")
        return False
    check_equal(bench.gateway.ask(chat(stream=True)).status, 200)
    bench.upstream.script["small-1"] = flood
    process = bench.gateway.process
    before = process.rss_kib()
    with bench.gateway.connect(receive_buffer=16384) as client:
        answer = begin(client)
        last, quiet = -1, 0
        while quiet < 40:  # until the upstream is held back
            quiet = quiet + 1 if len(sent) == last else 0
            last = len(sent)
            threading.Event().wait(0.01)
        grown = process.rss_kib() - before
        held_back = len(sent) < offered
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        answer = client.read_body(answer, timeout=25)
    print(f"   {sum(sent[:last]) >> 10} KiB sent when the upstream was held "
          f"back, resident {grown} KiB more")
    check(held_back, "the upstream was never held back")
    check(grown < 3 * 1024 * memory_factor(process),
          f"{grown} KiB more resident")
    check_equal((answer.is_whole, answer.body.count(b'"content"')),
                (True, offered))


@case
def boundaries_anywhere_change_nothing(bench):
    events = [delta("", role="assistant"), delta("caf\u00e9 \u6c34"),
              b"event: x\r\ndata: {\"choices\":[]}\r\n\r\n",
              delta("b"), delta(finish="stop"), usage_event(), DONE]
    sent = b"".join(events)
    for size in (1, 2, 3, 7, 64):
        def dice(peer, _, size=size):
            peer.send(STREAM_HEAD)
            for at in range(0, len(sent), size):
                peer.send(chunked(sent[at:at + size]))
            peer.send(b"0\r\n\r\n")
            return True
        bench.upstream.script["small-1"] = dice
        with bench.gateway.connect() as client:
            answer = client.read_body(begin(client))
        got = b"".join(event + b"\n\n" for event in answer.events()
                       if not event.startswith(b": x-sluice-"))
        wanted = b"".join(event for event in events
                          if event != usage_event())
        check_equal(got.replace(b"\r\n\r\n\n\n", b"\r\n\r\n"), wanted,
                    f"pieces of {size}")
        row, = bench.gateway.rows(answer)
        check_equal((row["input_tokens"], row["output_tokens"],
                     row["estimated"]), (10, 5, False), size)


@case
def lines_may_end_in_any_way_that_event_streams_know(bench):
    for end in (b"\r\n", b"\r"):
        events = [event.replace(b"\n", end) for event in stream_events()]

        def old(peer, _, events=events):
            return send_stream(peer, events)
        bench.upstream.script["small-1"] = old
        with bench.gateway.connect() as client:
            answer = client.read_body(begin(
                client, stream_options={"include_usage": True}))
        check_equal(answer.is_whole, True, end)
        check(answer.body.startswith(b"".join(events[:-1])), answer.body)
        row, = bench.gateway.rows(answer)
        check_equal((row["output_tokens"], row["estimated"]), (5, False), end)


@case
def a_malformed_event_passes_as_it_is(bench):
    odd = [b"data: {not json\n\n", b"data\n\n", b"data:\n\n", b"\xff\xfe: x\n\n",
           b"data: {\"choices\": 7}\n\n", b"data: 1\ndata: 2\n\n",
           b"id: 3\n\n", b"data: {\"usage\": \"x\"}\n\n"]
    events = [delta("a")] + odd + stream_events(["b"])[1:]
    bench.upstream.script["small-1"] = lambda peer, _: send_stream(
        peer, events)
    with bench.gateway.connect() as client:
        answer = client.read_body(begin(client, stream_options={
            "include_usage": True}))
    check_equal(answer.is_whole, True)
    check(answer.body.startswith(b"".join(events[:-1])), answer.body)


@case
def a_usage_chunk_after_done_or_twice_does_no_harm(bench):
    other = {"prompt_tokens": 11, "completion_tokens": 6}
    events = stream_events(usage=USAGE)
    events.insert(-1, usage_event(other))
    bench.upstream.script["small-1"] = lambda peer, _: send_stream(
        peer, events)
    with bench.gateway.connect() as client:
        answer = client.read_body(begin(client))
    row, = bench.gateway.rows(answer)
    check_equal((row["input_tokens"], row["output_tokens"]), (11, 6),
                "the last value wins")


@case
def a_json_answer_over_4_mib_is_passed_as_it_comes(bench):
    body = completion("y" * (6000 * 1024))

    def big(peer, _):
        peer.send(response(200, body))
        return True
    bench.upstream.script["small-1"] = big
    answer = bench.gateway.ask(chat())
    check_equal((answer.status, answer.is_whole), (200, True))
    check(answer.body == body, "the body's bytes differ")
    row, = bench.gateway.rows(answer)
    check_equal(row["outcome"], "completed")

    def cut(peer, _):
        peer.send(response(200, body)[:-1000])
        return False
    bench.upstream.script["small-1"] = cut
    answer = bench.gateway.ask(chat(model="auto"))
    check_equal((answer.status, answer.is_whole), (200, False),
                "closed short of its length")
    check_equal(answer.header("x-sluice-model"), "up/small")
    row, = bench.gateway.rows(answer)
    check_equal((row["outcome"], row["estimated"]), ("upstream_died", True))


@case
def an_encoded_answer_passes_as_it_is(bench):
    body = gzip.compress(completion("a few words", usage=USAGE))
    stream = gzip.compress(b"".join(stream_events()))

    def packed(peer, incoming):
        is_stream = incoming.json().get("stream")
        peer.send(response(
            200, stream if is_stream else body,
            [("content-encoding", "gzip")],
            "text/event-stream" if is_stream else "application/json"))
        return True
    bench.upstream.script["small-1"] = packed
    for is_stream, wanted in ((False, body), (True, stream)):
        answer = bench.gateway.ask(chat(stream=is_stream))
        check_equal((answer.status, answer.body), (200, wanted))
        check_equal(answer.header("content-encoding"), "gzip")
        row, = bench.gateway.rows(answer)
        check_equal((row["estimated"], row["outcome"]), (True, "completed"))
        check(row["input_tokens"] > 0, row)


@case
def many_streams_at_once_keep_their_own_events(bench):
    def own(peer, incoming):
        said = incoming.json()["messages"][0]["content"]
        return send_stream(peer, stream_events([said + f"-{i}"
                                                for i in range(10)]))
    bench.upstream.script["small-1"] = own
    clients = []
    for i in range(150):
        client = bench.gateway.connect()
        client.send(Gateway.bytes(chat(f"client {i}", stream=True)))
        clients.append(client)
    for i, client in enumerate(clients):
        answer = client.read_answer(timeout=30)
        check_equal(answer.is_whole, True, i)
        words = [c["choices"][0]["delta"].get("content")
                 for c in answer.chunks()]
        check_equal([w for w in words if w],
                    [f"client {i}-{k}" for k in range(10)])
        client.close()


if __name__ == "__main__":
    run_cases(make_bench)
