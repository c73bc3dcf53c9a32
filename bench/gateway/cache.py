#!/usr/bin/env python3
"""What a hit costs beside nginx proxying the miss, and what a sick Redis costs a request.

CPU time is the gateway's (or nginx's) own, per request; rounds are interleaved. The Redis faults are timed from outside,
against the same requests in the same run with a healthy Redis. Loopback only; a redis-server of its own is started.

    bench/gateway/cache.py --build build [--rounds 5] [--only hits,faults] [--out FILE]
"""
import argparse, json, os, shutil, signal, socket, statistics, subprocess, tempfile, threading, time

import run

CACHED = {"temperature": 0}
KEYS = 20000  # bodies in turn: far more than the near cache of 1 MiB holds


def start_redis(tmp, *options):
    port = run.free_port()
    return run.Peer("redis", port, ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                    "--appendonly", "no", "--dir", tmp, *options], log=f"{tmp}/redis-{port}.log")


def ask_redis(port, *words, timeout=5):
    """One command; the first line of its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
        return s.recv(4096).split(b"\r\n")[0]


def start_sluice(build, upstream, tmp, name, cache):
    folder = f"{tmp}/{name}"
    os.makedirs(folder)
    peer = run.start_sluice(build, upstream, folder)
    peer.stop()
    with open(f"{folder}/sluice.yaml", "a") as f:
        f.write(f"cache: {cache}\n")
    again = run.Peer(name, peer.port, [f"{build}/sluice", "serve", "--config", f"{folder}/sluice.yaml"],
                     log=f"{folder}/sluice.log")
    again.admin = peer.admin
    return again


def hits(build, provider, tmp, args, results):
    """One hot request, and many in turn: each asks memory, or, since the near cache is small, Redis."""
    redis = start_redis(tmp)
    # The deadline is long: what a hit costs is asked here, not how busy the machine is.
    far = f"{{store: redis, size: 1MiB, deadline: 1s, url: 'redis://127.0.0.1:{redis.port}/0'}}"
    nginx = run.start_nginx(provider.port, tmp)
    memory = start_sluice(build, provider.port, tmp, "memory", "{store: memory, size: 64MiB}")
    behind = start_sluice(build, provider.port, tmp, "redis", far)
    peers = [nginx, memory, behind]
    try:
        one = run.body(tmp, "one", 1024, model="auto", **CACHED)
        many = run.body(tmp, "many", 1024, model="auto", directives="[@@@@@@@@]", **CACHED)
        run.load(build, memory.port, body=one, connections=1, requests=1)
        for peer in (memory, behind):
            run.load(build, peer.port, body=many, connections=32, requests=KEYS, vary=KEYS, seconds=60)
        turn = {"body": many, "vary": KEYS}
        kinds = [("nginx", nginx, {"body": one}), ("hot", memory, {"body": one}),
                 ("memory", memory, turn), ("redis", behind, turn)]
        before = {name: counts(peer) for name, peer, _ in kinds if peer is not nginx}
        rows = {}
        for i in range(args.rounds + 1):  # the first round warms up
            for name, peer, options in kinds:
                row = run.measure(build, peer, "done", connections=64, seconds=args.seconds, **options)
                if i > 0:
                    rows.setdefault(name, []).append(row)
        results["hits"] = rows
        run.table(f"CPU per request: nginx proxies the miss; hits of one request (hot), of {KEYS} in turn in memory and in Redis",
                  rows, [name for name, _, _ in kinds])
        near, far = (statistics.median(r["cpu_us"] for r in rows[name]) for name in ("memory", "redis"))
        print(f"  a hit in Redis costs {far / near:.2f} times the same in memory")
        for name, peer in (("memory", memory), ("redis", behind)):
            print(f"  {name}: " + " ".join(f"{key}={value - before[name].get(key, 0):.0f}"
                                           for key, value in counts(peer).items() if value))
    finally:
        for peer in peers:
            peer.stop()
        redis.stop()


def counts(peer):
    """What became of look-ups, by the gateway's own metrics."""
    names = ("sluice_cache_requests_total", "sluice_redis_lookups_total")
    found = {}
    for line in metrics(peer):
        if line.startswith(names):
            name, _, value = line.rpartition(" ")
            found[name.removeprefix("sluice_")] = float(value)
    return found


def metrics(peer):
    import urllib.request
    with urllib.request.urlopen(f"http://127.0.0.1:{peer.admin}/metrics", timeout=5) as answer:
        return answer.read().decode().splitlines()


# --- faults -----------------------------------------------------------------

class Relay:
    """Stands before Redis: delays its answers, or answers garbage itself."""

    def __init__(self, to):
        self.to, self.delay, self.garbage = to, 0.0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            threading.Thread(target=self.pump, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, True), daemon=True).start()

    def pump(self, source, sink, is_answer):
        try:
            while data := source.recv(65536):
                if is_answer and self.garbage:
                    data = os.urandom(len(data))
                if is_answer and self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


FAULTS = {
    "none": (lambda w: None, lambda w: None),
    "stopped": (lambda w: w.redis.stop(), lambda w: w.start_again()),
    "frozen": (lambda w: w.redis.process.send_signal(signal.SIGSTOP),
               lambda w: w.redis.process.send_signal(signal.SIGCONT)),
    "restarted": (lambda w: w.restart(), lambda w: None),
    "garbage": (lambda w: setattr(w.relay, "garbage", True), lambda w: setattr(w.relay, "garbage", False)),
    "slow 50 ms": (lambda w: setattr(w.relay, "delay", 0.05), lambda w: setattr(w.relay, "delay", 0.0)),
    "full": (lambda w: w.say("CONFIG", "SET", "maxmemory", "1"), lambda w: w.say("CONFIG", "SET", "maxmemory", "0")),
    "read-only": (lambda w: w.say("REPLICAOF", "127.0.0.1", "1"), lambda w: w.say("REPLICAOF", "NO", "ONE")),
    "password": (lambda w: w.say("CONFIG", "SET", "requirepass", "secret") and w.say("CLIENT", "KILL", "TYPE", "normal"),
                 lambda w: w.start_again(kill=True)),
}


class World:
    def __init__(self, tmp):
        self.tmp = tmp
        self.redis = start_redis(tmp)
        self.relay = Relay(self.redis.port)

    def say(self, *words):
        return ask_redis(self.redis.port, *words)

    def start_again(self, kill=False):
        port = self.redis.port
        if kill:
            self.redis.stop()
        self.redis = run.Peer("redis", port, ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                              "--appendonly", "no", "--dir", self.tmp], log=f"{self.tmp}/redis-again.log")

    def restart(self):
        self.redis.stop()
        self.start_again()


def faults(build, provider, tmp, args, results):
    """Misses at a fixed rate, so that each asks Redis: healthy, in the fault's first second, and after."""
    world = World(tmp)
    sluice = start_sluice(build, provider.port, tmp, "faults",
                          f"{{store: redis, size: 1MiB, url: 'redis://127.0.0.1:{world.relay.port}/0'}}")
    path = run.body(tmp, "fault", 1024, model="auto", directives="[@@@@@@@@]", **CACHED)
    ask = {"body": path, "rate": 500, "vary": 10 ** 7}
    rows = {}
    try:
        run.load(build, sluice.port, seconds=1, **ask)
        print("\nRedis faults, 500 requests a second that each ask Redis; milliseconds p50 / p99 / max, failed requests")
        for name, (break_it, mend_it) in FAULTS.items():
            before = run.load(build, sluice.port, seconds=2, **ask)
            break_it(world)
            learning = run.load(build, sluice.port, seconds=1, **ask)
            after = run.load(build, sluice.port, seconds=3, **ask)
            mend_it(world)
            rows[name] = {"healthy": before, "learning": learning, "after": after}
            print(f"  {name:11} " + "  ".join(
                f"{when} {r['p50_us'] / 1e3:6.2f} /{r['p99_us'] / 1e3:7.2f} /{r['max_us'] / 1e3:7.2f}  {r['failed'] + r['bad_status']} failed"
                for when, r in rows[name].items()))
            time.sleep(2)  # Redis is found well again in the background
        results["faults"] = rows
    finally:
        sluice.stop()
        world.redis.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", default="hits,faults")
    parser.add_argument("--out", default="")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    tmp = tempfile.mkdtemp(prefix="sluice-bench-")
    os.chmod(tmp, 0o755)
    provider = run.start_provider(build, tmp)
    results = {"machine": run.machine()}
    print(results["machine"])
    try:
        if "hits" in args.only:
            hits(build, provider, tmp, args, results)
        if "faults" in args.only:
            faults(build, provider, tmp, args, results)
    finally:
        provider.stop()
        shutil.rmtree(tmp, ignore_errors=True)
    if args.out:
        with open(args.out, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
