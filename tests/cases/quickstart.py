#!/usr/bin/env python3
# quickstart.py -- quickstart works, and says so when something does not.
# SPDX-License-Identifier: Apache-2.0
"""Runs ./quickstart --once as a person would, in a folder of its own."""
import os
import re
import socket
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD_DIR", "build"))
FAKE = os.path.join(BUILD, "tests/fake_provider/fake_provider")
KEY = "sk-canary-of-quickstart"


def free_port():
    """A port that is free and whose next is too."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    sys.exit("no two free ports")


def quickstart(folder, *words, **environment):
    names = ("REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY")
    env = {k: v for k, v in os.environ.items() if k not in names}
    env.update(environment, BUILD_DIR=BUILD)
    run = subprocess.run(
        [os.path.join(TOP, "quickstart"), "--dir", folder, *words], env=env,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    print(run.stdout, run.stderr, f"exit {run.returncode}", sep="")
    return run


def check(is_true, what):
    if not is_true:
        sys.exit(f"failed: {what}")


def leaves_nothing(folder):
    """No pid file, and no process that has the folder in its words."""
    left = [name for name in os.listdir(folder) if name.endswith(".pid")]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as words:
                if os.fsencode(folder) in words.read():
                    left.append(pid)
        except OSError:
            pass
    return not left


def simulated(folder):
    port = str(free_port())
    run = quickstart(folder, "--once", "--port", port, ANTHROPIC_API_KEY="x")
    check(run.returncode == 0, "--once ends well")
    check("SIMULATED" in run.stdout, "the provider is labelled simulated")
    check("note: ANTHROPIC_API_KEY" in run.stdout, "an unused key is named")
    for row in (r"a short question +200 +up/small",
                r"a page of code to rework +200 +up/large +code",
                r"the small one fails +200 +up/large",
                r"the same once more +200 +up/small +default +hit +0 ",
                r"the same as a stream +200 +up/small +default +hit +0 ",
                r"an embedding +200 +up/embed +pinned",
                r"the same embedding +200 +up/embed +pinned +hit +0 ",
                r"half a request +400",
                r"a wrong key +401",
                r"8 requests, 3 of them from cache",
                r"The page of spend and savings: http://127.0.0.1:\d+/"):
        check(re.search(row, run.stdout), f"the table has {row}")
    check(re.search(r"\$ echo .*\n +sluice generate|going on without",
                    run.stdout), "a model answers here, or cannot be had")
    check(max(map(len, run.stdout.splitlines())) <= 100, "100 columns do")
    check(leaves_nothing(folder), "nothing is left running")


def failing(folder):
    """A provider that refuses its key is not passed off as success."""
    run = quickstart(folder, "--once", "--port", str(free_port()),
                     OPENAI_API_KEY=KEY,
                     OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    check(run.returncode == 1, "--once ends with 1 when requests fail")
    check("not as it should be" in run.stdout, "it says which")
    check(leaves_nothing(folder), "nothing is left running after a failure")


def with_key(folder):
    provider = subprocess.Popen(
        [FAKE, "--listen", "127.0.0.1:0", "--key", KEY, "--models",
         "gpt-5-nano,gpt-5.2,text-embedding-3-small"],
        stdout=subprocess.PIPE, text=True)
    try:
        address = re.match(r"listening on ([^ ,]+)",
                           provider.stdout.readline())[1]
        run = quickstart(folder, "--once", "--port", str(free_port()),
                         OPENAI_API_KEY=KEY,
                         OPENAI_BASE_URL=f"http://{address}/v1")
    finally:
        provider.terminate()
        provider.wait(10)
    check(run.returncode == 0, "--once ends well with OPENAI_API_KEY")
    check("SIMULATED" not in run.stdout, "it does not say simulated")
    check(re.search(r"the small one fails +200 +up/large +fallback",
                    run.stdout), "the fallback is shown")
    check(KEY not in run.stdout + run.stderr, "the key is not printed")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                check(KEY not in file.read(), f"the key is not in {name}")


def main():
    if not os.path.exists(FAKE):
        print(f"skipped: no {FAKE}")
        return 77
    for test in (simulated, failing, with_key):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    print("quickstart: 3 runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
