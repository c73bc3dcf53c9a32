#!/usr/bin/env python3
# local_streams.py -- how many tokens a second streams get together.
# SPDX-License-Identifier: Apache-2.0
"""Tokens a second of one chat in a stream, and of several at once, from a local model behind the API.

A gateway for each way of computing (as configured by default, and with `int8: true`), each with one worker and one
SmolLM2 on all processors. In turn one client and several ask for TOKENS tokens in streams, by questions that no round
had before. Two speeds: of the whole, from the first request sent to the last byte; and of writing, from when every
stream has its first token until the first of them ends. The clients are one process beside the gateway on the same
processors; they look for ends of events only.

    bench/gateway/local_streams.py --build build [--rounds 12] [--streams 8] [--tokens 128] [--out FILE]

tools/fetch-models gets the model.
"""
import argparse
import os
import random
import selectors
import socket
import statistics
import sys
import tempfile
import time

os.environ.setdefault("BUILD_DIR", sys.argv[sys.argv.index("--build") + 1] if "--build" in sys.argv else "build")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "cases"))
from engine import SMOLLM2  # noqa: E402
from harness import KEY, Gateway, chat, eventually, get, settings  # noqa: E402

WORDS = "the river runs past old stone houses and under a bridge where boats wait for rain".split()
MORE = {}
ENDS = {"0": -100, "2": -100}  # SmolLM2's tokens that would end an answer


def ask(port, tokens, dice):
    body = chat("Tell a story of " + " ".join(dice.choice(WORDS) for _ in range(8)), "local/small", stream=True,
                max_tokens=tokens, logit_bias=ENDS, **MORE)
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(Gateway.bytes(body))
    sock.setblocking(False)
    return sock


def read_streams(socks):
    """For each stream the moments at which its events came."""
    moments = {sock: [] for sock in socks}
    tails = {sock: b"" for sock in socks}
    waiting = selectors.DefaultSelector()
    for sock in socks:
        waiting.register(sock, selectors.EVENT_READ)
    while waiting.get_map():
        ready = waiting.select(60)
        if not ready:
            raise SystemExit("a stream said nothing for a minute")
        for key, _ in ready:
            sock = key.fileobj
            data = tails[sock] + sock.recv(65536)
            if not moments[sock] and b" 200 " not in data[:20]:
                raise SystemExit(f"not an answer: {data[:300]!r}")
            moments[sock] += [time.perf_counter()] * data.count(b'"content":"')
            tails[sock] = data[-8:]
            if b"[DONE]" in data:
                waiting.unregister(sock)
                sock.close()
    return list(moments.values())


def speeds(port, streams, tokens, dice):
    """Tokens a second: of the whole, and of writing."""
    began = time.perf_counter()
    moments = read_streams([ask(port, tokens, dice) for _ in range(streams)])
    whole = streams * tokens / (max(m[-1] for m in moments) - began)
    start, end = max(m[1] for m in moments), min(m[-1] for m in moments)
    events = sum(start < t <= end for m in moments for t in m)
    each = streams * tokens / sum(len(m) for m in moments)  # tokens in an event, seldom more than one
    return whole, events * each / (end - start)


def start(folder, name, local):
    path = os.path.join(folder, name)
    os.mkdir(path)
    os.chmod(path, 0o755)
    local = {"name": "local/small", "path": SMOLLM2, "context": 2048, "batch": 16, **local}
    gateway = Gateway(path, settings(0, workers=1, providers=None, models=None, local=[local],
                                     keys=[{"name": "a", "key": KEY}]),
                      {"name": "p", "baseline": "local/small", "use": ["local/small"]})
    gateway.start()
    eventually(lambda: b'"ready"' in get(gateway.admin, "/readyz"), "the model is loaded", 120)
    return gateway


def compare(args, folder, say):
    dice = random.Random(args.seed)
    gateways = {"as configured by default": start(folder, "default", {}),
                "int8: true": start(folder, "int8", {"int8": True})}
    say(f"load averages {os.getloadavg()}, {os.cpu_count()} processors, seed {args.seed}; {args.tokens} tokens a stream; "
        "tokens a second of the whole (of writing)")
    try:
        found = {name: [] for name in gateways}
        for number in range(args.rounds + 1):
            for name, gateway in gateways.items():
                one = speeds(gateway.port, 1, args.tokens, dice)
                many = speeds(gateway.port, args.streams, args.tokens, dice)
                if number:  # the first warms up
                    found[name].append((one, many))
                    say(f"round {number} {name}: one {one[0]:.0f} ({one[1]:.0f}), {args.streams} together {many[0]:.0f} "
                        f"({many[1]:.0f}): {many[0] / one[0]:.2f} ({many[1] / one[1]:.2f})")
        for name, rounds in found.items():
            middle = [[statistics.median(pair[k][i] for pair in rounds) for i in (0, 1)] for k in (0, 1)]
            times = [statistics.median(many[i] / one[i] for one, many in rounds) for i in (0, 1)]
            say(f"medians, {name}: one {middle[0][0]:.0f} ({middle[0][1]:.0f}), {args.streams} together "
                f"{middle[1][0]:.0f} ({middle[1][1]:.0f}); {args.streams} beside one in the same round "
                f"{times[0]:.2f} ({times[1]:.2f})")
    finally:
        for gateway in gateways.values():
            gateway.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    args = parser.parse_args()
    lines = []

    def say(text):
        print(text, flush=True)
        lines.append(text)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        compare(args, folder, say)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
