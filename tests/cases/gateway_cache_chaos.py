#!/usr/bin/env python3
# gateway_cache_chaos.py -- the cache and its flights under random traffic.
# SPDX-License-Identifier: Apache-2.0
"""Many clients, few questions, every fault at once, by seeded dice.

Equal and different questions in both forms, by two tenants, on 2 to 4 workers;
clients that leave, dawdle, shut down their side, pipeline or speak HTTP/1.0;
upstreams that fail in every way that teller.py knows; reloads that resize,
remove and move the cache, take models away and change the policy; SIGTERM in
mid-traffic. Whatever happens: nobody is ever given what was said to another
question, model or tenant; each whole answer is what the upstream said; each is
on record once; all sums agree; nothing is left behind.

SECONDS (3) is how long each of the rounds lasts, SEED chooses another run.
"""
import random
import threading

from harness import *  # noqa: F403
from redis_server import Redis
from teller import ENDPOINTS, Teller, make_question, text_of

SECONDS = float(os.environ.get("SECONDS", "3"))
SEED = int(os.environ.get("SEED", "1"))
CLIENTS = 32
FAST = {"connect": "2s", "first_byte": "1s", "silence": "700ms",
        "total": "20s"}
MEMORY = {"store": "memory", "size": "8MiB", "ttl": "2s", "entry": "64KiB"}
KEYS_OF = {"team-a": KEY, "team-b": KEY_B}
RULES = [{"name": "large-ones", "use": ["up/large"],
          "when": "request.tokens > 60"}]


DARK = {"name": "up/dark", "provider": "up", "upstream": "dark-1"}  # no price
UPSTREAM_OF = {"up/extra": "small-1", "up/dark": "dark-1",
               **{one["name"]: one["upstream"] for one in MODELS}}


def policies():
    """What the policy may be; each keeps the models that there always are."""
    plain = {"name": "chaos", "baseline": "up/large",
             "use": ["up/small", "up/large"]}
    return [plain, plain, {**plain, "cache": "always"}, {**plain, "rules": RULES},
            {**plain, "coalesce": False}, {**plain, "name": "other"},
            {**plain, "cache": "never"}]


class Asked:
    """One whole answer, to be compared with what is on record."""

    def __init__(self, gateway, tenant, body, answer):
        self.gateway, self.tenant, self.body = gateway, tenant, body
        self.id = answer.header("x-sluice-request-id")
        self.state = answer.header("x-sluice-cache")
        self.model = answer.header("x-sluice-model")
        self.attempt, self.texts, self.finish, self.usage = read(answer)
        self.is_stream = is_stream(answer)


def is_stream(answer):
    return (answer.header("content-type") or "").startswith(
        "text/event-stream")


def read(answer):
    """(attempt, texts, finish reasons, usage) of a whole answer."""
    if not is_stream(answer):
        made = answer.json()
        if "data" in made:
            return made["id"], None, None, made.get("usage")
        texts = [choice["text"] if "text" in choice else
                 words_of(choice["message"]) for choice in made["choices"]]
        return (made["id"], texts,
                [choice["finish_reason"] for choice in made["choices"]],
                made.get("usage"))
    texts, finish, usage, ids = {}, {}, None, set()
    for chunk in answer.chunks():
        ids.add(chunk["id"])
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            i = choice["index"]
            texts[i] = texts.get(i, "") + (
                choice["text"] if "text" in choice
                else words_of(choice["delta"]))
            finish[i] = choice["finish_reason"] or finish.get(i)
    check_equal(len(ids), 1, "ids in one stream")
    return (ids.pop(), [texts[i] for i in sorted(texts)],
            [finish[i] for i in sorted(finish)], usage)


def words_of(message):
    calls = message.get("tool_calls") or []
    return (message.get("content") or "") + "".join(
        call["function"].get("arguments") or "" for call in calls)


class Crowd:
    """Clients that ask from a pool of questions which slowly changes."""

    def __init__(self, gateways, seed):
        self.gateways = gateways
        self.lock = threading.Lock()
        self.problems, self.asked, self.counts = [], [], {}
        self.ends = threading.Event()
        self.is_stopping = threading.Event()  # the gateway is
        self.dice = random.Random(seed)
        self.pool, self.number = [], seed * 1_000_000
        self.threads = [threading.Thread(target=self.run, args=(seed * 97 + i,),
                                         daemon=True) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join(60)
            check(not thread.is_alive(), "a client hangs")

    def note(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def question(self):
        """One of few, so that equal ones meet; each is asked for a while."""
        with self.lock:
            if len(self.pool) < 6 or self.dice.random() < 0.12:
                self.number += 1
                self.pool.append(make_question(self.dice, self.number))
                self.pool = self.pool[-6:]
            return self.dice.choice(self.pool)

    def run(self, seed):
        dice = random.Random(seed)
        while not self.ends.is_set():
            gateway = dice.choice(self.gateways)
            try:
                self.visit(dice, gateway)
            except Ended:
                self.note("closed before an answer")
                if not self.is_stopping.is_set():
                    self.blame("closed before an answer")
            except (WireError, ValueError, Failed, KeyError,
                    TypeError) as error:
                self.blame(f"{type(error).__name__}: {error}")
            except OSError:
                self.note("no connection")
                if not self.is_stopping.is_set():
                    self.blame("no connection")
                self.ends.wait(0.02)

    def blame(self, problem):
        with self.lock:
            self.problems.append(problem)

    def visit(self, dice, gateway):
        """One connection and what is asked on it."""
        way = dice.random()
        slow = 4096 if way < 0.08 else None
        with gateway.connect(timeout=30, receive_buffer=slow) as client:
            if way < 0.08:
                self.ask(dice, gateway, client, pace=0.002)
            elif way < 0.32:
                self.leave(dice, gateway, client)
            elif way < 0.37:
                self.ask(dice, gateway, client, half_close=True)
            elif way < 0.42:
                self.ask(dice, gateway, client, version=b"HTTP/1.0")
            elif way < 0.48:
                self.pipeline(dice, gateway, client)
            else:
                while self.ask(dice, gateway, client) and dice.random() < 0.8:
                    pass

    def make(self, dice):
        """(tenant, body, a request's bytes)."""
        question = self.question()
        tenant = dice.choice(list(KEYS_OF))
        body = {**question["body"], "model": question["model"]}
        if question["endpoint"] == "embed":
            body["model"] = "up/embed"
        elif tenant == "team-b":
            body["model"] = "up/small"
        elif dice.random() < 0.05:
            body["model"] = "up/extra"
        if question["endpoint"] != "embed" and dice.random() < 0.6:
            body["stream"] = True
            if dice.random() < 0.4:
                body["stream_options"] = {"include_usage": True}
        headers = []
        if dice.random() < 0.06:
            headers.append(("cache-control", dice.choice(
                ["no-cache", "no-store", "max-age=1"])))
        return tenant, body, Gateway.bytes(
            body, ENDPOINTS[question["endpoint"]], KEYS_OF[tenant], headers)

    def ask(self, dice, gateway, client, pace=0.0, half_close=False,
            version=None):
        """One question; whether the connection takes another one."""
        tenant, body, data = self.make(dice)
        if version:
            data = data.replace(b"HTTP/1.1", version, 1)
        client.send(data)
        if half_close:
            client.half_close()
        if pace:
            answer = self.read_slowly(client, pace)
        else:
            answer = client.read_answer()
        self.judge(gateway, tenant, body, answer)
        return (answer.is_whole and not half_close and not version and
                answer.header("connection") != "close")

    def read_slowly(self, client, pace):
        answer = client.read_head()
        while answer.status == 100:
            answer = client.read_head()
        # Of a long answer the rest is taken as it comes.
        while len(client.pending) < 65536 and not client.pending.endswith(
                (b"0\r\n\r\n", b"}")) and client.fill(
                    time.monotonic() + 20):
            self.ends.wait(pace)
        return client.read_body(answer)

    def pipeline(self, dice, gateway, client):
        made = [self.make(dice) for _ in range(2)]
        client.send(b"".join(data for _, _, data in made))
        for tenant, body, _ in made:
            answer = client.read_answer()
            self.judge(gateway, tenant, body, answer)
            if not answer.is_whole or answer.header("connection") == "close":
                return

    def leave(self, dice, gateway, client):
        """Asks, and goes away at some moment."""
        self.note("left")
        _, _, data = self.make(dice)
        client.send(data)
        try:
            if dice.random() < 0.6:
                client.exactly(dice.choice([1, 200, 600, 1500]), 2)
            else:
                self.ends.wait(dice.choice([0, 0, 0.002, 0.01, 0.05, 0.2]))
        except WireError:
            pass
        if dice.random() < 0.5:
            client.reset()

    # --- what an answer must be

    def judge(self, gateway, tenant, body, answer):
        kind = f"{answer.status}{'' if answer.is_whole else ' cut'}"
        self.note(kind + " " + (answer.header("x-sluice-cache") or "-"))
        check(answer.header("x-sluice-request-id"), "no id", answer)
        if answer.status != 200:
            self.judge_error(body, answer)
        elif not answer.is_whole:
            self.judge_cut(body, answer)
        else:
            self.judge_whole(gateway, tenant, body, answer)

    def judge_error(self, body, answer):
        check(answer.is_whole or self.is_stopping.is_set(), "an error cut",
              answer)
        allowed = {400, 404, 408, 429, 500, 502, 503, 504}
        check(answer.status in allowed, "status", answer)
        check(not answer.is_whole or "error" in answer.json(), answer)
        if answer.status == 404:
            check_equal(body["model"], "up/extra", "unknown")

    def judge_cut(self, body, answer):
        if self.is_stopping.is_set():
            return
        if is_stream(answer):
            check(b"[DONE]" not in answer.body, "a cut stream with [DONE]",
                  answer)
            last = answer.data()[-1] if answer.data() else b"{}"
            check("error" in json.loads(last), "cut without an error event",
                  text_of(body), answer.end, answer)
        else:
            check("huge" in text_of(body), "a cut answer", text_of(body),
                  answer)

    def judge_whole(self, gateway, tenant, body, answer):
        if is_stream(answer):
            is_done = answer.body.endswith(DONE)
            check(is_done or '"no_done"' in text_of(body), "no [DONE]",
                  text_of(body), answer)
            check_equal(answer.body.count(b": x-sluice-cost"), 1, "comments")
        asked = Asked(gateway, tenant, body, answer)
        with self.lock:
            self.asked.append(asked)


# --- what must agree ------------------------------------------------------------

def export(gateway):
    """All rows, once none is on its way."""
    def probe():
        rows = gateway.export()
        return rows if all(row["state"] == "settled" for row in rows) \
            else None
    try:
        return eventually(probe, "all rows are settled", 10)
    except Failed:
        odd = [row for row in gateway.export() if row["state"] != "settled"]
        raise Failed(f"{len(odd)} rows not settled: {odd[:3]}") from None


def check_answers(asked, rows_of, teller):
    """Each whole answer against what was said and what is on record."""
    by_attempt = {row["attempt_id"]: row
                  for rows in rows_of.values() for row in rows}
    for one in asked:
        said = teller.said.get(one.attempt)
        check(said, "an answer that nobody gave", one.attempt)
        check_equal(text_of(one.body), said.question, "another's answer")
        if one.texts is not None:
            check_equal(one.texts, said.texts(), said.question)
            check_equal(one.finish, [said.finish] * said.n, said.question)
        if one.usage and said.usage:
            check_equal(one.usage["prompt_tokens"],
                        said.usage["prompt_tokens"], "usage")
        asks = (not one.is_stream or "stream_options" in one.body or
                not one.body.get("stream"))
        if one.texts is not None:
            check_equal(one.usage, said.usage if asks else None,
                        f"usage of {one.body} ({one.state})")
        own = [row for row in rows_of[one.gateway]
               if row["request_id"] == one.id]
        own.sort(key=lambda row: row["attempt"])
        check(own, "a 200 without a row", one.id, one.body)
        check_equal([row["outcome"] == "completed" for row in own],
                    [False] * (len(own) - 1) + [True], f"{own}")
        last, paid = own[-1], by_attempt[one.attempt]
        check_equal((last["state"], last["status"], last["key"]),
                    ("settled", 200, one.tenant), f"{last}")
        check_equal(paid["key"], one.tenant, "another tenant's answer")
        check_equal(last["model"], one.model, "model")
        check_equal((UPSTREAM_OF[paid["model"]], UPSTREAM_OF[one.model]),
                    (said.model,) * 2, "the upstream's model")
        check_equal((last["kind"], one.state == "hit"),
                    (("cache_hit", True) if one.state == "hit"
                     else ("upstream", False)), f"{last}")
        if one.state == "hit":
            check_equal(last["answer_of"], one.attempt, "answer_of")
            check_equal(last["cost_nano_usd"], 0, "a hit's cost")
            check_equal(last["baseline_nano_usd"] is None,
                        one.body["model"] == "up/dark", "unpriced")
            check_equal(last["saved_nano_usd"], last["baseline_nano_usd"])
        else:
            check_equal(last["attempt_id"], one.attempt, "attempt")
        if said.usage and not last["estimated"]:
            check_equal(last["input_tokens"] + last["cached_tokens"],
                        said.usage["prompt_tokens"], f"{last}")


def check_attempts(rows_of, teller):
    """Calls that came are rows, and rows are calls that came."""
    rows = {row["attempt_id"]: row for rows in rows_of.values()
            for row in rows if row["kind"] == "upstream"}
    lost = [name for name in teller.said if name not in rows]
    check(not lost, len(lost), "calls are not on record", lost[:3])
    for name, row in rows.items():
        if name in teller.said:
            continue
        # It was on record before it was sent, and then never was.
        check(row["outcome"] != "completed" and not row["status"], row)


def check_sums(gateway, rows, with_metrics):
    wanted = {name: sum(row[name] or 0 for row in rows) for name in (
        "cost_nano_usd", "baseline_nano_usd", "saved_nano_usd")}
    wanted["requests"] = len({row["request_id"] for row in rows})
    wanted["cache_hits"] = sum(row["kind"] == "cache_hit" for row in rows)
    spent = gateway.spend()["total"]
    check_equal({name: spent[name] for name in wanted}, wanted, "spend")

    def projected():
        made = json.loads(get(gateway.admin, "/api/summary"))["spend"]
        page = json.loads(get(gateway.admin, "/api/overview?range=24h"))
        sums = [{name: total[name] for name in wanted}
                for total in (made, page["total"])]
        return sums == [wanted, wanted] or None
    eventually(projected, f"the projection says {wanted}", 15)
    if not with_metrics:
        return
    for name in ("cost", "saved", "baseline"):
        series = f"sluice_{name}_nano_usd_total"
        check_equal(gateway.metric(series), wanted[f"{name}_nano_usd"], series)


def check_quiet(gateway):
    """Nothing is under way any more."""
    for name in ("sluice_requests_in_flight", "sluice_cache_flights",
                 "sluice_upstream_in_flight"):
        eventually(lambda name=name: gateway.metric(name) == 0,
                   f"{name} is 0", 15)


def check_ledger(gateway):
    done = sluice("ledger", "--config", gateway.config, "verify")
    check_equal(done.returncode, 0, done.stdout + done.stderr)


def held_kib(gateway):
    """The process's own memory, without the ledger's files."""
    with open(f"/proc/{gateway.process.pid}/status",
              encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines
                    if line.startswith("RssAnon:"))


# --- the cases --------------------------------------------------------------------

class Editor(threading.Thread):
    """Reloads at random: caches, models and policies come and go."""

    def __init__(self, gateways, caches, seed):
        super().__init__(daemon=True)
        self.gateways, self.caches = gateways, caches
        self.dice = random.Random(seed)
        self.ends, self.problems, self.n = threading.Event(), [], 0
        self.start()

    def run(self):
        while not self.ends.wait(self.dice.uniform(0.02, 0.4)):
            self.edit(self.dice.choice(self.gateways))

    def edit(self, gateway):
        made = dict(gateway.settings)
        made["cache"] = self.dice.choice(self.caches)
        if made["cache"] is None:
            del made["cache"]
        if self.dice.random() < 0.5:
            made["models"] = [one for one in made["models"]
                              if one["name"] != "up/extra"]
        gateway.write(made, self.dice.choice(policies()))
        try:
            answer = gateway.reload()
            if answer.status != 200:
                self.problems.append(answer)
        except (OSError, WireError) as error:
            self.problems.append(error)
        self.n += 1

    def stop(self):
        self.ends.set()
        self.join(30)
        check(not self.problems, "reloads:", self.problems[:3])


class ChaosBench(Bench):
    def __init__(self):
        self.teller = Teller()
        # What is freed is given back, so that a leak can be told from it.
        self.env = {"ASAN_OPTIONS": "abort_on_error=0:exitcode=99:"
                    "detect_leaks=1:quarantine_size_mb=8",
                    "MALLOC_MMAP_THRESHOLD_": "65536",
                    "MALLOC_TRIM_THRESHOLD_": "65536"}
        super().__init__()
        self.upstream.answer = self.teller

    def gateway_with(self, workers, cache, **more):
        made = settings(
            self.upstream.port, workers=workers, cache=cache, drain="1s",
            providers=[provider(self.upstream.port, timeouts=FAST,
                                breaker={"failures": 1000000})],
            models=[*MODELS, {**MODELS[0], "name": "up/extra"}, DARK],
            **more)
        return self.add(made, policies()[0], env=self.env)

    def between_cases(self):
        super().between_cases()
        self.upstream.answer = self.teller
        self.teller.ends.clear()


def round_of(bench, gateways, caches, seed, editing=True):
    """SECONDS of traffic; the crowd, after it has gone."""
    crowd = Crowd(gateways, seed)
    editor = Editor(gateways, caches, seed) if editing else None
    threading.Event().wait(SECONDS)
    if editor:
        editor.stop()
    crowd.stop()
    print("   " + ", ".join(f"{what}: {n}" for what, n
                            in sorted(crowd.counts.items()))
          + (f", {editor.n} reloads" if editor else ""))
    for gateway in gateways:
        check(gateway.process.is_running(), gateway.process.err()[-3000:])
    check(not crowd.problems, len(crowd.problems), "problems:",
          "\n".join(crowd.problems[:4]))
    return crowd


def settle_up(bench, gateways, crowds, with_metrics=True):
    rows_of = {}
    for gateway in gateways:
        check_quiet(gateway)
        rows_of[gateway] = export(gateway)
        check_ledger(gateway)
        check_sums(gateway, rows_of[gateway], with_metrics)
    asked = [one for crowd in crowds for one in crowd.asked
             if one.gateway in rows_of]
    check_answers(asked, rows_of, bench.teller)
    states = [one.state for one in asked]
    print(f"   {len(asked)} whole answers, {states.count('hit')} hits, "
          f"{sum(len(rows) for rows in rows_of.values())} rows")
    check(states.count("hit") > len(states) / 20, "hardly any hits")
    return rows_of


@case
def with_memory_all_holds_and_nothing_is_left(bench):
    gateway = bench.gateway_with(3, MEMORY)
    caches = [MEMORY, MEMORY, None, {**MEMORY, "size": "1MiB"},
              {**MEMORY, "ttl": "1h", "entry": "1MiB"}]
    crowds = [round_of(bench, [gateway], caches, SEED * 10)]
    check_quiet(gateway)
    before = held_kib(gateway)
    crowds.append(round_of(bench, [gateway], caches, SEED * 10 + 1))
    rows_of = settle_up(bench, [gateway], crowds)
    check_attempts(rows_of, bench.teller)
    grown = held_kib(gateway) - before
    print(f"   {grown} KiB more after the second round")
    check(grown < 48 * 1024 * memory_factor(gateway.process),
          f"{grown} KiB more after as many requests again")


@case
def it_stops_and_starts_again_in_the_midst_of_it(bench):
    gateway = bench.gateway_with(4, MEMORY)
    crowds = []
    for signals in (1, 2):  # the second one does not let answers end
        crowd = Crowd([gateway], SEED * 10 + 2 + signals)
        crowds.append(crowd)
        eventually(lambda c=crowd: len(c.asked) > 60, "traffic", 30)
        crowd.is_stopping.set()
        if signals == 2:
            gateway.process.signal(signal.SIGTERM)
        problem = gateway.stop(20)
        crowd.stop()
        check(not problem, problem)
        check(not crowd.problems, crowd.problems[:3])
        gateway.start()
    settle_up(bench, [gateway], crowds, with_metrics=False)


@case
def with_redis_two_gateways_share_and_all_holds(bench):
    if not shutil.which("redis-server"):
        print("   redis-server is not installed")
        return
    servers = [Redis(tempfile.mkdtemp(dir=bench.folder)) for _ in range(2)]
    try:
        share(bench, servers)
    finally:
        for server in servers:
            server.stop()


def share(bench, servers):
    stores = [{**MEMORY, "store": "redis", "size": "1MiB",
               "url": f"redis://127.0.0.1:{server.port}/0"}
              for server in servers]
    gateways = [bench.gateway_with(2, stores[0]) for _ in range(2)]
    freezer = threading.Timer(SECONDS / 3, servers[0].process.signal,
                              [signal.SIGSTOP])
    thaw = threading.Timer(SECONDS / 2, servers[0].process.signal,
                           [signal.SIGCONT])
    for timer in (freezer, thaw):
        timer.start()
    crowd = round_of(bench, gateways, [*stores, stores[0], MEMORY, None],
                     SEED * 10 + 3)
    settle_up(bench, gateways, [crowd])


if __name__ == "__main__":
    run_cases(ChaosBench)
