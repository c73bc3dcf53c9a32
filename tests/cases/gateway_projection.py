#!/usr/bin/env python3
# gateway_projection.py -- the page's figures are those of the ledger.
# SPDX-License-Identifier: Apache-2.0
"""Overview, breakdown, summary and one request's attempts, over restarts,
kills, rebuilds and damaged files."""
import csv
import io
import sqlite3
import urllib.parse

from harness import *  # noqa: F403

SUMS = ("requests", "cache_hits", "cost_nano_usd", "baseline_nano_usd",
        "saved_nano_usd", "unknown", "estimated", "unpriced")
MODELS_AND_UNPRICED = [
    {"name": "up/small", "provider": "up", "upstream": "small-1",
     "price": {"input": "0.10", "output": "0.40"}, "context": 128000},
    {"name": "up/large", "provider": "up", "upstream": "large-1",
     "price": {"input": "2.00", "output": "10.00"}, "context": 200000},
    {"name": "up/free", "provider": "up", "upstream": "free-1",
     "context": 8000}]
ODD_KEY = '=1+2,"x'
POLICY_WITH_RULES = {
    "name": "by-words", "baseline": "up/large",
    "use": ["up/small", "up/large"],
    "rules": [{"name": "long", "when": 'request.text.contains("long")',
               "use": ["up/large"]}]}


def fresh(bench, **changes):
    made = settings(bench.upstream.port, models=MODELS_AND_UNPRICED,
                    keys=[{"name": "team-a", "key": KEY},
                          {"name": ODD_KEY, "key": KEY_B}], **changes)
    gateway = bench.add(made, POLICY_WITH_RULES)
    gateway.asked = 0
    return gateway


def ask(gateway, path, **query):
    """An answer of the admin port."""
    if query:
        path += "?" + urllib.parse.urlencode(query)
    with Client(gateway.admin) as client:
        return client.ask(request("GET", path, (), None, "localhost"), "GET")


def told(gateway, path, **query):
    answer = ask(gateway, path, **query)
    check_equal(answer.status, 200, f"{path} {query}: {answer.body[:300]}")
    return answer.json()


def answered(gateway, body, key=KEY, status=200):
    answer = gateway.ask(body, key=key)
    check_equal(answer.status, status, answer.body)
    gateway.asked += 1
    return answer


def some_traffic(bench, gateway, n=1):
    """Requests of every kind that need no clock; none is in flight after."""
    for _ in range(n):
        for body, key in ((chat(), KEY), (chat(model="auto"), KEY_B),
                          (chat("long", model="auto"), KEY),
                          (chat("long", model="auto", stream=True), KEY_B),
                          (chat(model="up/free"), KEY)):
            answered(gateway, body, key)
        bench.upstream.script["small-1"] = always(500)
        answered(gateway, chat(model="auto"))
        answered(gateway, chat(), status=500)  # pinned: no fallback
        bench.upstream.script.clear()


def settled(gateway):
    """The ledger's rows once nothing is in flight."""
    def probe():
        rows = gateway.export()
        is_all = len({row["request_id"] for row in rows}) == gateway.asked
        return rows if is_all and all(row["state"] != "reserved"
                                      for row in rows) else None
    return eventually(probe, "every request is on record and over", 10)


def must_equal_spend(gateway, what=""):
    """Waits until the projection has what the ledger has; compares all."""
    settled(gateway)
    total = gateway.spend()["total"]

    def caught_up():
        answer = ask(gateway, "/api/overview", range="24h")
        if answer.status == 503:  # a damaged file is being made anew
            return False
        page = answer.json()
        return all(page["total"][name] == total[name] for name in SUMS)
    eventually(caught_up, f"the page has what the ledger has {what}", 10)
    page = told(gateway, "/api/overview", range="24h")
    check_equal(told(gateway, "/api/summary")["spend"], total, what)
    for by in ("key", "model", "rule", "task"):
        rows = told(gateway, "/api/breakdown", by=by, range="24h")["rows"]
        check_equal({row["name"]: {name: row[name] for name in SUMS}
                     for row in rows},
                    {row["name"]: {name: row[name] for name in SUMS}
                     for row in gateway.spend("--by", by)["rows"]},
                    f"{what} by {by}")
        costs = [row["cost_nano_usd"] for row in rows]
        check_equal(costs, sorted(costs, reverse=True), f"dearest first: {by}")
    for name in ("requests", "cost_nano_usd", "baseline_nano_usd",
                 "saved_nano_usd"):
        check_equal(sum(point[name] for point in page["series"]),
                    page["total"][name], f"{what} {name} of the series")
    check_equal(page["saved_by"]["routing"] + page["saved_by"]["cache"],
                page["total"]["saved_nano_usd"])
    return page


@case
def figures_are_those_of_spend_after_mixed_traffic(bench):
    gateway = fresh(bench)
    empty = told(gateway, "/api/overview")
    check_equal((empty["total"]["requests"], empty["total"]["error_rate"],
                 empty["total"]["first_token_p50_ms"], empty["as_of"]),
                (0, 0, None, None))
    some_traffic(bench, gateway, 3)
    page = must_equal_spend(gateway)
    total = page["total"]
    check_equal((total["requests"], total["errors"]), (21, 3))
    check(abs(total["error_rate"] - 3 / 21) < 1e-6, total)
    check_equal(page["baseline"], "up/large")
    check(total["unpriced"] == 3 and total["input_tokens"] > 0, total)
    outcomes = [point["outcomes"] for point in page["series"]]
    check_equal(sum(one["completed"] for one in outcomes), 18)
    check_equal(sum(one["refused"] for one in outcomes), 3)
    check_equal(sum(point["cache"]["miss_or_bypass"]
                    for point in page["series"]), 21)
    check_equal(page["names"]["keys"], sorted(["team-a", ODD_KEY]))
    check_equal(page["names"]["models"],
                ["up/free", "up/large", "up/small"])
    check_equal(sorted(page["names"]["rules"]), ["default", "long", "pinned"])
    check(0 <= page["lag_s"] < 60 and page["as_of"].endswith("Z"), page)


@case
def hits_and_times_are_told(bench):
    gateway = fresh(bench, cache={"store": "memory", "size": "1MiB",
                                  "ttl": "1h"})
    for _ in range(4):
        answered(gateway, chat("the same", model="auto", temperature=0))
    page = must_equal_spend(gateway)
    total, rows = page["total"], settled(gateway)
    check_equal((total["requests"], total["cache_hits"]), (4, 3))
    check_equal(sum(point["cache"]["memory"] for point in page["series"]), 3)
    check_equal(sum(point["cache"]["miss_or_bypass"]
                    for point in page["series"]), 1)
    check_equal(page["saved_by"]["cache"],
                sum(row["saved_nano_usd"] for row in rows
                    if row["kind"] == "cache_hit"))
    check(page["saved_by"]["cache"] > 0 and page["saved_by"]["routing"] > 0,
          page["saved_by"])
    times = sorted(row["duration_ns"] for row in rows)
    check(times[1] * 0.9 / 1e6 <= total["duration_p50_ms"]
          <= times[1] * 1.1 / 1e6 or times[1] < 65536, times, total)
    check(total["first_token_p95_ms"] is not None, total)
    check(page["names"]["tasks"], "the task is known")
    table = told(gateway, "/api/breakdown", by="task")["rows"]
    check_equal(table[0]["name"], page["names"]["tasks"][0])


@case
def series_have_every_bucket_and_ranges_whole_steps(bench):
    gateway = bench.gateway
    for name, seconds, step in (("15m", 900, 60), ("1h", 3600, 60),
                                ("6h", 21600, 300), ("24h", 86400, 900),
                                ("7d", 7 * 86400, 3600),
                                ("30d", 30 * 86400, 21600),
                                ("90d", 90 * 86400, 86400)):
        page = told(gateway, "/api/overview", range=name)
        check_equal(page["step_s"], step, name)
        times = [point["t"] for point in page["series"]]
        check_equal(times, list(range(times[0], times[0] + step * len(times),
                                      step)), name)
        check(seconds <= step * len(times) <= seconds + 2 * step, name)
        check_equal(times[0] % step, 0, name)
    page = told(gateway, "/api/overview", since="2026-01-01T00:00:30Z",
                until="2026-01-01T01:00:01+00:00")
    check_equal((page["since"], page["until"], page["step_s"]),
                ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 86400))
    check(len(told(gateway, "/api/overview")["series"]) in (60, 61), "1 h")


@case
def filters_choose_and_combine(bench):
    gateway = fresh(bench)
    some_traffic(bench, gateway, 2)
    must_equal_spend(gateway)
    rows = settled(gateway)
    for query in ({"key": "team-a"}, {"key": ODD_KEY}, {"model": "up/small"},
                  {"rule": "long"}, {"key": "team-a", "model": "up/large"},
                  {"key": "team-a", "model": "up/large", "rule": "long"},
                  {"key": "nobody"}, {"model": "up/large' OR 1=1 --"}):
        wanted = [row for row in rows
                  if all(row[name] == value for name, value in query.items())]
        page = told(gateway, "/api/overview", range="6h", **query)
        check_equal(page["total"]["cost_nano_usd"],
                    sum(row["cost_nano_usd"] or 0 for row in wanted), query)
        table = told(gateway, "/api/breakdown", by="model", range="6h",
                     **query)["rows"]
        check_equal({row["name"] for row in table},
                    {row["model"] for row in wanted}, query)
        check_equal(sum(row["requests"] for row in table),
                    page["total"]["requests"], query)
        check_equal(len(page["names"]["models"]), 3, "names are not filtered")
    check_equal(told(gateway, "/api/overview", key="", model="")["total"],
                told(gateway, "/api/overview")["total"],
                "an empty filter is none")


@case
def a_parameter_that_is_wrong_is_named(bench):
    for path, name in (("/api/overview?range=2h", "range"),
                       ("/api/overview?range=1h&since=2026-01-01", "range"),
                       ("/api/overview?since=noon", "since"),
                       ("/api/overview?until=%zz", "until"),
                       ("/api/overview?since=2026-02-01&until=2026-01-01",
                        "since"),
                       ("/api/overview?since=1971-01-01", "since"),
                       ("/api/overview?key=" + "x" * 256, "key"),
                       ("/api/overview?task=a%00b", "task"),
                       ("/api/breakdown", "by"),
                       ("/api/breakdown?by=day", "by"),
                       ("/api/breakdown?by=model&format=xls", "format"),
                       ("/api/breakdown?by=model&range=x", "range"),
                       ("/api/requests?format=xls", "format"),
                       ("/api/requests?limit=0", "limit")):
        answer = ask(bench.gateway, path)
        check_equal(answer.status, 400, path)
        error = answer.json()["error"]
        check_equal(error["param"], name, path)
        check(name in error["message"], error)


@case
def tables_are_csv_that_no_spreadsheet_runs(bench):
    gateway = fresh(bench)
    some_traffic(bench, gateway)
    must_equal_spend(gateway)
    answer = ask(gateway, "/api/breakdown", by="key", format="csv")
    check_equal(answer.header("content-type"), "text/csv; charset=utf-8")
    check_equal(answer.header("content-disposition"),
                'attachment; filename="sluice-by-key.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    wanted = told(gateway, "/api/breakdown", by="key")["rows"]
    check_equal([row["name"] for row in rows],
                [("'" if row["name"] == ODD_KEY else "") + row["name"]
                 for row in wanted])
    for row, want in zip(rows, wanted):
        for name in set(want) - {"name"}:
            check_equal(row[name], "" if want[name] is None
                        else f"{want[name]:.3f}" if name.endswith("_ms")
                        else str(want[name]), name)
    check(b"\r\n" in answer.body, "lines end as RFC 4180 has it")
    answer = ask(gateway, "/api/requests", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    listed = told(gateway, "/api/requests")["requests"]
    check_equal([row["request_id"] for row in rows],
                [row["request_id"] for row in listed])
    check_equal({row["key"] for row in rows}, {"team-a", "'" + ODD_KEY})


@case
def latest_requests_have_tasks_and_can_be_filtered(bench):
    gateway = fresh(bench)
    some_traffic(bench, gateway)
    listed = told(gateway, "/api/requests")["requests"]
    check_equal(len(listed), 7)
    check(all(row["task"] for row in listed), listed)
    for name in ("key", "model", "rule", "task", "outcome"):
        for value in {row[name] for row in listed}:
            found = told(gateway, "/api/requests", **{name: value})["requests"]
            check_equal(found, [row for row in listed if row[name] == value],
                        f"{name}={value}")
    check_equal(told(gateway, "/api/requests", key="nobody")["requests"], [])


@case
def a_request_tells_its_attempts(bench):
    gateway = fresh(bench)
    bench.upstream.script["small-1"] = always(500)
    answer = answered(gateway, chat(model="auto"))
    bench.upstream.script.clear()
    gateway.rows(answer, 2)
    path = "/api/requests/" + answer.header("x-sluice-request-id")

    def both():
        page = told(gateway, path)
        return page if len(page["attempts"] or []) == 2 else None
    page = eventually(both, "both attempts are projected", 10)
    first, second = page["attempts"]
    rows = gateway.rows(answer, 2)
    for one, row in zip((first, second), rows):
        for name in ("attempt_id", "attempt", "kind", "source", "state",
                     "outcome", "status", "model", "rule", "input_tokens",
                     "output_tokens", "estimated", "cost_nano_usd",
                     "baseline_nano_usd", "saved_nano_usd", "answer_of",
                     "followers"):
            check_equal(one[name], row[name], name)
        check_equal(one["started"], row["ts"])
    check_equal((first["outcome"], second["outcome"]),
                ("refused", "completed"))
    check(page["reasons"] and page["candidates"], "the story is there")
    gateway.stop()
    gateway.start()
    page = told(gateway, path)
    check_equal(page["story"], None, "it has left the rings")
    check_equal((len(page["attempts"]), page["model"], page["outcome"]),
                (2, "up/large", "completed"))
    check_equal(page["cost_nano_usd"],
                sum(row["cost_nano_usd"] for row in rows))


@case
def figures_survive_stops_and_kills(bench):
    gateway = fresh(bench)
    for what in ("stop", "kill", "stop", "kill", "kill"):
        some_traffic(bench, gateway)
        if what == "stop":
            gateway.stop()
        else:
            gateway.process.kill()
        gateway.start()
        must_equal_spend(gateway, f"after a {what}")


def projection_of(gateway):
    return os.path.join(gateway.folder, "state", "projection.sqlite")


def content(gateway):
    """The sums, with names instead of their numbers."""
    names = "".join(f", (SELECT name FROM names WHERE id = r.{one})"
                    for one in ("key", "model", "rule", "task"))
    database = sqlite3.connect(projection_of(gateway))
    try:
        return sorted(map(repr, database.execute(
            f"SELECT level, mask, bucket{names}, rows, requests, cost_nano,"
            "baseline_nano, saved_nano, unpriced, input_tokens, duration"
            " FROM rollups r WHERE rows <> 0 OR requests <> 0")))
    finally:
        database.close()


@case
def a_rebuild_makes_the_same_file(bench):
    gateway = fresh(bench)
    some_traffic(bench, gateway, 2)
    refused = sluice("ledger", "--config", gateway.config, "rebuild")
    check_equal(refused.returncode, 1, refused.stderr)
    check(f"(pid {gateway.process.pid})" in refused.stderr.decode(),
          refused.stderr)
    must_equal_spend(gateway)
    gateway.stop()
    before = content(gateway)
    done = sluice("ledger", "--config", gateway.config, "rebuild")
    check_equal(done.returncode, 0, done.stderr)
    check("rebuilt" in done.stdout.decode(), done.stdout)
    check_equal(content(gateway), before, "rebuilt")
    gateway.start()
    must_equal_spend(gateway, "after a rebuild")
    some_traffic(bench, gateway)
    must_equal_spend(gateway, "and some traffic more")


@case
def a_file_that_is_missing_or_damaged_is_made_anew(bench):
    gateway = fresh(bench)
    some_traffic(bench, gateway)
    must_equal_spend(gateway)
    for damage in ("missing", "garbage", "empty", "folder"):
        gateway.process.kill()
        path = projection_of(gateway)
        for ending in ("", "-wal", "-shm"):
            if os.path.exists(path + ending):
                os.unlink(path + ending)
        if damage == "folder":
            os.mkdir(path)
        elif damage != "missing":
            with open(path, "wb") as out:
                out.write(b"not a database" * (500 if damage == "garbage"
                                               else 0))
        gateway.start()
        answered(gateway, chat())
        if damage == "folder":
            check_equal(ask(gateway, "/api/overview").status, 503)
            check_equal(ask(gateway, "/api/breakdown?by=key").status, 503)
            eventually(lambda: gateway.metric(
                "sluice_projection_failures_total") > 0, "a failure counts")
            os.rmdir(path)
        must_equal_spend(gateway, f"after {damage}")


@case
def metrics_tell_how_far_it_is(bench):
    gateway = fresh(bench)
    some_traffic(bench, gateway)
    must_equal_spend(gateway)
    eventually(lambda: gateway.metric("sluice_projection_rows_total")
               == len(gateway.export()), "every row is projected", 10)
    check(gateway.metric("sluice_projection_lag_seconds") < 30, "it follows")


if __name__ == "__main__":
    run_cases(Bench)
