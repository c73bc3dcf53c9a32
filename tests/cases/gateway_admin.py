#!/usr/bin/env python3
# gateway_admin.py -- the admin port: metrics, health, spend, requests.
# SPDX-License-Identifier: Apache-2.0
"""What the admin port tells, to whom, and that the data port does not."""
import re

from harness import *  # noqa: F403

NAMES = ("sluice_config_generation", "sluice_config_reload_failures_total",
         "sluice_requests_total", "sluice_cost_nano_usd_total",
         "sluice_saved_nano_usd_total", "sluice_upstream_attempts_total")
SERIES = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)'
    r'(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? '
    r'([+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN)')


def admin(bench, method, path, headers=(), host="localhost"):
    with Client(bench.gateway.admin) as client:
        return client.ask(request(method, path, headers,
                                  b"" if method == "POST" else None, host),
                          method)


def parse(text):
    """{name: (type, [(labels, value)])}; raises where it is not the format."""
    families, seen = {}, set()
    for line in text.split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name not in families, name, "has two TYPE lines")
            families[name] = (kind, [])
        elif line and not line.startswith("#"):
            match = SERIES.fullmatch(line)
            check(match, "no series:", line)
            name = match[1]
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            family = name if name in families else base
            check(family in families, name, "has no TYPE")
            key = (name, match[2])
            check(key not in seen, key, "stands twice")
            seen.add(key)
            families[family][1].append((name, match[2] or "",
                                        float(match[3])))
    return families


@case
def metrics_are_prometheus_text_with_the_promised_names(bench):
    bench.gateway.ask(chat(model="auto"))
    bench.gateway.ask(chat(stream=True))
    answer = admin(bench, "GET", "/metrics")
    check_equal(answer.status, 200)
    check(answer.header("content-type").startswith("text/plain"), answer)
    text = answer.body.decode()
    check(text.endswith("\n"), "the last line has no end")
    families = parse(text)
    for name in NAMES:
        check(name in families, name, "is missing")
    kinds = [kind for kind, _ in families.values()]
    check(kinds.count("histogram") >= 2, "duration and first token")
    for name, (kind, series) in families.items():
        if kind == "counter":
            check(name.endswith("_total"), name)
        if kind == "histogram":
            check_buckets(name, series)
    first = [name for name in families if "first_token" in name
             or "time_to_first" in name]
    check(first and any(value > 0 for name, _, value
                        in families[first[0]][1] if name.endswith("_count")),
          "time to first token counts")


def check_buckets(name, series):
    """Buckets never fall, and +Inf equals the count."""
    by_labels = {}
    for one, labels, value in series:
        rest = re.sub(r',?le="[^"]*",?', "", labels)
        by_labels.setdefault(rest, []).append((one, labels, value))
    for rest, rows in by_labels.items():
        values = [v for n, _, v in rows if n == name + "_bucket"]
        counts = [v for n, _, v in rows if n == name + "_count"]
        check_equal(values, sorted(values), f"{name} {rest}")
        check_equal(values[-1:], counts, f"{name} {rest}: +Inf and count")
        check(any('le="+Inf"' in labels for _, labels, _ in rows), name)


@case
def counters_count_what_happened(bench):
    gateway = bench.add(settings(bench.upstream.port))
    for _ in range(3):
        gateway.ask(chat(model="auto"))
    gateway.ask(chat(), key="wrong")
    gateway.ask(chat(model="up/none"))
    bench.upstream.script["small-1"] = always(500)
    gateway.ask(chat(model="auto"))

    def counted():
        return gateway.metric("sluice_requests_total", endpoint="chat") == 6
    eventually(counted, "six requests are counted")
    small = cost(SMALL, 10, 0, 5)
    large = cost(LARGE, 10, 0, 5)
    check_equal(gateway.metric("sluice_cost_nano_usd_total"),
                3 * small + large)
    check_equal(gateway.metric("sluice_saved_nano_usd_total"),
                3 * (large - small))
    check_equal(gateway.metric("sluice_upstream_attempts_total"), 5)
    check_equal(gateway.metric("sluice_requests_total", status="401"), 1)
    check_equal(gateway.metric("sluice_requests_total", status="404"), 1)
    check_equal(gateway.metric("sluice_requests_total", endpoint="chat",
                               status="200"), 4)
    check_equal(gateway.metric("sluice_config_generation"), 1)


@case
def names_from_clients_are_never_labels(bench):
    for i in range(20):
        bench.gateway.ask(chat(model=f"made-up-{i}"))
        bench.gateway.ask(None, f"/made-up-path-{i}", method="GET")
    check(b"made-up" not in admin(bench, "GET", "/metrics").body,
          "a client's text is a label")


@case
def health_is_told_on_both_ports(bench):
    for port in (bench.gateway.port, bench.gateway.admin):
        for path in ("/healthz", "/readyz"):
            with Client(port) as client:
                answer = client.ask(request("GET", path), "GET")
                check_equal((answer.status, answer.json()["status"]),
                            (200, "ok"), f"{port}{path}")


@case
def spend_and_summary_equal_the_commands(bench):
    gateway = bench.gateway
    gateway.rows(gateway.ask(chat(model="auto")))
    for by in (None, "key", "model", "rule", "day"):
        told = admin(bench, "GET", "/api/spend" + (f"?by={by}" if by else ""))
        check_equal(told.status, 200, by)
        check(told.header("content-type").startswith("application/json"), told)
        check_equal(told.json(), gateway.spend(*(["--by", by] if by else [])),
                    by)
    none = admin(bench, "GET", "/api/spend?since=2100-01-01T00:00:00Z").json()
    check_equal(none["total"]["requests"], 0)
    encoded = admin(bench, "GET", "/api/spend?until=2100-01-01T00%3A00%3A00Z")
    check(encoded.json()["total"]["requests"] > 0, encoded)
    for query in ("by=colour", "since=noon", "until=%zz"):
        check_equal(admin(bench, "GET", f"/api/spend?{query}").status, 400,
                    query)
    check_equal(admin(bench, "GET", "/api/summary").status, 200)


@case
def requests_are_listed_newest_first_and_told_one_by_one(bench):
    answers = [bench.gateway.ask(chat(f"hello {i}", model="auto"))
               for i in range(3)]
    ids = [one.header("x-sluice-request-id") for one in answers]

    def listed():
        told = admin(bench, "GET", "/api/requests?limit=3").json()
        found = [one["request_id"] for one in told["requests"]]
        return found == ids[::-1]
    eventually(listed, "the three latest, newest first")
    one = admin(bench, "GET", f"/api/requests/{ids[0]}")
    check_equal((one.status, one.json()["request_id"]), (200, ids[0]))
    check("hello" not in one.body.decode(), "a prompt is shown")
    check_equal(one.json()["model"], "up/small")
    check(one.json()["reasons"], one)
    for path in ("/api/requests/req_nothing", "/api/requests/",
                 "/api/nothing", "/v1/models", "/v1/chat/completions"):
        answer = admin(bench, "GET", path)
        check_equal(answer.status, 404, path)
    for limit in ("0", "x", "-1", "99999999999999999999"):
        check_equal(admin(bench, "GET",
                          f"/api/requests?limit={limit}").status, 400, limit)


@case
def methods_are_as_they_should_be(bench):
    for method, path, allowed in (("GET", "/api/reload", "POST"),
                                  ("POST", "/metrics", "GET"),
                                  ("DELETE", "/api/summary", "GET")):
        answer = admin(bench, method, path)
        check_equal(answer.status, 405, path)
        check(allowed in answer.header("allow"), answer)
    head = admin(bench, "HEAD", "/metrics")
    check_equal((head.status, head.body), (200, b""))


@case
def foreign_hosts_and_origins_are_refused(bench):
    for host in ("evil.example", "evil.example:8081", "127.0.0.1.evil.example",
                 "localhost.evil.example", "1.2.3.4.evil", "sluice"):
        for method, path in (("GET", "/metrics"), ("POST", "/api/reload"),
                             ("GET", "/api/summary"), ("GET", "/healthz")):
            answer = admin(bench, method, path, host=host)
            check_equal(answer.status, 403, f"{host} {path}")
    for host in ("localhost", f"localhost:{bench.gateway.admin}", "127.0.0.1",
                 f"127.0.0.1:{bench.gateway.admin}", "[::1]", "[::1]:8081",
                 "LOCALHOST", "10.1.2.3:80"):
        check_equal(admin(bench, "GET", "/metrics", host=host).status, 200,
                    host)
    for origin in ("http://evil.example", "https://evil.example", "null",
                   "http://localhost:1", "http://localhost.evil.example",
                   "file://"):
        for method, path in (("POST", "/api/reload"), ("GET", "/metrics")):
            answer = admin(bench, method, path, [("origin", origin)])
            check_equal(answer.status, 403, f"{origin} {path}")
    own = f"localhost:{bench.gateway.admin}"
    answer = admin(bench, "POST", "/api/reload",
                   [("origin", f"http://{own}")], own)
    check_equal(answer.status, 200, "its own page")


@case
def nothing_of_it_stands_on_the_data_port(bench):
    for method, path in (("GET", "/metrics"), ("POST", "/api/reload"),
                         ("GET", "/api/summary"), ("GET", "/api/spend"),
                         ("GET", "/api/requests"), ("GET", "/")):
        answer = bench.gateway.ask(b"" if method == "POST" else None, path,
                                   method=method)
        check_equal((answer.status, answer.code()), (404, "unknown_url"),
                    path)


@case
def bad_requests_are_refused_here_too(bench):
    for data in (b"GET /metrics HTTP/1.1\r\n\r\n",
                 b"GET /metrics HTTP/1.1\nHost: localhost\n\n",
                 b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n"):
        with Client(bench.gateway.admin) as client:
            client.send(data)
            check_equal(client.read_answer().status, 400)
            check_equal(client.wait_end(5), "closed")


@case
def it_can_be_asked_many_things_at_once(bench):
    clients = [Client(bench.gateway.admin) for _ in range(40)]
    for i, client in enumerate(clients):
        client.send(request("GET", ("/api/summary", "/api/spend?by=model",
                                    "/metrics", "/api/requests")[i % 4]))
    for client in clients:
        answer = client.read_answer("GET", timeout=20)
        check(answer.status in (200, 429), answer)
        client.close()
    gone = Client(bench.gateway.admin)
    gone.send(request("GET", "/api/summary"))
    gone.reset()
    check_equal(admin(bench, "GET", "/api/summary").status, 200)


if __name__ == "__main__":
    run_cases(Bench)
