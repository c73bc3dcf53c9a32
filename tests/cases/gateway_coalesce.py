#!/usr/bin/env python3
# gateway_coalesce.py -- equal requests at one time make one upstream call.
# SPDX-License-Identifier: Apache-2.0
"""Leaders, attendants, and every way in which one of them leaves."""
import itertools
import threading
import time

from harness import *  # noqa: F403

CACHE = {"store": "memory", "size": "64MiB", "ttl": "1h"}
WORDS = [f" word{i}" for i in range(12)]
LOST = {"breaker": {"failures": 1000000}}

_numbers = itertools.count()


class Paced:
    """An upstream that sends an event each time that it is let go on."""

    def __init__(self, words=WORDS, usage=USAGE, end=None):
        self.events = stream_events(words, usage)
        self.turns = threading.Semaphore(0)
        self.incoming = []
        self.left = 0.0
        self.end = end

    def __call__(self, peer, incoming):
        self.incoming.append(incoming)
        peer.send(STREAM_HEAD)
        for event in self.events:
            if not self.turns.acquire(timeout=15):
                return False
            if event == self.end:
                return False
            try:
                peer.send(chunked(event))
            except OSError:
                self.left = time.monotonic()
                return False
        peer.send(b"0\r\n\r\n")
        return True

    def go(self, n=1):
        for _ in range(n):
            self.turns.release()

    def go_all(self):
        self.go(len(self.events))


class Held:
    """An upstream whose answers wait until they are let go."""

    def __init__(self, answer):
        self.answer = answer
        self.gate = threading.Event()
        self.n = 0

    def __call__(self, peer, incoming):
        self.n += 1
        self.gate.wait(15)
        return self.answer(peer, incoming)


def make_bench():
    return CoalesceBench()


class CoalesceBench(Bench):
    def __init__(self):
        super().__init__(cache=CACHE)
        # One that never opens a breaker: these cases fail on purpose.
        self.gateway = self.add(settings(
            self.upstream.port, cache=CACHE,
            providers=[provider(self.upstream.port, **LOST)]))


def fresh(**more):
    return chat(f"shared question {next(_numbers)}", temperature=0, **more)


def attending(gateway, n):
    """Until <n> requests are under way."""
    eventually(lambda: gateway.metric("sluice_requests_in_flight") >= n,
               f"{n} requests are under way")


class Asker(threading.Thread):
    """Asks in the background."""

    def __init__(self, gateway, body, **options):
        super().__init__(daemon=True)
        self.gateway, self.body, self.options = gateway, body, options
        self.answer = None
        self.start()

    def run(self):
        self.answer = self.gateway.ask(self.body, **self.options)

    def result(self):
        self.join(20)
        check(self.answer is not None, "no answer in time")
        return self.answer


def lead(bench, body, script):
    """The first of equal requests, once it has reached the upstream."""
    bench.upstream.script["small-1"] = script
    before = bench.upstream.count()
    leader = Asker(bench.gateway, body)
    eventually(lambda: bench.upstream.count() > before, "the leader's call")
    return leader


def follow(bench, *bodies, n_before=1):
    askers = [Asker(bench.gateway, body) for body in bodies]
    attending(bench.gateway, n_before + len(askers))
    return askers


def text_of(answer):
    return "".join(
        choice["delta"].get("content") or ""
        for data in answer.data() if data != b"[DONE]"
        for choice in json.loads(data)["choices"])


@case
def a_thousand_equal_requests_make_one_call(bench):
    n = 1000
    script = Held(usual_answer)
    bench.upstream.script["small-1"] = script
    data = Gateway.bytes(fresh(model="auto"))
    clients = []
    try:
        for _ in range(n):
            clients.append(bench.gateway.connect(timeout=60))
        for client in clients:
            client.send(data)
        attending(bench.gateway, n)
        script.gate.set()
        answers = [client.read_answer(timeout=60) for client in clients]
    finally:
        for client in clients:
            client.sock.close()
    check_equal(bench.upstream.count(), 1, "upstream calls")
    check_equal({answer.status for answer in answers}, {200})
    check_equal({answer.body for answer in answers},
                {completion(model="small-1")})
    states = sorted(answer.header("x-sluice-cache") for answer in answers)
    check_equal((states.count("miss"), states.count("hit")), (1, n - 1))
    names = {answer.header("x-sluice-request-id"): answer
             for answer in answers}

    def settled():
        rows = [row for row in bench.gateway.export()
                if row["request_id"] in names]
        return rows if len(rows) == n else None
    rows = eventually(settled, "a row each", 10)
    leader, = [row for row in rows if row["kind"] == "upstream"]
    others = [row for row in rows if row["kind"] == "cache_hit"]
    check_equal((leader["followers"], len(others)), (n - 1, n - 1))
    check_equal({(row["source"], row["answer_of"], row["cost_nano_usd"],
                  row["saved_nano_usd"]) for row in others},
                {("coalesced", leader["attempt_id"], 0, 70000)})
    check_equal(bench.gateway.metric("sluice_cache_flights"), 0.0)
    check_equal(bench.gateway.metric("sluice_cache_requests_total",
                                     source="coalesced"), float(n - 1))


@case
def attendants_stream_along_as_the_answer_comes(bench):
    script = Paced()
    body = fresh(stream=True)
    leader = lead(bench, body, script)
    script.go(4)  # the role and three words
    with bench.gateway.connect() as client:
        client.send(Gateway.bytes(body))
        answer = client.read_head(timeout=5)
        check_equal(answer.header("x-sluice-cache"), "hit")
        seen = b""
        while b" word2" not in seen:
            seen += client.chunk(timeout=5)
        check(b" word3" not in seen, "a word that was not sent yet")
        for i in range(3, len(WORDS)):
            script.go()
            while f" word{i}".encode() not in seen:
                seen += client.chunk(timeout=5)
        script.go(4)
        while not seen.endswith(DONE):
            seen += client.chunk(timeout=5)
    first = leader.result()
    check_equal(text_of(first), "".join(WORDS))
    check(b"x-sluice-cost-usd=0 " in seen, "the amounts")
    check_equal(seen.count(b"data: "), first.body.count(b"data: "))
    check_equal(bench.upstream.count(), 1)


@case
def who_comes_late_gets_what_was_said_before(bench):
    script = Paced()
    body = fresh(stream=True)
    leader = lead(bench, body, script)
    script.go(len(WORDS))
    late, = follow(bench, {**body, "stream_options": {"include_usage": True}})
    script.go_all()
    check_equal(text_of(late.result()), text_of(leader.result()))
    check(b'"total_tokens"' in late.result().body, "usage that was asked for")
    check(b'"total_tokens"' not in leader.result().body,
          "usage that was not asked for")


@case
def both_forms_are_served_by_either_leader(bench):
    body = fresh()
    script = Paced()
    leader = lead(bench, {**body, "stream": True}, script)
    plain, = follow(bench, body)
    script.go_all()
    leader.result()
    got = json.loads(plain.result().body)
    check_equal(got["choices"][0]["message"]["content"], "".join(WORDS))
    check_equal(got["usage"], USAGE)
    body = fresh()
    held = Held(usual_answer)
    leader = lead(bench, body, held)
    stream, = follow(bench, {**body, "stream": True})
    held.gate.set()
    check_equal(json.loads(leader.result().body)["choices"][0]["message"]
                ["content"], "Hi there")
    check_equal(text_of(stream.result()), "Hi there")
    check_equal(stream.result().is_whole, True)


@case
def the_leader_s_client_may_leave(bench):
    for stream in (True, False):
        body = fresh(stream=stream)
        script = Paced() if stream else Held(usual_answer)
        bench.upstream.script["small-1"] = script
        before = bench.upstream.count()
        client = bench.gateway.connect()
        client.send(Gateway.bytes(body))
        eventually(lambda: bench.upstream.count() > before, "its call")
        if stream:
            script.go(3)
        others = follow(bench, body, body)
        client.reset()
        eventually(lambda: bench.gateway.metric("sluice_requests_in_flight")
                   >= 2, "the others stay")
        if stream:
            script.go_all()
        else:
            script.gate.set()
        for other in others:
            answer = other.result()
            check_equal((answer.status, answer.is_whole), (200, True))
        if stream:
            check_equal(text_of(answer), "".join(WORDS))
        check_equal(bench.upstream.count() - before, 1)
        row, = bench.gateway.rows(answer)
        attempt = row["answer_of"]
        own, = [one for one in bench.gateway.export()
                if one["attempt_id"] == attempt]
        check_equal((own["outcome"], own["followers"], own["estimated"]),
                    ("completed", 2, False))
        check(own["cost_nano_usd"] > 0, own)


@case
def when_all_have_left_the_upstream_is_told(bench):
    body = fresh(stream=True)
    script = Paced()
    bench.upstream.script["small-1"] = script
    clients = [bench.gateway.connect() for _ in range(3)]
    for client in clients:
        client.send(Gateway.bytes(body))
    attending(bench.gateway, 3)
    eventually(lambda: script.incoming, "the call")
    script.go(3)
    answers = [client.read_head() for client in clients]
    for client in clients:
        client.reset()
    eventually(lambda: bench.gateway.metric("sluice_requests_in_flight") == 0,
               "nothing is under way", 5)

    def sees():
        script.go()
        return script.left
    eventually(sees, "the upstream sees it", 5)
    for answer in answers:
        row, = bench.gateway.rows(answer)
        check_equal(row["outcome"], "client_gone")


@case
def an_attendant_s_leaving_disturbs_nobody(bench):
    body = fresh(stream=True)
    script = Paced()
    leader = lead(bench, body, script)
    with bench.gateway.connect() as client:
        client.send(Gateway.bytes(body))
        script.go(3)
        client.read_head()
        client.reset()
    stays, = follow(bench, body)
    script.go_all()
    check_equal(text_of(leader.result()), "".join(WORDS))
    check_equal(text_of(stays.result()), "".join(WORDS))


@case
def a_failed_leader_lets_one_attendant_try(bench):
    body = fresh()
    held = Held(always(503))
    leader = lead(bench, body, held)
    others = follow(bench, body, body, body)
    bench.upstream.script["small-1"] = usual_answer
    held.gate.set()
    check_equal(leader.result().status, 503)
    for other in others:
        answer = other.result()
        check_equal((answer.status, answer.body),
                    (200, completion(model="small-1")))
    check_equal(bench.upstream.count(), 2)


@case
def a_second_failure_is_everybody_s(bench):
    body = fresh()
    before = bench.gateway.metric("sluice_cache_requests_total",
                                  result="miss")
    held = Held(always(503))
    leader = lead(bench, body, held)
    others = follow(bench, body, body, body)
    held.gate.set()
    check_equal(leader.result().status, 503)
    for other in others:
        check_equal(other.result().status, 503)
        check_equal(other.result().header("x-sluice-cache"), "miss",
                    "an error is no hit")
    check_equal(bench.upstream.count(), 2)
    check_equal(bench.gateway.metric("sluice_cache_requests_total",
                                     result="miss") - before, 4.0)


@case
def a_refusal_is_for_everybody_at_once(bench):
    body = fresh()
    held = Held(always(400))
    leader = lead(bench, body, held)
    others = follow(bench, body, body)
    held.gate.set()
    for one in [leader, *others]:
        check_equal((one.result().status, b"scripted" in one.result().body),
                    (400, True))
    check_equal(bench.upstream.count(), 1)


@case
def a_stream_that_breaks_breaks_for_all_who_saw_part_of_it(bench):
    body = fresh(stream=True)
    script = Paced(end=delta(WORDS[4]))
    leader = lead(bench, body, script)
    script.go(3)
    with bench.gateway.connect() as client:
        client.send(Gateway.bytes(body))
        answer = client.read_head()
        script.go_all()
        answer = client.read_body(answer)
    for one in (leader.result(), answer):
        check_equal(one.is_whole, False)
        check_equal(one.body.count(b'"upstream_failed"'), 1)
        check(b"[DONE]" not in one.body, one.body)


@case
def another_tenant_is_not_part_of_it(bench):
    body = fresh()
    held = Held(usual_answer)
    leader = lead(bench, body, held)
    other = Asker(bench.gateway, body, key=KEY_B)
    eventually(lambda: held.n == 2, "a call of its own")
    held.gate.set()
    for one in (leader, other):
        check_equal(one.result().header("x-sluice-cache"), "miss")


@case
def a_policy_may_say_no(bench):
    policy = {"name": "apart", "baseline": "up/large", "coalesce": False,
              "use": ["up/small"]}
    gateway = bench.add(settings(bench.upstream.port, cache=CACHE), policy)
    held = Held(usual_answer)
    bench.upstream.script["small-1"] = held
    askers = [Asker(gateway, fresh_body) for fresh_body in [fresh()] * 3]
    eventually(lambda: held.n == 3, "a call each")
    held.gate.set()
    for asker in askers:
        check_equal(asker.result().header("x-sluice-cache"), "miss")


@case
def a_slow_leader_holds_nobody_up(bench):
    """The leader's client reads nothing; the attendant gets all of it."""
    words = ["z" * 30_000] * 120
    script = Paced(words)
    bench.upstream.script["small-1"] = script
    body = fresh(stream=True)
    with bench.gateway.connect(receive_buffer=8192) as slow:
        slow.send(Gateway.bytes(body))
        eventually(lambda: script.incoming, "the call")
        script.go_all()
        attendant = Asker(bench.gateway, body)
        check_equal(len(text_of(attendant.result())), 120 * 30_000)
        answer = slow.read_body(slow.read_head(), timeout=20)
    check_equal(len(text_of(answer)), 120 * 30_000)
    check_equal(len(script.incoming), 1)


@case
def a_fallback_s_usage_is_what_the_attendants_had(bench):
    """What the attempt before it used is estimated, and not theirs."""
    body = fresh(model="auto", stream=True)
    script = Paced(end=delta(WORDS[0]))
    leader = lead(bench, body, script)
    other, = follow(bench, body)
    script.go_all()
    for one in (leader, other):
        check_equal(one.result().header("x-sluice-model"), "up/large")
    row, = bench.gateway.rows(other.result())
    check_equal((row["estimated"], row["input_tokens"], row["output_tokens"]),
                (False, 10, 5), row)


@case
def usage_that_only_some_providers_tell_is_asked_for_by_each(bench):
    up = bench.upstream.port
    gateway = bench.add(settings(
        up, cache=CACHE,
        providers=[provider(up, **LOST),
                   provider(up, "mute", stream_usage=False, **LOST)],
        keys=[KEYS[0]],
        models=[MODELS[0], {**MODELS[1], "provider": "mute"}]))
    held = Held(always(503))
    bench.upstream.script["small-1"] = held
    body = fresh(model="auto", stream=True)
    leader = Asker(gateway, body)
    eventually(lambda: held.n, "the leader's call")
    asks = Asker(gateway, {**body, "stream_options": {"include_usage": True}})
    attending(gateway, 2)
    held.gate.set()
    check(b'"total_tokens"' in asks.result().body, asks.answer.body)
    check(b'"total_tokens"' not in leader.result().body, leader.answer.body)


@case
def an_answer_of_another_status_is_not_shared(bench):
    body = fresh()
    held = Held(always(202, completion()))
    leader = lead(bench, body, held)
    other, = follow(bench, body)
    held.gate.set()
    check_equal([one.result().status for one in (leader, other)], [202, 202])
    check_equal(bench.upstream.count(), 2)


@case
def a_model_that_a_reload_renames_keeps_its_sums(bench):
    gateway = bench.add(settings(
        bench.upstream.port, cache=CACHE,
        providers=[provider(bench.upstream.port, **LOST)]))
    held = Held(usual_answer)
    bench.upstream.script["small-1"] = held
    body = fresh(model="auto")
    leader = Asker(gateway, body)
    eventually(lambda: held.n, "the leader's call")
    models = [{**MODELS[0], "name": "up/tiny"}, *MODELS[1:]]
    gateway.write({**gateway.settings, "models": models, "keys": [KEYS[0]]},
                  {**POLICY, "use": ["up/tiny", "up/large"]})
    check_equal(gateway.reload().status, 200)
    other = Asker(gateway, body)
    attending(gateway, 2)
    held.gate.set()
    leader.result()
    row, = gateway.rows(other.result())
    check_equal((row["kind"], row["model"], row["saved_nano_usd"]),
                ("cache_hit", "up/small", 70000))
    check_equal(gateway.metric("sluice_saved_nano_usd_total"), 137000.0)


def inode_of(gateway, client):
    """The gateway's socket of <client>'s connection."""
    ours = "%04X" % client.sock.getsockname()[1]
    with open(f"/proc/{gateway.process.pid}/net/tcp",
              encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[2].endswith(":" + ours):
                return words[9]
    raise Failed("no such connection")


def has_socket(gateway, inode):
    folder = f"/proc/{gateway.process.pid}/fd"
    for name in os.listdir(folder):
        try:
            if os.readlink(os.path.join(folder, name)) == f"socket:[{inode}]":
                return True
        except FileNotFoundError:
            pass
    return False


def lead_and_leave(bench, body, is_asked):
    """An attendant, whose leader's client has left, and that is noticed."""
    gateway = bench.gateway
    client = gateway.connect()
    client.send(Gateway.bytes(body))
    eventually(is_asked, "the leader's call")
    other, = follow(bench, body)
    inode = inode_of(gateway, client)
    client.reset()
    eventually(lambda: not has_socket(gateway, inode), "its client has left")
    return other


@case
def what_attendants_have_seen_part_of_is_not_begun_anew(bench):
    """Also where nothing was said yet, and the leader's client has left."""
    gate = threading.Event()
    asked = threading.Event()

    def quiet(peer, _):
        asked.set()
        gate.wait(15)
        peer.send(STREAM_HEAD)
        for _ in range(5):
            peer.send(chunked(b": " + b"." * 65536 + b"\n\n"))
        return False
    bench.upstream.script["small-1"] = quiet
    other = lead_and_leave(bench, fresh(model="auto", stream=True),
                           asked.is_set)
    gate.set()
    answer = other.result()
    check_equal((answer.is_whole, b"[DONE]" in answer.body,
                 answer.body.count(b'"upstream_failed"')), (False, False, 1))
    check_equal(bench.upstream.count(), 1)


@case
def an_answer_that_is_for_nobody_any_more_is_given_up(bench):
    """The leader's client has left, and it is too large for the others."""
    gate = threading.Event()
    calls = []

    def large(peer, incoming):
        calls.append(incoming)
        if len(calls) > 1:
            return usual_answer(peer, incoming)
        gate.wait(15)
        try:
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                      b"content-length: 9000000\r\n\r\n" + b" " * (5 << 20))
        except OSError:  # told while it still spoke
            incoming.closed_at = time.monotonic()
            return False
        note_close(peer, incoming)
        return False
    bench.upstream.script["small-1"] = large
    other = lead_and_leave(bench, fresh(), lambda: calls)
    gate.set()
    check_equal(other.result().body, completion(model="small-1"))
    eventually(lambda: calls[0].closed_at, "the upstream is told")
    attempt = calls[0].header("x-request-id")
    row = eventually(lambda: [one for one in bench.gateway.export()
                              if one["attempt_id"] == attempt and
                              one["state"] == "settled"], "its row")[0]
    check_equal(row["outcome"], "client_gone")


@case
def what_is_cut_off_when_the_gateway_stops_is_on_record(bench):
    """A leader and those who attend, on several workers."""
    for signals in (1, 2):
        gateway = bench.add(settings(
            bench.upstream.port, cache=CACHE, workers=3, drain="100ms"))
        script = Paced()
        bench.upstream.script["small-1"] = script
        body = fresh(stream=True)
        clients = [gateway.connect() for _ in range(12)]
        for client in clients:
            client.send(Gateway.bytes(body))
        attending(gateway, len(clients))
        eventually(lambda s=script: s.incoming, "the call")
        script.go(3)
        for client in clients:
            client.read_head()
        if signals == 2:
            gateway.process.signal(signal.SIGTERM)
        check_equal(gateway.stop(), None)
        gateway.start()
        rows = gateway.export()
        check_equal(len(rows), len(clients))
        ends = {(row["state"], row["outcome"]) for row in rows}
        check(ends <= {("settled", "client_gone"),
                       ("settled", "upstream_died")}, ends)
        check_equal([row["kind"] for row in rows].count("upstream"), 1)
        check_equal(len(script.incoming), 1)


@case
def an_answer_too_large_to_share_is_asked_for_by_each(bench):
    held = Held(lambda peer, _: peer.send(response(
        200, completion("q" * (5 << 20)))) or True)
    body = fresh()
    leader = lead(bench, body, held)
    other, = follow(bench, body)
    held.gate.set()
    for one in (leader, other):
        check_equal((one.result().status, one.result().is_whole), (200, True))
    check_equal(bench.upstream.count(), 2)


if __name__ == "__main__":
    run_cases(make_bench)
