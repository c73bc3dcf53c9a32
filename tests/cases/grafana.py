#!/usr/bin/env python3
# grafana.py -- every panel's query, asked of a Prometheus that scrapes gateways.
# SPDX-License-Identifier: Apache-2.0
"""etc/grafana and etc/prometheus against real servers.

Two gateways share a Redis and answer mixed traffic; a Prometheus of our own,
configured by etc/prometheus/prometheus.yml with other targets, scrapes them.
Grafana itself is not needed: what it would ask is asked here.
"""
import threading
import urllib.error
import urllib.parse

from harness import *  # noqa: F403
from redis_server import Redis

DASHBOARD = os.path.join(SOURCE, "etc", "grafana", "sluice.json")
PROVISIONING = os.path.join(SOURCE, "etc", "grafana", "provisioning")
PROMETHEUS = os.path.join(SOURCE, "etc", "prometheus")
JOB = "sluice"

# Queries that may have nothing to say, and why.
MAY_BE_EMPTY = {
    "changes(sluice_config_generation": "nobody has reloaded",
    "(sluice_local_": "no model is local",
    "(sluice_escalations_": "likewise",
    "(sluice_held_": "likewise",
}
# Labels that Prometheus itself adds.
ADDED_LABELS = {"job", "instance", "le"}

ROW = re.compile(
    r"M\(\w+,\s*\"(\w+)\",\s*(\w+),\s*LABELS\(([^)]*)\)", re.S)
NAME = re.compile(r"\b((?:sluice|process)_[a-z0-9_]+)(?:\{([^}]*)\})?")


def table():
    """{metric: (kind, labels)} as gateway/metrics.h has them."""
    with open(os.path.join(SOURCE, "gateway", "metrics.h"),
              encoding="utf-8") as text:
        code = text.read().replace("\\\n", "\n")
    rows = ROW.findall(code)
    check(len(rows) >= 30, "gateway/metrics.h was not understood")
    return {name: (kind, set(re.findall(r'"(\w+)"', labels)))
            for name, kind, labels in rows}


def read_dashboard():
    with open(DASHBOARD, encoding="utf-8") as text:
        return json.load(text)


def panels():
    return [one for one in read_dashboard()["panels"] if one["type"] != "row"]


def queries(model=".*"):
    """[(panel's title, expression)] with the variables' values put in."""
    board = read_dashboard()
    found = [(panel["title"], target["expr"])
             for panel in panels() for target in panel["targets"]]
    found += [(one["name"], one["expr"])
              for one in board["annotations"]["list"] if "expr" in one]
    values = {"__rate_interval": "5s", "__range": "60s", "job": JOB,
              "instance": ".*", "model": model, "endpoint": ".*"}
    return [(title, substitute(expr, values)) for title, expr in found]


def substitute(expr, values):
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expr)


def promtool(*args, text=None):
    return subprocess.run(["promtool", *args], input=text, timeout=60,
                          capture_output=True, env=environment())


# --- the servers ---------------------------------------------------------------

class Prometheus:
    """A server of our own that scrapes <ports> every second."""

    def __init__(self, folder, ports):
        self.port = free_port()
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(self.configuration(ports))
        self.process = Process("prometheus", [
            "prometheus", f"--config.file={config}",
            f"--storage.tsdb.path={os.path.join(folder, 'tsdb')}",
            "--storage.tsdb.retention.time=1h",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn"], folder)
        eventually(self.is_ready, "prometheus is ready", 60)

    @staticmethod
    def configuration(ports):
        """The one that ships, with these targets and shorter intervals."""
        with open(os.path.join(PROMETHEUS, "prometheus.yml"),
                  encoding="utf-8") as text:
            made = text.read()
        for old, new in (
                ("15s", "1s"),
                ("- alerts.yml",
                 f"- {os.path.join(PROMETHEUS, 'alerts.yml')}"),
                ('["127.0.0.1:8081"]',
                 json.dumps([f"127.0.0.1:{port}" for port in ports]))):
            check(old in made, "prometheus.yml has no", old)
            made = made.replace(old, new)
        return made

    def is_ready(self):
        check(self.process.is_running(), self.process.err()[-2000:])
        try:
            return get(self.port, "/-/ready") is not None
        except OSError:
            return False

    def api(self, path, **parameters):
        try:
            answer = json.loads(get(
                self.port, f"/api/v1/{path}?"
                + urllib.parse.urlencode(parameters)))
        except urllib.error.HTTPError as error:
            raise Failed(f"{parameters}: {error.read()!r}") from error
        check_equal(answer["status"], "success", parameters)
        return answer["data"]

    def ask(self, expr):
        """[(labels, value)] of an instant query; an error fails the test."""
        data = self.api("query", query=expr)
        check_equal(data["resultType"], "vector", expr)
        return [(one["metric"], float(one["value"][1]))
                for one in data["result"]]

    def value(self, expr):
        """The one number that <expr> is."""
        found = self.ask(expr)
        check_equal(len(found), 1, expr)
        return found[0][1]


def answer_by_content(peer, incoming):
    """An upstream that does what the question asks for."""
    body = incoming.json()
    words = json.dumps(body.get("messages", ""))
    if body["model"] == "small-1" and "refuse our key" in words:
        return always(401)(peer, incoming)
    if body["model"] == "small-1" and "fail" in words:
        return always(503)(peer, incoming)
    if "break everywhere" in words:
        return always(500)(peer, incoming)
    return usual_answer(peer, incoming)


class GrafanaBench(Bench):
    """Two gateways, their Redis, traffic until it is told to end."""

    def __init__(self):
        for program in ("prometheus", "promtool", "redis-server"):
            if not shutil.which(program):
                skip(f"{program} is not installed")
        self.redis = self.prometheus = None
        self.is_over = threading.Event()
        self.problem = None
        self.rounds = 0
        self.traffic = threading.Thread(target=self.drive, daemon=True)
        super().__init__()
        try:
            self.start()
        except Exception:
            self.close()
            raise

    def start(self):
        self.upstream.answer = answer_by_content
        self.redis = Redis(tempfile.mkdtemp(dir=self.folder))
        cache = {"store": "redis", "size": "1MiB", "ttl": "1h",
                 "url": f"redis://127.0.0.1:{self.redis.port}/0"}
        self.pair = [self.add(settings(self.upstream.port, cache=cache))
                     for _ in range(2)]
        self.prometheus = Prometheus(
            self.folder, [gateway.admin for gateway in self.pair])
        self.traffic.start()

    def drive(self):
        try:
            while not self.is_over.wait(0.05):
                self.one_round()
                self.rounds += 1
        except (OSError, WireError, Failed) as error:
            self.problem = error

    def one_round(self):
        """What a gateway meets: new, repeated, streamed, ill, refused."""
        one, two = self.pair
        new = chat(f"question {self.rounds}", "auto", temperature=0)
        for gateway in (one, one, two, two):
            check_equal(gateway.ask(new).status, 200)
        for gateway in self.pair:
            gateway.ask(chat("hello", "auto", stream=True))
            gateway.ask(chat("hello", "up/large"))
            gateway.ask({"model": "up/embed", "input": "a"}, "/v1/embeddings")
            gateway.ask({"model": "up/small", "prompt": "a"},
                        "/v1/completions")
            gateway.ask(chat("fail once", "auto"))
            gateway.ask(chat("refuse our key", "auto"))
            gateway.ask(chat("break everywhere", "up/embed"))
            gateway.ask(chat("break everywhere", "up/large"))
            gateway.ask(chat(), key="wrong")
            gateway.ask(chat(model="up/none"))

    def calm(self):
        """No more traffic; Prometheus has seen the last of it."""
        self.is_over.set()
        self.traffic.join(60)
        check(not self.traffic.is_alive() and not self.problem, self.problem)
        for gateway in self.pair:
            done = gateway.metric("sluice_requests_total", endpoint="chat")
            expr = (f'sum(sluice_requests_total{{endpoint="chat", '
                    f'instance="127.0.0.1:{gateway.admin}"}})')
            eventually(lambda e=expr, d=done: self.prometheus.value(e) == d,
                       "the last scrape", 20)

    def between_cases(self):
        check(not self.problem, "traffic:", self.problem)

    def close(self):
        problem = None
        if self.traffic.is_alive():
            self.is_over.set()
            self.traffic.join(60)
        if self.prometheus:
            problem = self.prometheus.process.stop()
        problem = super().close() or problem
        if self.redis:
            self.redis.stop()
        return problem


# --- the files -------------------------------------------------------------------

@case
def the_dashboard_is_a_sound_document(bench):
    board = read_dashboard()
    check_equal((board["id"], board["uid"], board["title"]),
                (None, "sluice", "Sluice"))
    inputs = [one["name"] for one in board["__inputs"]]
    check_equal(inputs, ["DS_PROMETHEUS"])
    names = [one["name"] for one in board["templating"]["list"]]
    check_equal(names, ["DS_PROMETHEUS", "job", "instance", "model",
                        "endpoint"])
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board)))
    check_equal(used - set(names), {"__rate_interval", "__range", "__all"})
    required = {one["id"] for one in board["__requires"]}
    ids = [panel["id"] for panel in board["panels"]]
    check_equal(len(set(ids)), len(ids), "panels' ids")
    for panel in board["panels"]:
        check(panel["title"], panel["id"], "has no title")
        if panel["type"] == "row":
            continue
        check(panel["type"] in required, panel["type"])
        check_equal(panel["datasource"]["uid"], "${DS_PROMETHEUS}")
        letters = [target["refId"] for target in panel["targets"]]
        check(letters and len(set(letters)) == len(letters), panel["title"])


@case
def panels_lie_inside_24_columns_and_on_no_other(bench):
    taken = {}
    for panel in read_dashboard()["panels"]:
        at = panel["gridPos"]
        check(at["w"] > 0 and at["h"] > 0 and at["x"] >= 0
              and at["x"] + at["w"] <= 24, panel["title"], at)
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                check((x, y) not in taken, panel["title"], "lies on",
                      taken.get((x, y)))
                taken[x, y] = panel["title"]


def uses():
    """[(where, metric, label names asked for)] of dashboard and alerts."""
    found = [(title, expr) for title, expr in queries()]
    with open(os.path.join(PROMETHEUS, "alerts.yml"),
              encoding="utf-8") as text:
        rules = re.sub(r"#.*", "", text.read())
    exprs = re.findall(r"expr: (.*?)\n +(?:for|labels):", rules, re.S)
    check_equal(len(exprs), rules.count("alert:"), "alerts' expressions")
    found += [("alerts.yml", expr) for expr in exprs]
    return [(where, name, set(re.findall(r"(\w+)\s*(?:=|!=)", labels or "")))
            for where, expr in found for name, labels in NAME.findall(expr)]


@case
def every_metric_asked_for_is_one_of_ours_with_that_label(bench):
    rows = table()
    for where, name, labels in uses():
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        if name not in rows:
            check(base in rows and rows[base][0] == "HISTOGRAM",
                  where, "asks for", name)
        missing = labels - rows.get(name, rows.get(base))[1] - ADDED_LABELS
        check(not missing, where, name, "has no label", missing)


@case
def groups_and_legends_name_labels_that_are_there(bench):
    rows = table()
    for panel in panels():
        for target in panel["targets"]:
            there = set(ADDED_LABELS)
            for name, _ in NAME.findall(target["expr"]):
                base = re.sub(r"_(bucket|sum|count)$", "", name)
                there |= rows.get(name, rows.get(base))[1]
            groups = {label for list_ in
                      re.findall(r"by \(([^)]*)\)", target["expr"])
                      for label in re.findall(r"\w+", list_)}
            check(groups <= there, panel["title"], groups - there)
            legend = set(re.findall(r"\{\{(\w+)\}\}",
                                    target["legendFormat"]))
            is_whole = target["expr"].startswith(("rate(", "process_"))
            check(legend <= (there if is_whole else groups - {"le"}),
                  panel["title"], target["legendFormat"])


@case
def every_metric_of_ours_is_shown(bench):
    shown = {re.sub(r"_(bucket|sum|count)$", "", name)
             for where, name, _ in uses() if where != "alerts.yml"}
    check_equal(set(table()) - shown, set(), "in no panel")


@case
def grafana_finds_the_dashboard_where_provisioning_says(bench):
    for path, words in (
            ("datasources/prometheus.yaml", ("apiVersion: 1", "prometheus",
                                             "http://127.0.0.1:9090")),
            ("dashboards/sluice.yaml", ("apiVersion: 1", "type: file",
                                        "/var/lib/grafana/dashboards"))):
        with open(os.path.join(PROVISIONING, path), encoding="utf-8") as text:
            lines = text.read()
        for word in words:
            check(word in lines, path, "lacks", word)


@case
def promtool_accepts_configuration_rules_and_their_tests(bench):
    for args in (("check", "config",
                  os.path.join(PROMETHEUS, "prometheus.yml")),
                 ("check", "rules", os.path.join(PROMETHEUS, "alerts.yml")),
                 ("test", "rules", os.path.join(SOURCE, "tests", "data",
                                                "alerts.yml"))):
        done = promtool(*args)
        check_equal(done.returncode, 0, f"{args}: {done.stdout}{done.stderr}")


# --- against the servers -----------------------------------------------------------

@case
def promtool_finds_nothing_amiss_in_the_metrics(bench):
    eventually(lambda: bench.rounds >= 2, "traffic", 30)
    for gateway in bench.pair:
        done = promtool("check", "metrics",
                        text=get(gateway.admin, "/metrics"))
        check_equal((done.returncode, done.stdout + done.stderr), (0, b""))


def says_a_number(prometheus, expr):
    return any(value == value for _, value in prometheus.ask(expr))


@case
def every_panel_shows_something(bench):
    for title, expr in queries():
        if any(part in expr for part in MAY_BE_EMPTY):
            bench.prometheus.ask(expr)
            continue
        eventually(lambda e=expr: says_a_number(bench.prometheus, e),
                   f"{title}: {expr}", 30)


@case
def every_query_holds_for_one_model_too(bench):
    for title, expr in queries(model="up/small"):
        for labels, _ in bench.prometheus.ask(expr):
            check(labels.get("model", "up/small") == "up/small", title,
                  labels)


@case
def the_variables_find_models_and_endpoints(bench):
    for label, wanted in (
            ("model", {"up/small", "up/large", "up/embed"}),
            ("endpoint", {"chat", "completions", "embeddings", "other"}),
            ("instance", {f"127.0.0.1:{one.admin}" for one in bench.pair})):
        definition, = [
            one["definition"]
            for one in read_dashboard()["templating"]["list"]
            if one["name"] == label]
        series, name = re.fullmatch(r"label_values\((.*), (\w+)\)",
                                    definition).groups()
        check_equal(name, label)
        series = substitute(series, {"job": JOB, "instance": ".*"})
        found = bench.prometheus.api("series", **{"match[]": series})
        check_equal({one[label] for one in found}, wanted, definition)


@case
def rules_are_evaluated_and_a_refused_key_raises_its_alert(bench):
    def rules():
        groups = bench.prometheus.api("rules")["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        return found if all(one["health"] == "ok" for one in found) else None
    found = {one["name"]: one["state"]
             for one in eventually(rules, "rules without errors", 20)}
    check(len(found) >= 12, found)

    def is_raised():
        states = {one["name"]: one["state"] for one in rules() or []}
        return states.get("SluiceCredentialsRefused") == "firing"
    eventually(is_raised, "the alert of refused credentials", 20)
    check_equal(found["SluiceDown"], "inactive")
    check_equal(found["SluiceLedgerFailures"], "inactive")


@case
def prometheus_knows_the_amounts_of_the_ledger(bench):
    bench.calm()
    for gateway in bench.pair:
        instance = f'instance="127.0.0.1:{gateway.admin}"'
        hits = gateway.metric("sluice_cache_requests_total", result="hit")

        def is_on_record(gateway=gateway, hits=hits):
            return gateway.spend()["total"]["cache_hits"] == hits
        eventually(is_on_record, "every hit is in the ledger", 10)
        total = gateway.spend()["total"]
        for member, metric in (
                ("cost_nano_usd", "sluice_cost_nano_usd_total"),
                ("baseline_nano_usd", "sluice_baseline_nano_usd_total"),
                ("saved_nano_usd", "sluice_saved_nano_usd_total"),
                ("estimated", "sluice_estimated_rows_total"),
                ("unpriced", "sluice_unpriced_rows_total")):
            check_equal(bench.prometheus.value(f"sum({metric}{{{instance}}})"),
                        total[member], metric)
        check_equal(bench.prometheus.value(
            f'sum(sluice_cache_requests_total{{{instance}, result="hit"}})'),
            total["cache_hits"], "hits")
        check_equal(bench.prometheus.value(
            f'sum(sluice_requests_total{{{instance}, model!=""}})'),
            total["requests"], "requests")
        check(total["saved_nano_usd"] > 0 and total["cache_hits"] > 0, total)


if __name__ == "__main__":
    run_cases(GrafanaBench)
