#!/usr/bin/env python3
# local_overload.py -- twice the load that the engine can serve, and bad manners.
# SPDX-License-Identifier: Apache-2.0
"""SmolLM2 under twice the requests that it can answer, for minutes.

First as many clients as it computes texts together show what it can serve. Then requests come at twice that rate,
whether or not those before were answered (and at twice of what was served lately, where that is more): a fifth leave at some point, before the head or within the answer, a fifth read slowly
or not at all for a while, and every few seconds a reload changes the policy or adds and removes a second model. Each request is
bounded, each refusal must be a 429 with Retry-After; afterwards nothing may run, wait or hold a page, and the next
request is answered at once. Exit 1 when one of these does not hold.

    bench/gateway/local_overload.py --build build [--minutes 5] [--out FILE]

tools/fetch-models gets the model.
"""
import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time

os.environ.setdefault("BUILD_DIR", sys.argv[sys.argv.index("--build") + 1] if "--build" in sys.argv else "build")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "cases"))
from engine import SMOLLM2  # noqa: E402
from harness import KEY, KEY_B, Gateway, WireError, chat, eventually, get, settings  # noqa: E402

BOUND = 90.0  # seconds for any request; the queue's wait is 10
WORDS = "the river runs past old stone houses and under a bridge where boats wait for rain".split()
KEYS = {"a": KEY, "b": KEY_B}
SMALL = {"name": "local/small", "path": SMOLLM2, "context": 4096, "batch": 8, "price": {"input": 1, "output": 2}}


class Load:
    """Counts what became of requests."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.lock = threading.Lock()
        self.counts = {}
        self.problems = []
        self.waits = []  # seconds of whole answers

    def note(self, what, seconds=None):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1
            if seconds is not None:
                self.waits.append(seconds)

    def one(self, dice, is_rude):
        """One request to its end, however that is."""
        body = chat("Tell of " + " ".join(dice.choice(WORDS) for _ in range(dice.randrange(5, 120))), "local/small",
                    max_tokens=dice.choice([8, 24, 64]), stream=dice.random() < 0.6, temperature=dice.choice([0, 1]))
        way = dice.random() if is_rude else 1
        began = time.monotonic()
        try:
            with self.gateway.connect(timeout=BOUND, receive_buffer=4096 if way < 0.4 else None) as client:
                client.send(Gateway.bytes(body, key=dice.choice(list(KEYS.values()))))
                if way < 0.2:
                    return self.leave(dice, client)
                if way < 0.4:
                    time.sleep(dice.random() * 5)
                self.judge(body, client.read_answer(), time.monotonic() - began)
        except (OSError, WireError, ValueError, KeyError) as error:
            self.problems.append(f"{time.monotonic() - began:.1f} s {error!r}")

    def leave(self, dice, client):
        at = dice.choice([None, None, 0.05, 1.0, 4.0])
        if at is None:
            try:
                client.exactly(dice.choice([1, 300, 2000]))
            except WireError:
                pass  # the answer was shorter
        else:
            time.sleep(at)
        if dice.random() < 0.5:
            client.reset()
        self.note("left")

    def judge(self, body, answer, seconds):
        if answer.status == 429 and int(answer.header("retry-after")) >= 1:
            return self.note("429")
        is_whole = answer.status == 200 and answer.is_whole and (
            answer.body.endswith(b"data: [DONE]\n\n") if body["stream"] else answer.json()["usage"])
        if not is_whole:
            self.problems.append(f"{answer!r} {answer.body[-300:]!r}")
        self.note("answered", seconds)


def serve_what_it_can(gateway, seconds):
    """Answers a second with as many clients as texts are computed together."""
    load, over, threads = Load(gateway), threading.Event(), []

    def run(seed):
        dice = random.Random(seed)
        while not over.is_set():
            load.one(dice, False)
    for seed in range(SMALL["batch"]):
        threads.append(threading.Thread(target=run, args=(seed,)))
        threads[-1].start()
    over.wait(seconds)
    done = load.counts.get("answered", 0)
    over.set()
    for thread in threads:
        thread.join()
    assert not load.problems, load.problems[:3]
    return done / seconds


def state(gateway):
    """What is in use: anonymous KiB, descriptors, threads."""
    with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as lines:
        text = lines.read()
    return (int(re.search(r"RssAnon:\s+(\d+)", text)[1]), len(os.listdir(f"/proc/{gateway.process.pid}/fd")),
            int(re.search(r"Threads:\s+(\d+)", text)[1]))


def reload(gateway, dice):
    local = [SMALL, dict(SMALL, name="local/second", batch=dice.randrange(1, 5))][:dice.choice([1, 1, 2])]
    gateway.write(dict(gateway.settings, local=local), {
        "name": f"p{dice.randrange(9)}", "baseline": "local/small", "use": ["local/small"]})
    answer = gateway.reload()
    assert answer.status == 200, answer.body


def overload(gateway, rate, seconds, say):
    load, dice = Load(gateway), random.Random(5)
    threads, began, sent, marks = [], time.monotonic(), 0, []
    next_reload = next_mark = began + 5
    owed = before = 0.0
    last = began
    while (now := time.monotonic()) < began + seconds:
        if now >= next_reload:
            reload(gateway, dice)
            next_reload = now + dice.uniform(3, 12)
        if now >= next_mark:
            marks.append(state(gateway))
            say(f"{now - began:4.0f} s  rate {rate:.2f}  sent {sent}  {load.counts}  anonymous KiB, descriptors, threads {marks[-1]}  waiting "
                f"{gateway.metric('sluice_local_texts', state='waiting'):.0f} running "
                f"{gateway.metric('sluice_local_texts', state='running'):.0f}")
            # Other work on the machine makes it serve more or less than at first.
            answered = load.counts.get("answered", 0) + load.counts.get("left", 0)
            rate = max(rate, 2 * (answered - before) / 30)
            before = answered
            next_mark += 30
        owed, last = owed + (now - last) * rate, now
        while sent < owed:
            sent += 1
            threads.append(threading.Thread(target=load.one, args=(random.Random(sent), True), daemon=True))
            threads[-1].start()
        threads = [thread for thread in threads if thread.is_alive()]
        time.sleep(0.02)
    for thread in threads:
        thread.join(BOUND)
    assert not any(thread.is_alive() for thread in threads), "a request hangs"
    return load, marks, sent


def check(gateway, load, marks, say):
    """What must hold afterwards; the list of what does not."""
    wrong = list(load.problems[:3])
    began = time.monotonic()
    answer = gateway.ask(chat("Hello", "local/small", max_tokens=1))
    say(f"the next request: {answer.status} after {time.monotonic() - began:.2f} s")
    if answer.status != 200:
        wrong.append(f"the next request: {answer!r}")
    gateway.write(gateway.settings)
    gateway.reload()
    used = {}

    def is_free():
        used.update({name: value for name, value in gateway.metrics().items()
                     if "sluice_local_texts{" in name or 'part="used"' in name or "in_flight" in name})
        return not any(used.values())
    try:
        eventually(is_free, "all is free", 30)
    except Exception as error:
        wrong.append(f"{error} {used}")
    say(f"in use afterwards: {sum(used.values()):.0f} (texts, bytes of pages, requests); {state(gateway)}")
    # A second model, where a reload had brought one, is gone by now.
    early, late = min(mark[0] for mark in marks[1:4]), state(gateway)[0]
    say(f"anonymous KiB with one model: early {early}, late {late}")
    if late > early + 65536:
        wrong.append(f"memory grew: {marks}")
    rows = gateway.export()
    open_rows = [row for row in rows if row["state"] != "settled"]
    say(f"{len(rows)} rows, {len(open_rows)} of them open; preempted {gateway.metric('sluice_local_preemptions_total'):.0f}")
    if open_rows:
        wrong.append("rows are open")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--calibrate", type=float, default=20, help="seconds to learn what it can serve")
    parser.add_argument("--out")
    args = parser.parse_args()
    lines = []

    def say(text):
        print(text, flush=True)
        lines.append(text)
    with tempfile.TemporaryDirectory() as folder:
        made = settings(0, local=[SMALL], keys=[{"name": name, "key": key} for name, key in KEYS.items()],
                        engine={"queue": 16, "memory": "256MiB"})
        del made["providers"], made["models"]
        gateway = Gateway(folder, made, {"name": "p", "baseline": "local/small", "use": ["local/small"]}).start(False)
        eventually(lambda: is_loaded(gateway), "the model is loaded", 120)
        rate = serve_what_it_can(gateway, args.calibrate)
        say(f"load averages {os.getloadavg()}, {os.cpu_count()} cores; it serves {rate:.2f} requests a second, "
            f"{2 * rate:.2f} are sent for {args.minutes} minutes")
        load, marks, sent = overload(gateway, 2 * rate, args.minutes * 60, say)
        waits = sorted(load.waits) or [0]
        say(f"sent {sent}: {json.dumps(load.counts)}; answers took p50 {waits[len(waits) // 2]:.1f} s, p99 "
            f"{waits[len(waits) * 99 // 100]:.1f} s, at most {waits[-1]:.1f} s")
        wrong = check(gateway, load, marks, say)
        ended = gateway.stop()
        wrong += [ended] if ended else []
        say("all held" if not wrong else "DID NOT HOLD: " + "\n".join(map(str, wrong)))
    if args.out:
        with open(args.out, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
    sys.exit(1 if wrong else 0)


def is_loaded(gateway):
    try:
        return b'"ready"' in get(gateway.admin, "/readyz")
    except OSError:
        return False


if __name__ == "__main__":
    main()
