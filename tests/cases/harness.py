# harness.py -- starts what the end-to-end tests talk to, and counts checks.
# SPDX-License-Identifier: Apache-2.0
"""A case is a function marked @case; its sentence is what it shows.

    from harness import *

    @case
    def unknown_urls_are_answered_404(bench): ...

    if __name__ == "__main__":
        run_cases(Bench)

It gives its cases all that they need: checks.py, programs.py, money.py,
answers.py, wire.py, and the modules of Python that they use.
"""
import json
import os
import random  # noqa: F401
import re  # noqa: F401
import shutil
import signal  # noqa: F401
import socket  # noqa: F401
import subprocess  # noqa: F401
import sys  # noqa: F401
import tempfile
import threading  # noqa: F401
import time  # noqa: F401

from answers import (DONE, USAGE, always, completion, delta,  # noqa: F401
                     says, send_stream, stream_events, usage_event,
                     usual_answer)
from checks import (BUILD, DATA, SKIP, SLUICE, SOURCE, Failed,  # noqa: F401
                    case, check, check_equal, eventually, run_cases, short,
                    skip)
from money import (LARGE, SMALL, amounts, cost, half_even,  # noqa: F401
                   nano)
from programs import (DeadPort, Process, environment, free_port,  # noqa: F401
                      get, memory_factor, sluice)
from wire import (Client, Ended, Upstream, WireError,  # noqa: F401
                  STREAM_HEAD, chunked, note_close, request, response)

# Keys that must never be seen in a log, a page or a ledger.
KEY = "sk-canary-team-a-5f1e0c"
KEY_B = "sk-canary-team-b-77c2d9"
UPSTREAM_KEY = "sk-canary-upstream-90aa41"


class Gateway:
    """One `sluice serve` with its configuration in a folder of its own."""

    def __init__(self, folder, settings, policy, env=None):
        self.folder = folder
        self.config = os.path.join(folder, "sluice.yaml")
        self.policy = os.path.join(folder, "policy.yaml")
        self.env = env or {}
        self.settings = settings
        self.port = int(settings["listen"].rsplit(":", 1)[1])
        self.admin = int(settings["admin"].rsplit(":", 1)[1])
        self.process = None
        self.write(settings, policy)

    def write(self, settings=None, policy=None):
        """Writes the files that are given, each replaced at once."""
        for path, value in ((self.config, settings), (self.policy, policy)):
            if value is None:
                continue
            text = value if isinstance(value, str) else to_yaml(value)
            with open(path + ".new", "w", encoding="utf-8") as out:
                out.write(text)
            os.replace(path + ".new", path)

    def start(self, wait=True, **options):
        self.process = Process(
            "sluice", [SLUICE, "serve", "--config", self.config],
            self.folder, self.env, **options)
        if wait:
            self.wait_ready()
        return self

    def is_ready(self):
        if not self.process.is_running():
            raise Failed("sluice ended at start: "
                         + self.process.err().decode()[-2000:])
        scheme = "https" if "tls" in self.settings else "http"
        if scheme == "https":
            return b"ok" in get(self.admin, "/readyz")
        return b"ok" in get(self.port, "/readyz")

    def wait_ready(self):
        def probe():
            try:
                return self.is_ready()
            except OSError:
                return False
        eventually(probe, "sluice is ready", 30)

    def stop(self, timeout=40):
        return self.process.stop(timeout) if self.process else None

    # --- asking it

    def connect(self, **options):
        return Client(self.port, **options)

    def ask(self, body, path="/v1/chat/completions", key=KEY, headers=(),
            method="POST"):
        """One request on a connection of its own."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        with self.connect() as client:
            return client.ask(self.bytes(body, path, key, headers, method),
                              method)

    @staticmethod
    def bytes(body, path="/v1/chat/completions", key=KEY, headers=(),
              method="POST"):
        """A request's bytes as applications send it."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = list(headers)
        if key:
            headers.append(("authorization", f"Bearer {key}"))
        if body is not None:
            headers.append(("content-type", "application/json"))
        return request(method, path, headers, body)

    # --- what it tells

    def metrics(self):
        """{"name{labels}": value}."""
        found = {}
        for line in get(self.admin, "/metrics").decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def metric(self, name, **labels):
        """The sum of a metric over the series that have these labels."""
        total = 0.0
        for series, value in self.metrics().items():
            if series.split("{")[0] == name and all(
                    f'{key}="{text}"' in series
                    for key, text in labels.items()):
                total += value
        return total

    def export(self):
        done = sluice("ledger", "--config", self.config, "export",
                      env=self.env)
        check_equal(done.returncode, 0, f"ledger export: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def rows(self, answer, n=None, timeout=5.0):
        """A request's rows once all are settled (and there are <n>)."""
        wanted = (answer if isinstance(answer, str)
                  else answer.header("x-sluice-request-id"))

        def probe():
            rows = [row for row in self.export()
                    if row["request_id"] == wanted]
            is_done = rows and all(row["state"] != "reserved" for row in rows)
            return rows if is_done and len(rows) >= (n or 1) else None
        rows = eventually(probe, f"rows of {wanted} in the ledger", timeout)
        check_equal(len(rows), n or len(rows), f"rows of {wanted}")
        return rows

    def spend(self, *args):
        done = sluice("spend", "--config", self.config, "--json", *args,
                      env=self.env)
        check_equal(done.returncode, 0, f"spend: {done.stderr}")
        return json.loads(done.stdout)

    def reload(self):
        """POST /api/reload: the answer."""
        with Client(self.admin) as client:
            return client.ask(request("POST", "/api/reload", (), b""))


def to_yaml(value):
    """A setting a line, each in flow style."""
    return "".join(f"{key}: {json.dumps(one)}\n" for key, one in value.items())


# --- the usual bench -----------------------------------------------------------

def provider(port, name="up", **more):
    return {"name": name, "dialect": "openai",
            "base_url": f"http://127.0.0.1:{port}/v1",
            "api_key": UPSTREAM_KEY, **more}


MODELS = [
    {"name": "up/small", "provider": "up", "upstream": "small-1",
     "price": {"input": 0.10, "output": 0.40}, "context": 128000,
     "capabilities": ["chat", "completions", "tools", "json"]},
    {"name": "up/large", "provider": "up", "upstream": "large-1",
     "price": {"input": 2.00, "cached_input": 0.20, "output": 10.00},
     "context": 200000,
     "capabilities": ["chat", "completions", "tools", "json", "vision"]},
    {"name": "up/embed", "provider": "up", "upstream": "embed-1",
     "price": {"input": 0.02}, "capabilities": ["embeddings"]},
]

KEYS = [
    {"name": "team-a", "key": KEY, "tags": ["internal"]},
    {"name": "team-b", "key": KEY_B, "models": ["up/small", "up/embed"]},
]

POLICY = {"name": "test", "baseline": "up/large",
          "use": ["up/small", "up/large"]}


def settings(port, **changes):
    """A configuration whose provider "up" is at <port>."""
    made = {
        "listen": f"127.0.0.1:{free_port()}",
        "admin": f"127.0.0.1:{free_port()}",
        "workers": 2,
        "state": "./state",
        "keys": KEYS,
        "providers": [provider(port)],
        "models": MODELS,
        "policy": "policy.yaml",
    }
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def chat(content="Hello", model="up/small", **more):
    return {"model": model,
            "messages": [{"role": "user", "content": content}], **more}


class Bench:
    """A scripted upstream and a gateway before it."""

    def __init__(self, policy=None, env=None, **changes):
        self.folder = tempfile.mkdtemp(prefix="sluice-test-")
        self.upstream = Upstream(usual_answer)
        self.others = []
        try:
            self.gateway = self.add(
                settings(self.upstream.port, **changes), policy, env=env)
        except Exception:
            self.close()
            raise

    def add(self, made, policy=None, name=None, env=None, wait=True):
        """One more gateway; stopped with the bench."""
        folder = os.path.join(self.folder, name or f"g{len(self.others)}")
        os.makedirs(folder)
        gateway = Gateway(folder, made, policy or POLICY, env)
        self.others.append(gateway)
        return gateway.start(wait)

    def between_cases(self):
        self.upstream.clear()

    def close(self):
        problems = [gateway.stop() for gateway in self.others]
        self.upstream.close()
        problems = [problem for problem in problems if problem]
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
        return "; ".join(problems)


FAKE = next((path for path in (
    os.path.join(BUILD, "tests", "fake_provider", "fake_provider"),
    os.path.join(BUILD, "tests", "fake_provider"),
    os.path.join(BUILD, "fake_provider")) if os.path.isfile(path)), None)


class Provider:
    """The fake provider with its control port."""

    def __init__(self, folder, *options):
        if not FAKE:
            skip("the fake provider is not built")
        self.port, self.control = free_port(), free_port()
        self.process = Process("fake_provider", [
            FAKE, "--listen", f"127.0.0.1:{self.port}", "--control",
            f"127.0.0.1:{self.control}", *options], folder)
        eventually(lambda: b"listening" in self.process.out(),
                   "the fake provider listens")

    def lines(self, path):
        return [json.loads(line)
                for line in get(self.control, path).splitlines()]

    def billed(self):
        """Every request that a provider would bill, once."""
        return self.lines("/billed")

    def requests(self):
        return self.lines("/requests")


class FakeBench:
    """The fake provider and a gateway before it."""

    def __init__(self, policy=None, more=None, **changes):
        self.folder = tempfile.mkdtemp(prefix="sluice-test-")
        self.provider = Provider(self.folder)
        changes["providers"] = [provider(
            self.provider.port,
            **(more or {"breaker": {"failures": 1000000}}))]
        self.gateway = Gateway(self.folder, settings(0, **changes),
                               policy or POLICY)
        try:
            self.gateway.start()
        except Exception:
            self.close()
            raise

    def between_cases(self):
        with Client(self.provider.control) as client:
            client.ask(request("POST", "/reset", (), b""))

    def close(self):
        problems = [self.gateway.stop(), self.provider.process.stop()]
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
        return "; ".join(problem for problem in problems if problem)
