#!/usr/bin/env python3
# local_beside.py -- what requests to other upstreams feel of a busy engine.
# SPDX-License-Identifier: Apache-2.0
"""Latency of requests to a provider through a gateway whose engine has all it can do.

One gateway with one worker. A prober asks the simulated provider one request after the other, in turn directly and through
the gateway; in turn the engine is idle and saturated: by 12 chats in streams at a time, by prompts of some 2,500 tokens, by lists of
texts to embed. What the gateway adds is the difference of the two in the same seconds; what the engine adds is how
much larger that difference is than with the engine idle. The saturating clients are a process of their own and nice, as they
would be elsewhere. Both cores are shared by all of it: the best round counts, all are printed.

    bench/gateway/local_beside.py --build build [--rounds 3] [--seconds 6] [--out FILE]

tools/fetch-models gets the models.
"""
import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

os.environ.setdefault("BUILD_DIR", sys.argv[sys.argv.index("--build") + 1] if "--build" in sys.argv else "build")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "cases"))
from engine import MINILM, SMOLLM2  # noqa: E402
from harness import KEY, Client, Gateway, Provider, WireError, chat, eventually, get, provider, settings  # noqa: E402

LOADS = ("idle", "chats", "long prompts", "embeddings")
WORDS = "the river runs past old stone houses and under a bridge where boats wait for rain".split()


def load_body(kind, dice):
    """One request that keeps the engine busy, and its path."""
    words = lambda n: " ".join(dice.choice(WORDS) for _ in range(n))  # noqa: E731
    if kind == "embeddings":
        return {"model": "local/minilm", "input": [words(60) for _ in range(64)]}, "/v1/embeddings"
    body = chat(words(1800) if kind == "long prompts" else "Tell a story of " + words(12), "local/small",
                stream=True, max_tokens=8 if kind == "long prompts" else 200)
    return body, "/v1/chat/completions"


def saturate(port, kind):
    """Asks until it is killed."""
    os.nice(5)

    def run(seed):
        dice = random.Random(seed)
        while True:
            try:
                with Client(port, timeout=120) as client:
                    while True:
                        body, path = load_body(kind, dice)
                        client.ask(Gateway.bytes(body, path))
            except (OSError, WireError):
                time.sleep(0.2)
    for seed in range(4 if kind == "embeddings" else 12):
        threading.Thread(target=run, args=(seed,), daemon=True).start()
    threading.Event().wait()


class Prober:
    """Asks one thing again and again on one connection."""

    def __init__(self, port, model):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = Gateway.bytes(chat("[[tokens=8]] hello", model))

    def ask(self):
        """Milliseconds from the request to the last byte."""
        began = time.perf_counter_ns()
        self.sock.sendall(self.data)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.sock.recv(65536)
        head, _, rest = got.partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], got[:300]
        left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(rest)
        while left > 0:
            left -= len(self.sock.recv(65536))
        return (time.perf_counter_ns() - began) / 1e6


def probe(probers, seconds):
    """{name: sorted milliseconds}, each asked in turn at some 100 a second."""
    times = {name: [] for name in probers}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, prober in probers.items():
            times[name].append(prober.ask())
        time.sleep(0.008)
    return {name: sorted(values) for name, values in times.items()}


def at(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def measure(gateway, probers, kind, seconds):
    """One phase: (p50, p99) of each way, and how busy the engine was."""
    loader = None
    if kind != "idle":
        loader = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--saturate", str(gateway.port), kind])
        eventually(lambda: gateway.metric("sluice_local_texts", state="running") >= 1, "the engine works", 60)
        time.sleep(1)
    busy = gateway.metric("sluice_local_busy_seconds_total")
    began = time.monotonic()
    times = probe(probers, seconds)
    share = (gateway.metric("sluice_local_busy_seconds_total") - busy) / (time.monotonic() - began)
    if loader:
        loader.kill()
        loader.wait()
        eventually(lambda: gateway.metric("sluice_local_texts") == 0, "the engine is idle", 60)
    return {name: (at(values, 0.5), at(values, 0.99)) for name, values in times.items()}, share, len(times["direct"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--nice", type=int, default=5, help="engine: nice")
    parser.add_argument("--loads", default=",".join(LOADS[1:]), help="of " + ", ".join(LOADS[1:]))
    parser.add_argument("--out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = compare(args, folder)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")


def compare(args, folder):
    fake = Provider(folder)
    local = [{"name": "local/small", "path": SMOLLM2, "context": 4096, "batch": 8}]
    if os.path.exists(MINILM):
        local.append({"name": "local/minilm", "path": MINILM})
    gateway = Gateway(folder, settings(
        0, workers=1, providers=[provider(fake.port)], local=local, engine={"nice": args.nice},
        keys=[{"name": "a", "key": KEY}]), {"name": "p", "baseline": "up/large", "use": ["up/small", "local/small"]})
    gateway.start()
    lines = []

    def say(text):
        print(text, flush=True)
        lines.append(text)
    try:
        eventually(lambda: get(gateway.admin, "/readyz").count(b'"ready"') == len(local), "models are loaded", 120)
        probers = {"direct": Prober(fake.port, "small-1"), "gateway": Prober(gateway.port, "up/small")}
        say(f"load averages {os.getloadavg()}, {os.cpu_count()} cores, engine nice {args.nice}; milliseconds")
        best = {}
        for number in range(args.rounds):
            for kind in ("idle", *args.loads.split(",")):
                ways, share, n = measure(gateway, probers, kind, args.seconds)
                added = [ways["gateway"][i] - ways["direct"][i] for i in (0, 1)]
                say(f"round {number} {kind:12} engine busy {share:4.0%}  n {n:4}  direct p50 {ways['direct'][0]:6.2f} p99 "
                    f"{ways['direct'][1]:6.2f}  gateway p50 {ways['gateway'][0]:6.2f} p99 {ways['gateway'][1]:6.2f}  "
                    f"added p50 {added[0]:+6.2f} p99 {added[1]:+6.2f}")
                best[kind] = [min(a, b) for a, b in zip(best.get(kind, added), added)]
        for kind, (middle, late) in best.items():
            say(f"best: {kind:12} added p50 {middle:+.2f} p99 {late:+.2f}")
    finally:
        gateway.stop()
        fake.process.stop()
    return lines


if __name__ == "__main__":
    if sys.argv[1:2] == ["--saturate"]:
        saturate(int(sys.argv[2]), sys.argv[3])
    main()
