# fake_admin.py -- the admin port with made-up figures, for the page's tests.
# SPDX-License-Identifier: Apache-2.0
"""Serves the page of the source tree and plausible answers to what it asks.

Some states are hard to make with a live gateway: nothing yet, nine million
dollars, savings below zero, names that are HTML, a gateway that is gone. Each
is a scenario; the test changes it while the page looks on. To look at one:

    python3 tests/cases/fake_admin.py [PORT [SCENARIO]]
"""
import http.server
import json
import math
import os
import random
import re
import sys
import threading
import time
import urllib.parse

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; "
          "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
RANGES = {"15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800,
          "30d": 2592000, "90d": 7776000}
OUTCOMES = ["completed", "client_gone", "upstream_died", "timed_out",
            "refused", "unknown"]
HOSTILE = '<img src=x onerror="alert(1)">&amp;"\'<script>alert(2)</script>'

# Names and their weights, in parts of 100.
NAMES = {
    "model": [("up/small", 46), ("local/qwen3-8b", 31), ("up/large", 17),
              ("up/embed", 6)],
    "rule": [("default", 44), ("internal-short", 29), ("code", 18),
             ("pinned", 9)],
    "key": [("search", 38), ("support-bot", 33), ("platform", 21),
            ("ci-nightly", 8)],
    "task": [("question", 37), ("extraction", 24), ("code", 18),
             ("summarising", 13), ("chat", 8)],
}
LISTS = {"model": "models", "rule": "rules", "key": "keys", "task": "tasks"}
# What a dollar of baseline came to, by model; others as the whole.
COST_SHARE = {"up/small": 0.22, "local/qwen3-8b": 0.06, "up/large": 1.0,
              "up/embed": 1.0}
USUAL_SHARE = sum(part * COST_SHARE[name]
                  for name, part in NAMES["model"]) / 100


def chart_js(build):
    """Where configure found Chart.js."""
    try:
        with open(os.path.join(build, "Makefile"), encoding="utf-8") as lines:
            found = re.search(r"^CHART_JS = (.*)$", lines.read(), re.M)
    except OSError:
        found = None
    return (found[1] if found else
            "/usr/share/javascript/chart.js/chart.min.js")


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def step_of(length):
    for most, step in ((7200, 60), (21600, 300), (172800, 900),
                       (1209600, 7200), (2678400, 21600)):
        if length <= most:
            return step
    return 86400


class Refused(Exception):
    """A parameter that the API would not take."""


def names_of(scenario, dimension):
    if scenario == "hostile":
        return [(HOSTILE, 60), ("ünï/" + "a" * 200, 40)]
    return NAMES[dimension]


class Figures:
    """Made-up figures of one scenario, the same each time for the same hour."""

    def __init__(self, scenario, query):
        self.scenario = scenario
        self.query = query
        now = int(time.time())
        if "since" in query:
            self.since = self.moment("since", now - 3600)
            self.until = self.moment("until", now)
        else:
            word = query.get("range", "1h")
            if word not in RANGES:
                raise Refused(f'"range" must be {", ".join(RANGES)}, '
                              f'got "{word}"')
            self.until, self.since = now, now - RANGES[word]
        self.step = step_of(self.until - self.since)
        self.since -= self.since % self.step
        self.until += -self.until % self.step

    def moment(self, name, usual):
        text = self.query.get(name)
        try:
            return usual if not text else int(time.mktime(time.strptime(
                text, "%Y-%m-%dT%H:%M:%SZ"))) - time.timezone
        except ValueError:
            raise Refused(f'"{name}" must be an RFC 3339 time, '
                          f'got "{text}"') from None

    def weight(self):
        """The share of all that the filters leave."""
        share = 1.0
        for dimension in NAMES:
            wanted = self.query.get(dimension)
            if wanted:
                share *= dict(names_of(self.scenario, dimension)).get(
                    wanted, 0) / 100
        return share

    def bucket(self, t):
        """One bucket; its load follows the hour of the day."""
        dice = random.Random(f"{t}/{self.step}")
        hour = (t % 86400) / 3600
        load = 0.35 + 0.65 * max(0.0, math.sin((hour - 5) / 24 * 2 * math.pi))
        if time.gmtime(t).tm_wday >= 5:
            load *= 0.45
        n = int(self.step / 60 * 34 * load * dice.uniform(0.8, 1.2)
                * self.weight())
        if self.scenario == "empty" or t > time.time():
            n = 0
        if self.scenario == "tiny":
            n = 1 if t == self.until - 2 * self.step else 0
        scale = {"huge": 10**5 + 7, "tiny": 0}.get(self.scenario, 1)
        hits = int(n * dice.uniform(0.1, 0.2))
        each = int(dice.uniform(6e6, 9e6))  # nano-dollars of baseline
        model = self.query.get("model")
        share = COST_SHARE.get(model, USUAL_SHARE) * dice.uniform(0.9, 1.1)
        if self.scenario == "negative":
            share = 1.0 + dice.uniform(0.02, 0.6)
            hits //= 4
        base, fresh = n * each * scale, (n - hits) * each * scale
        cost = int(fresh * share)
        if self.scenario == "tiny" and n:
            base, fresh, cost = 240000, 240000, 12000
        return self.row(t, n, hits, (base, fresh, cost), dice)

    def row(self, t, n, hits, money, dice):
        base, fresh, cost = money
        bad = {name: int(n * dice.uniform(0, top)) for name, top in (
            ("client_gone", 0.02), ("upstream_died", 0.008),
            ("timed_out", 0.006), ("refused", 0.012))}
        if dice.random() < 0.02 and n > 20:
            bad["upstream_died"] = n // 4
        is_odd = dice.random() < 0.05 and self.scenario != "clean"
        unknown = 1 if is_odd and n > 3 else 0
        outcomes = {"completed": n - sum(bad.values()) - unknown, **bad,
                    "unknown": unknown}
        parts = [int(hits * one) for one in (0.5, 0.2, 0.2)]
        first = dice.uniform(240, 380) * (1 + 0.4 * math.sin(t / 9000))
        none = n == 0
        return {
            "t": t, "requests": n, "cost_nano_usd": cost,
            "baseline_nano_usd": base, "saved_nano_usd": base - cost,
            "outcomes": {name: outcomes[name] for name in OUTCOMES},
            "cache": {"miss_or_bypass": n - hits, "memory": parts[0],
                      "near": parts[1], "redis": parts[2],
                      "coalesced": hits - sum(parts)},
            "first_token_p50_ms": None if none else round(first, 1),
            "first_token_p95_ms": None if none else round(first * 3.1, 1),
            "duration_p50_ms": None if none else round(first * 5.2, 1),
            "duration_p95_ms": None if none else round(first * 14, 1),
            "_cache": base - fresh,
        }

    def series(self):
        return [self.bucket(t)
                for t in range(self.since, self.until, self.step)]

    def total(self, rows):
        def sums(name):
            return sum(row[name] for row in rows)
        n = sums("requests")
        outcomes = {name: sum(row["outcomes"][name] for row in rows)
                    for name in OUTCOMES}
        errors = sum(outcomes[name] for name in OUTCOMES[2:])
        hits = n - sum(row["cache"]["miss_or_bypass"] for row in rows)
        odd = self.scenario not in ("tiny", "clean")

        def middle(name):
            known = sorted(row[name] for row in rows if row[name] is not None)
            return known[len(known) // 2] if known else None
        return {
            "requests": n, "cache_hits": hits, "errors": errors,
            "error_rate": errors / n if n else 0,
            "cost_nano_usd": sums("cost_nano_usd"),
            "baseline_nano_usd": sums("baseline_nano_usd"),
            "saved_nano_usd": sums("saved_nano_usd"),
            "unknown": outcomes["unknown"],
            "estimated": n // 700 if odd else 0,
            "unpriced": n // 2500 if odd else 0,
            "escalated": n // 900 if odd else 0,
            "input_tokens": n * 812, "cached_tokens": n * 204,
            "output_tokens": n * 241,
            **{name: middle(name) for name in (
                "first_token_p50_ms", "first_token_p95_ms",
                "duration_p50_ms", "duration_p95_ms")},
        }

    def overview(self):
        rows = self.series()
        total = self.total(rows)
        cache = sum(row.pop("_cache") for row in rows)
        names = {}
        for dimension, list_name in LISTS.items():
            names[list_name] = sorted(
                name for name, _ in names_of(self.scenario, dimension)) \
                if total["requests"] else []
        return {
            "since": rfc3339(self.since), "until": rfc3339(self.until),
            "step_s": self.step, "as_of": rfc3339(time.time() - 1),
            "lag_s": 1, "baseline": HOSTILE if self.scenario == "hostile"
            else "up/large", "total": total,
            "saved_by": {"routing": total["saved_nano_usd"] - cache,
                         "cache": cache},
            "series": rows, "names": names,
        }

    def breakdown(self):
        by = self.query.get("by")
        if by not in NAMES:
            raise Refused(f'"by" must be model, rule, key or task, got "{by}"')
        total = self.total(self.series())
        names = names_of(self.scenario, by)
        wanted = self.query.get(by)
        names = [(name, part) for name, part in names
                 if not wanted or name == wanted]
        rows, left = [], dict(total)
        whole = sum(part for _, part in names)
        for i, (name, part) in enumerate(names):
            is_last = i == len(names) - 1
            row = {"name": name}
            for key in ("requests", "cache_hits", "errors", "cost_nano_usd",
                        "baseline_nano_usd", "input_tokens", "cached_tokens",
                        "output_tokens"):
                share = part / whole
                if key == "cost_nano_usd":
                    share *= (COST_SHARE[name] / USUAL_SHARE
                              if name in COST_SHARE else
                              [0.7, 1.2, 0.9, 1.6, 1][i % 5])
                value = left[key] if is_last else min(
                    left[key], int(total[key] * share))
                left[key] -= value
                row[key] = value
            row["saved_nano_usd"] = (row["baseline_nano_usd"]
                                     - row["cost_nano_usd"])
            first = total["first_token_p50_ms"]
            row["first_token_p50_ms"] = first and round(first * (0.6 + i / 3))
            row["first_token_p95_ms"] = first and round(first * (1.9 + i))
            rows.append(row)
        rows = [row for row in rows if row["requests"]]
        rows.sort(key=lambda row: -row["cost_nano_usd"])
        return {"by": by, "rows": rows}


# --- single requests ------------------------------------------------------------

def request_id(i):
    return f"req_{i:032x}"


def line(scenario, i, now):
    """The i-th latest request."""
    dice = random.Random(i * 7919)
    pick = {dimension: dice.choices(
        [name for name, _ in names_of(scenario, dimension)],
        [part for _, part in names_of(scenario, dimension)])[0]
        for dimension in NAMES}
    is_hit = dice.random() < 0.15
    is_bad = not is_hit and dice.random() < 0.08
    n_in, n_out = dice.randrange(40, 3000), dice.randrange(5, 700)
    base = n_in * 2000 + n_out * 10000
    cost = 0 if is_hit else int(base * COST_SHARE.get(pick["model"], 0.2))
    if scenario == "negative":
        cost = int(base * 1.4)
    outcome, status = "completed", 200
    if is_bad:
        outcome, status = dice.choice([
            ("upstream_died", 502), ("timed_out", 504), ("refused", 429),
            ("client_gone", 200)])
    ms = dice.uniform(2, 6) if is_hit else dice.uniform(300, 9000)
    row = {
        "ts": rfc3339(now - 4 * i - 2), "request_id": request_id(i),
        "peer": "10.2.0.17:53122", "key": pick["key"], "method": "POST",
        "path": "/v1/chat/completions", "status": status,
        "model": pick["model"], "rule": pick["rule"], "task": pick["task"],
        "cache": "hit" if is_hit else dice.choice(["miss", "bypass"]),
        "outcome": outcome, "stream": dice.random() < 0.6, "attempts": 1,
        "input_tokens": n_in, "cached_tokens": 0, "output_tokens": n_out,
        "estimated": dice.random() < 0.04, "cost_nano_usd": cost,
        "baseline_nano_usd": base, "saved_nano_usd": base - cost,
        "ms": round(ms, 3),
    }
    if dice.random() < 0.03:
        row.update(cost_nano_usd=None, baseline_nano_usd=None,
                   saved_nano_usd=None)
    if not is_bad:
        row["first_token_ms"] = round(ms * dice.uniform(0.05, 0.4), 3)
        row["upstream_ms"] = round(ms * 0.98, 3)
    return row


def single(scenario, wanted):
    match = re.fullmatch(r"req_([0-9a-f]{32})", wanted)
    if not match or int(match[1], 16) >= 400:
        return None
    i = int(match[1], 16)
    row = line(scenario, i, int(time.time()))
    is_hit = row["cache"] == "hit"
    story = {
        "features": {"tokens": row["input_tokens"], "task": row["task"],
                     "language": "en", "turns": 3, "difficulty": 0.312},
        "reasons": [f'rule "{row["rule"]}" matched: request.tokens < 4000',
                    f'{row["model"]} is the first candidate that is healthy'],
        "candidates": [
            {"model": "local/qwen3-8b", "reason": "breaker is open"},
            {"model": row["model"], "reason": "eligible"},
            {"model": "up/large", "reason": "eligible, dearer"}],
    }
    last = {
        "attempt_id": f"att_{i:032x}", "attempt": 1,
        "kind": "cache_hit" if is_hit else "upstream",
        "source": "memory" if is_hit else None, "state": "settled",
        "answer_of": f"att_{i + 1:032x}" if is_hit else None, "followers": 0,
        "started": row["ts"], "duration_ms": row["ms"],
        **{name: row.get(name) for name in (
            "outcome", "status", "model", "rule", "task", "first_token_ms",
            "input_tokens", "cached_tokens", "output_tokens", "estimated",
            "cost_nano_usd", "baseline_nano_usd", "saved_nano_usd")},
    }
    tries = [last]
    if i % 3 == 0 and not is_hit:
        first = dict(last, attempt_id=f"att_{i + 999:032x}", status=503,
                     outcome="refused", model="local/qwen3-8b",
                     first_token_ms=None, duration_ms=41.5, input_tokens=0,
                     output_tokens=0, cost_nano_usd=0, baseline_nano_usd=0,
                     saved_nano_usd=0)
        tries = [first, dict(last, attempt=2, followers=2)]
    row["attempts"] = tries
    if i >= 200:  # it has left the rings
        row["story"] = None
        return row
    return {**row, **story}


# --- the server -----------------------------------------------------------------

class Handler(http.server.BaseHTTPRequestHandler):
    """One connection's requests."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body, *more):
        self.send_response(status)
        for name, value in (
                ("content-type", kind), ("content-length", str(len(body))),
                ("cache-control", "no-cache"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("x-frame-options", "DENY"),
                ("content-security-policy", POLICY), *more):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, value, status=200):
        self.answer(status, "application/json", json.dumps(value).encode())

    def refuse(self, status, code, message):
        self.answer_json({"error": {
            "message": message, "type": "invalid_request_error",
            "param": None, "code": code}}, status)

    def asset(self, path):
        name = "index.html" if path == "/" else os.path.basename(path)
        where = (self.server.chart if name == "chart.js" else
                 os.path.join(SOURCE, "dashboard", name))
        kind = TYPES.get(os.path.splitext(name)[1])
        if not kind or not os.path.exists(where):
            self.refuse(404, "unknown_url", "No such file.")
            return
        with open(where, "rb") as file:
            self.answer(200, kind, file.read())

    def do_GET(self):  # noqa: N802 - the base class names it
        target = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(target.query))
        self.server.seen.append(self.path)
        if not target.path.startswith("/api/"):
            self.asset(target.path)
            return
        scenario = self.server.scenario
        if scenario == "gone":
            self.close_connection = True
            return
        if scenario == "busy":
            self.refuse(429, "busy", "Other readings are under way.")
            return
        try:
            self.api(target.path, query, scenario)
        except Refused as error:
            self.refuse(400, "invalid_parameter", str(error))

    def api(self, path, query, scenario):
        if path == "/api/summary":
            self.answer_json({"version": "0.1.0", "policy": "balanced",
                              "generation": 3, "listen": "127.0.0.1:8080",
                              "tls": False,
                              "started": rfc3339(time.time() - 9000)})
        elif path == "/api/overview":
            self.answer_json(Figures(scenario, query).overview())
        elif path == "/api/breakdown":
            self.answer_json(Figures(scenario, query).breakdown())
        elif path == "/api/requests":
            rows = [] if scenario in ("empty", "tiny") else [
                line(scenario, i, int(time.time())) for i in range(120)]
            rows = [row for row in rows if all(
                not query.get(name) or row[name] == query[name]
                for name in NAMES)]
            self.answer_json(
                {"requests": rows[:int(query.get("limit", 50))]})
        elif path.startswith("/api/requests/"):
            row = single(scenario, path.rsplit("/", 1)[1])
            if row:
                self.answer_json(row)
            else:
                self.refuse(404, "unknown_request",
                            "No such request in the ledger.")
        else:
            self.refuse(404, "unknown_url", "No such URL.")


class Server(http.server.ThreadingHTTPServer):
    """Threads; a page that goes away in the middle is nothing to report."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class FakeAdmin:
    """The server on a thread; .scenario may be changed at any time."""

    def __init__(self, port=0, scenario="usual", build="build"):
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.scenario = scenario
        self.server.seen = []
        self.server.chart = chart_js(build)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       daemon=True)
        self.thread.start()

    def play(self, scenario):
        self.server.scenario = scenario

    @property
    def seen(self):
        """The targets asked for so far."""
        return self.server.seen

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


if __name__ == "__main__":
    fake = FakeAdmin(int(sys.argv[1]) if len(sys.argv) > 1 else 8081,
                     sys.argv[2] if len(sys.argv) > 2 else "usual")
    print(f"http://127.0.0.1:{fake.port}/")
    fake.thread.join()
