# harness.py -- starts what the end-to-end tests talk to, and counts checks.
# SPDX-License-Identifier: Apache-2.0
"""A case is a function marked @case; its sentence is what it shows.

    from harness import *

    @case
    def unknown_urls_are_answered_404(bench): ...

    if __name__ == "__main__":
        run_cases(Bench)

BUILD_DIR names the build directory; without it that is where we are, or build/
in it. A program that is not there means that this test is skipped (77). Arguments on the
command line choose cases by a part of their name.
"""
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

from answers import (DONE, USAGE, always, completion, delta, says,
                     send_stream, stream_events, usage_event, usual_answer)
from wire import (Client, Ended, Upstream, WireError, STREAM_HEAD, chunked,
                  note_close, request, response)

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD_DIR") or (
    "." if os.path.exists("sluice") else "build"))
SLUICE = os.path.join(BUILD, "sluice")
DATA = os.environ.get("SLUICE_SHARED_DATA",
                      os.path.join(SOURCE, "..", "shared", "data"))
SKIP = 77

# Keys that must never be seen in a log, a page or a ledger.
KEY = "sk-canary-team-a-5f1e0c"
KEY_B = "sk-canary-team-b-77c2d9"
UPSTREAM_KEY = "sk-canary-upstream-90aa41"

_cases = []


def case(function):
    """Marks a test; it gets the bench."""
    _cases.append(function)
    return function


class Failed(Exception):
    """A check that did not hold."""


def check(is_true, *what):
    if not is_true:
        raise Failed(" ".join(str(word) for word in what))


def check_equal(got, wanted, what=""):
    if got != wanted:
        raise Failed(f"{what}: got {short(got)}, wanted {short(wanted)}")


def short(value):
    text = repr(value)
    return text if len(text) < 600 else f"{text[:300]} ... {text[-200:]}"


def eventually(probe, what, timeout=10.0):
    """Polls until probe() is true and returns its value; bounded."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {timeout} s: {what}")
        pause.wait(0.01)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def run_cases(make_bench, only=None):
    """Runs the marked cases on one bench; exits 0, 1 or 77."""
    if not os.path.exists(SLUICE):
        skip(f"{SLUICE} is not built")
    wanted = sys.argv[1:]
    cases = [one for one in (only or _cases)
             if not wanted or any(word in one.__name__ for word in wanted)]
    failed = 0
    bench = make_bench()
    try:
        for one in cases:
            name = one.__name__.replace("_", " ")
            began = time.monotonic()
            try:
                one(bench)
                print(f"ok {name} ({time.monotonic() - began:.2f} s)")
            except (Failed, WireError, OSError, ValueError, KeyError,
                    IndexError, TypeError, AttributeError,
                    subprocess.SubprocessError) as error:
                failed += 1
                print(f"FAIL {name}: {type(error).__name__}: {error}")
                if not isinstance(error, Failed):
                    traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            bench.between_cases()
    finally:
        problem = bench.close()
    if problem:
        failed += 1
        print(f"FAIL stops cleanly: {problem}")
    if failed:
        print(f"{failed} of {len(cases)} failed")
        sys.exit(1)
    print(f"ok {len(cases)}")


_held = []  # locks of the ports that are ours until we end


def free_port():
    """A port that no other test takes, and no outgoing connection."""
    folder = os.path.join(tempfile.gettempdir(), "sluice-test-ports")
    os.makedirs(folder, exist_ok=True)
    while True:
        port = random.randrange(20000, 32768)
        lock = open(os.path.join(folder, str(port)), "wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as sock:
                sock.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return port


class DeadPort:
    """A port that refuses connections for as long as this lives."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def close(self):
        self.sock.close()


# --- processes ---------------------------------------------------------------

def environment(**more):
    """What our programs are started with: nothing that changes answers."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy")}
    kept.setdefault("ASAN_OPTIONS",
                    "abort_on_error=0:exitcode=99:detect_leaks=1")
    kept.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    kept.update(more)
    return kept


def sluice(*args, text=b"", env=None, timeout=60):
    """Runs one command to its end."""
    return subprocess.run([SLUICE, *args], input=text, capture_output=True,
                          timeout=timeout, env=environment(**(env or {})))


class Process:
    """A program in the background; its output goes to files."""

    def __init__(self, name, args, folder, env=None, **options):
        self.name = name
        self.out_path = os.path.join(folder, f"{name}.out")
        self.err_path = os.path.join(folder, f"{name}.err")
        with open(self.out_path, "ab") as out, \
                open(self.err_path, "ab") as err:
            self.process = subprocess.Popen(
                args, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=environment(**(env or {})), cwd=folder, **options)
        self.pid = self.process.pid

    def out(self):
        with open(self.out_path, "rb") as text:
            return text.read()

    def err(self):
        with open(self.err_path, "rb") as text:
            return text.read()

    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.is_running():
            self.process.send_signal(number)

    def kill(self):
        """kill -9, and waits."""
        self.signal(signal.SIGKILL)
        self.process.wait(30)

    def wait(self, timeout=40):
        return self.process.wait(timeout)

    def stop(self, timeout=40):
        """SIGTERM; what is wrong with its end, or None."""
        self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.name} did not stop in {timeout} s"
        return self.judge(status)

    def judge(self, status):
        text = self.err().decode("utf-8", "replace")
        for mark in ("ERROR: AddressSanitizer", "runtime error:",
                     "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer"):
            if mark in text:
                at = text.index(mark)
                return f"{self.name}: {text[at:at + 3000]}"
        if status != 0:
            return f"{self.name} ended with {status}: {text[-800:]}"
        return None

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0


def memory_factor(process):
    """How much more memory a build with sanitizers may take."""
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as lines:
        return 4 if re.search(r"lib[at]san", lines.read()) else 1


def get(port, path, timeout=10):
    """The body of a simple GET; an HTTP error raises."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}",
                     timeout=timeout) as answer:
        return answer.read()


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


# --- money --------------------------------------------------------------------

def nano(text):
    """Nano-dollars of a plain decimal, exactly; None for "unpriced"."""
    if text == "unpriced":
        return None
    if not re.fullmatch(r"-?\d+(\.\d{1,9})?", text):
        raise Failed(f"{text!r} is no plain decimal with up to 9 digits")
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("-").partition(".")
    return sign * (int(whole) * 10**9 + int(part.ljust(9, "0") or 0))


def amounts(answer):
    """(cost, baseline, saved) of the headers in nano-dollars."""
    return tuple(nano(answer.header(f"x-sluice-{name}-usd"))
                 for name in ("cost", "baseline", "saved"))


def half_even(femto):
    """Nano-dollars of an integer count of femto-dollars."""
    whole, rest = divmod(femto, 10**6)
    if rest * 2 > 10**6 or (rest * 2 == 10**6 and whole % 2 == 1):
        whole += 1
    return whole


def cost(price, fresh, cached, output):
    """Nano-dollars by <price> in femto-dollars a token."""
    return half_even(price["input"] * fresh
                     + price.get("cached_input", price["input"]) * cached
                     + price.get("output", 0) * output)


SMALL = {"input": 100_000_000, "output": 400_000_000}
LARGE = {"input": 2_000_000_000, "cached_input": 200_000_000,
         "output": 10_000_000_000}
