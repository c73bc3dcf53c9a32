#!/usr/bin/env python3
# gateway_local_chaos.py -- models inside under random traffic and reloads.
# SPDX-License-Identifier: Apache-2.0
"""Many clients, tiny checkpoints, every way of asking, by seeded dice.

Chat, completions and embeddings, in streams and not; several choices, schemas,
tools, logprobs; clients that leave or stall at any point; reloads that add,
change and remove models and policies; queues that are full; answers that are
given up for another model's; a cache; an upstream with faults; SIGTERM in
mid-traffic. Whatever happens: each whole answer is what `sluice generate` says
to the same question, each is on record once, all sums agree, and afterwards
everything is free again.

--minutes N makes it longer, SEED chooses another run, CLIENTS (10) more of
them.
"""
import threading

from engine import Place, sanitized
from harness import *  # noqa: F403
from local_traffic import BERT, CALLS, CHAT, TINY, TOOLS, Book, Crowd

SEED = int(os.environ.get("SEED", "1"))
CLIENTS = int(os.environ.get("CLIENTS", "10"))
FAST = {"connect": "2s", "first_byte": "1s", "silence": "1s", "total": "10s"}
PRICE = {"input": 1, "cached_input": 0.5, "output": 2}
FEMTO = {"input": 10**9, "cached_input": 5 * 10**8, "output": 2 * 10**9}
EXTRA = "local/extra"
KEYS_OF = {f"team-{i}": f"sk-canary-chaos-{i}" for i in range(4)}
ROUND = 5.0
ROUNDS = 8  # at most, until each kind of row was seen
KINDS = ("local completed", "local client_gone", "local escalated",
         "local refused", "cache_hit completed")


def minutes():
    """What stands behind --minutes, which no case is named by."""
    if "--minutes" not in sys.argv:
        return None
    at = sys.argv.index("--minutes")
    value = float(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return value


MINUTES = minutes()


def policies():
    """What the policy may be; answers do not depend on it."""
    held = [
        {"name": "unsure", "when": "request.text.startsWith('unsure')",
         "use": [TINY, "up/large"],
         "escalate": {"below": 1.0, "hold": 6, "to": "up/large"}},
        {"name": "sure", "when": "request.text.startsWith('sure')",
         "use": [TINY, "up/large"],
         "escalate": {"below": 0.000001, "hold": 12}},
        {"name": "agree", "when": "request.text.startsWith('agree')",
         "use": [TINY, "up/large"],
         "escalate": {"hold": 20, "sample": {"n": 3, "agree": 2}}}]
    plain = {"name": "local-first", "baseline": "up/large",
             "use": [TINY, CALLS, "up/small"]}
    return [dict(plain, rules=held), dict(plain, rules=held, cache="always"),
            plain, dict(plain, name="up-first", use=["up/small", TINY]),
            dict(plain, rules=held, cache="never")]


class LocalChaos(FakeBench):
    """The fake provider, tiny checkpoints, small queues."""

    def __init__(self):
        self.place = Place()
        self.paths = {TINY: self.place.checkpoint("llama", chat=CHAT),
                      CALLS: self.place.checkpoint("qwen3", chat=TOOLS),
                      BERT: self.place.checkpoint("bert")}
        self.book = Book(self.paths)
        self.slow = 4 if sanitized() else 1
        super().__init__(
            policy=policies()[0], limits={"idle": "2s"},
            more={"timeouts": FAST, "breaker": {"failures": 1000000},
                  "pool": {"idle": 4, "keep": "1s"}},
            keys=[{"name": name, "key": key}
                  for name, key in KEYS_OF.items()],
            local=self.local(), engine={"queue": 6, "memory": "4MiB"},
            cache={"store": "memory", "size": "8MiB", "ttl": "20s"},
            drain="60s")
        self.crowds = []

    def local(self, *changes):
        """The usual models, some with changes, and perhaps one more."""
        made = {name: {"name": name, "path": path, "price": PRICE,
                       "backend": "exact", "context": 256, "batch": 4}
                for name, path in self.paths.items()}
        made[BERT].pop("context")
        for name, change in changes:
            if change is None:
                made.pop(name, None)
            else:
                made[name] = dict(made.get(name) or dict(
                    made[TINY], name=name), **change)
        return list(made.values())

    def between_cases(self):
        pass

    def reload(self, *changes, policy=None, **more):
        made = dict(self.gateway.settings, local=self.local(*changes), **more)
        self.gateway.write({key: value for key, value in made.items()
                            if value is not None}, policy)
        answer = self.gateway.reload()
        check_equal(answer.status, 200, answer.body)

    def wait_ready(self):
        eventually(lambda: get(self.gateway.admin, "/readyz").count(
            b'"ready"') == 3, "the models are loaded", 60)

    def close(self):
        problem = super().close()
        self.place.close()
        return problem


class Reloader:
    """Changes the configuration under the crowd, by dice."""

    def __init__(self, bench, crowd, seed):
        self.bench, self.crowd = bench, crowd
        self.dice = random.Random(seed)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.count = 0

    def run(self):
        while not self.crowd.over.wait(self.dice.uniform(0.1, 0.8)):
            try:
                self.one()
                self.count += 1
            except (Failed, WireError, OSError) as error:
                self.crowd.problems.append(f"reload: {error!r}")
                return

    def one(self):
        dice, changes = self.dice, []
        policy = dice.choice(policies())
        what = dice.random()
        if what < 0.3:
            changes.append((EXTRA, {"batch": dice.randrange(1, 5)}))
        if what < 0.1:
            changes.append((CALLS, {"batch": dice.randrange(1, 6)}))
        elif what < 0.15:
            changes.append((TINY, {"batch": dice.randrange(1, 6),
                                   "weight": dice.randrange(1, 4)}))
        elif what < 0.2:
            changes.append((dice.choice([CALLS, BERT]), None))
            policy = None if changes[-1][0] == BERT else dict(
                policies()[0], use=[TINY, "up/small"], rules=[])
        elif what < 0.3:
            changes.append((TINY, {"escalate": {
                "below": 0.3, "hold": 8, "to": "up/large"}}))
        more = {}
        if dice.random() < 0.2:
            more["cache"] = dice.choice([None, {"store": "memory",
                                                "size": "8MiB", "ttl": "20s"}])
        self.bench.reload(*changes, policy=policy, **more)


# --- afterwards ------------------------------------------------------------------

def is_idle(gateway):
    """Nothing runs, waits or holds memory."""
    values = gateway.metrics()
    for name, value in values.items():
        is_use = (name.startswith("sluice_local_texts{") or
                  name.startswith("sluice_requests_in_flight") or
                  name.startswith("sluice_upstream_in_flight"))
        if is_use and value:
            return False
    used = {name: value for name, value in values.items()
            if name.startswith("sluice_local_kv_bytes") and
            'part="used"' in name}
    return all(value == 0 for value in used.values())


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))


def anonymous_kib(gateway):
    """Memory of its own: the ledger's mapped pages are the file's."""
    with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as text:
        return int(re.search(r"RssAnon:\s+(\d+)", text.read())[1])


def threads(gateway):
    return len(os.listdir(f"/proc/{gateway.process.pid}/task"))


def told_state(gateway):
    return {name: value for name, value in gateway.metrics().items()
            if value and ("texts{" in name or "kv_bytes" in name
                          or "in_flight" in name)}


def settle_down(bench):
    """The usual configuration again, and all is free."""
    gateway = bench.gateway
    bench.reload(policy=policies()[0],
                 cache=gateway.settings["cache"])
    bench.wait_ready()
    try:
        eventually(lambda: is_idle(gateway), "everything is free", 20)
    except Failed as error:
        raise Failed(f"{error}: {told_state(gateway)}") from None
    check(b"ok" in get(gateway.port, "/readyz"), "readyz")
    ask_at_once(bench)


def ask_at_once(bench):
    """The next request is answered, and by the model inside."""
    key = next(iter(KEYS_OF.values()))
    for stream in (False, True):
        answer = bench.gateway.ask(
            chat(bench.book.texts[0], TINY, max_tokens=3, temperature=0,
                 stream=stream), key=key,
            headers=[("cache-control", "no-store")])
        check_equal(answer.status, 200, answer.body)


PRICES = {TINY: FEMTO, CALLS: FEMTO, BERT: FEMTO, EXTRA: FEMTO,
          "up/small": SMALL, "up/large": LARGE}


def check_rows(bench, told):
    """Every row adds up, and every answer has its rows."""
    gateway = bench.gateway
    rows = eventually(lambda: settled(gateway), "all rows are settled", 15)
    by_request = {}
    for row in rows:
        by_request.setdefault(row["request_id"], []).append(row)
        check_equal(row["saved_nano_usd"],
                    row["baseline_nano_usd"] - row["cost_nano_usd"], row)
        wanted = 0 if row["kind"] == "cache_hit" else cost(
            PRICES[row["model"]], row["input_tokens"], row["cached_tokens"],
            row["output_tokens"])
        check_equal(row["cost_nano_usd"], wanted, row)
        check_equal(row["kind"] == "local" or row["kind"] == "cache_hit",
                    row["model"].startswith("local/") or
                    row["kind"] == "cache_hit", row)
    for request_id, (key, sums, usage, state) in told.items():
        own = by_request.get(request_id, [])
        check(own or state != "hit", "no row of a hit", request_id)
        check(all(row["key"] == key for row in own), key, own)
        if own:
            check_equal([row["attempt"] for row in own],
                        list(range(1, len(own) + 1)), own)
        if sums:
            check_equal(sums, tuple(sum(row[name] for row in own) for name in (
                "cost_nano_usd", "baseline_nano_usd", "saved_nano_usd")), own)
        if usage and own and own[-1]["kind"] == "local":
            row = own[-1]
            check_equal((row["input_tokens"] + row["cached_tokens"],
                         row["output_tokens"]),
                        (usage["prompt_tokens"], usage["completion_tokens"]),
                        row)
            check_equal(row["estimated"], False, row)
    for name in ("cost", "saved"):
        check_equal(gateway.metric(f"sluice_{name}_nano_usd_total"),
                    sum(row[f"{name}_nano_usd"] for row in rows), name)
    check_equal(sluice("ledger", "--config", gateway.config,
                       "verify").returncode, 0)
    return rows


def settled(gateway):
    """The rows of all attempts that were counted, or None yet."""
    rows = gateway.export()
    asked = [row for row in rows if row["kind"] != "cache_hit"]
    is_all = len(asked) == gateway.metric("sluice_upstream_attempts_total")
    return rows if is_all and all(
        row["state"] == "settled" for row in rows) else None


def kinds_of(rows):
    """How many there are of each kind and outcome."""
    kinds = {}
    for row in rows:
        name = f"{row['kind']} {row['outcome']}"
        kinds[name] = kinds.get(name, 0) + 1
    return kinds


def run_round(bench, seed, seconds, reloads=True):
    """One crowd for so long, and all is well and free after it."""
    crowd = Crowd(bench.gateway, bench.book, KEYS_OF, seed,
                  20.0 * bench.slow)
    reloader = Reloader(bench, crowd, seed)
    crowd.is_reloading = reloads
    crowd.start(CLIENTS)
    if reloads:
        reloader.thread.start()
    crowd.over.wait(seconds)
    crowd.finish()
    if reloads:
        reloader.thread.join(60)
    print("   " + ", ".join(f"{what}: {n}" for what, n
                            in sorted(crowd.counts.items()))
          + f"; {reloader.count} reloads, slowest {crowd.slowest:.2f} s")
    sys.stdout.flush()
    check(bench.gateway.process.is_running(),
          bench.gateway.process.err()[-3000:])
    check(not crowd.problems, len(crowd.problems), "problems:",
          "\n".join(crowd.problems[:4]))
    settle_down(bench)
    bench.crowds.append(crowd)
    return crowd


@case
def answers_hold_under_random_traffic_and_reloads(bench):
    bench.wait_ready()
    gateway, told, marks, kinds = bench.gateway, {}, [], {}
    began, seed = time.monotonic(), SEED
    until = began + (MINUTES * 60 if MINUTES else 2.2 * ROUND)
    # A slow build answers few in a round.
    while (time.monotonic() < until or len(marks) < 2 or
           len(marks) < ROUNDS and not all(map(kinds.get, KINDS))):
        crowd = run_round(bench, seed, ROUND, seed % 3 != 2)
        told.update(crowd.told)
        seed += 1
        eventually(lambda: not marks or descriptors(gateway) <=
                   marks[0][0] + 6, "descriptors are closed", 15)
        marks.append((descriptors(gateway), threads(gateway),
                      anonymous_kib(gateway)))
        print(f"   descriptors, threads, KiB: {marks[-1]}")
        if len(marks) < ROUNDS:
            kinds = kinds_of(gateway.export())
    kinds = kinds_of(check_rows(bench, told))
    print(f"   {kinds}")
    for wanted in KINDS:
        check(kinds.get(wanted), wanted, "did not happen:", kinds)
    check(max(mark[1] for mark in marks[1:]) <= marks[0][1] + 4,
          "threads", marks)
    if len(marks) > 4:
        early = max(mark[2] for mark in marks[:3])
        grown = marks[-1][2] - early
        check(grown < 32 * 1024 * memory_factor(gateway.process),
              f"{grown} KiB more", marks)


@case
def a_drain_in_mid_traffic_ends_what_was_begun(bench):
    crowd = Crowd(bench.gateway, bench.book, KEYS_OF, SEED + 77,
                  20.0 * bench.slow)
    crowd.is_reloading = True
    crowd.start(CLIENTS)
    crowd.over.wait(1.0)
    bench.gateway.process.signal(signal.SIGTERM)
    check_equal(bench.gateway.process.wait(60), 0)
    crowd.finish()
    unlike = [one for one in crowd.problems
              if "draining" not in one and "Connection refused" not in one]
    check(not unlike, len(unlike), "problems:", "\n".join(unlike[:3]))
    check(all(row["state"] == "settled" for row in bench.gateway.export()))


if __name__ == "__main__":
    run_cases(LocalChaos)
