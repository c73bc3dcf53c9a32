#!/usr/bin/env python3
# gateway_chaos.py -- random faults on both sides, and what must hold after all.
# SPDX-License-Identifier: Apache-2.0
"""Clients and a provider that misbehave by the throw of seeded dice.

Whatever happens, each answer is framed rightly, each attempt is settled once,
what was billed is on record, sums agree, and nothing is left behind.
SEED chooses another run, REQUESTS (1200) a longer one.
"""
import random
import threading

from harness import *  # noqa: F403

SEED = int(os.environ.get("SEED", "1"))
REQUESTS = int(os.environ.get("REQUESTS", "1200"))
THREADS = 12
FAST = {"connect": "1s", "first_byte": "300ms", "silence": "300ms",
        "total": "5s"}
RULED = {"name": "chaos", "baseline": "up/large",
         "use": ["up/small", "up/large"]}


class ChaosBench(FakeBench):
    """Deadlines that are short, a breaker that never opens."""

    def __init__(self):
        super().__init__(policy=RULED, limits={"idle": "2s"}, more={
            "timeouts": FAST, "breaker": {"failures": 1000000}})

    def between_cases(self):
        pass


def fault(dice):
    """One answer's directives."""
    n = dice.randrange
    return dice.choice([
        "", "", "", f"tokens={n(60)}", f"status={n(400, 530)}",
        f"status=429 retry_after={n(3)}", f"cut={n(600)}",
        f"cut={n(600)} reset", f"cut_event={n(8)}",
        f"cut_event={n(8)} reset", "reset", "hangup", "garbage",
        f"malformed_event={n(6)}", f"error_event={n(6)}", "no_usage",
        "usage_in_last_content", "usage_every_chunk", "no_done",
        f"split={n(1, 40)}", f"split=random:{n(999)}",
        f"tokens={n(40)} pace={n(20)}", f"delay={n(500)}",
        f"stall={n(100, 600)} at={n(6)}", "stall=forever", f"cached={n(4)}",
        f"reasoning={n(9)}", "refusal", f"big={n(1, 300)}", "big=5000",
        "gzip", "encoding_header=br", "close", "http10", "no_content_length",
        "continue", "redirect=http://127.0.0.1:1/", "wrong_usage=7",
    ])


def body_of(dice):
    words = "word " * dice.choice([0, 1, 5, 50, 2000])
    text = f"{words}[[{fault(dice)}]]"
    return chat(text, dice.choice(["auto", "auto", "up/small", "up/large"]),
                stream=dice.random() < 0.6)


class Driver:
    """One client after the other, by dice; notes what it was told."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.lock = threading.Lock()
        self.problems = []
        self.told = {}  # request id: amounts of a whole JSON answer
        self.counts = {}

    def note(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def run(self, seed, count):
        dice = random.Random(seed)
        while count > 0:
            try:
                with self.gateway.connect(timeout=20) as client:
                    while count > 0:
                        count -= 1
                        if not self.one(dice, client):
                            break
            except Ended:
                self.note("closed before an answer")
            except (WireError, ValueError, Failed) as error:
                with self.lock:
                    self.problems.append(repr(error))
            except OSError:
                self.note("reset")

    def one(self, dice, client):
        """One request; whether the connection is still good."""
        body = json.dumps(body_of(dice)).encode()
        way = dice.random()
        data = Gateway.bytes(body)
        if way < 0.05:  # leaves within its own request
            client.send(data[:dice.randrange(len(data))])
            return self.leave(dice, client)
        if way < 0.1:
            head = data[:-len(body)].replace(
                b"content-length: %d" % len(body),
                b"transfer-encoding: chunked")
            at = dice.randrange(1, len(body))
            data = (head + chunked(body[:at]) + chunked(body[at:])
                    + b"0\r\n\r\n")
        client.send(data)
        if way < 0.2:  # leaves within the answer
            try:
                client.exactly(dice.choice([0, 1, 10, 400, 900]), timeout=3)
            except WireError:
                pass
            return self.leave(dice, client)
        if way < 0.25:
            client.half_close()
        answer = client.read_answer()
        self.judge(answer, json.loads(body))
        if not answer.is_whole or way < 0.25:
            return False
        return answer.header("connection") != "close"

    def leave(self, dice, client):
        self.note("left")
        if dice.random() < 0.5:
            client.reset()
        return False

    def judge(self, answer, body):
        kind = f"{answer.status}{'' if answer.is_whole else ' cut'}"
        self.note(kind)
        is_stream = (answer.header("content-type")
                     or "").startswith("text/event-stream")
        check(answer.header("x-sluice-request-id"), "no id", answer)
        if is_stream and not answer.header("content-encoding"):
            is_done = answer.body.endswith(DONE)
            # Without [DONE] a stream is whole by its finish reason.
            is_finished = is_done or b'"finish_reason":"' in answer.body
            check(is_finished if answer.is_whole else not is_done,
                  "[DONE] and the end of", body, answer.body[-300:])
            check_equal(answer.body.count(b": x-sluice-cost"),
                        int(answer.is_whole), "comments")
        cost_text = answer.header("x-sluice-cost-usd")
        if cost_text:
            with self.lock:
                self.told[answer.header("x-sluice-request-id")] = \
                    amounts(answer)


def check_rows(rows, billed, told):
    by_request = {}
    for row in rows:
        by_request.setdefault(row["request_id"], []).append(row)
        check_equal(row["saved_nano_usd"],
                    row["baseline_nano_usd"] - row["cost_nano_usd"], row)
        price = SMALL if row["model"] == "up/small" else LARGE
        check_equal(row["cost_nano_usd"], cost(
            price, row["input_tokens"], row["cached_tokens"],
            row["output_tokens"]), row)
    for request_id, own in by_request.items():
        check_equal([row["attempt"] for row in own],
                    list(range(1, len(own) + 1)), own)
        check(all(row["outcome"] not in ("completed", "client_gone")
                  for row in own[:-1]), "an attempt after the last", own)
        if request_id in told:
            sums = tuple(sum(row[name] for row in own) for name in (
                "cost_nano_usd", "baseline_nano_usd", "saved_nano_usd"))
            check_equal(told[request_id], sums, f"headers and rows {own}")
    attempts = {row["attempt_id"]: row for row in rows}
    check_equal(len(attempts), len(rows), "attempt ids")
    lost = [one for one in billed if one["attempt"] not in attempts]
    check(not lost, f"{len(lost)} of {len(billed)} billed are lost", lost[:3])
    return attempts


@case
def everything_holds_under_random_faults(bench):
    gateway = bench.gateway
    driver = Driver(gateway)
    threads = [threading.Thread(target=driver.run, args=(
        SEED * 1000 + i, REQUESTS // THREADS)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    print("   " + ", ".join(f"{what}: {n}" for what, n
                            in sorted(driver.counts.items())))
    check(gateway.process.is_running(), gateway.process.err()[-3000:])
    check(not driver.problems, len(driver.problems), "problems:",
          "\n".join(driver.problems[:5]))
    eventually(lambda: gateway.metric("sluice_requests_in_flight") == 0,
               "no request is under way", 15)
    check_equal(gateway.metric("sluice_upstream_in_flight"), 0)
    rows = eventually(lambda: settled(gateway), "all rows are settled", 10)
    attempts = check_rows(rows, bench.provider.billed(), driver.told)
    for name in ("cost", "saved"):
        check_equal(gateway.metric(f"sluice_{name}_nano_usd_total"),
                    sum(row[f"{name}_nano_usd"] for row in rows), name)
    whole_usage(bench, attempts)
    check_equal(len(gateway.export()), len(rows), "rows that are settled")
    check_equal(sluice("ledger", "--config", gateway.config,
                       "verify").returncode, 0)
    print(f"   {len(rows)} attempts on record")


def settled(gateway):
    """The rows of all attempts that were counted, or None yet."""
    rows = [row for row in gateway.export() if row["state"] == "settled"]
    n = gateway.metric("sluice_upstream_attempts_total")
    return rows if len(rows) == n else None


def whole_usage(bench, attempts):
    """Where the provider told its usage, the row has just that."""
    for one in bench.provider.billed():
        row = attempts[one["attempt"]]
        if row["outcome"] != "completed" or row["estimated"]:
            continue
        check_equal((row["input_tokens"] + row["cached_tokens"],
                     row["cached_tokens"]),
                    (one["prompt_tokens"], one["cached_tokens"]), one)


@case
def nothing_is_left_behind(bench):
    gateway = bench.gateway

    def sockets():
        folder = f"/proc/{gateway.process.pid}/fd"
        return sum(os.readlink(os.path.join(folder, name)).startswith(
            "socket:") for name in os.listdir(folder))
    # Idle clients end by the limit (2 s); idle upstream connections stay.
    eventually(lambda: sockets() < 300, "connections are closed", 10)
    before = gateway.process.rss_kib()
    again = Driver(gateway)
    threads = [threading.Thread(target=again.run, args=(SEED + i, 50))
               for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    check(not again.problems, again.problems[:3])
    grown = gateway.process.rss_kib() - before
    check(grown < 16 * 1024 * memory_factor(gateway.process),
          f"{grown} KiB more after 600 requests more")


if __name__ == "__main__":
    run_cases(ChaosBench)
