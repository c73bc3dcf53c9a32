#!/usr/bin/env python3
# with_gateway.py -- runs one official SDK's tests against a gateway of its own.
# SPDX-License-Identifier: Apache-2.0
"""usage: with_gateway.py python|node [--local] [part of a check's name]

With --local the checks that hold for every model run against SmolLM2 inside of
the gateway, which is taught a template with tools; 77 where it is not there.
The SDK is installed once, under ${XDG_CACHE_HOME:-~/.cache}/sluice-tests, in a
folder named by the hash of what the folder here pins. Exit 77 where it is
neither there nor can be installed. BUILD_DIR as for tests/cases.
"""
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "cases"))
sys.dont_write_bytecode = True

from harness import (DeadPort, FAKE, FakeBench, KEY, KEY_B,  # noqa: E402
                     SKIP, SLUICE, environment, eventually, get)
from engine import Place, SMOLLM2, template, with_template  # noqa: E402

LOCAL = "local/smollm2"


CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME")
                     or os.path.expanduser("~/.cache"), "sluice-tests")
PINS = {"python": ["requirements.txt"],
        "node": ["package.json", "package-lock.json"]}
INSTALL = {
    "python": [[sys.executable, "-m", "venv", "v"],
               ["v/bin/python", "-m", "pip", "-q", "--no-input",
                "--disable-pip-version-check", "install", "-r",
                "requirements.txt"]],
    "node": [["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]],
}


def folder_of(kind):
    """Where the SDK that is pinned now is, or would be."""
    digest = hashlib.sha256(sys.version.encode())
    for name in PINS[kind]:
        with open(os.path.join(HERE, kind, name), "rb") as data:
            digest.update(data.read())
    return os.path.join(CACHE, f"{kind}-{digest.hexdigest()[:16]}")


def install(kind):
    """The folder that has the SDK, made now or earlier; None without it."""
    folder = folder_of(kind)
    if os.path.exists(os.path.join(folder, "complete")):
        return folder
    # A virtual environment knows its own path: it is made in its place.
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in PINS[kind]:
        shutil.copy(os.path.join(HERE, kind, name), folder)
    for step in INSTALL[kind]:
        try:
            done = subprocess.run(step, cwd=folder, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, timeout=240,
                                  stderr=subprocess.STDOUT)
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            print(error)
            return None
        if done.returncode:
            print(done.stdout.decode(errors="replace")[-2000:])
            return None
    with open(os.path.join(folder, "complete"), "w", encoding="ascii"):
        return folder


def command(kind, folder):
    if kind == "python":
        return [os.path.join(folder, "v", "bin", "python"),
                os.path.join(HERE, kind, "client.py")]
    # Node looks for modules beside the file that imports them.
    copied = os.path.join(folder, "client.mjs")
    shutil.copy(os.path.join(HERE, kind, "client.mjs"), copied)
    return ["node", copied]


class LocalBench(FakeBench):
    """The usual bench with SmolLM2 beside the provider."""

    def __init__(self):
        self.place = Place()
        model = with_template(SMOLLM2, self.place.path("smollm2.gguf"),
                              template("qwen25"))
        super().__init__(local=[{
            "name": LOCAL, "path": model, "context": 2048,
            "price": {"input": 0.01, "output": 0.03}}])
        eventually(lambda: b'"ready"' in get(self.gateway.admin, "/readyz"),
                   "SmolLM2 is loaded", 60)

    def close(self):
        problem = super().close()
        self.place.close()
        return problem


def run(kind, folder, words):
    is_local = "--local" in words
    words = [word for word in words if word != "--local"]
    bench, dead = (LocalBench if is_local else FakeBench)(), DeadPort()
    try:
        status = subprocess.run(
            command(kind, folder) + words, timeout=280, env=environment(
                **({"LOCAL": LOCAL} if is_local else {}),
                BASE_URL=f"http://127.0.0.1:{bench.gateway.port}/v1",
                DEAD_URL=f"http://127.0.0.1:{dead.port}/v1",
                CONTROL=f"http://127.0.0.1:{bench.provider.control}",
                ADMIN=f"http://127.0.0.1:{bench.gateway.admin}",
                KEY=KEY, NARROW_KEY=KEY_B)).returncode
    finally:
        dead.close()
        problem = bench.close()
    if problem:
        print(f"FAIL stops cleanly: {problem}")
    return 1 if status or problem else 0


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in ("python", "node"):
        print(__doc__, file=sys.stderr)
        return 2
    for program in (SLUICE, FAKE):
        if not program or not os.path.exists(program):
            print(f"skipped: {program or 'fake_provider'} is not built")
            return SKIP
    if "--local" in sys.argv and not os.path.exists(SMOLLM2):
        print("skipped: no SmolLM2; tools/fetch-models gets it")
        return SKIP
    kind = sys.argv[1]
    folder = install(kind)
    if not folder:
        print(f"skipped: the SDK for {kind} cannot be had here")
        # Where nobody would read that, a test that does not run has failed.
        return 1 if os.environ.get("CI") == "true" else SKIP
    return run(kind, folder, sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
