#!/usr/bin/env python3
# gateway_redis.py -- replicas share answers; no fault of Redis fails a request.
# SPDX-License-Identifier: Apache-2.0
"""Gateways before a real redis-server, well and ill."""
import itertools
import threading

from harness import *  # noqa: F403
from redis_server import Redis

_numbers = itertools.count()


class RedisBench(Bench):
    def __init__(self):
        if not shutil.which("redis-server"):
            skip("redis-server is not installed")
        super().__init__()
        self.servers = []

    def redis(self, *options):
        folder = tempfile.mkdtemp(dir=self.folder)
        server = Redis(folder, *options)
        self.servers.append(server)
        return server

    def before(self, redis, url=None, **cache):
        """A gateway with <redis> behind it, connected."""
        gateway = self.add(settings(self.upstream.port, cache={
            "store": "redis", "ttl": "1h", "size": "1MiB",
            "url": url or f"redis://127.0.0.1:{redis.port}/0", **cache}))
        eventually(lambda: gateway.metric("sluice_redis_connects_total") >= 2,
                   "both workers are connected")
        return gateway

    def between_cases(self):
        super().between_cases()
        for server in self.servers:
            server.stop()
        self.servers = []


def fresh(**more):
    return chat(f"redis question {next(_numbers)}", temperature=0, **more)


def state(answer):
    return answer.header("x-sluice-cache")


def stored(gateway, n=1):
    eventually(lambda: gateway.metric("sluice_redis_writes_total",
                                      result="stored") >= n,
               f"{n} answers in redis")


@case
def one_gateway_s_answer_serves_another(bench):
    redis = bench.redis()
    one, two = bench.before(redis), bench.before(redis)
    body = fresh(model="auto")
    first = one.ask(body)
    check_equal(state(first), "miss")
    stored(one)
    second = two.ask(body)
    check_equal((state(second), second.body), ("hit", first.body))
    third = two.ask({**body, "stream": True})
    check_equal((state(third), b"Hi" in third.body), ("hit", True))
    check_equal(bench.upstream.count(), 1)
    rows = [two.rows(answer)[0] for answer in (second, third)]
    check_equal([row["source"] for row in rows], ["redis", "near"])
    check_equal([row["saved_nano_usd"] for row in rows], [70000, 70000])
    for source in ("redis", "near"):
        check_equal(two.metric("sluice_cache_requests_total", result="hit",
                               source=source), 1.0, source)
    check_equal(one.metric("sluice_cache_requests_total", result="miss"), 1.0)


@case
def who_takes_over_a_look_up_asks_redis_itself(bench):
    """The first one's client left before Redis, frozen, could say."""
    redis = bench.redis()
    one = bench.before(redis, deadline="900ms")
    body = fresh()
    first = one.ask(body)
    stored(one)

    def takes_over():
        two = bench.before(redis, deadline="900ms")
        redis.process.signal(signal.SIGSTOP)
        try:
            with two.connect() as client, two.connect() as other:
                client.send(Gateway.bytes(body))
                eventually(lambda: under_way(two) == 1, "a look-up", 2)
                other.send(Gateway.bytes(body))
                eventually(lambda: under_way(two) == 2, "an equal one", 2)
                client.reset()
                eventually(lambda: under_way(two) == 1, "it has left", 2)
                redis.process.signal(signal.SIGCONT)
                answer = other.read_answer()
        except Failed:
            return False
        finally:
            redis.process.signal(signal.SIGCONT)
        return state(answer) == "hit" and answer.body == first.body
    # Where this machine was too slow for the deadline, once more.
    check(any(takes_over() for _ in range(4)), "it is answered from redis")


def under_way(gateway):
    return gateway.metric("sluice_requests_in_flight")


@case
def entries_live_as_long_as_they_may(bench):
    redis = bench.redis()
    gateway = bench.before(redis, ttl="100s")
    gateway.ask(fresh())
    stored(gateway)
    key, = redis.keys()
    left = int(redis.say(b"PTTL", key).strip(b":\r\n"))
    check(90_000 < left <= 100_000, left)


@case
def a_thousand_requests_fill_one_connection_a_worker(bench):
    redis = bench.redis()
    gateway = bench.before(redis)
    for _ in range(1000):
        check_equal(gateway.ask(fresh()).status, 200)
    check_equal(gateway.metric("sluice_redis_connects_total"), 2.0)
    stored(gateway, 990)


@case
def the_url_s_password_and_database_are_used(bench):
    redis = bench.redis("--requirepass", "pa ss")
    gateway = bench.before(
        redis, f"redis://:pa%20ss@127.0.0.1:{redis.port}/3")
    gateway.ask(fresh())
    stored(gateway)
    with socket.create_connection(("127.0.0.1", redis.port), 5) as sock:
        sock.sendall(b'*2\r\n$4\r\nAUTH\r\n$5\r\npa ss\r\n'
                     b'*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$6\r\nDBSIZE\r\n')
        said = b""
        while said.count(b"\r\n") < 3:
            said += sock.recv(100)
    check_equal(said, b"+OK\r\n+OK\r\n:1\r\n")
    for path in (gateway.process.out_path, gateway.process.err_path):
        with open(path, "rb") as log:
            check(b"pa ss" not in log.read(), "the password is in a log")


@case
def values_that_are_no_answers_of_ours_are_misses(bench):
    redis = bench.redis()
    gateway = bench.before(redis)
    body, other = fresh(), fresh()
    gateway.ask(body)
    stored(gateway)
    key, = redis.keys()
    value = redis.say(b"GET", key).split(b"\r\n", 1)[1][:-2]
    gateway.ask(other)
    stored(gateway, 2)
    other_key, = [one for one in redis.keys() if one != key]
    flipped = bytearray(value)
    flipped[len(value) // 2] ^= 1
    asking = bench.before(redis)
    for bad, why in ((value[:-1], "truncated"), (b"", "truncated"),
                     (b"not ours at all" * 20, "foreign"),
                     (bytes(flipped), "corrupt")):
        redis.say(b"SET", key, bad)
        check_equal(state(asking.ask(body, headers=[])), "miss", why)
        check(asking.metric("sluice_cache_bad_values_total") >= 1, why)
        asking = bench.before(redis)
    redis.say(b"SET", key, redis.say(b"GET", other_key)
              .split(b"\r\n", 1)[1][:-2])
    answer = asking.ask(body)
    check_equal((state(answer), answer.status), ("miss", 200))
    check_equal(asking.metric("sluice_cache_bad_values_total",
                              why="other_request"), 1.0)


class Steady(threading.Thread):
    """Asks at a steady pace, each time something new, and notes how long."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway = gateway
        self.times, self.bad = [], []
        self.ends = threading.Event()
        self.start()

    def run(self):
        with self.gateway.connect() as client:
            while not self.ends.wait(0.004):
                began = time.monotonic()
                answer = client.ask(Gateway.bytes(fresh()))
                self.times.append(time.monotonic() - began)
                if answer.status != 200 or not answer.is_whole:
                    self.bad.append(answer.status)

    def stop(self):
        self.ends.set()
        self.join(20)
        check_equal(self.bad, [])
        return self.times


def sick(bench, redis, break_it, mend_it):
    """Breaks Redis under load: none fails; it is used again when mended."""
    gateway = bench.before(redis)
    steady = Steady(gateway)
    eventually(lambda: len(steady.times) > 30, "load")
    break_it()
    so_far = len(steady.times)
    eventually(lambda: len(steady.times) > so_far + 60, "load goes on")
    mend_it()
    hits = gateway.metric("sluice_redis_lookups_total", result="miss")
    eventually(lambda: gateway.metric("sluice_redis_lookups_total",
                                      result="miss") > hits + 20,
               "redis is asked again", 20)
    times = steady.stop()
    print(f"   slowest of {len(times)}: {max(times) * 1000:.1f} ms")
    return gateway


@case
def stopped_and_started_again(bench):
    redis = bench.redis()
    sick(bench, redis, redis.stop, redis.start)


@case
def frozen_and_thawed(bench):
    redis = bench.redis()
    gateway = sick(bench, redis, lambda: redis.process.signal(signal.SIGSTOP),
                   lambda: redis.process.signal(signal.SIGCONT))
    check(gateway.metric("sluice_redis_lookups_total", result="late") > 0,
          "late look-ups")
    check(gateway.metric("sluice_redis_lookups_total", result="skipped") > 0,
          "the breaker has opened")


@case
def full_and_emptied(bench):
    redis = bench.redis()
    gateway = sick(bench, redis,
                   lambda: redis.say("CONFIG", "SET", "maxmemory", "1"),
                   lambda: redis.say("CONFIG", "SET", "maxmemory", "0"))
    check(gateway.metric("sluice_redis_writes_total", result="failed") > 0,
          "writes that failed")


@case
def read_only_and_back(bench):
    redis = bench.redis()
    sick(bench, redis, lambda: redis.say("REPLICAOF", "127.0.0.1", "1"),
         lambda: redis.say("REPLICAOF", "NO", "ONE"))


@case
def switched_to_a_password_and_back(bench):
    redis = bench.redis()

    def lock():
        redis.say("CONFIG", "SET", "requirepass", "secret")
        with socket.create_connection(("127.0.0.1", redis.port), 5) as sock:
            sock.sendall(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
                         b"*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$4\r\nTYPE\r\n"
                         b"$6\r\nnormal\r\n")
            sock.recv(100)

    def unlock():
        redis.stop()
        redis.start()
    sick(bench, redis, lock, unlock)


@case
def answering_garbage(bench):
    redis = bench.redis()
    peer = Garbage()
    try:
        gateway = bench.add(settings(bench.upstream.port, cache={
            "store": "redis", "url": f"redis://127.0.0.1:{peer.port}/0"}))
        for _ in range(100):
            check_equal(gateway.ask(fresh()).status, 200)
    finally:
        peer.close()
    check(redis.answers(), "the other redis is well")


class Garbage:
    """Accepts, and answers everything with bytes that mean nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                try:
                    while sock.recv(4096):
                        sock.sendall(os.urandom(64) + b"\r\n")
                except OSError:
                    pass

    def close(self):
        self.listener.close()


@case
def a_redis_that_is_not_there_costs_nothing(bench):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        gateway = bench.add(settings(bench.upstream.port, cache={
            "store": "redis", "url": f"redis://127.0.0.1:{port}/0"}))
        body = fresh()
        check_equal([state(gateway.ask(body)) for _ in range(2)],
                    ["miss", "hit"])


@case
def a_reload_moves_to_another_redis(bench):
    redis, other = bench.redis(), bench.redis()
    gateway = bench.before(redis)
    steady = Steady(gateway)
    made = dict(gateway.settings)
    made["cache"] = {**made["cache"],
                     "url": f"redis://127.0.0.1:{other.port}/0"}
    gateway.write(made)
    check_equal(gateway.reload().status, 200)
    eventually(lambda: other.keys(), "answers in the other redis")
    check_equal(gateway.reload().status, 200)
    connects = gateway.metric("sluice_redis_connects_total")
    eventually(lambda: len(steady.times) > 100, "load goes on")
    steady.stop()
    check_equal(gateway.metric("sluice_redis_connects_total"), connects,
                "a reload that changes nothing keeps the connections")


if __name__ == "__main__":
    run_cases(RedisBench)
