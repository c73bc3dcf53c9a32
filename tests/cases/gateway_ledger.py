#!/usr/bin/env python3
# gateway_ledger.py -- every attempt is on record once, whatever happens.
# SPDX-License-Identifier: Apache-2.0
"""Export, verify, spend; kill -9 under load; torn and damaged files.

KILLS: how often the gateway is killed under load (5).
"""
import datetime
import glob
import random
import re
import threading

from harness import *  # noqa: F403

KILLS = int(os.environ.get("KILLS", "5"))
FIELDS = {"ts", "request_id", "attempt_id", "attempt", "kind", "state",
          "outcome", "status", "key", "model", "rule", "input_tokens",
          "cached_tokens", "output_tokens", "estimated", "cost_nano_usd",
          "baseline_nano_usd", "saved_nano_usd", "task", "source",
          "answer_of", "followers", "first_token_ns", "duration_ns"}
SUMS = ("cost_nano_usd", "baseline_nano_usd", "saved_nano_usd")


def fresh(bench, **changes):
    """A gateway with an empty ledger."""
    return bench.add(settings(bench.upstream.port, **changes),
                     {"name": "by-words", "baseline": "up/large",
                      "use": ["up/small", "up/large"],
                      "rules": [{"name": "long", "when":
                                 'request.text.contains("long")',
                                 "use": ["up/large"]}]})


def some_traffic(gateway):
    """Requests of every kind; the ids of those that were answered."""
    answers = []
    for body, key in ((chat(), KEY), (chat(model="auto"), KEY),
                      (chat("long", model="auto"), KEY), (chat(), KEY_B),
                      (chat(stream=True), KEY_B),
                      (chat("long", model="auto", stream=True), KEY),
                      (chat(model="up/large"), KEY)):
        answers.append(gateway.ask(body, key=key))
    answers.append(gateway.ask({"model": "up/embed", "input": "x"},
                               "/v1/embeddings"))
    for answer in answers:
        check_equal(answer.status, 200, answer.body)
    return [answer.header("x-sluice-request-id") for answer in answers]


def all_settled(gateway, n):
    def probe():
        rows = gateway.export()
        return rows if len(rows) == n and all(
            row["state"] == "settled" for row in rows) else None
    return eventually(probe, f"{n} settled rows in the export", 10)


@case
def a_row_is_exported_within_a_second_of_its_answer(bench):
    gateway = bench.gateway
    for stream in (False, True):
        answer = gateway.ask(chat(stream=stream))
        ended = time.monotonic()
        gateway.rows(answer)
        check(time.monotonic() - ended < 3,
              "it took", time.monotonic() - ended)


@case
def exported_rows_have_the_fields_that_they_must(bench):
    gateway = fresh(bench)
    ids = some_traffic(gateway)
    rows = all_settled(gateway, len(ids))
    check_equal([row["request_id"] for row in rows], ids, "oldest first")
    for row in rows:
        check_equal(set(row) & FIELDS, FIELDS)
        at = datetime.datetime.fromisoformat(row["ts"].replace("Z", "+00:00"))
        now = datetime.datetime.now(datetime.timezone.utc)
        check(row["ts"].endswith("Z") and
              abs((now - at).total_seconds()) < 60, row["ts"])
        check_equal((row["kind"], row["outcome"], row["status"],
                     row["attempt"]), ("upstream", "completed", 200, 1))
        check(isinstance(row["estimated"], bool), row)
        for name in SUMS + ("input_tokens", "cached_tokens", "output_tokens"):
            check(isinstance(row[name], int), name, row)
        check_equal(row["saved_nano_usd"],
                    row["baseline_nano_usd"] - row["cost_nano_usd"])
    check_equal([row["key"] for row in rows], ["team-a"] * 3 + ["team-b"] * 2
                + ["team-a"] * 3)
    check_equal([row["rule"] for row in rows],
                ["pinned", "default", "long", "pinned", "pinned", "long",
                 "pinned", "pinned"])


@case
def spend_equals_the_sum_of_the_exported_rows(bench):
    gateway = fresh(bench)
    some_traffic(gateway)
    bench.upstream.script["small-1"] = always(500)
    failed = gateway.ask(chat("x", model="auto"))
    check_equal(failed.header("x-sluice-model"), "up/large")
    rows = all_settled(gateway, 10)
    total = gateway.spend()["total"]
    for name in SUMS:
        check_equal(total[name], sum(row[name] for row in rows), name)
    check_equal((total["requests"], total["cache_hits"], total["unknown"],
                 total["unpriced"]), (9, 0, 0, 0))
    for by, field in (("key", "key"), ("model", "model"), ("rule", "rule"),
                      ("day", None)):
        told = gateway.spend("--by", by)
        check_equal(told["total"], total, f"the total by {by}")
        for name in SUMS:
            wanted = {}
            for row in rows:
                group = row[field] if field else row["ts"][:10]
                wanted[group] = wanted.get(group, 0) + row[name]
            check_equal({one["name"]: one[name] for one in told["rows"]},
                        wanted, f"{name} by {by}")
    for by in ("key", "rule", "day"):
        check_equal(sum(one["requests"]
                        for one in gateway.spend("--by", by)["rows"]), 9, by)
    text = sluice("spend", "--config", gateway.config, "--by", "model")
    check_equal(text.returncode, 0)
    check(b"up/small" in text.stdout, text.stdout)


@case
def spend_counts_between_two_times(bench):
    gateway = fresh(bench)
    some_traffic(gateway)
    all_settled(gateway, 8)
    check_equal(gateway.spend("--since", "2100-01-01T00:00:00Z")["total"]
                ["requests"], 0)
    check_equal(gateway.spend("--until", "2001-01-01")["total"]["requests"], 0)
    check_equal(gateway.spend("--since", "2001-01-01", "--until",
                              "2100-01-01")["total"]["requests"], 8)
    for args in (("--since", "yesterdayish"), ("--by", "colour")):
        done = sluice("spend", "--config", gateway.config, "--json", *args)
        check(done.returncode in (1, 2), args, done)


@case
def a_second_serve_on_the_same_state_exits_1(bench):
    gateway = bench.gateway
    made = dict(settings(bench.upstream.port),
                state=os.path.join(gateway.folder, "state"))
    folder = os.path.join(bench.folder, "second")
    os.makedirs(folder)
    second = Gateway(folder, made, POLICY).start(wait=False)
    check_equal(second.process.wait(20), 1)
    said = second.process.err().decode()
    check("state" in said and "another" in said, said)
    check_equal(gateway.ask(chat()).status, 200, "the first goes on")


@case
def rows_outlive_a_restart(bench):
    gateway = fresh(bench)
    some_traffic(gateway)
    before = all_settled(gateway, 8)
    check_equal(gateway.stop(), None)
    check_equal(gateway.export(), before, "export without serve")
    done = sluice("ledger", "--config", gateway.config, "verify")
    check_equal(done.returncode, 0, done)
    gateway.start()
    some_traffic(gateway)
    after = all_settled(gateway, 16)
    check_equal(after[:8], before)


@case
def an_attempt_under_way_is_exported_as_reserved(bench):
    gateway = fresh(bench)
    go = threading.Event()

    def wait(peer, incoming):
        go.wait(10)
        return usual_answer(peer, incoming)
    bench.upstream.script["small-1"] = wait
    with gateway.connect() as client:
        client.send(Gateway.bytes(chat()))
        row, = eventually(gateway.export, "a row while it is under way")
        check_equal((row["state"], row["model"]), ("reserved", "up/small"))
        go.set()
        check_equal(client.read_answer().status, 200)
    all_settled(gateway, 1)


class Load:
    """Threads that ask as fast as they can, until told to stop."""

    def __init__(self, gateway, threads=8):
        self.gateway = gateway
        self.over = threading.Event()
        self.whole = set()  # ids of requests answered to their end
        self.threads = [threading.Thread(target=self._run, args=(i,),
                                         daemon=True) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        turn = 0
        while not self.over.is_set():
            try:
                with self.gateway.connect(timeout=5) as client:
                    while not self.over.is_set():
                        turn += 1
                        answer = client.ask(Gateway.bytes(chat(
                            stream=(turn + number) % 2 == 0)))
                        if answer.is_whole and answer.status == 200:
                            self.whole.add(
                                answer.header("x-sluice-request-id"))
            except (WireError, OSError, ValueError):
                continue

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(20)


def check_billed(gateway, billed, whole):
    """Each billed attempt stands in the export exactly once."""
    rows = gateway.export()
    counts = {}
    for row in rows:
        counts[row["attempt_id"]] = counts.get(row["attempt_id"], 0) + 1
    lost = [one for one in billed if one not in counts]
    double = [one for one, n in counts.items() if n != 1]
    check(not lost, f"{len(lost)} of {len(billed)} billed are lost:", lost[:3])
    check(not double, "more than once:", double[:3])
    requests = {row["request_id"] for row in rows}
    check(whole <= requests, "answered but not on record:",
          list(whole - requests)[:3])
    return rows


@case
def nothing_billed_is_lost_by_kill_9_under_load(bench):
    gateway = fresh(bench)
    dice = random.Random(7)
    whole, problem = set(), None
    for turn in range(KILLS):
        load = Load(gateway)
        # Long enough that requests are under way in every step of theirs.
        threading.Event().wait(dice.uniform(0.05, 0.4))
        gateway.process.kill()
        load.stop()
        whole |= load.whole
        if turn % 10 == 9 or turn == KILLS - 1 or turn < 5:
            billed = [one.header("x-request-id")
                      for one in bench.upstream.requests]
            rows = check_billed(gateway, billed, whole)
        gateway.start()
    rows = check_billed(gateway, billed, whole)
    states = [row["state"] for row in rows]
    check("reserved" not in states, "reserved rows of the dead are unknown")
    check_equal(gateway.spend()["total"]["unknown"], states.count("unknown"))
    done = sluice("ledger", "--config", gateway.config, "verify")
    check_equal(done.returncode, 0, done)
    print(f"   {KILLS} kills: {len(billed)} billed, {len(rows)} rows, "
          f"{states.count('settled')} settled, "
          f"{states.count('unknown')} unknown")
    check(states.count("settled") > 0 and problem is None, "nothing ran")


def ledger_files(gateway):
    """The files of records, by the bytes that they hold; most first."""
    found = []
    for path in glob.glob(os.path.join(gateway.folder, "state", "ledger",
                                       "*.seg")):
        with open(path, "rb") as data:
            found.append((len(data.read().rstrip(b"\0")), path))
    return sorted(found, reverse=True)


def stopped_with_rows(bench, n=6):
    """A gateway that was killed after <n> requests were on record."""
    gateway = fresh(bench, workers=1)
    for _ in range(n):
        check_equal(gateway.ask(chat()).status, 200)
    rows = all_settled(gateway, n)
    gateway.process.kill()
    return gateway, rows


def overwrite(path, at, data):
    with open(path, "r+b") as out:
        out.seek(at)
        out.write(data)


@case
def a_torn_tail_is_repaired_and_reported(bench):
    gateway, rows = stopped_with_rows(bench)
    used, path = ledger_files(gateway)[0]
    overwrite(path, used - 5, bytes(5))
    gateway.start()
    check(re.search(rb"torn|repair", gateway.process.err()),
          gateway.process.err())
    after = gateway.export()
    check_equal(after[:5], rows[:5])
    check_equal(len(after), 6, "the torn row's reservation is left")
    check_equal(after[5]["state"], "unknown")
    gateway.ask(chat())
    eventually(lambda: len(gateway.export()) == 7, "new rows go on")
    done = sluice("ledger", "--config", gateway.config, "verify")
    check_equal(done.returncode, 0, done)


@case
def damage_in_the_middle_is_loud_and_never_overwritten(bench):
    gateway, rows = stopped_with_rows(bench)
    used, path = ledger_files(gateway)[0]
    with open(path, "rb") as data:
        old = data.read()
    at = used // 2
    overwrite(path, at, bytes([old[at] ^ 0x55]))
    with open(path, "rb") as data:
        damaged = data.read()
    done = sluice("ledger", "--config", gateway.config, "verify")
    check_equal(done.returncode, 1, done)
    said = (done.stdout + done.stderr).decode()
    check(os.path.basename(path) in said, "the file's name", said)
    offset = [int(n) for n in re.findall(r"\d+", said)
              if 0 < int(n) <= at]
    check(offset, "an offset", said)
    gateway.start()
    check(re.search(rb"damage|corrupt|checksum", gateway.process.err()),
          gateway.process.err())
    check_equal(gateway.ask(chat()).status, 200)
    with open(path, "rb") as data:
        check(data.read()[:used] == damaged[:used], "the file was changed")
    check(gateway.process.is_running(), "serve goes on beside it")
    done = sluice("ledger", "--config", gateway.config, "verify")
    check_equal(done.returncode, 1, "verify goes on telling")
    exported = sluice("ledger", "--config", gateway.config, "export")
    shown = [json.loads(line) for line in exported.stdout.splitlines()]
    ids = {row["request_id"] for row in shown}
    check(rows[0]["request_id"] in ids, "rows before the damage are shown")


@case
def an_empty_ledger_is_fine(bench):
    gateway = fresh(bench)
    check_equal(gateway.export(), [])
    check_equal(gateway.spend()["total"]["requests"], 0)
    check_equal(sluice("ledger", "--config", gateway.config,
                       "verify").returncode, 0)


if __name__ == "__main__":
    run_cases(Bench)
