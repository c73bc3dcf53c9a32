#!/usr/bin/env python3
# dashboard_live.py -- the page, served by a gateway with traffic.
# SPDX-License-Identifier: Apache-2.0
"""How a gateway serves the page, and that its figures are the ledger's."""
import fake_admin
from page_bench import *  # noqa: F403

SECRET = "the-canary-of-a-prompt"


class LiveBench(PageBench):
    """The page of a gateway with a policy of rules, before the fake provider."""

    def __init__(self):
        super().__init__()
        self.live = FakeBench(policy=dict(POLICY, rules=[
            {"name": "long", "when": "request.tokens > 400",
             "use": ["up/large"]},
            {"name": "internal", "when": '"internal" in key.tags',
             "use": ["up/small", "up/large"]}]), cache={"store": "memory"})
        self.gateway = self.live.gateway
        self.asked = 0

    def close(self):
        super().close()
        return self.live.close()

    def traffic(self):
        """New, repeated, streamed, long, pinned, estimated and faulty ones."""
        ask = self.gateway.ask
        asked = [chat(f"{SECRET} {i % 4}", model="auto",
                      temperature=0) for i in range(8)]
        asked += [chat(f"{SECRET} stream", model="auto", stream=True),
                  chat(f"{SECRET} " + "word " * 500, model="auto"),
                  chat(f"{SECRET} pinned", model="up/large"),
                  chat(f"{SECRET} [[no_usage]]", model="auto"),
                  chat(f"{SECRET} [[status=503]]", model="auto"),
                  chat(f"{SECRET} [[cut=20]]", model="auto", stream=True)]
        for body in asked:
            try:
                ask(body)
            except WireError:
                pass  # the cut one
        ask(chat(f"{SECRET} other", model="up/small"), key=KEY_B)
        self.asked += len(asked) + 1


def admin(gateway, method, path, headers=()):
    with Client(gateway.admin) as client:
        return client.ask(request(method, path, headers, None, "localhost"),
                          method)


@case
def the_gateway_serves_it_with_strict_headers_and_304(bench):
    gateway = bench.gateway
    paths = ["/"] + [f"/assets/{name}" for name in os.listdir(
        os.path.join(SOURCE, "dashboard"))
        if name.endswith((".js", ".css", ".svg"))] + ["/assets/chart.js"]
    for path in paths:
        answer = admin(gateway, "GET", path)
        check_equal(answer.status, 200, path)
        for name, value in (
                ("content-security-policy", fake_admin.POLICY),
                ("cache-control", "no-cache"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer")):
            check_equal(answer.header(name), value, f"{path}: {name}")
        name = "index.html" if path == "/" else os.path.basename(path)
        where = (fake_admin.chart_js(BUILD) if name == "chart.js" else
                 os.path.join(SOURCE, "dashboard", name))
        with open(where, "rb") as file:
            check(answer.body == file.read(), path, "is another file")
        again = admin(gateway, "GET", path,
                      [("if-none-match", answer.header("etag"))])
        check_equal((again.status, again.body), (304, b""), path)
        check_equal(again.header("etag"), answer.header("etag"), path)
        head = admin(gateway, "HEAD", path)
        check_equal((head.status, head.body), (200, b""), path)
    check_equal(admin(gateway, "GET", "/assets/none.js").status, 404)
    check_equal(admin(gateway, "GET", "/assets/../page.js").status, 404)
    check_equal(admin(gateway, "POST", "/").status, 405)


def settled(bench):
    """What `sluice spend` says once every attempt is settled and synced."""
    def probe():
        rows = bench.gateway.export()
        return (len({row["request_id"] for row in rows}) == bench.asked
                and all(row["state"] == "settled" for row in rows))
    eventually(probe, f"{bench.asked} requests are settled")
    return bench.gateway.spend()["total"]


def shown(page):
    return {name: int(data(page, metric) or -1)
            for metric, name in METRICS.items()}


@case
def nothing_yet_tells_this_gateway_s_address(bench):
    page = bench.open("/", port=bench.gateway.admin)
    page.wait(says(f"curl http://127.0.0.1:{bench.gateway.port}/v1/"))
    healthy(page, "nothing yet")


@case
def its_figures_are_those_of_sluice_spend(bench):
    bench.traffic()
    spent = settled(bench)
    wanted = {name: spent[name] for name in METRICS.values()}
    check(wanted["requests"] > 10 and wanted["cost_nano_usd"] > 0
          and wanted["cache_hits"] > 0, wanted)
    for width, dark in VIEWS:
        name = f"live-{width}-{'dark' if dark else 'light'}"
        page = bench.open("/", width, dark, port=bench.gateway.admin)
        page.wait("document.querySelector('[data-metric=requests]')"
                  f".dataset.value === '{wanted['requests']}'", 40)
        check_equal(shown(page), wanted, name)
        for note in ("unpriced", "estimated", "unknown"):
            told = page.run(f"document.querySelector('[data-note={note}]')"
                            "?.dataset.value ?? '0'")
            check_equal(int(told), spent[note], note)
        healthy(page, name)
        shot(page, name)


@case
def its_tables_are_those_of_sluice_spend_by(bench):
    bench.traffic()
    settled(bench)
    for by in ("model", "rule", "key"):
        rows = {row["name"]: row
                for row in bench.gateway.spend("--by", by)["rows"]}
        page = bench.open(f"/?by={by}", port=bench.gateway.admin)

        def told():
            return {row[0]: tuple(map(int, row[1:])) for row in page.run(
                "[...document.querySelectorAll('.breakdown tbody tr')].map("
                "(tr) => [tr.querySelector('.name').textContent, "
                "...[1, 2, 3, 4, 5].map((i) => "
                "tr.children[i].dataset.value)])")}
        wanted = {name: (row["cost_nano_usd"], row["baseline_nano_usd"],
                         row["saved_nano_usd"], row["requests"],
                         row["cache_hits"]) for name, row in rows.items()}
        eventually(lambda: told() == wanted, f"{by}: {wanted}", 40)


@case
def a_request_is_opened_by_keyboard_and_tells_no_prompt(bench):
    bench.traffic()
    page = bench.open("/?range=15m&key=team-a", port=bench.gateway.admin)
    page.tab_to("[data-request]")
    wanted = page.run("document.activeElement.dataset.request")
    page.press("Enter")
    page.wait(f"document.querySelector('#request[data-loaded={wanted}]')")
    told = page.run("document.body.innerText")
    check(wanted in told, told)
    check(SECRET not in told, "a prompt is shown")
    for part in ("Why it went there", "Candidate", "Attempts", "team-a"):
        check(part in told, part, "is missing:", told)
    shot(page, "live-request")
    page.press("Escape")
    page.wait("!document.getElementById('overview').hidden")
    check(SECRET not in page.run("document.documentElement.outerHTML"),
          "a prompt is shown")
    healthy(page, "after the walk")


@case
def new_requests_come_in_by_themselves(bench):
    page = bench.open("/?range=15m", port=bench.gateway.admin)
    before = page.run("document.querySelector('[data-request]')"
                      "?.dataset.request ?? ''")
    answer = bench.gateway.ask(chat("one more", model="auto"))
    bench.asked += 1
    wanted = answer.header("x-sluice-request-id")
    check(wanted != before, wanted)
    page.wait(f"document.querySelector('[data-request={wanted}]')", 15)


if __name__ == "__main__":
    run_cases(LiveBench)
